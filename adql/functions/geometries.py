"""Functions of positions and regions on the sky (ADQL 2.1 section 4.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from adql import healpix
from adql.coercion import NULL_TYPE, converted
from adql.core import BOOLEAN, Expr, Field, Literal, Op, constant, walk
from adql.errors import BindError, UnsupportedError
from adql.frames import UCDS
from adql.functions import coverages
from adql.functions.base import Function, Maker
from adql.geometry import (
    MOC,
    REGION,
    Circle,
    Polygon,
    moc_of_text,
    outline,
    patch_of,
    read_dali,
    read_region,
    shape_of,
    word_for,
)
from adql.schema import ICRS
from adql.types import CIRCLE, DOUBLE, INT, POINT, POLYGON, STRING
from adql.values import Value, integer, text, to_double


def _coordinates(args: tuple[Value, ...], sizes: int = 0) -> tuple[Value, ...]:
    """Arguments of a geometry without the coordinate system, which ADQL 2.1 section 4.2.1 deprecates.

    Parameters
    ----------
    sizes
        Arguments behind the coordinates. NULL stands for no system where a pair is not whole without it.
    """
    if len(args) > 1 and args[0].type == NULL_TYPE:
        has_system = args[1].type.xtype == "point" or (len(args) - sizes) % 2 == 1
        return args[1:] if has_system else args
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


def _numbers(name: str, args: Sequence[Value]) -> tuple[Expr, ...]:
    for arg in args:
        if not (arg.type.is_numeric or arg.type == NULL_TYPE):
            raise BindError(
                f"{name} needs coordinates in degrees; {arg.name or 'an argument'} is {arg.type}."
            )
    return tuple(to_double(converted(arg.expr, DOUBLE)) for arg in args)


def _places(name: str, numbers: tuple[Expr, ...]) -> tuple[Expr, ...]:
    """Longitudes and latitudes, if the latitudes that are constant are on the sphere."""
    for latitude in map(constant, numbers[1::2]):
        if isinstance(latitude, int | float) and not -90 <= latitude <= 90:
            raise BindError(f"A latitude in {name} is an angle from -90 to 90 degrees, not {latitude:g}.")
    return numbers


def point(lon: Expr, lat: Expr) -> Op:
    """The POINT of two numbers [deg]."""
    return Op(POINT, "point", (lon, lat))


def _point(args: tuple[Value, ...]) -> Value:
    args = _coordinates(args)
    if len(args) != 2:
        raise BindError(f"POINT takes longitude and latitude [deg]; {len(args)} values were given.")
    lon, lat = _places("POINT", _numbers("POINT", args))
    return Value(point(lon, lat), "point", "Position, ICRS", "deg", "pos.eq")


def _centre(name: str, args: tuple[Value, ...], sizes: int) -> tuple[tuple[Expr, ...], tuple[Expr, ...]]:
    """Coordinates of the centre, and what follows it."""
    args = _coordinates(args, sizes)
    if len(args) == 1 + sizes and args[0].type.xtype == "point":
        return point_coordinates(args[0].expr), _numbers(name, args[1:])
    if len(args) != 2 + sizes:
        shape = "a radius" if sizes == 1 else "a width and a height"
        raise BindError(f"{name} takes a centre (a POINT, or longitude and latitude) and {shape} [deg].")
    numbers = _numbers(name, args)
    return _places(name, numbers[:2]), numbers[2:]


def point_coordinates(point: Expr) -> tuple[Expr, ...]:
    """Longitude and latitude [deg] of a point expression."""
    if isinstance(point, Op) and point.name == "point":
        return point.args
    return tuple(Op(DOUBLE, "coordinate", (point, integer(index))) for index in (1, 2))


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
    for known in map(constant, sizes):
        if isinstance(known, int | float) and not 0 < known < 180:
            raise BindError(
                f"Width and height of a BOX are angles above 0 and below 180 degrees, not {known}."
            )
    return Value(Op(POLYGON, "box", (*centre, *sizes)), "box", "Box, ICRS", "deg", "pos.outline;obs.field")


def _polygon(args: tuple[Value, ...]) -> Value:
    args = _coordinates(args)
    if args and all(arg.type.xtype == "point" for arg in args):
        coordinates = tuple(number for arg in args for number in point_coordinates(arg.expr))
    else:
        coordinates = _places("POLYGON", _numbers("POLYGON", args))
    if len(coordinates) < 6 or len(coordinates) % 2:
        raise BindError(
            f"POLYGON takes three corners or more, each longitude and latitude [deg]; "
            f"{len(coordinates)} numbers were given."
        )
    check_polygon(coordinates)
    return Value(
        Op(POLYGON, "polygon", coordinates), "polygon", "Polygon, ICRS", "deg", "pos.outline;obs.field"
    )


def check_polygon(coordinates: Sequence[Expr]) -> None:
    """Refuse corners that are known and make no polygon.

    Raises
    ------
    BindError
        Raised if they are too few, too far apart, or their sides cross.
    """
    known = [float(value) for value in map(constant, coordinates) if isinstance(value, int | float)]
    if len(known) == len(coordinates):
        outline(tuple(zip(known[::2], known[1::2], strict=True)))


def _region(args: tuple[Value, ...]) -> Value:
    (written,) = args
    if isinstance(written.expr, Literal) and isinstance(written.expr.value, str):
        shape = read_region(written.expr.value)
        _places("REGION", shape.args[:2] if shape.name != "polygon" else shape.args)
        if shape.name in ("circle", "box"):
            known = (_circle if shape.name == "circle" else _box)(tuple(Value(arg) for arg in shape.args))
            return replace(known, name="region", description="Region, ICRS")
        if shape.name == "polygon":
            check_polygon(shape.args)
        return Value(shape, "region", "Region, ICRS", "deg", "pos.outline;obs.field")
    told = written.outline if isinstance(written.expr, Field) else None
    region = told or Op(REGION, "region", (written.expr,))
    return Value(region, "region", "Region, ICRS", "deg", "pos.outline;obs.field")


def geometry(value: Value, function: str) -> Expr:
    """An argument as a geometry; a text that is known to be a region is read as one.

    Raises
    ------
    BindError
        Raised if it is none.
    """
    if value.type.xtype == "moc":
        _check_moc(value)
    if value.type.xtype in ("point", "circle", "polygon", "moc"):
        return value.expr
    if value.type.is_geometry and isinstance(value.expr, Op) and value.expr.name == "region":
        return value.expr
    if value.outline is not None and isinstance(value.expr, Field):
        return value.outline
    if value.type.datatype in ("char", "unicodeChar") and _tells_region(value):
        return Op(REGION, "region", (value.expr,))
    if value.type.datatype in ("char", "unicodeChar"):
        raise BindError(
            f"{function} takes geometries (POINT, CIRCLE, BOX, POLYGON, MOC); {value.name or 'an argument'} "
            "is a text. REGION(text) reads one, such as 'CIRCLE ICRS 83.6 22.0 2.5'."
        )
    if value.type == NULL_TYPE:
        return point(Literal(DOUBLE, None), Literal(DOUBLE, None))
    raise BindError(
        f"{function} takes geometries (POINT, CIRCLE, BOX, POLYGON, MOC); "
        f"{value.name or 'an argument'} is {value.type}."
    )


def _check_moc(value: Value) -> None:
    """Refuse a MOC that only the rows tell.

    Raises
    ------
    UnsupportedError
        Raised for a column or an expression of MOCs.
    """
    if not (isinstance(value.expr, Op) and value.expr.name in ("moc", "moc_of")):
        raise UnsupportedError(
            f"A MOC that each row tells ({value.name or 'an expression'}) can be selected, not compared: "
            "write it as MOC('4/12-15 5/6') or MOC(order, geometry) where it is asked for."
        )


def _tells_region(value: Value) -> bool:
    """True for a text of a region: by its xtype (TAP 1.0 ``adql:REGION``, DALI 1.2 ``shape``) or its UCD."""
    named = (value.type.xtype or "").lower() in ("adql:region", "region", "shape", "stc-s")
    return named or (value.ucd or "").lower().startswith("pos.outline")


def _predicate(name: str) -> Maker:
    def make(args: tuple[Value, ...]) -> Value:
        in_time = coverages.related(name, args)
        if in_time is not None:
            return Value(Op(INT, "flag", (in_time,)), name.lower())
        shapes = tuple(geometry(arg, name) for arg in args)
        return Value(Op(INT, name.lower(), shapes), name.lower())

    return make


def _distance(args: tuple[Value, ...]) -> Value:
    if len(args) == 4:
        numbers = _places("DISTANCE", _numbers("DISTANCE", args))
        points: tuple[Expr, ...] = (point(*numbers[:2]), point(*numbers[2:]))
    elif len(args) == 2 and all(arg.type.xtype == "point" or arg.type == NULL_TYPE for arg in args):
        points = tuple(geometry(arg, "DISTANCE") for arg in args)
    else:
        raise BindError(
            "DISTANCE takes two POINTs, or four numbers: longitude, latitude, longitude, latitude [deg]."
        )
    return Value(Op(DOUBLE, "distance", points), "distance", "Angular distance", "deg", "pos.angDistance")


def _area(args: tuple[Value, ...]) -> Value:
    shape = geometry(args[0], "AREA")
    return Value(Op(DOUBLE, "area", (shape,)), "area", "Area on the sky", "deg**2", "phys.angArea")


def _centroid(args: tuple[Value, ...]) -> Value:
    shape = geometry(args[0], "CENTROID")
    if shape.type.xtype == "moc":
        raise UnsupportedError("CENTROID of a MOC is not offered.")
    return Value(Op(POINT, "centroid", (shape,)), "centroid", "Centre of gravity, ICRS", "deg", "pos.eq")


def _coordinate(index: int) -> Maker:
    def make(args: tuple[Value, ...]) -> Value:
        word, ends = ("Longitude", ("ra", "lon")) if index == 0 else ("Latitude", ("dec", "lat"))
        system = args[0].coosys or ICRS
        frame = UCDS.get(system.system)
        ucd = f"{frame}.{ends[frame != 'pos.eq']}" if frame else None
        expr = point_coordinates(args[0].expr)[index]
        described = f"{word}, {system.system}"
        return Value(expr, f"coord{index + 1}", described, "deg", ucd, coosys=system)

    return make


def in_system_of(args: Sequence[Value], value: Value) -> Value:
    """A geometry in the coordinate system of what it is made of; ICRS, where that has none or several."""
    systems = {arg.coosys for arg in args if arg.coosys is not None}
    system = systems.pop() if len(systems) == 1 else ICRS
    if system == ICRS or value.coosys is not None:
        return replace(value, coosys=value.coosys or ICRS)
    ucd = UCDS.get(system.system) if value.ucd == "pos.eq" else value.ucd
    return replace(
        value, coosys=system, description=value.description.replace("ICRS", system.system), ucd=ucd
    )


def _coordsys(args: tuple[Value, ...]) -> Value:
    geometry(args[0], "COORDSYS")
    return Value(Literal(STRING, ""), "coordsys", "Coordinate system (empty: ADQL 2.1 has ICRS only)")


def _moc(args: tuple[Value, ...]) -> Value:
    if len(args) == 1:
        written = args[0].expr
        if not (isinstance(written, Literal) and isinstance(written.value, str)):
            raise BindError(
                "MOC takes a text in quotes, such as '4/12-15 5/6,9', or an order and a geometry."
            )
        return _coverage(text(str(moc_of_text(written.value))))
    order = args[0].expr.value if isinstance(args[0].expr, Literal) else None
    if not isinstance(order, int) or not 0 <= order <= healpix.MAX_ORDER:
        raise BindError(f"The order of a MOC is a number from 0 to {healpix.MAX_ORDER}.")
    shape = geometry(args[1], "MOC")
    if any(isinstance(node, Literal) and node.value is None for node in walk(shape)):
        return _coverage_of(order, point(Literal(DOUBLE, None), Literal(DOUBLE, None)))
    if shape.type.xtype == "point":
        place = point_coordinates(shape)
        lon, lat = map(constant, place)
        if isinstance(lon, int | float) and isinstance(lat, int | float):
            return _coverage(text(f"{order}/{healpix.index(order, lon, lat)}"))
        return _coverage_of(order, point(*place))
    if shape.type.xtype != "moc":
        drawn = shape_of(shape)
        if not isinstance(drawn, Circle | Polygon) or patch_of(drawn) is None:
            raise UnsupportedError(
                f"MOC(order, geometry) of a {word_for(drawn)} is offered where the geometry is constant; "
                "of what hangs on the rows of a table, MOC(order, POINT(...)) is."
            )
    return _coverage_of(order, shape)


def _coverage(written: Expr) -> Value:
    return Value(Op(MOC, "moc", (written,)), "moc", "Coverage map, ICRS", None, "pos.outline;obs.field")


def _coverage_of(order: int, shape: Expr) -> Value:
    return Value(
        Op(MOC, "moc_of", (integer(order), shape)), "moc", "Coverage map, ICRS", None, "pos.outline;obs.field"
    )


# CAST


_CAST_TARGETS = {"POINT": (POINT, 2), "CIRCLE": (CIRCLE, 3), "POLYGON": (POLYGON, 6)}


def cast(value: Value, target: str, length: int | None = None) -> Value:
    """A value as a geometry, or a geometry as a text (ADQL 2.1 section 4.6.1, DALI 1.1 section 3.3).

    Parameters
    ----------
    target
        POINT, CIRCLE, POLYGON, CHAR or VARCHAR.
    length
        Length of the text.

    Raises
    ------
    BindError
        Raised for a pair of types between which there is no meaning, or a text that is no such geometry.
    """
    if target in _CAST_TARGETS:
        return _cast_to(value, target)
    if target not in ("CHAR", "VARCHAR"):
        raise BindError(f"A {value.type} cannot be CAST to {target}; COORD1, COORD2 and AREA give numbers.")
    written: Expr = Op(STRING, "geometry_text", (geometry(value, "CAST"),))
    if length is not None:
        written = Op(STRING, "left", (written, integer(length)))
    return Value(written, value.name, value.description, None, value.ucd)


def _cast_to(value: Value, target: str) -> Value:
    type_, size = _CAST_TARGETS[target]
    unit, ucd = "deg", "pos.eq" if target == "POINT" else "pos.outline;obs.field"
    made = Value(value.expr, value.name, value.description or f"{target.capitalize()}, ICRS", unit, ucd)
    if value.type.xtype == type_.xtype:
        return made
    if value.type == NULL_TYPE:
        return Value(Literal(type_, None), made.name, made.description, unit, ucd)
    if value.type.datatype not in ("char", "unicodeChar") or value.type.is_geometry:
        raise BindError(f"Only a text can be CAST to {target}, such as '83.6 22.0'; this is {value.type}.")
    if isinstance(value.expr, Literal) and isinstance(value.expr.value, str):
        shape = read_dali(target, value.expr.value)
        maker = {"POINT": _point, "CIRCLE": _circle, "POLYGON": _polygon}[target]
        return replace(made, expr=maker(tuple(Value(arg) for arg in shape.args)).expr)
    if target == "POLYGON":
        return replace(made, expr=Op(type_, "polygon_in_text", (value.expr,)))
    words = Op(STRING, "words", (value.expr,))
    is_right = Op(BOOLEAN, "eq", (Op(INT, "size", (words,)), integer(size)))
    numbers = (
        Op(DOUBLE, "double_of_text", (Op(STRING, "element", (words, integer(index))),))
        for index in range(1, size + 1)
    )
    args = tuple(Op(DOUBLE, "case", (is_right, number)) for number in numbers)
    return replace(made, expr=Op(type_, target.lower(), args))


_GEO = "adqlgeo"

FUNCTIONS: tuple[Function, ...] = (
    # ADQL 2.1 section 4.2
    Function(
        "POINT",
        ("any...",),
        _point,
        "Position from longitude and latitude [deg]",
        "POINT",
        _GEO,
        "POINT(25.0, -19.5)",
        (25.0, -19.5),
    ),
    Function(
        "CIRCLE",
        ("any...",),
        _circle,
        "Circle from centre and radius [deg]",
        "CIRCLE",
        _GEO,
        "CIRCLE(25.4, -20.0, 10.0)",
        (25.4, -20.0, 10.0),
    ),
    Function(
        "BOX",
        ("any...",),
        _box,
        "Box from centre, width and height [deg]",
        "BOX",
        _GEO,
        "CONTAINS(POINT(25.4, -15.5), BOX(25.4, -20.0, 10.0, 10.0))",
        1,
    ),
    Function(
        "POLYGON",
        ("any...",),
        _polygon,
        "Polygon from three corners or more [deg]",
        "POLYGON",
        _GEO,
        "POLYGON(10.0, -10.5, 20.0, 20.5, 30.0, 30.5)",
        (10.0, -10.5, 20.0, 20.5, 30.0, 30.5),
    ),
    Function(
        "REGION",
        ("text",),
        _region,
        "Shape that a text in STC-S or DALI describes",
        "REGION",
        _GEO,
        "REGION('CIRCLE ICRS 25.4 -20.0 10.0')",
        (25.4, -20.0, 10.0),
    ),
    Function(
        "CONTAINS",
        ("any", "any"),
        _predicate("CONTAINS"),
        "1 if the first lies in the second, else 0",
        "CONTAINS",
        _GEO,
        "CONTAINS(POINT(25.0, -19.5), CIRCLE(25.4, -20.0, 10.0))",
        1,
    ),
    Function(
        "INTERSECTS",
        ("any", "any"),
        _predicate("INTERSECTS"),
        "1 if both share a point, else 0",
        "INTERSECTS",
        _GEO,
        "INTERSECTS(CIRCLE(190.0, 3.0, 1.0), CIRCLE(191.0, 4.0, 1.0))",
        1,
    ),
    Function(
        "DISTANCE",
        ("any...",),
        _distance,
        "Angular distance [deg] of two positions",
        "DISTANCE",
        _GEO,
        "DISTANCE(POINT(10, 0), POINT(10, 2.5))",
        2.5,
    ),
    Function(
        "AREA",
        ("any",),
        _area,
        "Area [deg**2] of a geometry",
        "AREA",
        _GEO,
        "AREA(CIRCLE(25.4, -20.0, 180.0))",
        129600 / math.pi,
    ),
    Function(
        "CENTROID",
        ("any",),
        _centroid,
        "Centre of gravity of a geometry",
        "CENTROID",
        _GEO,
        "CENTROID(CIRCLE(25.4, -20.0, 10.0))",
        (25.4, -20.0),
    ),
    Function(
        "COORD1",
        ("point",),
        _coordinate(0),
        "Longitude [deg] of a position",
        "COORD1",
        _GEO,
        "COORD1(POINT(25.0, -19.5))",
        25.0,
    ),
    Function(
        "COORD2",
        ("point",),
        _coordinate(1),
        "Latitude [deg] of a position",
        "COORD2",
        _GEO,
        "COORD2(POINT(25.0, -19.5))",
        -19.5,
    ),
    Function(
        "COORDSYS",
        ("any",),
        _coordsys,
        "Coordinate system of a geometry, always empty",
        "COORDSYS",
        _GEO,
        "COORDSYS(POINT(25.0, -19.5))",
        "",
    ),
    Function(
        "MOC",
        ("any", "any?"),
        _moc,
        "Coverage map from its text, or of the HEALPix cells of an order (0 to 29, a constant) that overlap "
        "a geometry: of a constant one, or of a POINT of each row",
        "MOC(coverage TEXT) -> MOC",
        "udf",
        "CONTAINS(POINT(45, 41.8), MOC('0/0 1/9'))",
        1,
        ("MOC(order INTEGER, geo GEOMETRY) -> MOC",),
        # The cells that mocpy 0.21 gives.
        (("MOC(4, CIRCLE(10, 20, 3))", "4/1235 1238 1241 1243-1244 1246"),),
    ),
)
