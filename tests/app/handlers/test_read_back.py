"""A table with all types goes in by UPLOAD and comes out in every format, read by programs not of ours.

What went in is written by astropy. Each reader gives the rows as plain Python, in which NULL is None, a NaN
too (no format of them all tells the two apart), and an empty text and a NULL text are the same.
"""

from __future__ import annotations

import csv
import io
import json
import math
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import astropy.units as u
import fitsio
import httpx
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.io.votable import parse as parse_votable
from astropy.table import MaskedColumn, Table
from pyarrow import ipc

QUERY = "SELECT * FROM TAP_UPLOAD.t ORDER BY number"
UNITS = {"number": None, "whole": "s", "energy": "TeV", "ra": "deg"}
UCDS = {"number": "meta.id", "energy": "em.energy;meta.main", "ra": "pos.eq.ra"}
COLUMNS: Mapping[str, tuple[str, list[Any]]] = {
    "number": ("i8", [-(2**53), 0, 1, 2**53]),
    "flag": ("?", [True, False, None, True]),
    "octet": ("u1", [0, 255, None, 128]),
    "small": ("i2", [-32767, 32767, None, 0]),
    "whole": ("i4", [-(2**31) + 1, 2**31 - 1, None, 42]),
    "energy": ("f4", [0.1, 1e-30, None, -2.5]),
    "ra": ("f8", [83.63, 359.99999999999994, None, -0.0]),
    "word": ("U", ["plain", 'a<b && "c",d', "", " x"]),
    "name": ("U", ["Größe", "★ MAGIC", "", "😀"]),
    "pair": ("f8[2]", [[1.5, -2.5], [0.0, 1e300], [3.0, 4.0], [-1.0, 0.125]]),
}
TEXTS = ("word", "name")

Row = dict[str, Any]


def single(value: Any, kind: str) -> Any:
    """As a number of the kind would hold it."""
    return float(np.float32(value)) if kind == "f4" and value is not None else value


ROWS: list[Row] = [
    {name: single(values[place], kind) for name, (kind, values) in COLUMNS.items()} for place in range(4)
]


@pytest.fixture(scope="module")
def upload() -> bytes:
    """The table as a VOTable that astropy writes."""
    table = Table()
    for name, (kind, values) in COLUMNS.items():
        if kind.endswith("[2]"):
            table[name] = np.array(values, "f8")
        else:
            filled = [0 if value is None else value for value in values] if kind != "U" else values
            table[name] = MaskedColumn(filled, dtype=None if kind == "U" else kind, name=name)
            table[name].mask = [value is None for value in values]
        if UNITS.get(name):
            table[name].unit = u.Unit(UNITS[name])
        if name in UCDS:
            table[name].meta["ucd"] = UCDS[name]
    file = io.BytesIO()
    table.write(file, format="votable", tabledata_format="binary2")
    return file.getvalue()


@pytest.fixture
def ask(client: httpx.Client, upload: bytes) -> Callable[[str], bytes]:
    """Give the table in a format."""

    def call(format_: str) -> bytes:
        data = {"QUERY": QUERY, "RESPONSEFORMAT": format_, "UPLOAD": "t,param:t"}
        answer = client.post("/tap/sync", data=data, files={"t": upload})
        assert answer.status_code == 200, answer.text[:1000]
        return answer.content

    return call


def plain(value: Any) -> Any:
    """A value of any reader as plain Python."""
    if value is None or value is np.ma.masked or value is pd.NA:
        return None
    if isinstance(value, np.ndarray | list | tuple | pl.Series):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, str | np.str_):
        return str(value)
    item = value.item() if hasattr(value, "item") else value
    return None if isinstance(item, float) and math.isnan(item) else item


