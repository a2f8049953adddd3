"""The worked queries: told as DALI and TAP want them, found by clients, and answered on any lake."""

from __future__ import annotations

import urllib.request
from io import BytesIO

import pytest
import pyvo
from lxml import etree

from adql import DUCKDB, translate
from app.config import Config
from app.factory import make_engine
from app.services.query import Queries
from tests.support.server import LiveServer
from vosi import Example, load_catalogue, load_examples

EXAMPLES = load_examples()
NAMES = [example.id for example in EXAMPLES]
XHTML = "{http://www.w3.org/1999/xhtml}"


@pytest.fixture(scope="module")
def page(server: LiveServer) -> etree._Element:
    with urllib.request.urlopen(f"{server.tap}/examples", timeout=30) as response:
        assert response.headers.get_content_type() == "application/xhtml+xml"
        return etree.parse(BytesIO(response.read())).getroot()


def test_there_are_many_and_no_two_alike():
    assert len(EXAMPLES) >= 15
    for part in ("id", "name", "query"):
        assert len({getattr(example, part) for example in EXAMPLES}) == len(EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES, ids=NAMES)
def test_an_example_reads_the_tables_it_names(example: Example):
    statement = translate(example.query, load_catalogue(), DUCKDB)
    assert statement.tables == set(example.tables)


@pytest.mark.parametrize("example", EXAMPLES, ids=NAMES)
def test_no_example_needs_a_plus(example: Example):
    """ESAP takes it for the blank that it means in a URL."""
    assert "+" not in example.query


@pytest.mark.parametrize("lake", ["simulated_server", pytest.param("real_server", marks=pytest.mark.real)])
@pytest.mark.parametrize("example", EXAMPLES, ids=NAMES)
def test_an_example_has_rows_on_a_lake_it_does_not_know(
    request: pytest.FixtureRequest, example: Example, lake: str
):
    live: LiveServer = request.getfixturevalue(lake)
    rows = live.service.queries.table(example.query, 10_000)
    assert rows.num_rows > 0
    for name, values in zip(rows.column_names, rows.columns, strict=True):
        assert values.null_count < rows.num_rows or name in MAY_BE_EMPTY, name


MAY_BE_EMPTY = {"common_time", "aliases", "citation", "hdu_pointlike"}
"""Columns that have no value in some lakes."""


def test_an_example_answers_with_no_data_at_all(tmp_path):
    config = Config(home=tmp_path)
    engine = make_engine(config)
    queries = Queries(engine, config)
    try:
        for example in EXAMPLES:
            queries.table(example.query, 10)
    finally:
        engine.close()


def test_the_page_has_the_form_that_dali_wants(page: etree._Element):
    (vocabulary,) = page.xpath("//@vocab")
    assert vocabulary == "http://www.ivoa.net/rdf/examples#"
    sections = page.xpath("//*[@typeof='example']")
    assert [section.get("id") for section in sections] == NAMES
    for section, example in zip(sections, EXAMPLES, strict=True):
        assert section.get("resource") == f"#{example.id}"
        for term, value in {"name": example.name, "query": example.query}.items():
            (element,) = section.xpath(f".//*[@property='{term}']")
            assert len(element) == 0
            assert element.text == value
        tables = [element.text for element in section.xpath(".//*[@property='table']")]
        assert tables == list(example.tables)


def test_pyvo_finds_the_examples_and_runs_one(server: LiveServer):
    found = pyvo.dal.TAPService(server.tap).examples
    assert [query["QUERY"] for query in found] == [example.query for example in EXAMPLES]
    assert len(found[0].execute()) == 2


def test_the_links_of_the_page_lead_to_rows(page: etree._Element):
    links = page.xpath("//*[@id='columns']//*[local-name()='a']/@href")
    assert len(links) == 3
    for link in links:
        with urllib.request.urlopen(link, timeout=30) as response:
            assert b"hillas_width" in response.read() or "votable" in link


def test_the_page_runs_no_script_and_loads_nothing(server: LiveServer, page: etree._Element):
    with urllib.request.urlopen(f"{server.tap}/examples", timeout=30) as response:
        policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    tags = {element.tag.removeprefix(XHTML) for element in page.iter()}
    assert not tags & {"script", "img", "link", "iframe"}
