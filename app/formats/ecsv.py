"""ECSV 1.0 (Astropy Proposal for Enhancement 6): CSV under a header in YAML that astropy reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from adql import Column
from app.formats.base import Provenance
from app.formats.cells import Cell, cell_of
from app.formats.characters import valid_text
from app.formats.chunks import begun, sliced
from app.formats.lines import Lines
from app.formats.literals import json_literals
from app.results import ResultStream

_DATATYPES = {
    "boolean": "bool",
    "unsignedByte": "uint8",
    "short": "int16",
    "int": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "char": "string",
    "unicodeChar": "string",
}


@dataclass(frozen=True, slots=True)
class Ecsv:
    """Writes results as ECSV; what a VOTable says in INFOs is in ``meta``. An array is one of JSON."""

    media_type: str = "text/x-ecsv"
    extension: str = "ecsv"
    tells_status: bool = False

    def write(self, result: ResultStream, provenance: Provenance) -> Iterator[bytes]:
        """The document in chunks; see :class:`app.formats.base.Writer`."""
        lines = Lines(separator=",", terminator="\n", quoted=True)
        names = lines.encode([pa.array([column.name]) for column in result.columns])
        yield from begun(_header(result, provenance) + names, _rows(result, lines))


def _header(result: ResultStream, provenance: Provenance) -> bytes:
    lines = [
        "%ECSV 1.0",
        "---",
        "delimiter: ','",
        "datatype:",
        *(f"- {_flow(_datatype(column))}" for column in result.columns),
        *_meta(provenance),
        "schema: astropy-2.0",
    ]
    return "".join(f"# {line}\n" for line in lines).encode()


def _meta(provenance: Provenance) -> Iterator[str]:
    """The statements about the result; those of one name as a list."""
    stated: dict[str, list[str]] = {}
    for info in provenance.infos:
        stated.setdefault(info.name, []).append(info.value)
    if stated:
        yield "meta: !!omap"
    for name, values in stated.items():
        yield f"- {_flow({name: values if len(values) > 1 else values[0]})}"


def _flow(value: dict[str, Any]) -> str:
    """A mapping of YAML on a line of its own."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=False, width=2**31, sort_keys=False)
    return text.strip()


def _datatype(column: Column) -> dict[str, Any]:
    cell = cell_of(column.type, masked=True)
    described: dict[str, Any] = {"name": column.name}
    if column.unit:
        described["unit"] = column.unit
    described["datatype"] = "string" if cell.is_array else _DATATYPES[cell.datatype]
    if cell.is_array:
        size = "null" if cell.size is None else str(cell.size)
        described["subtype"] = f"{_DATATYPES[cell.datatype]}[{size}]"
    if column.description:
        described["description"] = column.description
    facts = {"ucd": column.ucd, "utype": column.utype, "xtype": column.type.xtype}
    if any(facts.values()):
        described["meta"] = {name: value for name, value in facts.items() if value}
    return described


def _rows(result: ResultStream, lines: Lines) -> Iterator[bytes]:
    cells = [cell_of(column.type, masked=True) for column in result.columns]
    for batch in sliced(result.batches):
        yield lines.encode([_literals(*pair) for pair in zip(batch.columns, cells, strict=True)])


def _literals(array: pa.Array, cell: Cell) -> pa.Array:
    if cell.is_text:
        return valid_text(array)
    if cell.is_array:
        return json_literals(array, cell)
    return pc.if_else(array, "True", "False") if cell.datatype == "boolean" else array
