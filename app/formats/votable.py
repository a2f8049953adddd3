"""VOTable 1.4: the document around the rows, whatever happens to them, and the document of an error."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
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
from datalink import InputParameter, ServiceDescriptor

NAMESPACE = "http://www.ivoa.net/xml/VOTable/v1.3"
"""Of every VOTable from 1.3 on (VOTable 1.4 section 3)."""
VERSION = "1.4"
"""The first one with TIMESYS; what it lacks of 1.5 is not needed here, and its readers are more."""
_NCNAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
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
    return _document([resource])


def message_document(info: Info) -> bytes:
    """A VOTable that says one thing, in the manner of SCS 1.03 section 2.3: with its name as XML ID."""
    resource = _element("RESOURCE", type="results")
    element = _info(info)
    element.set("ID", info.name)
    resource.append(element)
    return _document([resource])


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
        services = [service_resource(service, _ids(self._columns)) for service in self._provenance.services]
        before, _, after = _document([resource, *services]).partition(etree.tostring(_ROWS))
        return before, after

    def _table(self) -> etree._Element:
        table = _element("TABLE", name=self._provenance.name)
        masked = self._serialization is not Serialization.BINARY
        named = {p.ref for service in self._provenance.services for p in service.parameters}
        ids = {name: xml_id for name, xml_id in _ids(self._columns).items() if name in named}
        for column in self._columns:
            frame = self._frames.get(column.name)
            cell = cell_of(column.type, masked=masked)
            xml_id = ids.get(column.name)
            table.append(_field(column, cell, frame.xml_id if frame else None, xml_id=xml_id))
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


def _document(resources: Sequence[etree._Element]) -> bytes:
    root = _element("VOTABLE", version=VERSION)
    root.extend(resources)
    etree.indent(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"


def _ids(columns: Sequence[Column]) -> dict[str, str]:
    """Name of a column -> XML ID of its FIELD: the name itself, where XML allows it."""
    return {
        column.name: column.name if _NCNAME.fullmatch(column.name) else f"column_{number}"
        for number, column in enumerate(columns, 1)
    }


def service_resource(service: ServiceDescriptor, ids: Mapping[str, str]) -> etree._Element:
    """A service descriptor (DataLink 1.1 section 4.1).

    Parameters
    ----------
    service
        The service.
    ids
        Name of a column -> XML ID of its FIELD.
    """
    utype = "adhoc:this" if service.describes_itself else "adhoc:service"
    resource = _element("RESOURCE", type="meta", utype=utype, ID=service.id, name=service.name or service.id)
    if service.description:
        resource.append(_description(service.description))
    texts = {
        "standardID": service.standard_id,
        "accessURL": service.access_url,
        "contentType": service.content_type,
    }
    resource.extend(
        _element("PARAM", name=name, datatype="char", arraysize="*", value=value)
        for name, value in texts.items()
        if value is not None
    )
    group = _element("GROUP", name="inputParams")
    group.extend(_parameter(parameter, ids) for parameter in service.parameters)
    resource.append(group)
    return resource


def _parameter(parameter: InputParameter, ids: Mapping[str, str]) -> etree._Element:
    element = _element(
        "PARAM",
        name=parameter.name,
        datatype=parameter.datatype,
        arraysize=parameter.arraysize,
        xtype=parameter.xtype,
        unit=parameter.unit,
        ucd=parameter.ucd,
        ref=None if parameter.ref is None else ids[parameter.ref],
        value=parameter.value,
    )
    if parameter.description:
        element.append(_description(parameter.description))
    if parameter.low is not None or parameter.high is not None or parameter.options:
        values = _element("VALUES")
        if parameter.low is not None:
            values.append(_element("MIN", value=parameter.low))
        if parameter.high is not None:
            values.append(_element("MAX", value=parameter.high))
        values.extend(_element("OPTION", value=option) for option in parameter.options)
        element.append(values)
    return element


def _field(column: Column, cell: Cell, frame: str | None, *, xml_id: str | None = None) -> etree._Element:
    """A FIELD (VOTable 1.4 section 4); ``frame`` is the ID of the system it counts in."""
    element = _element(
        "FIELD",
        ID=xml_id,
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
