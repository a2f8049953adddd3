"""An event list as a release writes it, and as ``dl3.events`` has it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.cards import Cards
from app.ingest.cells import Heap, is_scalar_number, reals, values
from app.ingest.errors import FileRejected
from app.ingest.fitsfile import Data, FitsFile
from app.ingest.frames import GALACTIC, CelestialFrame
from app.ingest.table import Rows, TableColumn, TableShape, rows_at_a_time
from app.ingest.times import MissionTime, time_factor
from app.ingest.units import UnknownUnit, factor

Reals = NDArray[np.float64]

PORTION = 1 << 24
"""Bytes of a table that are in memory at a time."""

_EQUATORIAL = (("RA", "DEC"),)
_GALACTIC = (("GLON", "GLAT"), ("L", "B"))
_HOUR_ANGLE = ("h", "hr", "hour", "hours", "hourangle")


@dataclass(frozen=True, slots=True)
class EventRoles:
    """Which columns of a table are what ``dl3.events`` begins with, and how their numbers are meant."""

    event_id: TableColumn | None
    time: TableColumn
    lon: TableColumn
    lat: TableColumn
    energy: TableColumn
    frame: CelestialFrame
    seconds: float
    """Factor from the column's unit of time."""
    lon_degrees: float
    lat_degrees: float
    tev: float
    others: tuple[TableColumn, ...]
    """The instrument columns, in their order."""

    @classmethod
    def of(cls, shape: TableShape, cards: Cards) -> tuple[EventRoles, list[str]]:
        """The roles of a table's columns, and what had to be assumed.

        GADF, EVENTS: TIME, RA, DEC and ENERGY must be there. Instead of RA and DEC, GLON and GLAT (or L and
        B) will do. EVENT_ID may be missing: then ``event_id`` is NULL, and ``event_row`` tells events apart.

        Raises
        ------
        FileRejected
            Raised if a column is missing, is not a number, or has a unit that is no unit of its quantity.
        """
        remarks: list[str] = []
        pair, frame, remark = _direction(shape, cards)
        time, energy = (_needed(shape, name) for name in ("TIME", "ENERGY"))
        event_id = shape.column("EVENT_ID")
        if event_id is None or not is_scalar_number(event_id):
            remarks.append("There is no number EVENT_ID; event_id is NULL")
            event_id = None
        seconds, assumed = _time(time, cards)
        roles = cls(
            event_id=event_id,
            time=time,
            lon=pair[0],
            lat=pair[1],
            energy=energy,
            frame=frame,
            seconds=seconds,
            lon_degrees=_degrees(pair[0], remarks),
            lat_degrees=_degrees(pair[1], remarks),
            tev=_energy(energy, cards, remarks),
            others=tuple(c for c in shape.columns if c not in (event_id, time, *pair, energy) and c.width),
        )
        return roles, [*remarks, *(sentence for sentence in (remark, assumed) if sentence)]


@dataclass(frozen=True, slots=True)
class Assignment:
    """Where an instrument column of a file goes."""

    source: TableColumn
    name: str
    """Column of ``dl3.events``."""
    factor: float = 1.0
    """From the file's unit to the column's."""


