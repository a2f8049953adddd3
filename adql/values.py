"""A value in a query: the expression that computes it and what is known of its meaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from adql import units
from adql.core import Expr, Literal, Op, constant
from adql.schema import Column, CoordinateSystem, TimeSystem
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
    is_lost: bool = False
    """True if it has a unit, but none that could be told: what is computed from it has none either."""
    coosys: CoordinateSystem | None = None
    timesys: TimeSystem | None = None
    outline: Expr | None = None
    """For a column that holds a region as text: the same region as a geometry."""

    @property
    def type(self) -> ColumnType:
        return self.expr.type

    def column(self, name: str) -> Column:
        """The result column of that name."""
        description = self.description
        if self.is_lost and LOST not in description:
            description = f"{description} ({LOST})" if description else LOST
        type_ = self.xml_type or self.type
        timesys = None if type_.is_text else self.timesys
        return Column(
            name, type_, description, self.unit, self.ucd, self.utype, coosys=self.coosys, timesys=timesys
        )


def from_column(expr: Expr, column: Column) -> Value:
    """The value of a column of a table or subquery."""
    return Value(
        expr,
        column.name,
        column.description,
        column.unit,
        column.ucd,
        column.utype,
        column.type,
        LOST in column.description,
        column.coosys,
        column.timesys,
    )


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


def computed(ucd: str | None) -> str | None:
    """A UCD of a value that was computed from a column: it is no longer the main one of its table."""
    return ";".join(word for word in (ucd or "").split(";") if word != "meta.main") or None


def _quantity(ucd: str | None) -> list[str]:
    """The words of a UCD that say what is measured; none if there are others than can be added to."""
    words = [word for word in (ucd or "").split(";") if word and word != "meta.main"]
    if not words or words[0].startswith(("stat.", "arith.")):
        return []
    return [word for word in words if not word.startswith(("stat.", "arith."))]


def sum_of(left: Value, right: Value, expr: Expr, *, is_difference: bool = False) -> Value:
    """``left + right`` or ``left - right``: the unit is kept where both have the same."""
    coosys, timesys = _system_of_sum(left, right, is_difference=is_difference)
    if _is_bare(left) or _is_bare(right):
        known = right if _is_bare(left) else left
        return Value(expr, unit=known.unit, ucd=computed(known.ucd), coosys=coosys, timesys=timesys)
    if left.is_lost or right.is_lost or not units.same(left.unit, right.unit):
        word = "difference" if is_difference else "sum"
        return Value(expr, description=_mixed(word, left, right), is_lost=True)
    if is_difference and left.timesys is not None and right.timesys is not None:
        if left.timesys != right.timesys:
            return Value(expr, description=_mixed_systems("Difference", (left, right)), is_lost=True)
        ucd: str | None = "time.duration"
    elif is_difference:
        alike = _quantity(left.ucd) == _quantity(right.ucd)
        ucd = statistic(left.ucd, "arith.diff") if alike else None
    else:
        ucd = computed(left.ucd) if left.ucd == right.ucd else None
    return Value(expr, unit=left.unit, ucd=ucd, coosys=coosys, timesys=timesys)


def _system_of_sum(
    left: Value, right: Value, *, is_difference: bool
) -> tuple[CoordinateSystem | None, TimeSystem | None]:
    """A position or a moment stays one where something that is none is added to it, or taken from it."""
    told = [value for value in (left, right) if value.coosys or value.timesys]
    if len(told) != 1 or (is_difference and told[0] is right):
        return None, None
    return told[0].coosys, told[0].timesys


def product_of(left: Value, right: Value, expr: Expr, *, power: int) -> Value:
    """``left * right**power``: units are multiplied; a plain number leaves unit and UCD."""
    if _is_bare(right):
        return Value(expr, unit=left.unit, ucd=computed(left.ucd))
    if _is_bare(left) and power == 1:
        return Value(expr, unit=right.unit, ucd=computed(right.ucd))
    unit, sure = units.product(left.unit, right.unit, power=power)
    if not sure or left.is_lost or right.is_lost:
        return Value(expr, description=_lost(left, right), is_lost=True)
    ucd = None
    if left.unit is not None and _quantity(left.ucd) == _quantity(right.ucd):
        ucd = statistic(left.ucd, "arith.squared" if power == 1 else "arith.ratio")
    return Value(expr, unit=unit, ucd=ucd)


def raised(base: Value, power: Fraction | None, expr: Expr) -> Value:
    """``base ** power``; a power that is not a constant loses the unit."""
    if base.unit is None and not base.is_lost:
        return Value(expr)
    if power is None or base.is_lost:
        told = base.unit or "some unit"
        return Value(expr, description=f"Power of a value in {told}: {LOST}", is_lost=True)
    unit, sure = units.raised(base.unit, power)
    if not sure:
        return Value(expr, description=_lost(base), is_lost=True)
    return Value(expr, unit=unit, ucd=statistic(base.ucd, "arith.squared") if power == 2 else None)


def merged(values: Sequence[Value], expr: Expr) -> Value:
    """One value out of several (COALESCE, CASE, UNION): what all agree on is kept.

    Plain constants and NULLs agree with any.
    """
    told = [value for value in values if not _is_constant(value)] or list(values[:1])
    first, rest = told[0], told[1:]
    unit = first.unit if all(units.same(first.unit, value.unit) for value in rest) else None
    description = first.description if all(value.description == first.description for value in rest) else ""
    is_lost = (unit is None and any(value.unit for value in told)) or any(value.is_lost for value in told)
    if is_lost:
        unit = None
        mixed = ", ".join(sorted({_told(value) for value in told}))
        description = f"{description or 'Values'} (in {mixed}: {LOST})"
    elif len({value.coosys for value in told if value.coosys}) > 1 or len(_zeros(told)) > 1:
        description = _mixed_systems(description or "Values", told)
    return Value(
        expr,
        first.name,
        description,
        unit,
        first.ucd if all(value.ucd == first.ucd for value in rest) else None,
        first.utype if all(value.utype == first.utype for value in rest) else None,
        is_lost=is_lost,
        coosys=first.coosys if all(value.coosys == first.coosys for value in rest) else None,
        timesys=first.timesys if all(value.timesys == first.timesys for value in rest) else None,
    )


def _is_bare(value: Value) -> bool:
    """True for a plain number, which takes the unit of what it is combined with."""
    return value.unit is None and value.ucd is None and not value.is_lost


def _is_constant(value: Value) -> bool:
    """True for a plain constant, a NULL too, which takes the unit of what it stands beside."""
    return _is_bare(value) and (isinstance(value.expr, Literal) or constant(value.expr) is not None)


def _mixed(word: str, left: Value, right: Value) -> str:
    return f"{word.capitalize()} of values in {_told(left)} and {_told(right)}: {LOST}"


def _mixed_systems(words: str, values: Sequence[Value]) -> str:
    """What to say of values that count in systems that differ."""
    frames = sorted({value.coosys.system for value in values if value.coosys})
    shown = "in " + " and ".join(frames) if len(frames) > 1 else "times of unlike scales or zeros"
    return f"{words} ({shown})"


def _zeros(values: Sequence[Value]) -> set[TimeSystem]:
    return {value.timesys for value in values if value.timesys}


def _lost(*values: Value) -> str:
    return f"From values in {' and '.join(map(_told, values))}: {LOST}"


def _told(value: Value) -> str:
    return value.unit or ("some unit" if value.is_lost else "no unit")
