"""FITS read back by astropy and STILTS."""

from __future__ import annotations

import io
import math
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.io.votable import parse
from astropy.table import Table
from hypothesis import given, settings

from app.errors import QueryTimeout, ValueRangeError
from app.formats import Info, Provenance
from app.formats.fits import Fits
from tests.app.formats.gallery import ARRAYS, SCALARS, TEXTS, Sample, column, failing, truncated, written
from tests.app.formats.strategies import samples

FITS = Fits()
NUMBERS = {what: cells for what, cells in SCALARS.items() if what.name != "flag"}
SIZES = pytest.mark.parametrize("sizes", [(), (1,), (0, 3, 0), (5, 5)], ids=str)


def read(document: bytes) -> Table:
    with fits.open(io.BytesIO(document), logical_as_bytes=True) as file:
        file.verify("exception")
        return Table.read(file, hdu=1)


def in_ascii(text: str | None) -> str:
    """How a FITS file holds a text; blanks at its end do not count (FITS 4.0 section 7.3.3.1)."""
    return (text or "").encode("ascii", "backslashreplace").decode().rstrip(" ")


def same(cell: Any, expected: Any, datatype: str) -> bool:
    """Equal to the last bit, where NULL is masked, NaN, or for booleans a zero byte."""
    if datatype == "boolean":
        letters = {True: "T", False: "F", None: "\0"}
        found = cell if isinstance(cell, str) else bytes(np.ma.getdata(cell)).decode()
        items = expected if isinstance(expected, list) else [expected]
        return found.ljust(len(items), "\0") == "".join(letters[item] for item in items)
    values = np.ma.getdata(cell)
    if expected is None or expected != expected:
        return bool(np.all(np.ma.getmaskarray(cell)) or np.all(np.isnan(values.astype("f8"))))
    dtype = {"float": "f4", "double": "f8"}.get(datatype, "i8")
    return np.array_equal(values.astype(dtype), np.array(expected, dtype), equal_nan=dtype.startswith("f"))


@SIZES
def test_numbers_and_their_nulls_come_back(sizes: tuple[int, ...]) -> None:
    sample = Sample.of(SCALARS)
    table = read(written(FITS, sample.stream(*sizes)))
    assert table.colnames == [what.name for what in sample.columns]
    assert len(table) == len(sample.rows)
    for row, cells in enumerate(sample.rows):
        for what, expected in zip(sample.columns, cells, strict=True):
            assert same(table[what.name][row], expected, what.type.datatype)


@SIZES
def test_texts_come_back(sizes: tuple[int, ...]) -> None:
    sample = Sample.of(TEXTS)
    table = read(written(FITS, sample.stream(*sizes)))
    for row, cells in enumerate(sample.rows):
        for what, expected in zip(sample.columns, cells, strict=True):
            cell = table[what.name][row]
            assert ("" if cell is np.ma.masked else cell) == in_ascii(expected)


@SIZES
def test_arrays_come_back(sizes: tuple[int, ...]) -> None:
    sample = Sample.of(ARRAYS)
    table = read(written(FITS, sample.stream(*sizes)))
    for row, cells in enumerate(sample.rows):
        for what, expected in zip(sample.columns, cells, strict=True):
            varies = what.type.arraysize and what.type.arraysize.endswith("*")
            assert same(
                table[what.name][row], [] if varies and expected is None else expected, what.type.datatype
            )


@settings(max_examples=60, deadline=None)
@given(samples())
def test_any_result_has_its_shape(drawn: tuple[Sample, list[int]]) -> None:
    sample, sizes = drawn
    document = written(FITS, sample.stream(*sizes))
    assert len(document) % 2880 == 0
    with fits.open(io.BytesIO(document), logical_as_bytes=True) as file:
        file.verify("exception")
        assert len(file) == 2
        assert file[1].header["NAXIS2"] == len(sample.rows)
        assert file[1].columns.names == [what.name for what in sample.columns]
        for what, cells in zip(sample.columns, zip(*sample.rows, strict=True), strict=False):
            if what.type.datatype in ("float", "double") and what.type.arraysize is None:
                wanted = np.array([math.nan if cell is None else cell for cell in cells])
                dtype = "f4" if what.type.datatype == "float" else "f8"
                assert np.array_equal(file[1].data[what.name], wanted.astype(dtype), equal_nan=True)


