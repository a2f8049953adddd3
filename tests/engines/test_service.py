"""The whole TAP service on Hive and Spark, as pyvo sees it: the same as on DuckDB."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path

import astropy.table
import httpx
import numpy as np
import pytest
import pyvo
from astropy.io import votable

from app.config import Config
from tests.engines.conftest import Remote
from tests.support.server import LiveServer, serve
from tests.vo.test_async import Session

CONE = (
    "SELECT collection, obs_id, event_row, ra, dec, energy, hillas_width, event_type FROM dl3.events "
    "WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(83.63, 22.01, 0.4)) ORDER BY collection, event_row"
)
GROUPS = (
    "SELECT collection, COUNT(*) AS n, AVG(energy) AS mean_energy, MAX(event_mjd) AS latest "
    "FROM dl3.events GROUP BY collection ORDER BY collection"
)
ENDLESS = (
    "SELECT COUNT(*) AS n FROM dl3.events AS a, dl3.events AS b, dl3.events AS c "
    "WHERE a.energy + b.energy + c.energy < 0"
)


@pytest.fixture(scope="module")
def live(remote: Remote, stoppable: Config) -> Iterator[LiveServer]:
    """A live service on the engine."""
    with serve(stoppable.model_copy(update={"sync_timeout": 120})) as server:
        yield server


@pytest.fixture(scope="module")
def plain(lake_home: Path) -> Iterator[LiveServer]:
    """A live service on DuckDB, over the same lake."""
    with serve(Config(home=lake_home, jobs_url=f"sqlite:///{lake_home}/plain.sqlite")) as server:
        yield server


def ask(server: LiveServer, **parameters: object) -> httpx.Response:
    given = {"LANG": "ADQL", **{name: str(value) for name, value in parameters.items()}}
    return httpx.post(f"{server.tap}/sync", data=given, timeout=200)


def wait_until_available(server: LiveServer) -> None:
    """Until it says so: a query that was stopped may still hold all processors of a small engine."""
    until = time.monotonic() + 120
    while ">true<" not in httpx.get(f"{server.tap}/availability", timeout=60).text:
        assert time.monotonic() < until
        time.sleep(0.5)


def document(content: bytes) -> votable.tree.VOTableFile:
    return votable.parse(io.BytesIO(content), verify="exception")


@pytest.mark.parametrize(
    "query", [CONE, GROUPS, "SELECT * FROM dl3.observations ORDER BY collection, obs_id"]
)
def test_the_document_has_the_rows_and_the_metadata_of_duckdb(
    query: str, live: LiveServer, plain: LiveServer
) -> None:
    found, expected = (
        document(ask(server, QUERY=query).content).get_first_table() for server in (live, plain)
    )
    for one, other in zip(found.fields, expected.fields, strict=True):
        for name in ("name", "datatype", "arraysize", "xtype", "unit", "ucd", "utype", "description"):
            assert getattr(one, name) == getattr(other, name)
    left, right = found.to_table(), expected.to_table()
    assert len(left) == len(right) > 0
    for name in left.colnames:
        if left[name].dtype.kind == "f":
            np.testing.assert_allclose(left[name], right[name], rtol=1e-12)
        else:
            assert left[name].tolist() == right[name].tolist()


def test_overflow_is_told(live: LiveServer) -> None:
    table = document(ask(live, QUERY="SELECT ra FROM dl3.events", MAXREC=7).content)
    infos = [(info.name, info.value) for info in table.resources[0].infos]
    assert ("QUERY_STATUS", "OVERFLOW") in infos
    assert len(table.get_first_table().array) == 7


def test_pyvo_brings_a_table_and_joins_it(live: LiveServer) -> None:
    mine = astropy.table.Table({"name": ["crab", "seam", "nowhere"], "weight": [1.0, 2.0, 3.0]})
    with Session() as session:
        found = pyvo.dal.TAPService(live.tap, session=session).search(
            "SELECT m.name, m.weight, COUNT(*) AS n FROM TAP_UPLOAD.mine AS m JOIN dl3.events AS e "
            "ON e.collection = m.name GROUP BY m.name, m.weight ORDER BY m.name",
            uploads={"mine": mine},
        )
    assert [tuple(row) for row in found.to_table()] == [("crab", 1.0, 4000), ("seam", 2.0, 500)]


def test_pyvo_runs_a_job(live: LiveServer, plain: LiveServer) -> None:
    with Session() as session:
        job = pyvo.dal.TAPService(live.tap, session=session).submit_job(CONE, maxrec=1000)
        job.run().wait(timeout=200)
        job.raise_if_error()
        expected = pyvo.dal.TAPService(plain.tap, session=session).search(CONE)
        assert job.fetch_result().to_table()["event_row"].tolist() == expected["event_row"].tolist()
        job.delete()


def test_a_job_is_stopped(live: LiveServer) -> None:
    with httpx.Client(timeout=60) as client:
        made = client.post(f"{live.tap}/async", data={"QUERY": ENDLESS, "LANG": "ADQL", "PHASE": "RUN"})
        job = made.headers["location"]
        until = time.monotonic() + 60
        while client.get(f"{job}/phase").text != "EXECUTING" and time.monotonic() < until:
            time.sleep(0.05)
        client.post(f"{job}/phase", data={"PHASE": "ABORT"})
        phase = client.get(f"{job}/phase").text
        while phase == "EXECUTING" and time.monotonic() < until:
            time.sleep(0.05)
            phase = client.get(f"{job}/phase").text
        assert phase == "ABORTED"


def test_a_job_that_runs_too_long_is_ended(live: LiveServer) -> None:
    with httpx.Client(timeout=60) as client:
        made = client.post(
            f"{live.tap}/async",
            data={"QUERY": ENDLESS, "LANG": "ADQL", "PHASE": "RUN", "EXECUTIONDURATION": "1"},
        )
        job = made.headers["location"]
        answer = client.get(job, params={"WAIT": "60", "PHASE": "QUEUED"})
        until = time.monotonic() + 60
        while client.get(f"{job}/phase").text in ("QUEUED", "EXECUTING") and time.monotonic() < until:
            answer = client.get(job, params={"WAIT": "10"})
        assert answer.status_code == 200
        assert client.get(f"{job}/phase").text == "ABORTED"


def test_the_service_says_that_it_works_and_what_it_has(live: LiveServer, plain: LiveServer) -> None:
    wait_until_available(live)
    found, expected = (httpx.get(f"{server.tap}/tables", timeout=60).content for server in (live, plain))
    assert found == expected


def test_a_wrong_query_is_refused_with_its_place(live: LiveServer) -> None:
    answer = ask(live, QUERY="SELECT nonesuch FROM dl3.events")
    assert answer.status_code == 400
    assert "nonesuch" in answer.text
