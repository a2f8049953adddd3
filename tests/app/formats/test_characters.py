"""Text columns recoded as a whole, against the codecs of Python one value at a time."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from app.formats.characters import ascii_escaped, is_ascii, legible, utf16, valid_text, xml_escaped

TEXTS = st.lists(st.text(), max_size=8)
CUT = st.integers(0, 3)


def column(texts: list[str], start: int) -> pa.Array:
    """The texts as a slice of a longer column."""
    return pa.array(["ü☃"] * start + texts, pa.string()).slice(start)


@given(TEXTS, CUT)
def test_utf16_is_that_of_python(texts: list[str], start: int) -> None:
    assert utf16(column(texts, start)).to_pylist() == [text.encode("utf-16-be") for text in texts]


@given(TEXTS, CUT)
def test_escapes_are_those_of_python(texts: list[str], start: int) -> None:
    expected = [text.encode("ascii", "backslashreplace") for text in texts]
    assert ascii_escaped(column(texts, start)).to_pylist() == expected


@given(TEXTS, CUT)
def test_ascii_is_known(texts: list[str], start: int) -> None:
    assert is_ascii(column(texts, start)) == all(text.isascii() for text in texts)


@given(st.lists(st.none() | st.binary(max_size=6), max_size=8), CUT)
def test_invalid_bytes_are_replaced_as_python_does(cells: list[bytes | None], start: int) -> None:
    raw = pa.array([b"\xff"] * start + cells, pa.binary())
    text = pa.Array.from_buffers(pa.string(), len(raw), raw.buffers(), raw.null_count).slice(start)
    expected = [None if cell is None else cell.decode("utf-8", "replace") for cell in cells]
    assert valid_text(text).to_pylist() == expected


@given(st.lists(st.none() | st.text(), max_size=8), CUT)
def test_escaped_text_is_read_by_an_xml_parser_as_it_was(texts: list[str | None], start: int) -> None:
    padded = pa.array(["&"] * start + texts, pa.string()).slice(start)
    for text, escaped in zip(texts, xml_escaped(padded).to_pylist(), strict=True):
        if text is None:
            assert escaped is None
        else:
            read = etree.fromstring(f"<TD>{escaped}</TD>").text
            assert (read or "") == legible(text)


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_can_be_made_legible(text: str) -> None:
    element = etree.Element("INFO", value=legible(text))
    assert etree.fromstring(etree.tostring(element)).get("value") == legible(text)
