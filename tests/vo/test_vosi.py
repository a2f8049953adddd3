"""The documents of a live service: valid by the IVOA's schemas, and pyvo finds its way by them."""

from __future__ import annotations

import urllib.request
from io import BytesIO
from urllib.error import HTTPError

import astropy.units as u
import pytest
import pyvo
from astropy.time import Time
from lxml import etree
from pyvo.io.vosi import parse_availability

from tests.support import ivoa_schemas
from tests.support.server import LiveServer
from tests.vo.conftest import RELEASES

N_EVENTS = sum(release.n_events for release in RELEASES)


@pytest.fixture
def tap(server: LiveServer) -> pyvo.dal.TAPService:
    return pyvo.dal.TAPService(server.tap)


@pytest.mark.parametrize(
    "path",
    ["capabilities", "availability", "tables", "tables?detail=min", "tables?DETAIL=MAX", "tables/dl3.events"],
)
def test_a_document_is_valid(server: LiveServer, path: str):
    reason = ivoa_schemas.missing()
    if reason:
        pytest.skip(reason)
    with urllib.request.urlopen(f"{server.tap}/{path}", timeout=60) as response:
        assert response.headers.get_content_type() in ("application/xml", "text/xml")
        ivoa_schemas.load_schema().assertValid(etree.parse(response))


def test_a_table_that_is_not_there_is_not_found(server: LiveServer):
    with pytest.raises(HTTPError) as caught:
        urllib.request.urlopen(f"{server.tap}/tables/dl3.nothing", timeout=60)
    with caught.value as fault:
        assert fault.code == 404


def test_pyvo_finds_the_service_available(server: LiveServer):
    with urllib.request.urlopen(f"{server.tap}/availability", timeout=60) as response:
        told = parse_availability(BytesIO(response.read()), pedantic=True)
    assert told.available is True
    # The document has milliseconds.
    assert abs(Time(told.upsince) - Time(server.service.started)) < 1 * u.ms


def test_pyvo_finds_the_tables_and_their_rows(tap: pyvo.dal.TAPService):
    tables = tap.tables
    assert {"dl3.events", "dl3.observations", "tap_schema.columns"} <= set(tables.keys())
    assert tables["dl3.events"].nrows == N_EVENTS
    assert "hillas_width" in [column.name for column in tables["dl3.events"].columns]


def test_pyvo_finds_the_limits(tap: pyvo.dal.TAPService, server: LiveServer):
    assert tap.maxrec == server.service.config.default_maxrec
    assert tap.hardlimit == server.service.config.hard_maxrec


@pytest.mark.parametrize("table", ["collections", "observations", "events", "gtis", "hdus", "targets"])
def test_the_number_of_rows_told_is_the_number_there_are(tap: pyvo.dal.TAPService, table: str):
    counted = tap.search(f"SELECT COUNT(*) AS n FROM dl3.{table}")["n"][0]
    assert tap.tables[f"dl3.{table}"].nrows == counted


def test_tap_schema_says_what_the_tables_document_says(tap: pyvo.dal.TAPService):
    rows = tap.search("SELECT table_name, column_name, datatype, unit, ucd FROM tap_schema.columns")
    told = {(row["table_name"], row["column_name"]): row for row in rows}
    documented = {(t.name, column.name): column for t in tap.tables for column in t.columns}
    assert told.keys() == documented.keys()
    for key, column in documented.items():
        assert told[key]["datatype"] == column.datatype.content
        assert (told[key]["unit"] or None, told[key]["ucd"] or None) == (column.unit, column.ucd)


def test_the_size_column_can_be_asked_for(tap: pyvo.dal.TAPService):
    """TAP 1.1 section 4.3: in double quotes, lower case."""
    rows = tap.search("""SELECT "size" FROM tap_schema.columns WHERE column_name = '"size"'""")
    assert len(rows) == 1


def test_tables_join_by_the_names_of_their_columns(tap: pyvo.dal.TAPService):
    joined = "dl3.events NATURAL JOIN dl3.observations NATURAL JOIN dl3.collections"
    rows = tap.search(
        f"SELECT collection, COUNT(*) AS n FROM {joined} GROUP BY collection ORDER BY collection"
    )
    assert list(rows["collection"]) == [release.collection for release in RELEASES]
    assert list(rows["n"]) == [release.n_events for release in RELEASES]


def test_foreign_keys_of_tap_schema_join_its_tables(tap: pyvo.dal.TAPService):
    rows = tap.search(
        "SELECT from_table, target_table, from_column, target_column FROM tap_schema.keys "
        "NATURAL JOIN tap_schema.key_columns WHERE from_table = 'dl3.gtis' ORDER BY from_column"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("dl3.gtis", "dl3.observations", name, name) for name in ("collection", "event_type", "obs_id")
    ]
