"""The main job: what comes out through TAP is what astropy finds in the FITS files, event for event.

The event lists are found here by their own mark (HDUCLAS1 or the name EVENTS), not through our reader.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
import pyvo
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table

from tests.support.server import LiveServer

pytestmark = pytest.mark.real

RADIUS = 0.3


@pytest.fixture(scope="module")
def tap(real_server: LiveServer) -> pyvo.dal.TAPService:
    return pyvo.dal.TAPService(real_server.tap)


@pytest.fixture(scope="module")
def events(dl3_root: Path) -> dict[str, Table]:
    """Collection -> energy [TeV], ra, dec [deg], event id and time [s] of its events, by astropy alone."""
    found = {}
    for folder in sorted(path for path in dl3_root.iterdir() if path.is_dir()):
        paths = sorted(path for path in folder.rglob("*.fits*"))
        lists = [part for path in paths for part in _event_lists(path)]
        found[folder.name] = {name: np.concatenate([part[name] for part in lists]) for name in lists[0]}
    return found


def _event_lists(path: Path) -> Iterator[dict[str, np.ndarray]]:
    with warnings.catch_warnings(), fits.open(path) as hdus:
        warnings.simplefilter("ignore")
        for hdu in hdus[1:]:
            if hdu.header.get("EXTNAME", "").strip().upper() != "EVENTS":
                continue
            energy = u.Quantity(hdu.data["ENERGY"].astype(float), hdu.columns["ENERGY"].unit).to_value("TeV")
            yield {
                "energy": energy,
                "ra": hdu.data["RA"].astype(float) % 360,
                "dec": hdu.data["DEC"].astype(float),
                "event_id": hdu.data["EVENT_ID"].astype(np.int64),
                "event_time": hdu.data["TIME"].astype(float),
            }


def test_every_collection_is_served(tap: pyvo.dal.TAPService, events: dict[str, Table]) -> None:
    rows = tap.search("SELECT collection, n_events FROM dl3.collections ORDER BY collection")
    assert {row["collection"]: int(row["n_events"]) for row in rows} == {
        name: len(columns["energy"]) for name, columns in events.items()
    }


def test_counts_sums_and_extrema_are_those_of_the_files(
    tap: pyvo.dal.TAPService, events: dict[str, Table]
) -> None:
    names = ("energy", "ra", "dec", "event_time")
    select = ", ".join(
        f"SUM({name}) AS s_{name}, MIN({name}) AS l_{name}, MAX({name}) AS h_{name}" for name in names
    )
    counts = "COUNT(*) AS n, MAX(event_id) AS ids"
    query = f"SELECT collection, {counts}, {select} FROM dl3.events GROUP BY collection"
    rows = {row["collection"]: row for row in tap.search(query)}
    assert set(rows) == set(events)
    for collection, columns in events.items():
        row = rows[collection]
        assert row["n"] == len(columns["energy"]), collection
        assert row["ids"] == columns["event_id"].max(), collection
        for name in names:
            assert row[f"s_{name}"] == pytest.approx(columns[name].sum(), rel=1e-11), (collection, name)
            assert row[f"l_{name}"] == pytest.approx(columns[name].min(), rel=1e-15), (collection, name)
            assert row[f"h_{name}"] == pytest.approx(columns[name].max(), rel=1e-15), (collection, name)


def test_a_cone_around_each_target_holds_exactly_its_events(
    tap: pyvo.dal.TAPService, events: dict[str, Table]
) -> None:
    sky = {name: SkyCoord(columns["ra"], columns["dec"], unit="deg") for name, columns in events.items()}
    targets = tap.search(
        "SELECT target_name, target_ra, target_dec FROM dl3.targets WHERE target_ra IS NOT NULL"
    )
    assert len(targets) > 5
    places = [(float(row["target_ra"]), float(row["target_dec"])) for row in targets]
    places += [(0.0, 0.0), (359.95, -30.0), (10.0, 90.0), (200.0, -89.9)]
    for ra, dec in places:
        query = (
            "SELECT collection, event_id, ra, dec FROM dl3.events "
            f"WHERE 1 = CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', {ra!r}, {dec!r}, {RADIUS}))"
        )
        rows = tap.search(query, maxrec=5_000_000).to_table()
        for collection, positions in sky.items():
            inside = positions.separation(SkyCoord(ra, dec, unit="deg")).deg <= RADIUS
            expected = sorted(events[collection]["event_id"][inside].tolist())
            mine = np.asarray(rows["collection"]) == collection
            assert sorted(np.asarray(rows["event_id"])[mine].tolist()) == expected, (collection, ra, dec)


def test_observations_have_the_events_they_say(tap: pyvo.dal.TAPService) -> None:
    counted = tap.search(
        "SELECT collection, obs_id, event_type, COUNT(*) AS n FROM dl3.events "
        "GROUP BY collection, obs_id, event_type"
    )
    said = tap.search("SELECT collection, obs_id, event_type, event_count AS n FROM dl3.observations")
    assert sorted(map(tuple, counted)) == sorted(map(tuple, said))
    assert len(said) > 200


def test_events_are_within_the_times_of_their_observation(tap: pyvo.dal.TAPService) -> None:
    rows = tap.search(
        "SELECT COUNT(*) AS n FROM dl3.events NATURAL JOIN dl3.observations "
        "WHERE event_mjd < start_mjd - 0.01 OR event_mjd > stop_mjd + 0.01"
    )
    assert rows[0]["n"] == 0
