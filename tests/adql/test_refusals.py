"""What is no ADQL is refused, with a sentence that helps."""

from __future__ import annotations

import pytest

from adql import DUCKDB, AdqlError, LimitError, Limits, translate
from tests.support.cases import Case, cases
from tests.support.miniature import CATALOGUE


@pytest.mark.parametrize("case", cases("refusals"), ids=lambda case: case.name)
def test_refusal_says_what_and_where(case: Case) -> None:
    with pytest.raises(AdqlError) as refusal:
        translate(case.query, CATALOGUE, DUCKDB)
    assert case.answer in str(refusal.value)
    assert refusal.value.position is not None
    assert refusal.value.excerpt().endswith("^")


def test_the_caret_stands_under_the_fault() -> None:
    with pytest.raises(AdqlError) as refusal:
        translate("SELECT star_id,\n  enrgy\nFROM mini.stars", CATALOGUE, DUCKDB)
    assert refusal.value.excerpt() == "  enrgy\n  ^"
    assert (refusal.value.position.line, refusal.value.position.column) == (2, 3)


def test_every_unknown_name_has_its_own_sentence_and_place() -> None:
    with pytest.raises(AdqlError) as refusal:
        translate("SELECT enrgy, nam FROM mini.stars", CATALOGUE, DUCKDB)
    assert str(refusal.value).count("Unknown column") == 2
    assert "line 1, column 15" in str(refusal.value)


@pytest.mark.parametrize(
    ("query", "limits"),
    [
        ("SELECT star_id FROM mini.stars", Limits(length=10)),
        ("SELECT " + "(" * 300 + "1" + ")" * 300 + " + 1" * 300 + " FROM mini.stars", Limits(depth=100)),
        ("SELECT " + ", ".join(["star_id"] * 1000) + " FROM mini.stars", Limits(nodes=1000)),
        ("SELECT " + "SQRT(" * 60 + "2" + ")" * 60 + " FROM mini.stars", Limits()),
        ("SELECT " + "ATAN2(1, " * 20 + "2" + ")" * 20 + " FROM mini.stars", Limits()),
    ],
    ids=["long", "deep", "large", "roots in roots", "angles in angles"],
)
def test_a_query_past_the_limits_is_refused(query: str, limits: Limits) -> None:
    with pytest.raises(LimitError):
        translate(query, CATALOGUE, DUCKDB, limits=limits)
