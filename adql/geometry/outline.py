"""A polygon whose corners are numbers: checked, turned counter-clockwise and cut into convex pieces.

Sides are arcs of great circles. All corners lie in one half of the sky, so that the polygon is the part of it
that does not hold the other half, in whatever order the corners are given.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from adql.errors import BindError
from adql.geometry.directions import Known, angle, chord, cross, dot, less, plus, unit
from adql.geometry.vectors import angles, known_vector

_SAME = 1e-13
"""Corners nearer than this [rad] are one."""

_ROUNDING = 1e-15
"""Rounding of the coordinates of unit vectors; times the size of a polygon, of its determinants."""

_LARGEST_CUT = 64
"""Corners of the largest polygon that is cut into convex pieces."""

Corners = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Outline:
    """A simple polygon, less than half of the sky."""

    corners: Corners
    """Longitude and latitude [deg] of each corner, counter-clockwise seen from inside the sphere's sky."""
    vectors: tuple[Known, ...]
    """The unit vectors of the corners."""
    centre: Known
    """A direction with all corners less than 90 deg away."""
    pieces: tuple[tuple[Known, ...], ...]
    """Convex polygons that make it up, counter-clockwise; none where it has too many corners to cut."""

    @property
    def is_convex(self) -> bool:
        """True if it is its only piece."""
        return len(self.pieces) == 1

    @property
    def reach(self) -> float:
        """The greatest distance [deg] of a corner from the centre."""
        return math.degrees(max(angle(self.centre, vector) for vector in self.vectors))

    @property
    def edges(self) -> Iterator[tuple[Known, Known]]:
        """Pairs of neighbouring corners."""
        return zip(self.vectors, (*self.vectors[1:], self.vectors[0]), strict=True)


@lru_cache(maxsize=512)
def outline(corners: Corners) -> Outline:
    """The polygon of these corners (longitude, latitude [deg]), in either order, closed or not.

    Raises
    ------
    BindError
        Raised if they make no simple polygon that is less than half of the sky.
    """
    distinct, vectors = _distinct(corners)
    if len(distinct) < 3:
        raise BindError("A POLYGON needs three corners that are not the same place.")
    centre = _middle(vectors)
    if centre is None:
        raise BindError(
            "A POLYGON must be smaller than half of the sky: no half of the sky holds all of its corners."
        )
    _check_simple(vectors, centre)
    turn = signed_area(vectors)
    if abs(turn) < _flatness(vectors):
        raise BindError("A POLYGON needs an area: all of its corners lie on one great circle.")
    if turn < 0:
        distinct, vectors = distinct[::-1], vectors[::-1]
    return Outline(distinct, vectors, centre, _pieces(vectors))


def _distinct(corners: Corners) -> tuple[Corners, tuple[Known, ...]]:
    """Corners without those that repeat the one before."""
    vectors = [known_vector(*corner) for corner in corners]
    kept = [
        index
        for index, vector in enumerate(vectors)
        if chord(vectors[index - 1], vector) > _SAME or index == 0
    ]
    while len(kept) > 1 and chord(vectors[kept[0]], vectors[kept[-1]]) <= _SAME:
        kept.pop()
    return tuple(corners[index] for index in kept), tuple(vectors[index] for index in kept)


# Measures


def signed_area(vectors: Sequence[Known]) -> float:
    """Area [sr] of a polygon, positive if its corners are counter-clockwise: sum of spherical excesses.

    Van Oosterom and Strackee 1983, IEEE Trans. Biom. Eng. 30, 125.
    """
    first = vectors[0]
    area = 0.0
    for second, third in pairwise(vectors[1:]):
        area += 2 * math.atan2(
            determinant(first, second, third),
            1 + dot(first, second) + dot(second, third) + dot(third, first),
        )
    return area