def is_same(found: list[Row], *, text: Callable[[str], str] = str) -> bool:
    """True if they are the rows that went in; otherwise tells the cells that differ."""
    wrong = []
    assert len(found) == len(ROWS)
    for row, (have, want) in enumerate(zip(found, ROWS, strict=True)):
        assert list(have) == list(want)
        for name, expected in want.items():
            value = plain(have[name]) or "" if name in TEXTS else plain(have[name])
            wanted = text(expected) if name in TEXTS else expected
            if value != wanted:
                wrong.append((row, name, value, wanted))
    assert wrong == []
    return True


@pytest.mark.parametrize("serialization", ["td", "b", "b2"])
def test_votable_by_astropy(ask, serialization: str) -> None:
    table = parse_votable(io.BytesIO(ask(f"votable/{serialization}")), verify="exception").get_first_table()
    found = table.to_table()
    # Blanks at the ends of TABLEDATA are not read by astropy.
    strip = str.strip if serialization == "td" else str
    assert is_same([dict(zip(found.colnames, row, strict=True)) for row in found], text=strip)
    assert {f.name: f.unit and f.unit.to_string("vounit") for f in table.fields if f.name in UNITS} == UNITS
    assert {field.name: field.ucd for field in table.fields if field.ucd} == UCDS


def in_ascii(text: str) -> str:
    """How FITS holds a text (FITS 4.0 section 7.3.3.1)."""
    return text.encode("ascii", "backslashreplace").decode().rstrip(" ")


def test_fits_by_cfitsio(ask, tmp_path: Path) -> None:
    file = tmp_path / "t.fits"
    file.write_bytes(ask("fits"))
    with fitsio.FITS(file) as hdus:
        header, rows = hdus[1].read_header(), hdus[1].read()
    numbers = {header[f"TTYPE{place}"]: place for place in range(1, header["TFIELDS"] + 1)}
    found: list[Row] = []
    for row in rows:
        cells = {name: row[name] for name in numbers}
        for name, place in numbers.items():
            # cfitsio leaves it to the caller to know the number that stands for NULL.
            if f"TNULL{place}" in header and cells[name] == header[f"TNULL{place}"]:
                cells[name] = None
        found.append(cells)
    # fitsio reads the byte of a NULL truth value as False.
    assert [row.pop("flag") for row in found] == [True, False, False, True]
    expected = [{name: value for name, value in row.items() if name != "flag"} for row in ROWS]
    for have, want in zip(found, expected, strict=True):
        for name, value in want.items():
            text = (plain(have[name]) or "").rstrip(" ") if name in TEXTS else plain(have[name])
            assert text == (in_ascii(value) if name in TEXTS else value), name
    assert {name: header.get(f"TUNIT{place}") for name, place in numbers.items() if name in UNITS} == UNITS
    assert {n: header[f"TUCD{p}"] for n, p in numbers.items() if f"TUCD{p}" in header} == UCDS


def test_fits_by_astropy(ask) -> None:
    with fits.open(io.BytesIO(ask("fits")), logical_as_bytes=True) as file:
        file.verify("exception")
        found = Table.read(file, hdu=1)
    rows = [dict(zip(found.colnames, row, strict=True)) for row in found]
    for row in rows:
        row["flag"] = {"T": True, "F": False, "\0": None, "": None}[plain(row["flag"])]
    assert is_same(rows, text=in_ascii)


