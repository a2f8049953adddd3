"""A value in a query: the expression that computes it and what is known of its meaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from adql import units
from adql.core import Expr, Literal, Op, constant
from adql.schema import Column
from adql.types import DOUBLE, INT, LONG, STRING, UNICODE, ColumnType

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
    """A text constant; ``char`` holds ASCII alone (VOTable 1.5 section 2.1)."""
    return Literal(STRING if value.isascii() else UNICODE, value)


def about(word: str, value: Value) -> str:
    """A description such as ``Maximum of: Reconstructed energy``."""
    return f"{word} of: {value.description}" if value.description else ""


# What a UCD becomes (UCD1+ controlled vocabulary 1.6: stat.max, arith.sum and their like come second)


def statistic(ucd: str | None, word: str) -> str | None:
    """A UCD with a statistic or an arithmetic word added, such as ``em.energy;stat.max``."""
    words = _quantity(ucd)
    return ";".join([*words, word]) if words else None


def _quantity(ucd: str | None) -> list[str]:
    """The words of a UCD that say what is measured; none if there are others than can be added to."""
    words = [word for word in (ucd or "").split(";") if word and word != "meta.main"]
    if not words or words[0].startswith(("stat.", "arith.")):
        return []
    return [word for word in words if not word.startswith(("stat.", "arith."))]


def sum_of(left: Value, right: Value, expr: Expr, *, is_difference: bool = False) -> Value:
    """``left + right`` or ``left - right``: the unit is kept where both have the same."""
    if _is_bare(left) or _is_bare(right):
        known = right if _is_bare(left) else left
        return Value(expr, unit=known.unit, ucd=known.ucd)
    if not units.same(left.unit, right.unit):
        return Value(expr, description=_mixed("difference" if is_difference else "sum", left, right))
    if is_difference:
        alike = _quantity(left.ucd) == _quantity(right.ucd)
        return Value(expr, unit=left.unit, ucd=statistic(left.ucd, "arith.diff") if alike else None)
    return Value(expr, unit=left.unit, ucd=left.ucd if left.ucd == right.ucd else None)


def product_of(left: Value, right: Value, expr: Expr, *, power: int) -> Value:
    """``left * right**power``: units are multiplied; a plain number leaves unit and UCD."""
    if _is_bare(right):
        return Value(expr, unit=left.unit, ucd=left.ucd)
    if _is_bare(left) and power == 1:
        return Value(expr, unit=right.unit, ucd=right.ucd)
    unit, sure = units.product(left.unit, right.unit, power=power)
    ucd = None
    if left.unit is not None and _quantity(left.ucd) == _quantity(right.ucd):
        ucd = statistic(left.ucd, "arith.squared" if power == 1 else "arith.ratio")
    return Value(expr, unit=unit, ucd=ucd, description="" if sure else _lost(left, right))


def raised(base: Value, power: Fraction | None, expr: Expr) -> Value:
    """``base ** power``; a power that is not a constant loses the unit."""
    if base.unit is None:
        return Value(expr)
    if power is None:
        return Value(expr, description=f"Power of a value in {base.unit}: {LOST}")
    unit, sure = units.raised(base.unit, power)
    ucd = statistic(base.ucd, "arith.squared") if power == 2 else None
    return Value(expr, unit=unit, ucd=ucd, description="" if sure else _lost(base))


def merged(first: Value, second: Value, expr: Expr) -> Value:
    """One value out of two (COALESCE, CASE, UNION): what both agree on is kept."""
    return merged_all((first, second), expr)


def merged_all(values: Sequence[Value], expr: Expr) -> Value:
    """One value out of several: what all agree on is kept; plain constants and NULLs agree with any."""
    told = [value for value in values if not _is_constant(value)] or list(values[:1])
    first, rest = told[0], told[1:]
    unit = first.unit if all(units.same(first.unit, value.unit) for value in rest) else None
    description = first.description if all(value.description == first.description for value in rest) else ""
    if unit is None and any(value.unit for value in told):
        mixed = ", ".join(sorted({value.unit or "no unit" for value in told}))
        description = f"{description or 'Values'} (in {mixed}: {LOST})"
    return Value(
        expr,
        first.name,
        description,
        unit,
        first.ucd if all(value.ucd == first.ucd for value in rest) else None,
        first.utype if all(value.utype == first.utype for value in rest) else None,
    )


def _is_bare(value: Value) -> bool:
    """True for a plain number, which takes the unit of what it is combined with."""
    return value.unit is None and value.ucd is None


def _is_constant(value: Value) -> bool:
    """True for a plain constant, a NULL too, which takes the unit of what it stands beside."""
    return _is_bare(value) and (isinstance(value.expr, Literal) or constant(value.expr) is not None)


def _mixed(word: str, left: Value, right: Value) -> str:
    return f"{word.capitalize()} of values in {left.unit or 'no unit'} and {right.unit or 'no unit'}: {LOST}"


def _lost(*values: Value) -> str:
    told = " and ".join(value.unit or "no unit" for value in values)
    return f"From values in {told}: {LOST}"
