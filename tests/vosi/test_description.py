"""A YAML file that breaks the rules is refused with the place and the cure."""

from __future__ import annotations

from pathlib import Path

import pytest

from adql import ColumnType, ForeignKey
from vosi.catalogue import build_schemas
from vosi.description import SchemaDescription, read_description, read_type
from vosi.errors import CatalogueError

GOOD = """
name: lab
title: A laboratory
description: >-
  Two tables
  that belong together.
tables:
  - name: racks
    title: Racks
    description: One row per rack.
    primary_key: [rack]
    columns:
      - {name: rack, type: text, ucd: meta.id, description: Name of the rack}
      - {name: place, type: "double[2]", unit: deg, ucd: pos, principal: 1, description: Where it stands}
  - name: samples
    title: Samples
    description: One row per sample.
    foreign_keys:
      - {target: lab.racks, columns: {rack: rack}, description: Where the sample is kept}
    columns:
      - {name: rack, type: text, ucd: meta.id, description: Its rack}
      - {name: size, type: int, delimited: 1, description: A name that ADQL reserves}
"""


def read(tmp_path: Path, text: str) -> SchemaDescription:
    file = tmp_path / "lab.yaml"
    file.write_text(text, encoding="utf-8")
    return read_description(file)


def test_a_file_becomes_a_schema(tmp_path: Path):
    (schema,) = build_schemas([read(tmp_path, GOOD)])
    racks, samples = schema.tables
    assert schema.description == "Two tables that belong together."
    assert racks.qualified == "lab.racks"
    assert racks.column("place").type == ColumnType("double", "2")
    assert racks.column("place").principal is True
    assert racks.column("rack").principal is False
    assert samples.foreign_keys == (ForeignKey("lab.racks", (("rack", "rack"),), "Where the sample is kept"),)


@pytest.mark.parametrize(
    ("notation", "expected"),
    [
        ("text", ColumnType("char", "*")),
        ("unicode", ColumnType("unicodeChar", "*")),
        ("timestamp", ColumnType("char", "*", "timestamp")),
        ("circle", ColumnType("double", "3", "circle")),
        ("long", ColumnType("long")),
        ("double[3x*]", ColumnType("double", "3x*")),
        ("char[16*]", ColumnType("char", "16*")),
    ],
)
def test_a_type_is_read(notation: str, expected: ColumnType):
    assert read_type(notation) == expected


@pytest.mark.parametrize(
    "notation", ["string", "Double", "double[]", "double[*x3]", "text[3]", "int ", "", None]
)
def test_a_type_that_is_none_is_refused(notation: object):
    with pytest.raises(ValueError, match="is not a type"):
        read_type(notation)


FAULTS = {
    "type": ("type: int", "type: integer", "samples columns size type: .*not a type"),
    "twice": ("title: Racks", "name: shelves", "found name twice"),
    "key": ("description: Name", "descripton: Name", "racks columns rack descripton: Extra inputs"),
    "blank": ("description: Name of the rack", 'description: " "', "rack description: .*at least 1"),
    "flag": ("principal: 1", "principal: 2", "racks columns place principal: "),
    "case": ("name: rack,", "name: Rack,", "columns Rack name: String should match"),
    "boolean": ("name: racks", "name: no", "tables False name: .*string, not False"),
    "primary key": ("key: [rack]", "key: [shelf]", "primary key names shelf, but it has no such column"),
    "target": ("target: lab.racks", "target: lab.shelves", "names the table lab.shelves, which there is not"),
    "from": ("{rack: rack}", "{shelf: rack}", "foreign key names shelf"),
    "to": ("{rack: rack}", "{rack: shelf}", "foreign key from lab.samples names shelf"),
    "not the key": ("{rack: rack}", "{rack: place}", "must name the primary key of lab.racks: rack"),
    "types": ("{name: rack, type: text", "{name: rack, type: int", "rack is char.*, but lab.racks.rack"),
    "reserved": (", delimited: 1", "", 'ADQL reserves "size"'),
    "reserved schema": ("name: lab", "name: schema", 'ADQL reserves "schema"'),
    "two tables": ("name: samples", "name: racks", "2 times a table racks"),
    "two columns": ("name: place", "name: rack", "2 times a column rack"),
    "YAML": ("tables:", "tables: [", "not YAML"),
}
"""What is changed in the good file: a text, its replacement, and what is said of it."""


@pytest.mark.parametrize(("old", "new", "sentence"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_told(tmp_path: Path, old: str, new: str, sentence: str):
    assert old in GOOD
    with pytest.raises(CatalogueError, match=sentence):
        build_schemas([read(tmp_path, GOOD.replace(old, new, 1))])


def test_a_file_that_is_not_a_mapping_is_refused(tmp_path: Path):
    with pytest.raises(CatalogueError, match=r"lab\.yaml"):
        read(tmp_path, "- 1\n")
