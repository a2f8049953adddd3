"""Functions of numbers: trigonometry and mathematics (ADQL 2.1 section 2.3)."""

from __future__ import annotations

import math
from fractions import Fraction

from adql.arithmetic import both, case, div, mul, test
from adql.core import BOOLEAN, Expr, Literal, Op, constant
from adql.functions.base import Function, Maker, constant_integer
from adql.types import DOUBLE, LONG
from adql.values import Value, computed, number, raised, to_double, to_long


def _plain(op: str, word: str, *, unit: str | None = None, takes: str | None = None) -> Maker:
    """A double from doubles; ``takes`` is the unit that the argument is taken to be in."""

    def make(args: tuple[Value, ...]) -> Value:
        expr = Op(DOUBLE, op, tuple(to_double(arg.expr) for arg in args))
        return Value(expr, unit=unit, description=_described(word, args[0], takes) if args else word)

    return make


def _described(word: str, arg: Value, takes: str | None) -> str:
    if not arg.description:
        return ""
    if takes and arg.unit and arg.unit != takes:
        return f"{word} of: {arg.description}, taken in {takes} though its unit is {arg.unit}"
    return f"{word} of: {arg.description}" + (f" [{arg.unit}]" if arg.unit else "")


def _same(op: str) -> Maker:
    """A number of the argument's own unit and meaning; integers stay integers."""

    def make(args: tuple[Value, ...]) -> Value:
        (arg,) = args
        if arg.type.is_integer:
            expr: Expr = to_long(arg.expr) if op != "abs" else Op(LONG, "abs_integer", (to_long(arg.expr),))
        else:
            expr = Op(DOUBLE, op, (to_double(arg.expr),))
        return _like(arg, expr)

    return make


def _like(arg: Value, expr: Expr) -> Value:
    return Value(
        expr,
        unit=arg.unit,
        ucd=computed(arg.ucd),
        description=arg.description,
        is_lost=arg.is_lost,
        coosys=arg.coosys,
        timesys=arg.timesys,
    )


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
    return Value(expr, unit=left.unit, ucd=computed(left.ucd), is_lost=left.is_lost)


# Decimals

_EXACT = 2.0**52
"""From here on a double is whole."""

_MOST_DIGITS = 300


def _to_decimals(name: str) -> Maker:
    """ROUND or TRUNCATE."""

    def make(args: tuple[Value, ...]) -> Value:
        digits = 0
        if len(args) > 1 and not (isinstance(args[1].expr, Literal) and args[1].expr.value is None):
            digits = constant_integer(
                args[1], f"The number of decimals of {name}", -_MOST_DIGITS, _MOST_DIGITS
            )
        elif len(args) > 1:
            return _like(args[0], Literal(DOUBLE, None))
        arg = args[0]
        if arg.type.is_integer:
            return _like(arg, _whole(name, to_long(arg.expr), digits))
        return _like(arg, _real(name, to_double(arg.expr), digits))

    return make


def _real(name: str, x: Expr, digits: int) -> Expr:
    """A double with so many decimals, decided by the number as it is written.

    A product with a power of ten is off by a rounding error, so that 1.005 * 100 is less than 100.5, and
    engines that go by the product differ from those that go by the decimal number. Here the product only
    gives a guess; it is one off if the decimal beyond it, a quotient rounded once, says so.
    """
    if digits == 0:
        return Op(DOUBLE, "round" if name == "ROUND" else "cut_real", (x,))
    scale = number(10.0 ** abs(digits))
    size = Op(DOUBLE, "abs", (x,))
    scaled = mul(size, scale) if digits > 0 else div(size, scale)

    def back(count: Expr) -> Expr:
        return div(count, scale) if digits > 0 else mul(count, scale)

    if name == "ROUND":
        guess = Op(DOUBLE, "round", (scaled,))
        above, below = (back(Op(DOUBLE, "add", (guess, number(half)))) for half in (0.5, -0.5))
    else:
        guess = Op(DOUBLE, "floor", (scaled,))
        above, below = back(Op(DOUBLE, "add", (guess, number(1)))), back(guess)
    step = case(test("le", above, size), number(1), test("gt", below, size), number(-1), number(0))
    result = Op(DOUBLE, "mul", (Op(DOUBLE, "sign", (x,)), back(Op(DOUBLE, "add", (guess, step)))))
    return case(test("lt", scaled, number(_EXACT)), result, x)


def _whole(name: str, x: Expr, digits: int) -> Expr:
    """An integer of which so many digits are zero."""
    if digits >= 0:
        return x
    if digits < -18:
        # Nothing is left of 19 digits; half of 10**19 and above rounds to what no BIGINT holds.
        least = Literal(LONG, 5 * 10**18)
        is_small = both(test("lt", x, least), test("gt", x, Literal(LONG, -(5 * 10**18))))
        keeps = name == "TRUNCATE" or digits < -19
        known = Op(BOOLEAN, "not", (Op(BOOLEAN, "is_null", (x,)),))
        return case(known if keeps else is_small, Literal(LONG, 0), type_=LONG)
    step = Literal(LONG, 10**-digits)
    count = Op(LONG, "idiv", (x, step))
    if name == "TRUNCATE":
        return Op(LONG, "mul", (count, step))
    rest = Op(LONG, "mul", (Op(LONG, "mod_integer", (x, step)), Literal(LONG, 2)))
    up, down = (
        Op(LONG, "mul_integer", (Op(LONG, "add", (count, Literal(LONG, one))), step)) for one in (1, -1)
    )
    cases = (test("ge", rest, step), up, test("le", rest, Literal(LONG, -(10**-digits))), down)
    return case(*cases, Op(LONG, "mul", (count, step)), type_=LONG)


