"""The shape of a binary table: its rows, and what its columns are."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adql import ColumnType
from app.cards import Cards
from app.ingest.errors import FileRejected

Rows = NDArray[np.void]

LARGEST_ROW = 1 << 26
"""Bytes of the widest row that is read."""

_TFORM = re.compile(r"\s*(\d*)\s*([LXBIJKAEDCMPQ])\s*(.*)", re.IGNORECASE)
_VARIABLE = re.compile(r"([LBIJKAEDCM])(?:\((\d+)\))?.*", re.IGNORECASE)

WIDTHS = {"L": 1, "B": 1, "I": 2, "J": 4, "K": 8, "A": 1, "E": 4, "D": 8, "C": 8, "M": 16, "P": 8, "Q": 16}
"""Bytes of one element (FITS 4.0 table 18); bits (X) apart."""

NUMBERS = {"B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8", "C": ">f4", "M": ">f8"}
_DATATYPES = {
    "L": "boolean",
    "B": "unsignedByte",
    "I": "short",
    "J": "int",
    "K": "long",
    "E": "float",
    "D": "double",
    "C": "float",
    "M": "double",
    "A": "char",
}
OTHER_SIGN = {
    ("B", -128.0): ("i1", "short"),
    ("I", 32768.0): ("u2", "int"),
    ("J", 2147483648.0): ("u4", "long"),
    ("K", 9223372036854775808.0): ("u8", "long"),
}
"""The zero points by which FITS writes the other sign (FITS 4.0 table 19): type of the numbers, datatype."""


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column of a binary table (FITS 4.0 section 7.3)."""

    name: str
    """TTYPEn; empty if the column has none."""
    number: int
    """From 1."""
    code: str
    """Letter of TFORMn; of a variable-length array, that of its elements."""
    repeat: int
    """Elements in a cell; of bits, their number."""
    offset: int
    """First byte in a row."""
    width: int
    """Bytes in a row."""
    unit: str = ""
    comment: str = ""
    """TCOMMn, or what stands behind TTYPEn."""
    scale: float = 1.0
    zero: float = 0.0
    null: int | None = None
    descriptor: str = ""
    """``P`` or ``Q`` for a variable-length array, else empty."""

    @property
    def type(self) -> ColumnType:
        """What the values are, in the words of VOTable."""
        if self.code == "A":
            return ColumnType("char", "*")
        if self.code == "X":
            return ColumnType("long") if self.repeat <= 64 else ColumnType("boolean", str(self.repeat))
        size = "*" if self.descriptor else None
        if not self.descriptor and (self.repeat > 1 or self.code in "CM"):
            size = str(self.repeat * (2 if self.code in "CM" else 1))
        return ColumnType(self._datatype, size)

    @property
    def _datatype(self) -> str:
        if self.code in "EDCM" or (self.scale, self.zero) == (1.0, 0.0):
            return "double" if self._is_scaled and self.code == "E" else _DATATYPES[self.code]
        other = OTHER_SIGN.get((self.code, self.zero)) if self.scale == 1.0 else None
        if other:
            return other[1]
        whole = self.scale.is_integer() and self.zero.is_integer() and abs(self.zero) < 2**31
        return "long" if whole and self.code in "BIJ" and abs(self.scale) < 2**30 else "double"

    @property
    def _is_scaled(self) -> bool:
        return (self.scale, self.zero) != (1.0, 0.0)

    @property
    def format(self) -> str:
        """The numpy type of the cells as they lie in the file."""
        if self.descriptor:
            return "(2,)>i4" if self.descriptor == "P" else "(2,)>i8"
        if self.code == "A":
            return f"S{self.width}"
        if self.code in "LX":
            return f"({self.width},)u1"
        count = self.repeat * (2 if self.code in "CM" else 1)
        return NUMBERS[self.code] if count == 1 else f"({count},){NUMBERS[self.code]}"


