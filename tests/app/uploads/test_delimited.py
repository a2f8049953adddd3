"""CSV, TSV and ECSV, and how formats are known apart."""

from __future__ import annotations

import csv
import gzip
import io
from typing import Any

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import RequestTooLarge, UploadError
from app.formats.ecsv import Ecsv
from app.formats.text import CSV, TSV
from app.uploads.content import unpacked
from app.uploads.formats import format_of
from app.uploads.intake import Intake
from app.uploads.limits import UploadLimits
from app.uploads.parameter import Part
from app.uploads.table import RawTable
from tests.app.formats.gallery import ARRAYS, SCALARS, TEXTS, Sample, written
from tests.app.uploads.documents import our_values, same


def read(
    content: bytes | str, media_type: str = "", file_name: str = "", limits: UploadLimits | None = None
) -> RawTable:
    intake = Intake("mine", limits or UploadLimits())
    raw = io.BytesIO(content.encode() if isinstance(content, str) else content)
    with unpacked(raw, intake) as plain:
        return format_of(Part(raw, media_type, file_name), plain, intake).read(plain, intake)


def types_of(table: RawTable) -> dict[str, str]:
    return {field.name: str(field.type) for field in table.fields}


def complaint(*args: Any, **options: Any) -> str:
    with pytest.raises((UploadError, RequestTooLarge)) as caught:
        read(*args, **options)
    assert str(caught.value).startswith('Table "mine"')
    return str(caught.value)


def test_types_are_found_from_the_cells():
    table = read(
        "id,flux,name,good,when,code,big,note\n"
        "1,1.5,Crab,true,2020-01-01T12:00:00,A1,99999999999999999999,\n"
        '-2,nan,"a ""b"", c",false,2020-02-29,B,1,\n'
        ",,,,,,,\n"
    )
    assert types_of(table) == {
        "id": "long",
        "flux": "double",
        "name": "char(*)",
        "good": "boolean",
        "when": "timestamp",
        "code": "char(*)",
        "big": "double",
        "note": "char(*)",
    }
    assert our_values(table) == {
        "id": [1, -2, None],
        "flux": [1.5, None, None],
        "name": ["Crab", 'a "b", c', None],
        "good": [True, False, None],
        "when": ["2020-01-01T12:00:00", "2020-02-29", None],
        "code": ["A1", "B", None],
        "big": [1e20, 1.0, None],
        "note": [None, None, None],
    }


@pytest.mark.parametrize(
    ("content", "media_type", "file_name"),
    [
        ("a,b\n1,2\n", "", ""),
        ("a,b\n1,2", "text/csv; charset=utf-8", ""),
        ("a,b\r\n1,2\r\n", "", "x.csv"),
        ("\ufeffa,b\n1,2\n", "", ""),
        ("a\tb\n1\t2\n", "", ""),
        ("a\tb\n1\t2\n", "text/tab-separated-values", ""),
        ("a\tb\n1\t2\n", "application/octet-stream", "X.TSV"),
        ('"a","b"\n\n1,"2"\n\n', "", ""),
        (gzip.compress(b"a,b\n1,2\n"), "application/gzip", "x.csv.gz"),
    ],
)
def test_delimited_text_is_recognised(content: bytes | str, media_type: str, file_name: str):
    assert our_values(read(content, media_type, file_name)) == {"a": [1], "b": [2]}


def test_a_single_column_needs_its_media_type():
    assert our_values(read("a\n1\n2\n", "text/csv")) == {"a": [1, 2]}
    assert "none of VOTable, FITS, Parquet, ECSV, CSV, TSV" in complaint("a\n1\n2\n", "text/plain")


def test_a_header_alone_is_a_table_without_rows():
    assert our_values(read("a,b\n", "text/csv")) == {"a": [], "b": []}


