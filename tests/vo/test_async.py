"""pyvo and STILTS run queries as jobs, as their users do."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pyvo
import requests
from astropy.table import Table
from pyvo.dal.tap import AsyncTAPJob

from tests.support.server import LiveServer

QUERY = "SELECT event_id, energy FROM dl3.events WHERE collection = 'crab' ORDER BY event_row"
ENDLESS = (
    "SELECT COUNT(*) AS n FROM dl3.events AS a, dl3.events AS b, dl3.events AS c, dl3.events AS d "
    "WHERE a.ra + b.ra + c.ra < d.ra"
)


class Session(requests.Session):
    """Closes what pyvo has read in part and left open, and keeps what it has asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, object]] = []
        """Method and parameters of each request."""
        self._open: list[requests.Response] = []

    def request(self, *args: object, **options: object) -> requests.Response:
        self.asked.append((str(args[0]), options.get("params")))
        response = super().request(*args, **options)
        self._open.append(response)
        return response

    def close(self) -> None:
        for response in self._open:
            response.close()
        super().close()


@pytest.fixture
def tap(server: LiveServer) -> Iterator[pyvo.dal.TAPService]:
    """The service, as one user sees it."""
    with Session() as session:
        yield pyvo.dal.TAPService(server.tap, session=session)


def test_pyvo_submits_runs_waits_fetches_and_deletes(tap: pyvo.dal.TAPService):
    job = tap.submit_job(QUERY, maxrec=10_000, runid="mine")
    assert (job.phase, job.uws_version, job.query) == ("PENDING", "1.1", QUERY)
    job.run().wait()
    assert job.phase == "COMPLETED"
    job.raise_if_error()
    assert job.result.size > 0
    assert job.result_uri.endswith("/results/result")
    result = job.fetch_result()
    assert result.to_table().as_array().tolist() == tap.search(QUERY).to_table().as_array().tolist()
    assert len(result) == 1000
    url = job.url
    job.delete()
    with pytest.raises(pyvo.DALServiceError, match="404"):
        AsyncTAPJob(url, session=tap._session)


def test_pyvo_waits_by_wait_and_not_by_asking_again(tap: pyvo.dal.TAPService):
    """Each question is answered by a change: of the phases that a job goes through there are two."""
    with Session() as session, pyvo.dal.TAPService(tap.baseurl, session=session).submit_job(QUERY) as job:
        job.run()
        session.asked.clear()
        job.wait()
        assert session.asked[0] == ("GET", {"WAIT": "-1"})
        assert 1 <= len(session.asked) <= 2


def test_pyvo_runs_a_query_in_one_call(tap: pyvo.dal.TAPService):
    result = tap.run_async("SELECT COUNT(*) AS n FROM dl3.events")
    assert result["n"][0] == 1500
    cut = tap.run_async(QUERY, maxrec=3)
    assert (len(cut), cut.query_status) == (3, "OVERFLOW")


def test_pyvo_tells_why_a_query_failed(tap: pyvo.dal.TAPService):
    with pytest.raises(pyvo.DALQueryError, match='Did you mean "energy"'):
        tap.run_async("SELECT enrgy FROM dl3.events")


def test_pyvo_changes_a_job(tap: pyvo.dal.TAPService):
    with tap.submit_job("SELECT nothing") as job:
        job.execution_duration = 42
        assert job.execution_duration.sec == 42
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        job.destruction = tomorrow
        assert abs(job.destruction.to_datetime(UTC) - tomorrow) < timedelta(seconds=1)
        job.query = QUERY
        assert job.query == QUERY
        assert job.owner is None
        assert job.quote is None


def test_pyvo_aborts_a_job(tap: pyvo.dal.TAPService):
    with tap.submit_job(ENDLESS) as job:
        job.run()
        while job.phase == "QUEUED":
            time.sleep(0.05)
        job.abort()
        assert job.phase == "ABORTED"


