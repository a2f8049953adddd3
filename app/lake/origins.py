"""Where the rows of a release come from and on which terms, as ``dl3.collections`` tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


@dataclass(frozen=True, slots=True)
class Origin:
    """A release, as a result that has rows of it should name it."""

    collection: str
    title: str | None = None
    facility: str | None = None
    licence: str | None = None
    licence_url: str | None = None
    citation: str | None = None
    reference_url: str | None = None


_COLUMNS = [field.name for field in fields(Origin)]


def read_origins(files: Sequence[Path]) -> Mapping[str, Origin]:
    """The origins that Parquet files of ``dl3.collections`` hold, by the name of the collection.

    Raises
    ------
    OSError, pyarrow.ArrowException
        Raised if a file cannot be read.
    """
    tables = [pq.ParquetFile(file).read(columns=_COLUMNS) for file in files]
    rows = pa.concat_tables(tables).to_pylist() if tables else []
    return {row["collection"]: Origin(**row) for row in sorted(rows, key=lambda row: str(row["collection"]))}
