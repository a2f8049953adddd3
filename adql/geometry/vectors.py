"""Positions on the sphere, as angles and as unit vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from adql.core import Op
from adql.geometry.directions import Known
from adql.geometry.scalars import (
    RADIAN,
    Condition,
    Scalar,
    add,
    arc_tangent,
    choose,
    compare,
    cosine,
    degrees,
    every,
    expression,
    is_known,
    multiply,
    negative,
    radians,
    root,
    sine,
    square,
    subtract,
    total,
)
from adql.types import DOUBLE

Vector = tuple[Scalar, Scalar, Scalar]
"""Towards (lon 0, lat 0), (lon 90, lat 0) and the north pole."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place on the sphere."""

    lon: Scalar
    """Longitude [deg]."""
    lat: Scalar
    """Latitude [deg]."""

    @property
    def is_known(self) -> bool:
        """True if both angles are numbers."""
        return is_known(self.lon, self.lat)

    @property
    def vector(self) -> Vector:
        """The unit vector towards it."""
        lon, lat = radians(self.lon), radians(self.lat)
        level = cosine(lat)
        return multiply(level, cosine(lon)), multiply(level, sine(lon)), sine(lat)


def known_vector(lon: float, lat: float) -> Known:
    """The unit vector towards a place [deg]."""
    level = math.cos(lat * RADIAN)
    return level * math.cos(lon * RADIAN), level * math.sin(lon * RADIAN), math.sin(lat * RADIAN)


def angles(vector: Known) -> tuple[float, float]:
    """Longitude from 0 to 360 and latitude [deg] of a vector of any length."""
    x, y, z = vector
    lon = math.atan2(y, x) / RADIAN
    return lon if lon >= 0 else lon + 360, math.atan2(z, math.hypot(x, y)) / RADIAN


def position_of(vector: Vector) -> Position:
    """Where a vector of any length points to; longitude from 0 to 360."""
    x, y, z = vector
    if isinstance(x, float) and isinstance(y, float) and isinstance(z, float):
        return Position(*angles((x, y, z)))
    lon = degrees(arc_tangent(y, x))
    level = root(add(square(x), square(y)))
    turned = choose(compare("lt", lon, 0.0), add(lon, 360.0), lon)
    return Position(turned, degrees(arc_tangent(z, level)))


def dot(first: Vector, second: Vector) -> Scalar:
    """Scalar product."""
    return total(multiply(a, b) for a, b in zip(first, second, strict=True))


def dot_position(vector: Vector, position: Position) -> Scalar:
    """Scalar product with the unit vector of a position; of a known vector in three sines and cosines."""
    x, y, z = vector
    if position.is_known or not (isinstance(x, float) and isinstance(y, float)):
        return dot(vector, position.vector)
    lon, lat = radians(position.lon), radians(position.lat)
    level = math.hypot(x, y)
    along = multiply(multiply(level, cosine(lat)), cosine(subtract(lon, math.atan2(y, x))))
    return add(along, multiply(z, sine(lat)))


def cross(first: Vector, second: Vector) -> Vector:
    """Vector product."""
    (a, b, c), (d, e, f) = first, second
    return (
        subtract(multiply(b, f), multiply(c, e)),
        subtract(multiply(c, d), multiply(a, f)),
        subtract(multiply(a, e), multiply(b, d)),
    )


def scaled(vector: Vector, factor: Scalar) -> Vector:
    """The vector times a number."""
    x, y, z = vector
    return multiply(x, factor), multiply(y, factor), multiply(z, factor)


def sum_of(vectors: Sequence[Vector]) -> Vector:
    """Sum of vectors."""
    return (
        total(vector[0] for vector in vectors),
        total(vector[1] for vector in vectors),
        total(vector[2] for vector in vectors),
    )


def between(first: Vector, second: Vector) -> Vector:
    """The second less the first."""
    (a, b, c), (d, e, f) = first, second
    return subtract(d, a), subtract(e, b), subtract(f, c)


def haversine(first: Position, second: Position) -> Scalar:
    """Square of the sine of half the distance of two positions, 0 to 1.

    Haversine, not acos of the scalar product: exact for small distances.
    """
    half = RADIAN / 2
    north = square(sine(multiply(subtract(first.lat, second.lat), half)))
    east = square(sine(multiply(subtract(first.lon, second.lon), half)))
    return add(north, multiply(multiply(cosine(radians(first.lat)), cosine(radians(second.lat))), east))


def distance(first: Position, second: Position) -> Scalar:
    """Angular distance [deg] of two positions (ADQL 2.1 section 4.2.16, DISTANCE)."""
    share = haversine(first, second)
    if isinstance(share, float):
        return 2 / RADIAN * math.asin(math.sqrt(min(1.0, share)))
    angle = multiply(Op(DOUBLE, "raw_asin", (expression(root(share)),)), 2 / RADIAN)
    # Rounding may lift the square above 1 for opposite positions; LEAST would make 1 of a NULL.
    return choose(compare("lt", share, 1.0), angle, compare("ge", share, 1.0), 180.0)


def is_nearer(first: Position, second: Position, radius: Scalar, comparison: str = "le") -> Condition:
    """``distance <comparison> radius`` [deg] for ``le`` or ``lt``, without an inverse function."""
    share = haversine(first, second)
    if isinstance(radius, float):
        if radius < 0 or (radius == 0 and comparison == "lt"):
            return False
        if radius > 180 or (radius == 180 and comparison == "le"):
            return True
        return compare(comparison, share, math.sin(radius * RADIAN / 2) ** 2)
    limit = choose(
        compare("ge", radius, 180.0),
        2.0,
        compare("ge", radius, 0.0),
        square(sine(multiply(radius, RADIAN / 2))),
        compare("lt", radius, 0.0),
        -1.0,
    )
    return compare(comparison, share, limit)


def chord(first: Vector, second: Vector) -> Scalar:
    """Square of the straight distance of two points of the unit sphere: 4 sin**2 of half the angle."""
    return total(square(step) for step in between(first, second))


def opposite_of(position: Position) -> Position:
    """The antipode."""
    return Position(add(position.lon, 180.0), negative(position.lat))


def all_known(vectors: Sequence[Vector]) -> bool:
    """True if all are numbers."""
    return all(is_known(*vector) for vector in vectors)


def is_same(first: Vector, second: Vector, tolerance: float) -> Condition:
    """True if two unit vectors are nearer than a small angle [rad]."""
    return every((compare("le", chord(first, second), tolerance * tolerance),))
