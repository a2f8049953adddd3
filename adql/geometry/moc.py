"""Coverage maps: sets of HEALPix cells of any orders (MOC 2.0)."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

from adql import healpix
from adql.errors import BindError

MAX_RANGES = 20_000
"""Ranges of cells that a query may name."""

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Moc:
    """A part of the sky made of HEALPix cells."""

    order: int
    """Order of the finest cells."""
    ranges: Ranges
    """First and last cell of each run of cells of that order, NESTED, in rising order, not touching."""

    def at(self, order: int) -> Ranges:
        """The runs of cells of a finer order that cover the same."""
        shift = 2 * (order - self.order)
        return tuple((low << shift, ((high + 1) << shift) - 1) for low, high in self.ranges)

    def degraded(self, order: int) -> Moc:
        """The cells of a coarser order, or of the same, that it has a part of."""
        shift = 2 * (self.order - order)
        return moc_of_ranges(order, ((low >> shift, high >> shift) for low, high in self.ranges))

    def of(self, order: int, *, whole: bool) -> Moc:
        """The cells of an order that it has a part of, or only those that it has all of."""
        if order >= self.order:
            return Moc(order, self.at(order))
        return self.rest.degraded(order).rest if whole else self.degraded(order)

    @cached_property
    def rest(self) -> Moc:
        """The sky that it leaves."""
        ends = [-1, *(end for run in self.ranges for end in run), healpix.npix(self.order)]
        between = zip(ends[::2], ends[1::2], strict=True)
        return Moc(self.order, tuple((high + 1, low - 1) for high, low in between if high + 1 < low))

    def share(self, order: int, cell: int) -> float:
        """1 if it has all of a cell of any order, 0 if nothing of it, between for a part."""
        shift = 2 * (self.order - order)
        if shift <= 0:
            low = high = cell >> -shift
        else:
            low, high = cell << shift, ((cell + 1) << shift) - 1
        place = _before(self.ranges, high)
        if place is None or self.ranges[place][1] < low:
            return 0.0
        return 1.0 if self.ranges[place][0] <= low and high <= self.ranges[place][1] else 0.5

    @property
    def size(self) -> int:
        """Number of cells."""
        return sum(high - low + 1 for low, high in self.ranges)

    @cached_property
    def cells(self) -> tuple[tuple[int, int], ...]:
        """Order and index of the largest cells that make it up."""
        found: list[tuple[int, int]] = []
        for low, high in self.ranges:
            first = low
            while first <= high:
                order, cell, width = self.order, first, 1
                while order > 0 and cell % 4 == 0 and first + 4 * width - 1 <= high:
                    order, cell, width = order - 1, cell // 4, 4 * width
                found.append((order, cell))
                first += width
        return tuple(found)

    def holds(self, lon: float, lat: float) -> bool:
        """True if a position [deg] lies in it."""
        cell = healpix.index(self.order, lon, lat)
        place = _before(self.ranges, cell)
        return place is not None and cell <= self.ranges[place][1]

    def is_within(self, other: Moc) -> bool:
        """True if all of it lies in another."""
        order = max(self.order, other.order)
        theirs = other.at(order)
        return all(
            (place := _before(theirs, low)) is not None and high <= theirs[place][1]
            for low, high in self.at(order)
        )

    def meets(self, other: Moc) -> bool:
        """True if the two share a cell."""
        order = max(self.order, other.order)
        theirs = other.at(order)
        return any(
            (place := _before(theirs, high)) is not None and low <= theirs[place][1]
            for low, high in self.at(order)
        )

    def __str__(self) -> str:
        # Blanks between cells: MOC 2.0 allows commas too, mocpy 0.21 does not read them.
        written: dict[int, list[str]] = {}
        for order, low, high in _runs(sorted(self.cells)):
            written.setdefault(order, []).append(str(low) if low == high else f"{low}-{high}")
        if self.order not in written:
            written[self.order] = []
        return " ".join(f"{order}/{' '.join(runs)}" for order, runs in sorted(written.items()))


def _before(ranges: Ranges, cell: int) -> int | None:
    """The number of the last run that begins at a cell or before it."""
    place = bisect_right(ranges, (cell, healpix.npix(healpix.MAX_ORDER))) - 1
    return place if place >= 0 else None


def _runs(cells: Iterable[tuple[int, int]]) -> list[tuple[int, int, int]]:
    runs: list[tuple[int, int, int]] = []
    for order, cell in cells:
        if runs and runs[-1][0] == order and runs[-1][2] == cell - 1:
            runs[-1] = (order, runs[-1][1], cell)
        else:
            runs.append((order, cell, cell))
    return runs


def moc_of_ranges(order: int, ranges: Iterable[tuple[int, int]]) -> Moc:
    """The MOC of runs of cells of one order, in any sequence."""
    joined: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], high))
        else:
            joined.append((low, high))
    return Moc(order, tuple(joined))


@lru_cache(maxsize=256)
def moc_of_text(written: str) -> Moc:
    """The MOC of its ASCII form, such as ``4/12-15 5/6,9`` (MOC 2.0 section 4.3.2).

    Raises
    ------
    BindError
        Raised if the text is no space MOC; tells the word that does not fit.
    """
    text = written.strip()
    text = text[1:] if text[:1] in ("s", "S") else text
    order: int | None = None
    deepest = 0
    runs: list[tuple[int, int, int]] = []
    for word in re.split(r"[\s,]+", re.sub(r"/", "/ ", text)):
        if not word:
            continue
        found = _WORD.fullmatch(word)
        if found is None or (order is None and found["order"] is None):
            raise _not_a_moc(written, word)
        if found["order"] is not None:
            order = int(found["order"])
            deepest = max(deepest, order)
            if order > healpix.MAX_ORDER:
                raise BindError(f"The orders of a MOC are 0 to {healpix.MAX_ORDER}, not {order}.")
            continue
        assert order is not None
        low = int(found["low"])
        high = int(found["high"] or low)
        if not low <= high < healpix.npix(order):
            raise BindError(
                f"Order {order} has the cells 0 to {healpix.npix(order) - 1}; {word} is not among them."
            )
        runs.append((order, low, high))
    if order is None:
        raise _not_a_moc(written, written)
    if len(runs) > MAX_RANGES:
        raise BindError(f"A MOC may have {MAX_RANGES} runs of cells; this one has {len(runs)}.")
    shifted = ((low << 2 * (deepest - k), ((high + 1) << 2 * (deepest - k)) - 1) for k, low, high in runs)
    return moc_of_ranges(deepest, shifted)


_WORD = re.compile(r"(?P<order>\d{1,4})/|(?P<low>\d{1,19})(?:-(?P<high>\d{1,19}))?")


def _not_a_moc(written: str, word: str) -> BindError:
    return BindError(
        f"{written[:60]!r} is no MOC ({word[:20]!r} does not fit): write orders and cells as '4/12-15 5/6,9'."
    )