def test_a_text_that_is_long_once_does_not_widen_every_row() -> None:
    texts = ["short"] * 500 + ["long" * 10_000] + ["", None] * 3
    document = written(FITS, Sample.of({column("s", "char", "*"): texts}, repeats=1).stream(100, 300))
    assert len(document) < 100_000
    with fits.open(io.BytesIO(document)) as file:
        cells = ["".join(cell) for cell in file[1].data["s"]]
    assert cells == [text or "" for text in texts]


def test_columns_are_described_in_the_header_and_in_the_votable() -> None:
    what = column("energy", "double", unit="TeV", ucd="em.energy;stat.max", description="long é " * 30)
    document = written(FITS, Sample.of({what: [1.0]}).stream(), Info("query", "SELECT <é>"))
    with fits.open(io.BytesIO(document)) as file:
        header = file[1].header
        assert header["TTYPE1"] == "energy"
        assert header["TCOMM1"] == r"long \xe9 " * 29 + r"long \xe9"
        assert header["TUNIT1"] == "TeV"
        assert header["TUCD1"] == what.ucd
        assert header["QSTATUS"] == "OK"
        content = parse(io.BytesIO(file[0].data.tobytes()), verify="exception")
    assert content.resources[0].infos[1].value == "SELECT <é>"
    (field,) = content.get_first_table().fields
    assert (field.name, field.ucd, field.description) == (what.name, what.ucd, what.description.strip())


@pytest.mark.parametrize("maxrec", [0, 3])
def test_overflow_is_told(maxrec: int) -> None:
    with fits.open(io.BytesIO(written(FITS, truncated(Sample.of(NUMBERS), maxrec)))) as file:
        assert file[1].header["QSTATUS"] == "OVERFLOW"
        assert file[1].header["NAXIS2"] == maxrec


def test_null_is_told_by_a_value_that_no_row_has() -> None:
    values = {column("a", "short"): [-32768, 32767, None], column("b", "unsignedByte"): [0, 255, None]}
    table = read(written(FITS, Sample.of(values, repeats=1).stream()))
    assert table["a"].tolist() == [-32768, 32767, None]
    assert table["b"].tolist() == [0, 255, None]


def test_octets_that_leave_no_value_for_null_are_refused() -> None:
    sample = Sample.of({column("o", "unsignedByte"): [*range(256), None]}, repeats=1)
    with pytest.raises(ValueRangeError, match='"o"'):
        written(FITS, sample.stream())


def test_more_columns_than_fits_can_hold_are_refused() -> None:
    sample = Sample.of({column(f"c{n}", "int"): [1] for n in range(1000)})
    with pytest.raises(ValueRangeError, match="999"):
        written(FITS, sample.stream())


@pytest.mark.parametrize("good", [0, 3])
def test_a_fault_is_raised_before_any_chunk(good: int) -> None:
    with pytest.raises(QueryTimeout):
        next(FITS.write(failing(Sample.of(NUMBERS), good), Provenance()))


@pytest.mark.stilts
def test_stilts_reads_the_rows_and_their_description(stilts: str, tmp_path: Path) -> None:
    file, out = tmp_path / "result.fits", tmp_path / "out.vot"
    file.write_bytes(written(FITS, Sample.of({**NUMBERS, **ARRAYS}).stream(3), Info("query", "SELECT 1")))
    subprocess.run(
        [stilts, "tcopy", f"in={file}", "ifmt=fits-plus", f"out={out}", "ofmt=votable"],
        check=True,
        capture_output=True,
        timeout=120,
    )
    table = parse(out).get_first_table()
    assert len(table.array) == 35
    assert {field.name: field.ucd for field in table.fields}["large"] == "meta.id;meta.main"
    assert b"SELECT 1" in out.read_bytes()
