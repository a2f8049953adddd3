"""The service as a process of its own: downloads of ten million rows, small requests, and both at once.

Times of the clock on the wall stand beside others of the same run, taken in turns, as what else the
machine does spoils both alike; where there is nothing to stand beside, the CPU time of the server counts.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import httpx

from app.config import Config
from app.engines.duckdb import DuckDBEngine
from app.engines.duckdb.session import BATCH_ROWS
from app.formats import choose_format
from app.ingest import ingest
from app.services.query import Queries, Query
from tests.benchmarks.bench_ingest import make_release
from tests.benchmarks.harness import Figure, benchmark, cpu_seconds
from tests.support.eventually import PATIENCE, eventually
from tests.support.process import ServerProcess

LISTS, EVENTS_EACH = 40, 100_000
ROWS = LISTS * EVENTS_EACH
COLUMNS = "event_id, obs_id, event_time, ra, dec, energy"
MANY = (
    "SELECT e.event_id, e.obs_id, e.event_time, e.ra, e.dec, e.energy "
    "FROM dl3.events AS e, tap_schema.schemas AS s"
)
"""More than ten million rows."""
EVERY = f"SELECT {COLUMNS} FROM dl3.events"
CONE = f"SELECT {COLUMNS} FROM dl3.events WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(5.0, -45.0, 0.2))"
SCAN = (
    "SELECT FLOOR(LOG10(energy) * 20) AS bin, COUNT(*) AS n, AVG(ra * dec) AS mean "
    "FROM dl3.events GROUP BY FLOOR(LOG10(energy) * 20)"
)
TRIVIAL = "SELECT TOP 1 schema_name FROM tap_schema.schemas"
ENDLESS = (
    "SELECT COUNT(*) AS n FROM dl3.events AS a, dl3.events AS b WHERE a.ra * b.dec + a.energy * b.energy < 0"
)


@contextmanager
def lake() -> Iterator[Path]:
    """A home whose lake has four million events."""
    with TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        made = make_release(Path(folder) / "made", LISTS, EVENTS_EACH)
        ingest(made, lake=home / "lake")
        yield home


@contextmanager
def service(home: Path, **settings: object) -> Iterator[tuple[ServerProcess, httpx.Client]]:
    """A server and its client."""
    with (
        ServerProcess(home, log_level="info", **settings) as server,
        httpx.Client(base_url=server.url, timeout=PATIENCE) as http,
    ):
        yield server, http


def download(http: httpx.Client, format_: str, rows: int, query: str = MANY) -> tuple[float, int]:
    """Ask for so many rows and throw them away: time to the first byte [s], and bytes."""
    begun, first, size = time.perf_counter(), 0.0, 0
    asked = {"QUERY": query, "FORMAT": format_, "MAXREC": str(rows)}
    plain = {"accept-encoding": "identity"}
    with http.stream("POST", "/tap/sync", data=asked, headers=plain) as answer:
        assert answer.status_code == 200, answer.read()
        for chunk in answer.iter_raw(2**20):
            first = first or time.perf_counter() - begun
            size += len(chunk)
    return first, size


class Peak:
    """The most memory that a process has of its own while the block runs [MiB]."""

    def __init__(self, process: int) -> None:
        self.value = 0.0
        self._status = Path(f"/proc/{process}/status")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.01):
            anonymous = self._status.read_text().partition("RssAnon:")[2].split()[0]
            self.value = max(self.value, int(anonymous) / 1024)


@benchmark
def downloads() -> Iterator[Figure]:
    """Goals G6, G8, G9 and G12: ten million rows over HTTP, a server for each format."""
    with lake() as home:
        for format_ in ("votable/b2", "votable/td", "csv", "json", "fits", "parquet", "arrow"):
            with service(home) as (server, http):
                download(http, format_, 100_000)
                with Peak(server.process.pid) as less:
                    download(http, format_, 2_500_000)
                used = server.cpu_seconds
                with Peak(server.process.pid) as more:
                    first, size = download(http, format_, 10_000_000)
                used = server.cpu_seconds - used
                least = min(download(http, format_, 1)[0] for _ in range(5))
            yield Figure(f"{format_}, 10 M rows", 10 / used, "Mrow/CPU-s")
            yield Figure(f"{format_}, bytes", size / 1e6 / used, "MB/CPU-s")
            yield Figure(f"{format_}, peak memory at 10 M rows", more.value, "MiB")
            growth = 100 * (more.value / less.value - 1)
            yield Figure(f"{format_}, growth from 2.5 M rows", growth, "%", at_most=10)
            # The rows of FITS are counted before the first is sent.
            late = None if format_ == "fits" else 0.5
            yield Figure(f"{format_}, first byte after that of one row", first - least, "s", at_most=late)
        yield from shares(home)


def shares(home: Path) -> Iterator[Figure]:
    """Every event: DuckDB's stream alone over the writing of it, and over the sending of that."""
    files = [str(path) for path in (home / "lake" / "events").rglob("*.parquet")]
    config = Config(home=home)
    engine = DuckDBEngine(config)
    queries = Queries(engine, config)

    def stream() -> None:
        every = connection.sql(f"SELECT {COLUMNS} FROM read_parquet($files)", params={"files": files})
        assert sum(batch.num_rows for batch in every.to_arrow_reader(BATCH_ROWS)) == ROWS

    def write() -> None:
        run = queries.start(Query(EVERY, choose_format("votable/b2"), maxrec=ROWS))
        while run.next_chunk() is not None:
            pass
        run.close()
        assert run.rows == ROWS

    with service(home) as (server, http), duckdb.connect() as connection:
        connection.execute("SET parquet_metadata_cache = true")
        own = cpu_seconds({"stream": stream, "write": write})
        served = []
        for _ in range(5):
            used = server.cpu_seconds
            download(http, "votable/b2", ROWS, EVERY)
            served.append(server.cpu_seconds - used)
    engine.close()
    yield Figure("every event as BINARY2, over DuckDB's stream", own["stream"] / own["write"], "times", 0.6)
    yield Figure("the same over HTTP", own["stream"] / min(served), "times", 0.35)


