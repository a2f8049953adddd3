"""What a function is to the binder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from adql.values import Value

Maker = Callable[[tuple[Value, ...]], Value]

FEATURES_URI = "ivo://ivoa.net/std/TAPRegExt#features-"


@dataclass(frozen=True, slots=True)
class Function:
    """A function that a query may call."""

    name: str
    """Upper case for ADQL's own, lower case for user defined functions."""
    parameters: tuple[str, ...]
    """A kind for each: number, integer, text, any, point, geometry, timestamp. With ``?`` it may be left out,
    with ``...`` the last may be repeated."""
    make: Maker
    description: str
    form: str = ""
    """Signature for the capabilities (TAPRegExt 1.0 section 2.3) of a user defined or optional function."""
    feature: str | None = None
    """TAPRegExt feature type after ``features-``; None for what every ADQL service has."""

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
