"""JSON: the columns with their metadata, the rows as arrays, and how the result ended.

::

    {"metadata": [{"name": "ra", "datatype": "double", "unit": "deg", ...}, ...],
     "info": [{"name": "query", "value": "SELECT ...", "description": "..."}, ...],
     "data": [[83.63, ...], ...],
     "status": "OK"}

The members ``metadata`` and ``data`` are as other TAP services have them (VOLLT, Gaia). ``status`` is that of
DALI 1.1 section 4.4: OK, OVERFLOW or ERROR, the last two with a ``message``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from adql import Column
from app.formats.base import Provenance, status_after
from app.formats.cells import Cell, cell_of
from app.formats.characters import json_quoted
from app.formats.chunks import closed, sliced
from app.formats.lines import Lines
from app.formats.literals import json_literals
from app.results import ResultStream

_NEXT = "],\n["


@dataclass(frozen=True, slots=True)
class JsonTable:
    """Writes results as JSON documents in UTF-8 (RFC 8259).

    A number that is not finite is null, as JSON has no word for it.
    """

    media_type: str = "application/json"
    extension: str = "json"
    tells_status: bool = True

    def write(self, result: ResultStream, provenance: Provenance) -> Iterator[bytes]:
        """The document in chunks; see :class:`app.formats.base.Writer`."""
        rows = _Rows(result)

        def tail(fault: Exception | None) -> bytes:
            status = status_after(result, rows=rows.count, fault=fault)
            end = {"status": status.value, "message": status.description} if status else {"status": "OK"}
            return f"\n],\n{_dump(end)[1:-1]}\n}}\n".encode()

        yield from closed(_head(result, provenance), rows.pieces(), tail=tail)


def _head(result: ResultStream, provenance: Provenance) -> bytes:
    metadata = ",\n".join(_dump(_description(column)) for column in result.columns)
    infos = ",\n".join(_dump(info._asdict()) for info in provenance.infos)
    return f'{{\n"metadata": [\n{metadata}\n],\n"info": [\n{infos}\n],\n"data": [\n'.encode()


def _description(column: Column) -> Mapping[str, str]:
    facts = {
        "name": column.name,
        "datatype": column.type.datatype,
        "arraysize": column.type.arraysize,
        "xtype": column.type.xtype,
        "unit": column.unit,
        "ucd": column.ucd,
        "utype": column.utype,
        "description": column.description,
    }
    return {key: value for key, value in facts.items() if value}


def _dump(value: Mapping[str, str]) -> str:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()


class _Rows:
    """The rows of a result as arrays of JSON."""

    def __init__(self, result: ResultStream) -> None:
        self.count = 0
        self._result = result
        self._cells = tuple(cell_of(column.type, masked=True) for column in result.columns)
        self._lines = Lines(separator=",", terminator=_NEXT, quoted=False, null="null")

    def pieces(self) -> Iterator[bytes]:
        for batch in sliced(self._result.batches):
            pairs = zip(batch.columns, self._cells, strict=True)
            lines = self._lines.encode([_literals(array, cell) for array, cell in pairs])
            start = b",\n[" if self.count else b"["
            self.count += batch.num_rows
            yield start + lines[: -len(_NEXT) + 1]


def _literals(array: pa.Array, cell: Cell) -> pa.Array:
    return json_quoted(array) if cell.is_text else json_literals(array, cell)
