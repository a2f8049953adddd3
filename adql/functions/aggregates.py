"""Aggregates: ADQL 2.1 section 2.2.6 (SQL92 section 6.5) and the Catalogue of ADQL User Defined Functions."""

from __future__ import annotations

from dataclasses import replace

from adql.core import Aggregate
from adql.errors import BindError
from adql.functions.base import Function, Maker, constant_integer, constant_number, literal_text
from adql.types import DOUBLE, LONG, STRING, ColumnType
from adql.values import Value, about, computed, number, statistic, text, to_double, to_long

MAX_BINS = 1000
"""Most bins of a histogram."""


def count_rows() -> Value:
    """COUNT(*)."""
    return Value(Aggregate(LONG, "count", ()), "count_all", "Number of rows", ucd="meta.number")


def _count(args: tuple[Value, ...]) -> Value:
    (arg,) = args
    label = f"count_{arg.name}" if arg.name else "number"
    return Value(Aggregate(LONG, "count", (arg.expr,)), label, about("Number", arg), ucd="meta.number")


def _statistic(name: str, word: str, ucd_word: str) -> Maker:
    """SUM, AVG, MIN or MAX of a value, in its unit."""

    def make(args: tuple[Value, ...]) -> Value:
        (arg,) = args
        if name in ("sum", "avg"):
            whole = name == "sum" and arg.type.is_integer
            type_, operand = (LONG, to_long(arg.expr)) if whole else (DOUBLE, to_double(arg.expr))
        else:
            type_, operand = arg.type, arg.expr
        label = f"{name}_{arg.name}" if arg.name else ""
        ucd = statistic(arg.ucd, ucd_word)
        expr = Aggregate(type_, name, (operand,))
        value = Value(expr, label, about(word, arg), arg.unit, ucd, is_lost=arg.is_lost)
        return value if name == "sum" else replace(value, coosys=arg.coosys, timesys=arg.timesys)

    return make


def _string_agg(args: tuple[Value, ...]) -> Value:
    arg, delimiter = args
    type_ = ColumnType(arg.type.datatype, "*") if arg.type.is_text else STRING
    between = text(literal_text(delimiter, "The delimiter of ivo_string_agg"))
    expr = Aggregate(type_, "string_agg", (arg.expr, between))
    return Value(expr, f"{arg.name}_list" if arg.name else "", about("List", arg), ucd=computed(arg.ucd))


def _histogram(args: tuple[Value, ...]) -> Value:
    value = args[0]
    low = constant_number(args[1], "The lower limit of ivo_histogram")
    high = constant_number(args[2], "The upper limit of ivo_histogram")
    bins = constant_integer(args[3], "The number of bins of ivo_histogram", 1, MAX_BINS)
    if not low < high:
        raise BindError(
            f"The upper limit of ivo_histogram must be above the lower: {high:g} is not above {low:g}."
        )
    edges = (*(number(low + (high - low) * index / bins) for index in range(bins)), number(high))
    if len({edge.value for edge in edges}) <= bins:
        raise BindError(
            f"ivo_histogram cannot make {bins} bins from {low:g} to {high:g}: they are too narrow."
        )
    type_ = ColumnType("int", str(bins + 2))
    limits = f"below {low:g}, in {bins} bins up to {high:g}, and from there on"
    description = (
        f"Numbers of values {limits}: {value.description}" if value.description else f"Numbers {limits}"
    )
    expr = Aggregate(type_, "histogram", (to_double(value.expr), *edges))
    label = f"{value.name}_histogram" if value.name else "histogram"
    return Value(expr, label, description, ucd="meta.number")


def _aggregate(name: str, kind: str, make: Maker, description: str, example: str, value: float) -> Function:
    return Function(
        name, (kind,), make, description, example=example, value=value, is_aggregate=True, takes_distinct=True
    )


FUNCTIONS: tuple[Function, ...] = (
    _aggregate("COUNT", "any", _count, "Number of rows, or of values that are not NULL", "COUNT(*)", 1),
    _aggregate(
        "SUM",
        "number",
        _statistic("sum", "Sum", "arith.sum"),
        "Sum of the values that are not NULL",
        "SUM(2.5)",
        2.5,
    ),
    _aggregate(
        "AVG",
        "number",
        _statistic("avg", "Mean", "stat.mean"),
        "Mean of the values that are not NULL",
        "AVG(3)",
        3.0,
    ),
    _aggregate(
        "MIN", "scalar", _statistic("min", "Minimum", "stat.min"), "Least value that is not NULL", "MIN(7)", 7
    ),
    _aggregate(
        "MAX",
        "scalar",
        _statistic("max", "Maximum", "stat.max"),
        "Greatest value that is not NULL",
        "MAX(7)",
        7,
    ),
    # EN 1.2 sections 2.4 and 2.5
    Function(
        "ivo_string_agg",
        ("text", "text"),
        _string_agg,
        "The texts of a group joined, with a delimiter (a text in quotes) between them; sorted by their "
        "characters, so that the result is always the same. NULLs leave no trace, and a group of NULLs "
        "gives NULL",
        "ivo_string_agg(expression TEXT, delimiter TEXT) -> TEXT",
        "udf",
        "ivo_string_agg('a', ', ')",
        "a",
        is_aggregate=True,
        takes_distinct=True,
    ),
    Function(
        "ivo_histogram",
        ("number", "number", "number", "integer"),
        _histogram,
        f"Numbers of values in nbins bins between two limits, 1 to {MAX_BINS}; the first element counts "
        "what lies below, NULLs too, the last what lies at the upper limit or above. Limits and nbins are "
        "constants",
        "ivo_histogram(val REAL, lower REAL, upper REAL, nbins INTEGER) -> INTEGER[]",
        "udf",
        "ivo_histogram(5.5, 0, 10, 4)",
        (0, 0, 0, 1, 0, 0),
        is_aggregate=True,
    ),
)

AGGREGATES = frozenset(function.name.upper() for function in FUNCTIONS)
"""Upper-case names."""
