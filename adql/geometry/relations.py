"""CONTAINS and INTERSECTS of every pair of shapes, as conditions (ADQL 2.1 sections 4.2.11 and 4.2.18).

A place on the rim of a shape is in it, to the rounding of the angles.
"""

from __future__ import annotations

from collections.abc import Sequence

from adql.errors import UnsupportedError
from adql.geometry.directions import Known
from adql.geometry.scalars import (
    Condition,
    Scalar,
    add,
    compare,
    cosine,
    divide,
    every,
    multiply,
    negative,
    opposite,
    radians,
    root,
    sine,
    some,
    square,
    subtract,
)
from adql.geometry.shapes import (
    Box,
    Circle,
    Listed,
    Point,
    Polygon,
    Region,
    Shape,
    box_arms,
    unfold,
    unlist,
    word_for,
)
from adql.geometry.vectors import (
    Position,
    Vector,
    between,
    chord,
    cross,
    dot,
    dot_position,
    is_nearer,
    opposite_of,
    scaled,
)

TOLERANCE = 1e-14
"""How far [rad] outside of a side a place may lie to be on it: some times the rounding of an angle."""

_NOTHING = 4e-15
"""Determinants of unit vectors below this are zero to rounding."""

_FLAT_OR = 8
"""Up to so many runs of cells are tried one after the other, more by halving."""


def contains(inner: Shape, outer: Shape) -> Condition:
    """The condition that one shape lies in another.

    Raises
    ------
    UnsupportedError
        Raised for a pair of shapes that is not offered.
    """
    if isinstance(inner, Region):
        return unfold(inner, lambda shape: contains(shape, outer))
    if isinstance(outer, Region):
        return unfold(outer, lambda shape: contains(inner, shape))
    if isinstance(inner, Point) and isinstance(outer, Box):
        return _box_holds(outer, inner.position)
    if isinstance(inner, Box | Listed):
        return unlist(inner, lambda shape: contains(shape, outer))
    if isinstance(outer, Box | Listed):
        return unlist(outer, lambda shape: contains(inner, shape))
    match inner, outer:
        case Point(position), Circle(centre, radius):
            return is_nearer(position, centre, radius)
        case Point(position), Polygon():
            return polygon_holds(outer, position)
        case Point(position), Point(other):
            return is_nearer(position, other, 0.0)
        case Circle(centre, radius), Circle(other, bound):
            return some((compare("ge", bound, 180.0), is_nearer(centre, other, subtract(bound, radius))))
        case Circle(centre, radius), Point(other):
            return is_nearer(centre, other, subtract(0.0, radius))
        case Circle(centre, radius), Polygon():
            return _circle_in_polygon(centre, radius, outer)
        case Polygon(), Circle(centre, radius):
            return _polygon_in_circle(inner, centre, radius)
        case Polygon(), Point(position):
            return _polygon_in_circle(inner, position, 0.0)
        case Polygon(), Polygon():
            return _polygon_in_polygon(inner, outer)
    raise UnsupportedError(f"CONTAINS of a {word_for(inner)} in a {word_for(outer)} is not offered.")


def intersects(first: Shape, second: Shape) -> Condition:
    """The condition that two shapes share a place.

    Raises
    ------
    UnsupportedError
        Raised for a pair of shapes that is not offered.
    """
    if isinstance(first, Region):
        return unfold(first, lambda shape: intersects(shape, second))
    if isinstance(second, Region):
        return unfold(second, lambda shape: intersects(first, shape))
    if isinstance(first, Point):
        return contains(first, second)
    if isinstance(second, Point):
        return contains(second, first)
    if isinstance(first, Box | Listed):
        return unlist(first, lambda shape: intersects(shape, second))
    if isinstance(second, Box | Listed):
        return unlist(second, lambda shape: intersects(first, shape))
    match first, second:
        case Circle(centre, radius), Circle(other, bound):
            return is_nearer(centre, other, add(radius, bound))
        case Circle(centre, radius), Polygon():
            return _circle_meets_polygon(centre, radius, second)
        case Polygon(), Circle(centre, radius):
            return _circle_meets_polygon(centre, radius, first)
        case Polygon(), Polygon():
            return _polygons_meet(first, second)
    raise UnsupportedError(f"INTERSECTS of a {word_for(first)} and a {word_for(second)} is not offered.")


# Places in polygons


