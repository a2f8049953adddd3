"""The YAML files that describe schemas: their form, checked, and the catalogue's nouns made of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from adql import Column, ColumnType, CoordinateSystem, ForeignKey, Schema, SkyIndex, Table, TimeSystem
from adql.frames import FRAMES
from adql.types import CIRCLE, POINT, POLYGON, STRING, TIMESTAMP, UNICODE
from vosi.errors import CatalogueError

NAMED_TYPES = {
    "text": STRING,
    "region": ColumnType("char", "*", "adql:REGION"),
    "unicode": UNICODE,
    "timestamp": TIMESTAMP,
    "point": POINT,
    "circle": CIRCLE,
    "polygon": POLYGON,
}
"""Words for a datatype, an arraysize and an xtype together."""

TIME_SYSTEMS = {
    "mjd": TimeSystem("UTC", "TOPOCENTER", 2400000.5),
    "calendar": TimeSystem("UTC", "TOPOCENTER"),
}
"""Words for what the times of our tables count by: all are UTC at the telescope."""

DATATYPES = ("boolean", "unsignedByte", "short", "int", "long", "float", "double", "char", "unicodeChar")
"""VOTable 1.5 section 2.1, without bit and the complex ones, which no engine of ours has."""

_PLAIN_TYPE = re.compile(r"(?P<datatype>[A-Za-z]+)(\[(?P<arraysize>(\d+x)*(\d+\*?|\*))\])?")


def read_type(notation: object) -> ColumnType:
    """The type that a word of the YAML files means, such as ``text``, ``long`` or ``double[3x*]``.

    Raises
    ------
    ValueError
        Raised if it is none of the named types and no VOTable datatype, with or without an arraysize.
    """
    named = NAMED_TYPES.get(str(notation))
    if named is not None:
        return named
    match = _PLAIN_TYPE.fullmatch(str(notation))
    if match is None or match["datatype"] not in DATATYPES:
        known = ", ".join((*NAMED_TYPES, *DATATYPES))
        raise ValueError(
            f'"{notation}" is not a type; it is one of {known}, with an arraysize as in double[3]'
        )
    return ColumnType(match["datatype"], match["arraysize"])


def read_coosys(word: object) -> CoordinateSystem:
    """The coordinate system that a word of the YAML files means, such as ``ICRS``.

    Raises
    ------
    ValueError
        Raised if it is no frame that positions can be transformed to.
    """
    if word not in FRAMES:
        raise ValueError(f'"{word}" is not a coordinate system; it is one of {", ".join(FRAMES)}')
    return CoordinateSystem(str(word))


def read_timesys(word: object) -> TimeSystem:
    """The time system that a word of the YAML files means: ``mjd`` or ``calendar``.

    Raises
    ------
    ValueError
        Raised if it is none of :data:`TIME_SYSTEMS`.
    """
    system = TIME_SYSTEMS.get(str(word))
    if system is None:
        raise ValueError(f'"{word}" is not a time system; it is one of {", ".join(TIME_SYSTEMS)}')
    return system


def _one_paragraph(text: object) -> object:
    return " ".join(text.split()) if isinstance(text, str) else text


Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Sentence = Annotated[str, BeforeValidator(_one_paragraph), StringConstraints(min_length=1)]
Flag = Literal[0, 1]
ReadType = Annotated[ColumnType, BeforeValidator(read_type)]
ReadCoosys = Annotated[CoordinateSystem, BeforeValidator(read_coosys)]
ReadTimesys = Annotated[TimeSystem, BeforeValidator(read_timesys)]


class _Described(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)


class ColumnDescription(_Described):
    """A column as the YAML files write it."""

    name: Name
    type: ReadType
    description: Sentence
    unit: str | None = None
    ucd: str | None = None
    utype: str | None = None
    principal: Flag = 0
    indexed: Flag = 0
    std: Flag = 0
    delimited: Flag = 0
    """1 where a standard gives a name that ADQL reserves."""
    coosys: ReadCoosys | None = None
    timesys: ReadTimesys | None = None

    def to_column(self) -> Column:
        """The same in the catalogue's noun."""
        return Column(
            name=self.name,
            type=self.type,
            description=self.description,
            unit=self.unit,
            ucd=self.ucd,
            utype=self.utype,
            principal=bool(self.principal),
            indexed=bool(self.indexed),
            std=bool(self.std),
            coosys=self.coosys,
            timesys=self.timesys,
        )


