"""Rows as the binary records of VOTable 1.4: BINARY (section 5.3) and BINARY2 (section 5.4).

Columns are copied one by one into a table of big-endian records that is laid out once for a result.
Where cells vary in length, the records fall into runs of fixed size between them, and Arrow joins runs and
cells row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from adql import Column
from app.errors import ValueRangeError
from app.formats.cells import Cell
from app.formats.characters import ascii_escaped, binary_array, is_ascii, offsets_of, text_buffers, utf16

Values = npt.NDArray[Any]
Flags = npt.NDArray[np.bool_]

_ITEMS: dict[str, np.dtype[Any]] = {
    "boolean": np.dtype("u1"),
    "unsignedByte": np.dtype("u1"),
    "short": np.dtype(">i2"),
    "int": np.dtype(">i4"),
    "long": np.dtype(">i8"),
    "float": np.dtype(">f4"),
    "double": np.dtype(">f8"),
    "char": np.dtype("S1"),
    "unicodeChar": np.dtype("S2"),
}
"""Each primitive as it stands in a record (VOTable 1.4 section 6)."""
_BOOLEANS = np.frombuffer(b"FT", np.uint8)
_NO_BOOLEAN = ord("?")
_LENGTH = np.dtype(">i4")
_JOINT = pa.scalar(b"", pa.binary())


def null_flags(array: pa.Array) -> Flags | None:
    """True where a value is NULL; None if none is."""
    if not array.null_count:
        return None
    bits = array.buffers()[0]
    if bits is None:
        return np.ones(len(array), bool)
    return np.equal(_bits(bits, array.offset, len(array)), 0)


def plain_values(array: pa.Array) -> Values:
    """The values of an array of numbers, or the bits of one of booleans; whatever stands where it is NULL."""
    if pa.types.is_boolean(array.type):
        return _bits(array.buffers()[1], array.offset, len(array))
    dtype = np.dtype(array.type.to_pandas_dtype())
    return np.frombuffer(array.buffers()[1], dtype, len(array), array.offset * dtype.itemsize)


def _bits(buffer: pa.Buffer, offset: int, length: int) -> npt.NDArray[np.uint8]:
    packed = np.frombuffer(buffer, np.uint8)[offset // 8 : (offset + length + 7) // 8]
    return np.unpackbits(packed, bitorder="little")[offset % 8 : offset % 8 + length]


class _Kind(Protocol):
    """How the cells of one column get into records."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the fixed part: the cell itself, or the length of what follows."""
        ...

    def put(self, array: pa.Array, out: Values, nulls: Flags | None) -> pa.Array | None:
        """Write the fixed part of every cell; the part of varying length, if there is one, is returned."""
        ...


@dataclass(frozen=True, slots=True)
class _Number:
    """One number, or one boolean, in a cell."""

    column: Column
    cell: Cell
    dtype: np.dtype[Any] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", _ITEMS[self.cell.datatype])

    def put(self, array: pa.Array, out: Values, nulls: Flags | None) -> None:
        out[:] = _items(array, nulls, column=self.column, cell=self.cell)


@dataclass(frozen=True, slots=True)
class _FixedArray:
    """As many numbers in each cell."""

    column: Column
    cell: Cell
    size: int
    dtype: np.dtype[Any] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", np.dtype((_ITEMS[self.cell.datatype], (self.size,))))

    def put(self, array: pa.Array, out: Values, nulls: Flags | None) -> None:
        lengths = pc.list_value_length(array).fill_null(self.size)
        if pc.any(pc.not_equal(lengths, self.size)).as_py():
            wrong = pc.filter(lengths, pc.not_equal(lengths, self.size))[0].as_py()
            raise ValueRangeError(
                f'A cell of the column "{self.column.name}" has {wrong} items;'
                f" its type is {self.column.type}."
            )
        flat = array.flatten()
        items = _items(flat, null_flags(flat), column=self.column, cell=self.cell).reshape(-1, self.size)
        if nulls is None:
            out[:] = items
        else:
            out[~nulls] = items
            out[nulls] = _missing(self.cell, as_item=True)


@dataclass(frozen=True, slots=True)
class _VaryingArray:
    """Some numbers in each cell, after their number."""

    column: Column
    cell: Cell
    dtype: np.dtype[Any] = _LENGTH

    def put(self, array: pa.Array, out: Values, nulls: Flags | None) -> pa.Array:
        out[:] = plain_values(pc.list_value_length(array).fill_null(0))
        return item_bytes(array, column=self.column, cell=self.cell)


