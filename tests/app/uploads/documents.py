"""VOTables that astropy writes, and their values as astropy reads them."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.io.votable import parse
from astropy.io.votable.tree import Field, Resource, TableElement, VOTableFile

from app.uploads.intake import Intake
from app.uploads.table import RawTable

NAN, INF = math.nan, math.inf
SERIALIZATIONS = ("tabledata", "binary", "binary2")
INTAKE = Intake("mine")


@dataclass(frozen=True)
class Sample:
    """A column and its values; None is NULL."""

    datatype: str
    arraysize: str | None
    values: Sequence[Any]
    null: int | None = None


SAMPLES = {
    "flag": Sample("boolean", None, [True, False, None, True]),
    "octet": Sample("unsignedByte", None, [0, 255, None, 7], null=99),
    "small": Sample("short", None, [-32767, 32767, None, 0], null=-32768),
    "whole": Sample("int", None, [-(2**31) + 1, 2**31 - 1, None, 0], null=-(2**31)),
    "large": Sample("long", None, [-(2**63) + 1, 2**63 - 1, None, 20131103103], null=-9999),
    "single": Sample("float", None, [0.1, -3.4028234663852886e38, None, INF]),
    "double": Sample("double", None, [0.1, 1.7976931348623157e308, None, -INF]),
    "complex": Sample("doubleComplex", None, [1 + 2j, -0.5j, 3 + 0j, 0j]),
    "smallcomplex": Sample("floatComplex", None, [1 + 2j, -0.5j, 3 + 0j, 0j]),
    "bit": Sample("bit", None, [True, False, True, True]),
    "letter": Sample("char", None, ["a", "b", "c", "d"]),
    "word": Sample("char", "7", ["HESS", "VERITAS", "a b", "x"]),
    "text": Sample("char", "*", ["plain", "a<b && c>d ]]>", None, "tab\tquote\"'"]),
    "name": Sample("unicodeChar", "*", ["Größe", "★ MAGIC", None, "line\nbreak"]),
    "mark": Sample("unicodeChar", "4", ["é", "abcd", "★", "xy"]),
    "pair": Sample("short", "2", [[1, -1], [32767, -32768], [0, 0], [5, 6]]),
    "octets": Sample("unsignedByte", "*", [[0, 255], [1], [2, 3, 4], [9]]),
    "larges": Sample("long", "5*", [[2**63 - 1], [1, 2, 3, 4, 5], [-1], [0, 0]]),
    "singles": Sample("float", "*", [[0.5, -1.5], [1e10], [2.25], [0.0]]),
    "matrix": Sample("double", "2x3", [[1, 2, 3, 4, 5, 6]] * 2 + [[0.1, NAN, 0.3, INF, 5, 6]] * 2),
    "rows": Sample("int", "2x*", [[1, 2], [1, 2, 3, 4], [5, 6], [7, 8, 9, 10]]),
    "complexes": Sample("floatComplex", "2", [[1 + 1j, 2 - 2j], [0j, 1j], [3 + 0j, 0j], [1j, 1j]]),
    "flags": Sample("boolean", "3", [[True, False, True]] * 4),
    "bits": Sample("bit", "10", [[True, False] * 5, [False] * 10, [True] * 10, [False, True] * 5]),
}


def write(samples: dict[str, Sample], serialization: str, version: str = "1.4") -> bytes:
    """The document that astropy makes of the columns."""
    votable = VOTableFile(version=version)
    resource = Resource()
    votable.resources.append(resource)
    table = TableElement(votable, name="mine")
    resource.tables.append(table)
    for name, sample in samples.items():
        field = Field(
            votable, name=name, ID=name, datatype=sample.datatype, arraysize=sample.arraysize,
            unit="TeV", ucd="em.energy", utype="a:b.c",
        )  # fmt: skip
        field.description = f"What {name} is"
        if sample.null is not None:
            field.values.null = sample.null
        table.fields.append(field)
    nrows = len(next(iter(samples.values())).values)
    table.create_arrays(nrows)
    for name, sample in samples.items():
        for row, value in enumerate(sample.values):
            if value is None:
                table.array.mask[name][row] = True
                table.array.data[name][row] = _stand_in(sample)
            else:
                table.array.data[name][row] = _cell(sample, value)
    out = io.BytesIO()
    votable.to_xml(out, tabledata_format=serialization)
    return out.getvalue()


def _stand_in(sample: Sample) -> Any:
    """What is written for NULL where the serialisation has no place to say so."""
    if sample.datatype in ("char", "unicodeChar"):
        return ""
    if sample.null is not None:
        return sample.null
    return NAN if sample.datatype in ("float", "double") else 0


def _cell(sample: Sample, value: Any) -> Any:
    if not isinstance(value, list):
        return value
    kinds = {"float": "f4", "double": "f8", "long": "i8", "int": "i4", "short": "i2", "unsignedByte": "u1"}
    kinds |= {"boolean": "?", "bit": "?", "floatComplex": "c8"}
    items = np.array(value, kinds[sample.datatype])
    if "x" in (sample.arraysize or ""):
        # VOTable has the fastest dimension first, numpy last.
        lengths = [-1 if size == "*" else int(size) for size in sample.arraysize.split("x")][::-1]
        items = items.reshape(lengths)
    return np.ma.array(items, mask=np.zeros(items.shape, bool))


def astropy_values(document: bytes) -> dict[str, list[Any]]:
    """The values of the first table as astropy has them, in plain Python."""
    array = parse(io.BytesIO(document), verify="ignore").get_first_table().array
    return {name: [_plain(array[name], row) for row in range(len(array))] for name in array.dtype.names}


def _plain(column: Any, row: int) -> Any:
    value, mask = np.ma.getdata(column)[row], np.ma.getmaskarray(column)[row]
    if isinstance(value, np.ndarray):
        items = np.ma.getdata(value).reshape(-1)
        return [number for item in items.tolist() for number in _numbers(item)]
    if bool(np.all(mask)):
        return None
    value = value.item() if isinstance(value, np.generic) else value
    numbers = _numbers(value)
    if len(numbers) > 1:
        return numbers
    return None if value == "" or value != value else value


def _numbers(item: Any) -> list[Any]:
    return [item.real, item.imag] if isinstance(item, complex) else [item]


def our_values(table: RawTable) -> dict[str, list[Any]]:
    """The values of a table that was read, by the names in the file."""
    return {field.name: column.to_pylist() for field, column in zip(table.fields, table.columns, strict=True)}


def same(found: Any, expected: Any) -> bool:
    """Equal to the last bit, NaN to NaN."""
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(found, float) and isinstance(expected, float) and math.isnan(expected):
        return math.isnan(found)
    return found == expected
