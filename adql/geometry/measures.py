"""Area and centroid of shapes (ADQL 2.1 sections 4.2.8 and 4.2.10)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from adql.core import BOOLEAN, Expr, Op
from adql.errors import UnsupportedError
from adql.geometry.moc import Moc
from adql.geometry.outline import BULGE, SHORT, centroid, signed_area
from adql.geometry.rings import ArrayRing
from adql.geometry.scalars import (
    RADIAN,
    Scalar,
    add,
    arc_tangent,
    choose,
    compare,
    divide,
    expression,
    multiply,
    radians,
    root,
    sine,
    square,
    subtract,
)
from adql.geometry.shapes import (
    Box,
    CellOf,
    Circle,
    Listed,
    Point,
    Polygon,
    Region,
    Shape,
    box_arms,
    once,
    unfold_number,
    unlist_number,
    word_for,
)
from adql.geometry.vectors import (
    Position,
    Vector,
    between,
    chord,
    cross,
    dot,
    position_of,
    scaled,
    sum_of,
)
from adql.healpix import npix
from adql.types import DOUBLE

SQUARE_DEGREES = 1 / RADIAN**2
"""Square degrees in a steradian."""


def area(shape: Shape) -> Scalar:
    """Area of a shape [deg**2]."""
    match shape:
        case Point():
            return 0.0
        case Circle(_, radius):
            return multiply(square(sine(multiply(radians(radius), 0.5))), 4 * math.pi * SQUARE_DEGREES)
        case Polygon():
            turn = _signed_area(shape)
            size = abs(turn) if isinstance(turn, float) else Op(DOUBLE, "abs", (turn,))
            return multiply(size, SQUARE_DEGREES)
        case Box():
            across, along = box_arms(shape)
            depth = root(add(1.0, add(square(across), square(along))))
            angle = arc_tangent(multiply(across, along), depth)
            return multiply(angle, 4 * SQUARE_DEGREES)
        case Listed():
            return unlist_number(shape, area)
        case Region():
            return unfold_number(shape, area)
        case Moc():
            return shape.size * 4 * math.pi * SQUARE_DEGREES / npix(shape.order)
        case CellOf(order, _):
            return 4 * math.pi * SQUARE_DEGREES / npix(order)


def centre(shape: Shape) -> Position:
    """Centre of gravity of a shape.

    Raises
    ------
    UnsupportedError
        Raised for a MOC.
    """
    match shape:
        case Point(position):
            return position
        case Circle(middle, _) | Box(middle):
            return middle
        case Polygon(outline=known) if known is not None:
            return Position(*centroid(known))
        case Polygon() if shape.positions:
            return centre(Listed(shape.positions, "k"))
        case Polygon():
            return _balanced(shape)
        case Listed():
            return Position(
                unlist_number(shape, lambda inner: centre(inner).lon),
                unlist_number(shape, lambda inner: centre(inner).lat),
            )
        case Region():
            return Position(
                unfold_number(shape, lambda inner: centre(inner).lon),
                unfold_number(shape, lambda inner: centre(inner).lat),
            )
    raise UnsupportedError(f"CENTROID of a {word_for(shape)} is not offered.")


def _signed_area(polygon: Polygon) -> Scalar:
    """Area [sr], positive if the corners are counter-clockwise; see :func:`outline.signed_area`."""
    if polygon.outline is not None:
        return signed_area(polygon.outline.vectors)
    first = polygon.ring.first

    def excess(a: Vector, b: Vector) -> Scalar:
        turn = dot(first, cross(between(first, a), between(first, b)))
        closeness = add(add(dot(first, a), dot(a, b)), add(dot(b, first), 1.0))
        if isinstance(polygon.ring, ArrayRing):
            angle: Scalar = Op(DOUBLE, "angle_of", (expression(turn), expression(closeness)))
        else:
            angle = arc_tangent(turn, closeness)
        return multiply(angle, 2.0)

    return polygon.ring.sum_of_sides(excess)


def _balanced(polygon: Polygon) -> Position:
    """The centre of gravity of a polygon whose corners are in an array; see :func:`outline.moment`."""
    first, ring = polygon.ring.first, polygon.ring

    def part(a: Vector, b: Vector) -> Vector:
        normal = cross(a, b)
        share = dot(normal, normal)
        angle = multiply(Op(DOUBLE, "raw_asin", (expression(multiply(root(chord(a, b)), 0.5)),)), 2.0)
        series: Scalar = BULGE[2]
        for factor in BULGE[1::-1]:
            series = add(multiply(series, share), factor)
        bulge = choose(
            compare("gt", share, SHORT**2),
            subtract(divide(angle, root(share)), 1.0),
            multiply(series, share),
        )
        flat = cross(between(first, a), between(first, b))
        return sum_of((flat, scaled(normal, bulge)))

    sums = [ring.sum_of_sides(lambda a, b, axis=axis: part(a, b)[axis]) for axis in range(3)]  # type: ignore[misc]
    turn = _signed_area(polygon)

    def pointed(numbers: Sequence[Scalar]) -> Position:
        x, y, z, area = numbers
        # A ring without an area has no centre.
        sign = choose(compare("gt", area, 0.0), 1.0, compare("lt", area, 0.0), -1.0)
        return position_of((multiply(sign, x), multiply(sign, y), multiply(sign, z)))

    name = f"{ring.variable}_moment" if isinstance(ring, ArrayRing) else "moment"
    return Position(
        once(name, (*sums, turn), lambda numbers: pointed(numbers).lon),
        once(name, (*sums, turn), lambda numbers: pointed(numbers).lat),
    )


def is_unknown(shape: Shape) -> tuple[Expr, ...]:
    """Conditions of which one holds where the shape is NULL; none where it cannot be.

    Where corners are in an array or a region in a text, NULLs are found by the conditions about them.
    """
    match shape:
        case Point(position) | CellOf(_, position):
            numbers: tuple[Scalar, ...] = (position.lon, position.lat)
        case Circle(middle, radius):
            numbers = (middle.lon, middle.lat, radius)
        case Box(middle, width, height):
            numbers = (middle.lon, middle.lat, width, height)
        case Polygon() | Listed():
            numbers = tuple(angle for place in shape.positions for angle in (place.lon, place.lat))
        case _:
            numbers = ()
    return tuple(Op(BOOLEAN, "is_null", (expression(n),)) for n in numbers if not isinstance(n, float))
