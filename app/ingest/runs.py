"""Event lists read, normalised, and put down in pieces that are sorted by their place on the sky."""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import astropy.units as u
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import healpix_to_lonlat, lonlat_to_healpix
from numpy.typing import NDArray

from app.ingest.errors import FileRejected
from app.ingest.eventlist import EventList
from app.ingest.frames import separation
from app.lake.cover import NPIX, ORDER

RUN_ROWS = 1 << 18
"""Events of one run: what a worker holds in memory, twice over while it sorts."""

CELL = "healpix"
NOWHERE = NPIX
"""Stands in a run for the place of an event without a direction, so that those come last."""

_BINS_PER_DEGREE = 1000
_QUANTILE = 0.99
_COARSE = 8
"""HEALPix order of cells a quarter of a degree wide."""
_SPREAD = 0.1
"""Length of a mean direction below which events lie all over the sky, and have no middle."""


@dataclass(frozen=True, slots=True)
class Reading:
    """An event list to be read, and from where offsets are counted."""

    events: EventList
    ra_pnt: float | None
    dec_pnt: float | None


@dataclass(frozen=True, slots=True)
class ListStatistics:
    """What is found out of an event list while it is read."""

    nrows: int
    min_energy: float | None
    """[TeV], of the positive and finite energies."""
    max_energy: float | None
    first_time: float | None
    """[s], mission time."""
    last_time: float | None
    unplaced: int
    """Events without a direction."""
    untimed: int
    """Events without a time."""
    unmeasured: int
    """Events whose energy is no positive finite number."""
    fov_radius: float | None
    """Radius [deg] that holds 99 per cent of the events, to a thousandth of a degree; around the pointing, or
    without one around :attr:`middle`. None if unknown."""
    middle: tuple[float, float] | None = None
    """Mean direction of the events, ICRS [deg], to a tenth of a degree; None of a list with a pointing."""


class _Counter:
    """Counts the events of a list."""

    def __init__(self) -> None:
        self.nrows = self.unplaced = self.untimed = self.unmeasured = 0
        self.min_energy = self.first_time = math.inf
        self.max_energy = self.last_time = -math.inf
        self.offsets: NDArray[np.int64] = np.zeros(180 * _BINS_PER_DEGREE + 1, dtype=np.int64)
        """Events by offset from the pointing, in bins of a thousandth of a degree."""
        self.cells: NDArray[np.int64] | None = None
        """Events by cell of the sky, where there is no pointing."""

    def add(self, batch: pa.RecordBatch, ra_pnt: float | None, dec_pnt: float | None) -> None:
        self.nrows += batch.num_rows
        energy = batch["energy"].fill_null(math.nan).to_numpy(zero_copy_only=False)
        good = energy[(energy > 0) & np.isfinite(energy)]
        self.unmeasured += batch.num_rows - good.size
        if good.size:
            self.min_energy = min(self.min_energy, float(good.min()))
            self.max_energy = max(self.max_energy, float(good.max()))
        times = pc.min_max(batch["event_time"]).as_py()
        if times["min"] is not None:
            self.first_time = min(self.first_time, times["min"])
            self.last_time = max(self.last_time, times["max"])
        self.untimed += batch["event_time"].null_count
        self.unplaced += batch["ra"].null_count
        if ra_pnt is not None and dec_pnt is not None:
            self._count_offsets(batch, ra_pnt, dec_pnt)
        else:
            self._count_cells(batch)

    def _count_cells(self, batch: pa.RecordBatch) -> None:
        ra, dec = (batch[name].drop_null().to_numpy() for name in ("ra", "dec"))
        if self.cells is None:
            self.cells = np.zeros(12 << (2 * _COARSE), dtype=np.int64)
        if ra.size:
            lon, lat = Longitude(ra, u.deg, copy=False), Latitude(dec, u.deg, copy=False)
            cells = lonlat_to_healpix(lon, lat, _COARSE, num_threads=1).astype(np.int64)
            self.cells += np.bincount(cells, minlength=self.cells.size)

    def _find_middle(self) -> tuple[float, float] | None:
        """The middle of the cells; the offsets are counted from there."""
        if self.cells is None or not self.cells.any():
            return None
        held = np.flatnonzero(self.cells)
        lon, lat = healpix_to_lonlat(held, _COARSE)
        a, d, weight = lon.radian, lat.radian, self.cells[held]
        x, y, z = (
            float((part * weight).sum()) / float(weight.sum())
            for part in (np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d))
        )
        if math.hypot(x, y, z) < _SPREAD:
            return None
        ra, dec = math.degrees(math.atan2(y, x)) % 360.0, math.degrees(math.atan2(z, math.hypot(x, y)))
        bins = (separation(lon.deg, lat.deg, ra, dec) * _BINS_PER_DEGREE).astype(np.int64)
        self.offsets += np.bincount(bins, weights=weight, minlength=self.offsets.size).astype(np.int64)
        return ra, dec

    def _count_offsets(self, batch: pa.RecordBatch, ra_pnt: float, dec_pnt: float) -> None:
        ra, dec = (batch[name].drop_null().to_numpy() for name in ("ra", "dec"))
        offsets = separation(ra, dec, ra_pnt, dec_pnt)
        bins = np.minimum((offsets * _BINS_PER_DEGREE).astype(np.int64), self.offsets.size - 1)
        self.offsets += np.bincount(bins, minlength=self.offsets.size)

    def result(self) -> ListStatistics:
        middle = self._find_middle()
        return ListStatistics(
            nrows=self.nrows,
            min_energy=_finite(self.min_energy),
            max_energy=_finite(self.max_energy),
            first_time=_finite(self.first_time),
            last_time=_finite(self.last_time),
            unplaced=self.unplaced,
            untimed=self.untimed,
            unmeasured=self.unmeasured,
            fov_radius=self._radius(),
            middle=middle,
        )

    def _radius(self) -> float | None:
        total = int(self.offsets.sum())
        if not total:
            return None
        enough = np.searchsorted(np.cumsum(self.offsets), math.ceil(_QUANTILE * total))
        return min((int(enough) + 1) / _BINS_PER_DEGREE, 180.0)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """What became of some event lists."""

    runs: tuple[Path, ...]
    """Files with their events, each sorted by place; in the order of the lists."""
    statistics: tuple[ListStatistics | None, ...]
    """One for each list; None for one that could not be read."""
    faults: tuple[str, ...]
    """One for each list: why it could not be read, or empty."""


