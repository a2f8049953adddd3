"""A tiny catalogue and its rows, small enough to work out by hand what a query must give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa

from adql import Catalogue, Column, ColumnType, ForeignKey, Schema, SkyIndex, Statement, Table

INT, LONG, DOUBLE = ColumnType("int"), ColumnType("long"), ColumnType("double")
STRING, TIMESTAMP = ColumnType("char", "*"), ColumnType("char", "*", "timestamp")

_STARS = Table(
    "mini",
    "stars",
    (
        Column("star_id", LONG, "Number of the star", ucd="meta.id;meta.main"),
        Column("name", STRING, "Name of the star", ucd="meta.id"),
        Column("ra", DOUBLE, "Right ascension", "deg", "pos.eq.ra;meta.main"),
        Column("dec", DOUBLE, "Declination", "deg", "pos.eq.dec;meta.main"),
        Column("mag", DOUBLE, "Magnitude", "mag", "phot.mag"),
        Column("kind", INT, "Kind, see mini.kinds", ucd="meta.code"),
        Column("seen", TIMESTAMP, "When it was seen", ucd="time.epoch"),
        Column("energy", DOUBLE, "Energy", "TeV", "em.energy"),
    ),
    foreign_keys=(ForeignKey("mini.kinds", (("kind", "kind"),)),),
    sky=SkyIndex("ra", "dec", "healpix", 12),
)

_KINDS = Table(
    "mini",
    "kinds",
    (
        Column("kind", INT, "Number of the kind", ucd="meta.code"),
        Column("label", STRING, "Name of the kind", ucd="meta.id"),
        Column("size", INT, "A reserved word as a name", ucd="meta.number"),
    ),
)

_VISITS = Table(
    "mini",
    "visits",
    (
        Column("visit", LONG, "Number of the visit", ucd="meta.id"),
        Column("star_id", LONG, "Star visited", ucd="meta.id"),
        Column("kind", INT, "Kind, again", ucd="meta.code"),
        Column("hours", DOUBLE, "Length", "h", "time.duration"),
    ),
)

CATALOGUE = Catalogue((Schema("mini", (_STARS, _KINDS, _VISITS)),))

ROWS: dict[str, list[tuple[Any, ...]]] = {
    "stars": [
        (1, "Alpha", 10.0, 20.0, 1.5, 1, "2004-03-26T00:00:00.000", 0.5),
        (2, "beta", 10.5, 20.0, 2.5, 1, "2004-03-27T12:30:00.000", 1.0),
        (3, "It's", 359.9, -0.05, None, 2, "2013-11-05T00:00:00.000", 2.0),
        (4, "100%_a", 0.1, 0.05, -1.0, None, None, 40.0),
        (5, None, 120.0, 89.95, 7.25, 3, "2021-01-21T23:59:59.999", None),
        (6, "back\\slash", None, None, 4.0, 2, "2021-01-22T00:00:00.000", 8.0),
    ],
    "kinds": [(1, "point", 10), (2, "extended", 20), (4, "none", None)],
    "visits": [(100, 1, 1, 0.5), (101, 1, 1, 1.5), (102, 3, 2, 2.0), (103, 9, 1, 4.0)],
}

_ARROW = {"int": pa.int32(), "long": pa.int64(), "double": pa.float64(), "char": pa.string()}


def arrow_table(table: Table) -> pa.Table:
    """The rows of a table of the miniature."""
    fields = [pa.field(column.name, _ARROW[column.type.datatype]) for column in table.columns]
    columns = list(zip(*ROWS[table.name], strict=True))
    return pa.table(
        [pa.array(values, field.type) for values, field in zip(columns, fields, strict=True)],
        pa.schema(fields),
    )


@contextmanager
def duckdb_engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB with the miniature in it."""
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA mini")
    for table in CATALOGUE:
        connection.register("incoming", arrow_table(table))
        connection.execute(f"CREATE TABLE {table.qualified} AS SELECT * FROM incoming")
        connection.unregister("incoming")
    yield connection
    connection.close()


def rows_of(connection: duckdb.DuckDBPyConnection, statement: Statement) -> list[tuple[Any, ...]]:
    """The rows of a statement as Python values."""
    return [tuple(row) for row in connection.execute(statement.sql).fetchall()]


def same_rows(found: Sequence[Sequence[Any]], expected: Sequence[Sequence[Any]], *, ordered: bool) -> bool:
    """True if the rows are equal, numbers to 12 digits, in any order unless ``ordered``."""
    left, right = (
        [list(map(_comparable, row)) for row in found],
        [list(map(_comparable, row)) for row in expected],
    )
    return left == right if ordered else sorted(left, key=repr) == sorted(right, key=repr)


def _comparable(value: Any) -> Any:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return [_comparable(item) for item in value]
    return float(f"{float(value):.12g}")
