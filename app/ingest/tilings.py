"""The event files of the lake, made anew where events come or go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from adql import Catalogue, Column
from app.ingest.report import Progress
from app.ingest.runs import CELL, NOWHERE, Run, write_run
from app.ingest.tiles import Tile, kept_rows, plan_tiles, write_pieces
from app.lake import ORDER, FileRecord, Layout, Snapshot
from app.lake.layout import UNPLACED
from app.results import arrow_schema

Dropped = frozenset[tuple[int, str]]


class Tiling:
    """Brings runs into the lake.

    Parameters
    ----------
    columns
        Instrument columns that every event file is to have.
    staging
        Where files are written; ``moves`` tells where they belong.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        columns: tuple[Column, ...],
        previous: Snapshot | None,
        layout: Layout,
        staging: Path,
        progress: Progress,
        workers: int,
    ) -> None:
        self._schema = arrow_schema((*catalogue.table("dl3.events").columns, *columns))
        self._records = () if previous is None else previous.records
        # A file that lacks a column, or has it in a narrower type, is written anew.
        self._is_outdated = previous is not None and arrow_schema(previous.event_columns) != arrow_schema(
            columns
        )
        self._layout, self._staging, self._progress, self._workers = layout, staging, progress, workers
        self.moves: list[tuple[Path, Path]] = []
        """Files written, and their places."""

    def retile(self, changes: Mapping[str, tuple[Sequence[Path], Dropped]]) -> tuple[FileRecord, ...]:
        """The event files that there are to be.

        Parameters
        ----------
        changes
            Collection -> runs of events that come, and event lists that go.
        """
        records: list[FileRecord] = []
        work: dict[str, tuple[list[FileRecord], Sequence[Path], Dropped, list[FileRecord]]] = {}
        for name in sorted({record.collection for record in self._records} | set(changes)):
            mine = [record for record in self._records if record.collection == name]
            runs, dropped = changes.get(name, ((), frozenset()))
            touched = mine if self._is_outdated else _touched(mine, runs, dropped)
            records += [record for record in mine if record not in touched]
            if touched or runs:
                work[name] = (touched, runs, dropped, mine)
        self._progress.begin(_rows(work.values()), "Writing events")
        for name, (touched, runs, dropped, mine) in work.items():
            records += self._collection(name, touched, runs, dropped, mine)
        self._progress.end()
        return tuple(sorted(records, key=_place))

    def _collection(
        self,
        name: str,
        touched: Sequence[FileRecord],
        runs: Sequence[Path],
        dropped: Dropped,
        mine: Sequence[FileRecord],
    ) -> list[FileRecord]:
        opened: list[Run] = []
        for number, record in enumerate(touched):
            old = self._reopened(record, dropped, f"{name}-old-{number:06d}.arrow")
            if old is not None:
                opened.append(old)
        opened += [Run(path) for path in runs]
        standing = {(record.norder, record.npix) for record in mine} - {UNPLACED}
        pieces = plan_tiles(opened, standing)
        records: list[FileRecord] = []
        written = write_pieces(pieces, self._schema, name, self._layout, self._staging, self._workers)
        for record, path in written:
            records.append(record)
            self.moves.append((path, self._layout.root / record.path))
            self._progress.advance(record.nrows)
        for path in runs:
            path.unlink()
        return records

    def _reopened(self, record: FileRecord, dropped: Dropped, name: str) -> Run | None:
        """A file of the lake as a run, without the event lists that go; None if nothing stays."""
        table = pq.read_table(self._layout.root / record.path, partitioning=None).drop_columns(["collection"])
        kept = kept_rows(table, dropped)
        if not kept.num_rows:
            return None
        filled = [column for column in kept.column_names if kept[column].null_count < kept.num_rows]
        write_run(kept.select(dict.fromkeys((*filled, CELL))), self._staging / name)
        return Run(self._staging / name)


def _rows(work: Iterable[tuple[Sequence[FileRecord], Sequence[Path], Dropped, Sequence[FileRecord]]]) -> int:
    total = 0
    for touched, runs, _, _ in work:
        total += sum(record.nrows for record in touched) + sum(Run(path).cells.size for path in runs)
    return total


def _touched(records: Sequence[FileRecord], runs: Sequence[Path], dropped: Dropped) -> list[FileRecord]:
    """Files of the tiles in which events come or go."""
    gone = {obs_id for obs_id, _ in dropped}
    tiles: set[Tile] = {
        (record.norder, record.npix) for record in records if not gone.isdisjoint(record.obs_id)
    }
    known = {(record.norder, record.npix) for record in records}
    for path in runs:
        run = Run(path)
        tiles |= {tile for tile in known - tiles if _holds(run, tile)}
    return [record for record in records if (record.norder, record.npix) in tiles]


def _holds(run: Run, tile: Tile) -> bool:
    if tile == UNPLACED:
        return bool(run.cells[-1] == NOWHERE)
    shift = 2 * (ORDER - tile[0])
    ends = np.searchsorted(run.cells, np.array([tile[1] << shift, (tile[1] + 1) << shift], dtype=np.int32))
    return bool(ends[0] < ends[1])


def _place(record: FileRecord) -> tuple[str, int, int, str]:
    """Collection, then place on the sky; events without one come last."""
    if (record.norder, record.npix) == UNPLACED:
        return record.collection, 1 << 40, 0, record.path
    return record.collection, record.npix << (2 * (ORDER - record.norder)), record.norder, record.path
