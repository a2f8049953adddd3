"""CAST: one meaning on every engine (ADQL 2.1 section 4.6).

A number is cut towards zero to be an integer; what does not fit the type, and a text that is no number or no
time, is NULL. A number is read from a text as VOTable writes it: digits with a sign, a point and an exponent,
blanks around; no ``NaN``, no ``Infinity``, no hexadecimal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from adql import timestamps
from adql.arithmetic import both, case, test
from adql.coercion import NULL_TYPE
from adql.core import BOOLEAN, Expr, Literal, Op
from adql.errors import BindError
from adql.types import DOUBLE, FLOAT, INT, LONG, SHORT, STRING, TIMESTAMP, ColumnType
from adql.values import Value, integer, number, text, to_double, to_long

SCALARS: Mapping[str, ColumnType] = {
    "CHAR": STRING,
    "VARCHAR": STRING,
    "SMALLINT": SHORT,
    "INTEGER": INT,
    "BIGINT": LONG,
    "REAL": FLOAT,
    "DOUBLE PRECISION": DOUBLE,
    "TIMESTAMP": TIMESTAMP,
}
"""Name of a type in CAST, but for the geometries -> column type."""

MAX_LENGTH = 1_000_000
"""Greatest n of CHAR(n) and VARCHAR(n)."""


def cast(value: Value, target: str, length: int | None = None) -> Value:
    """A value as one of the types of :data:`SCALARS`.

    Raises
    ------
    BindError
        Raised for a pair of types between which there is no meaning, or a length that is none.
    """
    type_ = SCALARS[target]
    if type_ == STRING:
        return _as_text(value, target, length)
    if value.type.is_geometry or (value.type.arraysize and not _is_text(value.type)):
        raise BindError(f"A {value.type} cannot be CAST to {target}.")
    if type_ == TIMESTAMP:
        return _kept(value, _as_time(value), unit=False)
    if value.type.is_timestamp:
        raise BindError(f"A time cannot be CAST to {target}: ivo_to_mjd gives its Modified Julian date.")
    return _kept(value, _as_number(value.expr, type_))


def _kept(value: Value, expr: Expr, *, unit: bool = True) -> Value:
    return replace(value, expr=expr, unit=value.unit if unit else None, xml_type=None)


def _is_text(type_: ColumnType) -> bool:
    return type_.datatype in ("char", "unicodeChar")


# Numbers

_BLANKS = r"[ \t\r\n]*"
_WHOLE = rf"\A{_BLANKS}[+]?(-?[0-9]+){_BLANKS}\z"
_REAL = rf"\A{_BLANKS}[+]?(-?(?:[0-9]+(?:[.][0-9]*)?|[.][0-9]+)(?:[eE][+-]?[0-9]+)?){_BLANKS}\z"

_LIMITS = {"short": 1 << 15, "int": 1 << 31, "long": 1 << 63}

_MOST_FLOAT = 3.4028235677973366e38
"""Halfway between the greatest float and what would come next: from here on there is no float."""

_MOST_DOUBLE = 1.7976931348623157e308


def _as_number(expr: Expr, target: ColumnType) -> Expr:
    if expr.type == NULL_TYPE or (isinstance(expr, Literal) and expr.value is None):
        return Literal(target, None)
    if expr.type.datatype == target.datatype:
        return expr
    if expr.type == BOOLEAN:
        return _as_number(Op(INT, "flag", (expr,)), target)
    if _is_text(expr.type):
        return _of_text(expr, target)
    if target.datatype == "double":
        return to_double(expr)
    if target.datatype == "float":
        return _as_float(expr)
    if expr.type.is_integer:
        return _narrowed(expr, target)
    return _cut(to_double(expr), target)


def _as_float(expr: Expr) -> Expr:
    single = Op(FLOAT, "to_float", (expr,))
    if expr.type.is_integer:
        return single
    fits = both(test("le", expr, number(_MOST_FLOAT)), test("ge", expr, number(-_MOST_FLOAT)))
    return case(fits, single, type_=FLOAT)


def _narrowed(expr: Expr, target: ColumnType) -> Expr:
    """An integer in another integer type."""
    if target.datatype == "long":
        return to_long(expr)
    limit = _LIMITS[target.datatype]
    fits = both(test("ge", expr, integer(-limit)), test("lt", expr, integer(limit)))
    return case(fits, Op(target, f"to_{target.datatype}", (expr,)), type_=target)


def _cut(expr: Expr, target: ColumnType) -> Expr:
    """A double cut towards zero."""
    limit = float(_LIMITS[target.datatype])
    low = (
        test("ge", expr, number(-limit))
        if target.datatype == "long"
        else test("gt", expr, number(-limit - 1))
    )
    return case(
        both(low, test("lt", expr, number(limit))),
        Op(target, f"cut_{target.datatype}", (expr,)),
        type_=target,
    )


def _of_text(expr: Expr, target: ColumnType) -> Expr:
    real = Op(DOUBLE, "double_of_text", (Op(STRING, "extract", (expr, text(_REAL))),))
    is_real = Op(BOOLEAN, "matches", (expr, text(_REAL)))
    if target.datatype in ("float", "double"):
        fits = both(is_real, test("le", real, number(_MOST_DOUBLE)), test("ge", real, number(-_MOST_DOUBLE)))
        result = case(fits, real)
        return result if target.datatype == "double" else _as_float(result)
    whole = Op(LONG, "long_of_text", (Op(STRING, "extract", (expr, text(_WHOLE))),))
    is_whole = Op(BOOLEAN, "matches", (expr, text(_WHOLE)))
    return case(is_whole, _narrowed(whole, target), is_real, _cut(real, target), type_=target)


# Texts


def _as_text(value: Value, target: str, length: int | None) -> Value:
    type_ = ColumnType(value.type.datatype if _is_text(value.type) else "char", "*")
    if value.type == NULL_TYPE:
        expr: Expr = Literal(type_, None)
    elif value.type.is_geometry or (value.type.arraysize and not _is_text(value.type)):
        raise BindError(f"A {value.type} cannot be CAST to {target}.")
    elif _is_text(value.type):
        expr = replace(value.expr, type=type_)
    else:
        expr = text_of(value.expr)
    if length is not None:
        if not 0 < length <= MAX_LENGTH:
            raise BindError(f"{target}({length}): the length is from 1 to {MAX_LENGTH}.")
        expr = Op(type_, "left", (expr, integer(length)))
    size = "*" if length is None else str(length) if target == "CHAR" else f"{length}*"
    declared = ColumnType(type_.datatype, size) if length is not None else None
    told = f"{value.description} [{value.unit}]" if value.unit and value.description else value.description
    return replace(
        value,
        expr=expr,
        description=told,
        unit=None,
        utype=None,
        xml_type=declared,
        coosys=None,
        timesys=None,
    )


def text_of(expr: Expr) -> Expr:
    """A number or a boolean as text; a real number has the fewest digits that tell it from its neighbours."""
    if expr.type == BOOLEAN:
        yes, no = (expr, text("true")), (Op(BOOLEAN, "not", (expr,)), text("false"))
        return case(*yes, *no, type_=STRING)
    kind = "integer" if expr.type.is_integer else "real"
    return Op(STRING, f"text_of_{kind}", (expr,))


# Times


def _as_time(value: Value) -> Expr:
    expr = value.expr
    if expr.type.is_timestamp:
        return expr
    if isinstance(expr, Literal) and isinstance(expr.value, str):
        return Literal(TIMESTAMP, timestamps.normalised(expr.value))
    if expr.type == NULL_TYPE:
        return Literal(TIMESTAMP, None)
    if not _is_text(expr.type):
        raise BindError(f"Only a text can be CAST to TIMESTAMP; this is {value.type}.")
    return as_timestamp(expr)


def as_timestamp(expr: Expr) -> Expr:
    """The time that a text tells, in the one form of :mod:`adql.timestamps`; NULL where it tells none."""

    def found(regex: str) -> Expr:
        return Op(STRING, "extract", (expr, text(regex)))

    day = found(r"([0-9]{4}-[0-9]{2}-[0-9]{2})")
    clock = _or(found(r"[T ]([0-9]{2}:[0-9]{2})"), "00:00")
    second = _or(found(r":[0-9]{2}:([0-9]{2})"), "00")
    decimals = found(r"[.]([0-9]{3}[0-9]*[1-9]|[0-9]{1,3})0*Z?[ \t\r\n]*\z")
    padding = Op(STRING, "tail", (text("000"), Op(INT, "length", (decimals,))))
    parts = (day, text("T"), clock, text(":"), second, text("."), decimals, padding)
    joined = parts[0]
    for part in parts[1:]:
        joined = Op(STRING, "concat", (joined, part))
    is_time = both(Op(BOOLEAN, "matches", (expr, text(timestamps.FORM))), Op(BOOLEAN, "is_date", (day,)))
    return case(is_time, replace(joined, type=TIMESTAMP), type_=TIMESTAMP)


def _or(expr: Expr, default: str) -> Expr:
    """A text, or another where it is empty or NULL."""
    return case(test("ne", expr, text("")), expr, text(default), type_=STRING)
