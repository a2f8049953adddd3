"""The functions of ADQL: one table for what a query may call, what it gives, and what the service declares.

A function here says how its arguments are checked and which :class:`~adql.core.Op` it becomes; geometry is
lowered to arithmetic afterwards (:mod:`adql.lowering`), and a dialect writes what remains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from adql.core import Aggregate, Expr, Literal, Op, constant
from adql.errors import BindError
from adql.types import CIRCLE, DOUBLE, INT, LONG, POINT, POLYGON, STRING, ColumnType
from adql.values import Value, about, integer, merged, raised, statistic, to_double, to_long

Maker = Callable[[tuple[Value, ...]], Value]

FEATURES_URI = "ivo://ivoa.net/std/TAPRegExt#features-"


@dataclass(frozen=True, slots=True)
class Function:
    """A function that a query may call."""

    name: str
    """Upper case for ADQL's own, lower case for user defined functions."""
    parameters: tuple[str, ...]
    """A kind for each: number, integer, text, any, point, geometry, timestamp. With ``?`` it may be left out,
    with ``...`` the last may be repeated."""
    make: Maker
    description: str
    form: str = ""
    """Signature for the capabilities (TAPRegExt 1.0 section 2.3) of a user defined or optional function."""
    feature: str | None = None
    """TAPRegExt feature type after ``features-``; None for what every ADQL service has."""

    @property
    def arity(self) -> tuple[int, int | None]:
        """Least and greatest number of arguments; None without bound."""
        least = sum(not kind.endswith(("?", "...")) for kind in self.parameters)
        if self.parameters and self.parameters[-1].endswith("..."):
            return least + 1, None
        return least, len(self.parameters)

    def kind(self, index: int) -> str:
        """The kind of the argument of that number, from 0."""
        return self.parameters[min(index, len(self.parameters) - 1)].rstrip("?.")


# Makers


def _plain(op: str, *, unit: str | None = None, ucd: str | None = None) -> Maker:
    """A double from doubles."""

    def make(args: tuple[Value, ...]) -> Value:
        return Value(Op(DOUBLE, op, tuple(to_double(arg.expr) for arg in args)), unit=unit, ucd=ucd)

    return make


def _angle(op: str) -> Maker:
    """A double from an angle [rad]."""
    return _plain(op)


def _same(op: str) -> Maker:
    """A number of the argument's own unit and meaning; integers stay integers."""

    def make(args: tuple[Value, ...]) -> Value:
        first = args[0]
        if first.type.is_integer:
            expr: Expr = Op(LONG, f"{op}_integer", (to_long(first.expr), *(arg.expr for arg in args[1:])))
        else:
            expr = Op(DOUBLE, op, (to_double(first.expr), *(arg.expr for arg in args[1:])))
        return Value(expr, unit=first.unit, ucd=first.ucd, description=first.description)

    return make


def _power(args: tuple[Value, ...]) -> Value:
    base, exponent = args
    expr = Op(DOUBLE, "power", (to_double(base.expr), to_double(exponent.expr)))
    known = constant(exponent.expr)
    fraction = (
        Fraction(known).limit_denominator(1000)
        if isinstance(known, int | float) and abs(known) < 1e6
        else None
    )
    return raised(base, fraction, expr)


def _sqrt(args: tuple[Value, ...]) -> Value:
    return raised(args[0], Fraction(1, 2), Op(DOUBLE, "sqrt", (to_double(args[0].expr),)))


def _mod(args: tuple[Value, ...]) -> Value:
    left, right = args
    if left.type.is_integer and right.type.is_integer:
        expr = Op(LONG, "mod_integer", (to_long(left.expr), to_long(right.expr)))
    else:
        expr = Op(DOUBLE, "mod", (to_double(left.expr), to_double(right.expr)))
    return Value(expr, unit=left.unit, ucd=left.ucd)


