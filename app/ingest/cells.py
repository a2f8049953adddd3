"""The values of the columns of a binary table, as Arrow arrays."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from adql import ColumnType
from app.ingest.errors import FileRejected
from app.ingest.table import NUMBERS, OTHER_SIGN, WIDTHS, Rows, TableColumn
from app.results import arrow_type

Reals = NDArray[np.float64]

_LARGEST_CELLS = 1 << 27
"""Bytes of variable-length arrays that are read at a time."""

Heap = Callable[[int, int], bytes]
"""Gives bytes of the heap: offset from its start, and how many; fewer if the file ends."""


def values(column: TableColumn, rows: Rows, heap: Heap | None = None) -> pa.Array:
    """The values of a column, of the Arrow type that its ``type`` has; NaN is NULL.

    Parameters
    ----------
    heap
        Needed for variable-length arrays.

    Raises
    ------
    FileRejected
        Raised if cells point out of the heap.
    """
    target = arrow_type(column.type)
    if not column.width:
        return pa.nulls(len(rows), target)
    cells = rows[str(column.number)]
    if column.descriptor:
        return _variable(column, cells, heap, target)
    if column.code == "A":
        return texts(cells)
    if column.code == "X":
        return _bits(column, cells)
    flat = _elements(column, cells.reshape(-1))
    if column.type.arraysize is None:
        return flat
    return _lists(flat, np.full(len(rows), len(flat) // max(len(rows), 1)), target)


def reals(column: TableColumn, rows: Rows) -> Reals:
    """The values of a scalar number column as doubles; NaN where there is none."""
    cells = rows[str(column.number)]
    numbers: Reals = _scaled(column, cells).astype(np.float64)
    if column.null is not None and column.code in "BIJK":
        numbers[cells == column.null] = np.nan
    return numbers


def is_scalar_number(column: TableColumn) -> bool:
    """True for a column with one number in a cell."""
    return column.code in "BIJKED" and column.repeat == 1 and not column.descriptor


def texts(cells: NDArray[np.bytes_]) -> pa.Array:
    """Cells of bytes as texts: to the first NUL, without the blanks behind; UTF-8 or else Latin-1."""
    if cells.dtype.itemsize == 0:
        return pa.array([""] * len(cells), type=pa.string())
    raw = pa.array(np.ascontiguousarray(cells), type=pa.binary())
    try:
        text = raw.cast(pa.string())
    except pa.ArrowInvalid:
        text = pa.array(np.char.decode(cells, "latin-1").tolist(), type=pa.string())
    if pc.any(pc.match_substring(text, "\0")).as_py():
        text = pc.replace_substring_regex(text, "(?s)\\x00.*", "")
    return pc.utf8_rtrim(text, " ")


def _elements(column: TableColumn, cells: NDArray[Any]) -> pa.Array:
    """Elements, one after another, as an Arrow array of the column's datatype."""
    if column.code == "L":
        letters = np.asarray(cells, dtype=np.uint8)
        return pa.array(letters == ord("T"), mask=(letters != ord("T")) & (letters != ord("F")))
    datatype = ColumnType(column.type.datatype)
    numbers = _scaled(column, cells)
    mask = None if column.null is None else cells == column.null
    if numbers.dtype == np.uint64:
        beyond = numbers > np.uint64(2**63 - 1)
        mask = beyond if mask is None else mask | beyond
        numbers = np.where(beyond, np.uint64(0), numbers)
    target = arrow_type(datatype)
    native = np.ascontiguousarray(numbers, dtype=target.to_pandas_dtype())
    return pa.array(native, type=target, mask=mask, from_pandas=native.dtype.kind == "f")


