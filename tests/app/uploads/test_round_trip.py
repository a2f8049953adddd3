"""What the service sends comes back as it was when it is uploaded; values are chosen by hypothesis."""

from __future__ import annotations

import io
import math
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adql import Column
from app.formats.characters import REPLACEMENT
from app.formats.votable import Serialization, VOTable
from app.uploads.columns import name_columns
from app.uploads.field import Field
from app.uploads.tabledata import columns_of, locate
from app.uploads.votable import read_votable
from tests.app.formats.gallery import GALLERY, Sample, written
from tests.app.formats.strategies import samples
from tests.app.uploads.documents import INTAKE, our_values, same


def expected(value: Any, column: Column, serialization: Serialization) -> Any:
    """What is left of a value on its way out: NaN, and mostly an empty text, cannot be told from NULL."""
    if column.type.datatype in ("char", "unicodeChar"):
        if serialization is Serialization.TABLEDATA and value:
            value = "".join(_legal(c, column) for c in value)
        return value if serialization is Serialization.BINARY2 else value or None
    if isinstance(value, float) and math.isnan(value):
        return None
    if not value and isinstance(value, list) and serialization is Serialization.TABLEDATA:
        return None
    if value is None and column.type.arraysize and serialization is not Serialization.BINARY2:
        return _nothing(column, serialization)
    return value


def _legal(c: str, column: Column) -> str:
    """XML 1.0 section 2.2."""
    legal = c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff")
    return c if legal else "?" if column.type.datatype == "char" else REPLACEMENT


def _nothing(column: Column, serialization: Serialization) -> Any:
    """An array that is not there: empty, or filled with what stands for NULL."""
    size = column.type.arraysize or ""
    if size.endswith("*") or column.type.datatype == "unsignedByte":
        return [] if serialization is Serialization.BINARY else None
    filled = math.nan if column.type.datatype in ("float", "double") else None
    return [filled] * math.prod(int(length) for length in size.split("x"))


def _check(sample: Sample, document: bytes, serialization: Serialization) -> None:
    table = read_votable(io.BytesIO(document), INTAKE)
    assert len(table.columns[0]) == len(sample.rows)
    for what, values, cells in zip(
        sample.columns, zip(*sample.rows, strict=True), table.columns, strict=False
    ):
        for value, found in zip(values, cells.to_pylist(), strict=True):
            assert same(found, expected(value, what, serialization)), what


@pytest.mark.parametrize("serialization", Serialization)
def test_the_gallery_comes_back(serialization: Serialization):
    sample = Sample.of(GALLERY)
    _check(sample, written(VOTable(serialization), sample.stream(3, 5)), serialization)


def test_columns_come_back_with_all_that_is_said_of_them():
    sample = Sample.of(GALLERY)
    table = read_votable(io.BytesIO(written(VOTable(Serialization.BINARY2), sample.stream())), INTAKE)
    assert [c for c in name_columns(table, INTAKE).columns if c.type.xtype != "timestamp"] == [
        c for c in sample.columns if c.type.xtype != "timestamp"
    ]


@settings(max_examples=100, deadline=None)
@given(samples(), st.sampled_from([Serialization.BINARY2, Serialization.TABLEDATA]))
def test_any_result_comes_back(drawn: tuple[Sample, list[int]], serialization: Serialization):
    sample, sizes = drawn
    _check(sample, written(VOTable(serialization), sample.stream(*sizes)), serialization)


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=8)
CELLS = st.lists(st.tuples(st.one_of(TEXT, st.none()), st.one_of(st.integers(-9, 9), st.none())), max_size=20)


@settings(max_examples=200, deadline=None)
@given(CELLS, st.randoms(use_true_random=False))
def test_both_ways_to_read_tabledata_agree(rows: list[tuple[str | None, int | None]], random: Any):
    plain = b"".join(_row(cells, random) for cells in rows)
    body = b"<FIELD name='a' datatype='unicodeChar' arraysize='*'/><FIELD name='b' datatype='int'/>"
    start, end = (
        b"<VOTABLE><RESOURCE><TABLE>" + body + b"<DATA><TABLEDATA>",
        b"</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>",
    )
    by_bytes = read_votable(io.BytesIO(start + plain + end), INTAKE)
    by_parser = read_votable(io.BytesIO(start + b"<!-- a comment -->" + plain + end), INTAKE)
    assert our_values(by_bytes) == our_values(by_parser)
    assert our_values(by_bytes)["a"] == [text or None for text, _ in rows]
    assert our_values(by_bytes)["b"] == [number for _, number in rows]
    # It was read by its bytes, indeed.
    assert locate(plain, 2) is not None and locate(b"<!-- -->" + plain, 2) is None


def _row(cells: tuple[Any, ...], random: Any) -> bytes:
    written_ = "".join(
        random.choice(["<TD/>", "<TD></TD>"])
        if cell in (None, "")
        else f"<TD>{_escaped(str(cell), random)}</TD>"
        for cell in cells
    )
    space = random.choice(["", "\n", " \t "])
    return f"<TR>{space}{written_}</TR>{space}".encode()


def _escaped(text: str, random: Any) -> str:
    def one(c: str) -> str:
        if c in "&<":
            return random.choice([f"&#{ord(c)};", f"&#x{ord(c):X};", {"&": "&amp;", "<": "&lt;"}[c]])
        return random.choice([c, c, c, f"&#{ord(c)};"])

    return "".join(map(one, text))


@pytest.mark.parametrize("line_end", ["\r\n", "\r"])
def test_line_ends_are_those_of_xml(line_end: str):
    block = f"<TR><TD>a{line_end}b&#13;</TD></TR>".encode()
    cells = locate(block, 1)
    assert cells is not None
    batch = columns_of(block, cells, [Field("t", "char", "*")], INTAKE, first_row=0)
    # XML 1.0 section 2.11, and a reference to keep a carriage return.
    assert batch.column(0) == pa.array(["a\nb\r"])
