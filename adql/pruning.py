"""What a query asks of one table reference before any row is read: the ground of pruning.

The translator collects, for each reference to a table, the conditions that every row it contributes
must meet. An engine's :class:`Scan` turns them into the files or partitions that can hold such rows.
A restriction never decides what a result is: each condition is tested again, exactly, in the SQL.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from adql.schema import Table

Scalar = int | float | str


@dataclass(frozen=True, slots=True)
class Cone:
    """A circle on the sky that all rows lie in."""

    lon: float
    """ICRS right ascension of the centre [deg]."""
    lat: float
    """ICRS declination of the centre [deg]."""
    radius: float
    """Radius [deg], 0 to 180."""


@dataclass(frozen=True, slots=True)
class Outline:
    """A spherical polygon that all rows lie in."""

    vertices: tuple[tuple[float, float], ...]
    """Corners (ra, dec) [deg], ICRS, in order, not closed."""


@dataclass(frozen=True, slots=True)
class Cells:
    """HEALPix cells that all rows lie in."""

    order: int
    """HEALPix order of the indices."""
    indices: tuple[int, ...]
    """NESTED indices."""


@dataclass(frozen=True, slots=True)
class Around:
    """The neighbourhood of the rows of another table: each row lies near one of those.

    An engine that has the other table at hand can make cones of it; else it tells nothing.
    """

    table: str
    """Qualified name of the other table."""
    lon: str
    """Its column of right ascensions [deg], ICRS."""
    lat: str
    """Its column of declinations [deg], ICRS."""
    radius: float
    """Greatest distance [deg], or what is added to that of each row."""
    reach: str | None = None
    """Its column of distances [deg], if each row has its own."""
    among: Restriction | None = None
    """What is known of those of its rows that count; None if nothing is."""


@dataclass(frozen=True, slots=True)
class Union:
    """Several places, of which all rows lie in at least one."""

    places: tuple[tuple[Region, ...], ...]
    """Each is where its regions overlap; one without regions is the whole sky."""


Region = Cone | Outline | Cells | Around | Union


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed range that a column's values lie in; None is open."""

    low: Scalar | None = None
    high: Scalar | None = None


@dataclass(frozen=True, slots=True)
class Restriction:
    """Conditions that hold together (AND) for every row a table reference contributes."""

    regions: tuple[Region, ...] = ()
    """Regions of the table's sky position; a row lies in each of them."""
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    """Column name -> range."""
    members: Mapping[str, frozenset[Scalar]] = field(default_factory=dict)
    """Column name -> the only values it can have (from ``=`` and ``IN``)."""

    @property
    def is_empty(self) -> bool:
        """True if nothing is known, so that the whole table is read."""
        return not (self.regions or self.intervals or self.members)


class Scan(Protocol):
    """Chooses what an engine reads for one reference to a table."""

    def __call__(self, table: Table, restriction: Restriction) -> str | None:
        """SQL of a table expression (``read_parquet([...])`` or a parenthesised SELECT), without alias.

        None leaves the table's own name in the SQL. The expression gives the table's columns under
        their catalogue names, and at least the rows that meet the restriction.
        """
        ...
