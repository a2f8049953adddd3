"""FITS binary tables (FITS 4.0 section 7.3): the first of a file, or the one that a VOTable points to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from app.cards import Cards
from app.uploads.content import size_of
from app.uploads.field import Field
from app.uploads.intake import Complaint, Intake, shown
from app.uploads.items import Bytes, Counts, cell_bytes, decode
from app.uploads.table import RawTable

MEDIA_TYPES = ("application/fits", "image/fits")
_BLOCK = 2880
_MOST_BLOCKS = 2000
_ROWS = 65_536
"""Most rows of a batch."""
_TFORM = re.compile(r"\s*(?P<repeat>\d{0,9})(?P<code>[LXBIJKAEDCMPQ])(?P<rest>.*)")
_ELEMENT = re.compile(r"[LXBIJKAEDCM]")
_TDIM = re.compile(r"\s*\(\s*(\d+(?:\s*,\s*\d+)*)\s*\)\s*")
_DATATYPES = {
    "L": "boolean",
    "X": "bit",
    "B": "unsignedByte",
    "I": "short",
    "J": "int",
    "K": "long",
    "A": "char",
    "E": "float",
    "D": "double",
    "C": "floatComplex",
    "M": "doubleComplex",
}
_DESCRIPTORS = {"P": 8, "Q": 16}
"""Bytes of a descriptor of an array of variable length."""
_OTHER_SIGN = {("B", -128): "short", ("I", 2**15): "int", ("J", 2**31): "long", ("K", 2**63): "long"}
"""The zero points by which FITS writes the other sign (FITS 4.0 table 19), and what holds the numbers."""


def is_fits(head: bytes) -> bool:
    """True for the beginning of a FITS file."""
    return head.startswith(b"SIMPLE  =")


@dataclass(frozen=True, slots=True)
class _Column:
    """A column as the header describes it."""

    field: Field
    code: str
    """Letter of TFORM; of an array of variable length, that of its elements."""
    descriptor: str
    """``P`` or ``Q`` for an array of variable length, else empty."""
    offset: int
    """First byte in a row."""
    width: int
    """Bytes in a row."""
    scale: float
    zero: float
    null: int | None

    @property
    def is_scaled(self) -> bool:
        return (self.scale, self.zero) != (1, 0) and self.code in "BIJKED"


def read_fits(content: BinaryIO, intake: Intake) -> RawTable:
    """The first binary table of a file.

    Raises
    ------
    app.errors.UploadError
        Raised if there is none, or it is damaged.
    app.errors.RequestTooLarge
        Raised if it has more rows or columns than the limits allow.
    """
    return read_extension(content, intake, extension=None)


def read_extension(content: BinaryIO, intake: Intake, *, extension: int | None) -> RawTable:
    """The table in the HDU of that number; the first one, if none is given."""
    number = 0
    while True:
        cards = _header(content, intake, number)
        if cards is None:
            where = "no binary table" if extension is None else f"no binary table in its HDU {extension}"
            raise intake.fault(f"It is a FITS file with {where}.")
        size = _data_size(cards, intake)
        wanted = number == extension if extension is not None else not cards.is_true("ZIMAGE")
        if wanted and cards.text("XTENSION") in ("BINTABLE", "A3DTABLE"):
            return _table(content, cards, intake, size)
        content.seek(size + -size % _BLOCK, 1)
        number += 1


def _header(content: BinaryIO, intake: Intake, number: int) -> Cards | None:
    """The header that is next; None at the end of the file."""
    blocks = b""
    while True:
        block = content.read(_BLOCK)
        if not blocks and (not block or (number and not block.startswith(b"XTENSION"))):
            return None
        if not number and not is_fits(block) and not blocks:
            raise intake.fault("It is no FITS file: it does not begin with SIMPLE.")
        blocks += block
        cards = (block[place : place + 80] for place in range(0, len(block), 80))
        if any(card.startswith(b"END" + b" " * 5) for card in cards):
            break
        if len(block) < _BLOCK or len(blocks) > _MOST_BLOCKS * _BLOCK:
            raise intake.fault(f"The header of its HDU {number} does not end.")
    return Cards(blocks)


def _count(cards: Cards, keyword: str, intake: Intake, default: int | None = None) -> int:
    value = cards.integer(keyword) if keyword in cards else default
    if value is None or not 0 <= value < 2**60:
        raise intake.fault(f"Its header has {keyword}={cards.text(keyword)[:40]}; it is a number from 0 up.")
    return value


def _data_size(cards: Cards, intake: Intake) -> int:
    """Bytes of the data of an HDU, without padding (FITS 4.0 section 4.4.1)."""
    naxis = _count(cards, "NAXIS", intake, 0)
    if not naxis or naxis > 999:
        return 0
    size = abs(cards.integer("BITPIX") or 8) // 8 * _count(cards, "GCOUNT", intake, 1)
    items = 1
    for axis in range(1, naxis + 1):
        items *= _count(cards, f"NAXIS{axis}", intake)
    return size * (items + _count(cards, "PCOUNT", intake, 0))


def _table(content: BinaryIO, cards: Cards, intake: Intake, size: int) -> RawTable:
    row_bytes, rows = (_count(cards, f"NAXIS{axis}", intake) for axis in (1, 2))
    there = size_of(content)
    if size > there:
        raise intake.fault(
            f"Its header announces {size:,} bytes of rows, but {there:,} follow: it is cut off, or lies."
        )
    intake.check_rows(rows)
    columns = _columns(cards, intake)
    if sum(column.width for column in columns) > row_bytes:
        raise intake.fault(f"Its columns are wider than the {row_bytes} bytes of its rows.")
    heap_start = _count(cards, "THEAP", intake, row_bytes * rows)
    start = content.tell()
    content.seek(start + min(heap_start, size))
    heap = content.read(size - min(heap_start, size))
    content.seek(start)
    batches = list(_batches(content, columns, intake, _Extent(rows, row_bytes), heap))
    return RawTable.of([column.field for column in columns], batches)


@dataclass(frozen=True, slots=True)
class _Extent:
    rows: int
    row_bytes: int


def _columns(cards: Cards, intake: Intake) -> tuple[_Column, ...]:
    count = _count(cards, "TFIELDS", intake, 0)
    intake.check_columns(count)
    columns, offset = [], 0
    for number in range(1, count + 1):
        column = _column(cards, number, offset, intake)
        offset += column.width
        # A column of no width holds nothing (FITS 4.0 section 7.3.1).
        if column.width:
            columns.append(column)
    if not columns:
        raise intake.fault("It has no columns, and so nothing that a query could name.")
    return tuple(columns)


def _column(cards: Cards, number: int, offset: int, intake: Intake) -> _Column:
    name = cards.text(f"TTYPE{number}") or f"column_{number}"
    written = cards.text(f"TFORM{number}")
    form = _TFORM.fullmatch(written)
    element = _ELEMENT.match(form["rest"]) if form and form["code"] in _DESCRIPTORS else None
    if form is None or (form["code"] in _DESCRIPTORS and element is None):
        raise intake.fault(f"its TFORM {shown(written)} is none of FITS.", column=name)
    repeat = int(form["repeat"] or 1)
    descriptor = form["code"] if element else ""
    code = element[0] if element else form["code"]
    if descriptor:
        width = _DESCRIPTORS[descriptor] if repeat else 0
    else:
        width = cell_bytes(_DATATYPES[code], repeat)
    column = _Column(
        field=Field(
            name=name,
            datatype=_DATATYPES[code],
            arraysize="*" if descriptor else _arraysize(cards, number, code, repeat),
            unit=cards.text(f"TUNIT{number}") or None,
            ucd=cards.text(f"TUCD{number}") or None,
            utype=cards.text(f"TUTYP{number}") or None,
            description=cards.text(f"TCOMM{number}"),
        ),
        code=code,
        descriptor=descriptor,
        offset=offset,
        width=width,
        scale=_number(cards, f"TSCAL{number}", 1),
        zero=_number(cards, f"TZERO{number}", 0),
        null=cards.integer(f"TNULL{number}") if code in "BIJK" else None,
    )
    return _with_scaled_type(column)


def _number(cards: Cards, keyword: str, default: int) -> float:
    whole = cards.integer(keyword)
    number = cards.number(keyword) if whole is None else whole
    return default if number is None else number


def _arraysize(cards: Cards, number: int, code: str, repeat: int) -> str | None:
    dimensions = _TDIM.fullmatch(cards.text(f"TDIM{number}"))
    if dimensions is not None:
        lengths = [int(length) for length in dimensions[1].split(",")]
        if np.prod(lengths, dtype=object) == repeat and 0 not in lengths and len(lengths) > 1:
            return "x".join(map(str, lengths))
    return str(repeat) if repeat > 1 or code == "A" else None


def _with_scaled_type(column: _Column) -> _Column:
    if not column.is_scaled:
        return column
    datatype = _OTHER_SIGN.get((column.code, int(column.zero))) if column.scale == 1 else None
    return replace(column, field=replace(column.field, datatype=datatype or "double"))


def _batches(
    content: BinaryIO, columns: tuple[_Column, ...], intake: Intake, extent: _Extent, heap: bytes
) -> Iterator[pa.RecordBatch]:
    per_batch = max(1, min(_ROWS, (4 << 20) // max(extent.row_bytes, 1)))
    for first in range(0, extent.rows, per_batch):
        intake.check_stopped()
        rows = min(per_batch, extent.rows - first)
        block = np.frombuffer(content.read(rows * extent.row_bytes), np.uint8).reshape(rows, extent.row_bytes)
        arrays = [
            _values(
                column,
                block[:, column.offset : column.offset + column.width],
                heap,
                intake.complaint(column.field.name, first),
            )
            for column in columns
        ]
        yield pa.RecordBatch.from_arrays(arrays, [str(number) for number in range(len(arrays))])


def _values(column: _Column, block: npt.NDArray[np.uint8], heap: bytes, complain: Complaint) -> pa.Array:
    if column.descriptor:
        data, counts = _from_heap(column, block, heap, complain)
    else:
        data = np.ascontiguousarray(block).reshape(-1)
        counts = np.full(len(block), column.field.count or 1)
    field = column.field
    if column.is_scaled:
        return _scaled(column, data, counts, complain)
    if column.null is not None:
        field = replace(field, null=str(column.null))
    array = decode(data, counts, field, missing=None, complain=complain)
    # Trailing blanks are no part of a text in FITS.
    return _without_blanks(array) if field.is_text else array


def _without_blanks(array: pa.Array) -> pa.Array:
    text = pc.utf8_rtrim(array, " ")
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def _from_heap(
    column: _Column, block: npt.NDArray[np.uint8], heap: bytes, complain: Complaint
) -> tuple[Bytes, Counts]:
    """The bytes of arrays of variable length (FITS 4.0 section 7.3.5), and how many items each has."""
    descriptors = np.ascontiguousarray(block).view(">i4" if column.descriptor == "P" else ">i8")
    counts, starts = (descriptors[:, part].astype(np.int64) for part in (0, 1))
    sizes = cell_bytes(_DATATYPES[column.code], np.clip(counts, 0, len(heap) * 8))
    wrong = (counts < 0) | (counts > len(heap) * 8)
    wrong |= (sizes > 0) & ((starts < 0) | (starts > len(heap) - sizes))
    if wrong.any():
        raise complain(int(wrong.argmax()), "its array lies outside of the heap.")
    if int(sizes.sum()) > len(heap):
        # Cells may share a place; then a small file would hold more than its size.
        raise complain(0, "its arrays overlap in the heap.")
    places = np.repeat(starts - (np.cumsum(sizes) - sizes), sizes) + np.arange(int(sizes.sum()))
    return np.frombuffer(heap, np.uint8)[places], counts


def _scaled(column: _Column, data: Bytes, counts: Counts, complain: Complaint) -> pa.Array:
    """``TZERO + TSCAL * value``, exact where it only changes the sign of integers."""
    null = None if column.null is None else str(column.null)
    raw = replace(column.field, datatype=_DATATYPES[column.code], null=null)
    array = decode(data, counts, raw, missing=None, complain=complain)
    if isinstance(array, pa.ListArray):
        items = _rescaled(array.values, column, lambda item, problem: complain(0, problem))
        return pa.ListArray.from_arrays(array.offsets, items)
    return _rescaled(array, column, complain)


def _rescaled(array: pa.Array, column: _Column, complain: Complaint) -> pa.Array:
    if column.field.datatype == "double":
        scaled = pc.add(pc.multiply(array.cast(pa.float64()), float(column.scale)), float(column.zero))
        return scaled
    if column.code == "K":
        # Up to 2**64 - 1; what a long cannot hold is told.
        negative = pc.less(array, 0)
        if not pc.all(negative).as_py():
            row = pc.index(negative, False).as_py()
            raise complain(row, f"{array[row].as_py() + 2**63} does not fit into a long.")
        return pc.add(pc.add(array, 2**62), 2**62)
    target = {"short": pa.int16(), "int": pa.int32(), "long": pa.int64()}[column.field.datatype]
    return pc.add(array.cast(pa.int64()), int(column.zero)).cast(target)
