"""Cells that are written as text, a column at a time: TABLEDATA of VOTable, CSV and ECSV."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from app.results import arrow_type
from app.uploads.field import FLOATING, INTEGERS, Field
from app.uploads.intake import Complaint, shown

_TRUE = pa.array(["t", "true", "1"])
_FALSE = pa.array(["f", "false", "0"])
_UNKNOWN = pa.array(["?"])
_WHOLE = re.compile(r"[+-]?[0-9]+", re.ASCII)
_HEXADECIMAL = re.compile(r"([+-]?)0[xX]([0-9A-Fa-f]+)")
_REAL = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|nan|inf(?:inity)?)", re.I | re.A
)


def parse(cells: pa.StringArray, field: Field, complain: Complaint) -> pa.Array:
    """The values of a column.

    An empty cell is NULL (VOTable 1.5 section 5.1), and so is NaN. Arrays have their items between
    blanks.

    Parameters
    ----------
    cells
        What is written; NULL where nothing is.
    field
        The column.
    complain
        Makes the error of a cell.

    Raises
    ------
    app.errors.UploadError
        Raised for a cell that is not of the type of the column.
    """
    if field.is_text:
        return _without(cells, cells, field)
    trimmed = pc.ascii_trim_whitespace(cells)
    trimmed = _without(trimmed, trimmed, field)
    if not field.is_list:
        return nan_as_null(_items(trimmed, field.datatype, complain))
    if field.datatype == "bit":
        # 10110 is as good as 1 0 1 1 0 (VOTable 1.5 section 6).
        trimmed = pc.replace_substring_regex(trimmed, r"\s*([01])\s*", r"\1 ")
    return _lists(pc.ascii_trim_whitespace(trimmed), field, complain)


def nan_as_null(array: pa.Array) -> pa.Array:
    """The column with NULL for NaN, which are the same in a table; other columns as they are."""
    if not pa.types.is_floating(array.type) or not len(array):
        return array
    nan = pc.is_nan(array)
    return pc.if_else(nan, pa.scalar(None, array.type), array) if pc.any(nan).as_py() else array


def _without(cells: pa.Array, compared: pa.Array, field: Field) -> pa.Array:
    """The cells with NULL for those that are empty or have the text that means it."""
    missing = pc.equal(compared, "")
    if field.null:
        missing = pc.or_(missing, pc.equal(compared, field.null))
    return pc.if_else(missing, pa.scalar(None, pa.string()), cells) if pc.any(missing).as_py() else cells


def _items(cells: pa.Array, datatype: str, complain: Complaint) -> pa.Array:
    if datatype in ("boolean", "bit"):
        return _booleans(cells, complain)
    target = arrow_type(Field("", FLOATING.get(datatype, datatype)).type)
    try:
        # Arrow reads 0xffffffff as an int of -1.
        if datatype not in INTEGERS or not pc.any(pc.match_substring(cells, "x", ignore_case=True)).as_py():
            return cells.cast(target)
    except pa.ArrowInvalid:
        pass
    return _one_by_one(cells, datatype, target, complain)


def _one_by_one(cells: pa.Array, datatype: str, target: pa.DataType, complain: Complaint) -> pa.Array:
    """What Arrow does not read: hexadecimal numbers, signs; or the error of the first cell that is none."""
    convert = _whole if datatype in INTEGERS else _real
    values = []
    for row, text in enumerate(cells.to_pylist()):
        value = None if text is None else convert(text)
        if text is not None and value is None:
            raise complain(row, f"{shown(text)} is not {_article(datatype)}.")
        try:
            values.append(pa.scalar(value, target))
        except (pa.ArrowInvalid, OverflowError) as error:
            raise complain(row, f"{shown(text)} does not fit into {_article(datatype)}.") from error
    return pa.array([value.as_py() for value in values], target)


def _article(datatype: str) -> str:
    kind = FLOATING.get(datatype, datatype)
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _whole(text: str) -> int | None:
    hexadecimal = _HEXADECIMAL.fullmatch(text)
    if hexadecimal is not None and len(text) < 40:
        return int(f"{hexadecimal[1]}{hexadecimal[2]}", 16)
    return int(text) if _WHOLE.fullmatch(text) and len(text) < 40 else None


def _real(text: str) -> float | None:
    return float(text) if _REAL.fullmatch(text) else None


def _booleans(cells: pa.Array, complain: Complaint) -> pa.Array:
    lower = pc.ascii_lower(cells)
    true = pc.is_in(lower, _TRUE)
    known = pc.or_(true, pc.is_in(lower, _FALSE))
    missing = pc.or_(pc.is_null(cells), pc.is_in(lower, _UNKNOWN))
    wrong = pc.invert(pc.or_(known, missing))
    if pc.any(wrong).as_py():
        row = pc.index(wrong, True).as_py()
        raise complain(row, f"{shown(cells[row])} is not a boolean; true, false, T, F, 1 and 0 are.")
    return pc.if_else(missing, pa.scalar(None, pa.bool_()), true)


def _lists(cells: pa.Array, field: Field, complain: Complaint) -> pa.Array:
    """Lists of what stands between the blanks of each cell."""
    if pc.any(pc.match_substring(cells, ",")).as_py():
        cells = pc.replace_substring(cells, ",", " ")
    parts = pc.ascii_split_whitespace(cells)
    counts = pc.list_value_length(parts)
    check_counts(counts, field, complain)
    owners = pc.list_parent_indices(parts)
    written = pc.list_flatten(parts)
    items = _items(
        _without(written, written, field),
        field.datatype,
        lambda item, problem: complain(owners[item].as_py(), problem),
    )
    return lists(items, counts)


def lists(items: pa.Array, counts: pa.Array) -> pa.ListArray:
    """Lists of so many of the items each; NULL where the count is."""
    ends = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts.fill_null(0).to_numpy(zero_copy_only=False), out=ends[1:])
    offsets = pa.array(ends.astype(np.int32))
    return pa.ListArray.from_arrays(offsets, items, mask=counts.is_null() if counts.null_count else None)


def check_counts(counts: pa.Array, field: Field, complain: Complaint) -> None:
    """Refuse cells that have another number of numbers than the column declares.

    Parameters
    ----------
    counts
        Numbers in each cell, of which a complex one has two; NULL where there is no value.
    """
    wrong = pc.fill_null(_wrong_counts(counts, field), False)
    if pc.any(wrong).as_py():
        row = pc.index(wrong, True).as_py()
        size = "" if field.arraysize is None else f" with arraysize {field.arraysize}"
        raise complain(row, f"it has {counts[row]} items, which is wrong for {field.datatype}{size}.")


def _wrong_counts(counts: pa.Array, field: Field) -> pa.Array:
    per_item = 2 if field.is_complex else 1
    if field.count is not None:
        return pc.not_equal(counts, field.count * per_item)
    unit = per_item * _row_of(field.arraysize or "*")
    numbers: npt.NDArray[Any] = counts.fill_null(0).to_numpy(zero_copy_only=False)
    return pa.array(numbers % unit != 0)


def _row_of(arraysize: str) -> int:
    """Items that go together in an array whose last dimension varies: 6 for ``3x2x*``."""
    lengths = arraysize.split("x")[:-1]
    return int(np.prod([int(length) for length in lengths], dtype=object)) if lengths else 1
