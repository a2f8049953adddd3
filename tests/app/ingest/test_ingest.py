"""Releases of every kind, from FITS files to the tables of the lake."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.time import Time
from cdshealpix.nested import skycoord_to_healpix

from app.ingest import IngestError
from app.lake import current_snapshot
from app.results import arrow_schema
from tests.app.ingest.conftest import Lake
from tests.app.ingest.making import (
    HEADER,
    columns_of,
    events_hdu,
    gti_hdu,
    hdu_index,
    index_rows,
    obs_index,
    observation,
    response_hdu,
    store,
    write,
)
from vosi import load_catalogue


def list_of(path: Path, columns: dict[str, Any] | None = None, **options: Any) -> Path:
    """A file with one event list of observation 1 and nothing else."""
    return write(path, events_hdu(columns, **{"OBS_ID": 1, **options}))


def event_values(lake: Lake, *names: str) -> list[np.ndarray]:
    table = lake.table("events").sort_by(
        [("obs_id", "ascending"), ("event_type", "ascending"), ("event_row", "ascending")]
    )
    return [table[name].to_numpy() for name in names]


# What a release becomes


def test_a_store_is_told_in_every_table(lake: Lake, tmp_path: Path) -> None:
    root = store(tmp_path / "test-dr1", 3, 1, 2)
    (root / "README.md").write_text("# The test release\n\nLicence: CC BY 4.0. Please cite us.")
    report = lake.load(root)
    assert (report.observations, report.events, report.files, report.rejected) == (3, 150, 5, ())
    snapshot = current_snapshot(lake.root)
    assert snapshot is not None
    assert snapshot.nrows == {
        "dl3.collections": 1,
        "dl3.observations": 3,
        "dl3.gtis": 3,
        "dl3.hdus": 9,
        "dl3.products": 15,
        "dl3.targets": 1,
        "dl3.events": 150,
    }
    row = lake.one("collections")
    assert (row["collection"], row["title"], row["licence"][:9]) == (
        "test-dr1",
        "The test release",
        "CC BY 4.0",
    )
    assert (row["rights"], row["facility"], row["gadf_versions"]) == ("public", "TESTEL", "0.3")
    assert (row["n_observations"], row["n_events"], row["n_files"]) == (3, 150, 5)
    assert row["n_bytes"] == sum(file.stat().st_size for file in root.rglob("*.fits.gz"))


def test_every_file_has_the_columns_and_types_of_the_catalogue(lake: Lake, tmp_path: Path) -> None:
    list_of(tmp_path / "r" / "a.fits", {**columns_of(5), "DETX": np.zeros(5, "f4")}, OBS_ID=1)
    list_of(tmp_path / "r" / "b.fits", {**columns_of(5), "MULTIP": np.zeros(5, "i2")}, OBS_ID=2)
    lake.load(tmp_path / "r")
    snapshot = current_snapshot(lake.root)
    assert snapshot is not None
    catalogue = load_catalogue(snapshot.event_columns, snapshot.nrows)
    for table in catalogue:
        if table.schema == "dl3":
            assert lake.table(table.name).schema == arrow_schema(table.columns), table.name


def test_an_observation_is_its_header(lake: Lake, tmp_path: Path) -> None:
    write(
        tmp_path / "r" / "a.fits",
        events_hdu(
            OBS_ID=7,
            OBS_MODE="WOBBLE",
            N_TELS=4,
            TELLIST="1,2,3,4",
            MUONEFF=0.9,
            ALT_PNT=60.0,
            AZ_PNT=-90.0,
            GEOLON="16d30m00s",
            GEOLAT=-23.25,
            ALTITUDE=1835.0,
            QUALITY=0,
        ),
        gti_hdu(starts=(333778852.0, 333779000.0), stops=(333778952.0, 333779500.0)),
        response_hdu(LO_THRES=0.2, HI_THRES=100.0),
    )
    lake.load(tmp_path / "r")
    row = lake.one("observations")
    expected = {
        "obs_id": 7, "event_type": "", "obs_label": "7", "object": "Crab", "target_name": "Crab",
        "telescope": "TESTEL", "instrument": "ONE", "ra_pnt": 83.63, "dec_pnt": 22.51, "alt_pnt": 60.0,
        "az_pnt": 270.0, "zen_pnt": 30.0, "obs_mode": "WOBBLE", "tstart": HEADER["TSTART"],
        "tstop": HEADER["TSTOP"], "timesys": "TT", "timeref": "LOCAL",
        "ontime": 600.0, "livetime": 1100.0, "n_tels": 4, "tellist": "1,2,3,4", "quality": 0, "muoneff": 0.9,
        "event_count": 50, "energy_lo_safe": 0.2, "energy_hi_safe": 100.0, "is_pointlike": 0, "rad_max": None,
        "geolon": 16.5, "geolat": -23.25, "altitude": 1835.0, "gadf_version": "0.3", "events_file": "a.fits",
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    start = Time(HEADER["MJDREFI"], HEADER["MJDREFF"], format="mjd", scale="tt") + HEADER["TSTART"] * u.s
    assert row["start_mjd"] == pytest.approx(start.utc.mjd, abs=1e-10)
    assert row["date_obs"] == start.utc.isot
    pointing = SkyCoord(83.63, 22.51, unit="deg").galactic
    assert (row["glon_pnt"], row["glat_pnt"]) == pytest.approx((pointing.l.deg, pointing.b.deg), abs=1e-9)
    columns = columns_of(50)
    offsets = (
        SkyCoord(columns["RA"], columns["DEC"], unit="deg").separation(SkyCoord(83.63, 22.51, unit="deg")).deg
    )
    assert row["fov_radius"] == pytest.approx(np.sort(offsets)[49], abs=2e-3)
    assert (row["min_energy"], row["max_energy"]) == pytest.approx(
        (columns["ENERGY"].min(), columns["ENERGY"].max())
    )


def test_events_are_those_of_the_file(lake: Lake, tmp_path: Path) -> None:
    columns = columns_of(1000)
    list_of(tmp_path / "r" / "a.fits", columns)
    lake.load(tmp_path / "r")
    names = ("event_row", "event_id", "event_time", "ra", "dec", "energy", "event_mjd", "healpix")
    row, number, time, ra, dec, energy, mjd, cell = event_values(lake, *names)
    assert (row == np.arange(1000)).all()
    assert (number == columns["EVENT_ID"]).all()
    assert (time == columns["TIME"]).all()
    assert (ra == columns["RA"].astype(float)).all()
    assert (dec == columns["DEC"].astype(float)).all()
    assert (energy == columns["ENERGY"].astype(float)).all()
    reference = Time(HEADER["MJDREFI"], HEADER["MJDREFF"], format="mjd", scale="tt")
    np.testing.assert_allclose(mjd, (reference + columns["TIME"] * u.s).utc.mjd, rtol=0, atol=2e-11)
    sky = SkyCoord(columns["RA"].astype(float), columns["DEC"].astype(float), unit="deg")
    assert (cell == skycoord_to_healpix(sky, 12).astype(np.int64)).all()


def test_rows_of_a_file_are_sorted_by_place(lake: Lake, tmp_path: Path) -> None:
    store(tmp_path / "r", 1, 2, 3, count=500)
    lake.load(tmp_path / "r")
    snapshot = current_snapshot(lake.root)
    assert snapshot is not None
    import pyarrow.parquet as pq  # noqa: PLC0415

    for record, path in zip(snapshot.records, snapshot.files.paths, strict=True):
        cells = pq.read_table(path, partitioning=None)["healpix"].to_numpy()
        assert (np.diff(cells) >= 0).all()
        shift = 2 * (12 - record.norder)
        assert set((cells >> shift).tolist()) == {record.npix}
        assert record.ranges["healpix"] == (cells.min(), cells.max())


# Columns and their odd forms


def test_right_ascensions_come_to_one_turn(lake: Lake, tmp_path: Path) -> None:
    columns = columns_of(3)
    columns["RA"] = np.array([-0.5, 360.0, 445.25], "f4")
    list_of(tmp_path / "a.fits", columns)
    lake.load(tmp_path / "a.fits")
    assert event_values(lake, "ra")[0].tolist() == [359.5, 0.0, 85.25]


@pytest.mark.parametrize(
    ("unit", "tev"),
    [("MeV", 1e-6), ("GeV", 1e-3), ("erg", u.erg.to(u.TeV)), ("J", u.J.to(u.TeV)), ("TeV", 1.0)],
)
def test_energies_become_tev(lake: Lake, tmp_path: Path, unit: str, tev: float) -> None:
    columns = {**columns_of(5), "ENERGY": np.arange(1.0, 6.0)}
    list_of(tmp_path / "a.fits", columns, units={"ENERGY": unit})
    assert lake.load(tmp_path / "a.fits").warnings == ()
    np.testing.assert_allclose(event_values(lake, "energy")[0], np.arange(1.0, 6.0) * tev, rtol=1e-14)


def test_a_missing_unit_of_energy_is_tev_and_told(lake: Lake, tmp_path: Path) -> None:
    list_of(tmp_path / "a.fits", units={"ENERGY": None})
    report = lake.load(tmp_path / "a.fits")
    assert "ENERGY has no unit; TeV is assumed" in report.warnings[0]
    list_of(tmp_path / "b.fits", units={"ENERGY": None}, EUNIT="GeV")
    assert lake.load(tmp_path / "b.fits").warnings == ()


def test_angles_become_degrees_and_times_seconds(lake: Lake, tmp_path: Path) -> None:
    columns = {
        **columns_of(2),
        "RA": np.array([1.0, 2.0]),
        "DEC": np.array([-1.0, 0.5]),
        "TIME": np.array([4000.0, 4000.5]),
    }
    list_of(tmp_path / "a.fits", columns, units={"RA": "rad", "DEC": "rad", "TIME": "d"})
    lake.load(tmp_path / "a.fits")
    ra, dec, time = event_values(lake, "ra", "dec", "event_time")
    np.testing.assert_allclose(ra, np.degrees([1.0, 2.0]))
    np.testing.assert_allclose(dec, np.degrees([-1.0, 0.5]))
    assert time.tolist() == [4000.0 * 86400, 4000.5 * 86400]


def test_times_follow_timeunit_without_a_unit(lake: Lake, tmp_path: Path) -> None:
    columns = {**columns_of(2), "TIME": np.array([4000.0, 4000.5])}
    list_of(tmp_path / "a.fits", columns, units={"TIME": None}, TIMEUNIT="d", TSTART=4000.0, TSTOP=4001.0)
    lake.load(tmp_path / "a.fits")
    assert event_values(lake, "event_time")[0].tolist() == [4000.0 * 86400, 4000.5 * 86400]
    assert lake.one("observations")["tstart"] == 4000.0 * 86400


def test_old_frames_become_icrs(lake: Lake, tmp_path: Path) -> None:
    columns = columns_of(20)
    list_of(tmp_path / "a.fits", columns, RADESYS=None, RADECSYS="FK4", EQUINOX=1950.0)
    lake.load(tmp_path / "a.fits")
    ra, dec = event_values(lake, "ra", "dec")
    expected = SkyCoord(
        columns["RA"].astype(float), columns["DEC"].astype(float), unit="deg", frame="fk4"
    ).icrs
    assert expected.separation(SkyCoord(ra, dec, unit="deg")).arcsec.max() < 1e-3
    pointing = SkyCoord(83.63, 22.51, unit="deg", frame="fk4").icrs
    assert lake.one("observations")["ra_pnt"] == pytest.approx(pointing.ra.deg, abs=1e-7)


def test_galactic_coordinates_will_do(lake: Lake, tmp_path: Path) -> None:
    columns = columns_of(20)
    sky = SkyCoord(columns["RA"].astype(float), columns["DEC"].astype(float), unit="deg")
    del columns["RA"], columns["DEC"]
    columns |= {"GLON": sky.galactic.l.deg, "GLAT": sky.galactic.b.deg}
    list_of(tmp_path / "a.fits", columns, units={"GLON": "deg", "GLAT": "deg"})
    lake.load(tmp_path / "a.fits")
    ra, dec = event_values(lake, "ra", "dec")
    assert sky.separation(SkyCoord(ra, dec, unit="deg")).arcsec.max() < 1e-3


def test_events_without_a_direction_are_kept_and_told(lake: Lake, tmp_path: Path) -> None:
    columns = columns_of(4)
    columns["RA"][0] = np.nan
    columns["DEC"][1] = 91.0
    columns["DEC"][2] = np.inf
    list_of(tmp_path / "a.fits", columns)
    report = lake.load(tmp_path / "a.fits")
    assert any("3 events without a direction" in warning for warning in report.warnings)
    rows = lake.rows("events")
    assert [(row["ra"] is None, row["dec"] is None, row["healpix"] is None) for row in rows] == [
        (True,) * 3
    ] * 3 + [(False,) * 3]
    assert lake.one("observations")["event_count"] == 4


def test_odd_energies_are_kept_told_and_not_extrema(lake: Lake, tmp_path: Path) -> None:
    columns = columns_of(5)
    columns["ENERGY"] = np.array([np.nan, -999.0, np.inf, 0.5, 2.0], "f4")
    list_of(tmp_path / "a.fits", columns)
    report = lake.load(tmp_path / "a.fits")
    assert any("3 events whose energy is no positive number" in warning for warning in report.warnings)
    assert [row["energy"] for row in lake.rows("events")] == [None, -999.0, np.inf, 0.5, 2.0]
    row = lake.one("observations")
    assert (row["min_energy"], row["max_energy"]) == (0.5, 2.0)


def test_instrument_columns_follow_with_unit_and_description(lake: Lake, tmp_path: Path) -> None:
    columns = {
        **columns_of(2),
        "DETX": np.array([0.25, -0.5], "f4"),
        "LIVETIME": np.array([1.0, 2.0]),
        "Hil MSW": np.array([0.5, np.nan]),
        "ORDER": np.array([1, 2], "i2"),
        "VERSION": np.array([[1, 2, 3], [4, 5, 6]], "i2"),
        "FLAG": np.array([True, False]),
        "NAME": np.array(["a", "bc"]),
        "BITS": fits.Column("BITS", "32X", array=np.array([[True] + [False] * 30 + [True]] * 2)),
        "COUNT": fits.Column("COUNT", "J", bzero=2**31, array=np.array([7, 2**32 - 1], "u4")),
        "TRACE": fits.Column(
            "TRACE", "PE()", array=np.array([np.array([1.5], "f4"), np.array([], "f4")], dtype=object)
        ),
    }
    list_of(tmp_path / "a.fits", columns, units={"DETX": "deg", "LIVETIME": "s"}, TCOMM6="X in the camera")
    assert lake.load(tmp_path / "a.fits").rejected == ()
    snapshot = current_snapshot(lake.root)
    assert snapshot is not None
    told = {column.name: (str(column.type), column.unit) for column in snapshot.event_columns}
    assert told == {
        "detx": ("float", "deg"),
        "event_livetime": ("double", "s"),
        "hil_msw": ("double", None),
        "event_order": ("short", None),
        "version": ("short(3)", None),
        "flag": ("boolean", None),
        "name": ("char(*)", None),
        "bits": ("long", None),
        "event_count_2": ("long", None),
        "trace": ("float(*)", None),
    }
    assert snapshot.event_columns[0].description == "X in the camera (DETX)"
    row = lake.rows("events")[0]
    assert {name: row[name] for name in told} == {
        "detx": 0.25,
        "event_livetime": 1.0,
        "hil_msw": 0.5,
        "event_order": 1,
        "version": [1, 2, 3],
        "flag": True,
        "name": "a",
        "bits": 2**31 + 1,
        "event_count_2": 7,
        "trace": [1.5],
    }
    assert lake.rows("events")[1]["trace"] == []


def test_columns_that_differ_in_case_are_told_apart(lake: Lake, tmp_path: Path) -> None:
    # HAWC has ra and RA, dec and DEC.
    columns = columns_of(3)
    columns |= {"ra": np.array([1.0, 2.0, 3.0]), "dec": np.array([4.0, 5.0, 6.0])}
    list_of(tmp_path / "a.fits", columns)
    lake.load(tmp_path / "a.fits")
    rows = lake.rows("events")
    assert [row["event_ra"] for row in rows] == [1.0, 2.0, 3.0]
    assert [row["ra"] for row in rows] == columns["RA"].astype(float).tolist()


def test_releases_share_columns_in_types_that_hold_both(lake: Lake, tmp_path: Path) -> None:
    list_of(
        tmp_path / "one.fits", {**columns_of(2), "X": np.array([1, 2], "i4"), "Y": np.array([1.0, 2.0], "f4")}
    )
    list_of(
        tmp_path / "two.fits", {**columns_of(2), "X": np.array([0.5, 1.5], "f4"), "Y": np.array(["a", "b"])}
    )
    lake.load(tmp_path / "one.fits")
    lake.load(tmp_path / "two.fits")
    snapshot = current_snapshot(lake.root)
    assert snapshot is not None
    assert [(column.name, str(column.type)) for column in snapshot.event_columns] == [
        ("x", "double"),
        ("y", "float"),
        ("y_2", "char(*)"),
    ]
    found = [(row["collection"], row["x"], row["y"], row["y_2"]) for row in lake.rows("events")]
    assert found == [
        ("one", 1.0, 1.0, None),
        ("one", 2.0, 2.0, None),
        ("two", 0.5, None, "a"),
        ("two", 1.5, None, "b"),
    ]


# Lists, intervals, responses


def test_a_list_without_a_number_gets_one_that_stays(lake: Lake, tmp_path: Path) -> None:
    list_of(tmp_path / "fermi" / "events.fits", OBS_ID=None)
    lake.load(tmp_path / "fermi")
    row = lake.one("observations")
    assert row["obs_label"] == "events.fits"
    assert 0 < row["obs_id"] < 2**53
    other = Lake(tmp_path / "other")
    other.load(tmp_path / "fermi")
    assert other.one("observations")["obs_id"] == row["obs_id"]


@pytest.mark.parametrize(
    ("written", "number"), [("00123", 123), (" 45 ", 45), ("7.0", 7), (20131103103, 20131103103), (12.0, 12)]
)
def test_a_text_that_is_a_number_counts_as_one(lake: Lake, tmp_path: Path, written: Any, number: int) -> None:
    list_of(tmp_path / "a.fits", OBS_ID=written)
    lake.load(tmp_path / "a.fits")
    assert lake.one("observations")["obs_id"] == number


def test_the_number_of_the_index_stands_for_a_text_in_the_header(lake: Lake, tmp_path: Path) -> None:
    # HAWC: OBS_ID is 'chunks 103 - 133' in the header and 103000133 in the index.
    observation(tmp_path / "r" / "a.fits", "chunks 103 - 133")
    hdu_index(tmp_path / "r" / "hdu-index.fits", index_rows(103000133, "a.fits"))
    lake.load(tmp_path / "r")
    row = lake.one("observations")
    assert (row["obs_id"], row["obs_label"]) == (103000133, "chunks 103 - 133")


def test_event_types_of_an_observation_are_lists_of_their_own(lake: Lake, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = []
    for kind in (5, 6):
        observation(tmp_path / "r" / f"bin{kind}.fits", 1, count=10 * kind)
        rows += index_rows(1, f"bin{kind}.fits", EVENT_TYPE=str(kind))
    hdu_index(tmp_path / "r" / "hdu-index.fits.gz", rows)
    report = lake.load(tmp_path / "r")
    assert (report.observations, report.events, report.rejected) == (2, 110, ())
    found = [(row["obs_id"], row["event_type"], row["event_count"]) for row in lake.rows("observations")]
    assert found == [(1, "5", 50), (1, "6", 60)]
    assert len(lake.rows("hdus", "event_type", "hdu_type")) == 6
    counts = {kind: sum(row["event_type"] == kind for row in lake.rows("events")) for kind in ("5", "6")}
    assert counts == {"5": 50, "6": 60}


def test_several_lists_in_a_file_are_told_apart(lake: Lake, tmp_path: Path) -> None:
    write(
        tmp_path / "a.fits",
        events_hdu(columns_of(3), OBS_ID=1),
        gti_hdu(),
        events_hdu(columns_of(4), OBS_ID=2),
        gti_hdu(stops=(333779000.0,)),
    )
    lake.load(tmp_path / "a.fits")
    assert [(row["obs_id"], row["event_count"], row["ontime"]) for row in lake.rows("observations")] == [
        (1, 3, 1200.0),
        (2, 4, 148.0),
    ]


def test_lists_of_one_name_in_a_file_are_found_by_their_observation(lake: Lake, tmp_path: Path) -> None:
    root = tmp_path / "r"
    lists = [(events_hdu(columns_of(n), OBS_ID=n), gti_hdu(stops=(333778852.0 + n,))) for n in (3, 4)]
    write(root / "all.fits", *(hdu for pair in lists for hdu in pair))
    hdu_index(root / "hdu-index.fits", [row for n in (4, 3) for row in index_rows(n, "all.fits")[:2]])
    assert lake.load(root).rejected == ()
    found = [(row["obs_id"], row["event_count"], row["ontime"]) for row in lake.rows("observations")]
    assert found == [(3, 3, 3.0), (4, 4, 4.0)]


def test_names_that_are_no_utf8_are_told(lake: Lake, tmp_path: Path) -> None:
    import os  # noqa: PLC0415

    root = tmp_path / "r"
    path = observation(root / "a.fits", 1)
    os.link(path, os.fsencode(root) + b"/b\xff.fits")
    report = lake.load(root)
    assert report.observations == 1
    assert report.rejected[0].reason == "Its name is not UTF-8."


def test_more_columns_than_anybody_has_are_left_out(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.ingest.columns.MOST", 3)
    list_of(tmp_path / "a.fits", {**columns_of(2), **{f"X{n}": np.zeros(2) for n in range(5)}})
    report = lake.load(tmp_path / "a.fits")
    snapshot = current_snapshot(lake.root)
    assert snapshot is not None
    assert [column.name for column in snapshot.event_columns] == ["x0", "x1", "x2"]
    assert sum("is left out" in warning for warning in report.warnings) == 2


def test_a_shared_response_is_linked_to_each_observation(lake: Lake, tmp_path: Path) -> None:
    # FACT: one file of responses for 125 runs, point-like with RAD_MAX in its header.
    irf = response_hdu(HDUCLAS3="POINT-LIKE", RAD_MAX=0.1732)
    write(tmp_path / "r" / "irf.fits", irf)
    rows: list[dict[str, Any]] = []
    for obs_id in (1, 2):
        write(tmp_path / "r" / f"{obs_id}.fits", events_hdu(OBS_ID=obs_id))
        rows += index_rows(obs_id, f"{obs_id}.fits")[:1]
        rows += index_rows(obs_id, "irf.fits")[2:]
    hdu_index(tmp_path / "r" / "hdu-index.fits.gz", rows)
    lake.load(tmp_path / "r")
    assert [(row["is_pointlike"], row["rad_max"]) for row in lake.rows("observations")] == [(1, 0.1732)] * 2
    linked = [row for row in lake.rows("hdus", "obs_id", "hdu_type") if row["hdu_type"] == "aeff"]
    assert [(row["obs_id"], row["file_name"], row["hdu_pointlike"]) for row in linked] == [
        (1, "irf.fits", 1),
        (2, "irf.fits", 1),
    ]
    assert lake.one("collections")["n_files"] == 4


@pytest.mark.parametrize(("radii", "rad_max"), [([0.2] * 4, 0.2), ([0.1, 0.2, 0.3, 0.4], None)])
def test_a_table_of_radii_is_one_number_if_it_is(
    lake: Lake, tmp_path: Path, radii: list[float], rad_max: float | None
) -> None:
    table = fits.BinTableHDU.from_columns(
        [fits.Column("RAD_MAX", "4D", array=np.array([radii]), unit="deg")], name="RAD_MAX"
    )
    table.header.update(
        {"HDUCLAS1": "RESPONSE", "HDUCLAS2": "RAD_MAX", "HDUCLAS3": "POINT-LIKE", "HDUCLAS4": "RAD_MAX_2D"}
    )
    write(tmp_path / "a.fits", events_hdu(OBS_ID=1), gti_hdu(), table)
    lake.load(tmp_path / "a.fits")
    row = lake.one("observations")
    assert (row["is_pointlike"], row["rad_max"]) == (1, rad_max)
    assert {(r["hdu_type"], r["hdu_class"]) for r in lake.rows("hdus", "hdu_type")} >= {
        ("rad_max", "rad_max_2d")
    }


def test_map_responses_are_linked_with_their_class(lake: Lake, tmp_path: Path) -> None:
    image = fits.ImageHDU(np.zeros((2, 3, 4), "f4"), name="BKG")
    image.header.update({"HDUCLAS1": "RESPONSE", "HDUCLAS2": "BKG", "HDUCLAS4": "BKG_MAP"})
    write(
        tmp_path / "a.fits",
        events_hdu(OBS_ID=1),
        image,
        response_hdu("EDISP", "EDISP_KERNEL_MAP", name="EDISP"),
    )
    assert lake.load(tmp_path / "a.fits").rejected == ()
    assert {(row["hdu_type"], row["hdu_class"]) for row in lake.rows("hdus", "hdu_type")} == {
        ("events", "events"),
        ("bkg", "bkg_map"),
        ("edisp", "edisp_kernel_map"),
    }


def test_a_list_without_intervals_and_responses_is_loaded(lake: Lake, tmp_path: Path) -> None:
    list_of(tmp_path / "a.fits")
    assert lake.load(tmp_path / "a.fits").rejected == ()
    row = lake.one("observations")
    assert (row["ontime"], row["livetime"], row["is_pointlike"]) == (1200.0, 1100.0, None)
    assert lake.rows("gtis", "obs_id") == []


def test_times_come_from_the_files_and_not_from_the_index(lake: Lake, tmp_path: Path) -> None:
    # MAGIC and VERITAS: the observation index has times in 32 bits, seconds off.
    root = store(tmp_path / "r", 1)
    obs_index(
        root / "obs-index.fits.gz",
        [{"OBS_ID": 1, "TSTART": np.float32(333778852.0), "TSTOP": np.float32(1.0)}],
    )
    lake.load(root)
    row = lake.one("observations")
    assert (row["tstart"], row["tstop"]) == (333778852.0, 333780052.0)


def test_the_index_tells_what_the_header_does_not(lake: Lake, tmp_path: Path) -> None:
    silent = dict.fromkeys(("OBJECT", "RA_OBJ", "DEC_OBJ", "RA_PNT", "DEC_PNT", "LIVETIME", "DEADC"))
    root = tmp_path / "r"
    write(root / "a.fits", events_hdu(OBS_ID=1, **silent), gti_hdu())
    hdu_index(root / "hdu-index.fits.gz", index_rows(1, "a.fits")[:2])
    told = {
        "OBJECT": "Mrk 421",
        "RA_PNT": 166.1,
        "DEC_PNT": 38.2,
        "LIVETIME": 900.0,
        "N_TELS": 2,
        "ZEN_PNT": 20.0,
    }
    obs_index(root / "obs-index.fits.gz", [{"OBS_ID": "1", **told}])
    lake.load(root)
    row = lake.one("observations")
    assert (row["object"], row["ra_pnt"], row["livetime"], row["n_tels"]) == ("Mrk 421", 166.1, 900.0, 2)
    assert (row["zen_pnt"], row["alt_pnt"], row["deadc"]) == (20.0, 70.0, 900.0 / 1200.0)


def test_a_list_without_a_reference_of_time_is_loaded_and_told(lake: Lake, tmp_path: Path) -> None:
    list_of(tmp_path / "a.fits", MJDREFI=None, MJDREFF=None)
    report = lake.load(tmp_path / "a.fits")
    assert any("MJDREFI" in warning for warning in report.warnings)
    assert {row["event_mjd"] for row in lake.rows("events")} == {None}
    assert lake.one("observations")["start_mjd"] is None


def test_the_reference_of_time_may_stand_with_the_intervals(lake: Lake, tmp_path: Path) -> None:
    write(tmp_path / "a.fits", events_hdu(OBS_ID=1, MJDREFI=None, MJDREFF=None), gti_hdu())
    report = lake.load(tmp_path / "a.fits")
    assert report.warnings == ()
    assert lake.one("observations")["start_mjd"] == pytest.approx(lake.one("gtis")["gti_start_mjd"], abs=1e-9)


def test_a_mean_pointing_is_taken_from_its_table(lake: Lake, tmp_path: Path) -> None:
    table = fits.BinTableHDU.from_columns(
        [
            fits.Column("TIME", "D", array=np.array([0.0, 1.0]), unit="s"),
            fits.Column("RA_PNT", "D", array=np.array([359.0, 1.0]), unit="deg"),
            fits.Column("DEC_PNT", "D", array=np.array([10.0, 10.0]), unit="deg"),
        ],
        name="POINTING",
    )
    table.header["HDUCLAS1"] = "POINTING"
    write(tmp_path / "a.fits", events_hdu(OBS_ID=1, RA_PNT=None, DEC_PNT=None), table)
    lake.load(tmp_path / "a.fits")
    row = lake.one("observations")
    assert min(row["ra_pnt"], 360 - row["ra_pnt"]) == pytest.approx(0.0, abs=1e-9)
    assert row["dec_pnt"] == pytest.approx(10.0, abs=0.01)


def test_fermi_lists_are_loaded(lake: Lake, tmp_path: Path) -> None:
    columns = {
        "ENERGY": np.array([15000.0, 250000.0], "f4"),
        "RA": np.array([83.6, 84.0], "f4"),
        "DEC": np.array([22.0, 21.5], "f4"),
        "L": np.array([184.5, 185.0], "f4"),
        "B": np.array([-5.8, -5.6], "f4"),
        "TIME": np.array([239603333.127, 240000000.0]),
        "EVENT_ID": np.array([1, 1], "i4"),
        "EVENT_TYPE": fits.Column("EVENT_TYPE", "32X", array=np.array([[False] * 31 + [True]] * 2)),
    }
    header = dict.fromkeys(("HDUDOC", "OBS_ID", "OBJECT", "RA_OBJ", "DEC_OBJ", "RA_PNT", "DEC_PNT"))
    hdu = events_hdu(columns, units={"ENERGY": "MeV"}, HDUCLASS="OGIP", TELESCOP="GLAST", **header)
    write(tmp_path / "fermi" / "ft1.fits", hdu, gti_hdu(starts=(239557417.0,), stops=(460250000.0,)))
    assert lake.load(tmp_path / "fermi").rejected == ()
    rows = lake.rows("events")
    assert [row["energy"] for row in rows] == pytest.approx([0.015, 0.25])
    assert [row["event_event_type"] for row in rows] == [1, 1]
    observed = lake.one("observations")
    assert (observed["telescope"], observed["gadf_version"], observed["target_name"]) == ("GLAST", None, None)


def test_lists_without_events_are_loaded(lake: Lake, tmp_path: Path) -> None:
    list_of(tmp_path / "a.fits", columns_of(0))
    report = lake.load(tmp_path / "a.fits")
    assert (report.observations, report.events, report.rejected) == (1, 0, ())
    row = lake.one("observations")
    assert (row["event_count"], row["min_energy"], row["fov_radius"]) == (0, None, None)


def test_names_with_odd_letters_are_found(lake: Lake, tmp_path: Path) -> None:
    name = "20131004_W0.40+035 [a,b] (é).fits"
    root = tmp_path / "odd name é"
    observation(root / "dïr 1" / name, 1)
    hdu_index(root / "hdu-index.fits", index_rows(1, name.encode(), "dïr 1".encode()))
    report = lake.load(root)
    assert (report.observations, report.rejected) == (1, ())
    assert lake.one("observations")["events_file"] == f"dïr 1/{name}"


def test_indices_in_other_writings_are_read(lake: Lake, tmp_path: Path) -> None:
    root = tmp_path / "r"
    observation(root / "a.fits.gz", 1)
    rows = [
        {"obs_id": "1", "hdu_type": t.upper(), "file_name": "./a.fits", "hdu_name": n.lower()}
        for t, _, n in (("events", "", "EVENTS"), ("gti", "", "GTI"))
    ]
    hdu_index(root / "HDU_INDEX.FITS", rows)
    report = lake.load(root)
    assert (report.observations, report.rejected) == (1, ())
    assert lake.one("observations")["events_file"] == "a.fits.gz"


# What cannot be loaded


def test_a_broken_file_is_told_and_the_others_are_loaded(lake: Lake, tmp_path: Path) -> None:
    root = store(tmp_path / "r", 1, 2, 3)
    bad = root / "data" / "run_2.fits.gz"
    bad.write_bytes(bad.read_bytes()[:2000])
    report = lake.load(root)
    assert (report.observations, report.events) == (2, 100)
    (rejection,) = report.rejected
    assert rejection.file == str(bad)
    assert "truncated" in rejection.reason


@pytest.mark.parametrize("name", ["RA", "DEC", "TIME", "ENERGY"])
def test_a_missing_column_is_told(reject: Callable[[Path], str], tmp_path: Path, name: str) -> None:
    columns = columns_of(5)
    del columns[name]
    assert f"no column {name}" in reject(list_of(tmp_path / "a.fits", columns))


def test_a_list_without_event_numbers_is_loaded_and_told(lake: Lake, tmp_path: Path) -> None:
    columns = columns_of(5)
    del columns["EVENT_ID"]
    report = lake.load(list_of(tmp_path / "a.fits", columns))
    assert (report.events, report.rejected) == (5, ())
    assert any("EVENT_ID" in warning for warning in report.warnings)
    assert [(row["event_id"], row["event_row"]) for row in lake.rows("events")] == [
        (None, row) for row in range(5)
    ]


@pytest.mark.parametrize(
    ("name", "unit", "words"),
    [
        ("ENERGY", "parsec", 'unit "parsec", which is no unit of energy'),
        ("ENERGY", "TeVolt", 'unit "TeVolt", which is no unit of energy'),
        ("TIME", "m", 'unit "m", which is no unit of time'),
        ("RA", "TeV", 'unit "TeV", which is no unit of an angle'),
    ],
)
def test_a_bad_unit_is_told(
    reject: Callable[[Path], str], tmp_path: Path, name: str, unit: str, words: str
) -> None:
    assert words in reject(list_of(tmp_path / "a.fits", units={name: unit}))


def test_a_second_list_of_an_observation_is_told(lake: Lake, tmp_path: Path) -> None:
    observation(tmp_path / "r" / "a.fits", 5, count=10)
    observation(tmp_path / "r" / "b.fits", 5, count=20)
    observation(tmp_path / "r" / "c.fits", 6, count=30)
    report = lake.load(tmp_path / "r")
    assert (report.observations, report.events) == (2, 40)
    (rejection,) = report.rejected
    assert Path(rejection.file).name == "b.fits"
    assert "second event list of observation 5, which a.fits is already" in rejection.reason


def test_paths_out_of_the_release_are_refused(lake: Lake, tmp_path: Path) -> None:
    observation(tmp_path / "secret" / "a.fits", 1)
    root = tmp_path / "evil"
    observation(root / "b.fits", 2)
    (root / "link.fits").symlink_to(tmp_path / "secret" / "a.fits")
    rows = [
        *index_rows(1, "a.fits", "../secret"),
        *index_rows(2, "b.fits"),
        *index_rows(3, "link.fits"),
        *index_rows(4, "a.fits", str(tmp_path / "secret")),
        *index_rows(5, "passwd", "../../../../../../../../etc"),
        *index_rows(6, "a\0b.fits"),
        *index_rows(7, "", ""),
    ]
    hdu_index(root / "hdu-index.fits", rows)
    report = lake.load(root)
    assert [row["obs_id"] for row in lake.rows("observations")] == [2]
    reasons = [rejection.reason for rejection in report.rejected]
    assert sum("lies outside the release" in reason for reason in reasons) == 3
    assert len(reasons) == 5
    assert not any("\0" in reason for reason in reasons)


def test_devices_and_folders_are_no_event_lists(lake: Lake, tmp_path: Path) -> None:
    import os  # noqa: PLC0415

    root = store(tmp_path / "r", 1)
    os.mkfifo(root / "pipe.fits")
    (root / "folder.fits").mkdir()
    rows = [
        *index_rows(1, "run_1.fits.gz", "data"),
        *index_rows(2, "pipe.fits"),
        *index_rows(3, "folder.fits"),
    ]
    hdu_index(root / "hdu-index.fits.gz", rows)
    report = lake.load(root)
    assert report.observations == 1
    assert sorted(Path(r.file).name for r in report.rejected) == ["folder.fits", "pipe.fits"]


def test_a_missing_file_is_told_once(lake: Lake, tmp_path: Path) -> None:
    root = store(tmp_path / "r", 1, 2)
    (root / "data" / "run_2.fits.gz").unlink()
    report = lake.load(root)
    assert report.observations == 1
    (rejection,) = report.rejected
    assert rejection.reason.startswith("hdu-index.fits.gz lists it. It is not there")


def test_a_broken_index_leaves_the_files(lake: Lake, tmp_path: Path) -> None:
    root = store(tmp_path / "r", 1, 2)
    index = root / "hdu-index.fits.gz"
    index.write_bytes(index.read_bytes()[:100])
    report = lake.load(root)
    assert report.observations == 2
    (rejection,) = report.rejected
    assert rejection.file == str(index)


def test_an_index_without_its_columns_is_told(lake: Lake, tmp_path: Path) -> None:
    root = tmp_path / "r"
    observation(root / "a.fits", 1)
    hdu_index(root / "hdu-index.fits", [{"WHAT": 1}])
    report = lake.load(root)
    assert report.observations == 1
    assert "no table in it has OBS_ID" in report.rejected[0].reason


def test_an_extension_that_is_no_list_is_told(lake: Lake, tmp_path: Path) -> None:
    root = tmp_path / "r"
    write(root / "a.fits", gti_hdu(), response_hdu())
    hdu_index(root / "hdu-index.fits", [{**index_rows(1, "a.fits")[0], "HDU_NAME": "AEFF"}])
    report = lake.load(root)
    assert "is an event list" in report.rejected[0].reason
    assert current_snapshot(lake.root) is None


def test_a_file_without_a_list_is_told_if_it_is_all_there_is(
    reject: Callable[[Path], str], tmp_path: Path
) -> None:
    path = tmp_path / "a.fits"
    fits.PrimaryHDU(np.zeros((3, 3))).writeto(path)
    assert "no event list" in reject(path)


def test_a_tile_compressed_table_is_told(reject: Callable[[Path], str], tmp_path: Path) -> None:
    assert "funpack" in reject(list_of(tmp_path / "a.fits.fz", ZTABLE=True))


def test_huge_and_absurd_numbers_do_no_harm(lake: Lake, tmp_path: Path) -> None:
    columns = {
        **columns_of(3),
        "TIME": np.array([1e300, -1e300, 3e8]),
        "RA": np.array([1e30, -1e30, 10.0]),
        "ENERGY": np.array([1e300, 1e-300, 1.0]),
    }
    absurd = {
        "TSTART": 1e300,
        "TSTOP": -1e300,
        "RA_PNT": 1e30,
        "LIVETIME": -5.0,
        "DEADC": None,
        "N_TELS": 2**40,
        "ALTITUDE": 1e99,
    }
    list_of(tmp_path / "a.fits", columns, **absurd)
    report = lake.load(tmp_path / "a.fits")
    assert (report.events, report.rejected) == (3, ())
    row = lake.one("observations")
    assert (row["ra_pnt"], row["livetime"], row["n_tels"], row["start_mjd"]) == (None, None, None, None)


# Rights and options


def test_a_licence_that_forbids_redistribution_withholds_events(lake: Lake, tmp_path: Path) -> None:
    root = store(tmp_path / "secret", 1)
    (root / "LICENSE.txt").write_text("These data may not be redistributed.")
    store(tmp_path / "open", 2)
    report = lake.load(tmp_path)
    assert any("may not be redistributed" in warning for warning in report.warnings)
    snapshot = current_snapshot(lake.root)
    assert snapshot is not None
    assert snapshot.rights == {"open": "public", "secret": "metadata"}
    assert snapshot.nrows["dl3.events"] == 50
    assert all("collection=open" in str(path) for path in snapshot.tables["events"])
    assert snapshot.files.select(restricted=True).nrows == 100
    assert {row["collection"] for row in lake.rows("observations")} == {"open", "secret"}


def test_the_operator_has_the_last_word_and_need_not_repeat_it(lake: Lake, tmp_path: Path) -> None:
    root = store(tmp_path / "secret", 1)
    (root / "LICENSE.txt").write_text("These data may not be redistributed.")
    lake.load(root, rights="public", title="Mine", licence="Mine too", citation="Me")
    lake.load(root)
    row = lake.one("collections")
    assert (row["rights"], row["title"], row["licence"], row["citation"]) == (
        "public",
        "Mine",
        "Mine too",
        "Me",
    )
    lake.load(root, rights="", title="")
    row = lake.one("collections")
    assert (row["rights"], row["title"], row["licence"]) == ("public", "secret", "Mine too")
    lake.load(root, licence="")
    assert lake.one("collections")["rights"] == "metadata"


def test_rights_that_are_none_are_refused(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="public or metadata"):
        lake.load(store(tmp_path / "r", 1), rights="private")


def test_a_title_is_said_of_one_release(lake: Lake, tmp_path: Path) -> None:
    for name in ("a", "b"):
        store(tmp_path / name, 1)
    with pytest.raises(IngestError, match="one at a time"):
        lake.load(tmp_path, title="Both")


def test_simulations_are_known_by_their_headers(lake: Lake, tmp_path: Path) -> None:
    list_of(tmp_path / "a.fits", CREATOR="ctobssim (1.4.0)")
    list_of(tmp_path / "b.fits", {**columns_of(5), "MC_ID": np.ones(5, "i4")})
    list_of(tmp_path / "c.fits")
    list_of(tmp_path / "d.fits", TELESCOP=None)
    for name in "abcd":
        lake.load(tmp_path / f"{name}.fits")
    assert [row["simulated"] for row in lake.rows("collections")] == [1, 1, 0, None]


def test_files_are_never_written(lake: Lake, tmp_path: Path) -> None:
    root = store(tmp_path / "r", 1, 2)
    before = {
        path: (path.read_bytes(), path.stat().st_mtime_ns) for path in root.rglob("*") if path.is_file()
    }
    lake.load(root)
    shutil.rmtree(lake.root)
    after = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in root.rglob("*") if path.is_file()}
    assert after == before
