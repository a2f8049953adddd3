"""JSON read back by the json module."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings

from app.errors import QueryTimeout
from app.formats import Info, Provenance
from app.formats.json_table import JsonTable
from tests.app.formats.gallery import GALLERY, Sample, column, failing, truncated, until_fault, written
from tests.app.formats.strategies import samples

JSON = JsonTable()


def check(cell: Any, expected: Any, datatype: str) -> None:
    if isinstance(expected, list):
        assert len(cell) == len(expected)
        for item, value in zip(cell, expected, strict=True):
            check(item, value, datatype)
    elif isinstance(expected, float) and not math.isfinite(expected):
        assert cell is None
    elif expected is not None and datatype == "float":
        assert np.float32(cell) == np.float32(expected)
    else:
        assert cell == expected
        assert type(cell) is type(expected) or datatype == "double"


@pytest.mark.parametrize("sizes", [(), (1,), (0, 3, 0), (5, 5)], ids=str)
def test_all_types_come_back(sizes: tuple[int, ...]) -> None:
    sample = Sample.of(GALLERY)
    document = json.loads(written(JSON, sample.stream(*sizes)))
    assert len(document["data"]) == len(sample.rows)
    for row, expected in zip(document["data"], sample.rows, strict=True):
        for what, cell, value in zip(sample.columns, row, expected, strict=True):
            check(cell, value, what.type.datatype)
    assert document["status"] == "OK"


@settings(max_examples=60, deadline=None)
@given(samples())
def test_any_result_comes_back(drawn: tuple[Sample, list[int]]) -> None:
    sample, sizes = drawn
    document = json.loads(written(JSON, sample.stream(*sizes)))
    assert len(document["data"]) == len(sample.rows)
    for row, expected in zip(document["data"], sample.rows, strict=True):
        for what, cell, value in zip(sample.columns, row, expected, strict=True):
            check(cell, value, what.type.datatype)


def test_columns_and_provenance_are_described() -> None:
    what = column("ra", "double", unit="deg", ucd="pos.eq.ra", description='say "é"\n')
    document = json.loads(written(JSON, Sample.of({what: []}).stream(), Info("query", 'SELECT "\x00\ud800')))
    assert document["metadata"] == [
        {
            "name": "ra",
            "datatype": "double",
            "unit": "deg",
            "ucd": "pos.eq.ra",
            "description": 'say "é"\n',
        }
    ]
    assert document["info"] == [{"name": "query", "value": 'SELECT "\x00?', "description": ""}]
    assert document["data"] == []


@pytest.mark.parametrize("maxrec", [0, 3])
def test_overflow_is_told(maxrec: int) -> None:
    document = json.loads(written(JSON, truncated(Sample.of(GALLERY), maxrec)))
    assert document["status"] == "OVERFLOW"
    assert len(document["data"]) == maxrec


def test_a_fault_between_rows_ends_a_whole_document() -> None:
    text, fault = until_fault(JSON.write(failing(Sample.of(GALLERY), good=2), Provenance()))
    document = json.loads(text)
    assert isinstance(fault, QueryTimeout)
    assert document["status"] == "ERROR"
    assert document["message"].startswith("The query took longer")
    assert len(document["data"]) == 10


def test_bytes_that_are_no_utf8_do_not_break_the_document() -> None:
    raw = pa.array([b"ok", b"\xff", None], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 3, raw.buffers(), raw.null_count)
    sample = Sample.of({column("s", "char", "*"): ["a", "b", None]}, repeats=1)
    batch = pa.RecordBatch.from_arrays([text], ["s"])
    stream = Sample(sample.columns, sample.rows, batch).stream()
    assert json.loads(written(JSON, stream))["data"] == [["ok"], ["\ufffd"], [None]]
