"""The ingest: events a CPU second, memory, how columns are written, and the choice of files."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits

from adql import Cone, Restriction
from app.ingest import ingest
from app.ingest.tiles import GROUP_ROWS, parquet_options
from app.lake import FileIndex, current_snapshot
from app.lake.index import to_table
from tests.benchmarks.harness import Figure, benchmark, cpu_seconds
from tests.conftest import find_dl3

LISTS, EVENTS_EACH = 20, 50_000

_COLUMNS = ("EVENT_ID", "TIME", "RA", "DEC", "ENERGY")


def make_release(root: Path, lists: int, events_each: int) -> Path:
    """A release of runs that point to ten places, in the columns of GADF and two of an instrument."""
    rng = np.random.default_rng(42)
    root.mkdir(parents=True)
    for number in range(lists):
        ra, dec = 30.0 * (number % 10) + 5.0, 10.0 * (number % 10) - 45.0
        columns = {
            "EVENT_ID": ("K", np.arange(events_each)),
            "TIME": ("D", 1.2e8 + 2000.0 * number + np.sort(rng.uniform(0, 1700, events_each))),
            "RA": ("E", rng.normal(ra, 1.5, events_each)),
            "DEC": ("E", rng.normal(dec, 1.5, events_each)),
            "ENERGY": ("E", 0.1 * rng.random(events_each) ** -0.6),
            "DETX": ("E", rng.normal(0, 1.5, events_each)),
            "DETY": ("E", rng.normal(0, 1.5, events_each)),
        }
        hdu = fits.BinTableHDU.from_columns(
            [fits.Column(name, form, array=array) for name, (form, array) in columns.items()], name="EVENTS"
        )
        units = {"TIME": "s", "RA": "deg", "DEC": "deg", "ENERGY": "TeV", "DETX": "deg", "DETY": "deg"}
        for column in hdu.columns:
            column.unit = units.get(column.name)
        hdu.header.update(
            HDUCLAS1="EVENTS", OBS_ID=number, RA_PNT=ra, DEC_PNT=dec, MJDREFI=51910, MJDREFF=0.0, TIMESYS="TT"
        )
        hdu.writeto(root / f"run_{number:06d}.fits")
    return root


def load(release: Path) -> int:
    """Ingest into a lake that is thrown away; the events."""
    with tempfile.TemporaryDirectory() as home:
        return ingest(release, lake=Path(home) / "lake").events


def read_with_astropy(release: Path) -> int:
    """What any ingest must do at least: read the five columns of GADF as astropy does."""
    events = 0
    for path in release.rglob("*.fits*"):
        with fits.open(path) as hdus:
            for hdu in hdus:
                if hdu.name == "EVENTS":
                    columns = [np.asarray(hdu.data[name], dtype=float) for name in _COLUMNS]
                    events += columns[0].size
    return events


@benchmark
def ingest_rate() -> Iterator[Figure]:
    """Goal G14."""
    with tempfile.TemporaryDirectory() as scratch:
        made = make_release(Path(scratch) / "made", LISTS, EVENTS_EACH)
        releases = {"made": made}
        real = find_dl3()
        if real is not None:
            releases["real"] = real
        for name, release in releases.items():
            events = load(release)
            seconds = cpu_seconds(
                {"ingest": lambda r=release: load(r), "astropy": lambda r=release: read_with_astropy(r)},
                rounds=3,
            )
            yield Figure(f"{name} data", events / 1e6 / seconds["ingest"], "Mevent/CPU-s", at_least=0.5)
            yield Figure(
                f"{name} data, over astropy's reading", seconds["ingest"] / seconds["astropy"], "times"
            )
        with tempfile.TemporaryDirectory() as home:
            ingest(made, lake=Path(home) / "lake")
            begun = time.process_time()
            ingest(made, lake=Path(home) / "lake")
            yield Figure("the same again", time.process_time() - begun, "CPU-s")


_MEMORY = """
import sys
from pathlib import Path
from app.ingest import ingest
report = ingest(Path(sys.argv[1]), lake=Path(sys.argv[2]))
peak = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
print(report.events, int(peak) / 1024)
"""


def peak_memory(release: Path, lake: Path) -> tuple[int, float]:
    """Events, and the most memory that a process had while it loaded them, mapped files too [MiB]."""
    told = subprocess.run(
        [sys.executable, "-c", _MEMORY, str(release), str(lake)], capture_output=True, text=True, check=True
    )
    events, peak = told.stdout.split()
    return int(events), float(peak)


@benchmark
def ingest_memory() -> Iterator[Figure]:
    """Flat however large the release."""
    with tempfile.TemporaryDirectory() as scratch:
        peaks = []
        for millions in (1.5, 6.0):
            release = make_release(Path(scratch) / "release", int(millions * 1e6) // 100_000, 100_000)
            events, peak = peak_memory(release, Path(scratch) / "lake")
            peaks.append(peak)
            yield Figure(f"{events / 1e6:g} million events", peak, "MiB")
            shutil.rmtree(release)
            shutil.rmtree(Path(scratch) / "lake")
        yield Figure("four times the events", peaks[1] / peaks[0], "times", at_most=1.5)


def written_ways(schema: pa.Schema) -> Mapping[str, dict[str, Any]]:
    """Ways to write events: ours, and others."""
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    plain = {"use_dictionary": [*texts, "obs_id"], "version": "2.6"}
    return {
        "ours": parquet_options(schema),
        "plain, zstd 3": {"compression": "zstd", "compression_level": 3, **plain},
        "plain, snappy": {"compression": "snappy", **plain},
        "dictionaries, zstd 1": {"compression": "zstd", "compression_level": 1, "version": "2.6"},
    }


@benchmark
def ingest_encodings() -> Iterator[Figure]:
    """How the columns of events are written: bytes, and times beside plain values under zstd 3."""
    queries = {
        "sum of energies": "SELECT sum(energy) FROM read_parquet(?)",
        "sum of directions": "SELECT sum(ra), sum(dec) FROM read_parquet(?)",
        "one observation": "SELECT avg(energy) FROM read_parquet(?) WHERE obs_id = 3",
    }
    with tempfile.TemporaryDirectory() as scratch, duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        release = make_release(Path(scratch) / "made", LISTS, EVENTS_EACH)
        ingest(release, lake=Path(scratch) / "lake")
        snapshot = current_snapshot(Path(scratch) / "lake")
        assert snapshot is not None
        table = pa.concat_tables(
            [pq.read_table(path, partitioning=None) for path in snapshot.tables["events"]]
        )
        ways = written_ways(table.schema)
        paths = {name: str(Path(scratch) / f"{number}.parquet") for number, name in enumerate(ways)}
        writing = cpu_seconds(
            {
                name: lambda n=name, o=options: pq.write_table(
                    table, paths[n], row_group_size=GROUP_ROWS, **o
                )
                for name, options in ways.items()
            },
            rounds=3,
        )
        reading = cpu_seconds(
            {
                f"{name}|{what}": lambda n=name, q=query: connection.execute(q, [paths[n]]).fetchall()
                for (name, (what, query)) in itertools.product(ways, queries.items())
            },
            rounds=5,
        )
        for name in ways:
            yield Figure(f"{name}, size", Path(paths[name]).stat().st_size / table.num_rows, "B/event")
            yield Figure(f"{name}, writing", table.num_rows / 1e6 / writing[name], "Mevent/CPU-s")
        for what in queries:
            ratio = reading[f"ours|{what}"] / reading[f"plain, zstd 3|{what}"]
            yield Figure(f"{what}, ours over plain", ratio, "times", at_most=1.1)
        yield Figure(
            "writing, ours over plain", writing["ours"] / writing["plain, zstd 3"], "times", at_most=1.0
        )


@benchmark
def file_index() -> Iterator[Figure]:
    """The choice of files out of thousands."""
    with tempfile.TemporaryDirectory() as scratch:
        ingest(make_release(Path(scratch) / "made", 10, 1000), lake=Path(scratch) / "lake")
        snapshot = current_snapshot(Path(scratch) / "lake")
        assert snapshot is not None
    records = list(itertools.islice(itertools.cycle(snapshot.records), 5000))
    named = [replace(record, path=f"{number}.parquet") for number, record in enumerate(records)]
    index = FileIndex.from_table(to_table(named), Path("/"), snapshot.rights)
    asked = Restriction(regions=(Cone(95.0, -15.0, 0.5),), members={"obs_id": frozenset((3,))})
    seconds = cpu_seconds({"cone": lambda: index.select(asked), "all": index.select}, rounds=50)
    yield Figure("a cone and an observation, of 5000 files", seconds["cone"] * 1e3, "ms", at_most=1.0)
