"""Results for people to look at: a page of HTML, and a text of even columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from lxml import etree

from adql import Column
from app.formats.base import Provenance, status_after
from app.formats.cells import Cell, cell_of
from app.formats.characters import legible, text_buffers, valid_text, xml_escaped
from app.formats.chunks import closed, sliced
from app.formats.lines import Lines
from app.formats.literals import plain_literals
from app.results import ResultStream

_ROWS = etree.ProcessingInstruction("rows")
_CELL, _ROW, _END = b"\x1f", b"<tr><td>", b"</td></tr>\n"
_WIDEST = 60
"""A column of a text is made no wider than this for its first rows; longer cells stand out."""
_GAP = "  "


class _Counted:
    """Batches, and how many rows they had."""

    def __init__(self, result: ResultStream) -> None:
        self.rows = 0
        self._result = result

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in sliced(self._result.batches):
            yield batch
            self.rows += batch.num_rows

    def ending(self, fault: Exception | None) -> str:
        """What is to be said after the rows."""
        status = status_after(self._result, rows=self.rows, fault=fault)
        count = f"{self.rows} row{'' if self.rows == 1 else 's'}."
        return f"{count} {status.value}: {status.description}" if status else count


@dataclass(frozen=True, slots=True)
class HtmlPage:
    """Writes results as pages of HTML that are XML as well."""

    media_type: str = "text/html"
    extension: str = "html"
    tells_status: bool = True

    def write(self, result: ResultStream, provenance: Provenance) -> Iterator[bytes]:
        """The page in chunks; see :class:`app.formats.base.Writer`."""
        rows = _Counted(result)

        def tail(fault: Exception | None) -> bytes:
            return _page(result.columns, provenance, rows.ending(fault))[1]

        yield from closed(
            _page(result.columns, provenance, "")[0], _html_rows(rows, result.columns), tail=tail
        )


def _page(columns: Sequence[Column], provenance: Provenance, ending: str) -> tuple[bytes, bytes]:
    """What stands before and after the rows."""
    html = etree.Element("html", lang="en")
    head = etree.SubElement(html, "head")
    etree.SubElement(head, "meta", charset="utf-8")
    etree.SubElement(head, "title").text = legible(provenance.name)
    body = etree.SubElement(html, "body")
    stated = etree.SubElement(body, "dl")
    for info in provenance.infos:
        etree.SubElement(stated, "dt", title=legible(info.description)).text = legible(info.name)
        etree.SubElement(stated, "dd").text = legible(info.value)
    table = etree.SubElement(body, "table")
    names = etree.SubElement(etree.SubElement(table, "thead"), "tr")
    for column in columns:
        name = etree.SubElement(names, "th", scope="col", title=legible(column.description))
        name.text = legible(column.name + (f" [{column.unit}]" if column.unit else ""))
    etree.SubElement(table, "tbody").append(copy(_ROWS))
    etree.SubElement(body, "p").text = legible(ending)
    page = etree.tostring(html, method="html", encoding="utf-8", doctype="<!DOCTYPE html>")
    before, _, after = page.partition(etree.tostring(_ROWS, method="html"))
    return before, after + b"\n"


def _html_rows(rows: _Counted, columns: Sequence[Column]) -> Iterator[bytes]:
    cells = [cell_of(column.type, masked=True) for column in columns]
    lines = Lines(separator=_CELL.decode(), terminator=(_END + _ROW).decode(), quoted=False)
    for batch in rows:
        arrays = [
            xml_escaped(array) if cell.is_text else plain_literals(array, cell)
            for array, cell in zip(batch.columns, cells, strict=True)
        ]
        yield _ROW + lines.encode(arrays)[: -len(_ROW)].replace(_CELL, b"</td><td>")


@dataclass(frozen=True, slots=True)
class PlainText:
    """Writes results as text: numbers to the right, texts to the left, as wide as the first rows need."""

    media_type: str = "text/plain"
    extension: str = "txt"
    tells_status: bool = True

    def write(self, result: ResultStream, provenance: Provenance) -> Iterator[bytes]:
        """The text in chunks; see :class:`app.formats.base.Writer`."""
        rows = _Counted(result)

        def tail(fault: Exception | None) -> bytes:
            return f"\n{rows.ending(fault)}\n".encode()

        yield from closed(b"", _text_rows(rows, result.columns), tail=tail)


def _text_rows(rows: _Counted, columns: Sequence[Column]) -> Iterator[bytes]:
    cells = [cell_of(column.type, masked=True) for column in columns]
    headings = [column.name + (f" [{column.unit}]" if column.unit else "") for column in columns]
    widths: list[int] = []
    for batch in rows:
        texts = [_texts(array, cell) for array, cell in zip(batch.columns, cells, strict=True)]
        if not widths:
            widths = [_width(text, heading) for text, heading in zip(texts, headings, strict=True)]
            yield _heading(headings, cells, widths)
        yield _even(texts, cells, widths)
    if not widths:
        yield _heading(headings, cells, [len(heading) for heading in headings])


def _texts(array: pa.Array, cell: Cell) -> pa.Array:
    """Every cell as a text of one line."""
    if cell.is_text:
        text = pc.replace_substring_regex(valid_text(array), r"[\x00-\x1f]+", " ")
    else:
        text = pl.Series(plain_literals(array, cell)).cast(pl.String).to_arrow().cast(pa.string())
    return text.fill_null("")


def _width(text: pa.Array, heading: str) -> int:
    return max(len(heading), min(_WIDEST, pc.max(pc.utf8_length(text)).as_py() or 0))


def _heading(headings: Sequence[str], cells: Sequence[Cell], widths: Sequence[int]) -> bytes:
    rule = _GAP.join("-" * width for width in widths)
    return _even([pa.array([heading]) for heading in headings], cells, widths) + f"{rule}\n".encode()


def _even(texts: Sequence[pa.Array], cells: Sequence[Cell], widths: Sequence[int]) -> bytes:
    padded = [
        pc.utf8_rpad(text, width) if cell.is_text or cell.is_array else pc.utf8_lpad(text, width)
        for text, cell, width in zip(texts, cells, widths, strict=True)
    ]
    joined = pc.utf8_rtrim_whitespace(pc.binary_join_element_wise(*padded, _GAP))
    offsets, data = text_buffers(pc.binary_join_element_wise(joined, "\n", ""))
    return data[offsets[0] : offsets[-1]].tobytes()
