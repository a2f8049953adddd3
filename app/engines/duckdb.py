"""The embedded engine: DuckDB over the lake, read-only and locked.

Each snapshot of the lake has a database of its own, in memory, whose tables are views of the
snapshot's Parquet files; a session keeps the one it began with. The SQL that comes here was made by
:func:`adql.translate` from a checked tree. What follows is the second wall, for the day when the first
has a hole: no file outside the snapshot, no network, no extension, no setting, no memory beyond the
limit is within reach, and only a single SELECT runs, in a read-only transaction.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import duckdb
import pyarrow as pa

import adql
from adql import Catalogue, Dialect, Restriction, Schema, Statement, Table
from app.config import Config
from app.engines.base import Upload
from app.engines.lanes import Lane
from app.engines.scratch import Scratch
from app.engines.watchdog import Watch, Watchdog
from app.errors import (
    EngineUnavailable,
    QueryCancelled,
    QueryDataError,
    QueryError,
    QueryFailed,
    QueryTimeout,
    QueryTooLarge,
)
from app.lake import LakeError, Selection, Snapshot, current_name, current_snapshot
from app.results import ResultStream, arrow_schema, conform
from vosi import load_catalogue, tap_schema_rows

LOG = logging.getLogger("gammahub.duckdb")

EVENTS = "dl3.events"
_NO_EVENTS = '"main"."no events"'
"""Table to read where no file holds what is asked."""
BATCH_ROWS = 16_384
"""Rows of a batch: large batches are no faster, and make the client wait for the first row."""
_TYPES = {
    "boolean": "BOOLEAN",
    "unsignedByte": "UTINYINT",
    "short": "SMALLINT",
    "int": "INTEGER",
    "long": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "char": "VARCHAR",
    "unicodeChar": "VARCHAR",
}
"""VOTable datatype -> DuckDB type."""
_WRITES = frozenset(
    "alter attach call checkpoint copy create delete detach drop export import insert install load merge "
    "pragma reset set truncate update vacuum".split()
)
"""Words that no SELECT of ours has outside quotes."""

_T = TypeVar("_T")


class DuckDBEngine:
    """Runs queries on the present state of the lake.

    Parameters
    ----------
    config
        Where the lake is, and what all queries together may use.

    Raises
    ------
    EngineUnavailable
        Raised if the lake cannot be read.
    """

    dialect: Dialect = adql.DUCKDB

    def __init__(self, config: Config) -> None:
        self._config = config
        self._watchdog = Watchdog()
        self._lanes = _Lanes(
            light=Lane(config.light_slots, queue_length=config.queue_length, retry_after=5),
            heavy=Lane(config.heavy_slots, queue_length=config.queue_length, retry_after=30),
            light_bytes=config.light_bytes,
        )
        self._scratch = Scratch(config.scratch) if config.scratch_limit else None
        self._lock = threading.Lock()
        self._building = threading.Lock()
        self._sessions: set[DuckDBSession] = set()
        self._database: _Database | None = None
        self._closed = False
        try:
            self._refresh()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def session(
        self, uploads: Sequence[Upload] = (), *, timeout: float | None = None
    ) -> Iterator[DuckDBSession]:
        """A session; see :class:`app.engines.base.Engine`."""
        database = self._hold()
        try:
            session = DuckDBSession(database, self._watchdog, self._lanes, uploads=uploads, timeout=timeout)
            with self._lock:
                self._sessions.add(session)
            try:
                yield session
            finally:
                with self._lock:
                    self._sessions.discard(session)
                session.close()
        finally:
            self._let_go(database)

    def close(self) -> None:
        """Free what the engine holds; running sessions are cancelled."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            sessions = tuple(self._sessions)
            database, self._database = self._database, None
            idle = database is not None and database.retire()
        for session in sessions:
            session.cancel()
        if database is not None and idle:
            database.close()
        if not sessions:
            self._watchdog.close()
        if self._scratch is not None:
            self._scratch.close()

    def _hold(self) -> _Database:
        """The database of the present snapshot, kept open until it is let go."""
        self._refresh()
        with self._lock:
            if self._database is None:
                raise EngineUnavailable("The service is closing.")
            self._database.users += 1
            return self._database

    def _let_go(self, database: _Database) -> None:
        with self._lock:
            database.users -= 1
            idle = database.retired and database.users == 0
        if idle:
            database.close()

    def _refresh(self) -> None:
        """Notice a new snapshot; while one thread makes its database, others go on with the old one."""
        present = self._database
        if self._closed:
            return
        try:
            if present is not None and current_name(self._config.lake) == present.name:
                return
            if not self._building.acquire(blocking=present is None):
                return
            try:
                self._replace()
            finally:
                self._building.release()
        except (LakeError, OSError, duckdb.Error) as error:
            if present is None:
                raise EngineUnavailable(f"The lake cannot be read: {error}") from error
            LOG.error("the new snapshot of the lake cannot be read, the old one stays", exc_info=error)

    def _replace(self) -> None:
        snapshot = current_snapshot(self._config.lake)
        name = snapshot.name if snapshot else None
        with self._lock:
            old = self._database
        if old is not None and old.name == name:
            return
        database = _Database(snapshot, self._config, self._scratch)
        with self._lock:
            if self._closed:
                old = database
            else:
                self._database = database
            idle = old is not None and old.retire()
        if old is not None and idle:
            old.close()
        LOG.info("snapshot %s is served", name or "(empty lake)")


