"""The index of the event files: which of them can hold what a query asks for."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from adql import Interval, Restriction
from adql.pruning import Scalar
from app.lake.cover import NPIX, Cover, cover_of
from app.lake.neighbourhood import Positioned

RANGED = ("healpix", "ra", "dec", "energy", "event_time", "event_mjd")
"""Columns of ``dl3.events`` whose least and greatest value is known for each file."""

PUBLIC = "public"

MOST_PARTS = 12
"""Ranges of cells that the files of a query are read in: each costs an engine some 1.5 ms."""

_RANGES = pa.list_(pa.float64())
SCHEMA = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("collection", pa.string(), nullable=False),
        pa.field("norder", pa.int8(), nullable=False),
        pa.field("npix", pa.int64(), nullable=False),
        pa.field("nrows", pa.int64(), nullable=False),
        pa.field("nbytes", pa.int64(), nullable=False),
        *(pa.field(f"{name}_{end}", pa.float64()) for name in RANGED for end in ("low", "high")),
        pa.field("obs_id", pa.list_(pa.int64()), nullable=False),
        pa.field("obs_mjd_low", _RANGES, nullable=False),
        pa.field("obs_mjd_high", _RANGES, nullable=False),
        pa.field("group_nrows", pa.list_(pa.int64()), nullable=False),
        pa.field("group_low", pa.list_(pa.int64()), nullable=False),
        pa.field("group_high", pa.list_(pa.int64()), nullable=False),
    ]
)
"""Columns of ``files.parquet``, one row per event file."""

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RowGroup:
    """One row group of an event file."""

    nrows: int
    low: int
    """Least HEALPix index in it; -1 if none of its events has a position."""
    high: int


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One event file, as the index knows it."""

    path: str
    """Relative to the lake, with forward slashes."""
    collection: str
    norder: int
    npix: int
    nrows: int
    nbytes: int
    ranges: Mapping[str, tuple[float, float]]
    """Column of :data:`RANGED` -> least and greatest value; a column without values is absent."""
    obs_id: tuple[int, ...]
    """Observations with events in the file, in rising order."""
    obs_mjd: tuple[tuple[float, float], ...]
    """For each of them, first and last ``event_mjd``; NaN where the events have no time."""
    groups: tuple[RowGroup, ...]

    def to_row(self) -> dict[str, object]:
        """The record as a row of :data:`SCHEMA`."""
        row: dict[str, object] = {
            "path": self.path,
            "collection": self.collection,
            "norder": self.norder,
            "npix": self.npix,
            "nrows": self.nrows,
            "nbytes": self.nbytes,
            "obs_id": self.obs_id,
            "obs_mjd_low": [low for low, _ in self.obs_mjd],
            "obs_mjd_high": [high for _, high in self.obs_mjd],
            "group_nrows": [group.nrows for group in self.groups],
            "group_low": [group.low for group in self.groups],
            "group_high": [group.high for group in self.groups],
        }
        for name, (low, high) in self.ranges.items():
            row[f"{name}_low"], row[f"{name}_high"] = low, high
        return row


def to_table(records: Iterable[FileRecord]) -> pa.Table:
    """The records as ``files.parquet`` holds them."""
    return pa.Table.from_pylist([record.to_row() for record in records], schema=SCHEMA)


def to_records(table: pa.Table) -> list[FileRecord]:
    """The records of ``files.parquet``."""
    return [
        FileRecord(
            path=row["path"],
            collection=row["collection"],
            norder=row["norder"],
            npix=row["npix"],
            nrows=row["nrows"],
            nbytes=row["nbytes"],
            ranges={
                name: (row[f"{name}_low"], row[f"{name}_high"])
                for name in RANGED
                if row[f"{name}_low"] is not None
            },
            obs_id=tuple(row["obs_id"]),
            obs_mjd=tuple(zip(row["obs_mjd_low"], row["obs_mjd_high"], strict=True)),
            groups=tuple(
                RowGroup(*group)
                for group in zip(row["group_nrows"], row["group_low"], row["group_high"], strict=True)
            ),
        )
        for row in table.to_pylist()
    ]


