"""Which format a request gets, and by what name it is sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import UsageError
from app.formats import FORMATS, choose_format

VOTABLE = "application/x-votable+xml"


@pytest.mark.parametrize(
    ("asked", "serialization", "content_type"),
    [
        (None, "BINARY2", VOTABLE),
        ("", "BINARY2", VOTABLE),
        ("votable", "BINARY2", VOTABLE),
        ("VOTable", "BINARY2", VOTABLE),
        ("votable/b2", "BINARY2", VOTABLE),
        ("votable/td", "TABLEDATA", f"{VOTABLE};serialization=TABLEDATA"),
        ("votable/b", "BINARY", f"{VOTABLE};serialization=BINARY"),
        (VOTABLE, "BINARY2", VOTABLE),
        ("Application/X-VOTable+XML", "BINARY2", VOTABLE),
        ("application/x-votable xml", "BINARY2", VOTABLE),
        (f"{VOTABLE};serialization=tabledata", "TABLEDATA", f"{VOTABLE};serialization=TABLEDATA"),
        (f'{VOTABLE} ; Serialization = "BINARY2"', "BINARY2", f"{VOTABLE};serialization=BINARY2"),
        (f"{VOTABLE};serialization=binary", "BINARY", f"{VOTABLE};serialization=BINARY"),
        ("text/xml", "BINARY2", "text/xml"),
        ("text/xml;charset=UTF-8;serialization=TABLEDATA", "TABLEDATA", "text/xml;serialization=TABLEDATA"),
    ],
)
def test_votable_is_had_in_every_spelling(asked: str | None, serialization: str, content_type: str) -> None:
    choice = choose_format(asked)
    assert choice.writer.media_type == f"{VOTABLE};serialization={serialization}"
    assert choice.content_type == content_type


@pytest.mark.parametrize(
    ("asked", "media_type", "content_type"),
    [
        ("csv", "text/csv", "text/csv;charset=utf-8;header=present"),
        ("text/csv", "text/csv", "text/csv;charset=utf-8;header=present"),
        ("text/csv; header=present", "text/csv", "text/csv;charset=utf-8;header=present"),
        ("text/csv;header=absent", "text/csv;header=absent", "text/csv;header=absent;charset=utf-8"),
        ("TSV", "text/tab-separated-values", "text/tab-separated-values;charset=utf-8"),
        ("text/tab-separated-values", "text/tab-separated-values", "text/tab-separated-values;charset=utf-8"),
    ],
)
def test_text_is_had_in_every_spelling(asked: str, media_type: str, content_type: str) -> None:
    choice = choose_format(asked)
    assert choice.writer.media_type == media_type
    assert choice.content_type == content_type


@pytest.mark.parametrize(
    "asked",
    [
        "xlsx",
        "application/octet-stream",
        f"{VOTABLE};serialization=FITS",
        f"{VOTABLE};foo=1",
        "text/csv;header=perhaps",
        "text/csv;charset=utf-16",
        "csv;header=absent",
        "*/*",
        "votable\r\nX-Evil: 1",
        ";",
    ],
)
def test_an_unknown_format_is_refused_by_name(asked: str) -> None:
    with pytest.raises(UsageError, match="Unknown format") as caught:
        choose_format(asked)
    assert asked in caught.value.message
    assert "votable/td" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("*/*", VOTABLE),
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", VOTABLE),  # java.net.HttpURLConnection
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", VOTABLE),  # a browser
        ("text/csv", "text/csv;charset=utf-8;header=present"),
        ("text/csv;q=0.5, text/tab-separated-values", "text/tab-separated-values;charset=utf-8"),
        (f"text/csv;q=0.5, {VOTABLE};serialization=TABLEDATA;q=0.9", f"{VOTABLE};serialization=TABLEDATA"),
        ("text/*", "text/csv;charset=utf-8;header=present"),
        ("application/*;q=0.1", VOTABLE),
        ("text/csv;q=0, */*;q=0.1", VOTABLE),
        ("image/png", VOTABLE),
        ("text/csv;q=nan", VOTABLE),
        (", ,;;q=1,", VOTABLE),
        ("", VOTABLE),
    ],
)
def test_accept_chooses_where_no_parameter_does(accept: str, content_type: str) -> None:
    assert choose_format(accept=accept).content_type == content_type


def test_responseformat_outdoes_accept() -> None:
    assert choose_format("tsv", accept="text/csv").content_type == "text/tab-separated-values;charset=utf-8"


@given(st.text(), st.text())
def test_any_text_is_a_format_or_a_usage_error(asked: str, accept: str) -> None:
    assert choose_format(accept=accept).format in FORMATS
    try:
        content_type = choose_format(asked).content_type
    except UsageError:
        return
    assert content_type.isascii()
    assert content_type.isprintable()


def test_every_format_is_had_by_all_it_declares() -> None:
    for format_ in FORMATS:
        assert format_.media_type in format_.declared
        for media_type in (*format_.declared, *format_.aliases):
            assert choose_format(media_type).format is format_


def test_no_short_form_means_two_formats() -> None:
    aliases = [alias for format_ in FORMATS for alias in format_.aliases]
    assert len(aliases) == len(set(aliases))
