"""Identifiers of datasets: what they name, and what is told of those that name nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalink import DataLinkFault, DatasetName, NotFoundFault, UsageFault, read_identifier

AUTHORITY = "archive.test"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ivo://archive.test/dl3?hess/23523", DatasetName(23523, "hess")),
        ("IVO://Archive.Test/DL3?hess/23523", DatasetName(23523, "hess")),
        ("ivo://archive.test/dl3/counts?hess/-7", DatasetName(-7, "hess", product="counts")),
        ("ivo://archive.test/dl3?hawc/1/a%2Fb%20c", DatasetName(1, "hawc", "a/b c")),
        ("hess-dl3-dr1/23523", DatasetName(23523, "hess-dl3-dr1")),
        (" 20131103103 ", DatasetName(20131103103)),
    ],
)
def test_an_identifier_names_a_dataset(text: str, name: DatasetName):
    assert read_identifier(text, AUTHORITY) == name


def test_a_name_is_written_as_the_tables_have_it():
    assert DatasetName(1, "hawc", "a/b c").dataset_id == "hawc/1/a%2Fb%20c"
    assert DatasetName(1).dataset_id == ""


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("ivo://another.test/dl3?hess/23523", NotFoundFault),
        ("ivo://archive.test/other?hess/23523", NotFoundFault),
        ("ivo://archive.test/dl3?../../etc/passwd", UsageFault),
        ("ivo://archive.test/dl3?hess/23523/a/b", UsageFault),
        ("ivo://archive.test/dl3?hess", UsageFault),
        ("/etc/passwd", UsageFault),
        ("hess/99999999999999999999", UsageFault),
        ("9223372036854775808", UsageFault),
        ("' OR 1=1 --", UsageFault),
        ("x" * 5000, UsageFault),
    ],
)
def test_what_names_nothing_is_refused_with_its_reason(text: str, kind: type[DataLinkFault]):
    with pytest.raises(kind) as caught:
        read_identifier(text, AUTHORITY)
    assert caught.value.text.startswith(f"{kind.__name__}: ")
    assert len(caught.value.text) < 500


@given(st.text(max_size=80))
def test_no_text_raises_anything_else(text: str):
    try:
        name = read_identifier(text, AUTHORITY)
    except DataLinkFault:
        return
    assert -(2**63) < name.obs_id < 2**63
