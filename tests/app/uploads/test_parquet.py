"""Parquet, as pyarrow, pandas and the service itself write it, and as no one should."""

from __future__ import annotations

import datetime as dt
import io
from contextlib import suppress
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from app.errors import RequestTooLarge, UploadError
from app.formats.arrow_files import Parquet
from app.uploads.intake import Intake
from app.uploads.limits import UploadLimits
from app.uploads.pages import check_pages
from app.uploads.parquet import read_parquet
from app.uploads.table import RawTable
from tests.app.formats.gallery import GALLERY, Sample, written
from tests.app.uploads.documents import our_values, same

NAN = float("nan")
NOON = dt.datetime(2020, 2, 29, 12, 0, 0, 123456)


def file_of(table: pa.Table, **options: Any) -> bytes:
    out = io.BytesIO()
    parquet.write_table(table, out, **options)
    return out.getvalue()


def read(file: bytes, limits: UploadLimits | None = None) -> RawTable:
    return read_parquet(io.BytesIO(file), Intake("mine", limits or UploadLimits()))


def complaint(file: bytes, limits: UploadLimits | None = None) -> str:
    with pytest.raises((UploadError, RequestTooLarge)) as caught:
        read(file, limits)
    assert str(caught.value).startswith('Table "mine"')
    return str(caught.value)


