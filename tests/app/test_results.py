from __future__ import annotations

import decimal
from collections.abc import Iterator

import pyarrow as pa
import pytest

from adql import Column, ColumnType
from app.errors import QueryFailed, ValueRangeError
from app.results import ResultStream, arrow_schema, arrow_type, conform, limited

NUMBER = Column("n", ColumnType("int"))


@pytest.mark.parametrize(
    ("datatype", "arraysize", "expected"),
    [
        ("boolean", None, pa.bool_()),
        ("unsignedByte", None, pa.uint8()),
        ("short", None, pa.int16()),
        ("int", None, pa.int32()),
        ("long", None, pa.int64()),
        ("float", None, pa.float32()),
        ("double", None, pa.float64()),
        ("char", "*", pa.string()),
        ("char", None, pa.string()),
        ("unicodeChar", "32*", pa.string()),
        ("double", "2", pa.list_(pa.float64())),
        ("short", "*", pa.list_(pa.int16())),
    ],
)
def test_each_votable_datatype_has_its_arrow_type(datatype, arraysize, expected):
    assert arrow_type(ColumnType(datatype, arraysize)) == expected


def test_timestamp_travels_as_text():
    assert arrow_type(ColumnType("char", "*", "timestamp")) == pa.string()


def test_unknown_datatype_is_refused_by_name():
    with pytest.raises(ValueError, match="floatComplex"):
        arrow_type(ColumnType("floatComplex"))


def stream(*sizes: int, fault: Exception | None = None, closed: list[bool] | None = None) -> ResultStream:
    def batches() -> Iterator[pa.RecordBatch]:
        start = 0
        try:
            for size in sizes:
                yield pa.RecordBatch.from_pydict(
                    {"n": list(range(start, start + size))}, schema=arrow_schema([NUMBER])
                )
                start += size
            if fault is not None:
                raise fault
        finally:
            if closed is not None:
                closed.append(True)

    return ResultStream((NUMBER,), batches())


def rows(result: ResultStream) -> list[int]:
    return [value for batch in result.batches for value in batch.column(0).to_pylist()]


@pytest.mark.parametrize(
    ("sizes", "maxrec", "kept", "overflow"),
    [
        ((5,), 5, 5, False),
        ((5,), 6, 5, False),
        ((5,), 4, 4, True),
        ((5, 1), 5, 5, True),
        ((2, 2, 2), 3, 3, True),
        ((), 3, 0, False),
        ((0, 3), 3, 3, False),
        ((1,), 0, 0, True),
        ((), 0, 0, True),
    ],
)
def test_overflow_is_told_only_where_rows_are_left_out(sizes, maxrec, kept, overflow):
    result = limited(stream(*sizes), maxrec)
    assert rows(result) == list(range(kept))
    assert result.overflowed is overflow


def test_limit_closes_the_source_once_it_is_reached():
    closed: list[bool] = []
    rows(limited(stream(3, 3, closed=closed), 2))
    assert closed == [True]


def test_fault_of_the_engine_passes_through_the_limit():
    result = limited(stream(2, fault=QueryFailed("broken")), 10)
    with pytest.raises(QueryFailed):
        rows(result)


def conformed(values: pa.Array, datatype: str, **more: str) -> pa.Array:
    column = Column("x", ColumnType(datatype, **more))
    return conform(pa.RecordBatch.from_arrays([values], names=["anything"]), [column]).column(0)


def test_wide_sum_becomes_the_declared_long():
    values = pa.array([decimal.Decimal(2**63 - 1), None], pa.decimal128(38, 0))
    assert conformed(values, "long").to_pylist() == [2**63 - 1, None]


def test_value_beyond_the_declared_type_is_told_not_wrapped():
    values = pa.array([decimal.Decimal(2**63)], pa.decimal128(38, 0))
    with pytest.raises(ValueRangeError, match=r'"x".*long'):
        conformed(values, "long")


def test_int_that_overflows_short_is_told():
    with pytest.raises(ValueRangeError):
        conformed(pa.array([40_000]), "short")


def test_moment_becomes_iso_text():
    values = pa.array([1_577_836_800_000_000, None], pa.timestamp("us"))
    assert conformed(values, "char", arraysize="*", xtype="timestamp").to_pylist() == [
        "2020-01-01T00:00:00.000000",
        None,
    ]


def test_truth_value_becomes_a_number():
    assert conformed(pa.array([True, False, None]), "short").to_pylist() == [1, 0, None]


def test_untyped_null_becomes_the_declared_type():
    assert conformed(pa.nulls(2), "double").type == pa.float64()


def test_names_are_those_of_the_columns():
    batch = conform(pa.RecordBatch.from_pydict({"x": [1]}), [Column("Ra", ColumnType("long"))])
    assert batch.schema.names == ["Ra"]
