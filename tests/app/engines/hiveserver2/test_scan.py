"""Ranges of partitions and cells, and arrays that come as text."""

from __future__ import annotations

import json

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from adql import Column, ColumnType
from app.engines.hiveserver2.arrays import to_declared
from app.engines.hiveserver2.scan import joined

RANGES = st.lists(
    st.tuples(st.integers(0, 300), st.integers(0, 20)).map(lambda pair: (pair[0], sum(pair))), max_size=60
)


@given(ranges=RANGES, most=st.integers(1, 10))
def test_joined_ranges_hold_all_and_are_few(ranges: list[tuple[int, int]], most: int) -> None:
    found = joined(ranges, gap=1, most=most)
    held = {number for low, high in found for number in range(low, high + 1)}
    assert held >= {number for low, high in ranges for number in range(low, high + 1)}
    assert len(found) <= most
    assert found == sorted(found)


@given(ranges=RANGES)
def test_with_room_for_all_no_number_is_added(ranges: list[tuple[int, int]]) -> None:
    found = joined(ranges, gap=1, most=1000)
    held = {number for low, high in found for number in range(low, high + 1)}
    assert held == {number for low, high in ranges for number in range(low, high + 1)}


@given(
    rows=st.lists(
        st.none() | st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), max_size=4)
    )
)
def test_an_array_that_comes_as_text_is_the_array(rows: list[list[float | None] | None]) -> None:
    texts = [None if row is None else json.dumps(row, separators=(",", ":")) for row in rows]
    batch = pa.RecordBatch.from_arrays([pa.array(texts, pa.string())], ["0"])
    found = to_declared(batch, [Column("a", ColumnType("double", "*"))])
    assert found.column(0).to_pylist() == rows
    found.validate(full=True)


def test_whole_numbers_and_truth_values_in_arrays() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array(["[1,null]"]), pa.array(["[true,null,false]"])], ["0", "1"])
    columns = [Column("a", ColumnType("int", "*")), Column("b", ColumnType("boolean", "*"))]
    found = to_declared(batch, columns)
    assert found.to_pylist() == [{"a": [1, None], "b": [True, None, False]}]
