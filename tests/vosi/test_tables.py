"""The VOSI tables documents: valid, and read back by pyvo as the catalogue has it."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pytest
from lxml import etree
from pyvo.io import vosi as reader

import vosi
from adql import Catalogue, Column, Table

VOSI = "{http://www.ivoa.net/xml/VOSITables/v1.0}"
XSI = "{http://www.w3.org/2001/XMLSchema-instance}"


def read(document: bytes) -> list:
    """The tables that pyvo reads, in order."""
    return list(reader.parse_tables(BytesIO(document), pedantic=True).iter_tables())


def written(column: Column) -> str:
    return f'"{column.name}"' if column.name == "size" else column.name


@pytest.mark.parametrize("detail", ["min", "max"])
def test_the_tableset_is_valid(catalogue: Catalogue, assert_valid: Callable[[bytes], None], detail: str):
    assert_valid(vosi.tables_document(catalogue, detail=detail))


def test_the_schemas_refuse_what_is_wrong(assert_valid: Callable[[bytes], None], catalogue: Catalogue):
    document = vosi.tables_document(catalogue)
    for old, new in ((b"<name>", b"<nom>"), (b">double<", b">real<"), (b"vs:VOTableType", b"vs:Nothing")):
        assert old in document
        broken = document.replace(old, new).replace(old.replace(b"<", b"</"), new.replace(b"<", b"</"))
        with pytest.raises(etree.DocumentInvalid):
            assert_valid(broken)


def test_each_table_alone_is_valid(catalogue: Catalogue, assert_valid: Callable[[bytes], None]):
    for table in catalogue:
        assert_valid(vosi.table_document(table))


def test_tables_are_read_back_as_they_are(catalogue: Catalogue):
    tables = read(vosi.tables_document(catalogue))
    assert [table.name for table in tables] == [table.qualified for table in catalogue]
    for told, table in zip(tables, catalogue, strict=True):
        assert (told.title, told.description) == (table.title, table.description)
        assert (told.utype, told.nrows) == (table.utype, table.nrows)
        assert told.type == table.type


def test_columns_are_read_back_as_they_are(catalogue: Catalogue):
    for told, table in zip(read(vosi.tables_document(catalogue)), catalogue, strict=True):
        assert [column.name for column in told.columns] == [written(column) for column in table.columns]
        for found, column in zip(told.columns, table.columns, strict=True):
            assert (found.description or "") == column.description
            assert (found.unit, found.ucd, found.utype) == (column.unit, column.ucd, column.utype)
            assert found.std is column.std
            assert found.datatype.content == column.type.datatype
            # pyvo says 1 where there is no arraysize.
            assert found.datatype.arraysize == (column.type.arraysize or "1")
            assert set(found.flags) == flags(table, column)


def flags(table: Table, column: Column) -> set[str]:
    primary = column.name in table.primary_key
    marks = {"indexed": column.indexed, "principal": column.principal, "primary": primary}
    return {name for name, holds in marks.items() if holds} | (set() if primary else {"nullable"})


def test_a_scalar_has_no_arraysize_and_a_timestamp_its_xtype(catalogue: Catalogue):
    """pyvo 1.9 forgets extendedType, so the attributes are read as they are."""
    root = etree.fromstring(vosi.tables_document(catalogue))
    types = [dict(element.attrib) for element in root.iter("dataType")]
    for attributes, column in zip(types, [c for t in catalogue for c in t.columns], strict=True):
        expected = {f"{XSI}type": "vs:VOTableType"}
        if column.type.arraysize:
            expected["arraysize"] = column.type.arraysize
        if column.type.xtype:
            expected["extendedType"] = column.type.xtype
        assert attributes == expected


def test_foreign_keys_are_read_back_as_they_are(catalogue: Catalogue):
    for told, table in zip(read(vosi.tables_document(catalogue)), catalogue, strict=True):
        found = [
            (key.targettable, [(pair.fromcolumn, pair.targetcolumn) for pair in key.fkcolumns])
            for key in told.foreignkeys
        ]
        assert found == [(key.target, list(key.columns)) for key in table.foreign_keys]


def test_minimum_detail_has_neither_columns_nor_foreign_keys(catalogue: Catalogue):
    root = etree.fromstring(vosi.tables_document(catalogue, detail="min"))
    assert [name.text for name in root.iterfind("schema/table/name")] == [t.qualified for t in catalogue]
    assert root.findall(".//column") == []
    assert root.findall(".//foreignKey") == []


def test_another_detail_is_refused(catalogue: Catalogue):
    with pytest.raises(ValueError, match='detail is "full"; min or max is right'):
        vosi.tables_document(catalogue, detail="full")  # type: ignore[arg-type]


def test_a_table_alone_says_what_it_says_in_the_tableset(catalogue: Catalogue):
    tableset = etree.fromstring(vosi.tables_document(catalogue))
    for element, table in zip(tableset.iterfind("schema/table"), catalogue, strict=True):
        alone = etree.fromstring(vosi.table_document(table))
        assert alone.tag == f"{VOSI}table"
        assert dict(alone.attrib) == dict(element.attrib)
        assert [etree.tostring(c, method="c14n", exclusive=True) for c in alone] == [
            etree.tostring(c, method="c14n", exclusive=True) for c in element
        ]
