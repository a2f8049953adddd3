"""Cells that are written as bytes, a column at a time: BINARY and BINARY2 of VOTable, and FITS."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from app.uploads.field import FLOATING, Field
from app.uploads.intake import Complaint
from app.uploads.texts import lists, nan_as_null

Bytes = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
_N = TypeVar("_N", int, Counts)

NUMBERS: dict[str, np.dtype[Any]] = {
    "unsignedByte": np.dtype("u1"),
    "short": np.dtype(">i2"),
    "int": np.dtype(">i4"),
    "long": np.dtype(">i8"),
    "float": np.dtype(">f4"),
    "double": np.dtype(">f8"),
}
WIDTHS = {
    "boolean": 1,
    "char": 1,
    "unicodeChar": 2,
    "floatComplex": 8,
    "doubleComplex": 16,
    **{name: dtype.itemsize for name, dtype in NUMBERS.items()},
}
"""Bytes of one item (VOTable 1.5 section 6, FITS 4.0 table 18), bits apart."""

_TRUE = np.zeros(256, bool)
_TRUE[list(b"Tt1")] = True
_FALSE = np.zeros(256, bool)
_FALSE[list(b"Ff0")] = True
_UNKNOWN = np.zeros(256, bool)
_UNKNOWN[list(b"? \0")] = True


def cell_bytes(datatype: str, count: _N) -> _N:
    """Bytes of so many items in one cell."""
    return (count + 7) // 8 if datatype == "bit" else count * WIDTHS[datatype]


def decode(
    data: Bytes, counts: Counts, field: Field, *, missing: Flags | None, complain: Complaint
) -> pa.Array:
    """The values of a column.

    Parameters
    ----------
    data
        The bytes of its cells one after the other.
    counts
        Items of each cell.
    field
        The column; the value that it says stands for NULL does.
    missing
        True where the value is NULL; None if nothing says so.
    complain
        Makes the error of a cell.

    Returns
    -------
    pyarrow.Array
        NULL too for scalars that are NaN, and for text without a character if ``missing`` is None:
        nothing else could say so there.
    """
    if field.is_text:
        return _texts(data, counts, field, missing)
    items = _items(data, counts, field, complain)
    if not field.is_list:
        return _with_nulls(nan_as_null(items), missing)
    sizes = counts * (2 if field.is_complex else 1)
    if missing is None:
        return lists(items, pa.array(sizes))
    # What stands where there is no value is nothing to keep.
    kept = items.filter(pa.array(np.repeat(~missing, sizes)))
    return lists(kept, pa.array(sizes, mask=missing))


def _with_nulls(array: pa.Array, missing: Flags | None) -> pa.Array:
    if missing is None or not missing.any():
        return array
    return pc.if_else(pa.array(missing), pa.scalar(None, array.type), array)


def _items(data: Bytes, counts: Counts, field: Field, complain: Complaint) -> pa.Array:
    """All items of the column, one after the other."""
    if field.datatype == "bit":
        return pa.array(_bits(data, counts, is_single=field.arraysize is None))
    if field.datatype == "boolean":
        return _booleans(data, counts, complain)
    dtype = NUMBERS[FLOATING.get(field.datatype, field.datatype)]
    numbers = np.frombuffer(data, dtype).astype(dtype.newbyteorder("="))
    mask = None
    if field.null:
        null = _number(field.null, dtype)
        mask = None if null is None else numbers == null
    return pa.array(numbers, mask=mask)


def _number(text: str, dtype: np.dtype[Any]) -> float | int | None:
    try:
        return int(text, 0) if dtype.kind in "iu" else float(text)
    except ValueError:
        return None


def _bits(data: Bytes, counts: Counts, *, is_single: bool) -> Flags:
    """Bits from bytes of eight, the first bit the greatest; of a single one any bit may be set."""
    if is_single:
        single: Flags = data != 0
        return single
    bits = np.unpackbits(data).view(np.bool_)
    nbytes = (counts + 7) // 8
    if (counts % 8 == 0).all():
        return bits
    starts = (np.cumsum(nbytes) - nbytes) * 8 - (np.cumsum(counts) - counts)
    kept: Flags = bits[np.repeat(starts, counts) + np.arange(int(counts.sum()))]
    return kept


def _booleans(data: Bytes, counts: Counts, complain: Complaint) -> pa.Array:
    missing = _UNKNOWN[data]
    true = _TRUE[data]
    wrong = ~(true | missing | _FALSE[data])
    if wrong.any():
        item = int(wrong.argmax())
        row = int(np.searchsorted(np.cumsum(counts), item, side="right"))
        raise complain(row, f"the byte {int(data[item]):#04x} is not a boolean; T, F, 1, 0 and ? are.")
    return pa.array(true, mask=missing)


def _texts(data: Bytes, counts: Counts, field: Field, missing: Flags | None) -> pa.Array:
    width = WIDTHS[field.datatype]
    ends = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts * width, out=ends[1:])
    text = _from_utf16(data, ends) if field.datatype == "unicodeChar" else _from_bytes(data, ends)
    text = _until_nul(text, field)
    if missing is not None:
        return _with_nulls(text, missing)
    empty = pc.equal(text, "")
    if field.null:
        empty = pc.or_(empty, pc.equal(text, field.null))
    return pc.if_else(empty, pa.scalar(None, pa.string()), text)


def _strings(data: Bytes, ends: Counts) -> pa.StringArray:
    """Texts over a buffer, of which nobody has checked that it is UTF-8."""
    buffers = [None, pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(np.ascontiguousarray(data))]
    return pa.Array.from_buffers(pa.string(), len(ends) - 1, buffers)


def _from_bytes(data: Bytes, ends: Counts) -> pa.StringArray:
    """Cells in UTF-8, of which ASCII is a part; those that are not are Latin-1."""
    text = _strings(data, ends)
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return pa.array([_decoded(cell) for cell in text.view(pa.binary()).to_pylist()], pa.string())
    return text


def _decoded(cell: bytes) -> str:
    try:
        return cell.decode("utf-8")
    except UnicodeDecodeError:
        return cell.decode("latin-1")


def _from_utf16(data: Bytes, ends: Counts) -> pa.StringArray:
    """Cells in UTF-16, big-endian (VOTable 1.5 section 2.1 says UCS-2; other writers do not)."""
    units = np.frombuffer(data, ">u2")
    if not units.size or units.max() < 0x80:
        return _strings(units.astype(np.uint8), ends // 2)
    if not ((units >= 0xD800) & (units < 0xE000)).any():
        widths = 1 + (units >= 0x80).astype(np.int64) + (units >= 0x800)
        places = np.zeros(units.size + 1, np.int64)
        np.cumsum(widths, out=places[1:])
        encoded = data.tobytes().decode("utf-16-be").encode("utf-8")
        return _strings(np.frombuffer(encoded, np.uint8), places[ends // 2])
    raw = data.tobytes()
    cells = (raw[a:b].decode("utf-16-be", "replace") for a, b in pairwise(ends.tolist()))
    return pa.array(cells, pa.string())


def _until_nul(text: pa.StringArray, field: Field) -> pa.StringArray:
    """What stands before the first NUL; in an array of texts, where NUL fills up each, blanks for it."""
    if not len(text) or not pc.any(pc.match_substring(text, "\0")).as_py():
        return text
    if field.is_matrix_of_text:
        return pc.utf8_rtrim(pc.replace_substring(text, "\0", " "), " ")
    return pc.replace_substring_regex(text, "(?s)\\x00.*", "")
