"""DataLink: the links of a dataset, as pyvo and STILTS read them."""

from __future__ import annotations

import io
import re
import subprocess
from collections import Counter

import httpx
import pytest
import pyvo
from astropy.io import votable

from tests.support.server import LiveServer

TOO_NEW = ("package", "documentation")
"""Terms of http://www.ivoa.net/rdf/datalink/core that STILTS 3.4.7 (2022) is too old to know."""


@pytest.fixture(scope="module")
def tap(archive: LiveServer) -> pyvo.dal.TAPService:
    return pyvo.dal.TAPService(archive.tap)


@pytest.fixture(scope="module")
def dids(tap: pyvo.dal.TAPService) -> list[str]:
    rows = tap.search(
        "SELECT obs_publisher_did FROM ivoa.obscore WHERE dataproduct_type = 'event' ORDER BY 1"
    )
    return [str(row["obs_publisher_did"]) for row in rows]


def links(archive: LiveServer, *ids: str) -> pyvo.dal.adhoc.DatalinkResults:
    url = httpx.URL(f"{archive.url}/datalink/links", params=[("ID", id_) for id_ in ids])
    return pyvo.dal.adhoc.DatalinkResults.from_result_url(str(url))


def test_a_row_of_a_result_leads_to_its_links(tap: pyvo.dal.TAPService):
    result = tap.search("SELECT TOP 2 * FROM ivoa.obscore WHERE dataproduct_type = 'event'")
    for row in result:
        found = row.getdatalink()
        (this,) = found.bysemantics("#this", include_narrower=False)
        assert this.access_url == row["access_url"]
        assert this["content_qualifier"] == "event-list"
        assert {link["ID"] for link in found} == {row["obs_publisher_did"]}


@pytest.mark.parametrize(
    "query",
    [
        "SELECT TOP 3 * FROM dl3.observations",
        "SELECT TOP 3 dataset_id AS a, livetime FROM dl3.observations",
        "SELECT TOP 3 obs_id, energy FROM dl3.events",
        "SELECT TOP 3 obs_publisher_did AS x FROM ivoa.obscore_hea NATURAL JOIN ivoa.obscore "
        "WHERE dataproduct_type = 'event'",
    ],
)
def test_results_that_name_datasets_say_how_to_get_links(tap: pyvo.dal.TAPService, query: str):
    found = next(iter(tap.search(query))).getdatalink()
    assert next(found.bysemantics("#this", include_narrower=False))["content_qualifier"] == "event-list"


@pytest.mark.parametrize(
    "query", ["SELECT TOP 3 ra, dec FROM dl3.events", "SELECT COUNT(obs_id) FROM dl3.events"]
)
def test_results_that_name_none_say_nothing(archive: LiveServer, query: str):
    text = httpx.post(f"{archive.tap}/sync", data={"QUERY": query, "LANG": "ADQL"}).text
    assert "adhoc:service" not in text


def test_all_links_of_an_event_list_are_there(archive: LiveServer, tap: pyvo.dal.TAPService, dids: list[str]):
    for did in dids[:3]:
        found = links(archive, did)
        semantics = Counter(str(link.semantics) for link in found)
        assert semantics["#this"] == semantics["#package"] == semantics["#preview"] == 1
        assert semantics["#documentation"] >= 1
        types = {
            str(link["content_qualifier"])
            for link in found.bysemantics("#calibration", include_narrower=False)
        }
        dataset = did.partition("?")[2]
        rows = tap.search(
            "SELECT DISTINCT hdu_type FROM dl3.hdus NATURAL JOIN dl3.observations "
            f"WHERE dataset_id = '{dataset}' AND hdu_type NOT IN ('events', 'gti', 'pointing')"
        )
        terms = {"bkg": "bkgrate"}
        assert types == {terms.get(str(row["hdu_type"]), str(row["hdu_type"])) for row in rows}


