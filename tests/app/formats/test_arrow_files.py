"""Parquet and Arrow streams read back by pyarrow, pandas and astropy."""

from __future__ import annotations

import io
import math
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from astropy.io.votable import parse
from astropy.table import Table
from pyarrow import ipc, parquet

from app.errors import QueryTimeout
from app.formats import Info, Provenance
from app.formats.arrow_files import ArrowStream, Parquet
from app.results import ResultStream
from tests.app.formats.gallery import GALLERY, Sample, column, failing, truncated, until_fault, written

PARQUET, STREAM = Parquet(), ArrowStream()
SIZES = pytest.mark.parametrize("sizes", [(), (1,), (0, 3, 0), (5, 5)], ids=str)


def same(table: pa.Table, sample: Sample) -> bool:
    wanted = pa.Table.from_batches([sample.batch])
    return all(
        _same(a, b)
        for name in wanted.column_names
        for a, b in zip(table[name].to_pylist(), wanted[name].to_pylist(), strict=True)
    )


def _same(a: Any, b: Any) -> bool:
    return a == b or (isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b))


@SIZES
def test_parquet_comes_back(sizes: tuple[int, ...]) -> None:
    sample = Sample.of(GALLERY)
    table = parquet.read_table(io.BytesIO(written(PARQUET, sample.stream(*sizes))))
    assert table.schema.equals(sample.batch.schema)
    assert same(table, sample)


@SIZES
def test_an_arrow_stream_comes_back(sizes: tuple[int, ...]) -> None:
    sample = Sample.of(GALLERY)
    table = ipc.open_stream(written(STREAM, sample.stream(*sizes))).read_all()
    assert table.schema.equals(sample.batch.schema)
    assert same(table, sample)


def test_pandas_reads_parquet() -> None:
    sample = Sample.of({column("n", "long"): [1, 2, 3], column("s", "char", "*"): ["a", "", None]}, repeats=1)
    frame = pd.read_parquet(io.BytesIO(written(PARQUET, sample.stream())))
    assert frame["n"].tolist() == [1, 2, 3]
    assert frame["s"].tolist()[:2] == ["a", ""]


def test_astropy_reads_parquet_with_its_metadata(tmp_path: Path) -> None:
    what = column("energy", "double", unit="TeV", ucd="em.energy", description="Reconstructed energy")
    file = tmp_path / "result.parquet"
    file.write_bytes(written(PARQUET, Sample.of({what: [1.5, 2.5]}, repeats=1).stream()))
    table = Table.read(file, format="parquet.votable")
    assert table["energy"].tolist() == [1.5, 2.5]
    assert table["energy"].unit.to_string() == "TeV"
    assert table["energy"].meta["ucd"] == "em.energy"
    assert table["energy"].description == "Reconstructed energy"


@pytest.mark.parametrize("maxrec", [0, 3])
def test_parquet_tells_overflow_and_query_in_its_footer(maxrec: int) -> None:
    stream = truncated(Sample.of(GALLERY), maxrec)
    file = parquet.ParquetFile(io.BytesIO(written(PARQUET, stream, Info("query", "SELECT <x>"))))
    metadata = file.metadata.metadata
    assert metadata[b"IVOA.VOTable-Parquet.version"] == b"1.0"
    document = parse(io.BytesIO(metadata[b"IVOA.VOTable-Parquet.content"]), verify="exception")
    infos = [(info.name, info.value) for info in document.resources[0].infos]
    assert infos == [("QUERY_STATUS", "OK"), ("query", "SELECT <x>"), ("QUERY_STATUS", "OVERFLOW")]
    assert file.metadata.num_rows == maxrec


@pytest.mark.parametrize("maxrec", [0, 3])
def test_a_stream_tells_overflow_with_its_last_batch(maxrec: int) -> None:
    reader = ipc.open_stream(written(STREAM, truncated(Sample.of(GALLERY), maxrec)))
    rows = 0
    for batch, metadata in reader.iter_batches_with_custom_metadata():
        rows += batch.num_rows
        last = metadata
    assert rows == maxrec
    assert last[b"QUERY_STATUS"] == b"OVERFLOW"


def test_a_stream_carries_units_and_provenance_in_its_schema() -> None:
    what = column("ra", "double", unit="deg", ucd="pos.eq.ra")
    schema = ipc.open_stream(
        written(STREAM, Sample.of({what: []}).stream(), Info("query", "SELECT 1"))
    ).schema
    assert schema.field("ra").metadata == {b"unit": b"deg", b"ucd": b"pos.eq.ra"}
    assert b'value="SELECT 1"' in schema.metadata[b"votable"]


@pytest.mark.parametrize("writer", [PARQUET, STREAM], ids=["parquet", "stream"])
def test_a_fault_between_rows_leaves_no_whole_file(writer: Parquet | ArrowStream) -> None:
    sample = Sample.of({column("n", "long"): list(range(300_000))}, repeats=1)
    stream = ResultStream(sample.columns, chain([sample.batch], failing(sample, good=0).batches))
    document, fault = until_fault(writer.write(stream, Provenance()))
    assert isinstance(fault, QueryTimeout)
    assert len(document) > 100_000
    if writer is PARQUET:
        with pytest.raises(pa.ArrowInvalid):
            parquet.read_table(io.BytesIO(document))
    else:
        assert not document.endswith(b"\xff\xff\xff\xff\x00\x00\x00\x00")  # the end of an Arrow stream


def test_row_groups_are_neither_tiny_nor_huge() -> None:
    sample = Sample.of({column("n", "long"): list(range(400_000))}, repeats=1)
    file = parquet.ParquetFile(io.BytesIO(written(PARQUET, sample.stream(*[1000] * 400))))
    groups = [file.metadata.row_group(n).num_rows for n in range(file.metadata.num_row_groups)]
    assert min(groups[:-1]) >= 100_000
    assert max(groups) < 400_000
    assert sum(groups) == 400_000
