"""Delimited text: CSV (RFC 4180) and TSV.

There is no place in such a text to say that rows are missing or that the query failed: a comment would be
a row to most readers. Who needs to know asks ``overflowed`` of the result, or hears of it by the
exception, which breaks a transfer off where it would have looked complete.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from app.formats.base import Provenance
from app.formats.cells import Cell, cell_of
from app.formats.characters import valid_text
from app.formats.chunks import begun, sliced
from app.formats.lines import Lines
from app.formats.literals import plain_literals
from app.results import ResultStream

_LINE_END = "\r\n"
"""RFC 4180 section 2."""


@dataclass(frozen=True, slots=True)
class DelimitedText:
    """Rows as lines of text.

    NULL is an empty cell, an empty text is quoted, as is every cell that holds a delimiter, a quote or a
    line break. TSV is quoted likewise, so that no text is lost; spreadsheets, pandas and the csv module of
    Python ("excel-tab") read it so. Numbers have the shortest digits that give them back; the items of an
    array are separated by blanks.
    """

    media_type: str
    extension: str
    delimiter: str
    header: bool = True
    tells_status: bool = False

    def write(self, result: ResultStream, provenance: Provenance) -> Iterator[bytes]:
        """The document in chunks; see :class:`app.formats.base.Writer`."""
        lines = Lines(separator=self.delimiter, terminator=_LINE_END, quoted=True)
        names = [pa.array([column.name]) for column in result.columns]
        yield from begun(lines.encode(names) if self.header else b"", self._rows(result, lines))

    def _rows(self, result: ResultStream, lines: Lines) -> Iterator[bytes]:
        cells = [cell_of(column.type, masked=True) for column in result.columns]
        for batch in sliced(result.batches):
            yield lines.encode([_plain(*pair) for pair in zip(batch.columns, cells, strict=True)])


def _plain(array: pa.Array, cell: Cell) -> pa.Array:
    return valid_text(array) if cell.is_text else plain_literals(array, cell)


CSV = DelimitedText("text/csv", "csv", ",")
CSV_WITHOUT_HEADER = DelimitedText("text/csv;header=absent", "csv", ",", header=False)
TSV = DelimitedText("text/tab-separated-values", "tsv", "\t")
