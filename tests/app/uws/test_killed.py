"""Whatever happens to a server process, no job is lost, run twice or half written."""

from __future__ import annotations

import csv
import io
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine, text

from tests.app.uws.client import ENDLESS, create, fact, message, phase, read, wait
from tests.support.eventually import PATIENCE, eventually
from tests.support.process import ServerProcess

MANY = "SELECT a.event_id, b.ra, b.dec FROM dl3.events AS a, dl3.events AS b"
MOST = 1_000_000
"""Rows of the large result: seconds of writing."""


def client(server: ServerProcess) -> httpx.Client:
    return httpx.Client(base_url=server.url, timeout=PATIENCE)


def path_of(url: str) -> str:
    """The same job at another server."""
    return f"/tap/async/{url.rpartition('/')[2]}"


def test_a_killed_server_goes_on_where_it_was(new_home):
    """kill -9 with a job in each phase: what had ended has, what waited waits, what ran is run again."""
    with ServerProcess(new_home, job_slots=1, threads=1) as server, client(server) as http:
        done = create(http, PHASE="RUN", FORMAT="csv")
        wait(http, done)
        wrong = create(http, "SELECT", PHASE="RUN")
        wait(http, wrong)
        pending = create(http)
        running = create(http, ENDLESS, PHASE="RUN")
        wait(http, running, "EXECUTING")
        queued = create(http, PHASE="RUN", FORMAT="csv")
        aborted = create(http, PHASE="RUN")
        http.post(f"{aborted}/phase", data={"PHASE": "ABORT"})
        before = {url: http.get(url).text for url in (done, wrong, pending, aborted)}
        result = http.get(f"{done}/results/result")
        server.kill()

    with ServerProcess(new_home, job_slots=1, threads=1) as server, client(server) as http:
        for url, document in before.items():
            assert http.get(path_of(url)).text.replace(server.url, url.partition("/tap")[0]) == document
        again = http.get(f"{path_of(done)}/results/result")
        assert (again.content, again.headers["etag"]) == (result.content, result.headers["etag"])
        job = wait(http, path_of(running), "EXECUTING")
        assert fact(job, "attempt") == "2"
        assert phase(read(http, path_of(queued))) == "QUEUED"
        server.kill()

    # A job that ran twice when its server died may be what kills it.
    with ServerProcess(new_home, job_slots=1, threads=1) as server, client(server) as http:
        job = wait(http, path_of(running))
        assert phase(job) == "ERROR"
        assert "The server process ended while it ran this job, 2 times" in message(job)
        assert phase(wait(http, path_of(queued))) == "COMPLETED"
        assert http.get(f"{path_of(queued)}/results/result").content == result.content
        http.post(f"{path_of(pending)}/phase", data={"PHASE": "RUN"})
        assert phase(wait(http, path_of(pending))) == "COMPLETED"
    # Nothing but the three results is left of all that.
    files = [path for path in (new_home / "jobs").rglob("*") if path.is_file()]
    assert sorted(path.suffix for path in files) == [".csv", ".csv", ".vot"]


def test_a_server_killed_while_it_writes_leaves_no_half_of_a_result(new_home):
    with ServerProcess(new_home, threads=1) as server, client(server) as http:
        url = create(http, MANY, PHASE="RUN", FORMAT="csv", MAXREC=str(MOST))
        parts = new_home / "jobs"
        eventually(lambda: any(part.stat().st_size > 2_000_000 for part in parts.rglob("*.part")))
        server.kill()
    assert [path.suffix for path in parts.rglob("*") if path.is_file()] == [".part"]

    with ServerProcess(new_home, threads=1) as server, client(server) as http:
        job = wait(http, path_of(url))
        assert (phase(job), fact(job, "attempt"), fact(job, "rows")) == ("COMPLETED", "2", str(MOST))
        eventually(lambda: len([path for path in parts.rglob("*") if path.is_file()]) == 1)
        with http.stream("GET", f"{path_of(url)}/results/result") as answer:
            lines = sum(chunk.count(b"\n") for chunk in answer.iter_bytes())
            assert answer.status_code == 200
        assert lines == MOST + 1


def test_a_stopped_server_gives_its_jobs_back(new_home):
    with ServerProcess(new_home, threads=1) as server, client(server) as http:
        url = create(http, ENDLESS, PHASE="RUN")
        wait(http, url, "EXECUTING")
        # uvicorn ends by the signal that it was sent, after all is in good order.
        assert server.stop() == -signal.SIGTERM
        assert "goes back into the queue" in server.log
        assert "Traceback" not in server.log
    assert list((new_home / "state" / "processes").iterdir()) == []
    with ServerProcess(new_home, threads=1) as server, client(server) as http:
        job = wait(http, path_of(url), "EXECUTING")
        assert fact(job, "attempt") == "1"


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_two_servers_share_the_jobs_and_run_each_once(new_home, database, request):
    settings = {"jobs_per_client": 1000, "threads": 1}
    if database == "postgresql":
        settings["jobs_url"] = request.getfixturevalue("postgres_database")
    servers = [ServerProcess(new_home, **settings) for _ in range(2)]
    with (
        servers[0] as one,
        servers[1] as other,
        client(one) as first,
        client(other) as second,
    ):

        def ask(number: int) -> str:
            http = first if number % 2 else second
            query = f"SELECT COUNT(*) AS n, {number} AS number FROM dl3.events"
            return path_of(create(http, query, PHASE="RUN", FORMAT="csv"))

        with ThreadPoolExecutor(4) as pool:
            paths = list(pool.map(ask, range(80)))
        for number, path in enumerate(paths):
            # Asked of the one that did not make it.
            http = second if number % 2 else first
            job = wait(http, path)
            assert (phase(job), fact(job, "attempt")) == ("COMPLETED", "1")
            rows = list(csv.reader(io.StringIO(http.get(f"{path}/results/result").text)))
            assert rows == [["n", "number"], ["27000", str(number)]]
        # Each process tells in its log which jobs it has run.
        ran = [re.findall(r"job ([0-9a-f]{32}) begins", server.log) for server in servers]
        assert sorted(ran[0] + ran[1]) == sorted(path.rpartition("/")[2] for path in paths)
        assert "Traceback" not in one.log + other.log


def test_the_jobs_of_a_killed_server_go_to_the_other_at_once(new_home):
    """Both are on this machine, where the dead is found by its lock, long before its lease is over."""
    servers = [ServerProcess(new_home, job_slots=1, job_lease=600, threads=1) for _ in range(2)]
    with servers[0] as one, servers[1] as other, client(one) as first, client(other) as second:
        urls = [create(first, ENDLESS, PHASE="RUN") for _ in range(2)]
        for url in urls:
            wait(first, url, "EXECUTING")
        runs = {server: running(new_home, server) for server in (one, other)}
        # Each has taken one. That of the other is aborted through the one that does not run it.
        assert [len(names) for names in runs.values()] == [1, 1]
        first.post(f"{path_of(runs[other][0])}/phase", data={"PHASE": "ABORT"})
        one.kill()
        eventually(lambda: running(new_home, other) == runs[one])
        path = path_of(runs[one][0])
        assert fact(read(second, path), "attempt") == "2"
        second.delete(path)


def running(home: Path, server: ServerProcess) -> list[str]:
    """Jobs that the process runs, as the database tells."""
    engine = create_engine(f"sqlite:///{home / 'state' / 'jobs.sqlite'}")
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT id FROM jobs WHERE phase = 'EXECUTING' AND worker LIKE :worker"),
            {"worker": f"%-{server.process.pid}-%"},
        ).scalars()
        found = list(rows)
    engine.dispose()
    return found
