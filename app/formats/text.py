"""Delimited text: CSV (RFC 4180) and TSV."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import csv

from app.formats.base import Provenance
from app.results import ResultStream


@dataclass(frozen=True, slots=True)
class DelimitedText:
    """Rows as lines of text, NULL as an empty cell."""

    media_type: str
    extension: str
    delimiter: str
    header: bool = True
    tells_status: bool = False

    def write(self, result: ResultStream, provenance: Provenance) -> Iterator[bytes]:
        """The document in chunks; see :class:`app.formats.base.Writer`."""
        options = csv.WriteOptions(include_header=self.header, delimiter=self.delimiter)
        sink = io.BytesIO()
        with csv.CSVWriter(sink, result.schema, write_options=options) as writer:
            for batch in result.batches:
                writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=result.schema))
                yield sink.getvalue()
                sink.seek(0)
                sink.truncate()
        yield sink.getvalue()


CSV = DelimitedText("text/csv", "csv", ",")
CSV_WITHOUT_HEADER = DelimitedText("text/csv;header=absent", "csv", ",", header=False)
TSV = DelimitedText("text/tab-separated-values", "tsv", "\t")
