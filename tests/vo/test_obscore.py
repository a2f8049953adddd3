"""ivoa.obscore and ivoa.obscore_hea tell what is in the files, as clients and the drafts ask for it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
import pyvo
import sqlglot
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time

import adql
import vosi
from app.config import Config
from tests.support.server import LiveServer, serve

JOINED = "ivoa.obscore NATURAL JOIN ivoa.obscore_hea"
ESAP_COLUMNS = (
    "obs_title dataproduct_type dataproduct_subtype calib_level preview access_url target_name s_ra s_dec "
    "s_fov obs_collection access_estsize facility_name instrument_name"
).split()


@pytest.fixture(scope="module")
def tap(archive: LiveServer) -> pyvo.dal.TAPService:
    return pyvo.dal.TAPService(archive.tap)


@pytest.fixture(scope="module")
def draft(archive_home: Path) -> Iterator[pyvo.dal.TAPService]:
    """The same archive, told in the words of the draft."""
    with serve(Config(home=archive_home, hea_terms="draft")) as live:
        yield pyvo.dal.TAPService(live.tap)


def ask(tap: pyvo.dal.TAPService, query: str) -> Table:
    return tap.search(query).to_table()


def test_there_is_one_row_for_each_event_list_and_image(tap: pyvo.dal.TAPService):
    lists = ask(tap, "SELECT COUNT(*) AS n FROM dl3.observations")["n"][0]
    rows = ask(tap, "SELECT dataproduct_type, COUNT(*) AS n FROM ivoa.obscore GROUP BY dataproduct_type")
    counts = dict(zip(rows["dataproduct_type"], rows["n"], strict=True))
    assert counts["event"] == lists
    assert counts["image"] >= lists
    assert set(counts) == {"event", "image"}


def test_the_extension_joins_row_by_row(tap: pyvo.dal.TAPService):
    alone = ask(tap, "SELECT obs_publisher_did FROM ivoa.obscore")["obs_publisher_did"]
    joined = ask(tap, f"SELECT obs_publisher_did FROM {JOINED}")["obs_publisher_did"]
    assert len(set(alone)) == len(alone) == len(joined)
    assert set(joined) == set(alone)


def test_wavelengths_are_those_of_the_safe_energies_in_the_files(
    tap: pyvo.dal.TAPService, simulated_archive: Path
):
    rows = ask(tap, "SELECT access_url, em_min, em_max FROM ivoa.obscore WHERE dataproduct_type = 'event'")
    found = 0
    for row in rows:
        collection, name = row["access_url"].partition("/files/")[2].split("/", 1)
        limits = _safe_energies(simulated_archive / collection / name)
        if limits is not None:
            found += 1
            # The wavelength of the highest energy is the shortest (em_min).
            expected = [energy.to_value(u.m, u.spectral()) for energy in reversed(limits)]
            np.testing.assert_allclose([row["em_min"], row["em_max"]], expected, rtol=1e-9)
    assert found


def _safe_energies(path: Path) -> tuple[u.Quantity, u.Quantity] | None:
    with fits.open(path) as hdus:
        for hdu in hdus:
            if "LO_THRES" in hdu.header and "AEFF" in hdu.header.get("HDUCLAS4", "AEFF"):
                return hdu.header["LO_THRES"] * u.TeV, hdu.header["HI_THRES"] * u.TeV
    return None


def test_times_are_those_of_the_observation_in_utc(tap: pyvo.dal.TAPService):
    rows = ask(
        tap,
        "SELECT t_min, tstart, mjdref, timesys FROM ivoa.obscore AS a JOIN dl3.observations AS b "
        "ON a.obs_publisher_did LIKE '%?' || b.dataset_id AND dataproduct_type = 'event'",
    )
    assert len(rows)
    for row in rows:
        scale = row["timesys"].lower()
        start = Time(row["mjdref"], format="mjd", scale=scale) + row["tstart"] * u.s
        assert abs(start.utc.mjd - row["t_min"]) < 1e-8


def test_a_region_meets_a_circle_where_astropy_says_so(tap: pyvo.dal.TAPService):
    rows = ask(tap, "SELECT s_ra, s_dec, s_fov, s_region FROM ivoa.obscore")
    centre, radius = SkyCoord(86.0, 22.0, unit="deg"), 1.0
    apart = centre.separation(SkyCoord(rows["s_ra"], rows["s_dec"], unit="deg")).deg
    expected = int((apart <= radius + rows["s_fov"] / 2).sum())
    assert expected > 0
    query = f"SELECT s_region FROM ivoa.obscore WHERE 1 = INTERSECTS(s_region, CIRCLE(86, 22, {radius}))"
    assert len(ask(tap, query)) == expected
    for row in rows[:5]:
        word, frame, *numbers = row["s_region"].split()
        assert (word, frame) == ("CIRCLE", "ICRS")
        wanted = [row["s_ra"], row["s_dec"], row["s_fov"] / 2]
        np.testing.assert_allclose([float(n) for n in numbers], wanted, atol=1e-6)


def test_a_time_coverage_holds_the_good_times_and_no_others(tap: pyvo.dal.TAPService):
    mocpy = pytest.importorskip("mocpy", reason="no MOCPy to read coverage maps with: pip install mocpy")
    rows = ask(
        tap,
        "SELECT gti_start_mjd, gti_stop_mjd, t_intervals, dataset_id FROM ivoa.obscore_hea AS a "
        "JOIN (SELECT * FROM dl3.observations NATURAL JOIN dl3.gtis) AS b "
        "ON a.obs_publisher_did LIKE '%/dl3?' || b.dataset_id",
    )
    assert len(rows)
    for name in set(rows["dataset_id"]):
        mine = rows[rows["dataset_id"] == name]
        found = mocpy.TimeMOC.from_string(mine["t_intervals"][0])
        start, stop = (
            Time(mine[key], format="mjd", scale="utc").tcb for key in ("gti_start_mjd", "gti_stop_mjd")
        )
        lasted = float((stop - start).to_value(u.s).sum())
        middle = start + (stop - start) / 2
        assert found.contains(middle).all()
        # Each end lies in a cell of 2**20 microseconds.
        assert lasted <= found.total_duration.to_value(u.s) <= lasted + len(mine) * 2 * 1.05


def test_a_query_by_time_coverage_finds_what_was_observed_then(tap: pyvo.dal.TAPService):
    start = ask(tap, "SELECT MIN(t_min) AS t FROM ivoa.obscore")["t"][0]
    query = (
        f"SELECT t_min, t_max FROM {JOINED} WHERE dataproduct_type = 'event' AND "
        f"INTERSECTS(TMOC(27, t_intervals), TMOC(27, {start - 0.2}, {start + 0.001})) = 1"
    )
    rows = ask(tap, query)
    assert len(rows)
    assert (rows["t_min"] < start + 0.2 + 0.001).all()


def test_no_client_of_esap_stumbles(tap: pyvo.dal.TAPService):
    """What the gateway turns into an error 500, or its page into shifted columns."""
    rows = ask(
        tap,
        "SELECT TOP 250 * from ivoa.obscore WHERE CONTAINS(POINT('ICRS',s_ra,s_dec), "
        "CIRCLE('ICRS',83.633,22.014,3.0))=1",
    )
    assert len(rows)
    for name in ESAP_COLUMNS:
        column = rows[name]
        assert not np.ma.getmaskarray(column).any(), name
        if column.dtype.kind in "OU":
            assert not any("," in text for text in column), name


def test_a_number_may_be_asked_for_as_a_text(tap: pyvo.dal.TAPService):
    query = "SELECT TOP 10 * from ivoa.obscore WHERE calib_level='2' AND dataproduct_subtype='event-list'"
    assert len(ask(tap, query)) == 10


def test_addresses_are_those_the_client_uses(archive: LiveServer, tap: pyvo.dal.TAPService):
    row = ask(tap, "SELECT TOP 1 * FROM ivoa.obscore WHERE dataproduct_type = 'event'")[0]
    for name in ("access_url", "preview", "datalink_url"):
        assert row[name].startswith(f"{archive.url}/")


def test_responses_are_rows_of_their_own_table(tap: pyvo.dal.TAPService):
    rows = ask(
        tap,
        "SELECT obs_publisher_did, resp_product_type, resp_access_url FROM ivoa.response "
        "WHERE 1 = CONTAINS(POINT(83.63, 22.01), resp_s_region)",
    )
    assert {"aeff", "edisp"} <= set(rows["resp_product_type"])
    known = set(ask(tap, "SELECT obs_publisher_did FROM ivoa.obscore")["obs_publisher_did"])
    assert set(rows["obs_publisher_did"]) <= known


DRAFT_QUERIES = {
    "event lists around a place": (
        f"SELECT * FROM {JOINED} WHERE (target_name = 'Crab' OR "
        "CONTAINS(POINT(s_ra, s_dec), CIRCLE(83.6324, +22.0174, 0.5)) = 1) "
        "AND (dataproduct_type = 'hea-event-list')"
    ),
    "calibrated lists with many events": (
        f"SELECT * FROM {JOINED} WHERE CONTAINS(POINT(s_ra, s_dec), CIRCLE(83.6324, +22.0174, 2)) = 1 "
        "AND (dataproduct_type = 'hea-event-list') AND (calib_level >= 2) "
        "AND (em_calib_status = 'calibrated') AND (ev_xel >= 100)"
    ),
    "bundles of high energies": (
        f"SELECT * FROM {JOINED} WHERE (dataproduct_type = 'hea-event-bundle') "
        "AND (energy_max >= 1.0e+12) AND (o_ucd LIKE '%pos.eq%')"
    ),
    "responses of a kind": (
        f"SELECT * FROM {JOINED} WHERE (dataproduct_type = 'response-function') "
        "AND (dataproduct_subtype = 'psf') AND (CAST(obs_id AS BIGINT) > 0)"
    ),
    "a source in the field of view": (
        f"SELECT * FROM {JOINED} WHERE "
        "(CONTAINS(POINT('ICRS', 83.63, 22.01), CIRCLE('ICRS', s_ra, s_dec, s_fov)) = 1) "
        "AND (dataproduct_type IN ('hea-event-bundle', 'hea-event-list', 'response-function'))"
    ),
    "fields that meet a circle": (
        f"SELECT * FROM {JOINED} WHERE (INTERSECTS(s_region, CIRCLE(83.63, 22.01, 1.5)) = 1) "
        "AND (dataproduct_type = 'hea-event-list')"
    ),
    "flux maps between two observations": (
        f"SELECT * FROM {JOINED} WHERE ((dataproduct_type = 'image') OR (dataproduct_subtype = 'fluxmap')) "
        "AND (CAST(obs_id AS BIGINT) > 0)"
    ),
}
"""Use cases of the draft, with a place that the archive has observed, and without their slips of the pen."""


@pytest.mark.parametrize("query", DRAFT_QUERIES.values(), ids=DRAFT_QUERIES)
def test_queries_of_the_draft_find_rows(draft: pyvo.dal.TAPService, query: str):
    assert len(ask(draft, query))


@pytest.mark.parametrize("query", DRAFT_QUERIES.values(), ids=DRAFT_QUERIES)
@pytest.mark.parametrize("dialect", ["hive", "spark"])
def test_other_engines_are_given_the_same_views(dialect: str, query: str):
    site = vosi.Site("https://archive.test", "archive.test", "draft")
    catalogue = vosi.sited(vosi.load_catalogue(), site)
    statement = adql.translate(query, catalogue, adql.DIALECTS[dialect])
    sqlglot.parse_one(statement.sql, dialect=dialect)
    assert "{" not in statement.sql
    assert {"ivoa.obscore", "dl3.products", "dl3.observations"} <= statement.tables


def test_the_draft_has_a_word_for_each_product(draft: pyvo.dal.TAPService):
    rows = ask(draft, "SELECT DISTINCT dataproduct_type FROM ivoa.obscore")
    assert set(rows["dataproduct_type"]) == {
        "hea-event-list",
        "hea-event-bundle",
        "response-function",
        "image",
    }


@pytest.mark.real
def test_real_observations_are_all_found(real_home: Path):
    with serve(Config(home=real_home)) as live, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        tap = pyvo.dal.TAPService(live.tap)
        lists = ask(tap, "SELECT COUNT(*) AS n FROM dl3.observations")["n"][0]
        rows = ask(
            tap,
            "SELECT obs_collection, obs_id, s_ra, s_dec, s_fov, em_min, em_max, t_min, t_max, t_exptime "
            "FROM ivoa.obscore WHERE dataproduct_type = 'event'",
        )
    assert len(rows) == lists
    for name in rows.colnames:
        assert not np.ma.getmaskarray(rows[name]).any(), name
    assert (rows["em_min"] < rows["em_max"]).all()
    crab = SkyCoord(83.63, 22.01, unit="deg")
    fermi = rows[rows["obs_collection"] == "fermi-joint-crab"]
    # Its events lie within 10 deg of the Crab nebula (README of the release).
    for row in fermi:
        assert crab.separation(SkyCoord(row["s_ra"], row["s_dec"], unit="deg")).deg < 2
        assert 18 < row["s_fov"] < 24
