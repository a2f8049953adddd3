"""VOTable, 1.0 to 1.5, with its rows in any of the four ways: the first table of a document."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import BinaryIO

import pyarrow as pa
import pybase64
from lxml import etree

from app.uploads import fits
from app.uploads.content import PIECE
from app.uploads.document import Document, Prologue
from app.uploads.field import Field
from app.uploads.intake import Intake
from app.uploads.metadata import local_name
from app.uploads.records import Records
from app.uploads.table import RawTable
from app.uploads.tabledata import columns_of, locate
from app.uploads.texts import parse

MEDIA_TYPES = ("application/x-votable+xml", "text/xml", "application/xml")
_BLANKS = b" \t\r\n"
_ROW_END = b"</TR>"
_END = b"</TABLEDATA"
_ROWS = 8192
"""Rows that the XML parser has read before they become a batch."""


def is_votable(head: bytes) -> bool:
    """True for the beginning of a document in XML."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return True
    return head.removeprefix(codecs.BOM_UTF8).lstrip(_BLANKS).startswith(b"<")


def read_votable(content: BinaryIO, intake: Intake) -> RawTable:
    """The first table of a document.

    Raises
    ------
    app.errors.UploadError
        Raised if it is not a VOTable, or a value is not of the type of its column.
    app.errors.RequestTooLarge
        Raised if it has more rows or columns than the limits allow.
    """
    document = Document(content, intake)
    prologue = document.prologue()
    fields = prologue.fields
    match prologue.serialization:
        case None:
            batches = []
        case "TABLEDATA":
            batches = list(_tabledata(document, fields))
        case "FITS":
            file = io.BytesIO(b"".join(_stream(document)))
            return _described(
                fits.read_extension(file, intake, extension=prologue.extension), prologue, intake
            )
        case _:
            records = Records(fields, intake, masked=prologue.serialization == "BINARY2")
            batches = [batch for piece in _stream(document) for batch in records.feed(piece)]
            records.finish()
    return RawTable.of(fields, batches, prologue.description)


def read_fields(document: bytes, intake: Intake) -> tuple[Field, ...]:
    """The columns of the first table of a short document, whose rows are elsewhere."""
    return Document(io.BytesIO(document), intake).prologue().fields


def _tabledata(document: Document, fields: Sequence[Field]) -> Iterator[pa.RecordBatch]:
    """Rows from the bytes of the document, as long as these have no more than the usual tags."""
    rows, block, ended = 0, b"", False
    # What a column costs, a block of few rows costs as well.
    size = PIECE * min(max(1, len(fields) // 32), 8)
    while document.is_plain and not ended:
        # Twice as much each time for a row that does not end.
        piece = document.read(max(size, len(block)))
        searched = max(len(block) - len(_END), 0)
        block += piece
        end = block.find(_END, searched)
        ended = end >= 0
        if not ended:
            end = block.rfind(_ROW_END) + len(_ROW_END) if _ROW_END in block else 0
        cells = locate(block[:end], len(fields))
        if cells is None or not piece:
            break
        if len(cells.starts):
            document.intake.check_rows(rows + len(cells.starts))
            yield columns_of(block[:end], cells, fields, document.intake, first_row=rows)
            rows += len(cells.starts)
        block = block[end:]
    document.unread(block)
    yield from _parsed_tabledata(document, fields, rows)


def _parsed_tabledata(document: Document, fields: Sequence[Field], first: int) -> Iterator[pa.RecordBatch]:
    """The rows that are left, from the XML parser, which knows all of XML.

    Parameters
    ----------
    first
        Rows before.
    """
    rows: list[list[str | None]] = []
    for event, element in document.events():
        name = local_name(element)
        if event == "start" or name not in ("TR", "TABLEDATA"):
            continue
        if name == "TR":
            rows.append(_cells(element, len(fields), document.intake, row=first + len(rows) + 1))
            _forget(element)
        if rows and (len(rows) == _ROWS or name == "TABLEDATA"):
            document.intake.check_rows(first + len(rows))
            yield _batch(rows, fields, document.intake, first_row=first)
            first += len(rows)
            rows = []
        if name == "TABLEDATA":
            return


def _cells(element: etree._Element, ncolumns: int, intake: Intake, *, row: int) -> list[str | None]:
    cells = [cell.text for cell in element if local_name(cell) == "TD"]
    if len(cells) != ncolumns:
        raise intake.fault(f"it has {len(cells)} cells, but there are {ncolumns} columns.", row=row)
    return cells


def _forget(element: etree._Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _batch(
    rows: Sequence[Sequence[str | None]], fields: Sequence[Field], intake: Intake, *, first_row: int
) -> pa.RecordBatch:
    arrays = [
        parse(pa.array(cells, pa.string()), field, intake.complaint(field.name, first_row))
        for cells, field in zip(zip(*rows, strict=True), fields, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, [str(number) for number in range(len(arrays))])


def _stream(document: Document) -> Iterator[bytes]:
    """What a STREAM holds in base64."""
    if document.is_empty:
        return
    if not document.is_plain:
        raise document.intake.fault("Its STREAM begins in a way that is not understood.")
    waiting = b""
    while piece := document.read():
        text, tag, rest = piece.partition(b"<")
        waiting += text.translate(None, _BLANKS)
        whole = len(waiting) if tag else len(waiting) // 4 * 4
        yield _decoded(waiting[:whole], document.intake)
        waiting = waiting[whole:]
        if tag:
            if not (rest or document.read()).startswith(b"/"):
                raise document.intake.fault("Its STREAM holds other than base64.")
            return
    raise document.intake.fault("It is cut off: its STREAM does not end.")


def _decoded(text: bytes, intake: Intake) -> bytes:
    try:
        return pybase64.b64decode(text, validate=True)
    except ValueError as error:
        raise intake.fault(f"Its STREAM is not base64: {error}.") from error


def _described(table: RawTable, prologue: Prologue, intake: Intake) -> RawTable:
    """A table in FITS with what the document around it says of its columns."""
    if len(table.fields) != len(prologue.fields):
        raise intake.fault(
            f"The FITS table in it has {len(table.fields)} columns, but {len(prologue.fields)} are described."
        )
    fields = tuple(
        replace(
            there,
            name=said.name,
            unit=said.unit or there.unit,
            ucd=said.ucd or there.ucd,
            utype=said.utype or there.utype,
            xtype=said.xtype,
            description=said.description or there.description,
            coosys=said.coosys or there.coosys,
            timesys=said.timesys or there.timesys,
        )
        for said, there in zip(prologue.fields, table.fields, strict=True)
    )
    return RawTable(fields, table.columns, prologue.description or table.description)
