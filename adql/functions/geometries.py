"""Functions of positions and regions on the sky (ADQL 2.1 section 4.2)."""

from __future__ import annotations

from adql.coercion import NULL_TYPE, converted
from adql.core import Expr, Literal, Op, constant
from adql.errors import BindError
from adql.functions.base import Function, Maker
from adql.types import CIRCLE, DOUBLE, INT, POINT, POLYGON, STRING
from adql.values import Value, integer, to_double


def _coordinates(args: tuple[Value, ...]) -> tuple[Value, ...]:
    """Arguments of a geometry without the coordinate system, which ADQL 2.1 section 4.2.1 deprecates."""
    if not args or not args[0].type.is_text:
        return args
    frame = args[0].expr.value if isinstance(args[0].expr, Literal) else None
    if not isinstance(frame, str) or frame.strip().upper() not in _FRAMES:
        raise BindError(
            f"Coordinate system {frame!r} is not known: positions here are ICRS. "
            "Leave the argument out, or write 'ICRS'."
        )
    return args[1:]


_FRAMES = frozenset(
    ["", "ICRS"]
    + [f"ICRS {place}" for place in ("GEOCENTER", "BARYCENTER", "TOPOCENTER", "HELIOCENTER", "UNKNOWNREFPOS")]
)


def _numbers(name: str, args: tuple[Value, ...]) -> tuple[Expr, ...]:
    for arg in args:
        if not (arg.type.is_numeric or arg.type == NULL_TYPE):
            raise BindError(
                f"{name} needs coordinates in degrees; {arg.name or 'an argument'} is {arg.type}."
            )
    return tuple(to_double(converted(arg.expr, DOUBLE)) for arg in args)


def _point(args: tuple[Value, ...]) -> Value:
    args = _coordinates(args)
    if len(args) != 2:
        raise BindError(f"POINT takes longitude and latitude [deg]; {len(args)} values were given.")
    return Value(Op(POINT, "point", _numbers("POINT", args)), "point", "Position, ICRS", "deg", "pos.eq")


def _centre(name: str, args: tuple[Value, ...], sizes: int) -> tuple[tuple[Expr, ...], tuple[Expr, ...]]:
    """Coordinates of the centre, and what follows it."""
    args = _coordinates(args)
    if len(args) == 1 + sizes and args[0].type.xtype == "point":
        return point_coordinates(args[0].expr), _numbers(name, args[1:])
    if len(args) != 2 + sizes:
        shape = "a radius" if sizes == 1 else "a width and a height"
        raise BindError(f"{name} takes a centre (a POINT, or longitude and latitude) and {shape} [deg].")
    numbers = _numbers(name, args)
    return numbers[:2], numbers[2:]


def point_coordinates(point: Expr) -> tuple[Expr, ...]:
    """Longitude and latitude [deg] of a point expression."""
    if isinstance(point, Op) and point.name == "point":
        return point.args
    return tuple(Op(DOUBLE, "element", (point, integer(index))) for index in (1, 2))


def _circle(args: tuple[Value, ...]) -> Value:
    centre, (radius,) = _centre("CIRCLE", args, 1)
    known = constant(radius)
    if isinstance(known, int | float) and not 0 <= known <= 180:
        raise BindError(f"The radius of a CIRCLE is an angle from 0 to 180 degrees, not {known}.")
    return Value(
        Op(CIRCLE, "circle", (*centre, radius)), "circle", "Circle, ICRS", "deg", "pos.outline;obs.field"
    )


def _box(args: tuple[Value, ...]) -> Value:
    centre, sizes = _centre("BOX", args, 2)
    return Value(Op(POLYGON, "box", (*centre, *sizes)), "box", "Box, ICRS", "deg", "pos.outline;obs.field")


def _polygon(args: tuple[Value, ...]) -> Value:
    args = _coordinates(args)
    if args and all(arg.type.xtype == "point" for arg in args):
        coordinates = tuple(number for arg in args for number in point_coordinates(arg.expr))
    else:
        coordinates = _numbers("POLYGON", args)
    if len(coordinates) < 6 or len(coordinates) % 2:
        raise BindError(
            f"POLYGON takes three corners or more, each longitude and latitude [deg]; "
            f"{len(coordinates)} numbers were given."
        )
    return Value(
        Op(POLYGON, "polygon", coordinates), "polygon", "Polygon, ICRS", "deg", "pos.outline;obs.field"
    )


def _predicate(op: str) -> Maker:
    def make(args: tuple[Value, ...]) -> Value:
        return Value(Op(INT, op, tuple(arg.expr for arg in args)), op)

    return make


def _distance(args: tuple[Value, ...]) -> Value:
    if len(args) == 4:
        coordinates = _numbers("DISTANCE", args)
    elif len(args) == 2 and all(arg.type.xtype == "point" for arg in args):
        coordinates = point_coordinates(args[0].expr) + point_coordinates(args[1].expr)
    else:
        raise BindError(
            "DISTANCE takes two POINTs, or four numbers: longitude, latitude, longitude, latitude [deg]."
        )
    return Value(
        Op(DOUBLE, "distance", coordinates), "distance", "Angular distance", "deg", "pos.angDistance"
    )


def _coordinate(index: int, ucd: str) -> Maker:
    def make(args: tuple[Value, ...]) -> Value:
        word = "Longitude" if index == 0 else "Latitude"
        return Value(point_coordinates(args[0].expr)[index], f"coord{index + 1}", f"{word}, ICRS", "deg", ucd)

    return make


def _coordsys(args: tuple[Value, ...]) -> Value:
    return Value(Literal(STRING, ""), "coordsys", "Coordinate system (empty: ADQL 2.1 has ICRS only)")


_GEO = "adqlgeo"

FUNCTIONS: tuple[Function, ...] = (
    # ADQL 2.1 section 4.2
    Function("POINT", ("any...",), _point, "Position from longitude and latitude [deg]", "POINT", _GEO),
    Function("CIRCLE", ("any...",), _circle, "Circle from centre and radius [deg]", "CIRCLE", _GEO),
    Function("BOX", ("any...",), _box, "Box from centre, width and height [deg]", "BOX", _GEO),
    Function("POLYGON", ("any...",), _polygon, "Polygon from three corners or more [deg]", "POLYGON", _GEO),
    Function(
        "CONTAINS",
        ("geometry", "geometry"),
        _predicate("contains"),
        "1 if the first lies in the second, else 0",
        "CONTAINS",
        _GEO,
    ),
    Function(
        "INTERSECTS",
        ("geometry", "geometry"),
        _predicate("intersects"),
        "1 if both share a point, else 0",
        "INTERSECTS",
        _GEO,
    ),
    Function("DISTANCE", ("any...",), _distance, "Angular distance [deg] of two positions", "DISTANCE", _GEO),
    Function(
        "COORD1", ("point",), _coordinate(0, "pos.eq.ra"), "Longitude [deg] of a position", "COORD1", _GEO
    ),
    Function(
        "COORD2", ("point",), _coordinate(1, "pos.eq.dec"), "Latitude [deg] of a position", "COORD2", _GEO
    ),
    Function(
        "COORDSYS",
        ("geometry",),
        _coordsys,
        "Coordinate system of a geometry, always empty",
        "COORDSYS",
        _GEO,
    ),
)
