"""Functions of positions on the sky from the Catalogue of ADQL User Defined Functions (IVOA EN 1.2)."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence

from adql import healpix
from adql.arithmetic import (
    RADIAN,
    add,
    atan2,
    case,
    combination,
    cos,
    div,
    either,
    floor,
    known,
    mul,
    neg,
    or_zero,
    sin,
    sqrt,
    square,
    sub,
)
from adql.coercion import NULL_TYPE
from adql.core import BOOLEAN, Expr, Literal, Op
from adql.errors import BindError
from adql.frames import FRAMES, UCDS, rotation
from adql.functions.base import Function, Maker, constant_integer, literal_text
from adql.functions.geometries import point_coordinates
from adql.functions.tev_sources import SOURCES
from adql.schema import CoordinateSystem
from adql.types import CIRCLE, DOUBLE, LONG, POINT, POLYGON, STRING, ColumnType
from adql.values import Value, integer, number, text, to_double, to_long

# HEALPix


def _healpix_index(args: tuple[Value, ...]) -> Value:
    order = constant_integer(args[0], "The order of ivo_healpix_index", 0, healpix.MAX_ORDER)
    lon, lat = _position("ivo_healpix_index", args[1:])
    a, b = known(lon), known(lat)
    if a is not None and b is not None:
        if not -90 <= b <= 90:
            raise BindError(f"A latitude is from -90 to 90 degrees, not {b:g}.")
        expr: Expr = Literal(LONG, healpix.index(order, a, b))
    else:
        expr = healpix.index_expr(order, lon, lat)
    return Value(expr, f"healpix_{order}", f"HEALPix index, NESTED, order {order}", ucd="pos.healpix")


def _position(name: str, args: Sequence[Value]) -> tuple[Expr, ...]:
    """Longitude and latitude of a POINT, or of two numbers."""
    if len(args) == 1 and args[0].type.xtype == "point":
        return point_coordinates(args[0].expr)
    if len(args) == 2 and all(arg.type.is_numeric or arg.type == NULL_TYPE for arg in args):
        return tuple(_double(arg) for arg in args)
    raise BindError(f"{name} takes an order and a POINT, or an order, longitude and latitude [deg].")


def _double(arg: Value) -> Expr:
    return Literal(DOUBLE, None) if arg.type == NULL_TYPE else to_double(arg.expr)


def _healpix_center(args: tuple[Value, ...]) -> Value:
    order = constant_integer(args[0], "The order of ivo_healpix_center", 0, healpix.MAX_ORDER)
    cell = args[1].expr
    if isinstance(cell, Literal) and isinstance(cell.value, int):
        if not 0 <= cell.value < healpix.npix(order):
            last = healpix.npix(order) - 1
            raise BindError(
                f"Order {order} has the HEALPix cells 0 to {last}; there is no cell {cell.value}."
            )
        centre: tuple[Expr, ...] = tuple(map(number, healpix.centre(order, cell.value)))
    else:
        centre = healpix.centre_expr(order, to_long(cell))
    return Value(Op(POINT, "point", centre), "healpix_center", "Centre of a HEALPix cell", "deg", "pos.eq")


# Frames


def _geom_transform(args: tuple[Value, ...]) -> Value:
    names = [literal_text(arg, "A frame of ivo_geom_transform") for arg in args[:2]]
    for name in names:
        if name not in FRAMES:
            close = difflib.get_close_matches(name[:20].upper(), FRAMES, n=1)
            hint = f' Did you mean "{close[0]}"?' if close else ""
            raise BindError(
                f'Frame "{name}" is not offered; these are: {", ".join(FRAMES)} (case counts).{hint}'
            )
    source, target = names
    return Value(
        _transformed(args[2].expr, source, target),
        args[2].name,
        f"{args[2].description or 'Geometry'}, from {source} to {target}".replace(", ICRS, from", ", from"),
        "deg",
        UCDS[target] if args[2].type == POINT else args[2].ucd,
        coosys=CoordinateSystem(target),
    )


def _transformed(geometry: Expr, source: str, target: str) -> Expr:
    if source == target:
        return geometry
    if geometry.type == POINT:
        return Op(POINT, "point", _rotated(point_coordinates(geometry), source, target))
    if geometry.type == CIRCLE:
        *centre, radius = (
            geometry.args
            if isinstance(geometry, Op) and geometry.name == "circle"
            else [Op(DOUBLE, "element", (geometry, integer(index))) for index in (1, 2, 3)]
        )
        return Op(CIRCLE, "circle", (*_rotated(centre, source, target), radius))
    if isinstance(geometry, Op) and geometry.name == "polygon":
        pairs = zip(geometry.args[::2], geometry.args[1::2], strict=True)
        corners = tuple(part for pair in pairs for part in _rotated(pair, source, target))
        return Op(POLYGON, "polygon", corners)
    raise BindError(
        "ivo_geom_transform takes a POINT, a CIRCLE or a POLYGON of corners that the query names; "
        f"this is a {geometry.type}."
    )


def _rotated(position: Sequence[Expr], source: str, target: str) -> tuple[Expr, Expr]:
    lon, lat = position
    vector = (mul(cos(lat), cos(lon)), mul(cos(lat), sin(lon)), sin(lat))
    x, y, z = (combination(row, vector) for row in rotation(source, target))
    return _turned(atan2(y, x)), atan2(z, sqrt(add(square(x), square(y))))


def _turned(lon: Expr) -> Expr:
    """A longitude [deg] in 0 to 360."""
    value = known(lon)
    if value is not None:
        return number(value % 360)
    return sub(lon, mul(number(360), floor(mul(lon, number(1 / 360)))))


# Space motion


def _epoch_prop_pos(args: tuple[Value, ...]) -> Value:
    motion = _Motion("ivo_epoch_prop_pos", args, either_component=False)
    return Value(
        Op(POINT, "point", (motion.lon, motion.lat)),
        "propagated",
        "Position at another epoch, by linear motion",
        "deg",
        "pos.eq",
    )


def _epoch_prop(args: tuple[Value, ...]) -> Value:
    motion = _Motion("ivo_epoch_prop", args, either_component=True)
    items = (motion.lon, motion.lat, motion.parallax, motion.pm_lon, motion.pm_lat, motion.velocity)
    array = Op(ColumnType("double", "6"), "array", items)
    is_known = Op(BOOLEAN, "not", (either(*(Op(BOOLEAN, "is_null", (item,)) for item in items[:2])),))
    return Value(
        case(is_known, array, type_=array.type),
        "propagated",
        "Longitude [deg], latitude [deg], parallax [mas], proper motion in longitude (with the cosine of the "
        "latitude) and latitude [mas/yr] and radial velocity [km/s] at another epoch",
    )


_AU_PER_YEAR = 4.740470446
"""One astronomical unit in a Julian year [km/s], as ESA SP-1200 has it; the examples of EN 1.2 go by it."""

_MAS = RADIAN / 3_600_000


class _Motion:
    """The six parameters of a star at another epoch.

    Linear motion, the rigorous treatment of the Hipparcos catalogue (ESA SP-1200, volume 1, section 1.5.5),
    in the frame whose x axis points to the meridian of the star: no angle but the latitude is needed.
    """

    def __init__(self, name: str, args: tuple[Value, ...], *, either_component: bool) -> None:
        for index, what in ((0, "longitude"), (1, "latitude"), (6, "reference epoch"), (7, "output epoch")):
            given = args[index].expr
            if isinstance(given, Literal) and given.value is None:
                raise BindError(f"The {what} of {name} must not be NULL.")
        lon, lat, parallax, pm_lon, pm_lat, velocity, then, now = map(_double, args)
        years = sub(now, then)
        if either_component:
            both = [Op(BOOLEAN, "is_null", (part,)) for part in (pm_lon, pm_lat)]
            pm_lon, pm_lat = (_unless(either(*both), part) for part in (pm_lon, pm_lat))
        a, b = (mul(or_zero(part), number(_MAS)) for part in (pm_lon, pm_lat))
        away = mul(mul(or_zero(velocity), or_zero(parallax)), number(_MAS / _AU_PER_YEAR))
        radial = add(number(1), mul(away, years))
        east, north = mul(a, years), mul(b, years)
        # The place of the star now, in units of its distance then.
        x = sub(mul(cos(lat), radial), mul(sin(lat), north))
        z = add(mul(sin(lat), radial), mul(cos(lat), north))
        flat = sqrt(add(square(x), square(east)))
        self.lon = _turned(add(lon, atan2(east, x)))
        self.lat = atan2(z, flat)
        if not either_component:
            return
        speed = add(square(a), square(b))
        distance = sqrt(add(square(radial), mul(speed, square(years))))
        self.parallax = _unless(Op(BOOLEAN, "is_null", (parallax,)), div(parallax, distance))
        # The proper motion as a vector; its length is that of the motion across the line of sight now.
        ahead = neg(mul(speed, years))
        push_x = sub(mul(cos(lat), ahead), mul(sin(lat), mul(b, radial)))
        push_y = mul(a, radial)
        push_z = add(mul(sin(lat), ahead), mul(cos(lat), mul(b, radial)))
        cube = mul(mul(square(distance), distance), number(_MAS))
        self.pm_lon = self._kept(pm_lon, div(div(sub(mul(x, push_y), mul(east, push_x)), flat), cube))
        along = div(mul(z, add(mul(x, push_x), mul(east, push_y))), mul(flat, distance))
        upward = sub(div(mul(flat, push_z), distance), along)
        self.pm_lat = self._kept(pm_lat, div(upward, cube))
        recession = div(add(away, mul(add(speed, square(away)), years)), square(distance))
        moved = div(mul(recession, number(_AU_PER_YEAR / _MAS)), self.parallax)
        is_far = Op(BOOLEAN, "is_null", (parallax,))
        self.velocity = self._kept(velocity, case(is_far, velocity, moved))

    @staticmethod
    def _kept(given: Expr, computed: Expr) -> Expr:
        """What is computed, NULL where nothing was given."""
        if isinstance(given, Literal):
            return Literal(DOUBLE, None) if given.value is None else computed
        return case(Op(BOOLEAN, "not", (Op(BOOLEAN, "is_null", (given,)),)), computed)


def _unless(condition: Expr, expr: Expr) -> Expr:
    return case(Op(BOOLEAN, "not", (condition,)), expr)


# Names of sources


def _simbadpoint(args: tuple[Value, ...]) -> Value:
    written = literal_text(args[0], "The identifier of ivo_simbadpoint")
    source = _SOURCES.get(_key(written))
    if source is None:
        close = difflib.get_close_matches(_key(written)[:60], _SOURCES, n=1, cutoff=0.7)
        hint = f' Did you mean "{_SOURCES[close[0]].name}"?' if close else ""
        raise BindError(
            f'"{written[:60]}" cannot be resolved: ivo_simbadpoint knows {len(SOURCES)} sources of TeV gamma '
            f"rays by name, without asking Simbad.{hint} Write POINT(ra, dec) [deg] instead."
        )
    lon, lat = number(source.ra), number(source.dec)
    return Value(Op(POINT, "point", (lon, lat)), "position", f"Position of {source.name}", "deg", "pos.eq")


def _key(name: str) -> str:
    """A name without blanks and punctuation that writers differ in, in lower case."""
    return "".join(character for character in name.lower() if character.isalnum() or character in "+-.*")


_SOURCES = {_key(name): source for source in SOURCES for name in (source.name, *source.aliases)}


# Sexagesimal texts


def _sexagesimal(letter: str, first: str, sign: str, divisor: float, ucd: str) -> Maker:
    """Degrees of a text such as ``3:34:45.4``, ``033445.4`` or ``3h34m45.4s``; NULL where it is none."""
    seconds, end = r"[0-9]{1,2}(?:[.][0-9]*)?", r" *[sS]? *\z"
    last, below = r"[0-5][0-9](?:[.][0-9]*)?", r"[0-5]?[0-9](?:[.][0-9]*)?"
    form = (
        rf"\A *{sign}(?:(?:{first}):[0-5]?[0-9]:{below}|(?:{first})[{letter}][0-5]?[0-9][mM]{below}[sS]?"
        rf"|[0-9]{{2}}[0-5][0-9]{last}) *\z"
    )
    # Each group is found by what follows it up to the end of the text; the form makes that one reading.
    minute = rf"[0-9]{{1,2}}[:mM]?{seconds}{end}"
    parts = (
        (rf"\A[ +-]*([0-9]{{1,2}}|[0-9]{{3}})[:{letter}]?{minute}", 3600),
        (rf"([0-9]{{1,2}})[:mM]?{seconds}{end}", 60),
        (rf"({seconds}){end}", 1),
    )

    def make(args: tuple[Value, ...]) -> Value:
        written = args[0].expr
        total = add(*(mul(_number_in(written, regex), number(weight)) for regex, weight in parts))
        degrees = div(total, number(divisor))
        if sign:
            is_south = Op(BOOLEAN, "matches", (written, text(r"\A *-")))
            degrees = case(is_south, neg(degrees), degrees)
        is_readable = Op(BOOLEAN, "matches", (written, text(form)))
        return Value(case(is_readable, degrees), "degrees", "Angle in degrees of a text", "deg", ucd)

    return make


def _number_in(written: Expr, regex: str) -> Expr:
    return Op(DOUBLE, "double_of_text", (Op(STRING, "extract", (written, text(regex))),))


FUNCTIONS: tuple[Function, ...] = (
    # EN 1.2 section 2.1
    Function(
        "ivo_healpix_index",
        ("integer", "any", "number?"),
        _healpix_index,
        "Index of the HEALPix cell that holds a position [deg], in NESTED numbering; the order, 0 to 29, "
        "is a constant",
        "ivo_healpix_index(hpxOrder INTEGER, long REAL, lat REAL) -> BIGINT",
        "udf",
        "ivo_healpix_index(17, 1, 1)",
        81609757711,
        ("ivo_healpix_index(hpxOrder INTEGER, point POINT) -> BIGINT",),
        (("ivo_healpix_index(17, POINT(1, 1))", 81609757711),),
    ),
    Function(
        "ivo_healpix_center",
        ("integer", "integer"),
        _healpix_center,
        "Centre of the HEALPix cell of an index, in NESTED numbering; the order, 0 to 29, is a constant",
        "ivo_healpix_center(hpxOrder INTEGER, hpxIndex BIGINT) -> POINT",
        "udf",
        "ivo_healpix_center(0, 6)",
        (180.0, 0.0),
    ),
    # EN 1.2 section 2.2
    Function(
        "ivo_epoch_prop_pos",
        ("number",) * 8,
        _epoch_prop_pos,
        "Position [deg] of a star at another epoch, from its position [deg], parallax [mas], proper motion "
        "[mas/yr] and radial velocity [km/s] at a first, both in Julian years; of those NULL is none. A NULL "
        "position or epoch gives NULL",
        "ivo_epoch_prop_pos(ra REAL, dec REAL, parallax REAL, pmra REAL, pmdec REAL, radial_velocity REAL, "
        "ref_epoch REAL, out_epoch REAL) -> POINT",
        "udf",
        "ivo_epoch_prop_pos(7.606083572, 11.79044105, 125, 300, -428.8, 52.51, 2016.0, 1992.25)",
        (7.604061404627978, 11.7932703828279),
    ),
    Function(
        "ivo_epoch_prop",
        ("number",) * 8,
        _epoch_prop,
        "Position [deg], parallax [mas], proper motion [mas/yr] and radial velocity [km/s] of a star at "
        "another epoch; what is NULL at the first is NULL again",
        "ivo_epoch_prop(ra REAL, dec REAL, parallax REAL, pmra REAL, pmdec REAL, radial_velocity REAL, "
        "ref_epoch REAL, out_epoch REAL) -> REAL[6]",
        "udf",
        "ivo_epoch_prop(7.606083572, 11.79044105, 125, 300, -428.8, 52.51, 2016.0, 1992.25)",
        (
            7.6040614046279735,
            11.793270382827929,
            125.01993165584682,
            300.09877325973605,
            -428.934593565712,
            52.50880381775256,
        ),
    ),
    Function(
        "ivo_geom_transform",
        ("text", "text", "geometry"),
        _geom_transform,
        f"A geometry in another frame, by a plain rotation; the frames are {', '.join(FRAMES)}, of equinox "
        "J2000 and FK4 of B1950 without its E-terms",
        "ivo_geom_transform(from_sys TEXT, to_sys TEXT, geo GEOMETRY) -> GEOMETRY",
        "udf",
        "ivo_geom_transform('ICRS', 'GALACTIC', POINT(120, -23))",
        (241.121831182, 3.62785788087),
    ),
    # EN 1.2 section 2.6
    Function(
        "ivo_simbadpoint",
        ("text",),
        _simbadpoint,
        f"Position of a source by its name, a text in quotes; {len(SOURCES)} sources of TeV gamma rays are "
        "known, Simbad is not asked",
        "ivo_simbadpoint(identifier TEXT) -> POINT",
        "udf",
        "ivo_simbadpoint('Crab nebula')",
        (83.633083, 22.0145),
    ),
    # EN 1.2 section 2.7
    Function(
        "ivo_hms_to_degrees",
        ("text",),
        _sexagesimal("hH", "[01]?[0-9]|2[0-3]", "", 240.0, "pos.eq.ra"),
        "Degrees of hours, minutes and seconds, written as 3:34:45.4, 033445.4 or 3h34m45.4s; NULL where a "
        "text is none of them",
        "ivo_hms_to_degrees(hms TEXT) -> REAL",
        "udf",
        "ivo_hms_to_degrees('3:34:45.4')",
        math.fsum((3 * 3600, 34 * 60, 45.4)) / 240,
    ),
    Function(
        "ivo_dms_to_degrees",
        ("text",),
        _sexagesimal("dD", "[0-9]{1,2}|[0-2][0-9]{2}|3[0-5][0-9]", "[+-]?", 3600.0, "pos.eq.dec"),
        "Degrees of degrees, minutes and seconds of arc, written as -0:15:00, 420906.768 or 42d9m6.768s; "
        "NULL where a text is none of them",
        "ivo_dms_to_degrees(dms TEXT) -> REAL",
        "udf",
        "ivo_dms_to_degrees('42:9:6.768')",
        42.15188,
    ),
)