def _scaled(column: TableColumn, cells: NDArray[Any]) -> NDArray[Any]:
    """The numbers that cells mean, in machine order."""
    native: NDArray[Any] = cells.astype(cells.dtype.newbyteorder("="))
    if (column.scale, column.zero) == (1.0, 0.0):
        return native
    other = OTHER_SIGN.get((column.code, column.zero)) if column.scale == 1.0 else None
    if other is not None:
        # Turning the first bit over is adding the zero point, without leaving the width.
        bits = native.dtype.itemsize * 8
        flipped: NDArray[Any] = native.view(f"u{native.dtype.itemsize}") ^ np.array(
            1 << (bits - 1), f"u{native.dtype.itemsize}"
        )
        return flipped.view(other[0])
    if column.type.datatype == "long":
        return native.astype(np.int64) * int(column.scale) + int(column.zero)
    with np.errstate(over="ignore", invalid="ignore"):
        return native.astype(np.float64) * column.scale + column.zero


def _bits(column: TableColumn, cells: NDArray[np.uint8]) -> pa.Array:
    """Up to 64 bits as one number, the first of them the greatest; more as a list of booleans."""
    if column.repeat > 64:
        bits = np.unpackbits(cells, axis=1)[:, : column.repeat].astype(bool)
        return _lists(pa.array(bits.reshape(-1)), np.full(len(cells), column.repeat), pa.list_(pa.bool_()))
    numbers = np.zeros(len(cells), dtype=np.uint64)
    for byte in range(column.width):
        numbers = (numbers << np.uint64(8)) | cells[:, byte].astype(np.uint64)
    numbers >>= np.uint64(column.width * 8 - column.repeat)
    return pa.array(numbers.view(np.int64))


def _lists(flat: pa.Array, counts: NDArray[np.int64], target: pa.DataType) -> pa.Array:
    offsets = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    return pa.ListArray.from_arrays(pa.array(offsets, type=pa.int32()), flat).cast(target)


def _variable(column: TableColumn, cells: NDArray[Any], heap: Heap | None, target: pa.DataType) -> pa.Array:
    """Arrays of any length, which lie in the heap (FITS 4.0 section 7.3.5)."""
    counts, offsets = (cells[:, part].astype(np.int64) for part in (0, 1))
    width = WIDTHS[column.code]
    used = counts > 0
    if (counts < 0).any() or (offsets[used] < 0).any() or int(counts.sum()) * width > _LARGEST_CELLS:
        raise FileRejected(
            f'Its column {column.number} ("{column.name}") has array descriptors that make no sense.'
        )
    if not used.any() or heap is None:
        pieces = b""
    else:
        first = int(offsets[used].min())
        last = int((offsets[used] + counts[used] * width).max())
        pieces = _gather(column, counts * width, offsets - first, heap, first, last - first)
    if column.code == "A":
        ends = np.concatenate([[0], np.cumsum(counts)])
        return pa.array(
            [pieces[a:b].decode("latin-1").rstrip(" \0") for a, b in pairwise(ends.tolist())],
            type=pa.string(),
        )
    dtype = "u1" if column.code == "L" else NUMBERS[column.code]
    flat = _elements(column, np.frombuffer(pieces, dtype=dtype))
    return _lists(flat, counts * (2 if column.code in "CM" else 1), target)


def _gather(
    column: TableColumn,
    sizes: NDArray[np.int64],
    offsets: NDArray[np.int64],
    heap: Heap,
    first: int,
    span: int,
) -> bytes:
    """The bytes of arrays in the order of their rows."""
    if span > _LARGEST_CELLS:
        raise FileRejected(
            f'Its column {column.number} ("{column.name}") has arrays spread over {span} bytes of the '
            f"heap; at most {_LARGEST_CELLS} are read at a time."
        )
    block = heap(first, span)
    if len(block) < span:
        raise FileRejected(
            f'Its column {column.number} ("{column.name}") has arrays that lie behind the end of the heap.'
        )
    starts = np.cumsum(sizes) - sizes
    used = sizes > 0
    if (offsets[used] == starts[used]).all():
        return block
    places = np.arange(int(sizes.sum())) + np.repeat(offsets - starts, sizes)
    return bytes(np.frombuffer(block, dtype=np.uint8)[places])