PAIR = pa.list_(pa.float64(), 2)
KINDS: dict[str, tuple[pa.Array, str, list[Any]]] = {
    "flag": (pa.array([True, None, False]), "boolean", [True, None, False]),
    "i8": (pa.array([-128, None, 127], pa.int8()), "short", [-128, None, 127]),
    "u8": (pa.array([0, None, 255], pa.uint8()), "unsignedByte", [0, None, 255]),
    "i16": (pa.array([-(2**15), None, 5], pa.int16()), "short", [-(2**15), None, 5]),
    "u16": (pa.array([0, None, 65535], pa.uint16()), "int", [0, None, 65535]),
    "i32": (pa.array([-(2**31), None, 5], pa.int32()), "int", [-(2**31), None, 5]),
    "u32": (pa.array([0, None, 2**32 - 1], pa.uint32()), "long", [0, None, 2**32 - 1]),
    "i64": (pa.array([-(2**63), None, 2**63 - 1]), "long", [-(2**63), None, 2**63 - 1]),
    "u64": (pa.array([0, None, 2**63 - 1], pa.uint64()), "long", [0, None, 2**63 - 1]),
    "f16": (pa.array(np.array([0.5, NAN, 2], "f2")), "float", [0.5, None, 2.0]),
    "f32": (pa.array([0.5, None, NAN], pa.float32()), "float", [0.5, None, None]),
    "f64": (pa.array([0.1, None, NAN]), "double", [0.1, None, None]),
    "decimal": (pa.array([Decimal("1.25"), None, Decimal("-3")]), "double", [1.25, None, -3.0]),
    "text": (pa.array(["Crab ★", None, ""]), "char(*)", ["Crab ★", None, ""]),
    "large": (pa.array(["a", None, "b"], pa.large_string()), "char(*)", ["a", None, "b"]),
    "word": (pa.array(["a", None, "a"]).dictionary_encode(), "char(*)", ["a", None, "a"]),
    "nothing": (pa.nulls(3), "char(*)", [None] * 3),
    "raw": (pa.array([b"\0\xff", None, b""]), "unsignedByte(*)", [[0, 255], None, []]),
    "fixed": (pa.array([b"ab", None, b"c "], pa.binary(2)), "unsignedByte(*)", [[97, 98], None, [99, 32]]),
    "when": (
        pa.array([NOON, None, NOON]),
        "timestamp",
        ["2020-02-29T12:00:00.123456", None, "2020-02-29T12:00:00.123456"],
    ),
    "zoned": (
        pa.array([NOON, None, NOON], pa.timestamp("ms", "Europe/Paris")),
        "timestamp",
        ["2020-02-29T12:00:00.123", None, "2020-02-29T12:00:00.123"],
    ),
    "day": (
        pa.array([NOON.date(), None, NOON.date()]),
        "timestamp",
        ["2020-02-29T00:00:00", None, "2020-02-29T00:00:00"],
    ),
    "list": (pa.array([[1, 2], None, []], pa.list_(pa.int32())), "int(*)", [[1, 2], None, []]),
    "pair": (pa.array([[0.5, 1], None, [2, 3]], PAIR), "double(2)", [[0.5, 1.0], None, [2.0, 3.0]]),
    "matrix": (
        pa.array([[[1, 2], [3, 4]], None, [[5, 6]]], pa.list_(pa.list_(pa.int16(), 2))),
        "short(2x*)",
        [[1, 2, 3, 4], None, [5, 6]],
    ),
    "flags": (pa.array([[True], None, [False, True]]), "boolean(*)", [[True], None, [False, True]]),
}  # fmt: skip
"""Name -> an array, the type that it has here, and its values."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("compression", ["none", "snappy", "zstd", "gzip"])
def test_every_type_of_arrow_is_read(kind: str, compression: str):
    array, type_, values = KINDS[kind]
    table = read(file_of(pa.table({kind: array}), compression=compression))
    assert str(table.fields[0].type) == type_
    (found,) = our_values(table).values()
    assert all(map(same, _cut(found, values), values)), found


def _cut(found: list[Any], values: list[Any]) -> list[Any]:
    """Times to the digits that are expected: how many zeros follow is no matter."""
    return [
        a[: len(b)] if isinstance(a, str) and isinstance(b, str) and a.startswith("20") else a
        for a, b in zip(found, values, strict=True)
    ]


def test_rows_of_several_groups_stay_in_their_order():
    numbers = np.arange(100_000)
    table = read(file_of(pa.table({"n": numbers, "t": numbers.astype(str)}), row_group_size=7001))
    assert our_values(table)["n"] == numbers.tolist()
    assert our_values(table)["t"] == numbers.astype(str).tolist()


def test_what_pandas_writes_is_read():
    frame = pd.DataFrame(
        {
            "n": pd.array([1, None], dtype="Int64"),
            "x": [0.5, np.nan],
            "s": ["a", None],
            "c": pd.Categorical(["u", "v"]),
            "t": pd.to_datetime(["2020-01-01", None]),
        },
        index=[5, 6],
    )
    out = io.BytesIO()
    frame.to_parquet(out)
    found = our_values(read(out.getvalue()))
    assert (found["n"], found["x"], found["s"], found["c"]) == (
        [1, None],
        [0.5, None],
        ["a", None],
        ["u", "v"],
    )
    assert found["t"][0].startswith("2020-01-01T00:00:00")
    assert found["t"][1] is None


def test_what_the_service_writes_comes_back_with_all_that_is_said_of_it():
    sample = Sample.of(GALLERY, repeats=1)
    table = read(written(Parquet(), sample.stream()))
    for column, field in zip(sample.columns, table.fields, strict=True):
        assert (field.name, field.unit, field.ucd, field.utype, field.description, field.xtype) == (
            column.name,
            column.unit,
            column.ucd,
            column.utype,
            column.description,
            column.type.xtype,
        )
    found = our_values(table)
    for column, cells in zip(sample.columns, zip(*sample.rows, strict=True), strict=True):
        expected = [None if isinstance(cell, float) and cell != cell else cell for cell in cells]
        assert all(map(same, found[column.name], expected)), column


def test_what_fields_say_is_kept():
    facts = {"unit": "TeV", "ucd": "em.energy", "utype": "a:b", "description": "An energy"}
    schema = pa.schema([pa.field("e", pa.float64(), metadata=facts)])
    (field,) = read(file_of(pa.table({"e": [1.0]}, schema))).fields
    assert (field.unit, field.ucd, field.utype, field.description) == tuple(facts.values())


def one(column: Any) -> bytes:
    """A file of one column, x."""
    return file_of(pa.table({"x": column}))


SMALL = file_of(pa.table({"a": [1, 2, 3], "b": ["x", "y", "z"]}))


@pytest.mark.parametrize(
    ("file", "limits", "told"),
    [
        (SMALL, UploadLimits(rows=2), "may have 2 rows"),
        (SMALL, UploadLimits(columns=1), "may have 1 columns"),
        (SMALL[:-20], UploadLimits(), "not a whole Parquet file"),
        (SMALL[:8] + b"PAR1", UploadLimits(), "not a whole Parquet file"),
        (b"PAR1", UploadLimits(), "not a whole Parquet file"),
        (one([{"x": 1}]), UploadLimits(), 'column "x": its type struct'),
        (one(pa.array([1], pa.time64("us"))), UploadLimits(), 'column "x": its type time64'),
        (one([[["a"]]]), UploadLimits(), 'column "x": its type list'),
        (one(pa.array([2**64 - 1], pa.uint64())), UploadLimits(), "does not fit into long"),
        (file_of(pa.table({})), UploadLimits(), "no columns"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(file: bytes, limits: UploadLimits, told: str):
    assert told in complaint(file, limits)


@pytest.mark.parametrize(
    "column",
    [
        pa.array(np.zeros(4_000_000)),
        pa.array(["x" * 1000] * 40_000),
        pa.array(["x" * 1000] * 40_000).dictionary_encode(),
        pa.array([[0.0] * 1000] * 4_000),
        pa.array([b"\0" * 1_000_000] * 40),
        pa.array([b"\0" * 10_000] * 4_000).dictionary_encode(),
        pa.array([b"\0" * 10_000] * 4_000, pa.binary(10_000)),
    ],
    ids=["runs", "texts", "dictionary", "lists", "bytes", "dictionary of bytes", "fixed"],
)
def test_a_small_file_does_not_become_a_large_table(column: pa.Array):
    bomb = file_of(pa.table({"x": column}), compression="zstd")
    assert len(bomb) < 100_000
    assert "1,000,000 bytes, uncompressed" in complaint(bomb, UploadLimits(nbytes=1_000_000))


def varint(number: int, width: int = 0) -> bytes:
    """A number from 0 up as Thrift writes it in the footer, at least so many bytes long."""
    rest, out = number << 1, bytearray()
    while rest or len(out) < max(width, 1):
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out[-1] &= 0x7F
    return bytes(out)


def test_a_footer_that_lies_is_not_believed():
    """What a page becomes stands in its own header, which is what the reader goes by."""
    text = pa.array(["x" * 5_000_003] * 4)
    bomb = file_of(pa.table({"x": text}), compression="zstd", use_dictionary=False, write_statistics=False)
    said = parquet.ParquetFile(io.BytesIO(bomb)).metadata.row_group(0).column(0).total_uncompressed_size
    truth = varint(said)
    assert bomb.count(truth, len(bomb) - 1000) >= 1
    lies = bomb.replace(truth, varint(1000, len(truth)))
    metadata = parquet.ParquetFile(io.BytesIO(lies)).metadata
    assert metadata.row_group(0).column(0).total_uncompressed_size == 1000
    intake = Intake("mine", UploadLimits(nbytes=1_000_000))
    with pytest.raises(RequestTooLarge, match="1,000,000 bytes, uncompressed"):
        check_pages(io.BytesIO(lies), metadata, intake)


@pytest.mark.parametrize("type_", [pa.string(), pa.binary()])
def test_texts_that_repeat_the_one_before_are_read_a_few_at_a_time(type_: pa.DataType):
    """Each takes two bytes of the file and may be as long as the page."""
    encoded = {"use_dictionary": False, "column_encoding": {"x": "DELTA_BYTE_ARRAY"}, "compression": "zstd"}
    long = pa.array(["x" * 10_000] * 4_000, type_)
    bomb = file_of(pa.table({"x": long}), **encoded)
    assert len(bomb) < 10_000
    assert "1,000,000 bytes, uncompressed" in complaint(bomb, UploadLimits(nbytes=1_000_000))
    words = [f"word {number}" for number in range(5000)]
    table = pa.table({"x": pa.array(words, type_)})
    found = our_values(read(file_of(table, **encoded), UploadLimits(nbytes=200_000)))["x"]
    assert found == (words if type_ == pa.string() else [list(word.encode()) for word in words])


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("statistics", [True, False])
def test_pages_of_every_kind_are_walked(version: str, statistics: bool):
    columns = {name: array for name, (array, _, _) in KINDS.items() if name != "u64"}
    table = pa.concat_tables([pa.table(columns)] * 500)
    out = file_of(table, data_page_version=version, write_statistics=statistics, data_page_size=200)
    metadata = parquet.ParquetFile(io.BytesIO(out)).metadata
    pages = check_pages(io.BytesIO(out), metadata, Intake("mine"))
    groups = [metadata.row_group(0).column(number) for number in range(metadata.num_columns)]
    assert 0 < pages.largest <= max(group.total_uncompressed_size for group in groups)
    assert not pages.repeats


PACKED = file_of(pa.table({"a": np.arange(50), "v": [[1.0, 2.0]] * 50, "s": ["text"] * 50}))


@settings(max_examples=150, deadline=None)
@given(st.integers(4, len(PACKED) - 1), st.binary(min_size=1, max_size=4))
def test_damage_is_survived(place: int, bytes_: bytes):
    with suppress(UploadError, RequestTooLarge):
        read(PACKED[:place] + bytes_ + PACKED[place + len(bytes_) :])
