"""One query's hold on a HiveServer2."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from adql import Dialect, Statement
from app.engines.base import Engine, Reading, Session, Upload
from app.engines.hiveserver2.arrays import to_declared
from app.engines.hiveserver2.connection import Connection, ConnectionLost, Operation, Refused
from app.engines.hiveserver2.faults import explained, out_of_time, stopped
from app.engines.hiveserver2.flavour import Flavour
from app.engines.hiveserver2.names import Names
from app.engines.hiveserver2.pool import Pool
from app.engines.hiveserver2.scan import PartitionScan
from app.engines.hiveserver2.storage import Storage
from app.engines.hiveserver2.transport import PATIENCE
from app.engines.hiveserver2.uploads import Uploads
from app.engines.lanes import Lane
from app.engines.served import Served, with_uploads
from app.engines.watchdog import Watch, Watchdog
from app.errors import EngineUnavailable, ServiceError
from app.lake import Origin
from app.results import ResultStream

LOG = logging.getLogger("gammahub.hiveserver2")

DESCRIBED = "tap_schema."
"""What the names of the tables begin with that the embedded engine answers for."""

_BATCH_VALUES = 1 << 19
"""Values of a batch: 4 MiB of numbers."""
_BATCH_ROWS = 16_384
_GRACE = 5.0
"""The server is told to end a query so much later than we end it [s]: it is for when we are gone."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Parts:
    """What the sessions of an engine share."""

    flavour: Flavour
    pool: Pool
    lane: Lane
    watchdog: Watchdog
    names: Names
    storage: Storage
    scratch: Path
    """Folder for uploads."""


@dataclass(frozen=True, slots=True)
class Tables:
    """A snapshot that is registered on the engine."""

    served: Served
    numbers: Mapping[Path, int]
    """Event file -> number of its partition."""
    embedded: Engine
    """Answers for TAP_SCHEMA of the same snapshot."""