class ForeignKeyDescription(_Described):
    """A foreign key as the YAML files write it."""

    target: str
    columns: dict[str, str] = Field(min_length=1)
    """Column here -> column there."""
    description: str = ""

    def to_foreign_key(self) -> ForeignKey:
        """The same in the catalogue's noun."""
        return ForeignKey(self.target, tuple(self.columns.items()), self.description)


class SkyDescription(_Described):
    """The columns that place a row on the sky."""

    lon: str
    lat: str
    healpix: str
    order: int = Field(ge=0, le=29)


class TableDescription(_Described):
    """A table as the YAML files write it."""

    name: Name
    title: Sentence
    description: Sentence
    utype: str | None = None
    type: Literal["table", "view"] = "table"
    primary_key: list[str] = []
    foreign_keys: list[ForeignKeyDescription] = []
    sky: SkyDescription | None = None
    definition: str | None = None
    """Of a view: its query in ADQL. ``{base_url}`` and the like stand for what :func:`vosi.sited` puts in."""
    outlines: dict[str, str] = {}
    """Column that holds regions as text -> the same region as an ADQL expression of other columns."""
    columns: list[ColumnDescription] = Field(min_length=1)

    def to_table(self, schema: str) -> Table:
        """The same in the catalogue's noun."""
        return Table(
            schema=schema,
            name=self.name,
            columns=tuple(column.to_column() for column in self.columns),
            title=self.title,
            description=self.description,
            utype=self.utype,
            type=self.type,
            primary_key=tuple(self.primary_key),
            foreign_keys=tuple(key.to_foreign_key() for key in self.foreign_keys),
            sky=SkyIndex(**self.sky.model_dump()) if self.sky else None,
            definition=self.definition,
            outlines=dict(self.outlines),
        )


class SchemaDescription(_Described):
    """A schema as the YAML files write it."""

    name: Name
    title: Sentence
    description: Sentence
    utype: str | None = None
    tables: list[TableDescription] = Field(min_length=1)

    def to_schema(self) -> Schema:
        """The same in the catalogue's noun."""
        tables = tuple(table.to_table(self.name) for table in self.tables)
        return Schema(self.name, tables, title=self.title, description=self.description, utype=self.utype)


class _Loader(yaml.CSafeLoader):
    """Refuses a key that is given twice, of which YAML loaders take the last in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        repeated = [key for key, count in Counter(keys).items() if count > 1]
        if repeated:
            raise yaml.constructor.ConstructorError(
                "while reading a mapping", node.start_mark, f"found {repeated[0]} twice", node.start_mark
            )
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Any:
    """What a YAML file holds.

    Raises
    ------
    yaml.YAMLError
        Raised if it is not YAML, or gives a key twice.
    """
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 (a safe one)


def read_description(path: Path) -> SchemaDescription:
    """The schema that a YAML file describes, its form checked.

    Raises
    ------
    CatalogueError
        Raised if the file is not YAML or not of the form of :class:`SchemaDescription`.
    """
    try:
        document = read_yaml(path)
        return SchemaDescription.model_validate(document)
    except yaml.YAMLError as error:
        raise CatalogueError(f"{path.name}: not YAML: {error}") from error
    except ValidationError as error:
        raise CatalogueError(*(_sentence(path, document, fault) for fault in error.errors())) from error


def _sentence(path: Path, document: Any, fault: Any) -> str:
    """``dl3.yaml: tables events columns energy unit: what was wrong``, places by name where they have one."""
    words: list[str] = []
    place = document
    for step in fault["loc"]:
        try:
            place = place[step]
        except (KeyError, IndexError, TypeError):
            place = None
        named = isinstance(step, int) and isinstance(place, dict) and "name" in place
        words.append(str(place["name"]) if named and isinstance(place, dict) else str(step))
    return f"{path.name}: {' '.join(words)}: {fault['msg']}, not {fault['input']!r:.80}"
