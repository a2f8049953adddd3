"""A value in a query: the expression that computes it and what is known of its meaning."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from adql import units
from adql.core import Expr, Literal, Op
from adql.schema import Column
from adql.types import DOUBLE, INT, LONG, STRING, ColumnType

LOST = "unit and UCD are not known for sure"


@dataclass(frozen=True, slots=True)
class Value:
    """An expression with the metadata that a result column takes from it."""

    expr: Expr
    name: str = ""
    """What to call a column of it; empty if the query must be asked."""
    description: str = ""
    unit: str | None = None
    ucd: str | None = None
    utype: str | None = None
    xml_type: ColumnType | None = None
    """The type to declare, where it says more than the expression's (a fixed length)."""

    @property
    def type(self) -> ColumnType:
        return self.expr.type

    def column(self, name: str) -> Column:
        """The result column of that name."""
        declared = self.xml_type or self.type
        return Column(name, declared, self.description, self.unit, self.ucd, self.utype)


def from_column(expr: Expr, column: Column) -> Value:
    """The value of a column of a table or subquery."""
    return Value(expr, column.name, column.description, column.unit, column.ucd, column.utype, column.type)


def to_double(expr: Expr) -> Expr:
    """The same number as a double."""
    if expr.type.datatype == "double":
        return expr
    if isinstance(expr, Literal) and isinstance(expr.value, int):
        return Literal(DOUBLE, float(expr.value), expr.text)
    return Op(DOUBLE, "to_double", (expr,))


def to_long(expr: Expr) -> Expr:
    """The same integer as a long; literals need no cast."""
    if expr.type.datatype == "long":
        return expr
    if isinstance(expr, Literal):
        return Literal(LONG, expr.value, expr.text)
    return Op(LONG, "to_bigint", (expr,))


def number(value: float) -> Literal:
    """A double constant."""
    return Literal(DOUBLE, float(value))


def integer(value: int) -> Literal:
    """An integer constant of the least type that holds it."""
    return Literal(INT if -(1 << 31) <= value < 1 << 31 else LONG, value)


def text(value: str) -> Literal:
    """A text constant."""
    return Literal(STRING, value)


def about(word: str, value: Value) -> str:
    """A description such as ``Maximum of: Reconstructed energy``."""
    return f"{word} of: {value.description}" if value.description else ""


def statistic(ucd: str | None, word: str) -> str | None:
    """A UCD with a statistic added, such as ``em.energy;stat.max`` (UCD1+ 1.6: stat.max comes second)."""
    if not ucd:
        return None
    words = [part for part in ucd.split(";") if part != "meta.main" and not part.startswith("stat.")]
    return ";".join([*words, word]) if words else None


def sum_of(left: Value, right: Value, expr: Expr) -> Value:
    """``left + right`` or ``left - right``: the unit is kept where both have the same."""
    if left.unit != right.unit and not (_is_bare(left) or _is_bare(right)):
        return Value(expr, description=_mixed("sum", left, right))
    known = left if not _is_bare(left) else right
    ucd = left.ucd if left.ucd == right.ucd or _is_bare(right) else right.ucd if _is_bare(left) else None
    return Value(expr, unit=known.unit, ucd=ucd)


def product_of(left: Value, right: Value, expr: Expr, *, power: int) -> Value:
    """``left * right**power``: units are multiplied; a plain number leaves unit and UCD."""
    if _is_bare(right):
        return Value(expr, unit=left.unit, ucd=left.ucd)
    if _is_bare(left) and power == 1:
        return Value(expr, unit=right.unit, ucd=right.ucd)
    unit, sure = units.product(left.unit, right.unit, power=power)
    return Value(expr, unit=unit, description="" if sure else LOST)


def raised(base: Value, power: Fraction | None, expr: Expr) -> Value:
    """``base ** power``; a power that is not a constant loses the unit."""
    if base.unit is None:
        return Value(expr)
    if power is None:
        return Value(expr, description=LOST)
    unit, sure = units.raised(base.unit, power)
    return Value(expr, unit=unit, description="" if sure else LOST)


def merged(first: Value, second: Value, expr: Expr) -> Value:
    """One value out of two (COALESCE, CASE, UNION): what both agree on is kept."""
    if isinstance(second.expr, Literal) and (_is_bare(second) or _is_null(second)):
        return replace(first, expr=expr, xml_type=None)
    if isinstance(first.expr, Literal) and (_is_bare(first) or _is_null(first)):
        return replace(second, expr=expr, xml_type=None)
    return Value(
        expr,
        first.name,
        first.description,
        first.unit if first.unit == second.unit else None,
        first.ucd if first.ucd == second.ucd else None,
        first.utype if first.utype == second.utype else None,
    )


def _is_bare(value: Value) -> bool:
    """True for a plain number, which takes the unit of what it is combined with."""
    return value.unit is None and value.ucd is None


def _is_null(value: Value) -> bool:
    return isinstance(value.expr, Literal) and value.expr.value is None


def _mixed(word: str, left: Value, right: Value) -> str:
    return f"{word.capitalize()} of values in {left.unit or 'no unit'} and {right.unit or 'no unit'}: {LOST}"