def test_pyvo_is_told_that_a_job_ran_too_long(tap: pyvo.dal.TAPService):
    with tap.submit_job(ENDLESS) as job:
        job.execution_duration = 1
        job.run()
        while job.phase in ("QUEUED", "EXECUTING"):
            time.sleep(0.05)
        with pytest.raises(pyvo.DALQueryError, match="stopped after the 1 s that it may run"):
            job.raise_if_error()


def test_pyvo_lists_the_jobs_of_its_session(tap: pyvo.dal.TAPService, server: LiveServer):
    first, second = tap.submit_job(QUERY, runid="one"), tap.submit_job(QUERY, runid="two")
    second.run().wait()
    assert [job.jobid for job in tap.get_job_list()] == [second.job_id, first.job_id]
    assert [job.runid for job in tap.get_job_list(phases=["PENDING"])] == ["one"]
    assert [job.runid for job in tap.get_job_list(phases=["PENDING", "COMPLETED"], last=1)] == ["two"]
    assert len(tap.get_job_list(after=first.job.creationtime.to_datetime())) == 1
    assert len(tap.get_job_list(after=datetime(2015, 1, 1))) == 2
    (described,) = tap.get_job_list(last=1, short_description=False)
    assert described.parameters[0].id_ is not None
    with Session() as session:
        assert pyvo.dal.TAPService(server.tap, session=session).get_job_list() == []
    for job in (first, second):
        job.delete()
    assert tap.get_job_list() == []


def test_pyvo_gives_a_pending_job_tables_and_fetches_all_that_it_made(tap: pyvo.dal.TAPService):
    mine = Table({"row": [1, 2, 3], "name": ["a", "b", "c"]})
    asked = "SELECT t.name, e.energy FROM TAP_UPLOAD.{} AS t JOIN dl3.events AS e ON e.event_row = t.row"
    crab = " WHERE e.collection = 'crab' ORDER BY t.row"
    job = tap.submit_job(asked.format("mine") + crab, uploads={"mine": mine})
    job.upload(yours=mine[:2])
    job.query = asked.format("yours") + crab
    job.run().wait()
    job.raise_if_error()
    assert list(job.fetch_result()["name"]) == ["a", "b"]
    assert job.result_uris == [job.result_uri] == [result.href for result in job.results]
    assert job.job.parameters
    assert job.url.endswith(job.job_id)
    job.delete()


@pytest.mark.stilts
def test_stilts_runs_a_query_as_a_job_and_takes_it_up_again(stilts: str, server: LiveServer, tmp_path: Path):
    asked = [stilts, "tapquery", "sync=false", f"tapurl={server.tap}", f"adql={QUERY}", "delete=never"]
    done = run(*asked, "poll=100", "progress=true", "ofmt=csv", f"out={tmp_path / 'one.csv'}")
    assert done.returncode == 0, done.stderr
    (url,) = set(re.findall(rf"{server.tap}/async/[0-9a-f]{{32}}", done.stdout + done.stderr))
    resumed = [stilts, "tapresume", f"joburl={url}", "delete=finished", "ofmt=csv"]
    done = run(*resumed, f"out={tmp_path / 'two.csv'}")
    assert done.returncode == 0, done.stderr
    tables = [Table.read(tmp_path / name, format="ascii.csv") for name in ("one.csv", "two.csv")]
    assert len(tables[0]) == 1000
    assert (tables[0] == tables[1]).all()
    done = run(*resumed)
    assert done.returncode != 0


@pytest.mark.stilts
def test_stilts_tells_why_a_job_failed(stilts: str, server: LiveServer):
    wrong = "adql=SELECT enrgy FROM dl3.events"
    done = run(stilts, "tapquery", "sync=false", f"tapurl={server.tap}", wrong, "parse=false", "poll=100")
    assert done.returncode != 0
    assert 'Did you mean "energy"' in done.stderr


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
