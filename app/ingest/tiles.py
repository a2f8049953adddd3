"""Sorted runs of events brought together into files, one or more for each tile of the sky."""

from __future__ import annotations

import math
import secrets
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from app.ingest.runs import CELL, NOWHERE, Run
from app.lake import ORDER, ROWS, FileRecord, Layout, RowGroup
from app.lake.index import RANGED
from app.lake.layout import UNPLACED

TILE_ROWS = 1_000_000
"""Most events of a file; a tile with more is cut into its four parts."""

GROUP_ROWS = 122_880
"""Events of a row group: 60 vectors of DuckDB."""

_LEVEL = 1

_RUNS_AT_A_TIME = 4
"""Runs whose pages are mapped together: a kernel may map 2 MiB of each column for every page that is read."""

Tile = tuple[int, int]
"""HEALPix order and NESTED index."""

Span = tuple[Run, int, int]
"""Neighbouring events of a run: first, and the one behind the last."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What one file is to hold."""

    tile: Tile
    spans: tuple[Span, ...]


def plan_tiles(runs: Sequence[Run], existing: Collection[Tile]) -> list[Piece]:
    """The files that the events of runs make.

    Parameters
    ----------
    existing
        Tiles that the collection has already; they are cut further, but never joined.
    """
    pieces: list[Piece] = []
    standing = frozenset(existing)
    above = frozenset(_ancestors(standing))
    for base in range(12):
        pieces += _cut((0, base), _within(runs, 0, base), standing, above)
    nowhere = [(run, int(np.searchsorted(run.cells, NOWHERE)), run.cells.size) for run in runs]
    pieces += _portions(UNPLACED, [span for span in nowhere if span[1] < span[2]])
    for run in runs:
        run.let_go()
    return pieces


def write_pieces(
    pieces: Sequence[Piece], schema: pa.Schema, collection: str, layout: Layout, staging: Path, workers: int
) -> Iterator[tuple[FileRecord, Path]]:
    """Write the files: what the index is to know of each, and where it lies until it has its place."""

    def write(piece: Piece) -> tuple[FileRecord, Path]:
        unique = secrets.token_hex(8)
        target = layout.tile(collection, *piece.tile) / unique / ROWS
        written = staging / f"{unique}.parquet"
        record = _write(piece, schema, collection, written, layout.relative(target))
        return record, written

    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(write, pieces)


def _within(runs: Sequence[Run], order: int, index: int) -> list[Span]:
    """The events of a tile in each run."""
    shift = 2 * (ORDER - order)
    ends = np.array([index << shift, (index + 1) << shift], dtype=np.int32)
    spans: list[Span] = []
    for run in runs:
        begin, end = np.searchsorted(run.cells, ends).tolist()
        if begin < end:
            spans.append((run, begin, end))
    return spans


def _ancestors(tiles: Collection[Tile]) -> Iterator[Tile]:
    for order, index in tiles:
        for up in range(1, order + 1):
            yield order - up, index >> (2 * up)


def _cut(
    tile: Tile, spans: Sequence[Span], existing: frozenset[Tile], above: frozenset[Tile]
) -> Iterator[Piece]:
    count = sum(end - begin for _, begin, end in spans)
    if not count:
        return
    order, index = tile
    if tile not in above and (count <= TILE_ROWS or order == ORDER):
        yield from _portions(tile, spans)
        return
    runs = [run for run, _, _ in spans]
    for child in range(4 * index, 4 * index + 4):
        yield from _cut((order + 1, child), _within(runs, order + 1, child), existing, above)


def _portions(tile: Tile, spans: Sequence[Span]) -> Iterator[Piece]:
    """A tile in files: one, unless it cannot be cut further and holds more than a file may."""
    held: list[Span] = []
    room = TILE_ROWS
    for run, begin, end in spans:
        here = begin
        while here < end:
            there = min(end, here + room)
            held.append((run, here, there))
            room -= there - here
            here = there
            if not room:
                yield Piece(tile, tuple(held))
                held, room = [], TILE_ROWS
    if held:
        yield Piece(tile, tuple(held))


