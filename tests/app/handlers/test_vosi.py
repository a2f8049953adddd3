"""VOSI resources and the front page over HTTP."""

from __future__ import annotations

import html.parser
import re

import httpx
import pytest
from lxml import etree

from app.config import Config
from app.services.description import describe
from tests.app.conftest import RELEASES
from tests.support import ivoa_schemas
from tests.support.server import serve
from tests.support.small_lake import SmallRelease, make_lake
from vosi import capabilities_document


def names(document: bytes) -> list[str]:
    return [element.text for element in etree.fromstring(document).iter("{*}table/{*}name", "{*}name")]


def test_capabilities_name_the_url_the_client_used(live, client):
    document = etree.fromstring(client.get("/tap/capabilities").content)
    urls = [element.text for element in document.iter("{*}accessURL")]
    assert live.tap in urls
    assert all(url.startswith(f"{live.url}/") for url in urls)


def test_capabilities_follow_forwarded_headers_of_a_trusted_proxy(client):
    headers = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "gamma.example.org",
        "X-Forwarded-Prefix": "/hub",
    }
    for path in ("/tap/capabilities", "/hub/tap/capabilities"):
        assert b"https://gamma.example.org/hub/tap" in client.get(path, headers=headers).content


def test_capabilities_do_not_follow_those_of_anyone_else(small_home):
    with serve(Config(home=small_home, forwarded_allow_ips="10.9.8.7")) as server:
        answer = httpx.get(f"{server.tap}/capabilities", headers={"X-Forwarded-Host": "evil.example"})
    assert b"evil.example" not in answer.content


def test_configured_base_url_counts_before_all(small_home):
    with serve(Config(home=small_home, base_url="https://gamma.example.org/hub/")) as server:
        answer = httpx.get(f"{server.tap}/capabilities")
    assert b"https://gamma.example.org/hub/tap<" in answer.content


@pytest.mark.parametrize(
    "path", ["/tap/capabilities", "/tap/availability", "/tap/tables", "/tap/tables/dl3.events"]
)
def test_documents_are_valid_against_the_ivoa_schemas(client, path):
    if ivoa_schemas.missing():
        pytest.skip(ivoa_schemas.missing())
    answer = client.get(path)
    assert answer.headers["content-type"].split(";")[0] in ("application/xml", "text/xml")
    ivoa_schemas.load_schema().assertValid(etree.fromstring(answer.content))


def test_availability_is_true_of_a_service_that_answers(client):
    document = etree.fromstring(client.get("/tap/availability").content)
    assert document.findtext("{*}available") == "true"
    assert document.findtext("{*}upSince").endswith("Z")
    assert f"{len(RELEASES)} collections" in document.findtext("{*}note")


def test_availability_is_false_when_the_lake_can_no_longer_be_read(tmp_path):
    make_lake(tmp_path, [SmallRelease("a", n_events=10)])
    with serve(Config(home=tmp_path)) as server:
        for file in (tmp_path / "lake" / "collections").rglob("*.parquet"):
            file.unlink()
        answer = httpx.get(f"{server.tap}/availability")
    assert etree.fromstring(answer.content).findtext("{*}available") == "false"
    assert str(tmp_path) not in answer.text


def test_tables_list_the_instrument_columns(client):
    document = etree.fromstring(client.get("/tap/tables").content)
    assert "hillas_width" in [element.text for element in document.iter("{*}name")]


def test_detail_min_leaves_the_columns_out(client):
    for detail in ("min", "MIN"):
        document = etree.fromstring(client.get("/tap/tables", params={"detail": detail}).content)
        assert not list(document.iter("{*}column"))
        assert list(document.iter("{*}table"))


def test_other_detail_is_refused(client):
    answer = client.get("/tap/tables", params={"detail": "<all>"})
    assert answer.status_code == 400
    assert "min or max" in answer.text


def test_one_table_by_its_name_in_any_case(client):
    for name in ("dl3.events", "DL3.Events"):
        document = etree.fromstring(client.get(f"/tap/tables/{name}").content)
        assert document.findtext("{*}name") == "dl3.events"


def test_table_that_is_not_there_is_404(client):
    answer = client.get("/tap/tables/dl3.nothing")
    assert answer.status_code == 404


