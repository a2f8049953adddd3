"""The tables beside events, put into the lake as Parquet files."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from adql import Catalogue
from app.ingest.errors import IngestError
from app.lake import ROWS, Layout, Snapshot, TableFile
from app.results import arrow_schema

PER_COLLECTION = ("collections", "observations", "gtis", "hdus", "products")
"""Tables with files for each collection."""

TARGETS = "targets"

_GROUP_ROWS = 122_880


class SmallTables:
    """Reads the tables of a snapshot and writes those of the next.

    Parameters
    ----------
    staging
        Where files are written; they are moved to their places in the end.
    """

    def __init__(
        self, catalogue: Catalogue, layout: Layout, staging: Path, previous: Snapshot | None
    ) -> None:
        self._schemas = {
            name: arrow_schema(catalogue.table(f"dl3.{name}").columns) for name in (*PER_COLLECTION, TARGETS)
        }
        self._layout, self._staging, self._previous = layout, staging, previous

    def schema(self, table: str) -> pa.Schema:
        """The columns of a table."""
        return self._schemas[table]

    def read(self, table: str, collection: str | None) -> pa.Table:
        """The rows that the last snapshot has; of one collection where the table is split by it.

        Raises
        ------
        IngestError
            Raised if they were written with other columns.
        """
        files = () if self._previous is None else self._previous.table_files.get(table, ())
        wanted = [self._layout.root / file.path for file in files if file.collection == collection]
        found = [pq.read_table(path, partitioning=None) for path in wanted]
        for rows in found:
            if rows.schema != self._schemas[table]:
                raise IngestError(
                    f"The lake {self._layout.root} was written by a GammaHub whose table dl3.{table} had "
                    "other columns: load the data anew into an empty folder."
                )
        return pa.concat_tables([self._schemas[table].empty_table(), *found])

    def from_rows(self, table: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
        """Rows as a table; a value that is absent is NULL."""
        schema = self._schemas[table]
        # Arrow leaves out what the schema does not name, silently.
        unknown = {name for row in rows for name in row} - set(schema.names)
        if unknown:
            raise ValueError(f"dl3.{table} has no column {', '.join(sorted(unknown))}.")
        return pa.Table.from_pylist(list(rows), schema=schema)

    def write(self, table: str, rows: pa.Table, collection: str | None) -> tuple[TableFile, Path]:
        """Write a file: what the snapshot is to know of it, and where it lies until it has its place."""
        unique = secrets.token_hex(8)
        target = self._layout.table(table, collection) / unique / ROWS
        written = self._staging / f"{unique}.parquet"
        pq.write_table(rows, written, compression="zstd", row_group_size=_GROUP_ROWS)
        return TableFile(self._layout.relative(target), rows.num_rows, collection), written
