"""How large a query may be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on the text and the tree of a query; past them a :class:`adql.LimitError` is raised."""

    length: int = 1_000_000
    """Characters of the text."""
    nodes: int = 50_000
    """Names, values and operators."""
    depth: int = 120
    """Levels of nesting; a sum of n terms counts n levels."""
    cells: int = 40_000
    """HEALPix cells that its MOCs of regions may have looked at, some 30 us each; a polygon counts for more
    the more sides it has."""


MAX_EXPANDED = 200_000
"""Operations of one expression when it is written out: a function may use its argument several times."""
