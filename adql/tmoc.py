"""Coverage maps of time: sets of time cells of any orders (MOC 2.0, section 3.2 and 4.3.2).

Time counts in microseconds from JD 0, in 62 bits; a cell of order k is 2**(61 - k) of them, so that order 61
is a microsecond and order 27 is 4.8 hours. A coverage is an interval of cells of one order, made from two
MJDs, or the text of a map, ``27/1500-1510 29/6045``, with or without a ``t`` before it.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction

from adql.core import BOOLEAN, Expr, Literal, Op, constant
from adql.errors import BindError
from adql.types import DOUBLE, LONG, ColumnType
from adql.values import integer, number

TMOC = ColumnType("char", "*", "tmoc")
"""A time coverage as text."""

MAX_ORDER = 61
_DAY = 86_400_000_000
_MJD_ZERO = Fraction(4800001, 2)


def of_interval(order: int, first: Expr, last: Expr) -> Expr:
    """The cells that hold the times from one MJD to another.

    Parameters
    ----------
    order
        0 to 61.
    first, last
        MJD [d], doubles.
    """
    return Op(TMOC, "tmoc", (integer(order), _cell(order, first), _cell(order, last)))


def _cell(order: int, mjd: Expr) -> Expr:
    known = constant(mjd)
    width = 1 << (MAX_ORDER - order)
    if isinstance(known, int | float):
        if not math.isfinite(known) or not 0 <= (Fraction(known) + _MJD_ZERO) * _DAY < 1 << 62:
            raise BindError(f"{known:g} is no Modified Julian date that a time coverage can hold.")
        return Literal(LONG, int((Fraction(known) + _MJD_ZERO) * _DAY // width))
    days = Op(DOUBLE, "add", (mjd, number(float(_MJD_ZERO))))
    return Op(LONG, "cut", (Op(DOUBLE, "mul", (days, number(_DAY / width))),))


def of_text(order: int, written: Expr) -> Expr:
    """The coverage that a text tells, in cells of an order at the most.

    Raises
    ------
    BindError
        Raised if the text is a literal and no time coverage; tells the word that does not fit.
    """
    if isinstance(written, Literal) and written.value is not None:
        _check(str(written.value))
    return Op(TMOC, "tmoc_of_text", (written, Literal(LONG, 1 << (MAX_ORDER - order))))


_WORD = re.compile(r"(?P<order>\d{1,2})/|(?P<low>\d{1,19})(?:-(?P<high>\d{1,19}))?")


def _check(written: str) -> None:
    order: int | None = None
    text = written.strip().removeprefix("t")
    for word in re.sub(r"/", "/ ", text).replace(",", " ").split():
        found = _WORD.fullmatch(word)
        if found is None or (order is None and found["order"] is None):
            break
        if found["order"] is not None:
            order = int(found["order"])
            if order > MAX_ORDER:
                raise BindError(f"The orders of a time coverage are 0 to {MAX_ORDER}, not {order}.")
        elif not int(found["low"]) <= int(found["high"] or found["low"]) < 2 << (order or 0):
            raise BindError(
                f"Order {order} has the time cells 0 to {(2 << (order or 0)) - 1}; {word} is none."
            )
    else:
        if order is not None:
            return
    raise BindError(
        f"{written[:60]!r} is no time coverage: write orders and cells as '27/1500-1510 29/6045'."
    )


def meets(first: Expr, second: Expr) -> Expr:
    """The condition that two coverages have time in common; NULL where one is not known."""
    if _is_interval(first) and _is_interval(second):
        return _cells_meet(first, second)
    ranges = [Op(ColumnType("long", "*"), "tmoc_ranges", _parts(part)) for part in (first, second)]
    return Op(BOOLEAN, "ranges_meet", tuple(ranges))


def _is_interval(coverage: Expr) -> bool:
    return isinstance(coverage, Op) and coverage.name == "tmoc"


def _parts(coverage: Expr) -> tuple[Expr, ...]:
    """The text of a coverage and the width [us] of the cells that it is to be told in."""
    if isinstance(coverage, Op) and coverage.name == "tmoc_of_text":
        return coverage.args
    return coverage, Literal(LONG, 1)


def _cells_meet(first: Expr, second: Expr) -> Expr:
    assert isinstance(first, Op)
    assert isinstance(second, Op)
    orders = [int(constant(part.args[0]) or 0) for part in (first, second)]
    (low1, high1), (low2, high2) = (
        _finer(part.args[1], part.args[2], 1 << (max(orders) - order))
        for part, order in zip((first, second), orders, strict=True)
    )
    tests = ((low1, high1), (low2, high2), (low1, high2), (low2, high1))
    return Op(BOOLEAN, "and", tuple(Op(BOOLEAN, "le", test) for test in tests))


def _finer(low: Expr, high: Expr, parts: int) -> tuple[Expr, Expr]:
    """The first and last cell of a finer order that a run of cells is made of."""
    if parts == 1:
        return low, high
    last = Op(LONG, "add", (_times(high, parts), Literal(LONG, parts - 1)))
    return _times(low, parts), last


def _times(cell: Expr, parts: int) -> Expr:
    known = constant(cell)
    return (
        Literal(LONG, known * parts)
        if isinstance(known, int)
        else Op(LONG, "mul", (cell, Literal(LONG, parts)))
    )
