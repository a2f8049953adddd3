"""Geometry on the sphere as plain arithmetic: one meaning on every engine.

Every function here takes and gives :mod:`adql.core` expressions; angles are in degrees, positions ICRS.
What is constant is computed here, so that an engine evaluates as little as it can for each row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from adql.core import BOOLEAN, Expr, Op, constant
from adql.errors import UnsupportedError
from adql.types import DOUBLE
from adql.values import integer, number

RADIAN = math.pi / 180

MARGIN = 1e-9
"""Degrees by which a box around a circle is wider than need be, far above any rounding error."""


def haversine(first: Sequence[Expr], second: Sequence[Expr]) -> Expr:
    """Square of the sine of half the distance of two positions (longitude, latitude), 0 to 1.

    Haversine, not acos of the dot product: exact for small distances.
    """
    (lon1, lat1), (lon2, lat2) = first, second
    return _sum(
        _square(_sine(_half_difference(lat1, lat2))),
        _times(_times(_cosine(lat1), _cosine(lat2)), _square(_sine(_half_difference(lon1, lon2)))),
    )


def distance(first: Sequence[Expr], second: Sequence[Expr]) -> Expr:
    """Angular distance [deg] of two positions (ADQL 2.1 section 4.2.16, DISTANCE)."""
    square = haversine(first, second)
    known = constant(square)
    if isinstance(known, int | float):
        return number(2 / RADIAN * math.asin(math.sqrt(min(1.0, known))))
    angle = _times(number(2 / RADIAN), _op("raw_asin", _op("raw_sqrt", square)))
    # Rounding may lift the square above 1 for opposite positions; LEAST would make 1 of a NULL.
    return _op(
        "case",
        _condition("lt", square, number(1.0)),
        angle,
        _condition("ge", square, number(1.0)),
        number(180.0),
    )


def is_nearer(first: Sequence[Expr], second: Sequence[Expr], radius: Expr, comparison: str) -> Expr:
    """``distance <comparison> radius`` for ``le`` or ``lt``, without an inverse function."""
    square = haversine(first, second)
    known = constant(radius)
    if isinstance(known, int | float):
        if known < 0 or (known == 0 and comparison == "lt"):
            return _condition("lt", square, number(-1.0))
        bound = (
            2.0 if known > 180 or (known == 180 and comparison == "le") else math.sin(known * RADIAN / 2) ** 2
        )
        return _condition(comparison, square, number(bound))
    half = _op("sin", _times(radius, number(RADIAN / 2)))
    limit = _op(
        "case",
        _condition("ge", radius, number(180.0)),
        number(2.0),
        _condition("ge", radius, number(0.0)),
        _square(half),
    )
    return _condition(comparison, square, limit)


def contains(inner: Expr, outer: Expr) -> Expr:
    """The condition that one geometry lies in another, rim included (ADQL 2.1 section 4.2.11).

    NULL where a coordinate is NULL.

    Raises
    ------
    UnsupportedError
        Raised for a pair of shapes that is not offered.
    """
    disk, frame = _disk(inner), _disk(outer)
    if disk is None or frame is None:
        raise UnsupportedError(f"CONTAINS of a {shape(inner)} in a {shape(outer)} is not offered yet.")
    (centre, radius), (other, bound) = disk, frame
    return is_nearer(centre, other, _difference(bound, radius), "le")


def intersects(first: Expr, second: Expr) -> Expr:
    """The condition that two geometries share a point (ADQL 2.1 section 4.2.20).

    Raises
    ------
    UnsupportedError
        Raised for a pair of shapes that is not offered.
    """
    disk, frame = _disk(first), _disk(second)
    if disk is None or frame is None:
        raise UnsupportedError(f"INTERSECTS of a {shape(first)} and a {shape(second)} is not offered yet.")
    (centre, radius), (other, bound) = disk, frame
    return is_nearer(centre, other, _sum(bound, radius), "le")


def _disk(geometry: Expr) -> tuple[tuple[Expr, ...], Expr] | None:
    """Centre and radius of a circle, or of a point, which is a circle of radius 0."""
    if shape(geometry) == "point":
        return parts(geometry), number(0.0)
    if shape(geometry) == "circle":
        numbers = parts(geometry)
        return numbers[:2], numbers[2]
    return None


def area(geometry: Expr) -> Expr:
    """Area [deg**2] of a geometry (ADQL 2.1 section 4.2.5)."""
    if shape(geometry) == "point":
        return number(0.0)
    if shape(geometry) == "circle":
        *_, radius = parts(geometry)
        half = _square(_op("sin", _times(radius, number(RADIAN / 2))))
        return _times(number(4 * math.pi / RADIAN**2), half)
    raise UnsupportedError(f"AREA of a {shape(geometry)} is not offered yet.")


def shape(geometry: Expr) -> str:
    """point, circle, box or polygon."""
    if isinstance(geometry, Op) and geometry.name in ("point", "circle", "box", "polygon"):
        return geometry.name
    return geometry.type.xtype or "geometry"


_SIZES = {"point": 2, "circle": 3}


def parts(geometry: Expr) -> tuple[Expr, ...]:
    """The numbers that make a point or a circle; of a column, its elements."""
    if isinstance(geometry, Op) and geometry.name in ("point", "circle", "box", "polygon"):
        return geometry.args
    return tuple(Op(DOUBLE, "element", (geometry, integer(i))) for i in range(1, _SIZES[shape(geometry)] + 1))


def as_array(geometry: Op) -> Expr:
    """A geometry in a select list, in its DALI 1.1 form (section 3.3): an array of numbers, or NULL."""
    numbers = geometry.args
    if geometry.name == "box":
        raise UnsupportedError("BOX in a select list is not offered yet.")
    plain = Op(geometry.type, "array", numbers)
    unknown = tuple(Op(BOOLEAN, "is_null", (arg,)) for arg in numbers if constant(arg) is None)
    if not unknown:
        return plain
    missing = unknown[0] if len(unknown) == 1 else Op(BOOLEAN, "or", unknown)
    return Op(geometry.type, "case", (Op(BOOLEAN, "not", (missing,)), plain))


def latitudes_around(lat0: float, radius: float) -> tuple[float, float]:
    """Range of latitudes [deg] of a circle."""
    return max(-90.0, lat0 - radius - MARGIN), min(90.0, lat0 + radius + MARGIN)


# Arithmetic that folds constants


def _op(name: str, *args: Expr) -> Expr:
    return Op(DOUBLE, name, args)


def _condition(name: str, *args: Expr) -> Expr:
    return Op(BOOLEAN, name, args)


def _sum(left: Expr, right: Expr) -> Expr:
    a, b = _known(left), _known(right)
    if b == 0 or a == 0:
        return left if b == 0 else right
    return number(a + b) if a is not None and b is not None else _op("add", left, right)


def _difference(left: Expr, right: Expr) -> Expr:
    a, b = _known(left), _known(right)
    if b == 0:
        return left
    return number(a - b) if a is not None and b is not None else _op("sub", left, right)


def _times(left: Expr, right: Expr) -> Expr:
    a, b = _known(left), _known(right)
    if a is not None and b is not None:
        return number(a * b)
    return _op("mul", left, right)


def _half_difference(first: Expr, second: Expr) -> Expr:
    """Half the difference of two angles [rad]."""
    a, b = _known(first), _known(second)
    if a is not None and b is not None:
        return number((a - b) * RADIAN / 2)
    return _op("mul", _op("sub", first, second), number(RADIAN / 2))


def _sine(angle: Expr) -> Expr:
    known = _known(angle)
    return number(math.sin(known)) if known is not None else _op("sin", angle)


def _cosine(degrees: Expr) -> Expr:
    """Cosine of an angle [deg]."""
    known = _known(degrees)
    return (
        number(math.cos(known * RADIAN))
        if known is not None
        else _op("cos", _op("mul", degrees, number(RADIAN)))
    )


def _square(expr: Expr) -> Expr:
    known = _known(expr)
    return number(known * known) if known is not None else _op("square", expr)


def _known(expr: Expr) -> float | None:
    value = constant(expr)
    return float(value) if isinstance(value, int | float) else None
