"""The few words of SQL that the engine writes itself, all escaped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from adql import Column, Table

_TYPES = {
    "boolean": "BOOLEAN",
    "unsignedByte": "UTINYINT",
    "short": "SMALLINT",
    "int": "INTEGER",
    "long": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "char": "VARCHAR",
    "unicodeChar": "VARCHAR",
}
"""VOTable datatype -> DuckDB type."""


def read_files(files: Sequence[Path], table: Table | None = None) -> str:
    """A table expression over files, never a glob; with the columns of a table, if one is given.

    Naming the columns gives NULL for one that a file lacks, but keeps DuckDB from answering MIN, MAX
    and COUNT from the footers.
    """
    listed = ", ".join(literal(str(path)) for path in files)
    if table is None:
        return f"read_parquet([{listed}])"
    columns = ", ".join(
        f"{literal(c.name)}: {{name: {literal(c.name)}, type: {literal(sql_type(c))}, default_value: NULL}}"
        for c in table.columns
    )
    return f"read_parquet([{listed}], schema = MAP {{{columns}}})"


def sql_type(column: Column) -> str:
    """The type in which DuckDB holds a column, the one of :func:`app.results.arrow_type`."""
    text = column.type.datatype in ("char", "unicodeChar")
    array = column.type.arraysize is not None and not text
    return f"{_TYPES[column.type.datatype]}{'[]' if array else ''}"


def qualified(table: Table) -> str:
    """Schema and name of a table."""
    return f"{identifier(table.schema)}.{identifier(table.name)}"


def identifier(name: str) -> str:
    """A name, in quotes."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """A text, in quotes."""
    return "'" + value.replace("'", "''") + "'"
