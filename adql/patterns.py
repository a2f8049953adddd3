"""Patterns of LIKE, brought to one form: the backslash escapes, on every engine."""

from __future__ import annotations

from dataclasses import replace

from adql.core import Expr, Literal, Op
from adql.errors import BindError
from adql.types import STRING


def plain_pattern(pattern: Expr) -> Expr:
    """A pattern without escape character: a backslash in it is a plain character."""
    if isinstance(pattern, Literal):
        return pattern if pattern.value is None else replace(pattern, value=escaped(str(pattern.value), None))
    return Op(STRING, "escape_pattern", (pattern,))


def escaped(pattern: str, escape: str | None) -> str:
    """A pattern whose escape character is ``escape``, or that has none, rewritten to the backslash.

    Raises
    ------
    BindError
        Raised if the escape character stands before anything but %, _ or itself.
    """
    parts = []
    characters = iter(pattern)
    for character in characters:
        if character != escape:
            parts.append("\\\\" if character == "\\" else character)
            continue
        following = next(characters, "")
        if following not in ("%", "_", escape):
            raise BindError(f"In a LIKE pattern {escape} must stand before %, _ or {escape}.")
        parts.append(f"\\{following}" if following in ("%", "_", "\\") else following)
    return "".join(parts)
