"""Files of Arrow itself: Parquet, and the Arrow IPC stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import ipc, parquet

from adql.types import TEXT
from app.formats.base import Provenance, status_after
from app.formats.chunks import begun, sliced
from app.formats.votable import described
from app.results import ResultStream

_GROUP_ROWS = 131_072
_GROUP_BYTES = 32 * 1024 * 1024
"""A row group of Parquet ends at so many rows or bytes of Arrow memory."""
_MAGIC = b"IVOA.VOTable-Parquet."


class _Sink:
    """A file in which only what was written last is kept."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        """What was written since the last call."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def _schema(result: ResultStream) -> pa.Schema:
    """The schema of a result, its fields with what is known of the columns."""
    fields = []
    for field, column in zip(result.schema, result.columns, strict=True):
        facts = {"unit": column.unit, "ucd": column.ucd, "utype": column.utype, "xtype": column.type.xtype}
        facts["description"] = column.description
        fields.append(field.with_metadata({key: value for key, value in facts.items() if value}))
    return pa.schema(fields)


@dataclass(frozen=True, slots=True)
class Parquet:
    """Writes results as Parquet with the metadata of VOParquet 1.0 (IVOA Note, 2025-01-16).

    The VOTable without rows in the footer says what a VOTable would, an overflow too. After a fault there
    is no footer, and so no file that could be taken for whole.
    """

    media_type: str = "application/vnd.apache.parquet"
    extension: str = "parquet"
    tells_status: bool = False

    def write(self, result: ResultStream, provenance: Provenance) -> Iterator[bytes]:
        """The file in chunks; see :class:`app.formats.base.Writer`."""
        yield from begun(b"", self._pieces(result, provenance))

    def _pieces(self, result: ResultStream, provenance: Provenance) -> Iterator[bytes]:
        sink = _Sink()
        rows = 0
        schema = _schema(result)
        texts = [column.name for column in result.columns if column.type.datatype in TEXT]
        # A dictionary of numbers costs three times the CPU and a third more bytes: events hardly repeat them.
        writer = parquet.ParquetWriter(sink, schema, compression="zstd", use_dictionary=texts)
        for table in _grouped(result, schema):
            writer.write_table(table, row_group_size=table.num_rows)
            rows += table.num_rows
            yield sink.take()
        status = status_after(result, rows=rows, fault=None)
        content = described(result.columns, provenance, *filter(None, [status]))
        writer.add_key_value_metadata({_MAGIC + b"version": b"1.0", _MAGIC + b"content": content})
        writer.close()
        yield sink.take()


def _grouped(result: ResultStream, schema: pa.Schema) -> Iterator[pa.Table]:
    held: list[pa.RecordBatch] = []
    for batch in sliced(result.batches):
        held.append(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
        rows, size = sum(part.num_rows for part in held), sum(part.nbytes for part in held)
        if rows >= _GROUP_ROWS or size >= _GROUP_BYTES:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)


@dataclass(frozen=True, slots=True)
class ArrowStream:
    """Writes results as Arrow IPC streams; a VOTable without rows in the schema says what a VOTable would.

    An overflow is told by the metadata of a last, empty batch: QUERY_STATUS. A stream that a fault ended
    lacks the mark of its end.
    """

    media_type: str = "application/vnd.apache.arrow.stream"
    extension: str = "arrows"
    tells_status: bool = False

    def write(self, result: ResultStream, provenance: Provenance) -> Iterator[bytes]:
        """The stream in chunks; see :class:`app.formats.base.Writer`."""
        yield from begun(b"", self._pieces(result, provenance))

    def _pieces(self, result: ResultStream, provenance: Provenance) -> Iterator[bytes]:
        sink = _Sink()
        rows = 0
        schema = _schema(result).with_metadata({"votable": described(result.columns, provenance)})
        writer = ipc.new_stream(sink, schema)
        for batch in sliced(result.batches):
            writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
            rows += batch.num_rows
            yield sink.take()
        status = status_after(result, rows=rows, fault=None)
        if status is not None:
            empty = pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)
            writer.write_batch(empty, custom_metadata={status.name: status.value})
        writer.close()
        yield sink.take()
