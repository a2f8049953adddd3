"""Arithmetic that is done here where it can be: numbers are computed, expressions are built.

Angles are radians unless a name says degrees.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from adql.core import BOOLEAN, Expr, Literal, Op, constant
from adql.types import DOUBLE, INT
from adql.values import number, to_double

Scalar = float | Expr
"""A number that is known, or an expression that an engine computes for each row."""

Condition = bool | Expr
"""What is known to be true or false, or an expression of type boolean."""

RADIAN = math.pi / 180


def scalar(expr: Expr) -> Scalar:
    """The number that an expression is, or the expression as a double."""
    value = constant(expr)
    return float(value) if isinstance(value, int | float) else to_double(expr)


def expression(value: Scalar) -> Expr:
    """A scalar as an expression."""
    return number(value) if isinstance(value, float) else value


def condition(value: Condition) -> Expr:
    """A condition as an expression."""
    return Literal(BOOLEAN, value) if isinstance(value, bool) else value


def is_known(*values: Scalar) -> bool:
    """True if all are numbers."""
    return all(isinstance(value, float) for value in values)


def add(left: Scalar, right: Scalar) -> Scalar:
    """Sum; zero adds nothing."""
    if isinstance(left, float) and isinstance(right, float):
        return left + right
    if left == 0.0 or right == 0.0:
        return right if left == 0.0 else left
    return _op("add", left, right)


def total(values: Iterable[Scalar]) -> Scalar:
    """Sum of several."""
    result: Scalar = 0.0
    for value in values:
        result = add(result, value)
    return result


def subtract(left: Scalar, right: Scalar) -> Scalar:
    """Difference."""
    if isinstance(left, float) and isinstance(right, float):
        return left - right
    if right == 0.0:
        return left
    return negative(right) if left == 0.0 else _op("sub", left, right)


def multiply(left: Scalar, right: Scalar) -> Scalar:
    """Product. A known zero makes it zero, of a NULL too: callers ask for NULLs by themselves."""
    if isinstance(left, float) and isinstance(right, float):
        return left * right
    if left == 0.0 or right == 0.0:
        return 0.0
    if left == 1.0 or right == 1.0:
        return right if left == 1.0 else left
    return _op("mul", left, right)


def divide(left: Scalar, right: Scalar) -> Scalar:
    """Quotient; NULL for a divisor that an engine finds to be zero."""
    if isinstance(left, float) and isinstance(right, float):
        return left / right
    return _op("div", left, right)


def negative(value: Scalar) -> Scalar:
    """The number with the other sign."""
    return -value if isinstance(value, float) else _op("neg", value)


def square(value: Scalar) -> Scalar:
    """The number times itself."""
    return value * value if isinstance(value, float) else _op("square", value)


def sine(angle: Scalar) -> Scalar:
    """Sine of an angle."""
    return math.sin(angle) if isinstance(angle, float) else _op("sin", angle)


def cosine(angle: Scalar) -> Scalar:
    """Cosine of an angle."""
    return math.cos(angle) if isinstance(angle, float) else _op("cos", angle)


def tangent(angle: Scalar) -> Scalar:
    """Tangent of an angle."""
    return math.tan(angle) if isinstance(angle, float) else _op("tan", angle)


def root(value: Scalar) -> Scalar:
    """Square root of a number that is not negative."""
    return math.sqrt(max(0.0, value)) if isinstance(value, float) else _op("raw_sqrt", value)


def arc_tangent(y: Scalar, x: Scalar) -> Scalar:
    """Angle of the point (x, y)."""
    if isinstance(y, float) and isinstance(x, float):
        return math.atan2(y, x)
    return _op("atan2", y, x)


def radians(degrees: Scalar) -> Scalar:
    """An angle in degrees as one in radians."""
    return multiply(degrees, RADIAN)


def degrees(angle: Scalar) -> Scalar:
    """An angle in radians as one in degrees."""
    return multiply(angle, 1 / RADIAN)


def within_turn(angle: Scalar) -> Scalar:
    """A longitude [deg] from 0 to 360."""
    if isinstance(angle, float):
        return angle % 360
    turns = _op("floor", multiply(angle, 1 / 360))
    return subtract(angle, multiply(turns, 360.0))


def choose(*parts: Condition | Scalar) -> Scalar:
    """The value after the first condition that holds; a last value without condition is for the rest."""
    kept: list[Expr] = []
    for test, value in zip(parts[::2], parts[1::2], strict=False):
        if test is True and not kept:
            return _scalar_part(value)
        if test is not False:
            assert not isinstance(test, float)
            kept += [condition(test), expression(_scalar_part(value))]
    if len(parts) % 2:
        rest = _scalar_part(parts[-1])
        if not kept:
            return rest
        kept.append(expression(rest))
    return Op(DOUBLE, "case", tuple(kept))


def _scalar_part(part: Condition | Scalar) -> Scalar:
    assert not isinstance(part, bool)
    return part


# Conditions


def compare(name: str, left: Scalar, right: Scalar) -> Condition:
    """``lt``, ``le``, ``gt``, ``ge`` or ``eq`` of two scalars."""
    if isinstance(left, float) and isinstance(right, float):
        return _COMPARED[name](left, right)
    return Op(BOOLEAN, name, (expression(left), expression(right)))


_COMPARED = {
    "lt": lambda a, b: bool(a < b),
    "le": lambda a, b: bool(a <= b),
    "gt": lambda a, b: bool(a > b),
    "ge": lambda a, b: bool(a >= b),
    "eq": lambda a, b: bool(a == b),
}


def every(conditions: Iterable[Condition]) -> Condition:
    """True if all hold."""
    kept: list[Expr] = []
    for test in conditions:
        if test is False:
            return False
        if test is not True:
            assert isinstance(test, Expr)
            kept.extend(test.args if isinstance(test, Op) and test.name == "and" else (test,))
    return _joined("and", kept, nothing=True)


def some(conditions: Iterable[Condition]) -> Condition:
    """True if one holds."""
    kept: list[Expr] = []
    for test in conditions:
        if test is True:
            return True
        if test is not False:
            assert isinstance(test, Expr)
            kept.extend(test.args if isinstance(test, Op) and test.name == "or" else (test,))
    return _joined("or", kept, nothing=False)


def opposite(test: Condition) -> Condition:
    """True if it does not hold."""
    if isinstance(test, bool):
        return not test
    return Op(BOOLEAN, "not", (test,))


def odd(conditions: Sequence[Condition]) -> Condition:
    """True if an odd number of them holds."""
    known = sum(test for test in conditions if isinstance(test, bool)) % 2 == 1
    unknown = [test for test in conditions if not isinstance(test, bool)]
    if not unknown:
        return known
    flags = [Op(INT, "case", (test, Literal(INT, 1), Literal(INT, 0))) for test in unknown]
    count: Expr = flags[0]
    for flag in flags[1:]:
        count = Op(INT, "add", (count, flag))
    return is_odd(count, odd=not known)


def is_odd(count: Expr, *, odd: bool = True) -> Expr:
    """The condition that a whole number is odd, or even."""
    rest = Op(INT, "mod_integer", (count, Literal(INT, 2)))
    return Op(BOOLEAN, "eq", (rest, Literal(INT, 1 if odd else 0)))


def _joined(name: str, kept: list[Expr], *, nothing: bool) -> Condition:
    if not kept:
        return nothing
    return kept[0] if len(kept) == 1 else Op(BOOLEAN, name, tuple(kept))


def _op(name: str, *args: Scalar) -> Expr:
    return Op(DOUBLE, name, tuple(expression(arg) for arg in args))
