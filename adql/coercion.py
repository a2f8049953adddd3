"""Values of different types brought together: one type for all, and each value in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from adql import timestamps
from adql.core import Expr, Literal, Op
from adql.errors import BindError
from adql.types import DOUBLE, STRING, TIMESTAMP, ColumnType
from adql.values import Value, to_double, to_long

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


def with_times(values: Sequence[Value]) -> tuple[Value, ...]:
    """The values; beside times, texts in quotes that tell a time are times too."""
    if not any(value.type.is_timestamp for value in values):
        return tuple(values)
    return tuple(_as_time(value) for value in values)


def _as_time(value: Value) -> Value:
    written = value.expr.value if isinstance(value.expr, Literal) else None
    if not value.type.is_text or not isinstance(written, str):
        return value
    moment = timestamps.normalised(written)
    return value if moment is None else replace(value, expr=Literal(TIMESTAMP, moment))