def test_columns_without_a_name_are_called_by_their_place():
    assert [field.name for field in read("a,,c\n1,2,3\n").fields] == ["a", "column_2", "c"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a,b\n1,2\n3\n", "Expected 2 columns, got 1"),
        ("a,b\n1,2,3\n", "Expected 2 columns, got 3"),
        (b"a,b\n\xff,2\n", "not UTF-8"),
        ('a,b\n"1,2\n', ""),
        ("\n\n\n", "no header line"),
        ("a,b\n" + "1,2\n" * 11, "may have 10 rows"),
        ("a,b,c,d\n1,2,3,4\n", "may have 3 columns"),
        ("," * 100_000 + "\n", "may have 3 columns"),
        ("a,b\n" + "x" * 200_000, "may have 100,001 bytes"),
        ("a" * 90_000 + ",b\n1,2\n", ""),
    ],
)
def test_what_is_wrong_is_told(content: bytes | str, told: str):
    limits = UploadLimits(rows=10, columns=3, nbytes=100_001)
    if told:
        assert told in complaint(content, "text/csv", limits=limits)
        return
    try:
        read(content, "text/csv", limits=limits)
    except UploadError as error:
        assert error.message


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff"), max_size=6)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(st.one_of(CELLS, st.integers().map(str)), min_size=2, max_size=2), max_size=8))
def test_text_comes_as_the_csv_module_writes_it(rows: list[list[str]]):
    out = io.StringIO()
    # A text column in any case, by its first cell.
    rows = [["a", "b"], ["text", "text"], *rows]
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows(rows)
    assert list(our_values(read(out.getvalue(), "text/csv")).values()) == [
        list(c) for c in zip(*rows[1:], strict=True)
    ]


@pytest.mark.parametrize("writer", [CSV, TSV])
def test_what_the_service_writes_comes_back(writer: Any):
    values = {column: cells for column, cells in {**SCALARS, **TEXTS}.items() if column.name != "when"}
    sample = Sample.of(values, repeats=1)
    found = our_values(read(written(writer, sample.stream()), writer.media_type))
    for column, cells in zip(sample.columns, zip(*sample.rows, strict=True), strict=True):
        # Digits have the type double, and those of a float are fewer.
        expected = [float(str(np.float32(c))) if c and column.name == "single" else c for c in cells]
        expected = [None if cell != cell else cell for cell in expected]
        assert all(map(same, found[column.name], expected)), column


# ECSV


def ecsv(table: Table, **options: Any) -> bytes:
    out = io.StringIO()
    table.write(out, format="ascii.ecsv", **options)
    return out.getvalue().encode()


@pytest.mark.parametrize("delimiter", [" ", ","])
def test_ecsv_of_astropy_is_read(delimiter: str):
    table = Table(
        {
            "i": MaskedColumn([1, 2, 3], mask=[False, True, False], dtype="i4", unit="s", description="Some"),
            "f": MaskedColumn([0.1, np.nan, 3.0], dtype="f4", meta={"ucd": "em.energy"}),
            "s": ["a b", 'c"d', "é,★"],
            "b": [True, False, True],
            "c": [1 + 2j, 0j, -1j],
            "p": np.arange(6.0).reshape(3, 2),
            "u": np.array([1, 2, 3], "u2"),
        }
    )
    found = read(ecsv(table, delimiter=delimiter))
    assert types_of(found) == {
        "i": "int",
        "f": "float",
        "s": "char(*)",
        "b": "boolean",
        "c": "double(2)",
        "p": "double(2)",
        "u": "int",
    }
    values = our_values(found)
    assert values["i"] == [1, None, 3]
    assert values["f"] == [float(np.float32(0.1)), None, 3.0]
    assert values["s"] == ["a b", 'c"d', "é,★"]
    assert values["b"] == [True, False, True]
    assert values["c"] == [[1.0, 2.0], [0.0, 0.0], [0.0, -1.0]]
    assert values["p"] == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    assert values["u"] == [1, 2, 3]
    assert (found.fields[0].unit, found.fields[0].description, found.fields[1].ucd) == (
        "s",
        "Some",
        "em.energy",
    )


def test_arrays_of_any_length_are_read_from_ecsv():
    cells = np.empty(2, object)
    cells[:] = [np.array([1.0, 2.0]), np.array([3.0])]
    found = read(ecsv(Table({"v": cells})))
    assert types_of(found) == {"v": "double(*)"}
    assert our_values(found) == {"v": [[1.0, 2.0], [3.0]]}