def _random(args: tuple[Value, ...]) -> Value:
    return Value(Op(DOUBLE, "random", ()))


def _case_folding(op: str) -> Maker:
    def make(args: tuple[Value, ...]) -> Value:
        return Value(Op(STRING, op, (args[0].expr,)), ucd=args[0].ucd, description=args[0].description)

    return make


def _coalesce(args: tuple[Value, ...]) -> Value:
    result = args[0]
    for arg in args[1:]:
        result = merged(result, arg, result.expr)
    common = common_type([arg.type for arg in args])
    return Value(
        Op(common, "coalesce", tuple(converted(arg.expr, common) for arg in args)),
        unit=result.unit,
        ucd=result.ucd,
        description=result.description,
    )


def _nullif(args: tuple[Value, ...]) -> Value:
    first, second = args
    common = common_type([first.type, second.type])
    expr = Op(common, "nullif", (converted(first.expr, common), converted(second.expr, common)))
    return Value(expr, unit=first.unit, ucd=first.ucd, description=first.description)


# Types of several values together


_RANK = ("unsignedByte", "short", "int", "long", "float", "double")


def common_type(types: list[ColumnType]) -> ColumnType:
    """The type that holds values of all of ``types``.

    Raises
    ------
    BindError
        Raised if there is none: a number and a text, or two kinds of geometry.
    """
    known = [type_ for type_ in types if type_ != NULL_TYPE]
    if not known:
        return STRING
    if all(type_.is_numeric for type_ in known):
        ranked = max(known, key=lambda type_: _RANK.index(type_.datatype))
        mixed = ranked.datatype == "float" and any(type_.datatype in ("int", "long") for type_ in known)
        return DOUBLE if mixed else ranked
    first = known[0]
    if all(type_.datatype in ("char", "unicodeChar") and type_.arraysize for type_ in known):
        unicode = any(type_.datatype == "unicodeChar" for type_ in known)
        xtype = first.xtype if all(type_.xtype == first.xtype for type_ in known) else None
        return ColumnType("unicodeChar" if unicode else "char", "*", xtype)
    if all(type_.datatype == first.datatype and type_.xtype == first.xtype for type_ in known):
        return first
    raise BindError(
        "Values of different types are mixed: " + ", ".join(sorted({str(type_) for type_ in known})) + "."
    )


NULL_TYPE = ColumnType("null")
"""The type of a bare NULL until its place gives it one."""


def converted(expr: Expr, target: ColumnType) -> Expr:
    """The expression as a value of ``target``, which :func:`common_type` found."""
    if expr.type == target:
        return expr
    if expr.type == NULL_TYPE:
        return Literal(target, None)
    if target.is_numeric and expr.type.is_numeric:
        if target.datatype == "double":
            return to_double(expr)
        if target.datatype == "long":
            return to_long(expr)
        if expr.type.datatype != target.datatype:
            return Op(target, f"to_{target.datatype}", (expr,))
    return expr


# Aggregates


def count(args: tuple[Value, ...], *, distinct: bool) -> Value:
    """COUNT; no argument is COUNT(*)."""
    expr = Aggregate(LONG, "count", tuple(arg.expr for arg in args), distinct)
    description = about("Number", args[0]) if args else "Number of rows"
    return Value(expr, "count_" + (args[0].name if args else "all"), description, ucd="meta.number")


def aggregate(name: str, arg: Value, *, distinct: bool) -> Value:
    """SUM, AVG, MIN or MAX of a value."""
    word, ucd_word = _AGGREGATES[name]
    if name in ("SUM", "AVG"):
        whole = name == "SUM" and arg.type.is_integer
        type_, operand = (LONG, to_long(arg.expr)) if whole else (DOUBLE, to_double(arg.expr))
    else:
        type_, operand = arg.type, arg.expr
    ucd = statistic(arg.ucd, ucd_word) if ucd_word else arg.ucd
    label = f"{name.lower()}_{arg.name}" if arg.name else ""
    return Value(Aggregate(type_, name.lower(), (operand,), distinct), label, about(word, arg), arg.unit, ucd)


