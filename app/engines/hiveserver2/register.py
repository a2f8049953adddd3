"""External tables of a snapshot on an engine: made, repaired, and removed when their time is over."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from adql import Dialect, Table
from app.engines.hiveserver2.connection import Connection, Refused
from app.engines.hiveserver2.names import FILE, Names, event_files, suffix
from app.engines.hiveserver2.storage import Storage
from app.engines.hiveserver2.uploads import column_types
from app.engines.served import EVENTS, Served
from app.lake import ROWS, Snapshot, snapshot_names
from app.results import arrow_schema
from vosi import tap_schema_rows

_AT_ONCE = 500
"""Partitions of one statement."""
_FILES = "gammahub.files"
"""Property of a table: what its partitions are to be."""
_COMPLETE = "gammahub.complete"
"""Property of the table of events, once all tables of its snapshot are there."""

Progress = Callable[[str, int, int], None]
"""Is told what is done, how much of it, and how much there is."""


class RegisterError(Exception):
    """The tables cannot be registered; the sentence says why."""


@dataclass
class RegisterReport:
    """What was done."""

    snapshot: str
    tables_made: list[str] = field(default_factory=list)
    partitions_added: int = 0
    partitions_dropped: int = 0
    tables_dropped: list[str] = field(default_factory=list)

    @property
    def is_unchanged(self) -> bool:
        """True if all was as it should be."""
        return not (
            self.tables_made or self.partitions_added or self.partitions_dropped or self.tables_dropped
        )


def is_registered(connection: Connection, names: Names, snapshot: str) -> bool:
    """True if all tables of a snapshot are on the engine: those of its events are completed last.

    Raises
    ------
    Refused, ConnectionLost
        Raised if the server will not tell, or has gone.
    """
    name = f"dl3_events{suffix(snapshot)}"
    if name not in _tables(connection, names, f"dl3_events{suffix(snapshot)}"):
        return False
    return _property(connection, f"{names.database}.{name}", _COMPLETE) is not None


def register(
    connection: Connection,
    served: Served,
    names: Names,
    dialect: Dialect,
    storage: Storage,
    progress: Progress = lambda what, done, total: None,
) -> RegisterReport:
    """Make the tables of a snapshot on an engine, or mend those that are there.

    Nothing that queries use meanwhile is touched: each snapshot has tables of its own, and those of
    snapshots whose files are gone are dropped. It may be broken off and run again at any time.

    Parameters
    ----------
    connection
        To the engine.
    served
        The snapshot, and what of it is served.
    names
        What the tables are to be called.
    dialect
        How the engine writes.
    storage
        How the engine calls the files.
    progress
        Is told how far it is.

    Raises
    ------
    RegisterError
        Raised if the lake cannot be registered as it is.
    Refused, ConnectionLost
        Raised if the server does not do it, or has gone.
    """
    snapshot = served.snapshot
    if snapshot is None:
        raise RegisterError("The lake is empty: load data first, by gammahub ingest.")
    files = _files(served)
    connection.run(f"CREATE DATABASE IF NOT EXISTS {names.database}")
    there = frozenset(_tables(connection, names, "*"))
    report = RegisterReport(snapshot.name)
    clerk = _Clerk(connection, snapshot, names, dialect, storage, progress, report, there)
    # Views are not among them: queries on them become queries on the tables below.
    stored = [table for table in served.catalogue if table.definition is None]
    # The events are the last: that they are complete tells that all is.
    for table in sorted(stored, key=lambda table: table.qualified == EVENTS):
        clerk.see_to(table, files[table.qualified])
    clerk.tell_complete(served.catalogue.table(EVENTS), files[EVENTS])
    for table in stored:
        clerk.point_view(table)
    clerk.drop_old(snapshot_names(snapshot.lake))
    return report


@dataclass(frozen=True)
class _Clerk:
    """Registers the tables of one snapshot."""

    connection: Connection
    snapshot: Snapshot
    names: Names
    dialect: Dialect
    storage: Storage
    progress: Progress
    report: RegisterReport
    there: frozenset[str]
    """Names of the tables and views that were there before."""

    def see_to(self, table: Table, files: Sequence[Path]) -> None:
        """Make a table, or bring it to what it should be."""
        name = self.names.qualified(table, self.snapshot.name)
        is_there = self.names.plain(table, self.snapshot.name) in self.there
        if is_there and not self._is_of_these(table, name, files):
            self.connection.run(f"DROP TABLE {name}")
            is_there = False
        if not is_there:
            self.connection.run(
                f"CREATE EXTERNAL TABLE {name} ({column_types(self.dialect, table.columns)}) "
                f"PARTITIONED BY ({FILE} INT) STORED AS PARQUET "
                f"LOCATION {self.dialect.text(self._empty_folder())} "
                f"TBLPROPERTIES ('{_FILES}' = {self.dialect.text(self._mark(files))})"
            )
            self.report.tables_made.append(self.names.plain(table, self.snapshot.name))
        there = (
            {_number(row[0]) for row in self.connection.run(f"SHOW PARTITIONS {name}")} if is_there else ()
        )
        self._see_to_partitions(table, name, files, frozenset(there))

    def tell_complete(self, events: Table, files: Sequence[Path]) -> None:
        """Let the snapshot be served."""
        name = self.names.qualified(events, self.snapshot.name)
        if _property(self.connection, name, _COMPLETE) is None:
            mark = self.dialect.text(self._mark(files))
            self.connection.run(f"ALTER TABLE {name} SET TBLPROPERTIES ('{_COMPLETE}' = {mark})")

    def _is_of_these(self, table: Table, name: str, files: Sequence[Path]) -> bool:
        """False for a table with other columns, or with files from elsewhere."""
        if _property(self.connection, name, _FILES) != self._mark(files):
            return False
        wanted = [(column.name.lower(), self.dialect.type(column.type).lower()) for column in table.columns]
        return _columns(self.connection, name) == wanted

    def _see_to_partitions(
        self, table: Table, name: str, files: Sequence[Path], there: frozenset[int]
    ) -> None:
        missing = [number for number in range(len(files)) if number not in there]
        for begin in range(0, len(missing), _AT_ONCE):
            part = missing[begin : begin + _AT_ONCE]
            places = " ".join(
                f"PARTITION ({FILE}={number}) "
                f"LOCATION {self.dialect.text(self.storage.url(files[number].parent))}"
                for number in part
            )
            self.connection.run(f"ALTER TABLE {name} ADD IF NOT EXISTS {places}")
            self.progress(f"partitions of {table.qualified}", begin + len(part), len(missing))
        self.report.partitions_added += len(missing)
        for number in sorted(there - set(range(len(files)))):
            self.connection.run(f"ALTER TABLE {name} DROP IF EXISTS PARTITION ({FILE}={number})")
            self.report.partitions_dropped += 1

    def point_view(self, table: Table) -> None:
        """Let the stable name, for people who use the engine without us, be this snapshot's table."""
        name = self.names.plain(table, self.snapshot.name)
        if name not in self.report.tables_made and self.names.plain(table, None) in self.there:
            return
        columns = ", ".join(self.dialect.identifier(column.name) for column in table.columns)
        self.connection.run(
            f"CREATE OR REPLACE VIEW {self.names.qualified(table, None)} AS "
            f"SELECT {columns} FROM {self.names.qualified(table, self.snapshot.name)}"
        )

    def drop_old(self, kept: Sequence[str]) -> None:
        """Drop the tables of snapshots that are no more."""
        ends = tuple(suffix(name) for name in kept)
        for name in sorted(self.there):
            if re.search(r"__\d{8}t\d{6}_[0-9a-f]{8}$", name) and not name.endswith(ends):
                self.connection.run(
                    f"DROP TABLE IF EXISTS {self.names.database}.{self.dialect.identifier(name)}"
                )
                self.report.tables_dropped.append(name)

    def _mark(self, files: Sequence[Path]) -> str:
        return f"{len(files)} files below {self.storage.root}"

    def _empty_folder(self) -> str:
        """Where the engine would look for partitions that were not told: nowhere."""
        folder = self.snapshot.folder / "empty"
        folder.mkdir(exist_ok=True)
        return self.storage.url(folder)


