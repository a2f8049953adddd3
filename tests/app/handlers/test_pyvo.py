"""The service as the Python client of the Virtual Observatory sees it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import pyvo
from pyvo.dal.exceptions import DALOverflowWarning, DALQueryError

from app.config import Config
from tests.app.conftest import RELEASES
from tests.support.server import LiveServer, serve


@pytest.fixture
def tap(live: LiveServer) -> pyvo.dal.TAPService:
    return pyvo.dal.TAPService(live.tap)


def test_search_gives_rows_with_their_metadata(tap):
    result = tap.search("SELECT TOP 7 collection, event_id, ra, energy, hillas_width FROM dl3.events")
    table = result.to_table()
    assert len(table) == 7
    assert table["energy"].unit == "TeV"
    assert result.getdesc("energy").ucd == "em.energy"
    assert result.getdesc("ra").description
    assert table["event_id"].dtype == np.int64
    assert table["hillas_width"].dtype == np.float32


def test_counts_are_right_through_all_layers(tap):
    found = tap.search("SELECT collection, COUNT(*) AS n FROM dl3.events GROUP BY collection")
    expected = {release.collection: release.n_events for release in RELEASES if release.rights == "public"}
    assert {str(row["collection"]): int(row["n"]) for row in found} == expected


def test_overflow_by_the_limit_of_the_service_warns(small_home):
    with serve(Config(home=small_home, default_maxrec=3)) as server:
        tap = pyvo.dal.TAPService(server.tap)
        with pytest.warns(DALOverflowWarning):
            assert len(tap.search("SELECT ra FROM dl3.events")) == 3


def test_no_overflow_does_not_warn(tap):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(tap.search("SELECT TOP 3 ra FROM dl3.events", maxrec=3)) == 3


def test_error_tells_what_would_be_right(tap):
    with pytest.raises(DALQueryError, match='Did you mean "energy"'):
        tap.search("SELECT enrgy FROM dl3.events")


def test_tables_have_columns_with_descriptions(tap):
    tables = {table.name: table for table in tap.tables}
    assert {"dl3.events", "dl3.observations", "dl3.collections", "tap_schema.columns"} <= set(tables)
    columns = {column.name: column for column in tables["dl3.events"].columns}
    assert columns["energy"].unit == "TeV"
    assert all(column.description for column in columns.values())


def test_limits_are_told(tap, live):
    assert tap.maxrec == live.service.config.default_maxrec
    assert tap.hardlimit == live.service.config.hard_maxrec


def test_every_table_can_be_read_whole(tap):
    for table in tap.tables:
        result = tap.search(f"SELECT TOP 2 * FROM {table.name}")
        assert list(result.fieldnames) == [column.name.strip('"') for column in table.columns]
