"""FITS tables, as astropy writes them and as no one should."""

from __future__ import annotations

import io
import struct
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import RequestTooLarge, UploadError
from app.uploads.fits import read_fits
from app.uploads.intake import Intake
from app.uploads.limits import UploadLimits
from app.uploads.table import RawTable
from tests.app.uploads.documents import our_values, same

NAN = float("nan")


def hdus(*columns: fits.Column, **cards: Any) -> bytes:
    """A file with an empty primary HDU and one table."""
    table = fits.BinTableHDU.from_columns(list(columns))
    table.header.update(cards)
    out = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(out)
    return out.getvalue()


def read(file: bytes, limits: UploadLimits | None = None) -> RawTable:
    return read_fits(io.BytesIO(file), Intake("mine", limits or UploadLimits()))


VARYING = np.empty(3, object)
VARYING[:] = [np.array([1, 2], "f4"), np.array([], "f4"), np.array([3], "f4")]

COLUMNS = {
    "flag": ("L", np.array([True, False, True]), [True, False, True]),
    "bits": (
        "10X",
        np.array([[1, 0] * 5, [0] * 10, [1] * 10], bool),
        [[True, False] * 5, [False] * 10, [True] * 10],
    ),
    "octet": ("B", np.array([0, 255, 7], "u1"), [0, 255, 7]),
    "short": ("I", np.array([-(2**15), 2**15 - 1, 0], "i2"), [-(2**15), 2**15 - 1, 0]),
    "null": ("J", np.array([1, -99, 3], "i4"), [1, None, 3], {"null": -99}),
    "signed": ("B", np.array([-128, 127, 0], "i1"), [-128, 127, 0], {"bzero": -128}),
    "ushort": ("I", np.array([0, 65535, 7], "u2"), [0, 65535, 7], {"bzero": 2**15}),
    "uint": ("J", np.array([0, 2**32 - 1, 7], "u4"), [0, 2**32 - 1, 7], {"bzero": 2**31}),
    "ulong": ("K", np.array([0, 2**63 - 1, 7], "u8"), [0, 2**63 - 1, 7], {"bzero": 2**63}),
    "scaled": ("E", np.array([1.0, 2.0, 3.5], "f4"), [1.0, 2.0, 3.5], {"bscale": 0.5, "bzero": 0.5}),
    "long": ("K", np.array([2**63 - 1, -(2**63), 0]), [2**63 - 1, -(2**63), 0]),
    "single": ("E", np.array([0.5, NAN, 2], "f4"), [0.5, None, 2.0]),
    "double": ("D", np.array([0.1, NAN, np.inf]), [0.1, None, np.inf]),
    "complex": ("C", np.array([1 + 2j, 0, 3j], "c8"), [[1.0, 2.0], [0.0, 0.0], [0.0, 3.0]]),
    "text": ("8A", np.array(["HESS", "", "a b  "]), ["HESS", None, "a b"]),
    "matrix": (
        "6D",
        np.arange(18.0).reshape(3, 2, 3),
        [list(map(float, range(start, start + 6))) for start in (0, 6, 12)],
        {"dim": "(3,2)"},
    ),
    "varying": ("PE()", VARYING, [[1.0, 2.0], [], [3.0]]),
    "wide": ("QE()", VARYING, [[1.0, 2.0], [], [3.0]]),
}
"""Name of a column -> its format, what astropy is given, and what is in it."""


def column_of(name: str) -> fits.Column:
    form, array, _, *rest = COLUMNS[name]
    return fits.Column(name, form, array=array.copy(), **(rest[0] if rest else {}))


@pytest.mark.parametrize("name", COLUMNS)
def test_every_kind_of_column_is_read(name: str):
    (found,) = our_values(read(hdus(column_of(name)))).values()
    assert all(map(same, found, COLUMNS[name][2])), found


def test_a_table_of_all_of_them_is_read():
    table = read(hdus(*map(column_of, COLUMNS)))
    for name, values in our_values(table).items():
        assert all(map(same, values, COLUMNS[name][2])), name
    types = {field.name: str(field.type) for field in table.fields}
    assert types["ushort"] == "int"
    assert types["matrix"] == "double(3x2)"
    assert types["text"] == "char(8)"


def test_what_is_said_of_columns_is_kept():
    column = fits.Column("e", "D", array=np.zeros(2), unit="TeV")
    (field,) = read(hdus(column, TUCD1="em.energy", TUTYP1="a:b", TCOMM1="An energy")).fields
    assert (field.unit, field.ucd, field.utype, field.description) == ("TeV", "em.energy", "a:b", "An energy")


