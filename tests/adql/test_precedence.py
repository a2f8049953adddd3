"""The SQL has the brackets that its meaning needs, and few others."""

from __future__ import annotations

import pytest

from adql import DIALECTS, DUCKDB, HIVE, Dialect, translate
from adql.dialects.precedence import LEVELS
from tests.support.miniature import CATALOGUE


@pytest.mark.parametrize(
    ("adql", "sql"),
    [
        ("mag * 2 + 1 - hours", "mag * 2.0e0 + 1.0e0 - hours"),
        ("mag * (hours + 1)", "mag * (hours + 1.0e0)"),
        ("mag - (hours - 1)", "mag - (hours - 1.0e0)"),
        ("mag / hours / 2", "mag / nullif(hours, 0) / 2.0e0"),
        ("SIN(mag + 1)", "sin(mag + 1.0e0)"),
        ("SQRT(mag + 1)", "CASE WHEN mag + 1.0e0 >= 0 THEN sqrt(mag + 1.0e0) END"),
        ("CASE WHEN mag < 1 AND (hours > 2 OR hours IS NULL) THEN 1 ELSE 0 END",
         "CASE WHEN mag < 1 AND (hours > 2 OR hours IS NULL) THEN 1 ELSE 0 END"),
        ("CASE WHEN mag + hours IS NULL THEN 1 ELSE 0 END",
         "CASE WHEN (mag + hours) IS NULL THEN 1 ELSE 0 END"),
        ("CASE WHEN NOT (mag < 1 OR mag > 2) THEN 1 ELSE 0 END",
         "CASE WHEN (NOT (mag < 1 OR mag > 2)) THEN 1 ELSE 0 END"),
    ],
)  # fmt: skip
def test_brackets_stand_where_the_meaning_needs_them(adql: str, sql: str) -> None:
    statement = translate(f"SELECT {adql} AS x FROM mini.stars, mini.visits", CATALOGUE, HIVE)
    plain = statement.sql.replace("`", "").replace("t1.", "").replace("t2.", "")
    assert plain.startswith(f"SELECT {sql} AS x FROM")


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("operation", LEVELS)
def test_what_may_lose_its_brackets_has_them_around_all_of_it(dialect: Dialect, operation: str) -> None:
    template = dialect.operations[operation]
    assert isinstance(template, str)
    depths: list[int] = []
    for character in template:
        depths.append((depths[-1] if depths else 0) + {"(": 1, ")": -1}.get(character, 0))
    assert min(depths[:-1]) == 1
    assert depths[-1] == 0


def test_a_long_sum_is_flat() -> None:
    terms = " + ".join(["mag"] * 50)
    sql = translate(f"SELECT {terms} AS x FROM mini.stars", CATALOGUE, DUCKDB).sql
    assert "(" not in sql
