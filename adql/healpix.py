"""HEALPix in plain arithmetic: NESTED indices of positions and positions of indices, any order to 29.

Gorski et al. 2005, ApJ 622, 759. Functions of numbers are for constants; those that end in ``_expr`` build
the same computation as an expression, so that every engine can do it: real arithmetic, whole division,
remainder and bitwise AND.
"""

from __future__ import annotations

import math

from adql.core import BOOLEAN, Expr, Literal, Op
from adql.types import DOUBLE, LONG
from adql.values import number

MAX_ORDER = 29
"""The finest order whose indices a 64-bit integer holds."""

SQRT6 = math.sqrt(6)
_CAP = 2 / 3
"""Sine of the latitude from which on the polar caps begin."""

_CHUNK = 5
"""Bits that are spread or gathered by one multiplication."""


def npix(order: int) -> int:
    """Number of cells of an order."""
    return 12 << 2 * order


def index(order: int, lon: float, lat: float) -> int:
    """The NESTED index of the cell that holds a position.

    Parameters
    ----------
    order
        0 to 29.
    lon, lat
        Position [deg]; longitude in any turn, latitude -90 to 90.
    """
    nside = 1 << order
    turn = (lon - 360 * math.floor(lon / 360)) / 90
    z = math.sin(math.radians(lat))
    if abs(z) <= _CAP:
        up = int(nside * (0.5 + turn) - nside * z * 0.75)
        down = int(nside * (0.5 + turn) + nside * z * 0.75)
        strip_up, strip_down = up // nside, down // nside
        if strip_up == strip_down:
            face = strip_up % 4 + 4
        else:
            face = strip_up % 4 if strip_up < strip_down else strip_down % 4 + 8
        x, y = down % nside, nside - 1 - up % nside
    else:
        quarter = min(int(turn), 3)
        part = turn - quarter
        size = nside * SQRT6 * math.cos(math.pi / 4 + math.radians(abs(lat)) / 2)
        near, far = min(int(part * size), nside - 1), min(int((1 - part) * size), nside - 1)
        face = quarter if z > 0 else quarter + 8
        x, y = (nside - 1 - far, nside - 1 - near) if z > 0 else (near, far)
    return (face << 2 * order) + _spread(x) + 2 * _spread(y)


def centre(order: int, cell: int) -> tuple[float, float]:
    """Longitude and latitude [deg] of the centre of a cell, given by its NESTED index."""
    return point_in(order, cell, 0.5, 0.5)


def point_in(order: int, cell: int, across: float, along: float) -> tuple[float, float]:
    """A place in a cell or on its rim.

    Parameters
    ----------
    across, along
        0 to 1: (0, 0) is the southern corner, (1, 0) the eastern, (1, 1) the northern, (0, 1) the western.
    """
    nside = 1 << order
    face, rest = cell >> 2 * order, cell & ((1 << 2 * order) - 1)
    x, y = (_gather(rest) + across) / nside, (_gather(rest >> 1) + along) / nside
    ring = 2 + face // 4 - x - y
    width = min(ring, 1.0, 4 - ring)
    place = _first_place(face) * width + x - y
    lon = 45 * place / width if width > 1e-12 else 45.0 * _first_place(face)
    if 1 <= ring <= 3:
        return lon % 360, math.degrees(math.asin((2 - ring) * _CAP))
    lat = 90 - 2 * math.degrees(math.asin(width / SQRT6))
    return lon % 360, lat if ring < 1 else -lat


def _first_place(face: int) -> int:
    """Longitude of the middle of a face, in eighths of a turn."""
    return (2 * face + 1) % 8 if face // 4 != 1 else 2 * (face - 4)


def _spread(value: int) -> int:
    """The bits of a number at even places, zeros between them."""
    spread = 0
    for place in range(value.bit_length()):
        spread |= (value >> place & 1) << 2 * place
    return spread