def polygon_holds(polygon: Polygon, position: Position) -> Condition:
    """True if a position lies in a polygon."""
    if polygon.outline is not None and polygon.outline.pieces:
        return some(_piece_holds(piece, position) for piece in polygon.outline.pieces)
    return _ring_holds(polygon, position.vector)


def _box_holds(box: Box, position: Position) -> Condition:
    """True if a position is in a box: in the gnomonic projection around its centre, a rectangle."""
    turn = radians(subtract(position.lon, box.centre.lon))
    lat, middle = radians(position.lat), radians(box.centre.lat)
    level = multiply(cosine(lat), cosine(turn))
    east = multiply(cosine(lat), sine(turn))
    north = subtract(multiply(cosine(middle), sine(lat)), multiply(sine(middle), level))
    depth = add(multiply(sine(middle), sine(lat)), multiply(cosine(middle), level))
    across, along = box_arms(box)
    limits = (
        (east, add(multiply(across, depth), TOLERANCE)),
        (north, add(multiply(along, depth), TOLERANCE)),
    )
    tests = [compare("gt", depth, 0.0)]
    for place, limit in limits:
        tests += [compare("le", place, limit), compare("ge", place, negative(limit))]
    return every(tests)


def _piece_holds(piece: Sequence[Known], position: Position) -> Condition:
    """A convex polygon is what lies to the left of all of its sides."""
    sides = zip(piece, (*piece[1:], piece[0]), strict=True)
    return every(compare("ge", dot_position(_normal(a, b), position), -TOLERANCE) for a, b in sides)


def _normal(a: Known, b: Known) -> Vector:
    """The unit vector at right angles to a side, to its left."""
    normal = cross(a, between(a, b))
    return scaled(normal, divide(1.0, root(dot(normal, normal))))


def _ring_holds(polygon: Polygon, place: Vector) -> Condition:
    """A place is in a polygon if it is in an odd number of the triangles that a corner makes with the sides.

    All of the triangles lie in the half of the sky that holds the corners. The two that share a line from the
    first corner split it by the same number, so that no place on it counts twice or not at all.
    """
    first = polygon.ring.first
    inside = polygon.ring.odd_sides(lambda a, b: _in_triangle(first, a, b, place))
    return some((inside, _on_rim(polygon, place)))


def _in_triangle(first: Vector, a: Vector, b: Vector, place: Vector) -> Condition:
    turn = dot(first, cross(between(first, a), between(first, b)))
    onward, across, back = (
        dot(cross(first, a), place),
        dot(cross(a, b), place),
        dot(cross(b, first), place),
    )
    left = (compare("ge", onward, 0.0), compare("ge", across, 0.0), compare("gt", back, 0.0))
    right = (compare("lt", onward, 0.0), compare("lt", across, 0.0), compare("le", back, 0.0))
    return some((every((compare("gt", turn, 0.0), *left)), every((compare("lt", turn, 0.0), *right))))


def _on_rim(polygon: Polygon, place: Vector) -> Condition:
    return polygon.ring.some_side(lambda a, b: _on_side(a, b, place))


def _on_side(a: Vector, b: Vector, place: Vector) -> Condition:
    """True if a place is on an arc: on its great circle, no farther from an end than the other end is."""
    offset = dot(cross(a, b), place)
    length = add(multiply(chord(a, b), 1 + 1e-12), _NOTHING * _NOTHING)
    return every(
        (
            compare("le", offset, _NOTHING),
            compare("ge", offset, -_NOTHING),
            compare("le", chord(a, place), length),
            compare("le", chord(b, place), length),
        )
    )


# Circles and polygons


def _circle_in_polygon(centre: Position, radius: Scalar, polygon: Polygon) -> Condition:
    outline = polygon.outline
    if outline is not None and outline.is_convex:
        reach = subtract(sine(radians(radius)), TOLERANCE)
        sides = tuple(compare("ge", dot_position(_normal(a, b), centre), reach) for a, b in outline.edges)
        return every((compare("le", radius, 90.0), *sides))
    smaller = subtract(radius, TOLERANCE)
    return every(
        (
            compare("le", radius, 90.0),
            polygon_holds(polygon, centre),
            opposite(polygon.ring.some_side(lambda a, b: _side_is_near(a, b, centre, smaller))),
        )
    )


def _circle_meets_polygon(centre: Position, radius: Scalar, polygon: Polygon) -> Condition:
    return some(
        (
            polygon_holds(polygon, centre),
            polygon.ring.some_side(lambda a, b: _side_is_near(a, b, centre, radius)),
        )
    )