@dataclass(frozen=True, slots=True)
class TableShape:
    """A binary table: its rows and columns."""

    nrows: int
    row_bytes: int
    columns: tuple[TableColumn, ...]
    heap: int
    """First byte of the heap after the start of the data."""
    size: int
    """Bytes of the data with the heap."""

    @classmethod
    def of(cls, cards: Cards) -> TableShape:
        """The table that a header describes.

        Raises
        ------
        FileRejected
            Raised if it contradicts itself, or is compressed as a whole.
        """
        if cards.is_true("ZTABLE"):
            raise FileRejected(
                "Its table is compressed (ZTABLE, FITS 4.0 section 10.3); a table as funpack restores it "
                "is right."
            )
        nrows, row_bytes, count = (cards.integer(key) for key in ("NAXIS2", "NAXIS1", "TFIELDS"))
        if (
            nrows is None
            or row_bytes is None
            or count is None
            or min(nrows, row_bytes, count) < 0
            or count > 999
        ):
            raise FileRejected("Its table has no valid NAXIS1, NAXIS2 and TFIELDS.")
        if row_bytes > LARGEST_ROW:
            raise FileRejected(f"A row of its table has {row_bytes} bytes; at most {LARGEST_ROW} are read.")
        columns = _columns(cards, count)
        filled = sum(column.width for column in columns)
        if filled != row_bytes:
            raise FileRejected(
                f"Its columns (TFORMn) fill {filled} bytes of a row, but NAXIS1 says {row_bytes}."
            )
        table = nrows * row_bytes
        heap = cards.integer("THEAP")
        size = table + max(cards.integer("PCOUNT") or 0, 0)
        return cls(nrows, row_bytes, columns, table if heap is None or heap < table else heap, size)

    @property
    def is_variable(self) -> bool:
        """True if some column's values lie in the heap."""
        return any(column.descriptor for column in self.columns)

    def column(self, *names: str) -> TableColumn | None:
        """The column of the first of the names that there is: as written, else in any case."""
        for name in names:
            exact = next((column for column in self.columns if column.name == name), None)
            if exact is not None:
                return exact
        for name in names:
            for column in self.columns:
                if column.name.upper() == name.upper():
                    return column
        return None

    def rows(self, data: bytes) -> Rows:
        """Rows of the table, of which :mod:`app.ingest.cells` gives the columns."""
        cells = [column for column in self.columns if column.width]
        layout = np.dtype(
            {
                "names": [str(column.number) for column in cells],
                "formats": [column.format for column in cells],
                "offsets": [column.offset for column in cells],
                "itemsize": self.row_bytes,
            }
        )
        return np.frombuffer(data, dtype=layout) if self.row_bytes else np.zeros(0, dtype=layout)


def _columns(cards: Cards, count: int) -> tuple[TableColumn, ...]:
    columns: list[TableColumn] = []
    offset = 0
    for number in range(1, count + 1):
        column = _column(cards, number, offset)
        columns.append(column)
        offset += column.width
    return tuple(columns)


def _column(cards: Cards, number: int, offset: int) -> TableColumn:
    name, form = cards.text(f"TTYPE{number}"), cards.text(f"TFORM{number}")
    unknown = FileRejected(
        f'Its column {number} ("{name}") has a format (TFORM{number}) that FITS does not know: "{form}".'
    )
    match = _TFORM.fullmatch(form)
    repeat = int(match.group(1) or 1) if match and len(match.group(1)) < 10 else -1
    if match is None or repeat < 0:
        raise unknown
    code, descriptor = match.group(2).upper(), ""
    width = (repeat + 7) // 8 if code == "X" else repeat * WIDTHS[code]
    if code in "PQ":
        element = _VARIABLE.fullmatch(match.group(3).strip())
        if element is None or repeat > 1:
            raise unknown
        code, descriptor = element.group(1).upper(), code
    scale, zero = cards.number(f"TSCAL{number}"), cards.number(f"TZERO{number}")
    return TableColumn(
        name=name,
        number=number,
        code=code,
        repeat=repeat,
        offset=offset,
        width=width,
        unit=cards.text(f"TUNIT{number}"),
        comment=cards.text(f"TCOMM{number}") or cards.comment(f"TTYPE{number}"),
        scale=1.0 if scale is None or code in "LXA" else scale,
        zero=0.0 if zero is None or code in "LXA" else zero,
        null=cards.integer(f"TNULL{number}") if code in "BIJK" else None,
        descriptor=descriptor,
    )


def rows_at_a_time(row_bytes: int, nbytes: int) -> int:
    """Rows that fill about so many bytes; at least one."""
    return max(1, math.floor(nbytes / max(row_bytes, 1)))
