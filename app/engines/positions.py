"""The positions of the tables that a query joins to the events by nearness."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from adql import Around, Interval, Restriction
from app.engines.base import Upload
from app.lake import Positions, Snapshot

MOST_ROWS = 2_000_000
"""Rows of a table past which its positions are not looked at."""


class NearbyPositions:
    """Reads positions of uploads and of the small tables of the lake."""

    def __init__(self, snapshot: Snapshot | None, uploads: Sequence[Upload]) -> None:
        self._snapshot = snapshot
        self._uploads: Mapping[str, pa.Table] = {
            upload.table.qualified.lower(): upload.rows for upload in uploads
        }

    def of(self, around: Around) -> Positions | None:
        """The positions that a neighbourhood is of, each with its radius; None if they are not at hand."""
        among = around.among or Restriction()
        columns = [around.lon, around.lat, *([around.reach] if around.reach else [])]
        rows = self._rows(around.table, [*columns, *among.intervals, *among.members])
        if rows is None or rows.num_rows > MOST_ROWS:
            return None
        rows = _meeting(rows, among)
        numbers = [_numbers(rows[name]) for name in columns]
        if any(each is None for each in numbers):
            return None
        lon, lat, *reach = (each for each in numbers if each is not None)
        radius = reach[0] + around.radius if reach else np.full(lon.shape, around.radius)
        return Positions(lon, lat, radius)

    def _rows(self, table: str, columns: Sequence[str]) -> pa.Table | None:
        """Columns of a table; None for one that is not small."""
        wanted = list(dict.fromkeys(columns))
        uploaded = self._uploads.get(table.lower())
        if uploaded is not None:
            return uploaded.select(wanted) if set(wanted) <= set(uploaded.column_names) else None
        schema, _, name = table.partition(".")
        if self._snapshot is None or schema != "dl3" or name == "events":
            return None
        files = self._snapshot.tables.get(name, ())
        if not files or sum(pq.read_metadata(path).num_rows for path in files) > MOST_ROWS:
            return None
        parts = [_read(path, wanted) for path in files]
        read = [part for part in parts if part is not None]
        return pa.concat_tables(read, promote_options="permissive") if len(read) == len(parts) else None


def _read(path: object, columns: Sequence[str]) -> pa.Table | None:
    """Columns of a file; None if it lacks one."""
    file = pq.ParquetFile(path)
    with file:
        return file.read(columns=columns) if set(columns) <= set(file.schema_arrow.names) else None


def _meeting(rows: pa.Table, among: Restriction) -> pa.Table:
    """The rows that may meet a restriction; what Arrow cannot compare is not looked at."""
    for name, interval in among.intervals.items():
        rows = _filtered(rows, name, interval)
    for name, members in among.members.items():
        try:
            kept = pc.is_in(rows[name], value_set=pa.array(sorted(members), type=rows[name].type))
        except (pa.ArrowException, TypeError, OverflowError, ValueError):
            continue
        rows = rows.filter(kept)
    return rows


def _filtered(rows: pa.Table, name: str, interval: Interval) -> pa.Table:
    try:
        if interval.low is not None:
            rows = rows.filter(pc.greater_equal(rows[name], pa.scalar(interval.low)))
        if interval.high is not None:
            rows = rows.filter(pc.less_equal(rows[name], pa.scalar(interval.high)))
    except (pa.ArrowException, TypeError, OverflowError):
        pass
    return rows


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64] | None:
    """A column as doubles, NaN for what is not known; None if it is none of numbers."""
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        return None
    numbers = column.cast(pa.float64(), safe=False).fill_null(math.nan)
    return np.asarray(numbers.to_numpy(), dtype=np.float64)
