"""FITS binary tables (FITS 4.0 section 7.3), with a VOTable of their metadata in the primary array.

The header of a FITS table says how many rows follow, and how long the longest text is, before the first
row. So the rows go through a temporary file first, and come out in constant memory still. The primary
array is that of "FITS-plus", which TOPCAT and STILTS read: a VOTable without rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from astropy.io.fits import Header
from pyarrow import ipc

from adql import Column
from app.errors import ValueRangeError
from app.formats.base import Info, Provenance, status_after
from app.formats.binary import Records, item_bytes, item_size
from app.formats.cells import Cell
from app.formats.characters import ascii_escaped, is_ascii, text_buffers
from app.formats.chunks import begun, sliced
from app.formats.spool import Spool, SpoolFile
from app.formats.votable import described
from app.results import ResultStream

_BLOCK = 2880
"""FITS 4.0 section 3.1."""
_MOST_COLUMNS = 999
"""FITS 4.0 section 7.3.1, TFIELDS."""
_LETTERS = {
    "boolean": "L",
    "unsignedByte": "B",
    "short": "I",
    "int": "J",
    "long": "K",
    "float": "E",
    "double": "D",
    "char": "A",
    "unicodeChar": "A",
}
"""FITS 4.0 table 18."""
_BITS = {"unsignedByte": (0, 8), "short": (-(2**15), 16), "int": (-(2**31), 32), "long": (-(2**63), 64)}
"""Least value and size of the integers."""
_LONGEST_REMARK = 3000
"""Characters of a statement about the result in the header; the VOTable before it has them all."""
_FEW = 5
"""So many values are looked for one by one, more in one go."""
_SHORT_TEXT = 64
_SPARSE = 4
"""A text column is of fixed width if no text is longer than this, or that takes no more than so many times
the bytes of its texts; else its texts are in the heap."""


@dataclass(frozen=True, slots=True)
class Fits:
    r"""Writes results as FITS files of one binary table.

    Text is ASCII, other characters are escaped as ``\xe9`` or ``\u2605``; NULL is an empty text, NaN, or
    TNULL. QSTATUS in the header of the table is the status of DALI 1.1 section 4.4. A fault is raised
    before the first chunk.

    Parameters
    ----------
    spool
        Where the rows are until they are counted.
    """

    media_type: str = "application/fits"
    extension: str = "fits"
    tells_status: bool = False
    spool: Spool = field(default_factory=Spool, compare=False, repr=False)

    def write(self, result: ResultStream, provenance: Provenance) -> Iterator[bytes]:
        """The file in chunks; see :class:`app.formats.base.Writer`."""
        if len(result.columns) > _MOST_COLUMNS:
            raise ValueRangeError(
                f"A FITS table has at most {_MOST_COLUMNS} columns; this has {len(result.columns)}."
            )
        with self.spool.file() as file:
            table = _Table(result, file)
            status = status_after(result, rows=table.rows, fault=None)
            content = described(result.columns, provenance, *filter(None, [status]))
            head = _primary(content) + table.header(provenance, status)
            yield from begun(head, table.pieces())


def _primary(content: bytes) -> bytes:
    """The primary header and array of FITS-plus; the order of its first cards is its mark."""
    header = Header()
    header["SIMPLE"] = (True, "conforms to FITS standard")
    header["BITPIX"] = (8, "an array of bytes")
    header["NAXIS"] = 1
    header["NAXIS1"] = len(content)
    header["VOTMETA"] = (True, "the array is a VOTable: metadata of the table")
    header["EXTEND"] = True
    return bytes(header.tostring(), "ascii") + content + b"\0" * _padding(len(content))


def _padding(size: int) -> int:
    return -size % _BLOCK


@dataclass(slots=True)
class _Facts:
    """What must be known of a column before its first row is written."""

    column: Column
    nulls: bool = False
    longest: int = 0
    """Most items or characters in a cell."""
    total: int = 0
    """Items or characters in all cells."""
    free: list[int] = field(default_factory=list)
    """Integers that may stand for NULL, as no value has them."""

    def __post_init__(self) -> None:
        if self.column.type.datatype in _BITS:
            least, bits = _BITS[self.column.type.datatype]
            most = least + 2**bits - 1
            # Of bytes there are so few that all must be tried.
            self.free = list(range(256)) if bits == 8 else [least, most, least + 1, most - 1, 0]

    @property
    def _declared(self) -> Cell:
        return Cell(self.column.type.datatype, self.column.type.arraysize)

    def learn(self, array: pa.Array) -> None:
        items = array
        if self._declared.is_text or self._declared.is_array:
            lengths = _lengths(array)
            self.longest = max(self.longest, pc.max(lengths).as_py() or 0)
            self.total += pc.sum(lengths).as_py() or 0
            items = array.flatten() if self._declared.is_array else array
        told_by_items = self._declared.size is not None  # else a cell that is NULL is one without items
        self.nulls = self.nulls or items.null_count > 0 or (told_by_items and array.null_count > 0)
        if len(self.free) > _FEW:
            taken = set(pc.unique(items).to_pylist())
            self.free = [value for value in self.free if value not in taken]
        self.free = [value for value in self.free if not pc.any(pc.equal(items, value)).as_py()]

    def in_heap(self, rows: int) -> bool:
        """True if the cells are of varying length, out of the rows."""
        if not self._declared.is_text:
            return self._declared.size is None
        return self.longest > _SHORT_TEXT and self.longest * rows > _SPARSE * self.total

    def cell(self) -> Cell:
        """How the cells, or the items in the heap, are written."""
        if self._declared.is_text:
            return Cell("char", str(max(1, self.longest)))
        if not self.nulls or self.column.type.datatype not in _BITS:
            return self._declared
        if not self.free:
            raise ValueRangeError(
                f'The column "{self.column.name}" has NULLs and leaves no value to tell them by in FITS.',
                hint="Ask for another format, or CAST the column to a wider integer.",
            )
        return replace(self._declared, null=self.free[0])


@dataclass(frozen=True, slots=True)
class _Field:
    """How a column stands in the table."""

    column: Column
    cell: Cell
    heap: int | None
    """Bytes of its items in the heap; None for a column whose cells stand in the rows."""
    longest: int

    @classmethod
    def of(cls, facts: _Facts, rows: int) -> _Field:
        cell = facts.cell()
        heap = facts.total * item_size(cell) if facts.in_heap(rows) else None
        return cls(facts.column, cell, heap, facts.longest)

    @property
    def in_row(self) -> Cell:
        """What stands in the rows: the cell, or the number and place of the items in the heap."""
        return self.cell if self.heap is None else Cell("long", "2")

    def items(self, array: pa.Array) -> pa.Array:
        """What goes into the heap, a cell each."""
        if self.cell.is_text:
            return array.fill_null("").cast(pa.binary())
        return item_bytes(array, column=self.column, cell=self.cell)

    def descriptors(self, array: pa.Array, place: int) -> pa.Array:
        """Number and place of the items of each cell, the first of which stands at ``place`` of the heap."""
        lengths = _lengths(array).to_numpy().astype(np.int64)
        pairs = np.empty((len(array), 2), np.int64)
        pairs[:, 0] = lengths
        pairs[:, 1] = place + (np.cumsum(lengths) - lengths) * item_size(self.cell)
        ends = np.arange(0, pairs.size + 1, 2, dtype=np.int32)
        return pa.ListArray.from_arrays(pa.array(ends), pa.array(pairs.reshape(-1)))

    def cards(self, number: int) -> Iterator[tuple[str, str | int]]:
        """Its keywords; TUCD and TCOMM as STILTS writes them, for what FITS has no words for."""
        letter = _LETTERS[self.cell.datatype]
        form = f"{self.cell.size}{letter}" if self.heap is None else f"1Q{letter}({self.longest})"
        yield f"TTYPE{number}", _ascii(self.column.name)
        yield f"TFORM{number}", form
        if self.cell.null is not None:
            yield f"TNULL{number}", self.cell.null
        shape = (self.column.type.arraysize or "").split("x")
        if self.heap is None and self.cell.is_array and len(shape) > 1:
            yield f"TDIM{number}", f"({','.join(shape)})"
        facts = {"TUNIT": self.column.unit, "TUCD": self.column.ucd, "TCOMM": self.column.description}
        for keyword, value in facts.items():
            if value:
                yield f"{keyword}{number}", _ascii(value)


class _Table:
    """The rows of a result in a temporary file, and what is to be said of them."""

    def __init__(self, result: ResultStream, file: SpoolFile) -> None:
        self.rows = 0
        self._file = file
        facts = [_Facts(column) for column in result.columns]
        self._spool(result, facts)
        self._fields = [_Field.of(known, self.rows) for known in facts]
        self._heap = sum(field.heap or 0 for field in self._fields)
        self._records = Records(result.columns, [field.in_row for field in self._fields], masked=False)

    def _spool(self, result: ResultStream, facts: Sequence[_Facts]) -> None:
        with self._file.writing(), ipc.new_stream(self._file.content, result.schema) as writer:
            for batch in sliced(result.batches):
                arrays = [_in_ascii(array) for array in batch.columns]
                for known, array in zip(facts, arrays, strict=True):
                    known.learn(array)
                writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=result.schema))
                self._file.account()
                self.rows += batch.num_rows

    def _batches(self) -> Iterator[pa.RecordBatch]:
        self._file.content.seek(0)
        return sliced(ipc.open_stream(self._file.content), row_bytes=self._records.size or 0)

    def header(self, provenance: Provenance, status: Info | None) -> bytes:
        """The header of the table."""
        header = Header()
        header["XTENSION"] = ("BINTABLE", "binary table extension")
        header["BITPIX"] = 8
        header["NAXIS"] = 2
        header["NAXIS1"] = (self._records.size, "bytes of a row")
        header["NAXIS2"] = (self.rows, "rows")
        header["PCOUNT"] = (self._heap, "bytes of the heap")
        header["GCOUNT"] = 1
        header["TFIELDS"] = (len(self._fields), "columns")
        header["EXTNAME"] = _ascii(provenance.name)
        header["QSTATUS"] = (status.value if status else "OK", "DALI 1.1 QUERY_STATUS")
        for number, field_ in enumerate(self._fields, start=1):
            header.update(dict(field_.cards(number)))
        for info in provenance.infos:
            header.add_history(_ascii(f"{info.name}: {info.value}"[:_LONGEST_REMARK]))
        return bytes(header.tostring(), "ascii")

    def pieces(self) -> Iterator[bytes]:
        """The rows, the heap, and what fills the last block."""
        size = self._heap
        place = 0
        for batch in self._batches():
            arrays = []
            for field_, array in zip(self._fields, batch.columns, strict=True):
                if field_.heap is None:
                    arrays.append(array)
                else:
                    arrays.append(field_.descriptors(array, place))
                    place += pc.sum(_lengths(array)).as_py() * item_size(field_.cell)
            names = [str(number) for number in range(len(arrays))]
            block = self._records.encode(pa.RecordBatch.from_arrays(arrays, names))
            size += len(block)
            yield bytes(block)
        if self._heap:
            for batch in self._batches():
                for field_, array in zip(self._fields, batch.columns, strict=True):
                    if field_.heap is not None:
                        offsets, data = text_buffers(field_.items(array))
                        yield data[offsets[0] : offsets[-1]].tobytes()
        yield b"\0" * _padding(size)


def _lengths(array: pa.Array) -> pa.Array:
    """Items or characters of each cell; 0 for NULL."""
    lengths = pc.binary_length(array) if pa.types.is_string(array.type) else pc.list_value_length(array)
    return lengths.fill_null(0)


def _in_ascii(array: pa.Array) -> pa.Array:
    if not pa.types.is_string(array.type):
        return array
    text = array.fill_null("")
    return text if is_ascii(text) else ascii_escaped(text).cast(pa.string())


def _ascii(text: str) -> str:
    """A text as a header can hold it: printable ASCII (FITS 4.0 section 4.2.1)."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    return plain.encode("ascii", "backslashreplace").decode()
