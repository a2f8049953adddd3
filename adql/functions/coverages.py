"""TMOC: coverage maps of time (MOC 2.0), as the roadmap to high-energy ObsCore asks for them (PEN 1.0)."""

from __future__ import annotations

from collections.abc import Sequence

from adql import tmoc
from adql.coercion import NULL_TYPE
from adql.core import Expr, Literal
from adql.errors import BindError, UnsupportedError
from adql.functions.base import Function, constant_integer
from adql.tmoc import TMOC
from adql.types import DOUBLE, STRING
from adql.values import Value, to_double


def _tmoc(args: tuple[Value, ...]) -> Value:
    if len(args) == 1:
        return _value(tmoc.of_text(tmoc.MAX_ORDER, _text(args[0])))
    order = constant_integer(args[0], "The order of TMOC", 0, tmoc.MAX_ORDER)
    if len(args) == 2:
        return _value(tmoc.of_text(order, _text(args[1])))
    first, last = (_number(arg) for arg in args[1:])
    return _value(tmoc.of_interval(order, first, last))


def _value(expr: Expr) -> Value:
    return Value(expr, "tmoc", "Time coverage, from JD 0 in microseconds", ucd="time.interval")


def _text(arg: Value) -> Expr:
    if arg.type == NULL_TYPE:
        return Literal(STRING, None)
    if arg.type.datatype not in ("char", "unicodeChar"):
        raise BindError(
            f"TMOC(order, intervals) takes a time coverage as text; {arg.name or 'this'} is {arg.type}."
        )
    return arg.expr


def _number(arg: Value) -> Expr:
    if arg.type == NULL_TYPE:
        return Literal(DOUBLE, None)
    if not arg.type.is_numeric:
        raise BindError(
            f"TMOC(order, t1, t2) takes two Modified Julian dates; {arg.name or 'this'} is {arg.type}."
        )
    return to_double(arg.expr)


def related(name: str, args: Sequence[Value]) -> Expr | None:
    """The condition of a predicate on time coverages; None if no argument is one.

    Raises
    ------
    BindError
        Raised if the other argument is a geometry.
    UnsupportedError
        Raised for CONTAINS.
    """
    if all(arg.type != TMOC for arg in args):
        return None
    if name != "INTERSECTS":
        raise UnsupportedError(f"{name} of time coverages is not offered: INTERSECTS is.")
    for arg in args:
        if arg.type not in (TMOC, NULL_TYPE):
            raise BindError(
                f"INTERSECTS takes two time coverages or two geometries, not a TMOC and a {arg.type}."
            )
    first, second = (arg.expr if arg.type == TMOC else Literal(TMOC, None) for arg in args)
    return tmoc.meets(first, second)


FUNCTIONS: tuple[Function, ...] = (
    Function(
        "TMOC",
        ("any", "any?", "any?"),
        _tmoc,
        "A time coverage map, in cells of an order (0 to 61, a constant) at the most: from the text of a "
        "map, or of the time between two Modified Julian dates. INTERSECTS tells whether two have time in "
        "common",
        "TMOC(order INTEGER, intervals TEXT) -> TMOC",
        "udf",
        "INTERSECTS(TMOC(27, '27/12352876-12352880'), TMOC(27, 56320.0, 56325.0))",
        0,
        ("TMOC(order INTEGER, t1 DOUBLE, t2 DOUBLE) -> TMOC",),
        (("INTERSECTS(TMOC(27, 56320.0, 56325.0), TMOC(27, 56325.09, 56330.0))", 1),),
    ),
)
