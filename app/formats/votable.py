"""VOTable 1.4: the document around the rows, whatever happens to them, and the document of an error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from enum import Enum

from lxml import etree

from adql import Column
from app.formats.base import Info, Provenance, status_after
from app.formats.binary import Records
from app.formats.cells import Cell, cell_of
from app.formats.characters import legible
from app.formats.chunks import base64_encoded, closed, sliced
from app.formats.frames import frames_of
from app.formats.tabledata import TableRows
from app.results import ResultStream

NAMESPACE = "http://www.ivoa.net/xml/VOTable/v1.3"
"""Of every VOTable from 1.3 on (VOTable 1.4 section 3)."""
VERSION = "1.4"
"""The first one with TIMESYS; what it lacks of 1.5 is not needed here, and its readers are more."""
_INFO_UCDS = {"citation": "meta.bib"}
"""DALI 1.1 section 4.4.3."""
_ROWS = etree.ProcessingInstruction("rows")
"""Holds the place of the rows; no text of a document can look like it."""


class Serialization(Enum):
    """How VOTable can hold rows; the name of each is that of its element."""

    BINARY2 = "BINARY2"
    BINARY = "BINARY"
    TABLEDATA = "TABLEDATA"


@dataclass(frozen=True, slots=True)
class VOTable:
    """Writes results as VOTable 1.4 documents (DALI 1.1 section 4.4)."""

    serialization: Serialization
    extension: str = "vot"
    tells_status: bool = True

    @property
    def media_type(self) -> str:
        """VOTable 1.4 section 8."""
        return f"application/x-votable+xml;serialization={self.serialization.value}"

    def write(self, result: ResultStream, provenance: Provenance) -> Iterator[bytes]:
        """The document in chunks; see :class:`app.formats.base.Writer`."""
        envelope = _Envelope(result.columns, provenance, self.serialization)
        rows = _Rows(result, self.serialization)

        def tail(fault: Exception | None) -> bytes:
            return envelope.tail((*_status(result, rows.count, fault), *rows.warnings()))

        yield from closed(envelope.head(), rows.pieces(), tail=tail)


class _Rows:
    """The rows of a result as the content of the element that holds them."""

    def __init__(self, result: ResultStream, serialization: Serialization) -> None:
        self.count = 0
        self._result = result
        self._serialization = serialization
        masked = serialization is not Serialization.BINARY
        cells = [cell_of(column.type, masked=masked) for column in result.columns]
        self._batches = sliced(result.batches, row_bytes=sum(cell.least_bytes for cell in cells))
        self._records = Records(result.columns, cells, masked=serialization is Serialization.BINARY2)

    def pieces(self) -> Iterator[bytes]:
        if self._serialization is not Serialization.TABLEDATA:
            return base64_encoded(self._blocks())
        return self._elements()

    def _blocks(self) -> Iterator[memoryview]:
        for batch in self._batches:
            block = self._records.encode(batch)
            self.count += batch.num_rows
            yield block

    def _elements(self) -> Iterator[bytes]:
        rows = TableRows(self._result.columns)
        for batch in self._batches:
            piece = rows.encode(batch)
            self.count += batch.num_rows
            yield piece

    def warnings(self) -> Iterator[etree._Element]:
        for name in sorted(self._records.escaped):
            yield _info(
                Info(
                    "warning",
                    f'The column "{name}" holds characters outside ASCII, which the datatype char has no'
                    rf" place for in {self._serialization.value}: they stand as \xe9, \u2605 or \U0001f600."
                    " TABLEDATA has them as they are.",
                )
            )


def _status(result: ResultStream, rows: int, fault: Exception | None) -> Iterator[etree._Element]:
    """What is to be told after the rows (DALI 1.1 sections 4.4.1 and 4.4.2)."""
    status = status_after(result, rows=rows, fault=fault)
    if status is not None:
        yield _info(status)


def error_document(message: str, provenance: Provenance | None = None) -> bytes:
    """A VOTable that says nothing but what went wrong (DALI 1.1 section 4.4.2).

    Parameters
    ----------
    message
        For the user; may have several lines.
    provenance
        What else is to be said, such as the query.
    """
    resource = _element("RESOURCE", type="results")
    resource.append(_info(Info("QUERY_STATUS", "ERROR", message)))
    for info in provenance.infos if provenance else ():
        resource.append(_info(info))
    return _document(resource)


def described(columns: Sequence[Column], provenance: Provenance, *after: Info) -> bytes:
    """A VOTable without rows, to go with rows that are elsewhere.

    Parameters
    ----------
    columns, provenance
        What it describes.
    after
        What is to be said after the table, such as an overflow.
    """
    return _Envelope(columns, provenance, None).whole([_info(info) for info in after])


class _Envelope:
    """All of a document but its rows; with no serialisation there is no place for them."""

    def __init__(
        self, columns: Sequence[Column], provenance: Provenance, serialization: Serialization | None
    ) -> None:
        self._columns = columns
        self._provenance = provenance
        self._serialization = serialization
        self._frames = frames_of(columns)

    def head(self) -> bytes:
        return self._halves(())[0]

    def tail(self, infos: Sequence[etree._Element]) -> bytes:
        return self._halves(infos)[1]

    def whole(self, infos: Sequence[etree._Element]) -> bytes:
        return b"".join(self._halves(infos))

    def _halves(self, infos: Sequence[etree._Element]) -> tuple[bytes, bytes]:
        frames = {frame.xml_id: frame for frame in self._frames.values()}
        resource = _element("RESOURCE", type="results")
        if self._provenance.description:
            resource.append(_description(self._provenance.description))
        resource.append(_info(Info("QUERY_STATUS", "OK")))
        resource.extend(_info(info) for info in self._provenance.infos)
        resource.extend(_element(frame.element, **dict(frame.attributes)) for frame in frames.values())
        resource.append(self._table())
        resource.extend(infos)
        before, _, after = _document(resource).partition(etree.tostring(_ROWS))
        return before, after

    def _table(self) -> etree._Element:
        table = _element("TABLE", name=self._provenance.name)
        masked = self._serialization is not Serialization.BINARY
        for column in self._columns:
            frame = self._frames.get(column.name)
            cell = cell_of(column.type, masked=masked)
            table.append(_field(column, cell, frame.xml_id if frame else None))
        if self._serialization is None:
            return table
        rows = _element(self._serialization.value)
        stream = rows
        if self._serialization is not Serialization.TABLEDATA:
            stream = _element("STREAM", encoding="base64")
            rows.append(stream)
        stream.append(copy(_ROWS))
        data = _element("DATA")
        data.append(rows)
        table.append(data)
        return table


def _document(resource: etree._Element) -> bytes:
    root = _element("VOTABLE", version=VERSION)
    root.append(resource)
    etree.indent(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"


def _field(column: Column, cell: Cell, frame: str | None) -> etree._Element:
    """A FIELD (VOTable 1.4 section 4); ``frame`` is the ID of the system it counts in."""
    element = _element(
        "FIELD",
        name=column.name,
        datatype=cell.datatype,
        arraysize=cell.arraysize,
        xtype=column.type.xtype,
        unit=column.unit,
        ucd=column.ucd,
        utype=column.utype,
        ref=frame,
    )
    if column.description:
        element.append(_description(column.description))
    if cell.null is not None:
        element.append(_element("VALUES", null=str(cell.null)))
    return element


def _description(text: str) -> etree._Element:
    element = _element("DESCRIPTION")
    element.text = legible(text)
    return element


def _info(info: Info) -> etree._Element:
    element = _element("INFO", name=info.name, value=info.value, ucd=_INFO_UCDS.get(info.name))
    element.text = legible(info.description) or None
    return element


def _element(tag: str, **attributes: str | None) -> etree._Element:
    """An element of VOTable with those of the attributes that are not None."""
    kept = {key: legible(value) for key, value in attributes.items() if value is not None}
    return etree.Element(f"{{{NAMESPACE}}}{tag}", kept, nsmap={None: NAMESPACE})  # type: ignore[dict-item]
