"""How things are measured: in CPU time, interleaved, so that a busy machine spoils all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number, and what it should be."""

    name: str
    value: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None
    note: str = ""

    @property
    def meets_goal(self) -> bool | None:
        """None where there is no goal."""
        if self.at_least is None and self.at_most is None:
            return None
        low = self.at_least is None or self.value >= self.at_least
        return low and (self.at_most is None or self.value <= self.at_most)

    @property
    def goal(self) -> str:
        """The goal in words."""
        if self.at_least is not None:
            return f">= {self.at_least:g}"
        return "" if self.at_most is None else f"<= {self.at_most:g}"


Benchmark = Callable[[], Iterator[Figure]]

BENCHMARKS: dict[str, Benchmark] = {}
"""Every benchmark by name, as their modules are imported."""


def benchmark(function: Benchmark) -> Benchmark:
    """Make a function a benchmark: it yields figures as it has them."""
    BENCHMARKS[function.__name__] = function
    return function


def cpu_seconds(candidates: Mapping[str, Callable[[], object]], rounds: int = 5) -> dict[str, float]:
    """CPU time of this process, all threads, for one call of each candidate.

    The candidates take turns, and the lowest time of each counts: what else the machine does can only add.

    Parameters
    ----------
    candidates
        What to call, by name; each is called once before the clock runs.
    rounds
        How often each is measured.

    Returns
    -------
    dict
        Name -> time of one call [s].
    """
    for call in candidates.values():
        call()
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, call in candidates.items():
            before = time.process_time()
            call()
            times[name].append(time.process_time() - before)
    return {name: min(measured) for name, measured in times.items()}


def wall_seconds(call: Callable[[], object], rounds: int = 20) -> float:
    """Median time by the clock on the wall of one call [s]."""
    call()
    measured = []
    for _ in range(rounds):
        before = time.perf_counter()
        call()
        measured.append(time.perf_counter() - before)
    return statistics.median(measured)
