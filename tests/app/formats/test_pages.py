"""Results for people: HTML read by lxml and pandas, and text of even columns."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from lxml import html

from app.formats import Info, Provenance
from app.formats.pages import HtmlPage, PlainText
from tests.app.formats.gallery import GALLERY, Sample, column, failing, truncated, until_fault, written

HTML, TEXT = HtmlPage(), PlainText()
HOSTILE = column("<script>alert(1)</script>", "char", "*", description='"><b>', unit="<u>")


def table_of(document: bytes) -> list[list[str]]:
    page = html.fromstring(document.decode("utf-8"))
    return [["".join(cell.itertext()) for cell in row] for row in page.findall(".//tbody/tr")]


@pytest.mark.parametrize("sizes", [(), (1,), (0, 3, 0)], ids=str)
def test_html_has_a_row_for_each_and_a_cell_for_each(sizes: tuple[int, ...]) -> None:
    sample = Sample.of(GALLERY)
    rows = table_of(written(HTML, sample.stream(*sizes)))
    assert len(rows) == len(sample.rows)
    for row, expected in zip(rows, sample.rows, strict=True):
        assert len(row) == len(expected)
        for what, cell, value in zip(sample.columns, row, expected, strict=True):
            if value is None:
                assert cell == ""
            elif what.type.is_text:
                assert cell == value
            elif what.type.is_integer:
                assert int(cell) == value


def test_html_lets_no_markup_through() -> None:
    sample = Sample.of({HOSTILE: ["<img src=x onerror=alert(1)>", "&amp;", "\x00\x1f"]}, repeats=1)
    document = written(HTML, sample.stream(), Info("query", "</dd><script>", "x' onclick='y"))
    page = html.fromstring(document.decode("utf-8"))
    assert not page.findall(".//script") + page.findall(".//img") + page.findall(".//b")
    assert table_of(document) == [["<img src=x onerror=alert(1)>"], ["&amp;"], ["\ufffd\ufffd"]]


def test_html_and_text_tell_how_the_result_ended() -> None:
    for writer in (HTML, TEXT):
        assert "7 rows. OVERFLOW" in written(writer, truncated(Sample.of(GALLERY), 7)).decode()
        assert "0 rows. OVERFLOW" in written(writer, truncated(Sample.of(GALLERY), 0)).decode()
        document, _ = until_fault(writer.write(failing(Sample.of(GALLERY), good=2), Provenance()))
        assert "10 rows. ERROR: The query took longer" in document.decode()


def test_text_stands_in_even_columns() -> None:
    values = {
        column("n", "int", unit="s"): [1, 20, None],
        column("name", "unicodeChar", "*"): ["Größe", "a\tb\nc", None],
        column("x", "double"): [0.1, float("nan"), None],
    }
    assert written(TEXT, Sample.of(values, repeats=1).stream()).decode() == (
        "n [s]  name     x\n-----  -----  ---\n    1  Größe  0.1\n   20  a b c  NaN\n\n\n3 rows.\n"
    )


def test_an_empty_text_has_its_heading() -> None:
    sample = Sample.of({column("n", "int"): []}, repeats=1)
    assert written(TEXT, sample.stream()).decode() == "n\n-\n\n0 rows.\n"


def test_pandas_reads_fixed_columns() -> None:
    sample = Sample.of({column("number", "long"): [1, 22, 333], column("x", "double"): [0.5, 1.5, 2.5]}, 1)
    text = written(TEXT, sample.stream(1)).decode().split("\n\n")[0]
    frame = pd.read_fwf(io.StringIO(text), skiprows=[1])
    assert frame["number"].tolist() == [1, 22, 333]
    assert frame["x"].tolist() == [0.5, 1.5, 2.5]
