"""Queries as they are drawn give the same rows on DuckDB, Spark and Hive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from adql import DUCKDB, HIVE, SPARK, Dialect, UnsupportedError, ast, translate
from adql.printer import to_adql
from tests.support.miniature import CATALOGUE, duckdb_engine, rows_of, same_rows
from tests.support.queries import queries

CHECKS = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
PHASES = [Phase.explicit, Phase.generate]  # to shrink asks an engine too often


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb_engine() as connection:
        yield connection


@pytest.fixture(scope="module")
def spark_cursor(spark: Any) -> Iterator[Any]:
    with closing(spark.connect()) as connection, closing(connection.cursor()) as cursor:
        yield cursor


@pytest.fixture(scope="module")
def hive_cursor(hive: Any) -> Iterator[Any]:
    with closing(hive.connect()) as connection, closing(connection.cursor()) as cursor:
        yield cursor


@pytest.mark.spark
@settings(max_examples=60, suppress_health_check=CHECKS, phases=PHASES)
@given(queries())
def test_spark_gives_the_rows_of_duckdb(
    engine: duckdb.DuckDBPyConnection, spark_cursor: Any, query: ast.Query
) -> None:
    compare(to_adql(query), engine, SPARK, spark_cursor)


@pytest.mark.hive
@settings(max_examples=25, suppress_health_check=CHECKS, phases=PHASES)
@given(queries())
def test_hive_gives_the_rows_of_duckdb(
    engine: duckdb.DuckDBPyConnection, hive_cursor: Any, query: ast.Query
) -> None:
    compare(to_adql(query), engine, HIVE, hive_cursor)


def compare(text: str, engine: duckdb.DuckDBPyConnection, dialect: Dialect, cursor: Any) -> None:
    try:
        statement = translate(text, CATALOGUE, dialect, maxrec=1000)
    except UnsupportedError:
        return
    cursor.execute(statement.sql)
    found = [tuple(row) for row in cursor.fetchall()]
    expected = rows_of(engine, translate(text, CATALOGUE, DUCKDB, maxrec=1000))
    assert same_rows(found, expected, ordered=False), (text, found, expected, statement.sql)