def test_every_format_that_is_declared_is_given_by_each_of_its_names(client):
    document = etree.fromstring(client.get("/tap/capabilities").content)
    outputs = list(document.iter("outputFormat"))
    assert len(outputs) >= 20
    for output in outputs:
        media_type = output.findtext("mime")
        for name in (media_type, *(alias.text for alias in output.iter("alias"))):
            answer = client.get(
                "/tap/sync",
                params={"QUERY": "SELECT TOP 1 collection FROM dl3.collections", "RESPONSEFORMAT": name},
            )
            assert answer.status_code == 200, name
            told = answer.headers["content-type"].replace("; ", ";")
            assert told == media_type or told.startswith(f"{media_type};"), name


def test_languages_that_are_declared_are_understood(client):
    document = etree.fromstring(client.get("/tap/capabilities").content)
    (language,) = document.iter("language")
    name = language.findtext("name")
    for lang in (name, *(f"{name}-{version.text}" for version in language.iter("version"))):
        assert (
            client.get(
                "/tap/sync", params={"QUERY": "SELECT TOP 1 collection FROM dl3.collections", "LANG": lang}
            ).status_code
            == 200
        )


@pytest.mark.parametrize(
    ("settings", "methods"),
    [
        ({}, ["upload-inline", "upload-http", "upload-https"]),
        ({"upload_urls": False}, ["upload-inline"]),
        ({"upload_tables": 0}, []),
    ],
)
def test_uploads_are_declared_as_far_as_the_operator_allows(tmp_path, settings, methods):
    described = describe(Config(home=tmp_path, **settings), "http://x")
    document = etree.fromstring(capabilities_document(described))
    declared = [element.get("ivo-id").partition("#")[2] for element in document.iter("uploadMethod")]
    assert declared == methods
    assert bool(list(document.iter("uploadLimit"))) == bool(methods)
    said = document.findtext("capability/description")
    limits = "VOTable, FITS, Parquet, ECSV, CSV or TSV, with gzip or without; each has up to 134217728 bytes"
    assert (limits in said) == bool(methods)


# What every answer has


@pytest.mark.parametrize("path", ["/", "/tap/capabilities", "/tap/sync?QUERY=x", "/nix"])
def test_every_answer_names_the_server_and_itself(client, path):
    first, second = client.get(path), client.get(path)
    assert re.fullmatch(r"GammaHub/\d+\.\d+\.\d+", first.headers["server"])
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


@pytest.mark.parametrize(
    "path", ["/tap/sync?QUERY=SELECT+TOP+1+ra+FROM+dl3.events", "/tap/sync?QUERY=x", "/tap/tables", "/nix"]
)
def test_any_web_page_may_read_any_answer(client, path):
    answer = client.get(path, headers={"Origin": "https://aladin.example"})
    assert answer.headers["access-control-allow-origin"] == "*"


def test_browsers_may_ask_whether_they_may(client):
    answer = client.options(
        "/tap/sync",
        headers={
            "Origin": "https://aladin.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        },
    )
    assert answer.status_code == 200
    assert "POST" in answer.headers["access-control-allow-methods"]


def test_head_of_documents_has_no_body(client):
    for path in ("/", "/tap/capabilities", "/tap/tables"):
        answer = client.head(path)
        assert answer.status_code == 200
        assert not answer.content


# The front page


class Tags(html.parser.HTMLParser):
    """Tags and texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.texts.append(data)


def test_front_page_lists_the_collections_with_counts_and_licences(live, client):
    answer = client.get("/")
    text = " ".join(Tags(answer.text).texts)
    for release in RELEASES:
        assert release.collection in text
    assert "20\u202f000" in text
    assert "CC-BY-4.0" in text
    assert "All rights reserved; descriptions only" in text
    assert live.tap in text
    assert "pyvo" in text


def test_front_page_runs_no_script_and_loads_nothing(client):
    answer = client.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not {"script", "img", "link", "iframe"} & set(Tags(answer.text).tags)


def test_front_page_escapes_what_releases_say_of_themselves(tmp_path):
    make_lake(
        tmp_path,
        [
            SmallRelease(
                "x", n_events=10, title="<script>alert(1)</script>", licence='"><img src=x onerror=y>'
            )
        ],
    )
    with serve(Config(home=tmp_path, title="A & <b>")) as server:
        page = httpx.get(f"{server.url}/").text
    assert not {"script", "img", "b"} & set(Tags(page).tags)
    assert "<script>alert(1)</script>" in " ".join(Tags(page).texts)


def test_front_page_of_an_empty_lake_says_how_to_load_data(tmp_path):
    with serve(Config(home=tmp_path)) as server:
        page = httpx.get(f"{server.url}/").text
    assert "gammahub ingest" in page


def test_address_of_the_service_leads_a_browser_to_the_front_page(live, client):
    answer = client.get("/tap")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{live.url}/"
