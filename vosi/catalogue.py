"""The catalogue: every table that a query may name, from the YAML files of this package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from adql import Catalogue, Column, CoordinateSystem, Schema
from adql.words import RESERVED_WORDS
from vosi.consistency import contradictions
from vosi.description import SchemaDescription, read_description
from vosi.errors import CatalogueError
from vosi.names import is_regular
from vosi.text import xml_token

FILES = tuple(Path(__file__).parent / "schema" / f"{name}.yaml" for name in ("dl3", "ivoa", "tap_schema"))
"""One file a schema, in the order in which a client lists them."""

EVENTS = "dl3.events"


def load_catalogue(event_columns: Sequence[Column] = (), nrows: Mapping[str, int] | None = None) -> Catalogue:
    """The tables of schemas dl3 and tap_schema.

    Parameters
    ----------
    event_columns
        Columns that only some instruments have; they follow the fixed ones of dl3.events. None may be named
        like one of :func:`taken_names`. Their texts may have come from a file: in them, what XML cannot hold
        becomes U+FFFD, and white space single blanks.
    nrows
        Numbers of rows by the qualified name of the table, such as ``dl3.events``.

    Raises
    ------
    CatalogueError
        Raised with a sentence for each fault, if an event column has a name that ADQL reserves or that is
        taken, or if ``nrows`` names a table that there is not.
    """
    catalogue = Catalogue(_schemas())
    faults = [*_event_column_faults(event_columns), *_nrows_faults(catalogue, nrows or {})]
    if faults:
        raise CatalogueError(*faults)
    if event_columns:
        events = catalogue.table(EVENTS)
        columns = (*events.columns, *(_cleaned(column) for column in event_columns))
        catalogue = catalogue.with_table(replace(events, columns=columns))
    for name, rows in (nrows or {}).items():
        catalogue = catalogue.with_table(replace(catalogue.table(name), nrows=rows))
    return catalogue


@cache
def taken_names() -> frozenset[str]:
    """Names, in lower case, that no instrument column of dl3.events may have.

    They are the words that ADQL reserves and the columns of every table of schema dl3: were an event's
    ``livetime`` (Fermi-LAT has one) called like that of its observation, NATURAL JOIN of the two would
    compare them.
    """
    dl3 = next(schema for schema in _schemas() if schema.name == "dl3")
    columns = (column.name.lower() for table in dl3.tables for column in table.columns)
    return frozenset((*columns, *(word.lower() for word in RESERVED_WORDS)))


@cache
def _schemas() -> tuple[Schema, ...]:
    return build_schemas([read_description(path) for path in FILES])


def build_schemas(descriptions: Sequence[SchemaDescription]) -> tuple[Schema, ...]:
    """The schemas that descriptions mean, each name in them one that a query can write.

    Raises
    ------
    CatalogueError
        Raised with a sentence for each fault, if a name is reserved or repeated, or a key names what there
        is not.
    """
    schemas = tuple(description.to_schema() for description in descriptions)
    faults = [fault for description in descriptions for fault in _reserved_names(description)]
    faults += contradictions(schemas)
    if faults:
        raise CatalogueError(*faults)
    return schemas


def _reserved_names(description: SchemaDescription) -> list[str]:
    tables = [(f"schema {description.name}", description.name)]
    tables += [(f"table {description.name}.{table.name}", table.name) for table in description.tables]
    columns = [
        (f"column {description.name}.{table.name}.{column.name}", column.name)
        for table in description.tables
        for column in table.columns
        if not column.delimited
    ]
    return [
        f'{what}: ADQL reserves "{name}" (ADQL 2.1 section 2.1.2); another name is right'
        for what, name in (*tables, *columns)
        if not is_regular(name)
    ]


_GALACTIC = ("pos.galactic.lon", "pos.galactic.lat")
"""UCDs of coordinates whose system needs no other word; GADF's GLON and GLAT are such."""


def _cleaned(column: Column) -> Column:
    """The column in texts of one line each that every database and document can hold."""
    is_galactic = column.unit == "deg" and (column.ucd or "").split(";")[0] in _GALACTIC
    return replace(
        column,
        coosys=CoordinateSystem("GALACTIC") if is_galactic else column.coosys,
        description=xml_token(column.description),
        unit=xml_token(column.unit or "") or None,
        ucd=xml_token(column.ucd or "") or None,
        utype=xml_token(column.utype or "") or None,
    )


def _event_column_faults(columns: Sequence[Column]) -> list[str]:
    faults: list[str] = []
    seen: set[str] = set()
    for column in columns:
        name = column.name.lower()
        if not is_regular(column.name):
            faults.append(
                f'{EVENTS}: "{column.name}" cannot be written without quotes in a query; a name of letters, '
                "digits and underscores is right that begins with a letter and that ADQL does not reserve"
            )
        elif name in taken_names():
            faults.append(
                f'{EVENTS}: "{column.name}" is the name of a column of schema dl3; another one is right'
            )
        elif name in seen:
            faults.append(f'{EVENTS}: two instrument columns are named "{column.name}", case apart')
        seen.add(name)
    return faults


def _nrows_faults(catalogue: Catalogue, nrows: Mapping[str, int]) -> list[str]:
    known = ", ".join(table.qualified for table in catalogue)
    faults = [
        f'Rows are given of "{name}", but there is no such table; one of {known} is right'
        for name in nrows
        if name not in catalogue
    ]
    faults += [f'"{name}" cannot have {rows} rows' for name, rows in nrows.items() if rows < 0]
    return faults
