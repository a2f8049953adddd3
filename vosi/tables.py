"""The VOSI tables documents: the catalogue in the words of VODataService.

They are built with lxml, not with the models of vo-models: those of version 0.5 have no ``extendedType``
and no ``std``, and escape every text twice.
"""

from __future__ import annotations

from typing import Literal, get_args

from lxml import etree

from adql import Catalogue, Column, ForeignKey, Schema, Table
from vosi.names import written_name
from vosi.text import xml_token

Detail = Literal["min", "max"]
"""VOSI 1.1 section 2.3.1: ``min`` leaves out columns and foreign keys."""

VOSI = "http://www.ivoa.net/xml/VOSITables/v1.0"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
NAMESPACES = {
    "vosi": VOSI,
    "vr": "http://www.ivoa.net/xml/VOResource/v1.0",
    "vs": "http://www.ivoa.net/xml/VODataService/v1.1",
    "xsi": XSI,
}
"""With the prefixes that VOResource asks for, as ``xsi:type`` names them."""


def tables_document(catalogue: Catalogue, *, detail: Detail = "max") -> bytes:
    """The ``vosi:tableset`` of a catalogue, in UTF-8.

    It says what :func:`tap_schema_rows` says of the same catalogue, and the titles and numbers of rows that
    TAP_SCHEMA has no columns for.

    Raises
    ------
    ValueError
        Raised if ``detail`` is neither ``min`` nor ``max``.
    """
    if detail not in get_args(Detail):
        raise ValueError(f'detail is "{detail}"; min or max is right')
    root = etree.Element(etree.QName(VOSI, "tableset"), nsmap=NAMESPACES)
    for schema in catalogue.schemas:
        _add_schema(root, schema, detail)
    return _serialised(root)


def table_document(table: Table) -> bytes:
    """The ``vosi:table`` of one table with all its columns and foreign keys, in UTF-8."""
    root = etree.Element(etree.QName(VOSI, "table"), nsmap=NAMESPACES)
    _fill_table(root, table, "max")
    return _serialised(root)


def _serialised(root: etree._Element) -> bytes:
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _add(parent: etree._Element, name: str, text: str | None) -> etree._Element | None:
    """A child with that text; none where there is nothing to say."""
    token = xml_token(text) if text else ""
    if not token:
        return None
    child = etree.SubElement(parent, name)
    child.text = token
    return child


def _add_schema(root: etree._Element, schema: Schema, detail: Detail) -> None:
    element = etree.SubElement(root, "schema")
    _add(element, "name", schema.name)
    _add(element, "title", schema.title)
    _add(element, "description", schema.description)
    _add(element, "utype", schema.utype)
    for table in schema.tables:
        _fill_table(etree.SubElement(element, "table"), table, detail)


def _fill_table(element: etree._Element, table: Table, detail: Detail) -> None:
    element.set("type", table.type)
    _add(element, "name", table.qualified)
    _add(element, "title", table.title)
    _add(element, "description", table.description)
    _add(element, "utype", table.utype)
    _add(element, "nrows", None if table.nrows is None else str(table.nrows))
    if detail == "max":
        for column in table.columns:
            _add_column(element, column, primary=column.name in table.primary_key)
        for key in table.foreign_keys:
            _add_foreign_key(element, key)


def _add_column(table: etree._Element, column: Column, *, primary: bool) -> None:
    element = etree.SubElement(table, "column", std="true" if column.std else "false")
    _add(element, "name", written_name(column.name))
    _add(element, "description", column.description)
    _add(element, "unit", column.unit)
    _add(element, "ucd", column.ucd)
    _add(element, "utype", column.utype)
    _add_type(element, column)
    for flag in _flags(column, primary=primary):
        _add(element, "flag", flag)


def _add_type(element: etree._Element, column: Column) -> None:
    """The datatype; ``extendedType`` without a schema is an xtype (VODataService 1.2 section 3.5.2)."""
    datatype = etree.SubElement(element, "dataType")
    datatype.set(etree.QName(XSI, "type"), "vs:VOTableType")
    datatype.text = column.type.datatype
    if column.type.arraysize is not None:
        datatype.set("arraysize", column.type.arraysize)
    if column.type.xtype is not None:
        datatype.set("extendedType", column.type.xtype)


def _flags(column: Column, *, primary: bool) -> tuple[str, ...]:
    """VODataService 1.2 section 3.5.3; ``principal`` is of TAP_SCHEMA."""
    flags = {
        "indexed": column.indexed,
        "primary": primary,
        "nullable": not primary,
        "principal": column.principal,
    }
    return tuple(flag for flag, holds in flags.items() if holds)


def _add_foreign_key(table: etree._Element, key: ForeignKey) -> None:
    element = etree.SubElement(table, "foreignKey")
    _add(element, "targetTable", key.target)
    for here, there in key.columns:
        pair = etree.SubElement(element, "fkColumn")
        _add(pair, "fromColumn", written_name(here))
        _add(pair, "targetColumn", written_name(there))
    _add(element, "description", key.description)
