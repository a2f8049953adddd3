"""CSV and TSV read back by the csv module, pandas, polars and astropy."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from astropy.table import Table

from app.errors import QueryTimeout
from app.formats import Provenance
from app.formats.text import CSV, CSV_WITHOUT_HEADER, TSV, DelimitedText
from tests.app.formats.gallery import (
    ARRAYS,
    GALLERY,
    SCALARS,
    TEXTS,
    Sample,
    column,
    failing,
    until_fault,
    written,
)

BOTH = pytest.mark.parametrize("writer", [CSV, TSV], ids=["csv", "tsv"])
SIZES = [(), (1,), (0, 3, 0), (17, 2)]


def lines(writer: DelimitedText, document: bytes) -> list[list[str]]:
    dialect = csv.excel if writer is CSV else csv.excel_tab
    return list(csv.reader(io.StringIO(document.decode("utf-8"), newline=""), dialect, strict=True))


def check(text: str, expected: Any) -> None:
    if expected is None:
        assert text == ""
    elif isinstance(expected, bool):
        assert text == str(expected).lower()
    elif isinstance(expected, str):
        assert text == expected
    elif isinstance(expected, list):
        items = text.split()
        assert len(items) == len(expected)
        for item, value in zip(items, expected, strict=True):
            check(item, value)
    elif math.isnan(expected):
        assert math.isnan(float(text))
    else:
        assert type(expected)(text) == expected
        assert math.copysign(1, float(text)) == math.copysign(1, expected)


@BOTH
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize(
    "values", [SCALARS, TEXTS, ARRAYS, GALLERY], ids=["numbers", "texts", "arrays", "all"]
)
def test_the_csv_module_reads_what_was_written(
    writer: DelimitedText, values: dict[Any, list[Any]], sizes: tuple[int, ...]
) -> None:
    sample = Sample.of(values)
    header, *rows = lines(writer, written(writer, sample.stream(*sizes)))
    assert header == [what.name for what in sample.columns]
    assert len(rows) == len(sample.rows)
    for row, expected in zip(rows, sample.rows, strict=True):
        for what, text, value in zip(sample.columns, row, expected, strict=True):
            if what.type.datatype == "float" and isinstance(value, float) and math.isfinite(value):
                assert np.float32(text) == np.float32(value)
            else:
                check(text, value)


@BOTH
def test_pandas_reads_what_was_written(writer: DelimitedText) -> None:
    sample = Sample.of({**SCALARS, **TEXTS})
    frame = pd.read_csv(
        io.BytesIO(written(writer, sample.stream(4))),
        sep=writer.delimiter,
        dtype={"large": "Int64", "whole": "Int64", "small": "Int64", "octet": "Int64"},
        keep_default_na=False,
        na_values={what.name: ["", "NaN"] for what in SCALARS if what.name != "flag"},
    )
    assert list(frame.columns) == [what.name for what in sample.columns]
    for what, expected in zip(sample.columns, zip(*sample.rows, strict=True), strict=True):
        for cell, value in zip(frame[what.name], expected, strict=True):
            if value is None or (isinstance(value, float) and math.isnan(value)):
                assert pd.isna(cell) or cell == ""
            elif what.name == "flag":
                assert str(cell).lower() == str(value).lower()
            elif what.name == "single":
                assert np.float32(cell) == np.float32(value)
            else:
                assert cell == value


def test_astropy_reads_what_was_written() -> None:
    sample = Sample.of(SCALARS)
    document = written(CSV, sample.stream(4))
    table = Table.read(io.BytesIO(document), format="ascii.csv", fast_reader=False)  # the fast one rounds
    assert table.colnames == [what.name for what in sample.columns]
    assert table["large"].tolist() == [row[4] for row in sample.rows]
    assert np.ma.getdata(table["tiny"]).tolist() == [row[7] for row in sample.rows]


def test_lines_end_as_rfc_4180_says_and_empty_differs_from_null() -> None:
    values = {column('a "b", c', "char", "*"): ["", None, 'say "x"'], column("n", "int"): [1, None, 3]}
    assert written(CSV, Sample.of(values, repeats=1).stream(1)) == (
        b'"a ""b"", c",n\r\n"",1\r\n,\r\n"say ""x""",3\r\n'
    )


def test_a_null_that_is_alone_in_its_line_is_not_skipped() -> None:
    for values in ({column("n", "int"): [1, None, 3]}, {column("s", "char", "*"): ["a", None, "c"]}):
        document = written(CSV, Sample.of(values, repeats=1).stream())
        assert len(pd.read_csv(io.BytesIO(document))) == 3
        assert len(lines(CSV, document)) == 4


def test_the_line_of_names_may_be_left_out() -> None:
    sample = Sample.of({column("n", "int"): [1, 2]}, repeats=1)
    assert written(CSV_WITHOUT_HEADER, sample.stream()) == b"1\r\n2\r\n"


@BOTH
def test_an_empty_result_is_its_names(writer: DelimitedText) -> None:
    document = written(writer, Sample.of(GALLERY, repeats=0).stream())
    assert lines(writer, document) == [[what.name for what in GALLERY]]


def test_items_that_are_missing_are_told() -> None:
    values = {column("n", "int", "*"): [[1, None], None], column("x", "double", "2"): [[None, 0.5], None]}
    assert written(CSV, Sample.of(values, repeats=1).stream()) == b"n,x\r\n1 null,NaN 0.5\r\n,\r\n"


def test_columns_of_one_name_stay_apart() -> None:
    values = {column("n", "int", description="a"): [1], column("n", "int", description="b"): [2]}
    assert written(CSV, Sample.of(values, repeats=1).stream()) == b"n,n\r\n1,2\r\n"


@BOTH
def test_a_fault_between_rows_comes_after_the_rows(writer: DelimitedText) -> None:
    sample = Sample.of({column("n", "int"): [1, 2, 3, 4, 5]})
    document, fault = until_fault(writer.write(failing(sample, good=2), Provenance()))
    assert isinstance(fault, QueryTimeout)
    assert lines(writer, document) == [["n"], *([str(n)] for n in [1, 2, 3, 4, 5] * 2)]


@BOTH
def test_a_fault_before_the_first_row_is_raised_before_any_chunk(writer: DelimitedText) -> None:
    sample = Sample.of({column("n", "int"): [1, 2, 3, 4, 5]})
    with pytest.raises(QueryTimeout):
        next(writer.write(failing(sample, good=0), Provenance()))


def test_chunks_are_about_a_megabyte() -> None:
    sample = Sample.of({column("n", "long"): list(range(10**12, 10**12 + 400_000))}, repeats=1)
    for sizes in ((), (1000,) * 300):
        chunks = list(CSV.write(sample.stream(*sizes), Provenance()))
        assert min(len(chunk) for chunk in chunks[1:-1]) >= 256 * 1024
        assert max(len(chunk) for chunk in chunks) < 4 * 1024 * 1024
        assert b"".join(chunks).split() == [b"n", *(str(n).encode() for n in range(10**12, 10**12 + 400_000))]