def _files(served: Served) -> Mapping[str, Sequence[Path]]:
    """Qualified name of a table -> its files in the order of their numbers."""
    snapshot = served.snapshot
    assert snapshot is not None
    files: dict[str, Sequence[Path]] = {
        table.qualified: () for table in served.catalogue if table.definition is None
    }
    for name, found in snapshot.table_files.items():
        files[f"dl3.{name}"] = tuple(snapshot.lake / file.path for file in found)
    files[EVENTS] = event_files(snapshot)
    for table, paths in files.items():
        for path in paths:
            if path.name != ROWS:
                raise RegisterError(
                    f"{path} of {table} shares its folder with other files, as an older GammaHub wrote them: "
                    "load the data anew into an empty folder."
                )
    return {**files, **_described(served)}


def _described(served: Served) -> Mapping[str, Sequence[Path]]:
    """Write the rows of TAP_SCHEMA beside the snapshot, for queries that join them with other tables."""
    assert served.snapshot is not None
    files = {}
    for qualified, rows in tap_schema_rows(served.catalogue).items():
        path = served.snapshot.folder / qualified / ROWS
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            schema = arrow_schema(served.catalogue.table(qualified).columns)
            part = path.with_suffix(".part")
            pq.write_table(pa.table(rows, schema=schema), part)
            part.replace(path)
        files[qualified] = (path,)
    return files


def _tables(connection: Connection, names: Names, pattern: str) -> list[str]:
    """Names of the tables that fit a pattern; none if there is no such database."""
    try:
        rows = connection.run(f"SHOW TABLES IN {names.database} LIKE '{pattern}'")
    except Refused as error:
        if re.search(r"SCHEMA_NOT_FOUND|Database does not exist", error.message):
            return []
        raise
    # Hive tells the name; Spark the database, the name and whether it is temporary.
    return [str(row[0] if len(row) == 1 else row[1]) for row in rows]


def _property(connection: Connection, name: str, wanted: str) -> str | None:
    """What a table tells of its files by a property of ours; None if it has not that property."""
    rows = connection.run(f"SHOW TBLPROPERTIES {name}('{wanted}')")
    words = [str(cell) for row in rows for cell in row]
    return next((word for word in words if re.match(r"\d+ files below ", word)), None)


def _columns(connection: Connection, name: str) -> list[tuple[str, str]]:
    """Names and types of the columns of a table, but for those of partitions."""
    found = []
    for row in connection.run(f"DESCRIBE {name}"):
        column, kind = str(row[0] or "").strip().lower(), str(row[1] or "").strip().lower()
        if not column or column.startswith("#"):
            break
        found.append((column, kind))
    return [pair for pair in found if pair[0] != FILE]


def _number(partition: object) -> int:
    return int(str(partition).partition("=")[2])
