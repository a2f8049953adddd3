"""Any result comes back: columns, values and batch borders chosen by hypothesis."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

import numpy as np
from astropy.io.votable import parse
from hypothesis import given, settings

from adql import Column
from app.formats.characters import REPLACEMENT
from app.formats.text import CSV
from app.formats.votable import Serialization, VOTable
from tests.app.formats.gallery import Sample, written
from tests.app.formats.strategies import samples


def same(cell: Any, missing: Any, expected: Any, what: Column) -> bool:
    """Equal to the last bit, where NULL, NaN and an empty array are the same to astropy."""
    if expected is None:
        return bool(np.all(missing)) or len(np.atleast_1d(cell)) == 0
    dtype = {"float": "f4", "double": "f8", "boolean": "?"}.get(what.type.datatype, "i8")
    found, wanted = np.ma.getdata(cell).astype(dtype), np.array(expected, dtype)
    return np.array_equal(found, wanted, equal_nan=dtype.startswith("f"))


@settings(max_examples=150, deadline=None)
@given(samples())
def test_binary2_comes_back_through_astropy(drawn: tuple[Sample, list[int]]) -> None:
    sample, sizes = drawn
    document = written(VOTable(Serialization.BINARY2), sample.stream(*sizes))
    array = parse(io.BytesIO(document), verify="exception").get_first_table().array
    assert len(array) == len(sample.rows)
    for what, cells in zip(sample.columns, zip(*sample.rows, strict=True), strict=False):
        for row, expected in enumerate(cells):
            cell = np.ma.getdata(array[what.name])[row]
            missing = np.ma.getmaskarray(array[what.name])[row]
            if what.type.datatype in ("char", "unicodeChar"):
                assert cell == (expected or "")
            else:
                assert same(cell, missing, expected, what)


@settings(max_examples=100, deadline=None)
@given(samples())
def test_tabledata_comes_back_through_astropy(drawn: tuple[Sample, list[int]]) -> None:
    sample, sizes = drawn
    document = written(VOTable(Serialization.TABLEDATA), sample.stream(*sizes))
    array = parse(io.BytesIO(document), verify="exception").get_first_table().array
    assert len(array) == len(sample.rows)
    for what, cells in zip(sample.columns, zip(*sample.rows, strict=True), strict=False):
        for row, expected in enumerate(cells):
            cell = np.ma.getdata(array[what.name])[row]
            missing = np.ma.getmaskarray(array[what.name])[row]
            if what.type.datatype in ("char", "unicodeChar"):
                assert cell == _as_xml(expected or "", "?" if what.type.datatype == "char" else REPLACEMENT)
            else:
                assert same(cell, missing, expected, what)


def _as_xml(text: str, illegal: str) -> str:
    """What XML 1.0 can hold of a text, without the blanks at its ends that astropy takes off."""
    return "".join(illegal if _is_illegal(c) else c for c in text).strip(" \t\r\n")


def _is_illegal(c: str) -> bool:
    return (c < " " and c not in "\t\n\r") or c in "\ufffe\uffff"


@settings(max_examples=100, deadline=None)
@given(samples())
def test_csv_comes_back_through_the_csv_module(drawn: tuple[Sample, list[int]]) -> None:
    sample, sizes = drawn
    document = written(CSV, sample.stream(*sizes)).decode("utf-8")
    _, *rows = csv.reader(io.StringIO(document, newline=""), strict=True)
    assert len(rows) == len(sample.rows)
    for row, expected in zip(rows, sample.rows, strict=True):
        for what, text, value in zip(sample.columns, row, expected, strict=True):
            assert _equal(text, value, what.type.datatype)


def _equal(text: str, value: Any, datatype: str) -> bool:
    if value is None or datatype in ("char", "unicodeChar"):
        return text == (value or "")
    if isinstance(value, list):
        found = text.split()
        return len(found) == len(value) and all(map(_equal, found, value, [datatype] * len(value)))
    if datatype == "boolean":
        return text == str(value).lower()
    if isinstance(value, float) and math.isnan(value):
        return math.isnan(float(text))
    return bool(np.float32(text) == np.float32(value)) if datatype == "float" else type(value)(text) == value
