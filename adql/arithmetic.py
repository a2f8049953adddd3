"""Arithmetic on expressions: doubles from doubles, and what is constant is computed at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from adql.core import BOOLEAN, Expr, Literal, Op, constant
from adql.types import DOUBLE, INT, ColumnType
from adql.values import number, to_double

RADIAN = math.pi / 180


def known(expr: Expr) -> float | None:
    """The value of a constant number, else None."""
    value = constant(expr)
    return float(value) if isinstance(value, int | float) else None


def add(*terms: Expr) -> Expr:
    """A sum."""
    total = 0.0
    result: Expr | None = None
    for term in terms:
        value = known(term)
        if value is not None:
            total += value
        else:
            result = term if result is None else Op(DOUBLE, "add", (result, term))
    if result is None:
        return number(total)
    return Op(DOUBLE, "add", (result, number(total))) if total else result


def sub(left: Expr, right: Expr) -> Expr:
    """A difference."""
    a, b = known(left), known(right)
    if a is not None and b is not None:
        return number(a - b)
    return left if b == 0 else Op(DOUBLE, "sub", (left, right))


def mul(left: Expr, right: Expr) -> Expr:
    """A product."""
    a, b = known(left), known(right)
    if a is not None and b is not None:
        return number(a * b)
    if a == 1 or b == 1:
        return right if a == 1 else left
    return Op(DOUBLE, "mul", (left, right))


def div(left: Expr, right: Expr) -> Expr:
    """A quotient; NULL where the divisor is 0."""
    a, b = known(left), known(right)
    if a is not None and b:
        return number(a / b)
    return left if b == 1 else Op(DOUBLE, "div", (left, right))


def neg(expr: Expr) -> Expr:
    """A number with the other sign."""
    value = known(expr)
    return number(-value) if value is not None else Op(DOUBLE, "neg", (expr,))


def square(expr: Expr) -> Expr:
    """A number times itself."""
    return _of_one("square", lambda value: value * value, expr)


def sqrt(expr: Expr) -> Expr:
    """The root of a number that is not negative."""
    return _of_one("raw_sqrt", math.sqrt, expr)


def floor(expr: Expr) -> Expr:
    """The greatest whole number not above."""
    return _of_one("floor", math.floor, expr)


def sin(degrees: Expr) -> Expr:
    """The sine of an angle [deg]."""
    value = known(degrees)
    if value is not None:
        return number(math.sin(math.radians(value)))
    return Op(DOUBLE, "sin", (mul(degrees, number(RADIAN)),))


def cos(degrees: Expr) -> Expr:
    """The cosine of an angle [deg]."""
    value = known(degrees)
    if value is not None:
        return number(math.cos(math.radians(value)))
    return Op(DOUBLE, "cos", (mul(degrees, number(RADIAN)),))


def atan2(y: Expr, x: Expr) -> Expr:
    """The angle [deg] of a place, -180 to 180."""
    a, b = known(y), known(x)
    if a is not None and b is not None:
        return number(math.degrees(math.atan2(a, b)))
    return mul(Op(DOUBLE, "atan2", (y, x)), number(1 / RADIAN))


def _of_one(name: str, compute: Callable[[float], float], expr: Expr) -> Expr:
    value = known(expr)
    return number(compute(value)) if value is not None else Op(DOUBLE, name, (expr,))


# Conditions


def test(name: str, left: Expr, right: Expr) -> Expr:
    """A comparison: eq, ne, lt, le, gt or ge."""
    return Op(BOOLEAN, name, (left, right))


def both(*conditions: Expr) -> Expr:
    """All of the conditions."""
    return Op(BOOLEAN, "and", conditions)


def either(*conditions: Expr) -> Expr:
    """Any of the conditions."""
    return Op(BOOLEAN, "or", conditions)


def flag(condition: Expr) -> Expr:
    """1 where a condition holds, 0 where it does not, NULL where it is not known."""
    return Op(INT, "flag", (condition,))


def case(*parts: Expr, type_: ColumnType = DOUBLE) -> Expr:
    """CASE: a condition and a value in turn, then what else."""
    return Op(type_, "case", parts)


def greater(left: Expr, right: Expr) -> Expr:
    """The greater of two numbers, NULL if either is (GREATEST of some engines leaves NULL out)."""
    return _extreme("ge", "lt", left, right)


def less(left: Expr, right: Expr) -> Expr:
    """The lesser of two numbers, NULL if either is."""
    return _extreme("le", "gt", left, right)


def _extreme(first: str, second: str, left: Expr, right: Expr) -> Expr:
    a, b = known(left), known(right)
    if a is not None and b is not None:
        chosen = max(a, b) if first == "ge" else min(a, b)
        return left if chosen == a else right
    return case(test(first, left, right), left, test(second, left, right), right)


def or_zero(expr: Expr) -> Expr:
    """A number, 0 where it is NULL."""
    if isinstance(expr, Literal):
        return number(0.0) if expr.value is None else to_double(expr)
    return Op(DOUBLE, "coalesce", (expr, number(0.0)))


def combination(factors: Sequence[float], terms: Sequence[Expr]) -> Expr:
    """The sum of constant factors times terms."""
    return add(*(mul(number(factor), term) for factor, term in zip(factors, terms, strict=True)))
