"""A result says of which releases its rows are, on which terms, and how to cite them; in every format."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.io.votable import parse as parse_votable
from astropy.io.votable.dataorigin import extract_data_origin
from astropy.table import Table

from app.config import Config
from tests.app.uws.client import create, wait
from tests.support.server import LiveServer, serve
from tests.support.small_lake import SmallRelease, make_lake

ONE = SmallRelease(
    "one",
    n_events=50,
    ra=10.0,
    title="The first release",
    licence="CC BY 4.0",
    licence_url="https://creativecommons.org/licenses/by/4.0/",
    citation="One et al. 2018, “Events” & more",
    reference_url="https://example.org/one?a=b",
)
TWO = SmallRelease(
    "two",
    n_events=50,
    ra=100.0,
    licence="Ask first",
    reference_url='https://example.org/"two">,<x>; a=b\r\nX: y',
)
CLOSED = SmallRelease("closed", n_events=50, ra=200.0, rights="metadata", licence="All rights reserved")
ALL = "SELECT TOP 5 ra, energy FROM dl3.events"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    home = tmp_path_factory.mktemp("origins")
    make_lake(home, [ONE, TWO, CLOSED])
    config = Config(home=home, publisher="The publisher", contact_email="ask@example.org")
    with serve(config) as server:
        yield server


@pytest.fixture
def http(hub: LiveServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=hub.url, timeout=30) as client:
        yield client


def ask(http: httpx.Client, query: str, **asked: str) -> httpx.Response:
    answer = http.get("/tap/sync", params={"QUERY": query, **asked})
    assert answer.status_code == 200, answer.text
    return answer


def origin(answer: httpx.Response):
    return extract_data_origin(parse_votable(io.BytesIO(answer.content)))


def collections(answer: httpx.Response) -> list[str]:
    named = answer.headers.get("x-gammahub-collections", "")
    return named.split(", ") if named else []


def test_astropy_finds_the_origin_of_the_query(http, hub):
    asked = origin(ask(http, ALL)).query
    assert asked.publisher == "The publisher"
    assert asked.contact == "ask@example.org"
    assert asked.server_software.startswith("GammaHub/")
    assert asked.service_protocol == "ivo://ivoa.net/std/TAP"
    assert asked.query == ALL
    assert asked.request.startswith(f"{hub.tap}/sync?")
    assert asked.request_date.endswith("Z")


def test_the_request_that_is_told_gives_the_same_rows(http):
    first = ask(http, ALL, MAXREC="3")
    again = http.get(origin(first).query.request)
    tables = [parse_votable(io.BytesIO(a.content)).get_first_table().to_table() for a in (first, again)]
    assert (tables[0] == tables[1][:3]).all()


def test_a_request_that_is_too_long_for_a_url_is_not_told_as_one(http):
    asked = origin(ask(http, f"{ALL} WHERE ra IN ({', '.join(['1'] * 900)})")).query
    assert asked.request is None


def test_astropy_finds_the_terms_of_every_release_that_was_read(http):
    (found,) = origin(ask(http, ALL)).origin
    assert found.citation == [ONE.citation]
    assert found.rights == ["CC BY 4.0", "Ask first"]
    assert found.rights_uri == ["https://creativecommons.org/licenses/by/4.0/"]
    assert found.reference_url[0] == "https://example.org/one?a=b"
    assert found.creator == ["TEST", "TEST"]


@pytest.mark.parametrize(
    ("query", "read"),
    [
        (ALL, ["one", "two"]),
        (f"{ALL} WHERE collection = 'one'", ["one"]),
        (f"{ALL} WHERE collection IN ('two', 'three')", ["two"]),
        (f"{ALL} WHERE collection = 'closed'", []),
        (f"{ALL} WHERE collection > 'p'", ["two"]),
        # The index of the files knows where each release has events.
        (f"{ALL} WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(10, 22, 1))", ["one"]),
        ("SELECT COUNT(*) AS n FROM dl3.observations", ["closed", "one", "two"]),
        ("SELECT obs_id FROM dl3.observations WHERE collection = 'closed'", ["closed"]),
        ("SELECT COUNT(*) AS n FROM dl3.targets", ["closed", "one", "two"]),
        ("SELECT * FROM dl3.collections", []),
        ("SELECT * FROM tap_schema.tables", []),
        (
            "SELECT obs_id FROM dl3.observations WHERE collection = 'one' UNION SELECT obs_id FROM dl3.gtis",
            None,
        ),
    ],
)
def test_releases_that_are_read_are_told_and_no_others(http, query, read):
    answer = ask(http, query)
    expected = ["closed", "one", "two"] if read is None else read
    assert collections(answer) == expected
    told = [info.value for info in resource_infos(answer) if info.name == "collection"]
    assert told == expected


def resource_infos(answer: httpx.Response):
    return parse_votable(io.BytesIO(answer.content)).resources[0].infos


def test_json_tells_it(http):
    facts = ask(http, ALL, FORMAT="json").json()["info"]
    assert ONE.citation in [fact["value"] for fact in facts if fact["name"] == "citation"]


def test_ecsv_tells_it(http):
    meta = Table.read(ask(http, ALL, FORMAT="ecsv").text, format="ascii.ecsv").meta
    assert meta["rights"] == ["CC BY 4.0", "Ask first"]
    assert meta["citation"] == ONE.citation


def test_fits_tells_it_in_the_header_of_the_table(http):
    with fits.open(io.BytesIO(ask(http, ALL, FORMAT="fits").content)) as hdus:
        history = "".join(str(line).ljust(72) for line in hdus[1].header["HISTORY"])
    assert "query: SELECT TOP 5 ra, energy FROM dl3.events" in history
    assert "rights_uri: https://creativecommons.org/licenses/by/4.0/" in history
    assert r"citation: One et al. 2018, \u201cEvents\u201d & more" in history


def test_parquet_and_arrow_tell_it_in_their_metadata(http):
    parquet = pq.read_metadata(io.BytesIO(ask(http, ALL, FORMAT="parquet").content)).metadata
    arrow = pa.ipc.open_stream(ask(http, ALL, FORMAT="arrow").content).schema.metadata
    for content in (parquet[b"IVOA.VOTable-Parquet.content"], arrow[b"votable"]):
        found = parse_votable(io.BytesIO(content))
        assert next(info.value for info in found.resources[0].infos if info.name == "rights") == "CC BY 4.0"


@pytest.mark.parametrize("format_", ["csv", "tsv", "text"])
def test_a_plain_text_comes_with_headers_that_tell_it(http, format_):
    answer = ask(http, ALL, FORMAT=format_)
    assert answer.links["license"]["url"] == "https://creativecommons.org/licenses/by/4.0/"
    assert '<https://example.org/one?a=b>; rel="cite-as"' in answer.headers["link"]
    assert collections(answer) == ["one", "two"]


def test_no_text_of_a_release_forges_a_header(http):
    answer = ask(http, f"{ALL} WHERE collection = 'two'", FORMAT="csv")
    assert "x" not in answer.headers
    (link,) = answer.headers.get_list("link", split_commas=False)
    assert link.startswith("<https://example.org/%22two%22%3E")
    assert link.count("<") == link.count(">") == 1


def test_the_result_of_a_job_keeps_it(http):
    url = create(http, ALL, PHASE="RUN", FORMAT="csv")
    wait(http, url, "COMPLETED")
    answer = http.get(f"{url}/results/result")
    assert answer.links["license"]["url"] == "https://creativecommons.org/licenses/by/4.0/"
    assert collections(answer) == ["one", "two"]


def test_a_great_many_releases_are_not_all_described(tmp_path: Path):
    make_lake(tmp_path, [SmallRelease(f"r{n:03}", n_events=3, n_observations=1) for n in range(60)])
    with serve(Config(home=tmp_path)) as server:
        answer = httpx.get(f"{server.tap}/sync", params={"QUERY": "SELECT TOP 1 ra FROM dl3.events"})
    infos = resource_infos(answer)
    assert sum(info.name == "collection" for info in infos) == 50
    assert [info.value for info in infos if info.name == "remark"] == [
        "Rows of 10 more releases were read; dl3.collections has their terms."
    ]
    assert collections(answer)[-1] == "..."