@dataclass(frozen=True, slots=True)
class Part:
    """Files of which the same range of cells is wanted."""

    files: tuple[Path, ...]
    low: int
    """Least ``healpix`` that a wanted row can have."""
    high: int
    """Greatest ``healpix`` that a wanted row can have."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What is to be read for one reference to ``dl3.events``."""

    files: tuple[Path, ...]
    parts: tuple[Part, ...] | None
    """The files by ranges of ``healpix``, which do not overlap; a file may be in several. None where nothing
    is known of the place, so that rows without a position count too."""
    groups: int
    """Row groups that are to be read."""
    nrows: int
    """Rows of those row groups."""
    nbytes: int
    """About the bytes of those row groups, on the disk."""
    collections: tuple[str, ...] = ()
    """Those that the files are of, by name."""

    @property
    def bounds(self) -> tuple[tuple[int, int], ...] | None:
        """The ranges of ``healpix`` that are read; None where nothing is known of the place."""
        return None if self.parts is None else tuple((part.low, part.high) for part in self.parts)

    @property
    def healpix(self) -> tuple[int, int] | None:
        """One pair of bounds for all the files; None where there is none."""
        if not self.parts:
            return None
        return min(part.low for part in self.parts), max(part.high for part in self.parts)


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    """Things of which a file has several, all files in one set of arrays."""

    owner: Integers
    low: Reals
    high: Reals


