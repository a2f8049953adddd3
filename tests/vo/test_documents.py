"""Every XML document of a live service: valid by its schema, and the VOTables among them good for votlint."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from lxml import etree

from app.config import Config
from tests.app.uws.client import create, wait
from tests.support import ivoa_schemas
from tests.support.server import serve

EVENTS = "SELECT * FROM dl3.events"
ENDLESS = "SELECT a.ra FROM dl3.events AS a, dl3.events AS b, dl3.events AS c WHERE a.ra + b.ra + c.ra < 0"
FLOOD = "SELECT a.ra, b.dec FROM dl3.events AS a, dl3.events AS b"
VOTABLE = "{http://www.ivoa.net/xml/VOTable/v1.3}VOTABLE"


@pytest.fixture(scope="module")
def documents(home: Path, snapshot: object, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What it is -> its bytes."""
    own = tmp_path_factory.mktemp("documents")
    (own / "lake").symlink_to(home / "lake", target_is_directory=True)
    with ask_of(Config(home=own, publisher="P & <co>")) as http:
        found = {**vosi(http), **results(http), **faults(http), **jobs(http)}
    with ask_of(Config(home=own, sync_timeout=0.3)) as http:
        found |= untimely(http)
    with ask_of(Config(home=own, open_queries=2)) as http:
        return found | {"busy": busy(http)}


@contextmanager
def ask_of(config: Config) -> Iterator[httpx.Client]:
    """A client of a service with these settings."""
    # Compressed, a long result might be sent before anyone reads it.
    plain = {"Accept-Encoding": "identity"}
    with serve(config) as server, httpx.Client(base_url=server.url, timeout=60, headers=plain) as http:
        yield http


def vosi(http: httpx.Client) -> dict[str, bytes]:
    paths = ("capabilities", "availability", "tables", "tables?detail=min", "tables/tap_schema.columns")
    return {path: http.get(f"/tap/{path}").content for path in paths}


def results(http: httpx.Client) -> dict[str, bytes]:
    def ask(format_: str, **asked: str) -> bytes:
        parameters = {"QUERY": EVENTS, "MAXREC": "20", "RESPONSEFORMAT": format_, **asked}
        answer = http.get("/tap/sync", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.content

    found = {f"{format_} cut": ask(format_) for format_ in ("votable", "votable/td", "votable/b")}
    found["no rows"] = ask("votable/td", MAXREC="0")
    found["every release"] = ask("votable/td", QUERY="SELECT * FROM dl3.observations")
    found["ended early"] = ask(
        "votable/td", QUERY=FLOOD + " WHERE SIN(a.ra * b.dec) > 0.99", MAXREC="9999999"
    )
    with fits.open(io.BytesIO(ask("fits"))) as hdus:
        found["in FITS"] = hdus[0].data.tobytes()
    found["in Parquet"] = pq.read_metadata(io.BytesIO(ask("parquet"))).metadata[
        b"IVOA.VOTable-Parquet.content"
    ]
    found["in Arrow"] = pa.ipc.open_stream(ask("arrow")).schema.metadata[b"votable"]
    return found


def fault(status: int, answer: httpx.Response) -> bytes:
    assert answer.status_code == status, answer.text[:500]
    return answer.content


def untimely(http: httpx.Client) -> dict[str, bytes]:
    """Of a service with little patience."""
    long = {"QUERY": f"{FLOOD} WHERE SIN(a.ra * b.dec) > 0.9999", "MAXREC": "9999999"}
    return {
        "too long": fault(408, http.get("/tap/sync", params={"QUERY": ENDLESS})),
        "ended early": fault(200, http.get("/tap/sync", params={**long, "RESPONSEFORMAT": "votable/td"})),
    }


def busy(http: httpx.Client) -> bytes:
    """Of a service all whose places are taken."""
    flood = {"QUERY": FLOOD, "MAXREC": "9999999"}
    with http.stream("GET", "/tap/sync", params=flood), http.stream("GET", "/tap/sync", params=flood):
        return fault(503, http.get("/tap/sync", params={"QUERY": EVENTS}))


def faults(http: httpx.Client) -> dict[str, bytes]:
    broken = {"content": b"--b\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}
    return {
        "no query": fault(400, http.get("/tap/sync")),
        "markup in a query": fault(400, http.get("/tap/sync", params={"QUERY": "SELECT <a>]]>&\0\x1b\n'é"})),
        "broken form": fault(400, http.post("/tap/sync", **broken)),
        "too large": fault(413, http.post("/tap/sync", data={"QUERY": "x" * 9_000_000})),
        "no such job": fault(404, http.get("/tap/async/nothing")),
        "wrong detail": fault(400, http.get("/tap/tables", params={"detail": "<all>"})),
    }


def jobs(http: httpx.Client) -> dict[str, bytes]:
    url = create(http, EVENTS, MAXREC="3", RUNID="<&>")
    found = {"pending job": http.get(url).content}
    http.post(f"{url}/phase", data={"PHASE": "RUN"})
    wait(http, url, "COMPLETED")
    found["completed job"] = http.get(url).content
    found["its result"] = http.get(f"{url}/results/result").content
    found["its results"] = http.get(f"{url}/results").content
    found["its parameters"] = http.get(f"{url}/parameters").content
    failed = create(http, "SELECT enrgy FROM dl3.events", PHASE="RUN")
    wait(http, failed, "ERROR")
    found["failed job"] = http.get(failed).content
    found["its error"] = http.get(f"{failed}/error").content
    found["list of jobs"] = http.get("/tap/async").content
    return found


def test_every_document_is_valid_by_its_schema(documents: dict[str, bytes]):
    reason = ivoa_schemas.missing()
    if reason:
        pytest.skip(reason)
    others = ivoa_schemas.load_schema()
    votable = etree.XMLSchema(file=str(files("astropy.io.votable") / "data" / "VOTable.v1.4.xsd"))
    kinds = set()
    for name, content in documents.items():
        root = etree.fromstring(content, etree.XMLParser(huge_tree=True))
        kinds.add(root.tag)
        schema = votable if root.tag == VOTABLE else others
        assert schema.validate(root), (name, schema.error_log.last_error)
        assert content.count(b"<?xml") == 1, name
    assert len(kinds) == 9  # VOTABLE, four of VOSI, job, jobs, and two lists of a job


JUDGED = (
    *("no rows", "ended early", "in FITS", "in Parquet", "in Arrow", "its result", "its error"),
    *("markup in a query", "no such job", "busy", "too long"),
)
"""VOTables that stand for all; whole results in each serialisation are judged in test_stilts."""


@pytest.mark.stilts
@pytest.mark.parametrize("name", JUDGED)
def test_votlint_has_no_complaint(stilts: str, documents: dict[str, bytes], tmp_path: Path, name: str):
    file = tmp_path / "document.vot"
    file.write_bytes(documents[name])
    command = [stilts, "votlint", f"votable={file}", "ucd=true", "unit=true"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
