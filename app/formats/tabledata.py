"""Rows as the TABLEDATA of VOTable 1.4 section 5.1."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from adql import Column
from app.formats.cells import Cell, cell_of
from app.formats.characters import REPLACEMENT, xml_escaped
from app.formats.lines import Lines
from app.formats.literals import votable_literals

_CELL = b"\x1f"
"""Between two cells at first: a character that no XML document can hold."""
_ROW = b"<TR><TD>"
_END = b"</TD></TR>\n"
_NEXT = b"</TD><TD>"


class TableRows:
    """Makes the TR elements of one result."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._cells = tuple(cell_of(column.type, masked=True) for column in columns)
        self._lines = Lines(separator=_CELL.decode(), terminator=(_END + _ROW).decode(), quoted=False)

    def encode(self, batch: pa.RecordBatch) -> bytes:
        """The rows of a batch."""
        pairs = zip(batch.columns, self._cells, strict=True)
        lines = self._lines.encode([_literals(array, cell) for array, cell in pairs])
        return _ROW + lines[: -len(_ROW)].replace(_CELL, _NEXT) if lines else b""


def _literals(array: pa.Array, cell: Cell) -> pa.Array:
    if not cell.is_text:
        return votable_literals(array, cell)
    return xml_escaped(array, illegal="?" if cell.datatype == "char" else REPLACEMENT)