def item_bytes(array: pa.Array, *, column: Column, cell: Cell) -> pa.Array:
    """The items of each list one after the other, big-endian; nothing for NULL.

    Raises
    ------
    ValueRangeError
        Raised if an item is NULL and the cell has no value for that, or has the value that means it.
    """
    flat = array.flatten()
    items = np.empty(len(flat), _ITEMS[cell.datatype])
    items[:] = _items(flat, null_flags(flat), column=column, cell=cell)
    lengths = plain_values(pc.list_value_length(array).fill_null(0))
    return binary_array(_ends(lengths.astype(np.int64) * items.itemsize), items.view(np.uint8))


def item_size(cell: Cell) -> int:
    """Bytes of one item."""
    return _ITEMS[cell.datatype].itemsize


@dataclass(frozen=True, slots=True)
class _FixedText:
    """A text of at most so many characters, filled up with NUL."""

    column: Column
    cell: Cell
    size: int
    escaped: set[str]
    dtype: np.dtype[Any] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", np.dtype(f"V{self.size * _ITEMS[self.cell.datatype].itemsize}"))

    def put(self, array: pa.Array, out: Values, nulls: Flags | None) -> None:
        text = _encoded(array, self.column, self.cell, self.escaped)
        offsets, _ = text_buffers(text)
        longest = int(np.diff(offsets).max(initial=0)) // _ITEMS[self.cell.datatype].itemsize
        if longest > self.size:
            raise ValueRangeError(
                f'A cell of the column "{self.column.name}" has {longest} characters;'
                f" its type is {self.column.type}."
            )
        out[:] = _padded(text, self.dtype.itemsize).view(self.dtype)


@dataclass(frozen=True, slots=True)
class _VaryingText:
    """A text after the number of its characters."""

    column: Column
    cell: Cell
    escaped: set[str]
    dtype: np.dtype[Any] = _LENGTH

    def put(self, array: pa.Array, out: Values, nulls: Flags | None) -> pa.Array:
        text = _encoded(array, self.column, self.cell, self.escaped)
        offsets, _ = text_buffers(text)
        lengths = np.diff(offsets)
        out[:] = lengths // 2 if self.cell.datatype == "unicodeChar" else lengths
        return text


def _encoded(array: pa.Array, column: Column, cell: Cell, escaped: set[str]) -> pa.Array:
    """The bytes of a text column; nothing for NULL."""
    text = array.fill_null("") if array.null_count else array
    if cell.datatype == "unicodeChar":
        return utf16(text)
    if is_ascii(text):
        return text.view(pa.binary())
    escaped.add(column.name)
    return ascii_escaped(text)


def _padded(text: pa.Array, width: int) -> npt.NDArray[np.uint8]:
    """The bytes of texts no longer than ``width``, each filled up with zero bytes to it."""
    offsets, data = text_buffers(text)
    if is_ascii(text):
        _, data = text_buffers(pc.ascii_rpad(text.view(pa.string()), width, padding="\0"))
        return data[: len(text) * width]
    padded = np.zeros(len(text) * width, np.uint8)
    starts = np.arange(len(text)) * width
    targets = np.repeat(starts - (offsets[:-1] - offsets[0]), np.diff(offsets))
    targets += np.arange(targets.size)
    padded[targets] = data[offsets[0] : offsets[-1]]
    return padded


def _ends(lengths: Values) -> npt.NDArray[np.int32]:
    ends = np.zeros(lengths.size + 1, np.int64)
    np.cumsum(lengths, out=ends[1:])
    return offsets_of(ends)


def _missing(cell: Cell, *, as_item: bool) -> float | int:
    """What stands where a value is NULL: NaN, the magic value, else zero bytes (VOTable 1.4 section 5.4)."""
    if cell.datatype in ("float", "double"):
        return np.nan
    if cell.datatype == "boolean":
        return _NO_BOOLEAN if as_item else 0
    return cell.null or 0


def _items(flat: pa.Array, nulls: Flags | None, *, column: Column, cell: Cell) -> Values:
    """The items of an array as they go into records, in the byte order of this machine."""
    values = plain_values(flat)
    if cell.datatype == "boolean":
        values = _BOOLEANS[values]
    if cell.null is not None:
        _check_magic(values, nulls, column=column, cell=cell)
    if nulls is None:
        return values
    if cell.is_array and cell.datatype == "unsignedByte" and cell.null is None:
        raise ValueRangeError(
            f'An item in the column "{column.name}" is NULL, which an array of unsignedByte cannot tell.',
            hint="Use COALESCE, or CAST to a wider integer.",
        )
    item = values.astype(_ITEMS[cell.datatype].newbyteorder("="))
    item[nulls] = _missing(cell, as_item=cell.is_array)
    return item


