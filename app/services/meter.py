"""What the service has done so far, in numbers that Prometheus reads."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from adql import AdqlError
from app.errors import (
    EngineUnavailable,
    QueryCancelled,
    QueryError,
    QueryFailed,
    QueryQueueFull,
    QueryTimeout,
    UsageError,
)

_OUTCOMES: tuple[tuple[type[BaseException], str], ...] = (
    (AdqlError, "refused"),
    (UsageError, "refused"),
    (QueryTimeout, "timeout"),
    (QueryCancelled, "cancelled"),
    (GeneratorExit, "cancelled"),
    (QueryQueueFull, "busy"),
    (EngineUnavailable, "unavailable"),
    (QueryFailed, "failed"),
    (QueryError, "refused"),
)
"""Class of exception -> how a query has ended; the first that fits counts. All else has failed."""
OUTCOMES = ("done", *dict.fromkeys(outcome for _, outcome in _OUTCOMES))

BOUNDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
"""Upper bounds of the bins of durations [s]."""


@dataclass(slots=True)
class Tally:
    """What one query has given so far."""

    rows: int = 0
    nbytes: int = 0
    begun: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class Readings:
    """The numbers at one moment."""

    outcomes: dict[str, int]
    """How queries have ended -> how many."""
    bins: tuple[int, ...]
    """Queries by their duration, one bin a bound and one more for all that took longer."""
    seconds: float
    """Sum of the durations [s]."""
    rows: int
    nbytes: int
    open_queries: int
    is_engine_up: bool
    """False if the last query that needed the engine could not reach it."""


class Meter:
    """Counts what queries do; from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outcomes = Counter[str]()
        self._bins = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0
        self._rows = self._nbytes = self._open = 0
        self._is_engine_up = True

    @contextmanager
    def query(self) -> Iterator[Tally]:
        """Count a query, from its beginning to its end."""
        tally = Tally()
        with self._lock:
            self._open += 1
        outcome = "done"
        try:
            yield tally
        except BaseException as error:
            outcome = next((name for kind, name in _OUTCOMES if isinstance(error, kind)), "failed")
            raise
        finally:
            self._end(tally, outcome)

    def read(self) -> Readings:
        """The numbers now."""
        with self._lock:
            return Readings(
                {outcome: self._outcomes[outcome] for outcome in OUTCOMES},
                tuple(self._bins),
                self._seconds,
                self._rows,
                self._nbytes,
                self._open,
                self._is_engine_up,
            )

    def _end(self, tally: Tally, outcome: str) -> None:
        seconds = time.monotonic() - tally.begun
        with self._lock:
            self._open -= 1
            self._outcomes[outcome] += 1
            self._bins[bisect_left(BOUNDS, seconds)] += 1
            self._seconds += seconds
            self._rows += tally.rows
            self._nbytes += tally.nbytes
            if outcome in ("done", "unavailable"):
                self._is_engine_up = outcome == "done"


def exposition(readings: Readings, *, waiting_jobs: int | None, version: str, engine: str) -> str:
    """The numbers in Prometheus' text format, version 0.0.4.

    https://prometheus.io/docs/instrumenting/exposition_formats/

    Parameters
    ----------
    readings
        The numbers.
    waiting_jobs
        Jobs in the queue; None if their database does not answer.
    version, engine
        Version of GammaHub, and the kind of its engine.
    """
    lines = [
        *_head("gammahub_info", "gauge", "What runs here."),
        f'gammahub_info{{version="{version}",engine="{engine}"}} 1',
        *_head("gammahub_queries_total", "counter", "Queries by how they have ended."),
        *(f'gammahub_queries_total{{outcome="{name}"}} {n}' for name, n in readings.outcomes.items()),
        *_head("gammahub_query_seconds", "histogram", "Time from the beginning of a query to its last byte."),
        *_histogram("gammahub_query_seconds", readings),
        *_single("gammahub_rows_total", "counter", "Rows of results that were sent.", readings.rows),
        *_single("gammahub_bytes_total", "counter", "Bytes of results that were sent.", readings.nbytes),
        *_single("gammahub_open_queries", "gauge", "Queries that wait or run now.", readings.open_queries),
        *_single(
            "gammahub_engine_up",
            "gauge",
            "0 if the last query that needed the engine could not reach it.",
            int(readings.is_engine_up),
        ),
    ]
    if waiting_jobs is not None:
        lines += _single("gammahub_jobs_waiting", "gauge", "Jobs that wait for their run.", waiting_jobs)
    return "\n".join(lines) + "\n"


def _head(name: str, kind: str, help_: str) -> tuple[str, str]:
    return f"# HELP {name} {help_}", f"# TYPE {name} {kind}"


def _single(name: str, kind: str, help_: str, value: int) -> list[str]:
    return [*_head(name, kind, help_), f"{name} {value}"]


def _histogram(name: str, readings: Readings) -> Iterator[str]:
    total = 0
    for bound, count in zip((*map(str, BOUNDS), "+Inf"), readings.bins, strict=True):
        total += count
        yield f'{name}_bucket{{le="{bound}"}} {total}'
    yield f"{name}_sum {readings.seconds:.6f}"
    yield f"{name}_count {total}"
