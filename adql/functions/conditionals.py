"""Functions of texts and of any values (ADQL 2.1 sections 4.4 and 4.7)."""

from __future__ import annotations

from adql.coercion import common_type, converted
from adql.core import Op
from adql.functions.base import Function, Maker
from adql.types import STRING
from adql.values import Value, merged


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


FUNCTIONS: tuple[Function, ...] = (
    # ADQL 2.1 sections 4.4 and 4.7
    Function("LOWER", ("text",), _case_folding("lower"), "Text in lower case", "LOWER", "adql-string"),
    Function("UPPER", ("text",), _case_folding("upper"), "Text in upper case", "UPPER", "adql-string"),
    Function(
        "COALESCE", ("any...",), _coalesce, "First value that is not NULL", "COALESCE", "adql-conditional"
    ),
    Function("NULLIF", ("any", "any"), _nullif, "The first value, or NULL where it equals the second"),
)