def _gather(value: int) -> int:
    """The bits at even places of a number, side by side."""
    gathered = 0
    for place in range((value.bit_length() + 1) // 2):
        gathered |= (value >> 2 * place & 1) << place
    return gathered


# The same as expressions


def index_expr(order: int, lon: Expr, lat: Expr) -> Expr:
    """The NESTED index of the cell that holds a position; NULL for a latitude beyond the poles.

    Parameters
    ----------
    order
        0 to 29.
    lon, lat
        Position [deg], doubles.
    """
    nside = 1 << order
    turn = _real(
        "div", _real("sub", lon, _real("mul", number(360), _real("floor", _scaled(lon, 1 / 360)))), number(90)
    )
    z = _real("sin", _scaled(lat, math.pi / 180))
    is_belt = _and(_test("le", z, number(_CAP)), _test("ge", z, number(-_CAP)))
    middle = _real("mul", number(nside), _real("add", number(0.5), turn))
    slope = _real("mul", number(nside * 0.75), z)
    up, down = (_whole(_real(sign, middle, slope)) for sign in ("sub", "add"))
    strip_up, strip_down = _over(up, nside), _over(down, nside)
    belt_face = _case(
        _test("eq", strip_up, strip_down),
        _add(_rest(strip_up, 4), _long(4)),
        _test("lt", strip_up, strip_down),
        _rest(strip_up, 4),
        _add(_rest(strip_down, 4), _long(8)),
    )
    quarter = _case(_test("ge", turn, number(3)), _long(3), _whole(turn))
    part = _real("sub", turn, Op(DOUBLE, "to_double", (quarter,)))
    latitude = Op(DOUBLE, "abs", (lat,))
    size = _real(
        "mul",
        number(nside * SQRT6),
        _real("cos", _real("add", number(math.pi / 4), _scaled(latitude, math.pi / 360))),
    )
    near = _at_most(_whole(_real("mul", part, size)), nside - 1)
    far = _at_most(_whole(_real("mul", _real("sub", number(1), part), size)), nside - 1)
    is_north = _test("gt", z, number(0))
    last = _long(nside - 1)
    x = _case(is_belt, _rest(down, nside), is_north, _sub(last, far), near)
    y = _case(is_belt, _sub(last, _rest(up, nside)), is_north, _sub(last, near), far)
    face = _case(is_belt, belt_face, is_north, quarter, _add(quarter, _long(8)))
    cell = _mul(face, 1 << 2 * order)
    if order:
        cell = _add(_add(cell, _spread_expr(x, order)), _mul(_spread_expr(y, order), 2))
    is_sphere = _and(_test("ge", lat, number(-90)), _test("le", lat, number(90)))
    return Op(LONG, "case", (is_sphere, cell))


def centre_expr(order: int, cell: Expr) -> tuple[Expr, Expr]:
    """Longitude and latitude [deg] of the centre of a cell; NULL for a number that is no cell."""
    nside = 1 << order
    face, rest = _over(cell, 1 << 2 * order), _rest(cell, 1 << 2 * order)
    x, y = (
        _scaled(_real("add", Op(DOUBLE, "to_double", (coordinate,)), number(0.5)), 1 / nside)
        for coordinate in (_gather_expr(rest, order), _gather_expr(_over(rest, 2), order))
    )
    row = _over(face, 4)
    ring = _real("sub", _real("add", number(2), Op(DOUBLE, "to_double", (row,))), _real("add", x, y))
    is_north, is_south = _test("lt", ring, number(1)), _test("gt", ring, number(3))
    width = Op(DOUBLE, "case", (is_north, ring, is_south, _real("sub", number(4), ring), number(1)))
    column = _mul(_rest(face, 4), 2)
    first = Op(DOUBLE, "to_double", (_case(_test("eq", row, _long(1)), column, _add(column, _long(1))),))
    eighths = _real("add", first, _real("div", _real("sub", x, y), width))
    turned = Op(DOUBLE, "case", (_test("lt", eighths, number(0)), _real("add", eighths, number(8)), eighths))
    cap = _real("sub", number(90), _scaled(_real("raw_asin", _scaled(width, 1 / SQRT6)), 360 / math.pi))
    belt = _scaled(
        _real("raw_asin", _scaled(_real("sub", number(2), ring), _CAP)),
        180 / math.pi,
    )
    lat = Op(DOUBLE, "case", (is_north, cap, is_south, _real("neg", cap), belt))
    is_cell = _and(_test("ge", cell, _long(0)), _test("lt", cell, _long(npix(order))))
    return Op(DOUBLE, "case", (is_cell, _scaled(turned, 45))), Op(DOUBLE, "case", (is_cell, lat))


def _spread_expr(value: Expr, order: int) -> Expr:
    """:func:`_spread`: copies of five bits side by side, of each copy one bit kept; the remainder brings
    bit 12 j, which is 2 j modulo 10, to its place.
    """
    copies = sum(1 << 11 * j for j in range(_CHUNK))
    kept = sum(1 << 12 * j for j in range(_CHUNK))
    total: Expr | None = None
    for first in range(0, order, _CHUNK):
        bits = _bits(value, 1 << first, None if first + _CHUNK >= order else 1 << _CHUNK)
        spread = _mul(_rest(_bit_and(_mul(bits, copies), kept), 1023), 1 << 2 * first)
        total = spread if total is None else _add(total, spread)
    assert total is not None
    return total


def _gather_expr(value: Expr, order: int) -> Expr:
    """:func:`_gather`, five bits at a time; bit 13 j, which is j modulo 6, is brought to its place."""
    if order == 0:
        return _long(0)
    copies = sum(1 << 11 * j for j in range(_CHUNK))
    kept = sum(1 << 13 * j for j in range(_CHUNK))
    even = sum(1 << 2 * j for j in range(_CHUNK))
    total: Expr | None = None
    for first in range(0, order, _CHUNK):
        bits = _bit_and(_bits(value, 1 << 2 * first, None), even)
        gathered = _mul(_rest(_bit_and(_mul(bits, copies), kept), 63), 1 << first)
        total = gathered if total is None else _add(total, gathered)
    assert total is not None
    return total


def _bits(value: Expr, divisor: int, modulus: int | None) -> Expr:
    shifted = _over(value, divisor)
    return shifted if modulus is None else _rest(shifted, modulus)


def _long(value: int) -> Expr:
    return Literal(LONG, value)


def _add(left: Expr, right: Expr) -> Expr:
    return Op(LONG, "add", (left, right))


def _sub(left: Expr, right: Expr) -> Expr:
    return Op(LONG, "sub", (left, right))


def _mul(value: Expr, factor: int) -> Expr:
    return value if factor == 1 else Op(LONG, "mul", (value, _long(factor)))


def _over(value: Expr, divisor: int) -> Expr:
    return value if divisor == 1 else Op(LONG, "idiv", (value, _long(divisor)))


def _rest(value: Expr, divisor: int) -> Expr:
    return Op(LONG, "mod_integer", (value, _long(divisor)))


def _bit_and(value: Expr, mask: int) -> Expr:
    return Op(LONG, "bit_and", (value, _long(mask)))


def _at_most(value: Expr, limit: int) -> Expr:
    return _case(_test("gt", value, _long(limit)), _long(limit), value)


def _whole(value: Expr) -> Expr:
    """A number cut towards zero."""
    return Op(LONG, "cut", (value,))


def _real(name: str, *args: Expr) -> Expr:
    return Op(DOUBLE, name, args)


def _scaled(value: Expr, factor: float) -> Expr:
    return Op(DOUBLE, "mul", (value, number(factor)))


def _case(*parts: Expr) -> Expr:
    return Op(LONG, "case", parts)


def _test(name: str, left: Expr, right: Expr) -> Expr:
    return Op(BOOLEAN, name, (left, right))


def _and(left: Expr, right: Expr) -> Expr:
    return Op(BOOLEAN, "and", (left, right))