def _write(piece: Piece, schema: pa.Schema, collection: str, target: Path, name: str) -> FileRecord:
    facts = _Facts()
    with pq.ParquetWriter(str(target), schema, **parquet_options(schema)) as writer:
        for group in _groups(piece, schema, collection):
            facts.add(group)
            writer.write_table(group, row_group_size=GROUP_ROWS)
    return facts.record(name, collection, piece.tile, target.stat().st_size)


def parquet_options(schema: pa.Schema) -> dict[str, object]:
    """How the columns of events are written.

    Measured on 1.5 million real events (``tests/benchmarks/bench_ingest.py``): reals split into streams
    of bytes and integers as differences, under zstd 1, take 0.9 of the bytes, 0.5 of the time to write and
    0.6 of the time to read that plain values under zstd 3 take. DuckDB 2.0 and Spark 4.3 read them.
    """
    few = [field.name for field in schema if pa.types.is_string(field.type)] + ["obs_id"]
    reals = {field.name: "BYTE_STREAM_SPLIT" for field in schema if pa.types.is_floating(field.type)}
    wholes = {field.name: "DELTA_BINARY_PACKED" for field in schema if _is_delta(field)}
    return {
        "compression": "zstd",
        "compression_level": _LEVEL,
        "use_dictionary": few,
        "column_encoding": {**reals, **wholes},
        "write_statistics": True,
        "write_page_index": True,
        "version": "2.6",
    }


def _is_delta(field: pa.Field) -> bool:
    return field.name != "obs_id" and field.type in (pa.int16(), pa.int32(), pa.int64(), pa.uint8())


def _groups(piece: Piece, schema: pa.Schema, collection: str) -> Iterator[pa.Table]:
    """The events of a piece, sorted by place, a row group at a time."""
    there = {name for run, _, _ in piece.spans for name in run.batch.schema.names}
    known = pa.schema([field for field in schema if field.name in there])
    pending = known.empty_table()
    for spans in _steps(piece.spans):
        table = _gathered(spans, known)
        if len(spans) > 1:
            cells = table[CELL].to_numpy()
            table = table.take(pa.array(np.argsort(cells, kind="stable")))
        pending = pa.concat_tables([pending, table])
        while pending.num_rows >= GROUP_ROWS:
            yield _completed(pending.slice(0, GROUP_ROWS), schema, collection)
            pending = pending.slice(GROUP_ROWS)
    if pending.num_rows:
        yield _completed(pending, schema, collection)


def _gathered(spans: Sequence[Span], schema: pa.Schema) -> pa.Table:
    """The events of spans, one span after another; few runs are in memory at a time."""
    parts: list[pa.Table] = []
    for first in range(0, len(spans), _RUNS_AT_A_TIME):
        some = spans[first : first + _RUNS_AT_A_TIME]
        slices = [_conformed(run.batch.slice(a, b - a), schema) for run, a, b in some]
        parts.append(pa.concat_tables(slices).combine_chunks())
        for run, _, _ in some:
            run.let_go()
    return pa.concat_tables(parts)


def _steps(spans: Sequence[Span]) -> Iterator[list[Span]]:
    """Spans cut at common places, so that about a row group is brought together at a time."""
    total = sum(end - begin for _, begin, end in spans)
    if total <= GROUP_ROWS:
        yield list(spans)
        return
    cells = np.sort(np.concatenate([run.cells[a:b] for run, a, b in spans]))
    marks = np.unique(cells[GROUP_ROWS::GROUP_ROWS])
    ends = [[a, *(a + np.searchsorted(run.cells[a:b], marks)).tolist(), b] for run, a, b in spans]
    for run, _, _ in spans:
        run.let_go()
    for step in range(len(marks) + 1):
        part = [(run, at[step], at[step + 1]) for (run, _, _), at in zip(spans, ends, strict=True)]
        filled = [span for span in part if span[1] < span[2]]
        if filled:
            yield filled


