"""Functions that draw: random numbers, and samples that are the same on every engine."""

from __future__ import annotations

import math
from collections.abc import Sequence

from adql.arithmetic import add, mul, sub, test
from adql.coercion import NULL_TYPE
from adql.core import Expr, Literal, Op
from adql.functions.base import Function, constant_integer
from adql.types import DOUBLE, INT, LONG, STRING
from adql.values import Value, integer, number, text, to_double, to_long


def _random(args: tuple[Value, ...]) -> Value:
    return Value(Op(DOUBLE, "random", ()), "random", "Random number from 0 to 1")


def _normal_random(args: tuple[Value, ...]) -> Value:
    """Box and Muller 1958, exact but for the grain of the engine's random numbers."""
    mean, width = (Literal(DOUBLE, None) if arg.type == NULL_TYPE else to_double(arg.expr) for arg in args)
    first, second = (Op(DOUBLE, "random", ()) for _ in range(2))
    # 1 - random() is never 0.
    length = Op(DOUBLE, "raw_sqrt", (mul(number(-2), Op(DOUBLE, "raw_ln", (sub(number(1), first),))),))
    wave = Op(DOUBLE, "cos", (mul(number(2 * math.pi), second),))
    expr = add(mean, mul(width, Op(DOUBLE, "mul", (length, wave))))
    return Value(expr, "random", "Random number from a normal distribution", args[0].unit, args[0].ucd)


# A sample by a hash of the key

_PRIME = (1 << 31) - 1
_FIRST, _SECOND = 48271, 69621
"""Multipliers of Park and Miller 1988 and Fishman and Moore 1986; no product exceeds 62 bits."""


def _sample(args: tuple[Value, ...]) -> Value:
    n = constant_integer(args[0], "The first argument of gamma_sample", 0, 24)
    name, *rest = args[1:]
    keys = [Literal(LONG, None) if arg.type == NULL_TYPE else to_long(arg.expr) for arg in rest]
    hashed = _hash(name.expr, keys)
    is_chosen = Op(INT, "flag", (test("lt", hashed, Literal(LONG, _PRIME >> n)),))
    return Value(
        is_chosen, "sample", f"1 if the row is in a stable sample of 1/{2**n}, else 0", ucd="meta.code"
    )


def _hash(name: Expr, keys: Sequence[Expr]) -> Expr:
    """A number below 2**31 - 1 that looks random, of a text and two integers, in whole arithmetic only.

    The fifth power permutes the numbers below that prime, and leaves no trace of the order of the rows.
    """
    obs_id, row = (_below_prime(key) for key in keys)
    mixed = _mod(_plus(_times(obs_id, _FIRST), _number_of(name)))
    mixed = _mod(_plus(_times(mixed, _SECOND), row))
    square = _mod(Op(LONG, "mul", (mixed, mixed)))
    return _mod(Op(LONG, "mul", (_mod(Op(LONG, "mul", (square, square))), mixed)))


def _below_prime(expr: Expr) -> Expr:
    return _mod(_plus(_mod(expr), Literal(LONG, _PRIME)))


def _number_of(name: Expr) -> Expr:
    """A number below 2**28: the first seven hexadecimal digits of the MD5 sum of a text."""
    digest = Op(STRING, "md5", (name,))
    total: Expr | None = None
    for place in range(7):
        digit = Op(STRING, "substring", (digest, integer(place + 1), integer(1)))
        value = Op(LONG, "to_bigint", (Op(INT, "position", (text("0123456789abcdef"), digit)),))
        term = _times(_plus(value, Literal(LONG, -1)), 16 ** (6 - place))
        total = term if total is None else _plus(total, term)
    assert total is not None
    return total


def _plus(left: Expr, right: Expr) -> Expr:
    return Op(LONG, "add", (left, right))


def _times(expr: Expr, factor: int) -> Expr:
    return Op(LONG, "mul", (expr, Literal(LONG, factor)))


def _mod(expr: Expr) -> Expr:
    return Op(LONG, "mod_integer", (expr, Literal(LONG, _PRIME)))


FUNCTIONS: tuple[Function, ...] = (
    Function(
        "RAND",
        ("integer?",),
        _random,
        "A random number from 0 to 1; a seed is accepted and not used (ADQL 2.1 leaves its meaning open)",
        example="FLOOR(RAND())",
        value=0.0,
    ),
    # EN 1.2 section 2.5
    Function(
        "ivo_normal_random",
        ("number", "number"),
        _normal_random,
        "A random number from the normal distribution of mean mu and standard deviation sigma",
        "ivo_normal_random(mu REAL, sigma REAL) -> DOUBLE",
        "udf",
        "ivo_normal_random(10, 0)",
        10.0,
    ),
    Function(
        "gamma_sample",
        ("integer", "text", "integer", "integer"),
        _sample,
        "1 if a row is in a sample of one in 2 to the power of n, else 0. Which rows are chosen depends on "
        "nothing but the key columns, so the sample is the same on every engine and every day, and the "
        "sample of n + 1 is part of that of n; n, 0 to 24, is a constant",
        "gamma_sample(n INTEGER, collection TEXT, obs_id BIGINT, event_row BIGINT) -> INTEGER",
        "udf",
        "gamma_sample(0, 'hess-dl3-dr1', 23523, 7)",
        1,
    ),
)
