"""Functions of numbers: trigonometry and mathematics (ADQL 2.1 section 2.3)."""

from __future__ import annotations

from fractions import Fraction

from adql.core import Expr, Op, constant
from adql.functions.base import Function, Maker
from adql.types import DOUBLE, LONG
from adql.values import Value, raised, to_double, to_long


def _plain(op: str, *, unit: str | None = None, ucd: str | None = None) -> Maker:
    """A double from doubles."""

    def make(args: tuple[Value, ...]) -> Value:
        return Value(Op(DOUBLE, op, tuple(to_double(arg.expr) for arg in args)), unit=unit, ucd=ucd)

    return make


def _same(op: str) -> Maker:
    """A number of the argument's own unit and meaning; integers stay integers."""

    def make(args: tuple[Value, ...]) -> Value:
        first = args[0]
        if first.type.is_integer:
            expr: Expr = Op(LONG, f"{op}_integer", (to_long(first.expr), *(arg.expr for arg in args[1:])))
        else:
            expr = Op(DOUBLE, op, (to_double(first.expr), *(arg.expr for arg in args[1:])))
        return Value(expr, unit=first.unit, ucd=first.ucd, description=first.description)

    return make


def _power(args: tuple[Value, ...]) -> Value:
    base, exponent = args
    expr = Op(DOUBLE, "power", (to_double(base.expr), to_double(exponent.expr)))
    known = constant(exponent.expr)
    fraction = (
        Fraction(known).limit_denominator(1000)
        if isinstance(known, int | float) and abs(known) < 1e6
        else None
    )
    return raised(base, fraction, expr)


def _sqrt(args: tuple[Value, ...]) -> Value:
    return raised(args[0], Fraction(1, 2), Op(DOUBLE, "sqrt", (to_double(args[0].expr),)))


def _mod(args: tuple[Value, ...]) -> Value:
    left, right = args
    if left.type.is_integer and right.type.is_integer:
        expr = Op(LONG, "mod_integer", (to_long(left.expr), to_long(right.expr)))
    else:
        expr = Op(DOUBLE, "mod", (to_double(left.expr), to_double(right.expr)))
    return Value(expr, unit=left.unit, ucd=left.ucd)


def _random(args: tuple[Value, ...]) -> Value:
    return Value(Op(DOUBLE, "random", ()))


FUNCTIONS: tuple[Function, ...] = (
    # ADQL 2.1 section 2.3, trigonometry
    Function(
        "ACOS", ("number",), _plain("acos", unit="rad"), "Angle [rad] of a cosine; NULL outside -1 to 1"
    ),
    Function("ASIN", ("number",), _plain("asin", unit="rad"), "Angle [rad] of a sine; NULL outside -1 to 1"),
    Function("ATAN", ("number",), _plain("atan", unit="rad"), "Angle [rad] of a tangent"),
    Function(
        "ATAN2",
        ("number", "number"),
        _plain("atan2", unit="rad"),
        "Angle [rad] of the point (x, y), given y, x",
    ),
    Function("COS", ("number",), _plain("cos"), "Cosine of an angle [rad]"),
    Function("COT", ("number",), _plain("cot"), "Cotangent of an angle [rad]"),
    Function("SIN", ("number",), _plain("sin"), "Sine of an angle [rad]"),
    Function("TAN", ("number",), _plain("tan"), "Tangent of an angle [rad]"),
    # ADQL 2.1 section 2.3, mathematics
    Function("ABS", ("number",), _same("abs"), "Absolute value"),
    Function("CEILING", ("number",), _same("ceil"), "Least whole number not below"),
    Function(
        "DEGREES", ("number",), _plain("degrees", unit="deg"), "Angle in degrees of an angle in radians"
    ),
    Function("EXP", ("number",), _plain("exp"), "e to the power of a number"),
    Function("FLOOR", ("number",), _same("floor"), "Greatest whole number not above"),
    Function("LOG", ("number",), _plain("ln"), "Natural logarithm; NULL for zero and below"),
    Function("LOG10", ("number",), _plain("log10"), "Logarithm to base 10; NULL for zero and below"),
    Function(
        "MOD", ("number", "number"), _mod, "Remainder with the sign of the dividend; NULL for a divisor 0"
    ),
    Function("PI", (), _plain("pi"), "The number pi"),
    Function("POWER", ("number", "number"), _power, "A number to the power of another"),
    Function(
        "RADIANS", ("number",), _plain("radians", unit="rad"), "Angle in radians of an angle in degrees"
    ),
    Function(
        "RAND", ("integer?",), _random, "A random number from 0 to 1; the seed is accepted and not used"
    ),
    Function(
        "ROUND", ("number", "integer?"), _same("round"), "Rounded, halves away from zero, to n decimals"
    ),
    Function("SQRT", ("number",), _sqrt, "Square root; NULL below zero"),
    Function("TRUNCATE", ("number", "integer?"), _same("truncate"), "Cut to n decimals, towards zero"),
)
