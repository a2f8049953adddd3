"""One conformance suite over the engines: each case gives the same rows on DuckDB, Spark and Hive."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adql import HIVE, SPARK, Dialect, translate
from tests.support.cases import Case, cases
from tests.support.miniature import CATALOGUE, same_rows

CASES = cases("answers")

WITHOUT_CALCITE = {
    "a subquery as a value": "scalar subquery",
    "a correlated subquery in the select list": "scalar subquery",
    "except": "EXCEPT",
    "intersect binds tighter than union": "INTERSECT",
    "parentheses change that": "INTERSECT",
}
"""Cases that the Hive of the tests cannot plan, since pyspark's jars hold no Calcite; a whole Hive can."""


@pytest.mark.spark
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_spark_gives_the_rows_of_the_standard(case: Case, spark: Any) -> None:
    check(case, SPARK, spark)


@pytest.mark.hive
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_hive_gives_the_rows_of_the_standard(case: Case, hive: Any, request: pytest.FixtureRequest) -> None:
    if case.name in WITHOUT_CALCITE:
        reason = f"{WITHOUT_CALCITE[case.name]} needs Calcite, which pyspark's jars do not hold"
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    check(case, HIVE, hive)


def check(case: Case, dialect: Dialect, server: Any) -> None:
    statement = translate(case.query, CATALOGUE, dialect, maxrec=1000)
    found = [tuple(map(_value, row)) for row in server.run(statement.sql)]
    assert same_rows(found, case.rows, ordered=case.is_ordered), (found, statement.sql)


def _value(value: Any) -> Any:
    """A cell as PyHive gives it; arrays come as JSON."""
    return json.loads(value) if isinstance(value, str) and value.startswith("[") else value
