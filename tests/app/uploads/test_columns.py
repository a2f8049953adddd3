"""Columns of uploads get names of their own, and types that all of their values have."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from app.uploads.columns import NamedColumns, name_columns, unique_names
from app.uploads.field import Field
from app.uploads.intake import Intake
from app.uploads.table import RawTable

NAN = float("nan")


def named(field: Field, values: list[Any], *more: list[Any]) -> NamedColumns:
    """What becomes of a column, whose values come in one chunk or several."""
    type_ = RawTable.type_of(field)
    chunks = [pa.array(chunk, type_) for chunk in (values, *more)]
    return name_columns(RawTable((field,), (pa.chunked_array(chunks, type=type_),)), Intake("mine"))


def became(field: Field, values: list[Any], *more: list[Any]) -> tuple[str, list[Any]]:
    """Its type and values."""
    found = named(field, values, *more)
    return str(found.columns[0].type), found.values[0].to_pylist()


@pytest.mark.parametrize(
    ("names", "unique"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "A", "a"], ["a", "A_2", "a_3"]),
        (["a", "a", "a_2"], ["a", "a_3", "a_2"]),
        (["", " ", "\x00"], ["column_1", "column_2", "column_3"]),
        (["", "column_1"], ["column_1", "column_1_2"]),
        (["a\nb", "a  b"], ["a b", "a b_2"]),
        (["x" * 500], ["x" * 128]),
        (["select", "DROP TABLE x;--", '"; --'], ["select", "DROP TABLE x;--", '"; --']),
    ],
)
def test_names_are_legible_and_unique(names: list[str], unique: list[str]):
    assert unique_names(names) == unique


@given(st.lists(st.text(max_size=4), max_size=12))
def test_any_names_become_unique_in_any_case(names: list[str]):
    found = unique_names(names)
    assert len({name.lower() for name in found}) == len(names)
    assert all(name.isprintable() and name.strip() for name in found)


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2020-02-29T12:30:00", "2020-02-29T12:30:00.000"),
        ("2020-02-29 12:30:00.5Z", "2020-02-29T12:30:00.500"),
        (" 2020-02-29 ", "2020-02-29T00:00:00.000"),
        ("2020-02-29T12:30", "2020-02-29T12:30:00.000"),
        ("2020-02-29T12:30:00.123456", "2020-02-29T12:30:00.123456"),
        ("1999-10-15T00:00:00.000000", "1999-10-15T00:00:00.000"),
    ],
)
def test_times_have_one_form_in_which_they_compare(written: str, moment: str):
    field = Field("t", "char", "*", xtype="timestamp")
    assert became(field, [written, None, ""]) == ("timestamp", [moment, None, None])
    assert Time(moment).isot == Time(written.strip().removesuffix("Z")).isot


@pytest.mark.parametrize("xtype", ["adql:TIMESTAMP", "iso8601", "TIMESTAMP"])
def test_older_names_of_times_are_known(xtype: str):
    field = Field("t", "char", "19", xtype=xtype if xtype != "TIMESTAMP" else "timestamp")
    assert became(field, ["2020-02-29T12:30:00"])[0] == "timestamp"


@pytest.mark.parametrize(
    "wrong", ["2021-02-29", "29.2.2020", "yesterday", "2020-13-01", "2020-01-01T25:00:00"]
)
def test_a_text_that_is_no_time_makes_the_column_a_text(wrong: str):
    found = named(Field("t", "char", "*", xtype="timestamp"), ["2020-02-29"], [wrong])
    assert str(found.columns[0].type) == "char(*)"
    assert found.values[0].to_pylist() == ["2020-02-29", wrong]
    (remark,) = found.remarks
    assert "TAP_UPLOAD.mine is a text here and not a timestamp: row 2 has" in remark


@pytest.mark.parametrize(
    ("field", "values", "type_"),
    [
        (Field("x", "char", "4"), ["abcd", "x"], "char(4)"),
        (Field("x", "char", "4"), ["abcde"], "char(*)"),
        (Field("x", "char", "*"), ["é"], "unicodeChar(*)"),
        (Field("x", "char", "4"), ["é"], "unicodeChar(4)"),
        (Field("x", "unicodeChar", "2"), ["é"], "unicodeChar(2)"),
        (Field("x", "unicodeChar", "2"), ["\U0001f600\U0001f600"], "unicodeChar(*)"),
        (Field("x", "char"), ["a", None], "char"),
        (Field("x", "char"), ["ab"], "char(*)"),
        (Field("x", "double", "2"), [[1, 2], None], "double(2)"),
        (Field("x", "double", "2"), [[1, 2, 3]], "double(*)"),
        (Field("x", "double", "2x2"), [[1, 2, 3, 4]], "double(2x2)"),
        (Field("x", "double", "2", xtype="point"), [[1, 2], None], "point"),
        (Field("x", "float", "3", xtype="circle"), [[1, 2, 3]], "circle"),
        (Field("x", "double", "*", xtype="polygon"), [[1, 2, 3, 4, 5, 6]], "polygon"),
    ],
)
def test_types_are_those_of_the_values(field: Field, values: list[Any], type_: str):
    found = named(field, values)
    shown = str(found.columns[0].type)
    assert shown in (type_, f"{found.columns[0].type.datatype}({found.columns[0].type.arraysize})")
    assert (found.columns[0].type.xtype or type_) == type_
    assert found.remarks == ()


@pytest.mark.parametrize(
    ("field", "values"),
    [
        (Field("x", "double", "3", xtype="point"), [[1, 2, 3]]),
        (Field("x", "double", "*", xtype="circle"), [[1, 2, 3], [1, 2]]),
        (Field("x", "double", "*", xtype="polygon"), [[1, 2, 3, 4]]),
        (Field("x", "double", "*", xtype="polygon"), [[1, 2, 3, 4, 5, 6, 7]]),
        (Field("x", "int", "2", xtype="point"), [[1, 2]]),
        (Field("x", "double", None, xtype="timestamp"), [1.0]),
        (Field("x", "char", "*", xtype="point"), ["1 2"]),
    ],
)
def test_an_xtype_that_values_are_not_of_is_dropped_and_told(field: Field, values: list[Any]):
    found = named(field, values)
    assert found.columns[0].type.xtype is None
    assert found.values[0].to_pylist() == values
    assert f"has no xtype {field.xtype} here" in found.remarks[0]


def test_a_place_without_a_number_is_no_place():
    """DALI 1.1 section 3.3: NaN NaN is how NULL is written."""
    field = Field("x", "double", "2", xtype="point")
    assert became(field, [[NAN, NAN], [1.0, 2.0]], [None, [None, None]])[1] == [None, [1.0, 2.0], None, None]


@pytest.mark.parametrize(
    "written",
    [
        "Position ICRS 83.63 -22.01",
        "POSITION icrs GEOCENTER SPHERICAL2 83.63 -22.01 unit deg",
        " point ICRS 8.363e1 -2201e-2 ",
        "Position ICRS +83.63 -22.010",
    ],
)
def test_positions_in_texts_are_points(written: str):
    found = named(Field("p", "char", "*", xtype="adql:POINT", ucd="pos.eq"), [written, None], ["", " "])
    assert found.columns[0].type.xtype == "point"
    assert found.columns[0].ucd == "pos.eq"
    assert found.values[0].to_pylist() == [[83.63, -22.01], None, None, None]


@pytest.mark.parametrize(
    "written",
    [
        *(
            "Position GALACTIC 1 2",
            "Position 1 2",
            "Circle ICRS 1 2 3",
            "Position ICRS 1 2 3",
            "Position ICRS 1",
        ),
        *("Position ICRS 1 91", "Position ICRS nan 1", "Position ICRS 1 2 unit arcsec", "1 2", "x"),
    ],
)
def test_other_texts_of_positions_stay_texts(written: str):
    found = named(Field("p", "char", "*", xtype="adql:POINT"), ["Position ICRS 1 2"], [written])
    assert (found.columns[0].type.datatype, found.columns[0].type.xtype) == ("char", "adql:POINT")
    assert found.values[0].to_pylist() == ["Position ICRS 1 2", written]
