"""What a cell of a column is in VOTable: how many items of which type, and how a missing one is told."""

from __future__ import annotations

import math
from dataclasses import dataclass

from adql.types import TEXT, ColumnType

NULLS = {"short": -(2**15), "int": -(2**31), "long": -(2**63)}
"""The value that stands for NULL where nothing else can: the least of the type."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The cells of a column as a FIELD declares them (VOTable 1.4 section 4.1)."""

    datatype: str
    arraysize: str | None = None
    null: int | None = None
    """The value that stands for NULL: VALUES null; None where none does."""

    @property
    def is_text(self) -> bool:
        return self.datatype in TEXT

    @property
    def is_array(self) -> bool:
        """True for several items in a cell that are not the characters of a text."""
        return self.arraysize is not None and not self.is_text

    @property
    def size(self) -> int | None:
        """Number of items or characters in every cell; None where it varies.

        A text column without arraysize holds one character, an array ``3x2`` six items.
        """
        if self.arraysize is None:
            return 1
        if self.arraysize.endswith("*"):
            return None
        return math.prod(int(length) for length in self.arraysize.split("x"))

    @property
    def least_bytes(self) -> int:
        """About the bytes that every cell takes, even an empty one."""
        return 8 * (self.size or 1)


def cell_of(column_type: ColumnType, *, masked: bool) -> Cell:
    """How the cells of a column are declared.

    Parameters
    ----------
    column_type
        Type of the column.
    masked
        True for a serialisation that can tell a NULL from every value: BINARY2 by its mask, TABLEDATA by an
        empty cell. There the magic value is left out, as VOTable 1.4 section 5.5 advises, save in
        arrays of integers, whose items have no other way to be NULL.

    Notes
    -----
    In BINARY an unsignedByte becomes a short: each of its 256 values may be a value, so that none could
    stand for NULL.
    """
    if masked and column_type.arraysize is None:
        return Cell(column_type.datatype)
    if column_type.datatype == "unsignedByte" and column_type.arraysize is None:
        return Cell("short", None, NULLS["short"])
    return Cell(column_type.datatype, column_type.arraysize, NULLS.get(column_type.datatype))