@dataclass(frozen=True, slots=True)
class EventList:
    """One event list, ready to be read."""

    path: Path
    mtime_ns: int
    """When the file was last changed, as it was planned."""
    begin: int
    """First byte of the table in the file, after decompression."""
    shape: TableShape
    roles: EventRoles
    mission: MissionTime | None
    obs_id: int
    event_type: str
    assignments: tuple[Assignment, ...]

    def portions(self, schema: pa.Schema, scratch: Path) -> Iterator[pa.RecordBatch]:
        """The events, a bounded number at a time; their places on the sky (``healpix``) are still NULL.

        Parameters
        ----------
        schema
            Columns to be made, with the types of the catalogue.
        scratch
            Folder for what cannot be read in order.

        Raises
        ------
        FileRejected
            Raised if the file has changed since it was planned, or does not hold what it claims.
        """
        with FitsFile(self.path) as file:
            yield from self._read(file.data(self.begin, self.shape.size), schema, scratch)
        try:
            changed = self.path.stat().st_mtime_ns != self.mtime_ns
        except OSError:
            changed = True
        if changed:
            raise FileRejected("It has changed while it was loaded.")

    def _read(self, data: Data, schema: pa.Schema, scratch: Path) -> Iterator[pa.RecordBatch]:
        step = rows_at_a_time(self.shape.row_bytes, PORTION)
        if not self.shape.is_variable:
            for first in range(0, self.shape.nrows, step):
                count = min(step, self.shape.nrows - first)
                rows = self.shape.rows(data.read(count * self.shape.row_bytes))
                yield self._batch(rows, first, schema, None)
            return
        with tempfile.TemporaryFile(dir=scratch) as spool:
            _spool(data, spool)
            heap = _heap(spool, self.shape.heap, data.size)
            for first in range(0, self.shape.nrows, step):
                count = min(step, self.shape.nrows - first)
                spool.seek(first * self.shape.row_bytes)
                rows = self.shape.rows(spool.read(count * self.shape.row_bytes))
                yield self._batch(rows, first, schema, heap)

    def _batch(self, rows: Rows, first: int, schema: pa.Schema, heap: Heap | None) -> pa.RecordBatch:
        made = self._fixed(rows, first)
        for assignment in self.assignments:
            made[assignment.name] = _converted(values(assignment.source, rows, heap), assignment.factor)
        arrays = [
            made[field.name].cast(field.type, safe=False)
            if field.name in made
            else pa.nulls(len(rows), field.type)
            for field in schema
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _fixed(self, rows: Rows, first: int) -> dict[str, pa.Array]:
        roles, count = self.roles, len(rows)
        time = reals(roles.time, rows) * roles.seconds
        lon, lat = reals(roles.lon, rows) * roles.lon_degrees, reals(roles.lat, rows) * roles.lat_degrees
        ra, dec = roles.frame.to_icrs(lon, lat)
        made = {
            "obs_id": pa.array(np.full(count, self.obs_id, dtype=np.int64)),
            "event_time": _nullable(time),
            "ra": _nullable(ra),
            "dec": _nullable(dec),
            "energy": _nullable(reals(roles.energy, rows) * roles.tev),
            "event_type": pa.repeat(pa.scalar(self.event_type, pa.string()), count),
            "event_row": pa.array(np.arange(first, first + count, dtype=np.int64)),
        }
        if self.mission is not None:
            made["event_mjd"] = _nullable(self.mission.to_utc(time))
        if roles.event_id is not None:
            made["event_id"] = _whole(values(roles.event_id, rows))
        return made


def _nullable(numbers: Reals) -> pa.Array:
    return pa.array(numbers, from_pandas=True)


def _whole(numbers: pa.Array) -> pa.Array:
    """Event numbers as longs; NULL where one is no whole number."""
    if pa.types.is_integer(numbers.type):
        return numbers.cast(pa.int64())
    known = numbers.fill_null(0.5).to_numpy(zero_copy_only=False).astype(np.float64)
    good = (np.abs(known) < 2.0**63) & (known == np.floor(known))
    return pa.array(np.where(good, known, 0).astype(np.int64), mask=~good)


def _converted(array: pa.Array, by: float) -> pa.Array:
    if by == 1.0:
        return array
    if pa.types.is_list(array.type):
        flat = _converted(array.values, by)
        return pa.ListArray.from_arrays(
            array.offsets, flat, mask=array.is_null() if array.null_count else None
        )
    return _nullable(array.cast(pa.float64()).to_numpy(zero_copy_only=False) * by)


def _spool(data: Data, spool: BinaryIO) -> None:
    left = data.size
    while left:
        piece = data.read(min(left, PORTION))
        spool.write(piece)
        left -= len(piece)


def _heap(spool: BinaryIO, begin: int, end: int) -> Heap:
    def read(offset: int, count: int) -> bytes:
        spool.seek(begin + offset)
        return spool.read(min(count, max(end - begin - offset, 0)))

    return read


def _direction(
    shape: TableShape, cards: Cards
) -> tuple[tuple[TableColumn, TableColumn], CelestialFrame, str | None]:
    for names in _EQUATORIAL:
        pair = _pair(shape, names)
        if pair is not None:
            frame, remark = CelestialFrame.of(cards)
            return pair, frame, remark
    for names in _GALACTIC:
        pair = _pair(shape, names)
        if pair is not None:
            return pair, GALACTIC, None
    missing = (
        " and ".join(name for name in ("RA", "DEC") if shape.column(name) is None) or "RA and DEC as numbers"
    )
    raise FileRejected(f"Its event list has no column {missing}, nor GLON and GLAT; it has {_listed(shape)}.")


def _pair(shape: TableShape, names: Sequence[str]) -> tuple[TableColumn, TableColumn] | None:
    found = [shape.column(name) for name in names]
    numbers = [column for column in found if column is not None and is_scalar_number(column)]
    return (numbers[0], numbers[1]) if len(numbers) == 2 else None


def _needed(shape: TableShape, name: str) -> TableColumn:
    column = shape.column(name)
    if column is None:
        raise FileRejected(f"Its event list has no column {name}; it has {_listed(shape)}.")
    if not is_scalar_number(column):
        raise FileRejected(f"The column {name} of its event list does not hold one number per event.")
    return column


def _listed(shape: TableShape) -> str:
    names = [column.name for column in shape.columns if column.name]
    shown = ", ".join(names[:12]) or "none"
    return f"{shown} and {len(names) - 12} more" if len(names) > 12 else shown


def _time(column: TableColumn, cards: Cards) -> tuple[float, str | None]:
    try:
        by, remark = time_factor(column.unit, cards)
    except UnknownUnit as error:
        raise FileRejected(
            f'The column TIME has the unit "{column.unit}", which is no unit of time.'
        ) from error
    if remark is None and column.code == "E":
        remark = "TIME has 32 bits only; times are rounded, by seconds where the reference is far"
    return by, remark


def _degrees(column: TableColumn, remarks: list[str]) -> float:
    if not column.unit:
        remarks.append(f"The column {column.name} has no unit; deg is assumed")
        return 1.0
    if column.unit.strip().lower() in _HOUR_ANGLE:
        return 15.0
    try:
        return factor(column.unit, "deg")
    except UnknownUnit as error:
        raise FileRejected(
            f'The column {column.name} has the unit "{column.unit}", which is no unit of an angle.'
        ) from error


def _energy(column: TableColumn, cards: Cards, remarks: list[str]) -> float:
    written = column.unit or cards.said("EUNIT")
    if not written:
        remarks.append(f"The column {column.name} has no unit; TeV is assumed")
        return 1.0
    try:
        return factor(written, "TeV")
    except UnknownUnit as error:
        raise FileRejected(
            f'The column {column.name} has the unit "{written}", which is no unit of energy.'
        ) from error
