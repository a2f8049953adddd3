"""Queries give the rows that ADQL 2.1 says, on DuckDB; and their SQL is what other parsers take it for."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
import sqlglot
from sqlglot import expressions

from adql import DIALECTS, DUCKDB, Dialect, UnsupportedError, translate
from tests.support.cases import Case, cases
from tests.support.miniature import CATALOGUE, duckdb_engine, rows_of, same_rows

CASES = cases("answers") + cases("language")


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb_engine() as connection:
        yield connection


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_rows_are_those_of_the_standard(case: Case, engine: duckdb.DuckDBPyConnection) -> None:
    statement = translate(case.query, CATALOGUE, DUCKDB)
    found = rows_of(engine, statement)
    assert same_rows(found, case.rows, ordered=case.is_ordered), (found, statement.sql)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_columns_are_as_many_as_the_values(case: Case, engine: duckdb.DuckDBPyConnection) -> None:
    statement = translate(case.query, CATALOGUE, DUCKDB)
    described = engine.execute(statement.sql).description
    assert len(described) == len(statement.columns)
    assert len({column.name for column in statement.columns}) == len(statement.columns)


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_sqlglot_reads_the_sql_and_finds_only_our_tables_or_the_engine_is_named(
    case: Case, dialect: Dialect
) -> None:
    try:
        statement = translate(case.query, CATALOGUE, dialect, maxrec=10)
    except UnsupportedError as fault:
        assert dialect is not DUCKDB
        assert f"is not offered on {dialect.name}" in str(fault)
        return
    (tree,) = sqlglot.parse(statement.sql, read=dialect.name)
    assert tree is not None
    common = {cte.alias for cte in tree.find_all(expressions.CTE)}
    tables = {
        f"{table.db}.{table.name}" for table in tree.find_all(expressions.Table) if table.name not in common
    }
    assert tables == statement.tables


def test_maxrec_asks_for_one_row_more_than_allowed() -> None:
    query = "SELECT star_id FROM mini.stars"
    assert translate(query, CATALOGUE, DUCKDB, maxrec=3).sql.endswith("LIMIT 4")


def test_a_smaller_top_stays() -> None:
    query = "SELECT TOP 2 star_id FROM mini.stars"
    assert translate(query, CATALOGUE, DUCKDB, maxrec=3).sql.endswith("LIMIT 2")


def test_a_larger_top_gives_way_to_maxrec() -> None:
    query = "SELECT TOP 200 star_id FROM mini.stars"
    assert translate(query, CATALOGUE, DUCKDB, maxrec=3).sql.endswith("LIMIT 4")
