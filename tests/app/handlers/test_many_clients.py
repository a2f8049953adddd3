"""32 clients at once with mixed work: no answer is wrong or lost, and nothing is left when they have gone."""

from __future__ import annotations

import csv
import io
import random
import socket
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import astropy.units as u
import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.coordinates import SkyCoord
from astropy.io.votable import parse as parse_votable

from tests.app.uws.client import create, phase, wait
from tests.support.eventually import PATIENCE, eventually
from tests.support.process import ServerProcess

CLIENTS = 32
OPEN = 40
"""Queries that may be open at a time: a few that were left so would be missed."""
LONG = "SELECT a.ra, a.dec, b.energy FROM dl3.events AS a, dl3.events AS b"
SUMS = "SELECT obs_id, COUNT(*) AS n, SUM(event_row) AS total FROM dl3.events GROUP BY obs_id ORDER BY obs_id"
CONE = (
    "SELECT event_row FROM dl3.events WHERE collection = 'crab-a' "
    "AND 1 = CONTAINS(POINT(ra, dec), CIRCLE({ra}, 22.01, 0.5)) ORDER BY event_row"
)
JOIN = (
    "SELECT t.name, COUNT(*) AS n FROM TAP_UPLOAD.t AS t JOIN dl3.events AS e ON e.event_row = t.row "
    "GROUP BY t.name ORDER BY t.name"
)

Rows = list[list[str]]


class Lake:
    """What the answers should be, by pyarrow and astropy."""

    def __init__(self, home: Path) -> None:
        files = (home / "lake" / "events").rglob("*.parquet")
        self._tables = {
            next(part for part in path.parts if part.startswith("collection="))[11:]: pq.ParquetFile(
                path
            ).read()
            for path in files
        }
        self._tables.pop("closed")

    def sums(self) -> Rows:
        names = ["obs_id", "event_row"]
        every = pa.concat_tables([table.select(names) for table in self._tables.values()])
        groups = every.group_by("obs_id").aggregate([("event_row", "count"), ("event_row", "sum")])
        by_id = sorted(zip(*(column.to_pylist() for column in groups.columns), strict=True))
        order = [groups.column_names.index(name) for name in ("obs_id", "event_row_count", "event_row_sum")]
        return [[str(row[place]) for place in order] for row in by_id]

    def cone(self, ra: float) -> Rows:
        table = self._tables["crab-a"]
        events = SkyCoord(table["ra"].to_numpy(), table["dec"].to_numpy(), unit="deg")
        inside = events.separation(SkyCoord(ra, 22.01, unit="deg")) < 0.5 * u.deg
        return [[str(row)] for row in np.sort(table["event_row"].to_numpy()[inside])]

    def join(self, rows: Mapping[str, int]) -> Rows:
        counts = Counter(row for table in self._tables.values() for row in table["event_row"].to_pylist())
        return [[name, str(counts[row])] for name, row in sorted(rows.items()) if counts[row]]


def rows(text: str) -> Rows:
    return list(csv.reader(io.StringIO(text)))[1:]


def ask(http: httpx.Client, query: str, **more: object) -> httpx.Response:
    return http.post("/tap/sync", data={"QUERY": query, "FORMAT": "csv"}, **more)


