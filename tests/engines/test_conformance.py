"""One conformance suite over the engines: the same rows, of the same types, or a refusal by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from adql import HIVE, SPARK, Column, Dialect, UnsupportedError, translate
from adql.differences import DIFFERENCES
from tests.support.cases import Case, answered
from tests.support.miniature import CATALOGUE, same_rows

CASES = answered()

SLOW_ON_SPARK = {
    "a polygon through a subquery",
    "polygons of rows that meet another",
    "regions of rows in text",
    "regions of rows that are none",
}
"""Cases that Spark answers as the others do, but takes half a minute to plan: their SQL is up to 350 kB."""

FAILS_ON_HIVE = {"query_set_expression: EXCEPT and UNION lean left"}
"""A UNION of groups and a constant: a task of Hive 2.3 ends with an error, and gives no rows."""

_TYPES = {
    "boolean": "BOOLEAN_TYPE",
    "short": "SMALLINT_TYPE",
    "int": "INT_TYPE",
    "long": "BIGINT_TYPE",
    "float": "FLOAT_TYPE",
    "double": "DOUBLE_TYPE",
    "char": "STRING_TYPE",
    "unicodeChar": "STRING_TYPE",
}
"""VOTable datatype -> the type that HiveServer2 tells."""


class Runner:
    """One session of a server, for many statements."""

    def __init__(self, cursor: Any, dialect: Dialect) -> None:
        self.cursor = cursor
        self.dialect = dialect
        self.settings: dict[str, str] = {}

    def run(self, sql: str) -> tuple[list[tuple[Any, ...]], list[str]]:
        """The rows of a statement, and the types of its columns."""
        wanted = dict(self.dialect.settings(sql))
        for name in self.settings.keys() - wanted.keys():
            self.cursor.execute(f"RESET {name}")
        for name in wanted.keys() - self.settings.keys():
            self.cursor.execute(f"SET {name}={wanted[name]}")
        self.settings = wanted
        self.cursor.execute(sql)
        rows = [tuple(map(_value, row)) for row in self.cursor.fetchall()]
        return rows, [column[1] for column in self.cursor.description]


@pytest.fixture(scope="module")
def on_spark(spark: Any) -> Iterator[Runner]:
    with closing(spark.connect()) as connection, closing(connection.cursor()) as cursor:
        yield Runner(cursor, SPARK)


@pytest.fixture(scope="module")
def on_hive(hive: Any) -> Iterator[Runner]:
    with closing(hive.connect()) as connection, closing(connection.cursor()) as cursor:
        yield Runner(cursor, HIVE)


@pytest.mark.spark
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_spark_gives_the_rows_of_the_standard(case: Case, on_spark: Runner) -> None:
    if case.name in SLOW_ON_SPARK:
        pytest.skip("Spark takes half a minute to plan it; run by hand it gives the rows")
    check(case, on_spark)


@pytest.mark.hive
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_hive_gives_the_rows_of_the_standard(
    case: Case, on_hive: Runner, request: pytest.FixtureRequest
) -> None:
    if case.name in FAILS_ON_HIVE:
        reason = "Hive 2.3 fails in a task of it"
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    check(case, on_hive)


def check(case: Case, runner: Runner) -> None:
    try:
        statement = translate(case.query, CATALOGUE, runner.dialect, maxrec=1000)
    except UnsupportedError as refusal:
        known = [each.what for each in DIFFERENCES if each.engine == runner.dialect.name]
        assert str(refusal).startswith(tuple(known)), refusal
        return
    found, types = runner.run(statement.sql)
    assert same_rows(found, case.rows, ordered=case.is_ordered), (found, statement.sql)
    assert types == [_type(column) for column in statement.columns]


def _type(column: Column) -> str:
    if column.type.arraysize and column.type.datatype not in ("char", "unicodeChar"):
        return "ARRAY_TYPE"
    return _TYPES[column.type.datatype]


def _value(value: Any) -> Any:
    """A cell as PyHive gives it; arrays come as JSON."""
    return json.loads(value) if isinstance(value, str) and value.startswith("[") else value