_AGGREGATES = {
    "SUM": ("Sum", None),
    "AVG": ("Mean", "stat.mean"),
    "MIN": ("Minimum", "stat.min"),
    "MAX": ("Maximum", "stat.max"),
}

AGGREGATES = frozenset(_AGGREGATES) | {"COUNT"}


# Geometry


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


# The table


_GEO = "adqlgeo"

_FUNCTIONS: tuple[Function, ...] = (
    # ADQL 2.1 section 2.3, trigonometry
    Function(
        "ACOS", ("number",), _plain("acos", unit="rad"), "Angle [rad] of a cosine; NULL outside -1 to 1"
    ),
    Function("ASIN", ("number",), _plain("asin", unit="rad"), "Angle [rad] of a sine; NULL outside -1 to 1"),
    Function("ATAN", ("number",), _plain("atan", unit="rad"), "Angle [rad] of a tangent"),
    Function(
        "ATAN2",
        ("number", "number"),
        _plain("atan2", unit="rad"),
        "Angle [rad] of the point (x, y), given y, x",
    ),
    Function("COS", ("number",), _angle("cos"), "Cosine of an angle [rad]"),
    Function("COT", ("number",), _angle("cot"), "Cotangent of an angle [rad]"),
    Function("SIN", ("number",), _angle("sin"), "Sine of an angle [rad]"),
    Function("TAN", ("number",), _angle("tan"), "Tangent of an angle [rad]"),
    # ADQL 2.1 section 2.3, mathematics
    Function("ABS", ("number",), _same("abs"), "Absolute value"),
    Function("CEILING", ("number",), _same("ceil"), "Least whole number not below"),
    Function(
        "DEGREES", ("number",), _plain("degrees", unit="deg"), "Angle in degrees of an angle in radians"
    ),
    Function("EXP", ("number",), _plain("exp"), "e to the power of a number"),
    Function("FLOOR", ("number",), _same("floor"), "Greatest whole number not above"),
    Function("LOG", ("number",), _plain("ln"), "Natural logarithm; NULL for zero and below"),
    Function("LOG10", ("number",), _plain("log10"), "Logarithm to base 10; NULL for zero and below"),
    Function(
        "MOD", ("number", "number"), _mod, "Remainder with the sign of the dividend; NULL for a divisor 0"
    ),
    Function("PI", (), _plain("pi"), "The number pi"),
    Function("POWER", ("number", "number"), _power, "A number to the power of another"),
    Function(
        "RADIANS", ("number",), _plain("radians", unit="rad"), "Angle in radians of an angle in degrees"
    ),
    Function(
        "RAND", ("integer?",), _random, "A random number from 0 to 1; the seed is accepted and not used"
    ),
    Function(
        "ROUND", ("number", "integer?"), _same("round"), "Rounded, halves away from zero, to n decimals"
    ),
    Function("SQRT", ("number",), _sqrt, "Square root; NULL below zero"),
    Function("TRUNCATE", ("number", "integer?"), _same("truncate"), "Cut to n decimals, towards zero"),
    # ADQL 2.1 sections 4.4 and 4.7
    Function("LOWER", ("text",), _case_folding("lower"), "Text in lower case", "LOWER", "adql-string"),
    Function("UPPER", ("text",), _case_folding("upper"), "Text in upper case", "UPPER", "adql-string"),
    Function(
        "COALESCE", ("any...",), _coalesce, "First value that is not NULL", "COALESCE", "adql-conditional"
    ),
    Function("NULLIF", ("any", "any"), _nullif, "The first value, or NULL where it equals the second"),
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

FUNCTIONS: Mapping[str, Function] = {function.name.upper(): function for function in _FUNCTIONS}
"""Upper-case name -> function."""