class Visitor:
    """One client and the things it does."""

    def __init__(self, server: ServerProcess, lake: Lake, number: int) -> None:
        self.server = server
        self.lake = lake
        self.number = number
        self.ra = 83.0 + number % 8 * 0.2

    def visit(self) -> int:
        """Do all of them in an order of its own; how many."""
        deeds: list[Callable[[httpx.Client], None]] = [
            *(self.look, self.cone, self.sum, self.run_job, self.upload, self.run_job_with_upload),
            *(self.go_before_the_end, self.be_wrong, self.abort_job, self.take_much),
        ]
        random.Random(self.number).shuffle(deeds)
        with httpx.Client(base_url=self.server.url, timeout=PATIENCE) as http:
            for do in deeds:
                do(http)
        return len(deeds)

    def look(self, http: httpx.Client) -> None:
        answer = ask(http, "SELECT schema_name FROM tap_schema.schemas WHERE schema_name = 'dl3'")
        assert rows(answer.text) == [["dl3"]]
        assert http.get("/tap/availability").status_code == 200

    def cone(self, http: httpx.Client) -> None:
        assert rows(ask(http, CONE.format(ra=self.ra)).text) == self.lake.cone(self.ra)

    def sum(self, http: httpx.Client) -> None:
        assert rows(ask(http, SUMS).text) == self.lake.sums()

    def run_job(self, http: httpx.Client) -> None:
        url = create(http, CONE.format(ra=self.ra), PHASE="RUN", FORMAT="csv")
        assert phase(wait(http, url)) == "COMPLETED"
        assert rows(http.get(f"{url}/results/result").text) == self.lake.cone(self.ra)
        assert http.delete(url).status_code == 303

    def _table(self) -> tuple[Mapping[str, int], dict[str, object]]:
        mine = {f"client {self.number} row {row}": row for row in range(self.number, 30_000, 997)}
        table = "\n".join(["name,row", *(f"{name},{row}" for name, row in mine.items())])
        return mine, {"t": ("t.csv", table.encode(), "text/csv")}

    def upload(self, http: httpx.Client) -> None:
        mine, files = self._table()
        data = {"QUERY": JOIN, "FORMAT": "csv", "UPLOAD": "t,param:t"}
        answer = http.post("/tap/sync", data=data, files=files)
        assert rows(answer.text) == self.lake.join(mine), answer.text

    def run_job_with_upload(self, http: httpx.Client) -> None:
        mine, files = self._table()
        data = {"QUERY": JOIN, "FORMAT": "csv", "UPLOAD": "t,param:t", "PHASE": "RUN"}
        url = http.post("/tap/async", data=data, files=files).headers["location"]
        assert phase(wait(http, url)) == "COMPLETED"
        assert rows(http.get(f"{url}/results/result").text) == self.lake.join(mine)
        http.delete(url)

    def go_before_the_end(self, http: httpx.Client) -> None:
        """Once without a byte read, once amid the rows."""
        host, port = self.server.url.removeprefix("http://").split(":")
        path = f"/tap/sync?{urlencode({'QUERY': LONG, 'MAXREC': 20_000_000})}"
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        with http.stream("GET", path) as answer:
            assert answer.status_code == 200
            next(answer.iter_raw(1000))

    def be_wrong(self, http: httpx.Client) -> None:
        for query in ("SELECT", f"SELECT nothing_{self.number} FROM dl3.events"):
            answer = ask(http, query)
            assert answer.status_code == 400
            (told,) = [
                info
                for info in parse_votable(io.BytesIO(answer.content)).resources[0].infos
                if info.name == "QUERY_STATUS"
            ]
            assert told.value == "ERROR"
            assert query == "SELECT" or f"nothing_{self.number}" in told.content

    def abort_job(self, http: httpx.Client) -> None:
        url = create(http, LONG, PHASE="RUN", MAXREC="20000000")
        assert http.post(f"{url}/phase", data={"PHASE": "ABORT"}).status_code == 303
        assert http.get(f"{url}/phase").text == "ABORTED"
        http.delete(url)

    def take_much(self, http: httpx.Client) -> None:
        data = {"QUERY": LONG, "FORMAT": "csv", "MAXREC": str(100_000 + self.number)}
        with http.stream("POST", "/tap/sync", data=data) as answer:
            lines = sum(chunk.count(b"\n") for chunk in answer.iter_bytes())
        assert lines == 100_000 + self.number + 1


def kept(server: ServerProcess) -> Counter[str]:
    """Its descriptors, but for those of the pool of connections to the database of the jobs."""
    what = (target.partition(":")[0] for target in server.descriptors if "jobs.sqlite" not in target)
    return Counter(target.replace(" (deleted)", "") for target in what)


@pytest.mark.timeout(600)
def test_many_clients_at_once_get_all_that_they_ask_for_and_leave_nothing(
    small_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    (home / "lake").symlink_to(small_home / "lake", target_is_directory=True)
    monkeypatch.setenv("TMPDIR", str(temporary))
    lake = Lake(small_home)
    settings = {"open_queries": OPEN, "sync_timeout": 600, "queue_length": 1000, "jobs_per_client": 1000}
    with ServerProcess(home, **settings) as server:
        Visitor(server, lake, 0).visit()
        before, threads = kept(server), server.threads
        with ThreadPoolExecutor(CLIENTS) as pool:
            done = list(pool.map(lambda number: Visitor(server, lake, number).visit(), range(CLIENTS)))
        assert done == [10] * CLIENTS
        eventually(lambda: kept(server) <= before, f"left open: {kept(server) - before}")
        # Those of pools, of which none is as large as the number of requests.
        assert server.threads <= threads + CLIENTS + OPEN
        with ThreadPoolExecutor(OPEN) as pool, httpx.Client(base_url=server.url, timeout=PATIENCE) as http:
            answers = list(pool.map(lambda _: ask(http, "SELECT TOP 1 ra FROM dl3.events"), range(OPEN)))
        assert [answer.status_code for answer in answers] == [200] * OPEN
        eventually(lambda: not [path for path in (home / "jobs").rglob("*") if path.is_file()])
        eventually(lambda: not list(temporary.iterdir()))
        assert "Traceback" not in server.log
        server.stop()
    assert [path.name for path in (home / "scratch").iterdir()] == []
