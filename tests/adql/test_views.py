"""A view is read as its query, and told as its columns; no name of the user's query gets into it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlglot

import adql
from adql import Catalogue, Column, Schema, Table
from tests.support.miniature import CATALOGUE, DOUBLE, STRING, duckdb_engine, rows_of

REGION = adql.ColumnType("char", "*", "adql:REGION")

BRIGHT = Table(
    "seen",
    "bright",
    (
        Column("label", STRING, "Name", ucd="meta.id"),
        Column("length", DOUBLE, "Wavelength", unit="m", ucd="em.wl"),
        Column("lon", DOUBLE, unit="deg"),
        Column("lat", DOUBLE, unit="deg"),
        Column("field", REGION, "Field"),
        Column("nothing", DOUBLE),
    ),
    type="view",
    definition="""
        SELECT 'star ' || name, 1.239841984332e-18 / energy, ra, dec, 'CIRCLE ICRS 0 0 1', NULL
        FROM mini.stars WHERE mag < 3
        UNION ALL SELECT label, size, NULL, NULL, NULL, 1 FROM mini.kinds""".replace("size", '"size"'),
    outlines={"field": "CIRCLE(lon, lat, 0.5)"},
)
FULL = Catalogue((*CATALOGUE.schemas, Schema("seen", (BRIGHT,))))


def ask(query: str, catalogue: Catalogue = FULL) -> list[tuple]:
    with duckdb_engine() as connection:
        return rows_of(connection, adql.translate(query, catalogue, adql.DUCKDB))


def test_its_rows_are_those_of_its_query():
    rows = ask("SELECT label, length, nothing FROM seen.bright ORDER BY label")
    assert rows[1] == ("none", None, 1.0)
    assert rows[-1] == ("star beta", 1.239841984332e-18, None)
    assert len(rows) == 6


def test_its_columns_are_those_it_declares():
    statement = adql.translate("SELECT * FROM seen.bright", FULL, adql.DUCKDB)
    assert [(c.name, c.type, c.unit, c.ucd) for c in statement.columns] == [
        (c.name, c.type, c.unit, c.ucd) for c in BRIGHT.columns
    ]
    assert statement.tables == {"seen.bright", "mini.stars", "mini.kinds"}


def test_names_of_with_are_not_seen_in_it():
    query = "WITH stars AS (SELECT 1 AS one FROM mini.kinds) SELECT label FROM seen.bright, stars"
    assert len(ask(query)) == 6 * 3


def test_it_joins_and_nests_like_a_table():
    query = """SELECT b.label, k.kind FROM seen.bright AS b NATURAL JOIN mini.kinds AS k
        WHERE b.label IN (SELECT label FROM seen.bright WHERE nothing = 1) ORDER BY k.kind"""
    assert ask(query) == [("point", 1), ("extended", 2), ("none", 4)]


def test_a_region_in_a_text_is_computed_from_numbers_where_the_view_says_how():
    near = "SELECT label FROM seen.bright WHERE 1 = INTERSECTS(field, CIRCLE(10.4, 20, 0.01))"
    # Half a degree around (10, 20) and (10.5, 20); the text says another place, which is not looked at.
    assert sorted(ask(near)) == [("star Alpha",), ("star beta",)]
    for dialect in ("hive", "spark"):
        sql = adql.translate(near, FULL, adql.DIALECTS[dialect]).sql
        sqlglot.parse_one(sql, dialect=dialect)
        assert "split" not in sql.lower()


def test_a_region_that_was_computed_in_a_subquery_is_read_from_its_text():
    query = "SELECT COUNT(*) FROM (SELECT field FROM seen.bright) AS s WHERE 1 = CONTAINS(POINT(0, 0), field)"
    assert ask(query) == [(3,)]


def test_a_fault_in_a_query_of_a_view_names_the_column():
    with pytest.raises(adql.BindError, match='Unknown column "lable"'):
        adql.translate("SELECT lable FROM seen.bright", FULL, adql.DUCKDB)


def test_a_view_that_lacks_a_column_is_our_own_fault():
    short = replace(BRIGHT, definition="SELECT name FROM mini.stars")
    catalogue = Catalogue((*CATALOGUE.schemas, Schema("seen", (short,))))
    with pytest.raises(AssertionError, match=r"seen\.bright: 1 columns, not 6"):
        adql.translate("SELECT label FROM seen.bright", catalogue, adql.DUCKDB)