def moment(vectors: Sequence[Known]) -> Known:
    """The integral of the unit vector over a polygon: half the sum of angle times normal of each side.

    It is written as the vector area of the flat polygon and what the curvature of the sides adds, for
    the sake of small polygons.
    """
    first = vectors[0]
    result = (0.0, 0.0, 0.0)
    for a, b in zip(vectors, (*vectors[1:], first), strict=True):
        normal = cross(a, b)
        share = dot(normal, normal)
        sine = math.sqrt(share)
        bulge = math.atan2(sine, dot(a, b)) / sine - 1 if sine > SHORT else short_bulge(share)
        flat = cross(less(a, first), less(b, first))
        result = (
            result[0] + (flat[0] + bulge * normal[0]) / 2,
            result[1] + (flat[1] + bulge * normal[1]) / 2,
            result[2] + (flat[2] + bulge * normal[2]) / 2,
        )
    return result


SHORT = 0.03
"""Sine of a side up to which its bulge is a series."""


def short_bulge(share: float) -> float:
    """What the angle of a side is longer than its sine, in parts of it, from the square of the sine."""
    return share * (BULGE[0] + share * (BULGE[1] + share * BULGE[2]))


BULGE = (1 / 6, 3 / 40, 5 / 112)
"""The series of asin(x) / x - 1 in powers of x**2."""


def centroid(shape: Outline) -> tuple[float, float]:
    """Longitude and latitude [deg] of the centre of gravity."""
    return angles(moment(shape.vectors))


def determinant(first: Known, second: Known, third: Known) -> float:
    """Positive if the third lies to the left of the arc from the first to the second."""
    return dot(first, cross(less(second, first), less(third, first)))


# Where it lies


def _middle(vectors: Sequence[Known]) -> Known | None:
    """A direction that is less than 90 deg from all; None if there is none."""
    mean = unit(tuple(map(sum, zip(*vectors, strict=True))))  # type: ignore[arg-type]
    if mean is not None and all(dot(mean, vector) > 1e-6 for vector in vectors):
        return mean
    cap = _smallest_cap(vectors)
    return cap if cap is not None and all(dot(cap, vector) > 1e-12 for vector in vectors) else None


def _smallest_cap(vectors: Sequence[Known]) -> Known | None:
    """The middle of the smallest circle around directions, if they fit into half of the sphere.

    Welzl 1991, LNCS 555, 359: in random order, a direction outside of the circle so far lies on its rim.
    """
    order = list(vectors)
    random.Random(0).shuffle(order)  # noqa: S311  # the order is for speed only
    cap, rim = order[0], order[0]
    for i, first in enumerate(order):
        if _holds(cap, rim, first):
            continue
        cap, rim = first, first
        for j, second in enumerate(order[:i]):
            if _holds(cap, rim, second):
                continue
            middle = unit(plus(first, second))
            if middle is None:
                return None
            cap, rim = middle, second
            for third in order[:j]:
                if _holds(cap, rim, third):
                    continue
                around = _through(first, second, third)
                if around is None:
                    return None
                cap, rim = around, third
    return cap


def _holds(cap: Known, rim: Known, vector: Known) -> bool:
    return dot(cap, vector) >= dot(cap, rim) - _ROUNDING


def _through(first: Known, second: Known, third: Known) -> Known | None:
    """The middle of the circle through three directions."""
    normal = unit(cross(less(second, first), less(third, first)))
    if normal is None:
        return None
    return normal if dot(normal, first) >= 0 else (-normal[0], -normal[1], -normal[2])


# Whether it is simple


def _check_simple(vectors: Sequence[Known], centre: Known) -> None:
    """Refuse sides that cross; in the gnomonic projection great circles are straight lines."""
    flat = [projected(vector, centre) for vector in vectors]
    size = len(flat)
    sides = sorted(
        ((flat[i], flat[(i + 1) % size], i) for i in range(size)),
        key=lambda side: min(side[0][0], side[1][0]),
    )
    for place, (a, b, i) in enumerate(sides):
        right = max(a[0], b[0])
        low, high = min(a[1], b[1]), max(a[1], b[1])
        for c, d, j in sides[place + 1 :]:
            if min(c[0], d[0]) > right:
                break
            if min(c[1], d[1]) > high or max(c[1], d[1]) < low or (i - j) % size in (1, size - 1):
                continue
            if _turn(a, b, c) * _turn(a, b, d) < 0 and _turn(c, d, a) * _turn(c, d, b) < 0:
                first, second = sorted((i + 1, j + 1))
                raise BindError(
                    f"Sides {first} and {second} of the POLYGON cross: give its corners in order."
                )


