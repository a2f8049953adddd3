"""The rows of TAP_SCHEMA, against the tables in section 4 of TAP 1.1 and against a database's own rules."""

from __future__ import annotations

import sqlite3

import pytest

import vosi
from adql import Catalogue, Column, ColumnType, Schema, Table

STANDARD = {
    "schemas": ["schema_name", "utype", "description", "schema_index"],
    "tables": ["schema_name", "table_name", "table_type", "utype", "description", "table_index"],
    "columns": [
        *("table_name", "column_name", "datatype", "arraysize", "xtype", "size", "description", "utype"),
        *("unit", "ucd", "indexed", "principal", "std", "column_index"),
    ],
    "keys": ["key_id", "from_table", "target_table", "description", "utype"],
    "key_columns": ["key_id", "from_column", "target_column"],
}
"""TAP 1.1 sections 4.1 to 4.4, columns in the standard's order."""

INTEGERS = {"schema_index", "table_index", "size", "indexed", "principal", "std", "column_index"}

NOT_NULL = {
    "schemas": {"schema_name"},
    "tables": {"schema_name", "table_name", "table_type"},
    "columns": {"table_name", "column_name", "datatype", "indexed", "principal", "std"},
    "keys": {"key_id", "from_table", "target_table"},
    "key_columns": {"key_id", "from_column", "target_column"},
}

FOREIGN_KEYS = {
    "tables": ["FOREIGN KEY (schema_name) REFERENCES schemas (schema_name)"],
    "columns": ["FOREIGN KEY (table_name) REFERENCES tables (table_name)"],
    "keys": [
        "FOREIGN KEY (from_table) REFERENCES tables (table_name)",
        "FOREIGN KEY (target_table) REFERENCES tables (table_name)",
    ],
    "key_columns": ["FOREIGN KEY (key_id) REFERENCES keys (key_id)"],
}
"""TAP 1.1 section 4.4."""

UNIQUE = {
    "schemas": "schema_name",
    "tables": "table_name",
    "columns": "table_name, column_name",
    "keys": "key_id",
    "key_columns": "key_id, from_column",
}


@pytest.fixture
def database(catalogue: Catalogue) -> sqlite3.Connection:
    """A database with the standard's tables and rules, and our rows in them."""
    connection = sqlite3.connect(":memory:")
    connection.execute("PRAGMA foreign_keys = ON")
    rows = vosi.tap_schema_rows(catalogue)
    for name, columns in STANDARD.items():
        declared = [
            f'"{c}" {"INTEGER" if c in INTEGERS else "TEXT"}{" NOT NULL" if c in NOT_NULL[name] else ""}'
            for c in columns
        ]
        rules = [f"PRIMARY KEY ({UNIQUE[name]})", *FOREIGN_KEYS.get(name, [])]
        connection.execute(f"CREATE TABLE {name} ({', '.join((*declared, *rules))}) STRICT")
        values = rows[f"tap_schema.{name}"]
        marks = ", ".join("?" * len(columns))
        connection.executemany(
            f"INSERT INTO {name} VALUES ({marks})", zip(*(values[c] for c in columns), strict=True)
        )
    yield connection
    connection.close()


def test_tables_have_the_columns_of_the_standard_in_its_order():
    rows = vosi.tap_schema_rows(vosi.load_catalogue())
    assert {name: list(columns) for name, columns in rows.items()} == {
        f"tap_schema.{name}": columns for name, columns in STANDARD.items()
    }


def test_the_catalogue_describes_these_columns_with_the_types_of_the_standard():
    catalogue = vosi.load_catalogue()
    for name, columns in STANDARD.items():
        described = catalogue.table(f"tap_schema.{name}").columns
        assert [column.name for column in described] == columns
        for column in described:
            assert column.std
            kind = ("int", None) if column.name in INTEGERS else ("char", "*")
            described_kind = (column.type.datatype.replace("unicodeChar", "char"), column.type.arraysize)
            assert described_kind == kind


def test_rows_keep_the_rules_of_the_standard(database: sqlite3.Connection):
    # That it could be filled says it: types, NOT NULL, uniqueness, foreign keys.
    assert database.execute("SELECT count(*) FROM tables").fetchone() == (15,)


def test_key_columns_are_columns_of_the_tables_they_join(database: sqlite3.Connection):
    """TAP 1.1 section 4.4, last paragraph but one."""
    for side in ("from", "target"):
        lost = database.execute(
            f"""SELECT * FROM key_columns JOIN keys USING (key_id) LEFT JOIN columns
                ON table_name = {side}_table AND column_name = {side}_column WHERE column_name IS NULL"""
        )
        assert lost.fetchall() == []
    # The five of TAP_SCHEMA, two of each observation, and three tables that point to the observations.
    assert database.execute("SELECT count(*) FROM keys").fetchone() == (11,)


def test_each_column_is_told_as_the_catalogue_has_it(database: sqlite3.Connection, catalogue: Catalogue):
    told = database.execute(
        """SELECT table_name, column_name, datatype, arraysize, xtype, columns.description, columns.utype,
           unit, ucd, indexed, principal, std FROM columns JOIN tables USING (table_name)
           ORDER BY table_index, column_index"""
    ).fetchall()
    expected = [
        (
            *(t.qualified, f'"{c.name}"' if c.name == "size" else c.name),
            *(c.type.datatype, c.type.arraysize, c.type.xtype, c.description or None, c.utype, c.unit, c.ucd),
            *(int(c.indexed), int(c.principal), int(c.std)),
        )
        for t in catalogue
        for c in t.columns
    ]
    assert told == expected


@pytest.mark.parametrize(
    ("arraysize", "size"),
    [(None, None), ("*", None), ("16", 16), ("256*", 256), ("3x2", None), ("3x*", None)],
)
def test_size_is_the_number_in_the_arraysize(arraysize: str | None, size: int | None):
    """TAP 1.1 section 4.3: arraysize 256* has size 256; scalars and arrays of more dimensions have none."""
    table = Table("s", "t", (Column("c", ColumnType("char", arraysize)),))
    rows = vosi.tap_schema_rows(Catalogue((Schema("s", (table,)),)))
    assert rows["tap_schema.columns"]["size"] == [size]


def test_a_name_that_needs_quotes_has_them():
    columns = tuple(Column(name, ColumnType("int")) for name in ("a b", 'q"q', "Ra", "order", "_x", "é"))
    rows = vosi.tap_schema_rows(Catalogue((Schema("s", (Table("s", "t", columns),)),)))
    assert rows["tap_schema.columns"]["column_name"] == ['"a b"', '"q""q"', "Ra", '"order"', '"_x"', '"é"']


def test_an_empty_catalogue_has_no_rows():
    assert all(not values for t in vosi.tap_schema_rows(Catalogue()).values() for values in t.values())