def batches_of(sizes: Sequence[int]) -> Iterator[range]:
    """Neighbouring lists that make up a run together; one that is larger than a run stands alone.

    Parameters
    ----------
    sizes
        Events of each list.
    """
    first, held = 0, 0
    for place, size in enumerate(sizes):
        if held and (size > RUN_ROWS or held + size > RUN_ROWS):
            yield range(first, place)
            first, held = place, 0
        held += size
        if size > RUN_ROWS:
            yield range(first, place + 1)
            first, held = place + 1, 0
    if first < len(sizes):
        yield range(first, len(sizes))


def load(readings: Sequence[Reading], schema: pa.Schema, folder: Path, name: str) -> Loaded:
    """Read event lists and put them down as runs.

    Parameters
    ----------
    readings
        Lists of one collection that fit into a run together, or one larger list.
    schema
        Columns of the events, without ``collection``.
    folder
        Where the runs go.
    name
        What their names begin with.
    """
    writer = _Writer(folder, name, schema)
    statistics: list[ListStatistics | None] = []
    faults: list[str] = []
    for reading in readings:
        mark = writer.mark()
        counter = _Counter()
        try:
            for batch in reading.events.portions(schema, folder):
                counter.add(batch, reading.ra_pnt, reading.dec_pnt)
                writer.add(batch, may_flush=len(readings) == 1)
        except FileRejected as error:
            writer.back_to(mark)
            statistics.append(None)
            faults.append(str(error))
            continue
        statistics.append(counter.result())
        faults.append("")
    return Loaded(tuple(writer.close()), tuple(statistics), tuple(faults))


class _Writer:
    def __init__(self, folder: Path, name: str, schema: pa.Schema) -> None:
        self._folder, self._name, self._schema = folder, name, schema
        self._held: list[pa.RecordBatch] = []
        self._rows = 0
        self._runs: list[Path] = []

    def mark(self) -> tuple[int, int]:
        return len(self._runs), len(self._held)

    def back_to(self, mark: tuple[int, int]) -> None:
        """Forget what was added since a mark."""
        for run in self._runs[mark[0] :]:
            run.unlink()
        del self._runs[mark[0] :]
        del self._held[mark[1] :]
        self._rows = sum(batch.num_rows for batch in self._held)

    def add(self, batch: pa.RecordBatch, *, may_flush: bool) -> None:
        self._held.append(batch)
        self._rows += batch.num_rows
        if may_flush and self._rows >= RUN_ROWS:
            self._flush()

    def close(self) -> list[Path]:
        if self._rows:
            self._flush()
        return self._runs

    def _flush(self) -> None:
        table = pa.Table.from_batches(self._held, schema=self._schema)
        self._held, self._rows = [], 0
        path = self._folder / f"{self._name}-{len(self._runs):04d}.arrow"
        write_run(placed(table), path)
        self._runs.append(path)


def placed(table: pa.Table) -> pa.Table:
    """Events with their places on the sky: NESTED indices of order 12, NULL where there is no direction."""
    known = table["ra"].is_valid().to_numpy()
    ra, dec = (table[name].drop_null().to_numpy() for name in ("ra", "dec"))
    cells = np.full(table.num_rows, NOWHERE, dtype=np.int32)
    if ra.size:
        lon, lat = Longitude(ra, u.deg, copy=False), Latitude(dec, u.deg, copy=False)
        cells[known] = lonlat_to_healpix(lon, lat, ORDER, num_threads=1)
    place = table.schema.get_field_index(CELL)
    return table.set_column(place, table.schema.field(place), pa.array(cells, mask=~known))


def write_run(table: pa.Table, path: Path) -> None:
    """Put events down, sorted by place; those of one place keep their order.

    Parameters
    ----------
    table
        Events with NULL for the place of those without a direction.
    """
    cells = table[CELL].combine_chunks().fill_null(NOWHERE)
    order = np.argsort(cells.to_numpy(), kind="stable")
    position = table.schema.get_field_index(CELL)
    filled = table.set_column(position, table.schema.field(CELL), cells)
    batch = filled.take(pa.array(order)).combine_chunks().to_batches()[0]
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)


class Run:
    """A run, in the memory of the disk's cache rather than in ours."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        reader = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(self._map)))
        self.batch: pa.RecordBatch = reader.get_batch(0)
        self.cells: NDArray[np.int32] = self.batch[CELL].to_numpy()
        """Places of the events, in rising order."""

    def let_go(self) -> None:
        """Give the pages that were read back to the disk's cache; they come again when they are asked for."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)