def _conformed(batch: pa.RecordBatch, schema: pa.Schema) -> pa.Table:
    """Events with the columns of a schema, in their types; NULL where they have none."""
    places = [batch.schema.get_field_index(field.name) for field in schema]
    arrays = [
        pa.nulls(batch.num_rows, field.type) if place < 0 else batch.column(place).cast(field.type)
        for place, field in zip(places, schema, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _completed(table: pa.Table, schema: pa.Schema, collection: str) -> pa.Table:
    """Events with all the columns of the lake, as they are written."""
    made = {
        "collection": pa.repeat(pa.scalar(collection, pa.string()), table.num_rows),
        CELL: _without_sentinel(table[CELL]),
    }
    columns = [
        made[field.name]
        if field.name in made
        else table[field.name]
        if field.name in table.column_names
        else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _without_sentinel(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Places with NULL for those of events that have no direction."""
    if pc.max(cells).as_py() < NOWHERE:
        return cells
    nowhere = pc.equal(cells, pa.scalar(NOWHERE, cells.type))
    return pc.if_else(nowhere, pa.scalar(None, cells.type), cells)


class _Facts:
    """Gathers what the index is to know of a file."""

    def __init__(self) -> None:
        self._rows = 0
        self._ranges: dict[str, tuple[float, float]] = {}
        self._observations: dict[int, tuple[float, float]] = {}
        self._groups: list[RowGroup] = []

    def add(self, table: pa.Table) -> None:
        self._rows += table.num_rows
        for name in RANGED:
            ends = pc.min_max(table[name]).as_py()
            if ends["min"] is not None:
                low, high = self._ranges.get(name, (math.inf, -math.inf))
                self._ranges[name] = (min(low, ends["min"]), max(high, ends["max"]))
        self._add_observations(table)
        places = pc.min_max(table[CELL]).as_py()
        low, high = (-1 if places[end] is None else places[end] for end in ("min", "max"))
        for first in range(0, table.num_rows, GROUP_ROWS):
            self._groups.append(RowGroup(min(GROUP_ROWS, table.num_rows - first), low, high))

    def _add_observations(self, table: pa.Table) -> None:
        ids = table["obs_id"].to_numpy()
        days = table["event_mjd"].combine_chunks().fill_null(math.nan).to_numpy(zero_copy_only=False)
        order = np.argsort(ids, kind="stable")
        known, begins = np.unique(ids[order], return_index=True)
        lows = np.fmin.reduceat(days[order], begins)
        highs = np.fmax.reduceat(days[order], begins)
        for obs_id, low, high in zip(known.tolist(), lows.tolist(), highs.tolist(), strict=True):
            before = self._observations.get(obs_id, (math.nan, math.nan))
            self._observations[obs_id] = (float(np.fmin(before[0], low)), float(np.fmax(before[1], high)))

    def record(self, path: str, collection: str, tile: Tile, nbytes: int) -> FileRecord:
        ids = sorted(self._observations)
        return FileRecord(
            path=path,
            collection=collection,
            norder=tile[0],
            npix=tile[1],
            nrows=self._rows,
            nbytes=nbytes,
            ranges=self._ranges,
            obs_id=tuple(ids),
            obs_mjd=tuple(self._observations[obs_id] for obs_id in ids),
            groups=tuple(self._groups),
        )


def kept_rows(table: pa.Table, dropped: Collection[tuple[int, str]]) -> pa.Table:
    """Events without those of some event lists.

    Parameters
    ----------
    dropped
        OBS_ID and event type of each.
    """
    if not dropped:
        return table
    ids: NDArray[np.int64] = table["obs_id"].to_numpy()
    gone = np.isin(ids, np.array(sorted({obs_id for obs_id, _ in dropped}), dtype=np.int64))
    if not gone.any():
        return table
    types = np.array(table["event_type"].to_pylist(), dtype=object)[gone]
    exact = [key in dropped for key in zip(ids[gone].tolist(), types.tolist(), strict=True)]
    gone[np.flatnonzero(gone)] = exact
    return table.filter(pa.array(~gone))