@benchmark
def small_requests() -> Iterator[Figure]:
    """Goals G9, G11 and G13."""
    with TemporaryDirectory() as folder, service(Path(folder) / "home", job_slots=1) as (server, http):
        calls: Mapping[str, tuple[Callable[[], object], float]] = {
            "a trivial query": (lambda: ask(http, TRIVIAL), 20),
            "a trivial job, made, run and read": (lambda: run_job(http), 300),
            "a document": (lambda: http.get("/tap/availability").raise_for_status(), 20),
        }
        for name, (call, most) in calls.items():
            for _ in range(5):
                call()
            used, begun = server.cpu_seconds, time.perf_counter()
            for _ in range(100):
                call()
            wall = time.perf_counter() - begun
            yield Figure(name, 10 * (server.cpu_seconds - used), "CPU-ms of the server", at_most=most)
            yield Figure(f"{name}, by the clock", 10 * wall, "ms")


def ask(http: httpx.Client, query: str) -> None:
    http.post("/tap/sync", data={"QUERY": query}).raise_for_status()


def run_job(http: httpx.Client) -> None:
    url = http.post("/tap/async", data={"QUERY": TRIVIAL, "PHASE": "RUN"}).headers["location"]
    while "COMPLETED" not in (answer := http.get(url, params={"WAIT": "10"})).text:
        assert "ERROR" not in answer.text
    http.get(f"{url}/results/result").raise_for_status()
    http.delete(url)


@benchmark
def fairness() -> Iterator[Figure]:
    """Goal G11: a cone alone and beside two scans, and how soon an aborted query stops."""
    with lake() as home:
        with service(home, heavy_niceness=0) as (_, http):
            yield Figure("a cone beside two scans, all threads alike", beside(http), "times its time alone")
        with service(home) as (server, http):
            yield Figure("a cone beside two scans", beside(http), "times its time alone", at_most=2)
            stops = [abort(server, http) for _ in range(5)]
            yield Figure("abort of a query", statistics.median(stops), "s", at_most=1)


def beside(http: httpx.Client, rounds: int = 8) -> float:
    """How much longer a cone takes beside two scans than alone: median of rounds that take turns."""
    for _ in range(5):
        ask(http, CONE)
    ratios = []
    for _ in range(rounds):
        alone = cone_seconds(http)
        with two_scans(http):
            ratios.append(cone_seconds(http) / alone)
    return statistics.median(ratios)


def cone_seconds(http: httpx.Client, number: int = 25) -> float:
    times = []
    for _ in range(number):
        begun = time.perf_counter()
        ask(http, CONE)
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


@contextmanager
def two_scans(http: httpx.Client) -> Iterator[None]:
    """Two clients who ask for a scan again and again while the block runs."""
    ended = threading.Event()

    def scan() -> None:
        with httpx.Client(base_url=http.base_url, timeout=PATIENCE) as own, suppress(httpx.HTTPError):
            while not ended.is_set():
                own.post("/tap/sync", data={"QUERY": SCAN})

    threads = [threading.Thread(target=scan) for _ in range(2)]
    for thread in threads:
        thread.start()
    # Both have come: one works, the other works or waits.
    time.sleep(0.3)
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def abort(server: ServerProcess, http: httpx.Client) -> float:
    """Time from the abort of a query to its end [s]."""
    url = http.post("/tap/async", data={"QUERY": ENDLESS, "PHASE": "RUN"}).headers["location"]
    name = url.rpartition("/")[2]
    eventually(lambda: http.get(f"{url}/phase").text == "EXECUTING")
    time.sleep(0.5)
    begun = time.perf_counter()
    http.post(f"{url}/phase", data={"PHASE": "ABORT"})
    eventually(lambda: f"job {name} was aborted" in server.log)
    return time.perf_counter() - begun
