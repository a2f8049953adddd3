"""ECSV 1.0 (Astropy Proposal for Enhancement 6): delimited text under a header in YAML."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from app.results import arrow_type
from app.uploads.content import PIECE
from app.uploads.delimited import converted, read_cells
from app.uploads.field import Field
from app.uploads.intake import Complaint, Intake, shown
from app.uploads.table import RawTable
from app.uploads.texts import nan_as_null

MEDIA_TYPES = ("text/x-ecsv", "application/x-ecsv")
_LONGEST_HEADER = 4 << 20
_DATATYPES = {
    "bool": "boolean",
    "int8": "short",
    "uint8": "unsignedByte",
    "int16": "short",
    "uint16": "int",
    "int32": "int",
    "uint32": "long",
    "int64": "long",
    "uint64": "long",
    "float16": "float",
    "float32": "float",
    "float64": "double",
    "float128": "double",
    "complex64": "floatComplex",
    "complex128": "doubleComplex",
    "complex256": "doubleComplex",
    "string": "char",
}
_PLAIN_ARRAY = r'\A\s*(?:null|\[[^\[\]"{}]*\])\s*\z'
_SUBTYPE = re.compile(r"(?P<datatype>[a-z]+\d*)\[(?P<shape>(?:\d+|null)(?:,\s*(?:\d+|null))*)\]")


class _Loader(yaml.CSafeLoader):
    """Knows plain values only: no tags of astropy, no merge keys, which multiply."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge nothing."""


def _untagged(loader: _Loader, suffix: str, node: yaml.Node) -> None:
    return None


_Loader.add_multi_constructor("!", _untagged)
_Loader.add_multi_constructor("tag:", _untagged)


def is_ecsv(head: bytes) -> bool:
    """True for the beginning of an ECSV file."""
    return head.startswith(b"# %ECSV ")


def read_ecsv(content: BinaryIO, intake: Intake) -> RawTable:
    """The table of an ECSV file.

    Raises
    ------
    app.errors.UploadError
        Raised if its header or a value cannot be read.
    app.errors.RequestTooLarge
        Raised if it has more rows or columns than the limits allow.
    """
    header = _header(content, intake)
    described = header.get("datatype")
    if not isinstance(described, list) or not all(isinstance(column, dict) for column in described):
        raise intake.fault("Its ECSV header has no list of columns under datatype.")
    intake.check_columns(len(described))
    delimiter = header.get("delimiter", " ")
    if delimiter not in (" ", ","):
        raise intake.fault(f"Its ECSV delimiter {shown(delimiter)} is neither a blank nor a comma.")
    fields = [_field(column, intake) for column in described]
    names, cells = read_cells(content, intake, delimiter=delimiter)
    if names != [field.name for field in fields]:
        raise intake.fault("The names in its header line are not those that its ECSV header describes.")
    columns = tuple(
        converted(column, field, intake, *_conversion(field))
        for column, field in zip(cells, fields, strict=True)
    )
    return RawTable(tuple(fields), columns)


def _header(content: BinaryIO, intake: Intake) -> Mapping[str, Any]:
    """What stands behind the hashes of the first lines; the content is left at the line behind them."""
    lines, size = [], 0
    while True:
        place = content.tell()
        line = content.readline(PIECE)
        if not line.startswith(b"#"):
            content.seek(place)
            break
        lines.append(line[2:])
        size += len(line)
        if size > _LONGEST_HEADER:
            raise intake.fault(f"Its ECSV header is longer than {_LONGEST_HEADER:,} bytes.")
    try:
        header = yaml.load(io.BytesIO(b"".join(lines[1:])), Loader=_Loader)  # noqa: S506 (a safe one)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise intake.fault(f"Its ECSV header is not YAML: {str(error).splitlines()[0][:200]}.") from error
    if not isinstance(header, dict):
        raise intake.fault("Its ECSV header is not a mapping in YAML.")
    return header


