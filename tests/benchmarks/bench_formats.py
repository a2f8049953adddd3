"""The writers of results beside those of astropy and pyarrow: bytes and rows a CPU second, memory, chunks."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.csv
from astropy.io.votable import from_table
from astropy.table import MaskedColumn, Table

from adql import Column, ColumnType
from app.formats import Provenance, choose_format
from app.results import ResultStream, arrow_schema
from tests.benchmarks.harness import Figure, benchmark, cpu_seconds

BATCH = 65_536
ROWS = 16 * BATCH
ASTROPY_ROWS = 16_384
"""As many as astropy writes in about a second."""

COLUMNS = (
    Column("event_id", ColumnType("long")),
    Column("obs_id", ColumnType("long")),
    Column("instrument", ColumnType("char", "*")),
    Column("event_time", ColumnType("double"), unit="s"),
    Column("ra", ColumnType("double"), unit="deg"),
    Column("dec", ColumnType("double"), unit="deg"),
    Column("energy", ColumnType("float"), unit="TeV"),
    Column("multip", ColumnType("int")),
)
FIXED = tuple(
    Column(what.name, ColumnType("char", "7") if what.type.is_text else what.type) for what in COLUMNS
)
"""The same with a text of fixed length, so that all records are of one size."""


def events(rows: int) -> pa.RecordBatch:
    """Synthetic events, some without energy or multiplicity."""
    rng = np.random.default_rng(42)
    number = np.arange(rows)
    instrument = np.array(["HESS", "MAGIC", "VERITAS"])[number // 50_000 % 3]
    arrays = [
        pa.array((np.int64(100_000) << 32) + number),
        pa.array(100_000 + number // 50_000),
        pa.array(instrument),
        pa.array(5e8 + np.sort(rng.uniform(0, 1680, rows))),
        pa.array(rng.uniform(80, 86, rows)),
        pa.array(rng.uniform(19, 24, rows)),
        pa.array((0.03 * rng.random(rows) ** (-1 / 1.7)).astype("f4"), mask=rng.random(rows) < 0.02),
        pa.array(rng.integers(0, 5, rows).astype("i4"), mask=rng.random(rows) < 0.1),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=arrow_schema(COLUMNS))


def write(name: str, batch: pa.RecordBatch, columns: tuple[Column, ...] = COLUMNS) -> list[int]:
    """Sizes of the chunks of a document."""
    batches = (batch.slice(start, BATCH) for start in range(0, batch.num_rows, BATCH))
    chunks = choose_format(name).writer.write(ResultStream(columns, batches), Provenance())
    return [len(chunk) for chunk in chunks]


def astropy_table(batch: pa.RecordBatch) -> Table:
    cells = {}
    for what, array in zip(COLUMNS, batch.columns, strict=True):
        if what.type.is_text:
            cells[what.name] = np.array(array.to_pylist())
        else:
            filled = array.fill_null(0).to_numpy()
            cells[what.name] = MaskedColumn(filled, mask=array.is_null().to_numpy(zero_copy_only=False))
    return Table(cells)


def write_with_astropy(table: Table, serialization: str) -> int:
    sink = io.BytesIO()
    from_table(table).to_xml(sink, tabledata_format=serialization)
    return sink.tell()


def write_fits_with_astropy(table: Table) -> int:
    sink = io.BytesIO()
    table.write(sink, format="fits")
    return sink.tell()


def write_with_pyarrow(batch: pa.RecordBatch) -> int:
    sink = io.BytesIO()
    with pyarrow.csv.CSVWriter(sink, batch.schema) as writer:
        for start in range(0, batch.num_rows, BATCH):
            writer.write_batch(batch.slice(start, BATCH))
            sink.seek(0)
    return sink.tell()


@benchmark
def formats() -> Iterator[Figure]:
    """Goals G5, G7 and G9."""
    batch = events(ROWS)
    whole = astropy_table(batch)
    table = whole[:ASTROPY_ROWS]
    writers = {
        "BINARY2, fixed texts": ("votable/b2", FIXED, 1000.0),
        "BINARY2": ("votable/b2", COLUMNS, 600.0),
        "BINARY": ("votable/b", COLUMNS, 600.0),
        "TABLEDATA": ("votable/td", COLUMNS, 200.0),
        "CSV": ("csv", COLUMNS, None),
        "TSV": ("tsv", COLUMNS, None),
        "JSON": ("json", COLUMNS, None),
        "FITS": ("fits", COLUMNS, None),
        "Parquet": ("parquet", COLUMNS, None),
        "Arrow": ("arrow", COLUMNS, None),
        "ECSV": ("ecsv", COLUMNS, None),
        "HTML": ("html", COLUMNS, None),
        "text": ("text", COLUMNS, None),
    }
    sizes = {name: write(alias, batch, columns) for name, (alias, columns, _) in writers.items()}
    seconds = cpu_seconds(
        {
            **{name: lambda w=w: write(w[0], batch, w[1]) for name, w in writers.items()},
            "pyarrow.csv": lambda: write_with_pyarrow(batch),
            "astropy BINARY2": lambda: write_with_astropy(table, "binary2"),
            "astropy TABLEDATA": lambda: write_with_astropy(table, "tabledata"),
            "astropy FITS": lambda: write_fits_with_astropy(whole),
        },
        rounds=3,
    )
    for name, (_, _, goal) in writers.items():
        yield Figure(name, sum(sizes[name]) / 1e6 / seconds[name], "MB/CPU-s", at_least=goal)
        yield Figure(f"{name}, rows", ROWS / 1e6 / seconds[name], "Mrow/CPU-s")
        yield Figure(f"{name}, smallest chunk", min(sizes[name][1:-1]) / 1024, "KiB", at_least=256)
    for name, goal in (("BINARY2", 300.0), ("TABLEDATA", 40.0)):
        theirs = ASTROPY_ROWS / seconds[f"astropy {name}"]
        yield Figure(f"{name}, rows over astropy's", ROWS / seconds[name] / theirs, "times", at_least=goal)
    yield Figure("FITS, over astropy's", seconds["astropy FITS"] / seconds["FITS"], "times", at_least=3)
    for name in ("CSV", "TSV"):
        ratio = seconds["pyarrow.csv"] / seconds[name]
        yield Figure(f"{name}, over pyarrow.csv", ratio, "times", at_least=1.5)


_MEMORY = """
import itertools, sys
from pathlib import Path
from tests.benchmarks.bench_formats import BATCH, COLUMNS, events
from app.formats import Provenance, choose_format
from app.results import ResultStream

def anonymous():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) / 1024

name, rows = sys.argv[1], int(sys.argv[2])
batch = events(4 * BATCH)
batches = (batch.slice(i % 4 * BATCH, BATCH) for i in range(rows // BATCH))
peak = 0
for chunk in choose_format(name).writer.write(ResultStream(COLUMNS, batches), Provenance()):
    peak = max(peak, anonymous())
print(peak)
"""


@benchmark
def formats_memory() -> Iterator[Figure]:
    """Goal G8: each in processes of their own, for some million rows and for four times as many."""
    for name, millions in (
        ("votable/b2", 10),
        ("votable/td", 5),
        ("csv", 5),
        ("fits", 2),
        ("json", 2),
        ("parquet", 5),
    ):
        less, more = (_peak_memory(name, times * millions * 1_000_000) for times in (1, 4))
        yield Figure(f"{name}, peak memory at {4 * millions} M rows", more, "MiB", at_most=350)
        yield Figure(f"{name}, growth from {millions} M rows", 100 * (more / less - 1), "%", at_most=10)


def _peak_memory(name: str, rows: int) -> float:
    command = [sys.executable, "-c", _MEMORY, name, str(rows)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