def _check_magic(values: Values, nulls: Flags | None, *, column: Column, cell: Cell) -> None:
    marked = values == cell.null
    if nulls is not None:
        marked &= ~nulls
    if marked.any():
        raise ValueRangeError(
            f'The column "{column.name}" has the value {cell.null}, which stands for NULL here.',
            hint="Ask for another format, such as votable/b2.",
        )


def _kind(column: Column, cell: Cell, escaped: set[str]) -> _Kind:
    size = cell.size
    if cell.is_text:
        if size is None:
            return _VaryingText(column, cell, escaped)
        return _FixedText(column, cell, size, escaped)
    if not cell.is_array:
        return _Number(column, cell)
    if size is None:
        return _VaryingArray(column, cell)
    return _FixedArray(column, cell, size)


@dataclass(slots=True)
class _Run:
    """Neighbouring parts of fixed size, up to the first part of varying length."""

    names: list[str]
    dtypes: list[np.dtype[Any]]
    table: Values = field(default_factory=lambda: np.empty(0))
    offsets: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros(1, np.int32))

    def reserve(self, rows: int) -> None:
        if len(self.table) < rows:
            dtype = np.dtype({"names": self.names, "formats": self.dtypes})
            self.table = np.zeros(rows, dtype)
            self.offsets = np.arange(rows + 1, dtype=np.int32) * np.int32(dtype.itemsize)

    def array(self, rows: int) -> pa.Array:
        return binary_array(self.offsets[: rows + 1], self.table.view(np.uint8))


class Records:
    """Makes the records of one result; not to be shared between threads.

    Parameters
    ----------
    columns
        Columns of the result.
    cells
        How the cells of each are declared.
    masked
        True for BINARY2, whose records begin with a mask of their NULLs.
    """

    _MASK = "mask"

    def __init__(self, columns: Sequence[Column], cells: Sequence[Cell], *, masked: bool) -> None:
        self.escaped: set[str] = set()
        """Names of char columns in which characters outside ASCII had to be escaped so far."""
        self._masked = masked
        self._kinds = tuple(
            _kind(column, cell, self.escaped) for column, cell in zip(columns, cells, strict=True)
        )
        self._runs = [_Run([], [])]
        self._place: list[tuple[int, str]] = []
        if masked:
            self._runs[0].names.append(self._MASK)
            self._runs[0].dtypes.append(np.dtype(("u1", ((len(columns) + 7) // 8,))))
        for number, kind in enumerate(self._kinds):
            name = f"c{number}"
            self._place.append((len(self._runs) - 1, name))
            self._runs[-1].names.append(name)
            self._runs[-1].dtypes.append(kind.dtype)
            if isinstance(kind, (_VaryingArray, _VaryingText)):
                self._runs.append(_Run([], []))

    @property
    def size(self) -> int | None:
        """Bytes of a record; None where they differ."""
        if len(self._runs) > 1:
            return None
        return sum(dtype.itemsize for dtype in self._runs[0].dtypes)

    def encode(self, batch: pa.RecordBatch) -> memoryview:
        """The records of a batch; they are overwritten by the next call."""
        rows = batch.num_rows
        for run in self._runs:
            if run.names:
                run.reserve(rows)
        parts = self._fill(batch)
        if len(self._runs) == 1:
            return self._runs[0].table[:rows].view(np.uint8).data
        segments = []
        for run, part in zip(self._runs, [*parts, None], strict=True):
            if run.names:
                segments.append(run.array(rows))
            if part is not None:
                segments.append(part)
        offsets, data = text_buffers(pc.binary_join_element_wise(*segments, _JOINT))
        return data[offsets[0] : offsets[-1]].data

    def _fill(self, batch: pa.RecordBatch) -> list[pa.Array]:
        parts = []
        rows = batch.num_rows
        mask = self._runs[0].table[self._MASK][:rows] if self._masked else None
        if mask is not None:
            mask[:] = 0
        for number, (kind, array) in enumerate(zip(self._kinds, batch.columns, strict=True)):
            run, name = self._place[number]
            nulls = null_flags(array)
            part = kind.put(array, self._runs[run].table[name][:rows], nulls)
            if part is not None:
                parts.append(part)
            if nulls is not None and mask is not None:
                byte = mask[:, number // 8]
                np.bitwise_or(byte, np.uint8(128 >> number % 8), out=byte, where=nulls)
        return parts