def _field(column: Mapping[str, Any], intake: Intake) -> Field:
    name, written = str(column.get("name", "")), str(column.get("datatype", ""))
    arraysize = "*" if written == "string" else None
    subtype = _SUBTYPE.fullmatch(str(column.get("subtype", "")))
    if subtype is not None and written == "string":
        written = subtype["datatype"]
        lengths = [length.strip() for length in subtype["shape"].split(",")][::-1]
        if "null" in lengths[:-1] or written == "string" or "0" in lengths:
            raise intake.fault(f"its subtype {shown(column['subtype'])} has no place here.", column=name)
        arraysize = "x".join("*" if length == "null" else length for length in lengths)
    if written not in _DATATYPES:
        raise intake.fault(f"its datatype {shown(written)} is none of {', '.join(_DATATYPES)}.", column=name)
    facts = _mapping(column.get("meta"))
    return Field(
        name=name,
        datatype=_DATATYPES[written],
        arraysize=arraysize,
        unit=_plain(column.get("unit")),
        ucd=_plain(facts.get("ucd")),
        utype=_plain(facts.get("utype")),
        xtype=_plain(facts.get("xtype")),
        description=_plain(column.get("description")) or "",
    )


def _mapping(meta: object) -> Mapping[str, Any]:
    """What stands under meta, which astropy writes as an ordered mapping: to YAML a list of pairs."""
    if isinstance(meta, list):
        pairs = (pair for pair in meta if isinstance(pair, tuple) and isinstance(pair[0], str))
        return dict(pairs)
    return meta if isinstance(meta, dict) else {}


def _plain(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _conversion(field: Field) -> tuple[Any, ...]:
    if field.is_complex and field.arraysize is None:
        return (_complex_numbers,)
    return (_arrays,) if field.is_list else ()


def _complex_numbers(cells: pa.Array, field: Field, complain: Complaint) -> pa.Array:
    values: list[list[float] | None] = []
    for row, text in enumerate(cells.to_pylist()):
        try:
            number = None if not text else complex(text)
        except ValueError as error:
            raise complain(row, f"{shown(text)} is not a complex number such as 1+2j.") from error
        values.append(None if number is None else [number.real, number.imag])
    return pa.array(values, arrow_type(field.type))


def _arrays(cells: pa.Array, field: Field, complain: Complaint) -> pa.Array:
    """Arrays that each cell has in JSON."""
    with suppress(ValueError, TypeError, RecursionError, pa.ArrowException):
        plain = _plain_arrays(cells, field)
        if plain is not None:
            return plain
    return _arrays_one_by_one(cells, field, complain)


def _plain_arrays(cells: pa.Array, field: Field) -> pa.Array | None:
    """The same all at once; None if a cell has more than one pair of brackets, or another length.

    Raises
    ------
    ValueError, TypeError, RecursionError, pyarrow.ArrowException
        Raised if a cell is wrong; which one it does not tell.
    """
    target = arrow_type(field.type)
    empty = pc.equal(cells, "").fill_null(True)
    text = pc.if_else(empty, "null", cells)
    if not pc.all(pc.match_substring_regex(text, _PLAIN_ARRAY), min_count=0).as_py():
        return None
    values = pa.array(json.loads(f"[{','.join(text.to_pylist())}]"), target)
    if field.count is not None:
        lengths = pc.list_value_length(values).fill_null(field.count)
        if not pc.all(pc.equal(lengths, field.count), min_count=0).as_py():
            return None
    items = nan_as_null(values.values)
    mask = values.is_null() if values.null_count else None
    return pa.ListArray.from_arrays(values.offsets, items, mask=mask)


def _arrays_one_by_one(cells: pa.Array, field: Field, complain: Complaint) -> pa.Array:
    target = arrow_type(field.type)
    values: list[list[Any] | None] = []
    for row, text in enumerate(cells.to_pylist()):
        if not text:
            values.append(None)
            continue
        try:
            items = _flat(json.loads(text))
            values.append(nan_as_null(pa.array(items, target.value_type)).to_pylist())
        except (ValueError, TypeError, RecursionError, pa.ArrowException) as error:
            raise complain(row, f"{shown(text)} is not an array of {field.datatype} in JSON.") from error
        if field.count is not None and len(items) != field.count:
            raise complain(row, f"it has {len(items)} items, which is wrong for arraysize {field.arraysize}.")
    return pa.array(values, target)


def _flat(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    if not any(isinstance(item, list) for item in value):
        return value
    return [item for part in value for item in _flat(part)]