@dataclass(frozen=True, eq=False)
class FileIndex:
    """The event files of a snapshot, to be chosen from in well under a millisecond."""

    paths: tuple[Path, ...]
    collections: tuple[str, ...]
    """The collection of each file."""
    public: Mask
    """True for the files of collections whose rows are served."""
    nrows: Integers
    nbytes: Integers
    ranges: Mapping[str, tuple[Reals, Reals]]
    """For each column of :data:`RANGED`, least and greatest value in each file; +inf and -inf if none."""
    observations: _Parts
    """One part per file and observation; low and high are first and last ``event_mjd``."""
    obs_id: Integers
    """The observation of each part of ``observations``."""
    groups: _Parts
    """One part per row group; low and high are of ``healpix``."""
    group_nrows: Integers
    _by_name: Mapping[str, Mask] = field(init=False, repr=False)
    _codes: Integers = field(init=False, repr=False)
    """Place in ``_by_name`` of the collection of each file."""

    def __post_init__(self) -> None:
        names = np.array(self.collections, dtype=object)
        masks = {name: np.asarray(names == name, dtype=bool) for name in dict.fromkeys(self.collections)}
        object.__setattr__(self, "_by_name", masks)
        places = {name: place for place, name in enumerate(masks)}
        codes = np.array([places[name] for name in self.collections], dtype=np.int64)
        object.__setattr__(self, "_codes", codes)

    @classmethod
    def from_table(cls, table: pa.Table, lake: Path, rights: Mapping[str, str]) -> FileIndex:
        """The index that ``files.parquet`` of a lake holds.

        Parameters
        ----------
        rights
            The rights of each collection; only ``public`` lets its rows be served.
        """
        collections = tuple(table["collection"].to_pylist())
        observations = _parts(table, "obs_mjd_low", "obs_mjd_high")
        return cls(
            paths=tuple(lake / path for path in table["path"].to_pylist()),
            collections=collections,
            public=np.array([rights.get(name) == PUBLIC for name in collections], dtype=bool),
            nrows=_flat(table["nrows"]),
            nbytes=_flat(table["nbytes"]),
            ranges={name: (_ends(table, name, "low"), _ends(table, name, "high")) for name in RANGED},
            observations=observations,
            obs_id=_flat(table["obs_id"], nested=True),
            groups=_parts(table, "group_low", "group_high"),
            group_nrows=_flat(table["group_nrows"], nested=True),
        )

    def __len__(self) -> int:
        return len(self.paths)

    def select(
        self,
        restriction: Restriction | None = None,
        *,
        restricted: bool = False,
        positioned: Positioned | None = None,
    ) -> Selection:
        """The files that can hold rows that meet a restriction.

        No wanted row is left out; what else the files hold is for the exact conditions in the SQL.

        Parameters
        ----------
        restriction
            What is asked of ``dl3.events``; None for all of it.
        restricted
            Read the collections too whose licence forbids redistribution.
        positioned
            Finds the positions of other tables' rows, near which the wanted rows are.
        """
        asked = restriction or Restriction()
        wanted = np.ones(len(self), dtype=bool) if restricted else self.public.copy()
        wanted &= self._in_collections(asked)
        wanted &= self._in_ranges(asked)
        wanted &= self._in_observations(asked)
        cover = cover_of(asked.regions, positioned)
        if cover is None:
            return self._selection(wanted, wanted[self.groups.owner], None)
        if cover.low.size == 0:
            return self._selection(wanted & False, wanted[self.groups.owner] & False, ())
        # Row groups without a position have -1 for both ends, which is no cell.
        low, high = np.maximum(self.groups.low, 0).astype(np.int64), self.groups.high.astype(np.int64)
        read = cover.bounds_within(low, high)[0] & wanted[self.groups.owner]
        chosen = np.zeros(len(self), dtype=bool)
        chosen[self.groups.owner[read]] = True
        spared = chosen[self.groups.owner] & ~read
        ranges = _parted(cover, low[spared])
        return self._selection(chosen, read, tuple(self._parts(ranges, low, high, read)))

    def _parts(self, ranges: Cover, low: Integers, high: Integers, read: Mask) -> Iterator[Part]:
        """The files of each range of cells that have a row group with some of them."""
        for least, most in zip(ranges.low.tolist(), ranges.high.tolist(), strict=True):
            met = read & (low <= most) & (high >= least)
            if met.any():
                files = tuple(self.paths[i] for i in np.unique(self.groups.owner[met]))
                yield Part(files, max(least, int(low[met].min())), min(most, int(high[met].max())))

    def _selection(self, wanted: Mask, read: Mask, parts: tuple[Part, ...] | None) -> Selection:
        owner = self.groups.owner[read]
        rows = self.group_nrows[read]
        nbytes = float((rows * (self.nbytes[owner] / np.maximum(self.nrows[owner], 1))).sum())
        return Selection(
            files=tuple(self.paths[i] for i in np.flatnonzero(wanted)),
            parts=parts,
            groups=int(read.sum()),
            nrows=int(rows.sum()),
            nbytes=math.ceil(nbytes),
            collections=self._named(np.flatnonzero(wanted)),
        )

    def _named(self, chosen: Integers) -> tuple[str, ...]:
        names = tuple(self._by_name)
        return tuple(sorted(names[code] for code in np.unique(self._codes[chosen])))

    def _in_collections(self, asked: Restriction) -> Mask | bool:
        names = collections_within(self._by_name, asked)
        if len(names) == len(self._by_name):
            return True
        masks = [self._by_name[name] for name in names]
        return np.logical_or.reduce(masks) if masks else False

    def _in_ranges(self, asked: Restriction) -> Mask | bool:
        wanted: Mask | bool = True
        for name, (low, high) in self.ranges.items():
            for least, greatest in _spans(asked, name):
                wanted = wanted & (low <= greatest) & (high >= least) & (low <= high)
        return wanted

    def _in_observations(self, asked: Restriction) -> Mask | bool:
        kept: Mask | bool = True
        members = asked.members.get("obs_id")
        if members is not None and (numbers := _integers(members)) is not None:
            kept = np.isin(self.obs_id, numbers)
        for least, greatest in _interval_spans(asked, "obs_id"):
            kept = kept & (self.obs_id >= least) & (self.obs_id <= greatest)
        for least, greatest in _spans(asked, "event_mjd"):
            kept = kept & (self.observations.low <= greatest) & (self.observations.high >= least)
        if kept is True:
            return True
        wanted = np.zeros(len(self), dtype=bool)
        wanted[self.observations.owner[kept]] = True
        return wanted