FUNCTIONS: tuple[Function, ...] = (
    # ADQL 2.1 section 2.3, trigonometry
    Function(
        "ACOS",
        ("number",),
        _plain("acos", "Angle of the cosine", unit="rad"),
        "Angle [rad] of a cosine; NULL outside -1 to 1",
        example="ACOS(0.5)",
        value=math.acos(0.5),
    ),
    Function(
        "ASIN",
        ("number",),
        _plain("asin", "Angle of the sine", unit="rad"),
        "Angle [rad] of a sine; NULL outside -1 to 1",
        example="ASIN(0.5)",
        value=math.asin(0.5),
    ),
    Function(
        "ATAN",
        ("number",),
        _plain("atan", "Angle of the tangent", unit="rad"),
        "Angle [rad] of a tangent",
        example="ATAN(1)",
        value=math.pi / 4,
    ),
    Function(
        "ATAN2",
        ("number", "number"),
        _plain("atan2", "Angle", unit="rad"),
        "Angle [rad] of the point (x, y), given y, x",
        example="ATAN2(1, -1)",
        value=0.75 * math.pi,
    ),
    Function(
        "COS",
        ("number",),
        _plain("cos", "Cosine", takes="rad"),
        "Cosine of an angle [rad]",
        example="COS(PI())",
        value=-1.0,
    ),
    Function(
        "COT",
        ("number",),
        _plain("cot", "Cotangent", takes="rad"),
        "Cotangent of an angle [rad]; NULL where the tangent is 0",
        example="COT(1)",
        value=1 / math.tan(1),
    ),
    Function(
        "SIN",
        ("number",),
        _plain("sin", "Sine", takes="rad"),
        "Sine of an angle [rad]",
        example="SIN(RADIANS(30))",
        value=0.5,
    ),
    Function(
        "TAN",
        ("number",),
        _plain("tan", "Tangent", takes="rad"),
        "Tangent of an angle [rad]",
        example="TAN(1)",
        value=math.tan(1),
    ),
    # ADQL 2.1 section 2.3, mathematics
    Function("ABS", ("number",), _same("abs"), "Absolute value", example="ABS(-2.5)", value=2.5),
    Function(
        "CEILING",
        ("number",),
        _same("ceiling"),
        "Least whole number not below",
        example="CEILING(-1.2)",
        value=-1.0,
    ),
    Function(
        "DEGREES",
        ("number",),
        _plain("degrees", "Angle", unit="deg", takes="rad"),
        "Angle in degrees of an angle in radians",
        example="DEGREES(PI())",
        value=180.0,
    ),
    Function(
        "EXP",
        ("number",),
        _plain("exp", "Exponential"),
        "e to the power of a number; NULL where that is too large",
        example="EXP(1)",
        value=math.e,
    ),
    Function(
        "FLOOR",
        ("number",),
        _same("flooring"),
        "Greatest whole number not above",
        example="FLOOR(-1.2)",
        value=-2.0,
    ),
    Function(
        "LOG",
        ("number",),
        _plain("ln", "Natural logarithm"),
        "Natural logarithm; NULL for zero and below",
        example="LOG(10)",
        value=math.log(10),
    ),
    Function(
        "LOG10",
        ("number",),
        _plain("log10", "Logarithm to base 10"),
        "Logarithm to base 10; NULL for zero and below",
        example="LOG10(1000)",
        value=3.0,
    ),
    Function(
        "MOD",
        ("number", "number"),
        _mod,
        "Remainder with the sign of the dividend; NULL for a divisor 0",
        example="MOD(-7, 3)",
        value=-1,
    ),
    Function("PI", (), _plain("pi", "The number pi"), "The number pi", example="PI()", value=math.pi),
    Function(
        "POWER",
        ("number", "number"),
        _power,
        "A number to the power of another; NULL where that is no real number, or too large",
        example="POWER(2, 0.5)",
        value=2**0.5,
    ),
    Function(
        "RADIANS",
        ("number",),
        _plain("radians", "Angle", unit="rad", takes="deg"),
        "Angle in radians of an angle in degrees",
        example="RADIANS(180)",
        value=math.pi,
    ),
    Function(
        "ROUND",
        ("number", "integer?"),
        _to_decimals("ROUND"),
        "Rounded to n decimals, halves away from zero; n is a constant, below 0 for digits before the point",
        example="ROUND(2.675, 2)",
        value=2.68,
    ),
    Function(
        "SQRT", ("number",), _sqrt, "Square root; NULL below zero", example="SQRT(2)", value=math.sqrt(2)
    ),
    Function(
        "TRUNCATE",
        ("number", "integer?"),
        _to_decimals("TRUNCATE"),
        "Cut to n decimals, towards zero; n is a constant, below 0 for digits before the point",
        example="TRUNCATE(-2.789, 2)",
        value=-2.78,
    ),
)