@pytest.mark.stilts
@pytest.mark.parametrize("format_", ["fits", "votable/b2", "votable/td", "votable/b", "parquet"])
def test_binary_formats_by_stilts(ask, stilts: str, tmp_path: Path, format_: str) -> None:
    file = tmp_path / "table"
    file.write_bytes(ask(format_))
    kind = format_.partition("/")[0]
    out = tmp_path / "anew.vot"
    # Parameters of the table, of which STILTS makes texts in two dimensions that astropy cannot read.
    options = ["cmd=clearparams *", "ofmt=votable-binary2-inline", f"out={out}"]
    command = [stilts, "tpipe", f"in={file}", f"ifmt={kind}", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if kind == "parquet" and "parquet" in done.stderr.lower():
        pytest.skip("this STILTS has no reader of Parquet")
    assert done.returncode == 0, done.stderr
    found = Table.read(out, format="votable")
    rows = [dict(zip(found.colnames, row, strict=True)) for row in found]
    assert is_same(rows, text=in_ascii if kind == "fits" else str)
    assert {name: found[name].unit and str(found[name].unit) for name in UNITS} == UNITS


def test_parquet_by_pandas_pyarrow_and_polars(ask) -> None:
    content = ask("parquet")
    # numpy_nullable keeps a NULL of an integer apart from a number.
    frame = pd.read_parquet(io.BytesIO(content), dtype_backend="numpy_nullable")
    assert is_same(frame.to_dict("records"))
    assert is_same(pq.read_table(io.BytesIO(content)).to_pylist())
    assert is_same(pl.read_parquet(io.BytesIO(content), use_pyarrow=False).to_dicts())


def test_arrow_by_pyarrow_and_polars(ask) -> None:
    content = ask("arrow")
    assert is_same(ipc.open_stream(pa.BufferReader(content)).read_all().to_pylist())
    assert is_same(pl.read_ipc_stream(io.BytesIO(content), use_pyarrow=False).to_dicts())


def test_ecsv_by_astropy(ask) -> None:
    found = Table.read(ask("ecsv").decode(), format="ascii.ecsv")
    # Blanks at the ends of a text are lost, those that astropy itself has written too.
    assert is_same([dict(zip(found.colnames, row, strict=True)) for row in found], text=str.strip)
    assert {name: found[name].unit and str(found[name].unit) for name in UNITS} == UNITS


def test_json_by_the_standard_library(ask) -> None:
    document = json.loads(ask("json"))
    names = [column["name"] for column in document["metadata"]]
    found = [dict(zip(names, row, strict=True)) for row in document["data"]]
    for row in found:
        # Written with as many digits as a float has.
        row["energy"] = None if row["energy"] is None else float(np.float32(row["energy"]))
    assert is_same(found)
    assert {c["name"]: c.get("unit") for c in document["metadata"] if c["name"] in UNITS} == UNITS
    assert {c["name"]: c["ucd"] for c in document["metadata"] if c.get("ucd")} == UCDS


def of_text(row: dict[str, str]) -> Row:
    """The types of a row of text."""
    cells: Row = {}
    for name, (kind, _) in COLUMNS.items():
        text = row[name]
        if name in TEXTS:
            cells[name] = text
        elif not text:
            cells[name] = None
        elif kind == "?":
            cells[name] = {"true": True, "false": False, "1": True, "0": False}[text.lower()]
        elif kind.endswith("[2]"):
            cells[name] = [float(item) for item in text.split()]
        else:
            cells[name] = single(float(text), kind) if kind.startswith("f") else int(text)
    return cells


@pytest.mark.parametrize(("format_", "delimiter"), [("csv", ","), ("tsv", "\t")])
def test_text_by_the_standard_library_and_pandas(ask, format_: str, delimiter: str) -> None:
    content = ask(format_).decode()
    rows = list(csv.DictReader(io.StringIO(content, newline=""), delimiter=delimiter))
    assert is_same([of_text(row) for row in rows])
    frame = pd.read_csv(io.StringIO(content), sep=delimiter, dtype=str, keep_default_na=False)
    assert is_same([of_text(row) for row in frame.to_dict("records")])


def test_html_by_pandas(ask) -> None:
    (frame,) = pd.read_html(
        io.BytesIO(ask("html")), converters=dict.fromkeys(COLUMNS, str), keep_default_na=False
    )
    frame.columns = [str(name).split()[0] for name in frame.columns]
    assert list(frame["number"]) == [str(row["number"]) for row in ROWS]
    assert [str(text).strip() for text in frame["name"]] == [row["name"] for row in ROWS]
