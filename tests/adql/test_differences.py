"""What an engine refuses is in one table, with the reason; and the operators' guide has that table."""

from __future__ import annotations

import pytest

from adql import DIALECTS, DUCKDB, Dialect, UnsupportedError, translate
from adql.differences import DIFFERENCES, Difference
from tests.conftest import REPOSITORY
from tests.support.cases import Case, answered
from tests.support.miniature import CATALOGUE


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda each: f"{each.engine}: {each.what}")
def test_a_difference_is_refused_by_name_there_and_done_elsewhere(difference: Difference) -> None:
    with pytest.raises(UnsupportedError, match=f"is not offered on {difference.engine}") as refusal:
        translate(difference.example, CATALOGUE, DIALECTS[difference.engine])
    assert str(refusal.value).startswith(difference.what)
    assert translate(difference.example, CATALOGUE, DUCKDB).sql


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("case", answered(), ids=lambda case: case.name)
def test_nothing_else_is_refused(case: Case, dialect: Dialect) -> None:
    known = tuple(each.what for each in DIFFERENCES if each.engine == dialect.name)
    try:
        translate(case.query, CATALOGUE, dialect)
    except UnsupportedError as refusal:
        assert str(refusal).startswith(known)


def test_the_guide_has_the_table() -> None:
    guide = (REPOSITORY / "deploy" / "README.md").read_text(encoding="utf-8")
    for each in DIFFERENCES:
        assert f"| {each.engine} | {each.what} | {each.reason} |" in guide