@dataclass(frozen=True, slots=True)
class _Lanes:
    light: Lane
    heavy: Lane
    light_bytes: int

    def choose(self, nbytes: int) -> Lane:
        """The lane of a query that has so many bytes to read."""
        return self.light if nbytes <= self.light_bytes else self.heavy


class _Database:
    """One snapshot as a locked database in memory."""

    def __init__(self, snapshot: Snapshot | None, config: Config, scratch: Scratch | None) -> None:
        self.name = snapshot.name if snapshot else None
        self.snapshot = snapshot
        self.restricted = config.serve_restricted
        self.users = 0
        self.retired = False
        self.catalogue = _catalogue(snapshot, restricted=self.restricted)
        self.withheld = {} if snapshot is None or self.restricted else _withheld(snapshot)
        self.table_bytes: dict[str, int] = {}
        self._connection = duckdb.connect(":memory:", config=_settings(config, scratch))
        try:
            for setting in (
                "parquet_metadata_cache = true",
                "TimeZone = 'UTC'",
                # Given to connect, this one is shown and not kept (DuckDB 2.0.0).
                f"max_temp_directory_size = '{int(config.scratch_limit)}B'",
            ):
                self._connection.execute(f"SET GLOBAL {setting}")
            self._fill()
            self._lock_down()
        except BaseException:
            self._connection.close()
            raise

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own to the same database."""
        return self._connection.cursor()

    def retire(self) -> bool:
        """No longer give it to new sessions; True if no old one uses it."""
        self.retired = True
        return self.users == 0

    def close(self) -> None:
        """Free it."""
        self._connection.close()

    def _fill(self) -> None:
        files = self._files()
        rows = tap_schema_rows(self.catalogue)
        events = self.catalogue.table(EVENTS)
        self._create(_NO_EVENTS, events, arrow_schema(events.columns).empty_table())
        for schema in self.catalogue.schemas:
            self._connection.execute(f"CREATE SCHEMA {_name(schema.name)}")
            for table in schema.tables:
                if table.qualified in rows:
                    self._create(
                        _qualified(table),
                        table,
                        pa.table(rows[table.qualified], schema=arrow_schema(table.columns)),
                    )
                elif files.get(table.name):
                    self.table_bytes[table.qualified] = sum(path.stat().st_size for path in files[table.name])
                    self._create_view(table, files[table.name])
                else:
                    self._create(_qualified(table), table, arrow_schema(table.columns).empty_table())

    def _files(self) -> Mapping[str, tuple[Path, ...]]:
        """Parquet files of each table of schema dl3; no others are within reach."""
        if self.snapshot is None:
            return {}
        served = self.snapshot.files.select(restricted=self.restricted).files
        return {**self.snapshot.tables, "events": served}

    def _create(self, name: str, table: Table, rows: pa.Table) -> None:
        self._connection.register("incoming", rows)
        columns = ", ".join(
            f"CAST({_name(column.name)} AS {_type(column)}) AS {_name(column.name)}"
            for column in table.columns
        )
        self._connection.execute(f"CREATE TABLE {name} AS SELECT {columns} FROM incoming")
        self._connection.unregister("incoming")

    def _create_view(self, table: Table, files: Sequence[Path]) -> None:
        self._connection.execute(f"CREATE VIEW {_qualified(table)} AS SELECT * FROM {_parquet(files, table)}")

    def _lock_down(self) -> None:
        allowed = [_text(str(path)) for files in self._files().values() for path in files]
        for setting in (
            f"allowed_paths = [{', '.join(allowed)}]",
            "enable_external_access = false",
            "lock_configuration = true",
        ):
            self._connection.execute(f"SET GLOBAL {setting}")


def _settings(config: Config, scratch: Scratch | None) -> dict[str, str | bool | int | float | list[str]]:
    return {
        "threads": config.threads,
        "memory_limit": f"{int(config.memory_limit)}B",
        # Without a folder a query that needs more memory than there is ends; it would not in "".
        "temp_directory": str(scratch.path) if scratch else "",
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        "allow_extension_repositories": "forbidden",
        "allow_persistent_secrets": False,
        "python_enable_replacements": False,
        # The files never change.
        "validate_external_file_cache": "NO_VALIDATION",
    }


def _withheld(snapshot: Snapshot) -> Mapping[Path, str]:
    """The event files whose rows are not served, and the collection of each."""
    index = snapshot.files
    files = zip(index.paths, index.collections, index.public, strict=True)
    return {path: collection for path, collection, public in files if not public}


def _catalogue(snapshot: Snapshot | None, *, restricted: bool) -> Catalogue:
    if snapshot is None:
        return load_catalogue()
    events = snapshot.files.select(restricted=restricted).nrows
    return load_catalogue(snapshot.event_columns, {**snapshot.nrows, EVENTS: events})


class DuckDBSession:
    """One query's cursor; see :class:`app.engines.base.Session`."""

    def __init__(
        self,
        database: _Database,
        watchdog: Watchdog,
        lanes: _Lanes,
        *,
        uploads: Sequence[Upload],
        timeout: float | None,
    ) -> None:
        self._watchdog = watchdog
        self._lanes = lanes
        self._left = float("inf") if timeout is None else timeout
        self._timeout = timeout
        self._cancelled = threading.Event()
        self._overdue = False
        self._watch: Watch | None = None
        self._cursor = database.cursor()
        self.scan = _Scan(database, uploads)
        self.catalogue = _with_uploads(database.catalogue, uploads)
        self._table_bytes = database.table_bytes
        for number, upload in enumerate(uploads):
            self._cursor.register(_upload_name(number), upload.rows)
        self._cursor.execute("BEGIN TRANSACTION READ ONLY")

    def execute(self, statement: Statement) -> ResultStream:
        """Run a statement; see :class:`app.engines.base.Session`."""
        nbytes = self.scan.nbytes + sum(
            self._table_bytes.get(name, 0) for name in statement.tables if name != EVENTS
        )
        lane = self._lanes.choose(nbytes)

        def begin() -> tuple[pa.RecordBatchReader, pa.RecordBatch | None]:
            reader = self._cursor.sql(_only_select(self._cursor, statement.sql)).to_arrow_reader(BATCH_ROWS)
            return reader, _read(reader)

        reader, first = self._work(begin, lane, newcomer=True)
        if first is not None:
            first = conform(first, statement.columns)
        return ResultStream(statement.columns, self._batches(reader, first, statement, lane))

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the user should know; see :class:`app.engines.base.Session`."""
        if not self.scan.withheld:
            return ()
        names = ", ".join(sorted(self.scan.withheld))
        return (f"Events of {names} are not served, as the licence forbids it; see dl3.collections.",)

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
        with lane.turn(newcomer=newcomer, patience=patience, left=self._cancelled):
            begun = time.monotonic()
            try:
                with self._watchdog.watch(self._left, self._alarm) as self._watch:
                    if self._cancelled.is_set():
                        raise QueryCancelled("The query was stopped.")
                    return call()
            except (duckdb.Error, pa.ArrowException, OSError) as error:
                raise self._fault(error) from error
            finally:
                self._watch = None
                self._left -= time.monotonic() - begun

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
        return _explained(error)


class _Scan:
    """Chooses the event files a table reference needs; see :class:`adql.Scan`."""

    def __init__(self, database: _Database, uploads: Sequence[Upload]) -> None:
        self._database = database
        self._uploads = {
            upload.table.qualified.lower(): _upload_name(number) for number, upload in enumerate(uploads)
        }
        self.nbytes = 0
        """What the references so far have to read."""
        self.withheld: set[str] = set()
        """Collections that may have rows the query asks for, which are not served."""

    def __call__(self, table: Table, restriction: Restriction) -> str | None:
        """SQL in place of the table."""
        uploaded = self._uploads.get(table.qualified.lower())
        if uploaded is not None:
            return _name(uploaded)
        snapshot = self._database.snapshot
        if table.qualified != EVENTS or snapshot is None:
            return None
        selection = snapshot.files.select(restriction, restricted=self._database.restricted)
        self.nbytes += selection.nbytes
        if self._database.withheld:
            everything = snapshot.files.select(restriction, restricted=True).files
            self.withheld.update(self._database.withheld.get(path, "") for path in everything)
            self.withheld.discard("")
        if not selection.files:
            return _NO_EVENTS
        if selection.bounds is None:
            return _parquet(selection.files)
        return f"({' UNION ALL '.join(_within_bounds(selection))})"


def _within_bounds(selection: Selection) -> Iterator[str]:
    """A SELECT for each group of files whose bounds on ``healpix`` are no further apart than they are wide.

    A region across the border of two base pixels lies at two ends of the numbers: one pair of bounds
    for both would let every row group between pass. One SELECT a file would cost 1.5 ms each.
    """
    assert selection.bounds is not None
    pairs = sorted(zip(selection.bounds, selection.files, strict=True))
    files, low, high = [pairs[0][1]], *pairs[0][0]
    for (least, greatest), file in pairs[1:]:
        if least - high > (high - low) + (greatest - least):
            yield _between(files, low, high)
            files, low, high = [], least, greatest
        files.append(file)
        high = max(high, greatest)
    yield _between(files, low, high)


def _between(files: Sequence[Path], low: int, high: int) -> str:
    return f"SELECT * FROM {_parquet(files)} WHERE healpix BETWEEN {low} AND {high}"


def _read(reader: pa.RecordBatchReader) -> pa.RecordBatch | None:
    try:
        return reader.read_next_batch()
    except StopIteration:
        return None


def _only_select(cursor: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
    """The one statement of a text, if it is a SELECT and nothing in it can write.

    A SELECT can write: DuckDB takes COPY and INSERT in a WITH. Against INSERT and its like stands the
    read-only transaction, against all of them this.
    """
    statements = cursor.extract_statements(sql)
    if len(statements) != 1 or not _is_select(statements[0]):
        raise duckdb.PermissionException("Permission Error: not a single SELECT")
    for offset, kind in duckdb.tokenize(sql):
        if kind == duckdb.token_type.keyword:
            word = re.match(r"\w+", sql[offset : offset + 30])
            if word is not None and word[0].lower() in _WRITES:
                raise duckdb.PermissionException(f"Permission Error: {word[0]} in a SELECT")
    return statements[0]


def _is_select(statement: duckdb.Statement) -> bool:
    try:
        return bool(statement.type == duckdb.StatementType.SELECT)
    except ValueError:
        # A kind of statement that the Python of DuckDB has no word for.
        return False


def _explained(error: Exception) -> QueryError:
    kind, _, rest = str(error).partition(" Error: ")
    sentence = rest.partition("\n")[0].strip()
    if kind == "INTERRUPT":
        return QueryCancelled("The query was stopped.")
    if kind == "Out of Memory":
        return QueryTooLarge(
            "The query needs more memory than there is for it.",
            hint="Ask for less at a time: fewer columns to sort or group by, or a condition on the rows.",
        )
    if "ivision by zero" in sentence:
        return QueryDataError(
            "A division by zero.", hint="Exclude zero by a condition, or divide by NULLIF(x, 0)."
        )
    if kind in ("Conversion", "Out of Range", "Invalid Input"):
        return QueryDataError(f"A value cannot be computed: {sentence}")
    return QueryFailed("The engine could not run the query.", hint="This is a fault of the service.")


def _with_uploads(catalogue: Catalogue, uploads: Sequence[Upload]) -> Catalogue:
    schemas: dict[str, list[Table]] = {}
    for upload in uploads:
        schemas.setdefault(upload.table.schema, []).append(upload.table)
    for name, tables in schemas.items():
        catalogue = catalogue.with_schema(Schema(name, tuple(tables)))
    return catalogue


def _upload_name(number: int) -> str:
    return f"upload {number}"


def _parquet(files: Sequence[Path], table: Table | None = None) -> str:
    """A table expression over files, never a glob; with the columns of a table, if one is given.

    Naming the columns gives NULL for one that a file lacks, but keeps DuckDB from answering MIN, MAX
    and COUNT from the footers.
    """
    listed = ", ".join(_text(str(path)) for path in files)
    if table is None:
        return f"read_parquet([{listed}])"
    columns = ", ".join(
        f"{_text(c.name)}: {{name: {_text(c.name)}, type: {_text(_type(c))}, default_value: NULL}}"
        for c in table.columns
    )
    return f"read_parquet([{listed}], schema = MAP {{{columns}}})"


def _type(column: adql.Column) -> str:
    text = column.type.datatype in ("char", "unicodeChar")
    array = column.type.arraysize is not None and not text
    return f"{_TYPES[column.type.datatype]}{'[]' if array else ''}"


def _qualified(table: Table) -> str:
    return f"{_name(table.schema)}.{_name(table.name)}"


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
