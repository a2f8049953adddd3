"""What may be wrong with a query, each with its place and its cure.

::

    AdqlError                the query is refused
    +-- ParseError           the text is not ADQL
    +-- BindError            a name, a type or a number of arguments is wrong
    +-- UnsupportedError     valid ADQL that the chosen engine cannot do; told by name
    +-- LimitError           the query is larger than the service allows
"""

from __future__ import annotations

from collections.abc import Sequence

from adql.types import Position

MOST_FAULTS = 50
"""Faults that one message tells."""

_LONGEST_MESSAGE = 20_000
"""Characters; names of a query may be as long as the query."""


class AdqlError(Exception):
    """A query is refused.

    Parameters
    ----------
    message
        One sentence: what was wrong, with the value, and what would be right.
    position
        Where in the text, if there is one place.
    text
        The query, for the excerpt.
    """

    def __init__(self, message: str, position: Position | None = None, text: str | None = None) -> None:
        if len(message) > _LONGEST_MESSAGE:
            message = f"{message[:_LONGEST_MESSAGE]}..."
        self.message = message
        self.position = position
        self.text = text
        super().__init__(message)

    def __str__(self) -> str:
        where = f" ({self.position})" if self.position and "\n" not in self.message else ""
        return f"{self.message}{where}"

    def excerpt(self) -> str:
        """The line of the query with a caret under the place; empty where there is no place."""
        if self.position is None or self.text is None:
            return ""
        lines = self.text.split("\n")
        if not 0 < self.position.line <= len(lines):
            return ""
        line = lines[self.position.line - 1].replace("\t", " ").rstrip("\r")
        column = self.position.column - 1
        start = max(0, column - 60)
        return f"{line[start : column + 60]}\n{' ' * (column - start)}^"


class ParseError(AdqlError):
    """The text is not ADQL."""


class BindError(AdqlError):
    """A name, a type or a number of arguments is wrong."""

    @classmethod
    def all_of(cls, faults: Sequence[BindError]) -> BindError:
        """One error for several: every one's sentence and place, a line each, in the order of the text."""
        faults = sorted(faults, key=lambda fault: fault.position or Position(0, 0))
        first = faults[0]
        if len(faults) == 1:
            return first
        told = [str(fault) for fault in faults[:MOST_FAULTS]]
        more = len(faults) - len(told)
        told += [f"... and {more} more."] if more else []
        return cls("\n".join(told), first.position, first.text)


class UnsupportedError(AdqlError):
    """Valid ADQL that the chosen engine cannot do."""


class LimitError(AdqlError):
    """The query is longer, deeper or larger than the service allows."""
