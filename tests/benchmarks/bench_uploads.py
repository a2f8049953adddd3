"""Uploaded tables: how fast each format is read, beside astropy, and a join with the events over HTTP."""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
from astropy.table import Table

from app.config import Config
from app.uploads import Part, UploadLoader, UploadSource
from tests.benchmarks.harness import Figure, benchmark, cpu_seconds
from tests.support.server import serve
from tests.support.small_lake import SmallRelease, make_lake

ROWS = 200_000
POSITIONS = 100_000
EVENTS = 5_000_000
FORMATS = {
    "VOTable TABLEDATA": ("votable", {"tabledata_format": "tabledata"}),
    "VOTable BINARY2": ("votable", {"tabledata_format": "binary2"}),
    "FITS": ("fits", {}),
    "CSV": ("ascii.csv", {}),
    "ECSV": ("ascii.ecsv", {}),
}
MATCH = (
    "SELECT COUNT(*) AS n FROM TAP_UPLOAD.t AS t JOIN dl3.events AS e "
    "ON 1 = CONTAINS(POINT(e.ra, e.dec), CIRCLE(t.ra, t.dec, 0.003))"
)


def sources(rows: int) -> Table:
    """Positions around the Crab nebula."""
    random = np.random.default_rng(1)
    return Table(
        {
            "id": np.arange(rows),
            "ra": 83.63 + random.uniform(-2.5, 2.5, rows),
            "dec": 22.01 + random.uniform(-2.5, 2.5, rows),
            "name": np.array([f"source {number}" for number in range(rows)]),
        }
    )


def document(table: Table, form: str, options: dict[str, str]) -> bytes:
    """What astropy writes."""
    if form.startswith("ascii"):
        text = io.StringIO()
        table.write(text, format=form)
        return text.getvalue().encode()
    out = io.BytesIO()
    table.write(out, format=form, **options)
    return out.getvalue()


@benchmark
def uploads_read() -> Iterator[Figure]:
    """Rows a CPU second of the readers."""
    table = sources(ROWS)
    loader = UploadLoader(Config(home=Path("/nowhere")))
    for name, (form, options) in FORMATS.items():
        content = document(table, form, options)

        def ours(content: bytes = content) -> None:
            source = UploadSource("t", part=Part(io.BytesIO(content)))
            with loader.load([source], stopped=lambda: False):
                pass

        def theirs(content: bytes = content, form: str = form) -> None:
            Table.read(io.BytesIO(content), format=form)

        seconds = cpu_seconds({"ours": ours, "astropy": theirs}, rounds=3)
        yield Figure(f"{name}, rows read", ROWS / seconds["ours"], "rows/s", at_least=200_000)
        note = "astropy only maps the file" if form == "fits" else ""
        yield Figure(
            f"{name}, beside astropy", seconds["astropy"] / seconds["ours"], "times as fast", note=note
        )


@benchmark
def uploads_joined() -> Iterator[Figure]:
    """A join of 100,000 uploaded positions with the events, from the request to the last byte."""
    content = document(sources(POSITIONS), *FORMATS["VOTable TABLEDATA"])
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        make_lake(home, [SmallRelease("crab", n_events=EVENTS, radius=2.5)])
        config = Config(home=home)
        with serve(config) as server, httpx.Client(base_url=server.url, timeout=600) as http:
            for name, query in {
                "read only": "SELECT COUNT(*) AS n FROM TAP_UPLOAD.t",
                "joined": MATCH,
            }.items():
                begun = time.monotonic()
                data = {"QUERY": query, "LANG": "ADQL", "FORMAT": "csv", "UPLOAD": "t,param:t"}
                answer = http.post("/tap/sync", data=data, files={"t": content})
                seconds = time.monotonic() - begun
                answer.raise_for_status()
                note = f"{EVENTS:,} events, {answer.text.split()[1]} rows" if name == "joined" else ""
                yield Figure(
                    f"100,000 positions {name}", seconds, "s", at_most=config.sync_timeout, note=note
                )