def projected(vector: Known, centre: Known) -> tuple[float, float]:
    """Where a direction lies in the gnomonic projection around another, less than 90 deg away."""
    east, north = tangents(centre)
    depth = dot(vector, centre)
    return dot(vector, east) / depth, dot(vector, north) / depth


def tangents(centre: Known) -> tuple[Known, Known]:
    """Two directions at right angles to a unit vector and to each other."""
    x, y, _ = centre
    level = math.hypot(x, y)
    east = (-y / level, x / level, 0.0) if level > 1e-9 else (0.0, 1.0, 0.0)
    return east, cross(centre, east)


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


# Cutting it into convex pieces


def _pieces(vectors: tuple[Known, ...]) -> tuple[tuple[Known, ...], ...]:
    """Convex polygons that cover a counter-clockwise one; none if it has too many corners."""
    if _is_convex(vectors):
        return (vectors,)
    if len(vectors) > _LARGEST_CUT:
        return ()
    triangles = _triangles(vectors)
    return () if triangles is None else tuple(map(tuple, _merged(triangles)))


def _is_convex(vectors: Sequence[Known]) -> bool:
    size, flat = len(vectors), _flatness(vectors)
    return all(determinant(vectors[i - 1], vectors[i], vectors[(i + 1) % size]) >= -flat for i in range(size))


def _flatness(vectors: Sequence[Known]) -> float:
    """The determinant of three corners below which they lie on one great circle."""
    return _ROUNDING * max(chord(vectors[0], vector) for vector in vectors)


def _triangles(vectors: tuple[Known, ...]) -> list[list[Known]] | None:
    """Cut off ears, corners whose neighbours can be joined inside; None if rounding leaves none."""
    left, flat = list(vectors), _flatness(vectors)
    triangles = []
    while len(left) > 3:
        for i in range(len(left)):
            before, tip, after = left[i - 1], left[i], left[(i + 1) % len(left)]
            turn = determinant(before, tip, after)
            if abs(turn) <= flat:
                del left[i]
                break
            if turn > 0 and not any(
                _in_triangle((before, tip, after), other, flat)
                for other in left
                if other is not before and other is not tip and other is not after
            ):
                triangles.append([before, tip, after])
                del left[i]
                break
        else:
            return None
    if abs(determinant(left[0], left[1], left[2])) > flat:
        triangles.append(left)
    return triangles


def _in_triangle(triangle: Sequence[Known], point: Known, flat: float) -> bool:
    return all(determinant(triangle[i - 1], triangle[i], point) >= -flat for i in range(3))


def _merged(pieces: list[list[Known]]) -> list[list[Known]]:
    """Pieces joined over a common side where they stay convex (Hertel and Mehlhorn 1983, LNCS 158, 207)."""
    merged = True
    while merged:
        merged = False
        for i, first in enumerate(pieces):
            for j in range(i + 1, len(pieces)):
                joined = _joined(first, pieces[j])
                if joined is not None and _is_convex(joined):
                    pieces[i] = joined
                    del pieces[j]
                    merged = True
                    break
            if merged:
                break
    return pieces


def _joined(first: list[Known], second: list[Known]) -> list[Known] | None:
    """Two polygons with a common side as one."""
    for i, a in enumerate(first):
        b = first[(i + 1) % len(first)]
        for k, c in enumerate(second):
            if c is b and second[(k + 1) % len(second)] is a:
                others = [second[(k + 2 + n) % len(second)] for n in range(len(second) - 2)]
                return [*first[: i + 1], *others, *first[i + 1 :]]
    return None
