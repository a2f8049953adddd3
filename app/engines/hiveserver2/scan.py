"""Which partitions a query reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from adql import Dialect, Restriction, Table
from app.engines.base import Upload
from app.engines.hiveserver2.names import FILE, Names
from app.engines.served import EVENTS, Choice, Served
from app.lake import Selection

_MOST_RANGES = 500
"""Ranges of files that a condition names; nearest ones are joined beyond."""
_MOST_BOUNDS = 8
"""Ranges of cells that it names."""

Range = tuple[int, int]


class PartitionScan:
    """Writes a table of the engine in place of each of ours; see :class:`adql.Scan`.

    Parameters
    ----------
    served
        What there is.
    numbers
        Event file -> number of its partition.
    names
        What the tables are called on the engine.
    dialect
        How the engine writes.
    uploads
        Tables of this query alone.
    sources
        What stands for each of them on the engine, by its qualified name in lower case.
    """

    def __init__(
        self,
        served: Served,
        numbers: Mapping[Path, int],
        names: Names,
        dialect: Dialect,
        uploads: Sequence[Upload],
        sources: Mapping[str, str],
    ) -> None:
        self.choice = Choice(served, uploads)
        self.is_embedded = False
        """True if the query is for the embedded engine, which knows the tables by their own names."""
        self._snapshot = served.name
        self._whole = len(numbers)
        self._numbers = numbers
        self._names = names
        self._dialect = dialect
        self._sources = sources

    def __call__(self, table: Table, restriction: Restriction) -> str | None:
        """SQL in place of the table."""
        if self.is_embedded:
            return None
        uploaded = self._sources.get(table.qualified.lower())
        if uploaded is not None:
            return uploaded
        name = self._names.qualified(table, self._snapshot)
        if table.qualified != EVENTS:
            self.choice.note(table, restriction)
            return name
        selection = self.choice.select(restriction)
        conditions = [] if selection is None else list(self._conditions(selection))
        return f"(SELECT * FROM {name} WHERE {' AND '.join(conditions)})" if conditions else name

    def _conditions(self, selection: Selection) -> Sequence[str]:
        file, healpix = self._dialect.identifier(FILE), self._dialect.identifier("healpix")
        if not selection.files:
            return [f"{file} < 0"]
        found = []
        if len(selection.files) < self._whole:
            numbers = [self._numbers[path] for path in selection.files]
            found.append(_within(file, joined([(n, n) for n in numbers], gap=1, most=_MOST_RANGES)))
        if selection.bounds is not None:
            found.append(_within(healpix, joined(selection.bounds, gap=1, most=_MOST_BOUNDS)))
        return found


def joined(ranges: Sequence[Range], *, gap: int, most: int) -> list[Range]:
    """Ranges in rising order that hold all the given ones, whose ends are inside.

    Parameters
    ----------
    ranges
        In any order; they may overlap.
    gap
        Ranges whose ends are so near to each other are joined.
    most
        How many there may be; those with the least between them are joined until so few are left.
    """
    result: list[Range] = []
    for low, high in sorted(ranges):
        if result and low - result[-1][1] <= gap:
            result[-1] = (result[-1][0], max(result[-1][1], high))
        else:
            result.append((low, high))
    if len(result) > most:
        gaps = sorted(after[0] - before[1] for before, after in pairwise(result))
        return joined(result, gap=gaps[len(result) - most - 1], most=most)
    return result


def _within(column: str, ranges: Sequence[Range]) -> str:
    singles = [str(low) for low, high in ranges if low == high]
    tests = [f"{column} BETWEEN {low} AND {high}" for low, high in ranges if low < high]
    if len(singles) == 1:
        tests.append(f"{column} = {singles[0]}")
    elif singles:
        tests.append(f"{column} IN ({', '.join(singles)})")
    return tests[0] if len(tests) == 1 else f"({' OR '.join(tests)})"
