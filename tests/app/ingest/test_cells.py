"""Columns of binary tables, read as astropy reads them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from astropy.io import fits

from app.ingest.cells import reals, values
from app.ingest.errors import FileRejected
from app.ingest.fitsfile import FitsFile
from app.ingest.table import TableShape
from app.results import arrow_type


def read(path: Path) -> dict[str, tuple[str, pa.Array]]:
    """Every column of the first extension: its type and values."""
    with FitsFile(path) as file:
        hdu = next(hdu for hdu in file.hdus() if hdu.number == 1)
        shape = TableShape.of(hdu.cards)
        data = hdu.read(hdu.size)
        rows = shape.rows(data[: shape.nrows * shape.row_bytes])

        def heap(offset: int, count: int) -> bytes:
            return data[shape.heap + offset : shape.heap + offset + count]

        return {column.name: (str(column.type), values(column, rows, heap)) for column in shape.columns}


def table(path: Path, *columns: fits.Column, **header: Any) -> Path:
    hdu = fits.BinTableHDU.from_columns(columns, name="T")
    for key, value in header.items():
        hdu.header[key] = value
    hdu.writeto(path, overwrite=True)
    return path


SCALARS = [
    ("L", np.array([True, False, True]), "boolean"),
    ("B", np.array([0, 7, 255], dtype="u1"), "unsignedByte"),
    ("I", np.array([-(2**15), 0, 2**15 - 1], dtype="i2"), "short"),
    ("J", np.array([-(2**31), 0, 2**31 - 1], dtype="i4"), "int"),
    ("K", np.array([-(2**63), 0, 2**63 - 1], dtype="i8"), "long"),
    ("E", np.array([1.5, -2.25, 3e38], dtype="f4"), "float"),
    ("D", np.array([1.5, -2.25, 1e300], dtype="f8"), "double"),
]


@pytest.mark.parametrize(("code", "numbers", "datatype"), SCALARS)
def test_numbers_keep_type_and_value(tmp_path: Path, code: str, numbers: np.ndarray, datatype: str) -> None:
    kind, found = read(table(tmp_path / "t.fits", fits.Column("X", code, array=numbers)))["X"]
    assert kind == datatype
    assert found.to_pylist() == numbers.tolist()


@pytest.mark.parametrize(
    ("numbers", "datatype"),
    [
        (np.array([-128, 0, 127], dtype="i1"), "short"),
        (np.array([0, 40000, 65535], dtype="u2"), "int"),
        (np.array([0, 3_000_000_000, 2**32 - 1], dtype="u4"), "long"),
    ],
)
def test_the_other_sign_is_read(tmp_path: Path, numbers: np.ndarray, datatype: str) -> None:
    # FITS 4.0 table 19: signed bytes and unsigned integers, by TZERO.
    code, zero = {"int8": ("B", -128), "uint16": ("I", 2**15), "uint32": ("J", 2**31)}[str(numbers.dtype)]
    kind, found = read(table(tmp_path / "t.fits", fits.Column("X", code, bzero=zero, array=numbers)))["X"]
    assert kind == datatype
    assert found.to_pylist() == numbers.tolist()


def test_an_unsigned_long_beyond_a_long_is_null(tmp_path: Path) -> None:
    numbers = np.array([0, 5, 2**63 - 1, 2**63, 2**64 - 1], dtype="u8")
    kind, found = read(table(tmp_path / "t.fits", fits.Column("X", "K", bzero=2**63, array=numbers)))["X"]
    assert kind == "long"
    assert found.to_pylist() == [0, 5, 2**63 - 1, None, None]


def test_scaled_columns_are_as_astropy_has_them(tmp_path: Path) -> None:
    path = table(
        tmp_path / "t.fits",
        fits.Column("S", "I", array=np.array([1, 2, 3], dtype="i2")),
        fits.Column("W", "J", array=np.array([1, 2, 3], dtype="i4")),
        fits.Column("F", "E", array=np.array([1, 2, 3], dtype="f4")),
        TSCAL1=0.25,
        TZERO1=10.0,
        TSCAL2=2,
        TZERO2=1000,
        TSCAL3=3.0,
    )
    found = read(path)
    expected = fits.getdata(path, 1)
    assert {name: kind for name, (kind, _) in found.items()} == {"S": "double", "W": "long", "F": "double"}
    for name, (_, column) in found.items():
        np.testing.assert_allclose(column.to_numpy(), np.asarray(expected[name], dtype=float), rtol=1e-6)


def test_null_values_of_integers_are_null(tmp_path: Path) -> None:
    path = table(
        tmp_path / "t.fits", fits.Column("X", "J", null=-99, array=np.array([1, -99, 3], dtype="i4"))
    )
    assert read(path)["X"][1].to_pylist() == [1, None, 3]
    with FitsFile(path) as file:
        hdu = next(hdu for hdu in file.hdus() if hdu.number == 1)
        shape = TableShape.of(hdu.cards)
        assert math.isnan(reals(shape.columns[0], shape.rows(hdu.read(12)))[1])


def test_nan_is_null_in_scalars_and_lists(tmp_path: Path) -> None:
    path = table(
        tmp_path / "t.fits",
        fits.Column("X", "E", array=np.array([1, math.nan], dtype="f4")),
        fits.Column("V", "2D", array=np.array([[1, math.nan], [math.nan, 4]])),
    )
    assert read(path)["X"][1].to_pylist() == [1.0, None]
    assert read(path)["V"][1].to_pylist() == [[1.0, None], [None, 4.0]]


def test_vectors_are_lists(tmp_path: Path) -> None:
    numbers = np.arange(6, dtype="i2").reshape(2, 3)
    kind, found = read(table(tmp_path / "t.fits", fits.Column("V", "3I", array=numbers)))["V"]
    assert kind == "short(3)"
    assert found.type == pa.list_(pa.int16())
    assert found.to_pylist() == numbers.tolist()


@pytest.mark.parametrize("bits", [1, 8, 12, 32, 63, 64])
def test_bits_are_one_number_with_the_first_bit_greatest(tmp_path: Path, bits: int) -> None:
    random = np.random.default_rng(bits)
    flags = random.integers(0, 2, (5, bits)).astype(bool)
    kind, found = read(table(tmp_path / "t.fits", fits.Column("X", f"{bits}X", array=flags)))["X"]
    expected = [sum(int(bit) << (bits - 1 - place) for place, bit in enumerate(row)) for row in flags]
    assert kind == "long"
    assert [number % 2**64 for number in found.to_pylist()] == expected


def test_more_than_64_bits_are_a_list(tmp_path: Path) -> None:
    flags = np.random.default_rng(1).integers(0, 2, (3, 70)).astype(bool)
    kind, found = read(table(tmp_path / "t.fits", fits.Column("X", "70X", array=flags)))["X"]
    assert kind == "boolean(70)"
    assert found.to_pylist() == flags.tolist()


def test_texts_end_at_their_blanks(tmp_path: Path) -> None:
    texts = np.array([b"abc", b"  d ", b"", b"caf\xc3\xa9", b"a\x00b"], dtype="S6")
    path = table(tmp_path / "t.fits", fits.Column("T", "6A", array=np.array([b"x"] * 5, dtype="S6")))
    raw = path.read_bytes()
    place = raw.index(b"x".ljust(6, b"\0"))
    path.write_bytes(
        raw[:place] + b"".join(bytes(t).ljust(6, b" ") for t in texts.tolist()) + raw[place + 30 :]
    )
    assert read(path)["T"][1].to_pylist() == ["abc", "  d", "", "café", "a"]


def test_texts_that_are_no_utf8_are_latin1(tmp_path: Path) -> None:
    path = table(
        tmp_path / "t.fits", fits.Column("T", "4A", array=np.array([b"na\xefv", b"abc"], dtype="S4"))
    )
    assert read(path)["T"][1].to_pylist() == ["naïv", "abc"]


def test_variable_length_arrays_are_lists(tmp_path: Path) -> None:
    arrays = np.array(
        [np.array([1.5], "f4"), np.array([], "f4"), np.array([2.5, 3.5, 4.5], "f4")], dtype=object
    )
    words = np.array(["ab", "", "cde"], dtype=object)
    path = table(
        tmp_path / "t.fits",
        fits.Column("P", "PE()", array=arrays),
        fits.Column(
            "Q", "QJ()", array=np.array([np.array([1, 2]), np.array([3]), np.array([])], dtype=object)
        ),
        fits.Column("A", "PA()", array=words),
    )
    found = read(path)
    assert found["P"][0] == "float(*)"
    assert found["P"][1].to_pylist() == [[1.5], [], [2.5, 3.5, 4.5]]
    assert found["Q"][1].to_pylist() == [[1, 2], [3], []]
    assert found["A"][1].to_pylist() == list(words)


def test_arrays_out_of_the_heap_are_refused(tmp_path: Path) -> None:
    arrays = np.array([np.array([1.5, 2.5], "f4"), np.array([3.5], "f4")], dtype=object)
    path = table(tmp_path / "t.fits", fits.Column("P", "PE()", array=arrays))
    raw = bytearray(path.read_bytes())
    raw[5760 + 4 : 5760 + 8] = (10**9).to_bytes(4, "big")  # the offset of the first array
    path.write_bytes(raw)
    with pytest.raises(FileRejected, match="heap"):
        read(path)


def test_complex_numbers_are_pairs(tmp_path: Path) -> None:
    numbers = np.array([1 + 2j, 3 - 4j], dtype="c8")
    kind, found = read(table(tmp_path / "t.fits", fits.Column("C", "C", array=numbers)))["C"]
    assert kind == "float(2)"
    assert found.to_pylist() == [[1.0, 2.0], [3.0, -4.0]]


def test_arrow_types_are_those_of_the_catalogue(tmp_path: Path) -> None:
    path = table(
        tmp_path / "t.fits", *(fits.Column(f"X{code}", code, array=found) for code, found, _ in SCALARS)
    )
    with FitsFile(path) as file:
        hdu = next(hdu for hdu in file.hdus() if hdu.number == 1)
        shape = TableShape.of(hdu.cards)
        rows = shape.rows(hdu.read(hdu.size))
        for column in shape.columns:
            assert values(column, rows).type == arrow_type(column.type)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"TFORM1": "1Z"}, "TFORM1"),
        ({"TFORM1": "99999999999E"}, "TFORM1"),
        ({"NAXIS1": 7}, "NAXIS1 says 7"),
        ({"TFIELDS": -1}, "TFIELDS"),
        ({"ZTABLE": True}, "compressed"),
    ],
)
def test_tables_that_contradict_themselves_are_refused(
    tmp_path: Path, header: dict[str, Any], words: str
) -> None:
    path = table(tmp_path / "t.fits", fits.Column("X", "E", array=np.zeros(3, dtype="f4")))
    with fits.open(path) as hdus:
        cards = hdus[1].header.copy()
    from app.cards import Cards  # noqa: PLC0415

    for key, value in header.items():
        cards[key] = value
    with pytest.raises(FileRejected, match=words):
        TableShape.of(Cards(cards.tostring().encode()))
