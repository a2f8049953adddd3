"""One query's hold on a database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

import duckdb
import pyarrow as pa

from adql import Catalogue, Schema, Statement, Table
from app.engines.base import Extent, Reading, Upload
from app.engines.duckdb.database import EVENTS, Database
from app.engines.duckdb.guard import explained, only_select
from app.engines.duckdb.scan import LakeScan, upload_name
from app.engines.lanes import Lane, Lanes
from app.engines.watchdog import Watch, Watchdog
from app.errors import QueryCancelled, QueryError, QueryTimeout
from app.lake import Origin
from app.results import ResultStream, conform

BATCH_ROWS = 16_384
"""Rows of a batch: large batches are no faster, and make the client wait for the first row."""

_T = TypeVar("_T")


class DuckDBSession:
    """One query's cursor; see :class:`app.engines.base.Session`."""

    def __init__(
        self,
        database: Database,
        watchdog: Watchdog,
        lanes: Lanes,
        *,
        uploads: Sequence[Upload],
        timeout: float | None,
    ) -> None:
        self._watchdog = watchdog
        self._lanes = lanes
        self._left = float("inf") if timeout is None else timeout
        self._timeout = timeout
        self._worked = 0.0
        self._cancelled = threading.Event()
        self._overdue = False
        self._watch: Watch | None = None
        self._cursor = database.cursor()
        self.scan = LakeScan(database, uploads)
        self.catalogue = _with_uploads(database.catalogue, uploads)
        self._table_bytes = database.table_bytes
        self._origins = database.origins
        for number, upload in enumerate(uploads):
            self._cursor.register(upload_name(number), upload.rows)
        self._cursor.execute("BEGIN TRANSACTION READ ONLY")

    def execute(self, statement: Statement) -> ResultStream:
        """Run a statement; see :class:`app.engines.base.Session`."""
        nbytes = self.scan.nbytes + sum(
            self._table_bytes.get(name, 0) for name in statement.tables if name != EVENTS
        )
        lane = self._lanes.choose(nbytes)

        def begin() -> tuple[pa.RecordBatchReader, pa.RecordBatch | None]:
            reader = self._cursor.sql(only_select(self._cursor, statement.sql)).to_arrow_reader(BATCH_ROWS)
            return reader, _read(reader)

        reader, first = self._work(begin, lane, newcomer=True)
        if first is not None:
            first = conform(first, statement.columns)
        return ResultStream(statement.columns, self._batches(reader, first, statement, lane))

    def readings(self, statement: Statement) -> tuple[Reading, ...]:
        """What it has to read; see :class:`app.engines.base.Session`."""
        others = sorted(statement.tables & self._table_bytes.keys() - {EVENTS})
        return (*self.scan.readings, *map(self._reading, others))

    def _reading(self, name: str) -> Reading:
        """One of the small tables, which are read as a whole."""
        whole = Extent(rows=self.catalogue.table(name).nrows, nbytes=self._table_bytes[name])
        return Reading(name, whole, whole)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the user should know; see :class:`app.engines.base.Session`."""
        if not self.scan.withheld:
            return ()
        names = ", ".join(sorted(self.scan.withheld))
        return (f"Events of {names} are not served, as the licence forbids it; see dl3.collections.",)

    @property
    def origins(self) -> tuple[Origin, ...]:
        """The releases it reads; see :class:`app.engines.base.Session`."""
        return tuple(origin for name, origin in self._origins.items() if name in self.scan.collections)

    def cancel(self) -> None:
        """Stop the statement that runs or is to run."""
        self._cancelled.set()
        watch = self._watch
        if watch is not None:
            watch.ring()

    def close(self) -> None:
        """Free the cursor; a result that is still open ends."""
        self._cancelled.set()
        self._cursor.close()

    def _batches(
        self, reader: pa.RecordBatchReader, first: pa.RecordBatch | None, statement: Statement, lane: Lane
    ) -> Generator[pa.RecordBatch, None, None]:
        batch = first
        while batch is not None:
            yield batch
            batch = self._work(lambda: _read(reader), lane, newcomer=False)
            if batch is not None:
                batch = conform(batch, statement.columns)

    def _work(self, call: Callable[[], _T], lane: Lane, *, newcomer: bool) -> _T:
        """What a call of the engine gives, in a slot of the lane, in the time that is left."""
        patience = 3600.0 if self._timeout is None else self._timeout
        heavy = self._lanes.heavy
        if self._worked > self._lanes.light_seconds:
            lane = heavy
        with lane.turn(newcomer=newcomer, patience=patience, left=self._cancelled) as turn:
            begun = time.monotonic()
            ageing = self._watchdog.watch(
                float("inf") if lane is heavy else self._lanes.light_seconds - self._worked,
                lambda: turn.move(heavy, most=self._lanes.borrowed),
            )
            try:
                with ageing, self._watchdog.watch(self._left, self._alarm) as self._watch:
                    if self._cancelled.is_set():
                        raise QueryCancelled("The query was stopped.")
                    return turn.do(call)
            except (duckdb.Error, pa.ArrowException, OSError) as error:
                raise self._fault(error) from error
            finally:
                self._watch = None
                worked = time.monotonic() - begun
                self._worked += worked
                self._left -= worked

    def _alarm(self) -> None:
        self._overdue = True
        self._cursor.interrupt()

    def _fault(self, error: Exception) -> QueryError:
        if self._cancelled.is_set():
            return QueryCancelled("The query was stopped.")
        if self._overdue:
            return QueryTimeout(
                f"The query was stopped after the {self._timeout:g} s it may take.",
                hint="Ask for less: a smaller region, fewer rows, or TOP to try it out first.",
            )
        return explained(error)


def _read(reader: pa.RecordBatchReader) -> pa.RecordBatch | None:
    try:
        return reader.read_next_batch()
    except StopIteration:
        return None


def _with_uploads(catalogue: Catalogue, uploads: Sequence[Upload]) -> Catalogue:
    schemas: dict[str, list[Table]] = {}
    for upload in uploads:
        schemas.setdefault(upload.table.schema, []).append(upload.table)
    for name, tables in schemas.items():
        catalogue = catalogue.with_schema(Schema(name, tuple(tables)))
    return catalogue