def _polygon_in_circle(polygon: Polygon, centre: Position, radius: Scalar) -> Condition:
    """A circle up to 90 deg is convex: it holds a polygon if it holds the corners. A larger one holds what
    its complement, a circle around the antipode, does not meet.
    """
    limit = square(multiply(sine(multiply(radians(radius), 0.5)), 2.0))
    middle = centre.vector
    corners = polygon.ring.every_corner(lambda corner: compare("le", chord(corner, middle), limit))
    if isinstance(radius, float) and radius <= 90:
        return corners
    rest = _circle_meets_polygon(opposite_of(centre), subtract(180.0 - TOLERANCE, radius), polygon)
    if isinstance(radius, float):
        return True if radius >= 180 else opposite(rest)
    return some(
        (
            every((compare("le", radius, 90.0), corners)),
            every((compare("gt", radius, 90.0), opposite(rest))),
            compare("ge", radius, 180.0),
        )
    )


def _side_is_near(a: Vector, b: Vector, place: Position, radius: Scalar) -> Condition:
    """True if an arc comes as near as a radius [deg]: an end of it, or the foot of the perpendicular."""
    limit = square(multiply(sine(multiply(radians(radius), 0.5)), 2.0))
    vector = place.vector
    normal = cross(a, between(a, b))
    height = square(dot_position(normal, place))
    low = multiply(square(sine(radians(radius))), dot(normal, normal))
    foot = every(
        (
            compare("ge", dot_position(cross(normal, a), place), 0.0),
            compare("le", dot_position(cross(normal, b), place), 0.0),
            some((compare("ge", radius, 90.0), compare("le", height, low))),
        )
    )
    ends = some(
        (
            compare("le", chord(a, vector), limit),
            compare("le", chord(b, vector), limit),
            compare("ge", radius, 180.0),
        )
    )
    return every((compare("ge", radius, 0.0), some((foot, ends))))


# Two polygons


def _polygon_in_polygon(inner: Polygon, outer: Polygon) -> Condition:
    corners = inner.ring.every_corner(lambda corner: _holds_vector(outer, corner))
    if outer.outline is not None and outer.outline.is_convex:
        return corners
    return every(
        (
            corners,
            opposite(_sides_cross(inner, outer)),
            # A notch of the outer one that the inner one bridges has a corner inside it.
            opposite(outer.ring.some_corner(lambda corner: _holds_within(inner, corner))),
        )
    )


def _polygons_meet(first: Polygon, second: Polygon) -> Condition:
    return some(
        (
            first.ring.some_corner(lambda corner: _holds_vector(second, corner)),
            second.ring.some_corner(lambda corner: _holds_vector(first, corner)),
            _sides_cross(first, second),
        )
    )


def _holds_vector(polygon: Polygon, place: Vector) -> Condition:
    if polygon.outline is not None and polygon.outline.pieces:
        return some(
            every(
                compare("ge", dot(_normal(a, b), place), -TOLERANCE)
                for a, b in zip(piece, (*piece[1:], piece[0]), strict=True)
            )
            for piece in polygon.outline.pieces
        )
    return _ring_holds(polygon, place)


def _holds_within(polygon: Polygon, place: Vector) -> Condition:
    """True if a place lies in a polygon and not on its rim."""
    return every((_holds_vector(polygon, place), opposite(_on_rim(polygon, place))))


def _sides_cross(first: Polygon, second: Polygon) -> Condition:
    return first.ring.some_side(lambda a, b: second.ring.some_side(lambda c, d: _arcs_cross(a, b, c, d)))


def _arcs_cross(a: Vector, b: Vector, c: Vector, d: Vector) -> Condition:
    """True if two arcs cross at a place that is no end of either: each parts the ends of the other, seen
    from the same side of the sphere.
    """
    first, second = cross(a, b), cross(c, d)
    turns = (dot(first, c), dot(first, d), dot(second, a), dot(second, b))
    signs = (-1.0, 1.0, 1.0, -1.0)
    rightward = every(
        compare("gt" if sign > 0 else "lt", turn, sign * _NOTHING)
        for turn, sign in zip(turns, signs, strict=True)
    )
    leftward = every(
        compare("lt" if sign > 0 else "gt", turn, -sign * _NOTHING)
        for turn, sign in zip(turns, signs, strict=True)
    )
    return some((rightward, leftward))
