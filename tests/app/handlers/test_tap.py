"""TAP as plain HTTP has it: parameters, formats, limits, errors."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import httpx
import pytest
from astropy.io.votable import parse as parse_votable
from lxml import etree

from app.config import Config
from tests.support.server import serve
from tests.support.small_lake import SmallRelease, make_lake

VOTABLE = "{http://www.ivoa.net/xml/VOTable/v1.3}"
FIVE = "SELECT TOP 5 event_id, ra, dec, energy FROM dl3.events"


def rows(response: httpx.Response) -> list[list[str]]:
    """The lines of a CSV answer, without the names."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/csv")
    return list(csv.reader(io.StringIO(response.text)))[1:]


def infos(response: httpx.Response) -> list[tuple[str, str, str]]:
    """Name, value and text of the INFOs of a VOTable."""
    root = etree.fromstring(response.content, etree.XMLParser(huge_tree=True))
    return [(info.get("name"), info.get("value"), info.text or "") for info in root.iter(f"{VOTABLE}INFO")]


def fault(response: httpx.Response, status: int = 400) -> str:
    """What an answer says went wrong, after a look at its form (DALI 1.1 section 4.2)."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/x-votable+xml")
    root = etree.fromstring(response.content)
    (resource,) = root.findall(f"{VOTABLE}RESOURCE")
    assert resource.get("type") == "results"
    assert resource.find(f"{VOTABLE}TABLE") is None
    (text,) = [text for name, value, text in infos(response) if (name, value) == ("QUERY_STATUS", "ERROR")]
    assert text
    return text


# Ways to ask


def test_get_answers(client):
    asked = {"LANG": "ADQL", "QUERY": FIVE, "FORMAT": "csv"}
    assert len(rows(client.get("/tap/sync", params=asked))) == 5


def test_urlencoded_post_answers(client):
    asked = {"LANG": "ADQL", "QUERY": FIVE, "FORMAT": "csv"}
    assert len(rows(client.post("/tap/sync", data=asked))) == 5


def test_multipart_post_answers(client):
    asked = {"LANG": (None, "ADQL"), "QUERY": (None, FIVE), "FORMAT": (None, "csv")}
    assert len(rows(client.post("/tap/sync", files=asked))) == 5


def test_query_string_and_body_are_merged(client):
    answer = client.post("/tap/sync", params={"FORMAT": "csv", "MAXREC": "2"}, data={"QUERY": FIVE})
    assert len(rows(answer)) == 2


@pytest.mark.parametrize("name", ["QUERY", "query", "Query"])
def test_names_of_parameters_are_known_in_any_case(client, name):
    assert len(rows(client.get("/tap/sync", params={name: FIVE, "format": "csv", "lang": "ADQL"}))) == 5


def test_unknown_parameter_is_ignored(client):
    assert len(rows(client.get("/tap/sync", params={"QUERY": FIVE, "FORMAT": "csv", "FUTURE": "1"}))) == 5


@pytest.mark.parametrize("language", ["ADQL", "ADQL-2.0", "ADQL-2.1", "adql"])
def test_languages_on_offer(client, language):
    assert len(rows(client.get("/tap/sync", params={"QUERY": FIVE, "FORMAT": "csv", "LANG": language}))) == 5


def test_language_not_on_offer_is_refused_with_those_that_are(client):
    told = fault(client.get("/tap/sync", params={"QUERY": FIVE, "LANG": "OOBLECK"}))
    assert "OOBLECK" in told
    assert "ADQL-2.1" in told


@pytest.mark.parametrize("request_", ["doQuery", "doquery", ""])
def test_request_is_doquery_or_left_out(client, request_):
    assert (
        len(rows(client.get("/tap/sync", params={"QUERY": FIVE, "FORMAT": "csv", "REQUEST": request_}))) == 5
    )


def test_other_request_is_refused(client):
    assert "doQuery" in fault(client.get("/tap/sync", params={"QUERY": FIVE, "REQUEST": "getCapabilities"}))


@pytest.mark.parametrize("path", ["/tap//sync", "//tap/sync", "/tap/sync/", "/tap///sync//"])
def test_slashes_too_many_are_forgiven(client, path):
    url = f"{client.base_url}".rstrip("/") + path
    assert len(rows(client.get(url, params={"QUERY": FIVE, "FORMAT": "csv"}))) == 5


def test_parameter_given_twice_alike_counts_once(client):
    assert (
        len(rows(client.get("/tap/sync", params=[("QUERY", FIVE), ("query", FIVE), ("FORMAT", "csv")]))) == 5
    )


def test_parameter_given_twice_differently_is_refused(client):
    told = fault(client.get("/tap/sync", params=[("QUERY", FIVE), ("MAXREC", "1"), ("maxrec", "2")]))
    assert "MAXREC is given more than once" in told


def test_missing_query_is_told(client):
    assert "QUERY is missing" in fault(client.get("/tap/sync", params={"LANG": "ADQL"}))


def test_upload_from_the_private_network_is_refused_plainly(client):
    told = fault(client.post("/tap/sync", data={"QUERY": FIVE, "UPLOAD": "t,http://127.0.0.1:9/t.vot"}))
    assert 'Table "t": The host "127.0.0.1" is not on the public network' in told


def test_other_methods_are_not_allowed(client):
    for method in ("PUT", "DELETE", "PATCH"):
        answer = client.request(method, "/tap/sync", params={"QUERY": FIVE})
        assert answer.status_code == 405
        assert "GET" in answer.headers["allow"]


# Rows and formats


def test_default_is_votable_that_astropy_reads(client):
    answer = client.get("/tap/sync", params={"QUERY": FIVE})
    assert answer.headers["content-type"].startswith("application/x-votable+xml")
    document = parse_votable(io.BytesIO(answer.content), verify="exception")
    table = document.get_first_table()
    assert len(table.array) == 5
    assert [field.name for field in table.fields] == ["event_id", "ra", "dec", "energy"]
    assert table.get_field_by_id_or_name("energy").unit == "TeV"


@pytest.mark.parametrize(
    "given", ["votable", "votable/td", "application/x-votable+xml;serialization=TABLEDATA", "csv", "tsv"]
)
@pytest.mark.parametrize("name", ["RESPONSEFORMAT", "FORMAT"])
def test_formats_on_offer(client, name, given):
    assert client.get("/tap/sync", params={"QUERY": FIVE, name: given}).status_code == 200


def test_responseformat_counts_before_its_older_name(client):
    answer = client.get("/tap/sync", params={"QUERY": FIVE, "FORMAT": "votable", "RESPONSEFORMAT": "csv"})
    assert len(rows(answer)) == 5


def test_accept_header_chooses_where_no_parameter_does(client):
    assert len(rows(client.get("/tap/sync", params={"QUERY": FIVE}, headers={"Accept": "text/csv"}))) == 5


def test_format_not_on_offer_is_refused_with_those_that_are(client):
    told = fault(client.get("/tap/sync", params={"QUERY": FIVE, "RESPONSEFORMAT": "application/x-tar"}))
    assert "application/x-tar" in told
    assert "csv" in told


def test_result_tells_the_query_and_the_service(client):
    told = {name: value for name, value, _ in infos(client.get("/tap/sync", params={"QUERY": FIVE}))}
    assert told["query"] == FIVE
    assert told["server_software"].startswith("GammaHub/")
    assert told["service_url"] == f"{client.base_url}".rstrip("/") + "/tap"


def test_result_tells_which_collections_were_left_out_by_their_licence(client):
    def warnings(query: str) -> list[str]:
        answer = client.get("/tap/sync", params={"QUERY": query})
        return [value for name, value, _ in infos(answer) if name == "warning"]

    (warning,) = warnings("SELECT COUNT(*) AS n FROM dl3.events")
    assert "Events of closed are not served" in warning
    assert not warnings("SELECT COUNT(*) AS n FROM dl3.events WHERE collection = 'pole'")
    assert not warnings("SELECT COUNT(*) AS n FROM dl3.observations")


# Limits (TAP 1.1 section 2.7.4)


@pytest.mark.parametrize(
    ("top", "maxrec", "count", "overflow"),
    [
        (None, "0", 0, True),
        (None, "1", 1, True),
        (None, "26999", 26_999, True),
        (None, "27000", 27_000, False),
        (None, "27001", 27_000, False),
        (10, "20", 10, False),
        (10, "10", 10, False),
        (20, "10", 10, True),
        (0, "10", 0, False),
        (30_000, "27000", 27_000, False),
    ],
)
def test_overflow_is_told_only_where_maxrec_cut(client, top, maxrec, count, overflow):
    limit = "" if top is None else f"TOP {top} "
    query = f"SELECT {limit}event_row FROM dl3.events"
    answer = client.get("/tap/sync", params={"QUERY": query, "MAXREC": maxrec})
    table = parse_votable(io.BytesIO(answer.content)).get_first_table()
    statuses = [value for name, value, _ in infos(answer) if name == "QUERY_STATUS"]
    assert len(table.array) == count
    assert statuses == (["OK", "OVERFLOW"] if overflow else ["OK"])


def test_maxrec_0_gives_the_fields_without_reading(client):
    query = "SELECT COUNT(*) AS n FROM dl3.events AS a, dl3.events AS b, dl3.events AS c"
    answer = client.get("/tap/sync", params={"QUERY": query, "MAXREC": "0"})
    assert answer.elapsed.total_seconds() < 2
    assert [field.name for field in parse_votable(io.BytesIO(answer.content)).get_first_table().fields] == [
        "n"
    ]


@pytest.mark.parametrize(
    "maxrec", ["-1", "ten", "1.5", "1e3", "0x10", "∞", "١٢", "9" * 200, "1;2", "<b>", "NaN", "--"]
)
def test_maxrec_that_is_no_count_is_refused(client, maxrec):
    told = fault(client.get("/tap/sync", params={"QUERY": FIVE, "MAXREC": maxrec}))
    assert "MAXREC" in told
    assert "whole number" in told


def test_default_and_hard_limits(small_home):
    query = "SELECT event_row FROM dl3.events"
    with (
        serve(Config(home=small_home, default_maxrec=7, hard_maxrec=20)) as server,
        httpx.Client(base_url=server.tap) as http,
    ):

        def count(**asked: str) -> int:
            return len(rows(http.get("/sync", params={"FORMAT": "csv", **asked})))

        assert count(QUERY=query) == 7
        assert count(QUERY=query.replace("SELECT", "SELECT TOP 3")) == 3
        assert count(QUERY=query.replace("SELECT", "SELECT TOP 15")) == 15
        assert count(QUERY=query.replace("SELECT", "SELECT TOP 1000")) == 20
        assert count(QUERY=query, MAXREC="12") == 12
        assert count(QUERY=query, MAXREC="100000000000000000000") == 20
        told = etree.fromstring(http.get("/capabilities").content)
        limits = [element.text for element in told.iter("{*}outputLimit") for element in element]
        assert limits == ["7", "20"]


def test_text_that_cannot_tell_of_overflow_comes_with_the_limit(client):
    asked = {"QUERY": FIVE, "FORMAT": "csv", "MAXREC": "3"}
    assert client.get("/tap/sync", params=asked).headers["x-gammahub-maxrec"] == "3"


# Errors


def test_error_tells_place_and_cure(client):
    answer = client.get("/tap/sync", params={"QUERY": "SELECT ra,\n  enrgy FROM dl3.events"})
    told = fault(answer)
    assert '"enrgy"' in told
    assert '"energy"' in told
    assert "line 2, column 3" in told
    lines = told.splitlines()
    caret = next(line for line in lines if line.strip() == "^")
    assert lines[lines.index(caret) - 1][caret.index("^") :].startswith("enrgy")
    places = {name: value for name, value, _ in infos(answer)}
    assert (places["error_line"], places["error_column"]) == ("2", "3")


def test_limit_clause_is_refused_with_top_as_the_cure(client):
    assert "TOP" in fault(client.get("/tap/sync", params={"QUERY": "SELECT ra FROM dl3.events LIMIT 5"}))


def test_error_for_who_accepts_problem_details(client):
    answer = client.get(
        "/tap/sync",
        params={"QUERY": "SELECT x FROM dl3.events"},
        headers={"Accept": "application/problem+json"},
    )
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["line"] == 1
    assert answer.json()["column"] == 8


def test_query_longer_than_the_limit_is_refused(client):
    query = f"SELECT ra FROM dl3.events WHERE ra IN ({', '.join(['1.5'] * 60_000)})"
    assert "200000" in fault(client.post("/tap/sync", data={"QUERY": query}), 413).replace(",", "").replace(
        "\u202f", ""
    )


def test_body_larger_than_the_limit_is_refused(client):
    answer = client.post("/tap/sync", data={"QUERY": "x" * (9 * 2**20)})
    assert "larger than" in fault(answer, 413)


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(b"PAR1" + b"\0" * 100)])
def test_own_fault_tells_no_inside_and_is_logged_with_its_cause(tmp_path, caplog, damage):
    make_lake(tmp_path, [SmallRelease("a", n_events=10)])
    with serve(Config(home=tmp_path)) as server:
        for file in (tmp_path / "lake" / "events").rglob("*.parquet"):
            damage(file)
        answer = httpx.get(f"{server.tap}/sync", params={"QUERY": FIVE})
    told = fault(answer, 500)
    assert str(tmp_path) not in answer.text
    assert "parquet" not in told
    (record,) = [record for record in caplog.records if record.name == "gammahub.faults"]
    assert record.exc_info is not None
    assert str(tmp_path) in str(record.exc_info[1].__cause__)


def test_users_fault_logs_no_traceback(client, caplog):
    fault(client.get("/tap/sync", params={"QUERY": "SELECT nothing"}))
    assert not [record for record in caplog.records if record.exc_info]