class HiveServer2Session:
    """One query's connection; see :class:`app.engines.base.Session`.

    It has a connection from the first statement on, until its rows are read or it is closed.
    """

    def __init__(
        self, parts: Parts, tables: Tables, *, uploads: Sequence[Upload], timeout: float | None
    ) -> None:
        self._parts = parts
        self._tables = tables
        self._timeout = timeout
        self._left = float("inf") if timeout is None else timeout
        self._cancelled = threading.Event()
        self._overdue = False
        self._watch: Watch | None = None
        self._connection: Connection | None = None
        self._operation: Operation | None = None
        self._is_broken = False
        self._stack = ExitStack()
        self._embedded: Session | None = None
        self._uploads = Uploads(uploads, parts.flavour, parts.names, parts.scratch, parts.storage)
        self.catalogue = with_uploads(tables.served.catalogue, uploads)
        self.scan = PartitionScan(
            tables.served,
            tables.numbers,
            parts.names,
            parts.flavour.dialect,
            uploads,
            self._uploads.sources,
        )

    def dialect(self, tables: Collection[str]) -> Dialect:
        """The embedded engine's for what TAP_SCHEMA alone can answer; else that of the flavour."""
        self.scan.is_embedded = _is_description(tables)
        return self._tables.embedded.dialect if self.scan.is_embedded else self._parts.flavour.dialect

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the user should know; see :class:`app.engines.base.Session`."""
        return self.scan.choice.remarks

    @property
    def origins(self) -> tuple[Origin, ...]:
        """The releases it reads; see :class:`app.engines.base.Session`."""
        return self.scan.choice.origins

    def readings(self, statement: Statement) -> tuple[Reading, ...]:
        """What it has to read of the events; of the small tables nothing is known here."""
        return tuple(self.scan.choice.readings)

    def execute(self, statement: Statement) -> ResultStream:
        """Run a statement; see :class:`app.engines.base.Session`."""
        if _is_description(statement.tables):
            return self._execute_embedded(statement)
        patience = 3600.0 if self._timeout is None else self._timeout
        self._stack.enter_context(
            self._parts.lane.turn(newcomer=True, patience=patience, left=self._cancelled)
        )
        self._connect()
        rows = max(1, min(_BATCH_ROWS, _BATCH_VALUES // max(1, len(statement.columns))))

        def begin() -> pa.RecordBatch | None:
            self._set(self._parts.flavour.dialect.settings(statement.sql))
            self._operation = self._begin(statement.sql)
            self._operation.wait()
            return self._operation.fetch(rows)

        first = self._work(begin)
        if first is not None:
            first = to_declared(first, statement.columns)
        return ResultStream(statement.columns, self._batches(first, rows, statement))

    @property
    def is_on_server(self) -> bool:
        """True while the server works for the query, or has rows of it."""
        return self._operation is not None

    def cancel(self) -> None:
        """Stop the statement that runs or is to run."""
        self._cancelled.set()
        embedded, watch = self._embedded, self._watch
        if embedded is not None:
            embedded.cancel()
        if watch is not None:
            watch.ring()

    def close(self) -> None:
        """Give the connection back; a result that is still open ends."""
        self._cancelled.set()
        try:
            self._release()
        finally:
            self._uploads.close()
            self._stack.close()

    def _execute_embedded(self, statement: Statement) -> ResultStream:
        timeout = None if self._timeout is None else self._left
        self._embedded = self._stack.enter_context(self._tables.embedded.session(timeout=timeout))
        if self._cancelled.is_set():
            raise stopped()
        return self._embedded.execute(statement)

    def _connect(self) -> None:
        try:
            self._connection = self._parts.pool.take()
        except ConnectionLost as error:
            raise EngineUnavailable(
                "The engine cannot be reached at present.", hint="Try again in a while."
            ) from error
        # What a query waits for may take long in silence; the watchdog has an eye on it.
        self._connection.expect(None)
        for statement in self._uploads.statements():
            self._connection.is_clean = False
            self._work(partial(self._command, statement))

    def _set(self, settings: Mapping[str, str]) -> None:
        """Set what one statement needs; the session then serves no other."""
        for name, value in settings.items():
            assert self._connection is not None
            self._connection.is_clean = False
            self._command(f"SET {name}={value}")

    def _command(self, sql: str) -> None:
        operation = self._begin(sql)
        operation.wait()
        operation.close()

    def _begin(self, sql: str) -> Operation:
        assert self._connection is not None
        timeout = None if self._left == float("inf") else self._left + _GRACE
        return self._connection.execute(sql, timeout=timeout)

    def _batches(
        self, first: pa.RecordBatch | None, rows: int, statement: Statement
    ) -> Generator[pa.RecordBatch, None, None]:
        def more() -> pa.RecordBatch | None:
            if self._operation is None:
                raise stopped()
            return self._operation.fetch(rows)

        batch = first
        while batch is not None:
            yield batch
            batch = self._work(more)
            if batch is not None:
                batch = to_declared(batch, statement.columns)
        self._release()

    def _release(self) -> None:
        """Give the connection back, or break it off if it is not fit for another query."""
        connection, self._connection = self._connection, None
        operation, self._operation = self._operation, None
        if connection is None:
            return
        if self._is_broken:
            self._parts.pool.discard(connection, operation)
            return
        if operation is not None:
            connection.expect(PATIENCE)
            operation.close()
        self._parts.pool.give(connection)

    def _work(self, call: Callable[[], _T]) -> _T:
        """What a talk with the server gives, in the time that is left."""
        begun = time.monotonic()
        try:
            with self._parts.watchdog.watch(self._left, self._alarm) as self._watch:
                if self._cancelled.is_set():
                    raise stopped()
                return call()
        except (ConnectionLost, Refused) as error:
            raise self._fault(error) from error
        finally:
            self._watch = None
            self._left -= time.monotonic() - begun

    def _alarm(self) -> None:
        """Break the connection off: whatever the server does, the thread that waits for it is free."""
        self._overdue = self._is_broken = True
        if self._connection is not None:
            self._connection.interrupt()

    def _fault(self, error: ConnectionLost | Refused) -> ServiceError:
        self._is_broken = self._is_broken or isinstance(error, ConnectionLost)
        if self._cancelled.is_set():
            return stopped()
        if self._overdue:
            return out_of_time(self._timeout)
        LOG.warning("the engine: %s", error)
        return explained(error, self._timeout)


def _is_description(tables: Collection[str]) -> bool:
    return bool(tables) and all(name.lower().startswith(DESCRIBED) for name in tables)