def test_what_the_service_writes_as_ecsv_comes_back():
    sample = Sample.of({**SCALARS, **TEXTS, **ARRAYS}, repeats=1)
    table = read(written(Ecsv(), sample.stream()))
    for column, field in zip(sample.columns, table.fields, strict=True):
        assert (field.name, field.unit, field.ucd, field.utype, field.description) == (
            column.name,
            column.unit,
            column.ucd,
            column.utype,
            column.description,
        )
    found = our_values(table)
    for column, cells in zip(sample.columns, zip(*sample.rows, strict=True), strict=True):
        # Empty is NULL in ECSV.
        expected = [
            None if cell == "" or (isinstance(cell, float) and cell != cell) else cell for cell in cells
        ]
        assert all(map(same, found[column.name], expected)), column


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["[1,2]", "[ -3 , 4 ]"], [[1, 2], [-3, 4]]),
        (["[1,2]", '""', "[3,4]"], [[1, 2], None, [3, 4]]),
        (["[1,null]", "[3,4]"], [[1, None], [3, 4]]),
        # Nested ones are told one by one.
        (["[[1],[2]]", "[3,4]"], [[1, 2], [3, 4]]),
    ],
)
def test_arrays_in_json_are_read(cells: list[str], values: list[Any]):
    assert our_values(read(PAIR + "".join(f'"{c}"\n' if c != '""' else '""\n' for c in cells))) == {
        "a": values
    }


@pytest.mark.parametrize(
    "cells",
    [["[1],[2]", "[3,4]"], ["[1,2", "3]"], ["[1,2]", "[3,4,5]"], ["[1,2]", "[3]"], ["[1,2]]", "[[3,4]"]],
)
def test_one_cell_does_not_reach_into_the_next(cells: list[str]):
    told = complaint(PAIR + "".join(f'"{cell}"\n' for cell in cells))
    assert "in JSON" in told or "items, which is wrong" in told


HEADER = "# %ECSV 1.0\n# ---\n"
PAIR = HEADER + "# datatype: [{name: a, datatype: string, subtype: 'int32[2]'}]\na\n"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("# %ECSV 1.0\n# ---\n# a: [\na\n1\n", "is not YAML"),
        ("# %ECSV 1.0\n# ---\n# - a\na\n1\n", "not a mapping"),
        (HEADER + "# a: b\na\n1\n", "no list of columns"),
        (HEADER + "# datatype: [a]\na\n1\n", "no list of columns"),
        (HEADER + "# datatype: [{name: a, datatype: object}]\na\n1\n", 'datatype "object"'),
        (HEADER + "# datatype: [{name: a, datatype: int32}]\nb\n1\n", "names in its header line"),
        (HEADER + "# datatype: [{name: a, datatype: int32}]\na\nx\n", 'row 1, column "a": "x" is not an int'),
        (HEADER + "# delimiter: ';'\n# datatype: [{name: a, datatype: int32}]\na\n1\n", 'delimiter ";"'),
        (HEADER + "# datatype: [{name: a, datatype: complex64}]\na\nx\n", "complex number"),
        (PAIR + "[1]\n", "1 items"),
        (PAIR + "{}\n", "in JSON"),
        (PAIR + "[" * 90000, "in JSON"),
        (HEADER + "# a: " + "[" * 20000 + "\na\n1\n", "is not YAML"),
        (HEADER + "# a: &a {<<: *a}\n# datatype: []\na\n1\n", ""),
        (HEADER + "# a: !!python/object/apply:os.system ['x']\n# datatype: []\na\n1\n", ""),
        (HEADER + f"# a: {'9' * 5000}\n# datatype: []\na\n1\n", "is not YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_ecsv_is_told(content: str, told: str):
    assert told in complaint(content)


def test_aliases_do_not_multiply():
    lines = ["# a0: &a0 {k: v}"]
    lines += [f"# a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 20)}]}}" for n in range(1, 12)]
    content = HEADER + "\n".join(lines) + "\n# datatype: [{name: a, datatype: int32}]\na\n1\n"
    try:
        read(content)
    except UploadError as error:
        assert "YAML" in error.message