def collections_within(names: Iterable[str], asked: Restriction) -> set[str]:
    """Those of the collections that can have rows which meet a restriction on their column of that name."""
    members = asked.members.get("collection")
    within = set(names) if members is None else {name for name in names if name in members}
    interval = asked.intervals.get("collection")
    if interval is not None:
        within = {name for name in within if _text_within(name, interval)}
    return within


def _parted(cover: Cover, spared: Integers) -> Cover:
    """The ranges of cells that are read for a cover, few and wide.

    An engine reads files between one pair of bounds: what lies between two places that are far apart in the
    numbers, though perhaps neighbours on the sky, must not be read for that. Each range costs a scan of its
    own, so the cover is cut only where row groups are spared, and at the most worthy gaps.

    Parameters
    ----------
    spared
        Least cell of each row group of the files that has no cell of the cover.
    """
    ordered = np.sort(spared)
    between = np.searchsorted(ordered, cover.low[1:]) - np.searchsorted(ordered, cover.high[:-1])
    worth = np.flatnonzero(between > 0)
    cuts = np.sort(worth[np.argsort(-between[worth], kind="stable")][: MOST_PARTS - 1])
    return Cover(cover.low[np.concatenate([[0], cuts + 1])], cover.high[np.concatenate([cuts, [-1]])])


def _spans(asked: Restriction, name: str) -> list[tuple[float, float]]:
    """Ranges that a number column must lie in, by its intervals and its members."""
    spans = _interval_spans(asked, name)
    members = asked.members.get(name)
    if members and all(_is_number(value) for value in members):
        numbers = [float(value) for value in members]
        spans.append((min(numbers), max(numbers)))
    return spans


def _interval_spans(asked: Restriction, name: str) -> list[tuple[float, float]]:
    interval = asked.intervals.get(name)
    if interval is None:
        return []
    ends = (interval.low, interval.high)
    if not all(end is None or _is_number(end) for end in ends):
        return []
    low = -math.inf if interval.low is None else interval.low
    high = math.inf if interval.high is None else interval.high
    return [(low, high)]  # type: ignore[list-item]  # texts are gone


def _is_number(value: Scalar) -> bool:
    return isinstance(value, int | float) and not math.isnan(value)


def _integers(members: Collection[Scalar]) -> Integers | None:
    """The members that a long can equal; None if some are no numbers, so that nothing is known."""
    if not all(_is_number(value) for value in members):
        return None
    whole = {int(value) for value in members if math.isfinite(value) and value == int(value)}  # type: ignore[arg-type]
    return np.array(sorted(value for value in whole if -(2**63) <= value < 2**63), dtype=np.int64)


def _text_within(name: str, interval: Interval) -> bool:
    low, high = interval.low, interval.high
    below = isinstance(low, str) and name < low
    above = isinstance(high, str) and name > high
    return not (below or above)


def _flat(column: pa.ChunkedArray, *, nested: bool = False) -> Integers:
    array = column.combine_chunks()
    values = array.flatten() if nested else array
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.int64)


def _ends(table: pa.Table, name: str, end: str) -> Reals:
    nothing = math.inf if end == "low" else -math.inf
    values = table[f"{name}_{end}"].combine_chunks().fill_null(nothing)
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64)


def _parts(table: pa.Table, low: str, high: str) -> _Parts:
    lists = table[low].combine_chunks()
    counts = lists.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
    owner = np.repeat(np.arange(len(table), dtype=np.int64), counts)
    ends = [
        table[name].combine_chunks().flatten().to_numpy(zero_copy_only=False).astype(np.float64)
        for name in (low, high)
    ]
    return _Parts(owner, ends[0], ends[1])


def check_disjoint(records: Sequence[FileRecord]) -> None:
    """Refuse an index that lists a file twice or a tile outside the sky.

    Raises
    ------
    ValueError
        Raised with the path of the first such file.
    """
    seen: set[str] = set()
    for record in records:
        if record.path in seen:
            raise ValueError(f"{record.path} is listed twice")
        if record.norder >= 0 and not 0 <= record.npix < 12 * 4**record.norder <= NPIX:
            raise ValueError(f"{record.path}: there is no tile {record.npix} of order {record.norder}")
        seen.add(record.path)
