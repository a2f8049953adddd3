"""What our tables are called on the engine.

Each snapshot of the lake has tables of its own there, so that a query sees one state from its beginning to
its end while the next one is made ready. A partition is one Parquet file, by its number in the snapshot:
what the index of files chooses is so what the engine reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from adql import Dialect, Table
from app.lake import Snapshot

FILE = "lake_file"
"""Column of partitions: the number of the file."""


class Names:
    """The tables of one snapshot on an engine.

    Parameters
    ----------
    dialect
        How the engine quotes.
    database
        Its database for our tables.
    """

    def __init__(self, dialect: Dialect, database: str) -> None:
        self._dialect = dialect
        self.database = dialect.identifier(database)

    def plain(self, table: Table, snapshot: str | None) -> str:
        """Name of a table without its database; that of the stable view, without a snapshot."""
        name = f"{table.schema}_{table.name}".lower()
        return name if snapshot is None else f"{name}{suffix(snapshot)}"

    def qualified(self, table: Table, snapshot: str | None) -> str:
        """Quoted name with the database."""
        return f"{self.database}.{self._dialect.identifier(self.plain(table, snapshot))}"


def suffix(snapshot: str) -> str:
    """What the names of the tables of a snapshot end with."""
    return "__" + snapshot.replace("-", "_").lower()


def event_files(snapshot: Snapshot) -> tuple[Path, ...]:
    """The event files by their numbers: those that all may read first, then by their place on the sky."""
    order = np.argsort(~snapshot.files.public, kind="stable")
    return tuple(snapshot.files.paths[number] for number in order)


def event_numbers(snapshot: Snapshot) -> Mapping[Path, int]:
    """Event file -> its number."""
    return {path: number for number, path in enumerate(event_files(snapshot))}
