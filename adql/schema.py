"""The shared nouns: what a column, a table, a schema and a catalogue are, to every package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from adql.types import ColumnType


@dataclass(frozen=True, slots=True)
class CoordinateSystem:
    """What positions refer to: COOSYS (VOTable 1.5 section 3.3)."""

    system: str
    """A word of the IVOA vocabulary refframe, such as ICRS, FK5 or GALACTIC."""
    equinox: str | None = None
    """As VOTable writes it, such as J2000; None where the system has its own."""
    epoch: str | None = None
    """When the positions hold, such as J2016.0."""


ICRS = CoordinateSystem("ICRS")


@dataclass(frozen=True, slots=True)
class TimeSystem:
    """What times count by: TIMESYS (VOTable 1.4 section 3.4)."""

    timescale: str
    """A word of the IVOA vocabulary timescale, such as UTC or TT."""
    refposition: str
    """A word of the IVOA vocabulary refposition, such as TOPOCENTER."""
    timeorigin: float | None = None
    """Zero of the count as a Julian date [d]; None for calendar dates, which have theirs in themselves."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table or of a result, as TAP_SCHEMA.columns and a VOTable FIELD describe it."""

    name: str
    """As ADQL writes it, without quotes."""
    type: ColumnType
    description: str = ""
    unit: str | None = None
    """VOUnits 1.1 string; None where there is none."""
    ucd: str | None = None
    utype: str | None = None
    principal: bool = False
    indexed: bool = False
    std: bool = False
    coosys: CoordinateSystem | None = None
    """Of a position or one of its coordinates; None for anything else, and where it is not known."""
    timesys: TimeSystem | None = None
    """Of a moment; None for anything else, and where it is not known."""


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Columns of a table that name a row of another."""

    target: str
    """Qualified name of the table pointed to, such as ``dl3.observations``."""
    columns: tuple[tuple[str, str], ...]
    """Pairs (column here, column there)."""
    description: str = ""


@dataclass(frozen=True, slots=True)
class SkyIndex:
    """The columns that place a row on the sky, and the index an engine prunes by."""

    lon: str
    """ICRS right ascension [deg]."""
    lat: str
    """ICRS declination [deg]."""
    healpix: str
    """NESTED HEALPix index of the position."""
    order: int
    """HEALPix order of that index."""


@dataclass(frozen=True)
class Table:
    """A table or view that a query may read."""

    schema: str
    name: str
    columns: tuple[Column, ...]
    title: str = ""
    description: str = ""
    utype: str | None = None
    type: str = "table"
    """``table`` or ``view``, as in TAP_SCHEMA.tables.table_type."""
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    sky: SkyIndex | None = None
    nrows: int | None = None
    definition: str | None = None
    """The query in ADQL that a view stands for, a column for each of :attr:`columns` in their order; None for
    a table that the engine has."""
    outlines: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Column of a view that holds regions as text -> the same region as an ADQL expression of other columns,
    which geometry is computed from: no engine has to read the text."""

    @property
    def qualified(self) -> str:
        """``schema.table``, as TAP_SCHEMA names it."""
        return f"{self.schema}.{self.name}"

    def column(self, name: str) -> Column:
        """The column of that exact name.

        Raises
        ------
        KeyError
            Raised if there is none.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


@dataclass(frozen=True)
class Schema:
    """A named group of tables."""

    name: str
    tables: tuple[Table, ...]
    title: str = ""
    description: str = ""
    utype: str | None = None


@dataclass(frozen=True)
class Catalogue:
    """Every table that a query may name."""

    schemas: tuple[Schema, ...] = field(default=())

    @cached_property
    def _tables(self) -> Mapping[str, Table]:
        return {table.qualified.lower(): table for table in self}

    def __iter__(self) -> Iterator[Table]:
        return (table for schema in self.schemas for table in schema.tables)

    def table(self, qualified: str) -> Table:
        """The table of a qualified name, case ignored.

        Raises
        ------
        KeyError
            Raised if there is none.
        """
        return self._tables[qualified.lower()]

    def __contains__(self, qualified: str) -> bool:
        return qualified.lower() in self._tables

    def with_schema(self, schema: Schema) -> Catalogue:
        """A new catalogue in which that schema is added, or takes the place of its namesake."""
        others = tuple(s for s in self.schemas if s.name.lower() != schema.name.lower())
        return replace(self, schemas=(*others, schema))

    def with_table(self, table: Table) -> Catalogue:
        """A new catalogue in which a table takes the place of its namesake.

        Raises
        ------
        KeyError
            Raised if the catalogue has no schema of that name.
        """
        for schema in self.schemas:
            if schema.name.lower() == table.schema.lower():
                kept = [table if t.name.lower() == table.name.lower() else t for t in schema.tables]
                known = any(t.name.lower() == table.name.lower() for t in schema.tables)
                tables = tuple(kept) if known else (*kept, table)
                position = self.schemas.index(schema)
                changed = replace(schema, tables=tables)
                return replace(
                    self, schemas=(*self.schemas[:position], changed, *self.schemas[position + 1 :])
                )
        raise KeyError(table.schema)