def test_an_image_knows_what_it_is_made_of(archive: LiveServer, tap: pyvo.dal.TAPService):
    (row,) = tap.search(
        "SELECT TOP 1 obs_publisher_did, access_url FROM ivoa.obscore WHERE dataproduct_type = 'image'"
    )
    found = links(archive, str(row["obs_publisher_did"]))
    assert next(found.bysemantics("#this", include_narrower=False)).access_url == row["access_url"]
    (origin,) = found.bysemantics("#progenitor", include_narrower=False)
    assert origin["content_qualifier"] == "event-list"


def test_each_identifier_has_its_rows_or_its_fault_in_order(archive: LiveServer, dids: list[str]):
    asked = [dids[1], "ivo://gammahub.invalid/dl3?none/1", dids[0], "../../etc/passwd", "ivo://else/dl3?a/1"]
    answer = httpx.post(f"{archive.url}/datalink/links", data={"id": asked})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-votable+xml;content=datalink"
    table = votable.parse_single_table(_file(answer.content)).to_table()
    order = list(dict.fromkeys(table["ID"]))
    assert order == asked
    messages = {row["ID"]: str(row["error_message"]) for row in table if row["error_message"]}
    kinds = {id_: message.partition(":")[0] for id_, message in messages.items()}
    assert kinds == {asked[1]: "NotFoundFault", asked[3]: "UsageFault", asked[4]: "NotFoundFault"}
    for row in table:
        assert sum(bool(row[name]) for name in ("access_url", "service_def", "error_message")) == 1
        assert row["semantics"]


def test_thousands_of_identifiers_are_answered(archive: LiveServer, dids: list[str]):
    asked = [*dids, *(f"ivo://gammahub.invalid/dl3?none/{number}" for number in range(5000))]
    answer = httpx.post(f"{archive.url}/datalink/links", data={"ID": asked}, timeout=120)
    table = votable.parse_single_table(_file(answer.content)).to_table()
    assert set(table["ID"]) == set(asked)


def test_no_identifier_gives_no_rows(archive: LiveServer):
    answer = httpx.get(f"{archive.url}/datalink/links")
    assert answer.status_code == 200
    assert len(votable.parse_single_table(_file(answer.content)).to_table()) == 0


@pytest.mark.parametrize("format_", ["csv", "application/fits"])
def test_links_come_as_votable_only(archive: LiveServer, format_: str):
    answer = httpx.get(f"{archive.url}/datalink/links", params={"RESPONSEFORMAT": format_})
    assert answer.status_code == 400
    assert "VOTable" in answer.text


@pytest.mark.stilts
@pytest.mark.parametrize("kind", ["event", "image", "fault"])
def test_datalinklint_is_content(
    archive: LiveServer, tap: pyvo.dal.TAPService, stilts: str, dids: list[str], kind: str
):
    ids = {
        "event": dids[0],
        "image": dids[0].replace("/dl3?", "/dl3/counts?"),
        "fault": "ivo://gammahub.invalid/dl3?none/1",
    }
    url = httpx.URL(f"{archive.url}/datalink/links", params={"ID": ids[kind]})
    done = subprocess.run(
        [stilts, "datalinklint", f"votable={url}"], capture_output=True, text=True, timeout=120, check=False
    )
    said = re.findall(r"^[EWF]-.*$", done.stdout, re.MULTILINE)
    assert done.returncode == 0, done.stderr
    alarms = [f"Unknown predicate '{term}' from core DataLink vocabulary" for term in TOO_NEW]
    assert [line for line in said if not any(alarm in line for alarm in alarms)] == []


def test_capabilities_declare_it(archive: LiveServer):
    capabilities = pyvo.dal.TAPService(archive.tap).capabilities
    (found,) = [c for c in capabilities if c.standardid == "ivo://ivoa.net/std/DataLink#links-1.1"]
    assert found.interfaces[0].accessurls[0].content == f"{archive.url}/datalink/links"


def _file(content: bytes) -> io.BytesIO:
    return io.BytesIO(content)
