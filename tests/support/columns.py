"""Expressions of ADQL over columns of made-up values, run on DuckDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from adql import DUCKDB, Catalogue, Column, ColumnType, Schema, Table, translate

_TYPES = {
    "double": (ColumnType("double"), pa.float64()),
    "long": (ColumnType("long"), pa.int64()),
    "text": (ColumnType("char", "*"), pa.string()),
}


def evaluate(
    expression: str,
    columns: Mapping[str, tuple[str, Sequence[Any]]],
    *,
    is_aggregate: bool = False,
    **units: str,
) -> list[Any]:
    """The value of an expression for each row, or of an aggregate for all.

    Parameters
    ----------
    expression
        A value expression of ADQL.
    columns
        Name of a column -> its type (double, long, text) and its values.
    units
        Name of a column -> its unit.
    """
    described = tuple(
        Column(name, _TYPES[kind][0], unit=units.get(name)) for name, (kind, _) in columns.items()
    )
    catalogue = Catalogue(
        (Schema("made", (Table("made", "up", (*described, Column("nr", ColumnType("long")))),)),)
    )
    arrays = {name: pa.array(list(values), _TYPES[kind][1]) for name, (kind, values) in columns.items()}
    size = len(next(iter(arrays.values())))
    rows = pa.table({**arrays, "nr": pa.array(range(size), pa.int64())})
    order = "" if is_aggregate else " ORDER BY nr"
    statement = translate(f"SELECT {expression} AS result FROM made.up{order}", catalogue, DUCKDB)
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA made")
        connection.register("incoming", rows)
        connection.execute("CREATE TABLE made.up AS SELECT * FROM incoming")
        return [row[0] for row in connection.execute(statement.sql).fetchall()]
