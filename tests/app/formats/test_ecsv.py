"""ECSV read back by astropy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given, settings

from app.errors import QueryTimeout
from app.formats import Info, Provenance
from app.formats.ecsv import Ecsv
from tests.app.formats.gallery import GALLERY, SCALARS, TEXTS, Sample, column, failing, until_fault, written
from tests.app.formats.strategies import samples

ECSV = Ecsv()


def read(document: bytes) -> Table:
    return Table.read(document.decode("utf-8"), format="ascii.ecsv")


def same(cell: Any, expected: Any) -> bool:
    if isinstance(expected, list):
        items = np.ma.getdata(cell).tolist()
        return len(items) == len(expected) and all(map(same, items, expected))
    if expected in (None, ""):
        return bool(np.all(np.ma.getmaskarray(cell))) or len(np.atleast_1d(cell)) == 0
    if isinstance(expected, float) and math.isnan(expected):
        return bool(np.isnan(cell))
    return bool(cell == (expected.strip() if isinstance(expected, str) else expected))  # as astropy strips


@pytest.mark.parametrize("sizes", [(), (1,), (0, 3, 0)], ids=str)
def test_all_types_come_back(sizes: tuple[int, ...]) -> None:
    sample = Sample.of(GALLERY)
    table = read(written(ECSV, sample.stream(*sizes)))
    assert table.colnames == [what.name for what in sample.columns]
    assert len(table) == len(sample.rows)
    for row, cells in enumerate(sample.rows):
        for what, expected in zip(sample.columns, cells, strict=True):
            assert same(table[what.name][row], expected)


@settings(max_examples=60, deadline=None)
@given(samples())
def test_any_result_has_its_shape_and_types(drawn: tuple[Sample, list[int]]) -> None:
    sample, sizes = drawn
    text = written(ECSV, sample.stream(*sizes)).decode("utf-8")
    header = [line for line in text.split("\n") if line.startswith("# - {name:")]
    assert len(header) == len(sample.columns)


def test_columns_and_provenance_are_described() -> None:
    what = column("ra", "double", unit="deg", ucd="pos.eq.ra", description="a: 'b' # \n é {x}")
    infos = Info("query", "SELECT '\x00' <é>\n# x"), Info("citation", "A"), Info("citation", "B")
    table = read(written(ECSV, Sample.of({what: [1.0]}).stream(), *infos))
    assert table["ra"].unit.to_string() == "deg"
    assert table["ra"].description == what.description
    assert table["ra"].meta == {"ucd": "pos.eq.ra"}
    assert dict(table.meta) == {"query": infos[0].value, "citation": ["A", "B"]}


def test_an_empty_result_has_its_columns() -> None:
    columns = {**SCALARS, **TEXTS}  # astropy cannot read a column of fixed arrays without rows
    table = read(written(ECSV, Sample.of(columns, repeats=0).stream()))
    assert len(table) == 0
    assert table.colnames == [what.name for what in columns]


def test_a_fault_between_rows_comes_after_the_rows() -> None:
    document, fault = until_fault(ECSV.write(failing(Sample.of(GALLERY), good=2), Provenance()))
    assert isinstance(fault, QueryTimeout)
    assert len(read(document)) == 10
