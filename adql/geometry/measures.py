"""Area and centroid of shapes (ADQL 2.1 sections 4.2.8 and 4.2.10)."""

from __future__ import annotations

import math

from adql.core import BOOLEAN, Expr, Op
from adql.errors import UnsupportedError
from adql.geometry.moc import Moc
from adql.geometry.outline import centroid, signed_area
from adql.geometry.relations import word_for
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
    negative,
    radians,
    root,
    sine,
    square,
    subtract,
)
from adql.geometry.shapes import CellOf, Circle, Point, Polygon, Region, Shape, unfold_number
from adql.geometry.vectors import (
    Position,
    Vector,
    between,
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
        case Circle(middle, _):
            return middle
        case Polygon():
            if shape.outline is not None:
                return Position(*centroid(shape.outline))
            return position_of(_moment(shape))
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
        return multiply(arc_tangent(turn, closeness), 2.0)

    return polygon.ring.sum_of_sides(excess)


def _moment(polygon: Polygon) -> Vector:
    """The integral of the unit vector over a polygon; see :func:`outline.moment`."""
    first, ring = polygon.ring.first, polygon.ring
    turn = _signed_area(polygon)

    def part(a: Vector, b: Vector) -> Vector:
        normal = cross(a, b)
        length = root(dot(normal, normal))
        angle = arc_tangent(length, dot(a, b))
        bulge = choose(compare("gt", length, 0.0), subtract(divide(angle, length), 1.0), 0.0)
        flat = cross(between(first, a), between(first, b))
        return sum_of((flat, scaled(normal, bulge)))

    whole = (
        ring.sum_of_sides(lambda a, b: part(a, b)[0]),
        ring.sum_of_sides(lambda a, b: part(a, b)[1]),
        ring.sum_of_sides(lambda a, b: part(a, b)[2]),
    )
    x, y, z = (choose(compare("ge", turn, 0.0), axis, negative(axis)) for axis in whole)
    return x, y, z


def is_unknown(shape: Shape) -> tuple[Expr, ...]:
    """Conditions of which one holds where the shape is NULL; none where it cannot be.

    Where corners are in an array or a region in a text, NULLs are found by the conditions about them.
    """
    match shape:
        case Point(position) | CellOf(_, position):
            numbers: tuple[Scalar, ...] = (position.lon, position.lat)
        case Circle(middle, radius):
            numbers = (middle.lon, middle.lat, radius)
        case Polygon():
            numbers = tuple(angle for place in shape.positions for angle in (place.lon, place.lat))
        case _:
            numbers = ()
    return tuple(Op(BOOLEAN, "is_null", (expression(n),)) for n in numbers if not isinstance(n, float))
