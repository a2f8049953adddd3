"""Which HEALPix cells a region overlaps: MOCs of circles and polygons, and how they lie to other MOCs.

The borders of a cell are no great circles. Each is followed between places on it that are so near to each
other that it cannot be farther from the arc between them than a bound; where that does not tell, halfway.
So what is said holds to the rounding of an angle, some 1e-15 rad, for cells of any order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

from adql import healpix
from adql.errors import LimitError
from adql.geometry.directions import Arc, Known, angle, angle_of, dot
from adql.geometry.moc import MAX_RANGES, Moc
from adql.geometry.outline import Outline, projected
from adql.geometry.shapes import Circle, Polygon
from adql.geometry.vectors import angles, known_vector

_REACH = 1.07
"""No place of a cell is farther [rad] from its centre than this over nside; the limit is 1.069."""

_BULGE = 0.25
"""No part of a border is farther [rad] from the arc between its ends than this times the square of the part's
share of the border, over nside: it is 0.193 at the poles, less elsewhere."""

_ROUNDING = 1e-15
"""Rounding of an angle [rad]."""

SLACK = 1e-13
"""What may stick out [rad] of a shape that holds another: above all rounding."""

_SIDES_A_STEP = 4
"""Sides of a polygon that are asked in the time that a cell takes by itself."""


@dataclass
class Allowance:
    """How many HEALPix cells a query may still have looked at."""

    cells: int
    _known: dict[tuple[int, Patch], Moc] = field(default_factory=dict)

    def spend(self, cells: int) -> None:
        """Look at so many cells.

        Raises
        ------
        LimitError
            Raised if these are more than are left.
        """
        self.cells -= cells
        if self.cells < 0:
            raise LimitError(
                "The MOCs of this query take more HEALPix cells than a query may look at: "
                "take a lower order or a smaller region."
            )

    def cover(self, order: int, region: Patch) -> Moc:
        """The MOC of a region; asked for again, it costs nothing."""
        key = (order, region)
        if key not in self._known:
            self._known[key] = _covered(order, region, self)
        return self._known[key]


class Patch(Protocol):
    """A part of the sky in one piece, to be drawn in cells."""

    @property
    def inside(self) -> tuple[float, float] | None:
        """Longitude and latitude [deg] of a place in it; None if it is larger than any cell."""
        ...

    @property
    def cost(self) -> int:
        """How many cells a question is worth."""
        ...

    def from_rim(self, place: Known) -> float:
        """How far [rad] a place is outside; negative inside."""
        ...

    def gap(self, border: Arc) -> float:
        """How far [rad] it is from an arc; 0 or less where they meet."""
        ...

    def is_met(self, border: Arc) -> bool:
        """True if an arc that touches it is more than a touch."""
        ...


@dataclass(frozen=True, slots=True)
class Disc:
    """A circle."""

    centre: tuple[float, float]
    """Longitude and latitude [deg]."""
    radius: float
    """Radius [rad]."""

    @property
    def inside(self) -> tuple[float, float] | None:
        """See :class:`Patch`."""
        return self.centre

    @property
    def cost(self) -> int:
        """See :class:`Patch`."""
        return 1

    @property
    def is_sky(self) -> bool:
        """True if nothing is outside."""
        return self.radius >= math.pi

    def from_rim(self, place: Known) -> float:
        """See :class:`Patch`."""
        return angle(known_vector(*self.centre), place) - self.radius

    def gap(self, border: Arc) -> float:
        """See :class:`Patch`."""
        return border.distance(known_vector(*self.centre)) - self.radius

    def is_met(self, border: Arc) -> bool:
        """See :class:`Patch`."""
        return True

    def shrunk(self, by: float) -> Disc:
        """The circle with a smaller radius, by an angle [rad]."""
        return Disc(self.centre, max(0.0, self.radius - by))

    def rest(self) -> Disc:
        """What is not in it, and its rim."""
        lon, lat = self.centre
        return Disc((lon + 180, -lat), math.pi - self.radius)


class Area:
    """A polygon, or what is outside of one."""

    def __init__(self, outline: Outline, *, is_rest: bool = False, less: float = 0.0) -> None:
        self.outline = outline
        self.is_rest = is_rest
        self.less = less
        """How much [rad] it is smaller than the polygon or its rest."""
        self.arcs = tuple(Arc(a, b) for a, b in outline.edges)
        self._pieces = tuple(
            tuple(Arc(a, b) for a, b in zip(piece, (*piece[1:], piece[0]), strict=True))
            for piece in outline.pieces
        )
        flat = [] if outline.pieces else [projected(vector, outline.centre) for vector in outline.vectors]
        self._sides = tuple(zip(flat, (*flat[1:], *flat[:1]), strict=True))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Area) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[Outline, bool, float]:
        return self.outline, self.is_rest, self.less

    @property
    def inside(self) -> tuple[float, float] | None:
        """See :class:`Patch`."""
        if self.is_rest:
            return None
        if not self._pieces:
            return self.outline.corners[0]
        first, *others = self.outline.pieces[0]
        return angles(
            (
                sum(v[0] for v in (first, *others)),
                sum(v[1] for v in (first, *others)),
                sum(v[2] for v in (first, *others)),
            )
        )

    @property
    def cost(self) -> int:
        """See :class:`Patch`."""
        return 1 + len(self.arcs) // _SIDES_A_STEP

    is_sky = False
    """True if nothing is outside."""

    def from_rim(self, place: Known) -> float:
        """See :class:`Patch`."""
        away = angle_of(min(arc.nearness(place) for arc in self.arcs))
        return (-away if self._holds(place) != self.is_rest else away) + self.less

    def gap(self, border: Arc) -> float:
        """See :class:`Patch`."""
        if self._holds(border.a) != self.is_rest:
            return 0.0
        return angle_of(min(arc.between(border) for arc in self.arcs))

    def is_met(self, border: Arc) -> bool:
        """See :class:`Patch`."""
        return not self.less or any(arc.crosses(border, 2 * self.less) for arc in self.arcs)

    def shrunk(self, by: float) -> Area:
        """The same less a margin [rad] along its rim."""
        return Area(self.outline, is_rest=self.is_rest, less=self.less + by)

    def rest(self) -> Area:
        """What is not in it, and its rim."""
        return Area(self.outline, is_rest=not self.is_rest)

    def _holds(self, place: Known) -> bool:
        if self._pieces:
            return any(all(dot(arc.left, place) >= 0 for arc in piece) for piece in self._pieces)
        return self._winds(place)

    def _winds(self, place: Known) -> bool:
        """True if a line from a place crosses an odd number of sides, in the gnomonic projection."""
        if dot(self.outline.centre, place) <= 0:
            return False
        x, y = projected(place, self.outline.centre)
        odd = False
        for (a, b), (c, d) in self._sides:
            if (b > y) != (d > y) and x < a + (c - a) * (y - b) / (d - b):
                odd = not odd
        return odd


def patch_of(shape: Circle | Polygon) -> Disc | Area | None:
    """A circle or a polygon as a place to draw; None if a part of it is not known."""
    if isinstance(shape, Polygon):
        return None if shape.outline is None else Area(shape.outline)
    lon, lat, radius = shape.centre.lon, shape.centre.lat, shape.radius
    if isinstance(lon, float) and isinstance(lat, float) and isinstance(radius, float):
        return Disc((lon, lat), math.radians(radius))
    return None


def covers(moc: Moc, region: Disc | Area, allowance: Allowance) -> bool:
    """True if a region lies in a MOC."""
    return not meets(moc.rest, region.shrunk(SLACK), allowance)


def lies_in(moc: Moc, region: Disc | Area, allowance: Allowance) -> bool:
    """True if a MOC lies in a region."""
    return region.is_sky or not meets(moc, region.rest().shrunk(SLACK), allowance)


def cells_in(order: int, region: Disc | Area, allowance: Allowance) -> Moc:
    """The cells of an order that lie in a region."""
    if region.is_sky:
        return Moc(order, ()).rest
    return allowance.cover(order, region.rest().shrunk(SLACK)).rest


def meets(moc: Moc, region: Patch, allowance: Allowance) -> bool:
    """True if a MOC and a region have a place in common."""
    stack = [(0, face) for face in range(12)]
    while stack:
        order, cell = stack.pop()
        share = moc.share(order, cell)
        if share == 0:
            continue
        allowance.spend(region.cost)
        away = region.from_rim(known_vector(*healpix.centre(order, cell)))
        if away > _REACH / (1 << order):
            continue
        if share < 1:
            stack += ((order + 1, 4 * cell + part) for part in range(4))
        elif _overlaps(order, cell, region, allowance):
            return True
    return False


def _covered(order: int, region: Patch, allowance: Allowance) -> Moc:
    """All cells of an order that overlap a region (MOC 2.0 section 3.1), from the largest cells downwards."""
    runs: list[tuple[int, int]] = []
    stack = [(0, face) for face in reversed(range(12))]
    while stack:
        depth, cell = stack.pop()
        allowance.spend(region.cost)
        away = region.from_rim(known_vector(*healpix.centre(depth, cell)))
        reach = _REACH / (1 << depth)
        if away > reach:
            continue
        if away > -reach and depth < order:
            stack += ((depth + 1, 4 * cell + part) for part in (3, 2, 1, 0))
        elif away <= -reach or _overlaps(depth, cell, region, allowance):
            shift = 2 * (order - depth)
            low, high = cell << shift, ((cell + 1) << shift) - 1
            if runs and runs[-1][1] == low - 1:
                low = runs.pop()[0]
            runs.append((low, high))
            if len(runs) > MAX_RANGES:
                raise LimitError(
                    f"A MOC may have {MAX_RANGES} runs of cells; this one of order {order} has more: "
                    "take a lower order or a smaller region."
                )
    return Moc(order, tuple(runs))


def _overlaps(order: int, cell: int, region: Patch, allowance: Allowance) -> bool:
    """True if a cell and a region have a place in common, be it on their borders."""
    inside = region.inside
    if inside is not None and healpix.index(order, *inside) == cell:
        return True
    corners = [healpix.point_in(order, cell, *corner) for corner in _CORNERS]
    vectors = [known_vector(*corner) for corner in corners]
    if any(region.from_rim(vector) <= _ROUNDING for vector in vectors):
        return True
    return any(
        _border_meets(
            _Border(order, cell, _CORNERS[i - 1], _CORNERS[i]),
            vectors[i - 1],
            vectors[i],
            0.0 if _is_meridian(corners[i - 1], corners[i]) else _BULGE / (1 << order),
            region,
            allowance,
        )
        for i in range(4)
    )


_CORNERS = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


def _is_meridian(a: tuple[float, float], b: tuple[float, float]) -> bool:
    """True for a border between two of the twelve largest cells at a pole: it is an arc itself."""
    turn = abs(a[0] - b[0]) % 360
    return min(turn, 360 - turn) < 1e-11 or max(abs(a[1]), abs(b[1])) == 90


@dataclass(frozen=True, slots=True)
class _Border:
    """A side of a cell."""

    order: int
    cell: int
    begin: tuple[float, float]
    end: tuple[float, float]

    def vector(self, part: float) -> Known:
        """The place on it after a part of its way."""
        across, along = (a + part * (b - a) for a, b in zip(self.begin, self.end, strict=True))
        return known_vector(*healpix.point_in(self.order, self.cell, across, along))


def _border_meets(
    border: _Border, begin: Known, end: Known, bulge: float, region: Patch, allowance: Allowance
) -> bool:
    """True if a side of a cell, whose ends are outside of a region, has a place in it."""
    stack = [(0.0, begin, 1.0, end, bulge)]
    while stack:
        low, first, high, last, bulge = stack.pop()
        allowance.spend(region.cost)
        arc = Arc(first, last)
        if region.gap(arc) > bulge + _ROUNDING:
            continue
        if bulge <= _ROUNDING:
            if region.is_met(arc):
                return True
            if bulge or high - low < _SHORTEST:
                continue
        half = (low + high) / 2
        middle = border.vector(half)
        if region.from_rim(middle) <= _ROUNDING:
            return True
        stack += ((low, first, half, middle, bulge / 4), (half, middle, high, last, bulge / 4))
    return False


_SHORTEST = 1 / 64
"""Part of a border that is an arc itself below which what only touches it is not looked for inside."""
