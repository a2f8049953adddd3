"""pyvo and STILTS upload tables, as their users do, and get what astropy computes from the same tables."""

from __future__ import annotations

import gc
import io
import subprocess
from collections.abc import Iterator
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
import pyvo
from astropy.coordinates import SkyCoord, search_around_sky
from astropy.table import Table

from app.config import Config
from tests.support.eventually import PATIENCE
from tests.support.server import LiveServer, serve
from tests.support.webserver import Answer, WebServer
from tests.vo.test_async import Session

RADIUS = 0.02
"""Of the matches [deg]."""
MATCH = (
    "SELECT t.number, e.event_id FROM TAP_UPLOAD.mine AS t JOIN dl3.events AS e "
    f"ON 1 = CONTAINS(POINT(e.ra, e.dec), CIRCLE(t.ra, t.dec, {RADIUS})) "
    "WHERE e.collection = 'crab'"
)
EVENTS = "SELECT event_id, ra, dec FROM dl3.events WHERE collection = 'crab'"
COUNT = "SELECT COUNT(*) AS n FROM TAP_UPLOAD.mine"


@pytest.fixture(scope="module")
def upload_server(
    home: Path, snapshot: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """The same lake, by a service that fetches from this machine too."""
    own = tmp_path_factory.mktemp("uploads")
    (own / "lake").symlink_to(home / "lake", target_is_directory=True)
    with serve(Config(home=own, upload_networks="127.0.0.0/8")) as live:
        yield live


@pytest.fixture
def tap(upload_server: LiveServer) -> Iterator[pyvo.dal.TAPService]:
    """The service, as one user sees it."""
    with Session() as session:
        yield pyvo.dal.TAPService(upload_server.tap, session=session)


@pytest.fixture(scope="module")
def mine() -> Table:
    """300 positions around the events."""
    random = np.random.default_rng(7)
    ra, dec = 83.63 + random.uniform(-2, 2, 300), 22.01 + random.uniform(-2, 2, 300)
    columns = {"number": np.arange(300), "ra": ra * u.deg, "dec": dec * u.deg}
    return Table({**columns, "name": [f"S {n} ★" for n in range(300)]})


@pytest.fixture(scope="module")
def pairs(upload_server: LiveServer, mine: Table) -> set[tuple[int, int]]:
    """Number and event of each match, as astropy finds them."""
    events = pyvo.dal.TAPService(upload_server.tap).run_sync(EVENTS).to_table()
    here, there, *_ = search_around_sky(
        SkyCoord(mine["ra"], mine["dec"]),
        SkyCoord(events["ra"].quantity, events["dec"].quantity),
        RADIUS * u.deg,
    )
    found = set(zip(mine["number"][here].tolist(), events["event_id"][there].tolist(), strict=True))
    gc.collect()
    assert len(found) > 20
    return found


def matches(table: Table) -> set[tuple[int, int]]:
    return set(zip(table["number"].tolist(), table["event_id"].tolist(), strict=True))


def document(table: Table) -> bytes:
    out = io.BytesIO()
    table.write(out, format="votable")
    return out.getvalue()


def test_pyvo_uploads_a_table_with_a_query(tap, mine, pairs):
    assert matches(tap.run_sync(MATCH, uploads={"mine": mine}).to_table()) == pairs


def test_pyvo_uploads_a_table_with_a_job(tap, mine, pairs):
    with tap.submit_job(MATCH, uploads={"mine": mine}) as job:
        job.run().wait()
        job.raise_if_error()
        assert matches(job.fetch_result().to_table()) == pairs


def test_pyvo_uploads_a_table_to_a_job(tap, mine, pairs):
    with tap.submit_job(MATCH) as job:
        job.upload(mine=mine[:10])
        job.upload(mine=mine)
        job.run().wait()
        job.raise_if_error()
        assert matches(job.fetch_result().to_table()) == pairs


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize("mode", ["run_sync", "run_async"])
def test_pyvo_uploads_a_file(tap, mine, mode, tmp_path):
    """It leaves the file open."""
    path = tmp_path / "mine.vot"
    path.write_bytes(document(mine))
    result = getattr(tap, mode)(COUNT, uploads={"mine": str(path)})
    assert result["n"][0] == 300
    del result
    gc.collect()


@pytest.mark.parametrize("mode", ["run_sync", "run_async"])
def test_pyvo_names_a_table_by_its_url(tap, mine, mode):
    with WebServer() as web:
        web.answers["/mine.vot"] = Answer(document(mine), "application/x-votable+xml")
        result = getattr(tap, mode)(COUNT, uploads={"mine": f"{web.url}/mine.vot"})
    assert result["n"][0] == 300


def test_pyvo_uploads_the_result_of_a_query(tap):
    result = tap.run_sync(EVENTS, maxrec=50)
    assert tap.run_sync(COUNT, uploads={"mine": result})["n"][0] == 50


def test_pyvo_uploads_the_result_of_a_job(tap):
    with tap.submit_job(EVENTS, maxrec=60) as first:
        first.run().wait()
        assert tap.run_sync(COUNT, uploads={"mine": first})["n"][0] == 60
        assert tap.run_async(COUNT, uploads={"mine": first})["n"][0] == 60


def test_pyvo_uploads_several_tables(tap, mine):
    query = "SELECT COUNT(*) AS n FROM TAP_UPLOAD.a JOIN TAP_UPLOAD.b ON a.number = b.number + 5"
    assert tap.run_sync(query, uploads={"a": mine, "b": mine})["n"][0] == 295


def test_pyvo_is_told_what_is_wrong_with_a_table(tap):
    for run in (tap.run_sync, tap.run_async):
        with pytest.raises(pyvo.DALQueryError, match='Table "mine": It is a page of HTML'):
            run(COUNT, uploads={"mine": io.BytesIO(b"<html><body>Not found</body></html>")})


def stilts_runs(stilts: str, out: Path, *arguments: str) -> Table:
    """What the command writes."""
    command = [stilts, *arguments, f"out={out}", "ofmt=fits-basic"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return Table.read(out, format="fits")


@pytest.mark.stilts
@pytest.mark.parametrize("mode", [["sync=true"], ["sync=false", "poll=100"]], ids=" ".join)
@pytest.mark.parametrize("written", ["TABLEDATA", "BINARY", "BINARY2"])
def test_stilts_uploads_a_table(stilts, upload_server, mine, pairs, tmp_path, mode, written):
    path = tmp_path / "mine.vot"
    path.write_bytes(document(mine))
    found = stilts_runs(
        stilts, tmp_path / "out.fits", "tapquery", f"tapurl={upload_server.tap}", *mode,
        "nupload=1", f"upload1={path}", "upname1=mine", f"upvotformat={written}", f"adql={MATCH}",
    )  # fmt: skip
    assert matches(found) == pairs


@pytest.mark.stilts
@pytest.mark.parametrize("sync", ["true", "false"])
def test_stilts_matches_in_blocks(stilts, upload_server, mine, pairs, tmp_path, sync):
    """Each block is uploaded with a query of its own, that STILTS writes."""
    path = tmp_path / "mine.vot"
    path.write_bytes(document(mine))
    found = stilts_runs(
        stilts, tmp_path / "out.fits", "tapskymatch", f"tapurl={upload_server.tap}", f"sync={sync}",
        f"in={path}", "inlon=ra", "inlat=dec", "taptable=dl3.events", "taplon=ra", "taplat=dec",
        f"sr={RADIUS}", "find=all", "blocksize=120", "tapcols=event_id,collection",
    )  # fmt: skip
    assert matches(found[found["collection"] == "crab"]) == pairs
