"""The rows of TAP_SCHEMA: the catalogue as five tables (TAP 1.1 section 4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from adql import Catalogue, Column, ForeignKey, Table
from vosi.names import written_name

Row = dict[str, Any]


def tap_schema_rows(catalogue: Catalogue) -> Mapping[str, Mapping[str, list[Any]]]:
    """What the tables of TAP_SCHEMA hold for a catalogue.

    Parameters
    ----------
    catalogue
        What is to be described; that of :func:`load_catalogue` has TAP_SCHEMA too.

    Returns
    -------
    Mapping
        Qualified table name -> column name -> values in order of the rows. Texts are str, numbers and flags
        int, NULL is None.
    """
    rows = {
        "tap_schema.schemas": _schemas(catalogue),
        "tap_schema.tables": _tables(catalogue),
        "tap_schema.columns": _columns(catalogue),
        "tap_schema.keys": _keys(catalogue),
        "tap_schema.key_columns": _key_columns(catalogue),
    }
    return {table: _transposed(COLUMNS[table], table_rows) for table, table_rows in rows.items()}


COLUMNS: Mapping[str, tuple[str, ...]] = {
    "tap_schema.schemas": ("schema_name", "utype", "description", "schema_index"),
    "tap_schema.tables": (
        "schema_name",
        "table_name",
        "table_type",
        "utype",
        "description",
        "table_index",
    ),
    "tap_schema.columns": (
        "table_name",
        "column_name",
        "datatype",
        "arraysize",
        "xtype",
        "size",
        "description",
        "utype",
        "unit",
        "ucd",
        "indexed",
        "principal",
        "std",
        "column_index",
    ),
    "tap_schema.keys": ("key_id", "from_table", "target_table", "description", "utype"),
    "tap_schema.key_columns": ("key_id", "from_column", "target_column"),
}
"""TAP 1.1 tables 2 to 6, in the order of tap_schema.yaml."""


def _transposed(names: Iterable[str], rows: Iterable[Row]) -> dict[str, list[Any]]:
    kept = list(rows)
    return {name: [row[name] for row in kept] for name in names}


def _schemas(catalogue: Catalogue) -> Iterator[Row]:
    for index, schema in enumerate(catalogue.schemas):
        yield {
            "schema_name": schema.name,
            "utype": schema.utype,
            "description": schema.description or None,
            "schema_index": index,
        }


def _tables(catalogue: Catalogue) -> Iterator[Row]:
    for index, table in enumerate(catalogue):
        yield {
            "schema_name": table.schema,
            "table_name": table.qualified,
            "table_type": table.type,
            "utype": table.utype,
            "description": table.description or None,
            "table_index": index,
        }


def _columns(catalogue: Catalogue) -> Iterator[Row]:
    for table in catalogue:
        for index, column in enumerate(table.columns):
            yield {"table_name": table.qualified, **_column(column), "column_index": index}


def _column(column: Column) -> Row:
    return {
        "column_name": written_name(column.name),
        "datatype": column.type.datatype,
        "arraysize": column.type.arraysize,
        "xtype": column.type.xtype,
        "size": _size(column.type.arraysize),
        "description": column.description or None,
        "utype": column.utype,
        "unit": column.unit,
        "ucd": column.ucd,
        "indexed": int(column.indexed),
        "principal": int(column.principal),
        "std": int(column.std),
    }


def _size(arraysize: str | None) -> int | None:
    """The deprecated size: the arraysize, variable or not, where that is one number (TAP 1.1 section 4.3)."""
    match = re.fullmatch(r"(\d+)\*?", arraysize or "")
    return int(match[1]) if match else None


def _named_keys(catalogue: Catalogue) -> Iterator[tuple[str, Table, ForeignKey]]:
    """Foreign keys with an identifier each; it stays the same while the tables' own keys do."""
    for table in catalogue:
        for number, key in enumerate(table.foreign_keys, start=1):
            yield f"{table.qualified}.{number}", table, key


def _keys(catalogue: Catalogue) -> Iterator[Row]:
    for key_id, table, key in _named_keys(catalogue):
        yield {
            "key_id": key_id,
            "from_table": table.qualified,
            "target_table": key.target,
            "description": key.description or None,
            "utype": None,
        }


def _key_columns(catalogue: Catalogue) -> Iterator[Row]:
    for key_id, _, key in _named_keys(catalogue):
        for here, there in key.columns:
            yield {"key_id": key_id, "from_column": written_name(here), "target_column": written_name(there)}
