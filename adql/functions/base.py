"""What a function is to the binder, and how it reads arguments that must be constant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from adql.core import Literal, constant
from adql.errors import BindError
from adql.values import Value

Maker = Callable[[tuple[Value, ...]], Value]

FEATURES_URI = "ivo://ivoa.net/std/TAPRegExt#features-"

Answer = float | str | None | tuple[float | None, ...]
"""What an example gives; a tuple for an array or a geometry."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function that a query may call."""

    name: str
    """Upper case for ADQL's own, lower case for user defined functions."""
    parameters: tuple[str, ...]
    """A kind for each: number, integer, text, any, scalar, point, geometry, timestamp. With ``?`` it may be
    left out, with ``...`` the last may be repeated."""
    make: Maker
    """The value of a call. An aggregate gives a :class:`~adql.core.Aggregate` without DISTINCT."""
    description: str
    form: str = ""
    """Signature for the capabilities (TAPRegExt 1.0 section 2.3) of a user defined or optional function."""
    feature: str | None = None
    """TAPRegExt feature type after ``features-``; None for what every ADQL service has."""
    example: str = ""
    """A call with constant arguments, for the documentation and the tests."""
    value: Answer = None
    """What the example gives."""
    forms: tuple[str, ...] = ()
    """Further signatures, where there are several."""
    others: tuple[tuple[str, Answer], ...] = ()
    """For each of the further signatures, an example and what it gives."""
    is_aggregate: bool = False
    takes_distinct: bool = False
    """True for an aggregate that DISTINCT may stand in."""

    @property
    def arity(self) -> tuple[int, int | None]:
        """Least and greatest number of arguments; None without bound."""
        least = sum(not kind.endswith(("?", "...")) for kind in self.parameters)
        if self.parameters and self.parameters[-1].endswith("..."):
            return least + 1, None
        return least, len(self.parameters)

    def kind(self, index: int) -> str:
        """The kind of the argument of that number, from 0."""
        return self.parameters[min(index, len(self.parameters) - 1)].rstrip("?.")


def literal_text(arg: Value, what: str) -> str:
    """The text of an argument that must be a text literal.

    Raises
    ------
    BindError
        Raised for anything else, a column or an expression.
    """
    value = arg.expr.value if isinstance(arg.expr, Literal) else None
    if not isinstance(value, str):
        raise BindError(f"{what} must be a text in quotes, not a column or an expression.")
    return value


def constant_integer(arg: Value, what: str, low: int, high: int) -> int:
    """The value of an argument that must be a constant integer in a range.

    Raises
    ------
    BindError
        Raised for anything else.
    """
    value = constant(arg.expr)
    if not isinstance(value, int) or not low <= value <= high:
        shown = f", not {value}" if isinstance(value, int | float) else ", not a column or an expression"
        raise BindError(f"{what} must be an integer from {low} to {high}{shown}.")
    return value


def constant_number(arg: Value, what: str) -> float:
    """The value of an argument that must be a constant number.

    Raises
    ------
    BindError
        Raised for anything else.
    """
    value = constant(arg.expr)
    if not isinstance(value, int | float):
        raise BindError(f"{what} must be a number, not a column or an expression.")
    return float(value)
