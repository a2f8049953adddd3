"""One snapshot of the lake as a locked database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from adql import Catalogue, Table
from app.config import Config
from app.engines.duckdb.sql import identifier, literal, qualified, read_files, sql_type
from app.engines.hands import Hand
from app.engines.scratch import Scratch
from app.lake import LakeError, Origin, Selection, Snapshot, read_origins
from app.results import arrow_schema
from vosi import load_catalogue, tap_schema_rows

SCHEMA = "dl3"
EVENTS = "dl3.events"
COLLECTIONS = "dl3.collections"
NO_EVENTS = '"main"."no events"'
"""Table to read where no file holds what is asked."""

_NOTHING = Selection(files=(), parts=None, groups=0, nrows=0, nbytes=0)


class Database:
    """One snapshot as a locked database in memory."""

    def __init__(self, snapshot: Snapshot | None, config: Config, scratch: Scratch | None) -> None:
        self.name = snapshot.name if snapshot else None
        self.snapshot = snapshot
        self.restricted = config.serve_restricted
        self.users = 0
        self.retired = False
        self.catalogue = _catalogue(snapshot, restricted=self.restricted)
        self.served = snapshot.files.select(restricted=self.restricted) if snapshot else _NOTHING
        """All event files within reach."""
        self.withheld = {} if snapshot is None or self.restricted else _withheld(snapshot)
        self.origins = {} if snapshot is None else _origins(snapshot)
        """Every release, by the name of the collection."""
        self.table_bytes: dict[str, int] = {}
        self._connection = _connect(config, scratch)
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
        self._create(NO_EVENTS, events, arrow_schema(events.columns).empty_table())
        for schema in self.catalogue.schemas:
            self._connection.execute(f"CREATE SCHEMA {identifier(schema.name)}")
            for table in schema.tables:
                if table.definition is not None:
                    continue
                if table.qualified in rows:
                    self._create(
                        qualified(table),
                        table,
                        pa.table(rows[table.qualified], schema=arrow_schema(table.columns)),
                    )
                elif files.get(table.name):
                    self.table_bytes[table.qualified] = sum(path.stat().st_size for path in files[table.name])
                    self._create_view(table, files[table.name])
                else:
                    self._create(qualified(table), table, arrow_schema(table.columns).empty_table())

    def _files(self) -> Mapping[str, tuple[Path, ...]]:
        """Parquet files of each table of schema dl3; no others are within reach."""
        if self.snapshot is None:
            return {}
        return {**self.snapshot.tables, "events": self.served.files}

    def _create(self, name: str, table: Table, rows: pa.Table) -> None:
        self._connection.register("incoming", rows)
        columns = ", ".join(
            f"CAST({identifier(column.name)} AS {sql_type(column)}) AS {identifier(column.name)}"
            for column in table.columns
        )
        self._connection.execute(f"CREATE TABLE {name} AS SELECT {columns} FROM incoming")
        self._connection.unregister("incoming")

    def _create_view(self, table: Table, files: Sequence[Path]) -> None:
        source = read_files(files, table)
        self._connection.execute(f"CREATE VIEW {qualified(table)} AS SELECT * FROM {source}")

    def _lock_down(self) -> None:
        allowed = [literal(str(path)) for files in self._files().values() for path in files]
        for setting in (
            f"allowed_paths = [{', '.join(allowed)}]",
            "enable_external_access = false",
            "lock_configuration = true",
        ):
            self._connection.execute(f"SET GLOBAL {setting}")


def _connect(config: Config, scratch: Scratch | None) -> duckdb.DuckDBPyConnection:
    """A new database. A query works in the thread that asks; those of DuckDB help where there is more to do.

    They yield as much as the threads of queries that read much, whom they help most.
    """
    hand = Hand(config.heavy_niceness)
    try:
        return hand.do(lambda: duckdb.connect(":memory:", config=_settings(config, scratch)))
    finally:
        hand.dismiss()


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


def _origins(snapshot: Snapshot) -> Mapping[str, Origin]:
    try:
        return read_origins(snapshot.tables.get("collections", ()))
    except pa.ArrowException as error:
        raise LakeError(f"dl3.collections cannot be read: {error}") from error


def _catalogue(snapshot: Snapshot | None, *, restricted: bool) -> Catalogue:
    if snapshot is None:
        return load_catalogue()
    events = snapshot.files.select(restricted=restricted).nrows
    return load_catalogue(snapshot.event_columns, {**snapshot.nrows, EVENTS: events})