def test_images_before_the_table_are_passed():
    out = io.BytesIO()
    image = fits.ImageHDU(np.zeros((100, 100)))
    table = fits.BinTableHDU(Table({"x": [1, 2, 3]}))
    second = fits.BinTableHDU(Table({"y": [9]}))
    fits.HDUList([fits.PrimaryHDU(np.zeros(1000)), image, table, second]).writeto(out)
    assert our_values(read(out.getvalue())) == {"x": [1, 2, 3]}


def test_a_file_of_stilts_manner_is_read():
    # More rows than a batch.
    rows = np.arange(200_000)
    values = our_values(read(hdus(fits.Column("n", "K", array=rows))))
    assert values["n"] == rows.tolist()


def _with(file: bytes, keyword: str, value: str) -> bytes:
    """The file with another value of a keyword in the header of its table."""
    place = file.index(f"{keyword:8}=".encode(), 2880)
    return file[:place] + f"{keyword:8}= {value:>20}".ljust(80).encode() + file[place + 80 :]


SMALL = hdus(fits.Column("n", "J", array=np.arange(3, dtype="i4")))
PACKED = hdus(fits.Column("v", "PE()", array=VARYING))


def complaint(file: bytes, limits: UploadLimits | None = None) -> str:
    with pytest.raises((UploadError, RequestTooLarge)) as caught:
        read(file, limits)
    assert str(caught.value).startswith('Table "mine"')
    return str(caught.value)


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (_with(SMALL, "NAXIS2", "1000000"), "announces 4,000,000 bytes"),
        (_with(SMALL, "NAXIS2", "99999999999999999"), "announces"),
        (_with(SMALL, "NAXIS2", "-1"), 'NAXIS2=-1'),
        (_with(SMALL, "NAXIS2", "'many'"), 'NAXIS2=many'),
        (_with(SMALL, "NAXIS1", "2"), "wider than the 2 bytes"),
        (_with(SMALL, "PCOUNT", "999999"), "announces"),
        (_with(SMALL, "GCOUNT", "0"), ""),
        (_with(SMALL, "TFIELDS", "0"), "no columns"),
        (_with(SMALL, "TFIELDS", "2"), 'its TFORM ""'),
        (_with(SMALL, "TFORM1", "'J9Z'"), ""),
        (_with(SMALL, "TFORM1", "'Z'"), 'its TFORM "Z"'),
        (_with(SMALL, "TFORM1", "'0J'"), "no columns"),
        (_with(SMALL, "TFORM1", "'999999999J'"), "wider"),
        (SMALL[:2880], "no binary table"),
        (SMALL[:4000], "it is cut off"),
        (SMALL[:5770], "cut off"),
        (b"SIMPLE  = " + b" " * 2870, "does not end"),
        (SMALL.replace(b"BINTABLE", b"TABLE   "), "no binary table"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(file: bytes, told: str):
    if told:
        assert told in complaint(file)
    else:
        read_or_complain(file)


def read_or_complain(file: bytes) -> None:
    with suppress(UploadError, RequestTooLarge):
        read(file)


@pytest.mark.parametrize("descriptor", [(-1, 0), (2**31 - 1, 0), (2, -8), (2, 2**31 - 1)])
def test_arrays_outside_of_the_heap_are_told(descriptor: tuple[int, int]):
    place = PACKED.index(struct.pack(">ii", 2, 0), 5760)
    damaged = PACKED[:place] + struct.pack(">ii", *descriptor) + PACKED[place + 8 :]
    assert 'row 1, column "v": its array lies outside of the heap' in complaint(damaged)


def test_limits_are_told():
    assert "may have 2 rows" in complaint(SMALL, UploadLimits(rows=2))
    two = hdus(fits.Column("a", "J", array=[1]), fits.Column("b", "J", array=[1]))
    assert "may have 1 columns" in complaint(two, UploadLimits(columns=1))


def test_more_than_a_long_is_told():
    file = hdus(fits.Column("u", "K", array=np.array([2**64 - 1], "u8"), bzero=2**63))
    assert f"{2**64 - 1} does not fit into a long" in complaint(file)


@settings(max_examples=200, deadline=None)
@given(st.integers(2880, len(PACKED) - 1), st.binary(min_size=1, max_size=4))
def test_damage_is_survived(place: int, bytes_: bytes):
    read_or_complain(PACKED[:place] + bytes_ + PACKED[place + len(bytes_) :])
