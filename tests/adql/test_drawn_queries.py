"""Any query over the miniature prints to a text that is the same query, and runs; it reads its tables."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
import sqlglot
from hypothesis import HealthCheck, given, settings
from sqlglot import expressions

from adql import DIALECTS, DUCKDB, UnsupportedError, ast, parse, translate
from adql.differences import DIFFERENCES
from adql.printer import to_adql
from tests.support.miniature import CATALOGUE, duckdb_engine, rows_of
from tests.support.queries import queries


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb_engine() as connection:
        yield connection


@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(queries())
def test_a_drawn_query_is_printed_and_runs(engine: duckdb.DuckDBPyConnection, query: ast.Query) -> None:
    text = to_adql(query)
    assert parse(text) == query
    statement = translate(text, CATALOGUE, DUCKDB, maxrec=1000)
    for row in rows_of(engine, statement):
        assert len(row) == len(statement.columns)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(queries())
def test_the_sql_of_a_drawn_query_reads_the_tables_of_the_catalogue(query: ast.Query) -> None:
    for dialect in DIALECTS.values():
        try:
            statement = translate(to_adql(query), CATALOGUE, dialect, maxrec=1000)
        except UnsupportedError as refusal:
            known = tuple(each.what for each in DIFFERENCES if each.engine == dialect.name)
            assert str(refusal).startswith(known)
            continue
        (tree,) = sqlglot.parse(statement.sql, read=dialect.name)
        assert tree is not None
        found = {f"{table.db}.{table.name}" for table in tree.find_all(expressions.Table)}
        assert found == statement.tables <= {table.qualified for table in CATALOGUE}
