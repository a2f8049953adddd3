"""Geometry gives the rows that the standard says, on DuckDB; every engine writes it or refuses it by name."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
import sqlglot
from sqlglot import expressions

from adql import DIALECTS, DUCKDB, HIVE, Dialect, UnsupportedError, translate
from tests.support.cases import Case, cases
from tests.support.miniature import CATALOGUE, duckdb_engine, rows_of, same_rows

CASES = cases("geometry")


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb_engine() as connection:
        yield connection


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_rows_are_those_of_the_standard(case: Case, engine: duckdb.DuckDBPyConnection) -> None:
    statement = translate(case.query, CATALOGUE, DUCKDB)
    found = rows_of(engine, statement)
    assert same_rows(found, case.rows, ordered=case.is_ordered), (found, statement.sql)
    assert len(engine.execute(statement.sql).description) == len(statement.columns)


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_sqlglot_reads_the_sql_and_finds_only_our_tables(case: Case, dialect: Dialect) -> None:
    try:
        statement = translate(case.query, CATALOGUE, dialect, maxrec=10)
    except UnsupportedError as refusal:
        assert dialect is HIVE
        assert "is not offered on hive" in str(refusal)
        return
    (tree,) = sqlglot.parse(statement.sql, read=dialect.name)
    assert tree is not None
    tables = {f"{table.db}.{table.name}" for table in tree.find_all(expressions.Table)}
    assert tables == statement.tables
