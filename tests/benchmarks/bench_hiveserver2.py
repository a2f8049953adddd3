"""How fast rows come from a HiveServer2: columns to Arrow against PyHive's rows."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyhive import hive

from app.engines.hiveserver2 import FLAVOURS, Address, Connection, session_settings
from tests.benchmarks.harness import Figure, benchmark
from tests.support.realhive.server import HiveServer
from tests.support.sparkserver import SparkServer

ROWS = 300_000
BATCH = 16_384
_TABLE = (
    "CREATE EXTERNAL TABLE bench (event_id BIGINT, ra DOUBLE, `dec` DOUBLE, energy DOUBLE, gammaness FLOAT, "
    "collection STRING) STORED AS PARQUET LOCATION 'file:{folder}'"
)


@benchmark
def hiveserver2() -> Iterator[Figure]:
    """The rows of a table of six columns, from real Hive and Spark on this machine."""
    java, javac = shutil.which("java"), shutil.which("javac")
    if java is None or javac is None:
        return
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        _write(work / "rows")
        servers = {
            "hive": HiveServer(java, javac, cache=work / "classes", work=work / "hive", auth="NOSASL"),
            "spark": SparkServer(work / "spark"),
        }
        for name, server in servers.items():
            with server:
                server.run(_TABLE.format(folder=work / "rows"))
                yield from _compared(name, server.host, server.port)


def _write(folder: Path) -> None:
    random = np.random.default_rng(1)
    folder.mkdir()
    rows = pa.table(
        {
            "event_id": np.arange(ROWS),
            "ra": random.uniform(0, 360, ROWS),
            "dec": random.uniform(-90, 90, ROWS),
            "energy": random.pareto(2, ROWS),
            "gammaness": random.uniform(0, 1, ROWS).astype(np.float32),
            "collection": np.where(np.arange(ROWS) % 3 == 0, "north-1", "south"),
        }
    )
    pq.write_table(rows, folder / "rows.parquet")


def _compared(name: str, host: str, port: int) -> Iterator[Figure]:
    flavour = FLAVOURS["hive" if name == "hive" else "spark+hive"]
    settings = session_settings(flavour, {})
    _through_arrow(host, port, settings)  # classes are loaded, and files are in memory
    arrow_wall, arrow_cpu = _through_arrow(host, port, settings)
    rows_wall, rows_cpu = _through_pyhive(host, port, settings)
    yield Figure(f"{name}, Arrow", ROWS / arrow_wall, "rows/s", note="wall time with the execution")
    yield Figure(f"{name}, PyHive", ROWS / rows_wall, "rows/s", note="fetchmany, arraysize 16,384")
    yield Figure(f"{name}, Arrow, our CPU", arrow_cpu / ROWS * 1e6, "s per 1e6 rows")
    yield Figure(f"{name}, PyHive, our CPU", rows_cpu / ROWS * 1e6, "s per 1e6 rows")


def _through_arrow(host: str, port: int, settings: dict[str, str]) -> tuple[float, float]:
    connection = Connection(Address.from_url(f"hive://bench@{host}:{port}/default?auth=NOSASL"), settings)
    wall, cpu = time.monotonic(), time.process_time()
    operation = connection.execute("SELECT * FROM bench", timeout=None)
    operation.wait()
    count = 0
    while (batch := operation.fetch(BATCH)) is not None:
        count += batch.num_rows
    took = time.monotonic() - wall, time.process_time() - cpu
    connection.close()
    assert count == ROWS
    return took


def _through_pyhive(host: str, port: int, settings: dict[str, str]) -> tuple[float, float]:
    with closing(hive.connect(host, port, auth="NOSASL", configuration=settings)) as connection:
        cursor = connection.cursor(arraysize=BATCH)
        wall, cpu = time.monotonic(), time.process_time()
        cursor.execute("SELECT * FROM bench")
        count = 0
        while rows := cursor.fetchmany(BATCH):
            count += len(rows)
        took = time.monotonic() - wall, time.process_time() - cpu
        cursor.close()
    assert count == ROWS
    return took
