"""COUNT, SUM, AVG, MIN and MAX (ADQL 2.1 section 2.2.6, SQL92 section 6.5)."""

from __future__ import annotations

from adql.core import Aggregate
from adql.types import DOUBLE, LONG
from adql.values import Value, about, statistic, to_double, to_long


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
