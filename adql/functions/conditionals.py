"""Functions of any values: COALESCE and NULLIF (ADQL 2.1 section 4.7, SQL92 section 6.9)."""

from __future__ import annotations

from adql.coercion import NULL_TYPE, common_type, converted, with_times
from adql.core import Op
from adql.errors import BindError
from adql.functions.base import Function
from adql.values import Value, computed, merged


def _coalesce(args: tuple[Value, ...]) -> Value:
    if all(arg.type == NULL_TYPE for arg in args):
        raise BindError("COALESCE needs a value that is not the word NULL.")
    args = with_times(args)
    common = common_type([arg.type for arg in args])
    expr = Op(common, "coalesce", tuple(converted(arg.expr, common) for arg in args))
    return merged(args, expr)


def _nullif(args: tuple[Value, ...]) -> Value:
    first, second = args
    common = common_type([first.type, second.type])
    expr = Op(common, "nullif", (converted(first.expr, common), converted(second.expr, common)))
    return Value(
        expr,
        unit=first.unit,
        ucd=computed(first.ucd),
        description=first.description,
        is_lost=first.is_lost,
        coosys=first.coosys,
        timesys=first.timesys,
    )


FUNCTIONS: tuple[Function, ...] = (
    Function(
        "COALESCE",
        ("any...",),
        _coalesce,
        "First value that is not NULL",
        "COALESCE",
        "adql-conditional",
        "COALESCE(NULL, 'utf8', 'latin1')",
        "utf8",
    ),
    Function(
        "NULLIF",
        ("scalar", "scalar"),
        _nullif,
        "The first value, or NULL where it equals the second",
        example="NULLIF(7, 7)",
        value=None,
    ),
)
