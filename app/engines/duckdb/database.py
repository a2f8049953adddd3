"""One snapshot of the lake as a locked database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from adql import Table
from app.config import Config
from app.engines.duckdb.sql import identifier, literal, qualified, read_files, sql_type
from app.engines.hands import Hand
from app.engines.scratch import Scratch
from app.engines.served import EVENTS, Served
from app.results import arrow_schema
from vosi import tap_schema_rows

NO_EVENTS = '"main"."no events"'
"""Table to read where no file holds what is asked."""


class Database:
    """One snapshot as a locked database in memory."""

    def __init__(self, served: Served, config: Config, scratch: Scratch | None) -> None:
        self.served = served
        self.catalogue = served.catalogue
        self.users = 0
        self.retired = False
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
        if self.served.snapshot is None:
            return {}
        return {**self.served.snapshot.tables, "events": self.served.events.files}

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
