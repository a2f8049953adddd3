"""The real releases, as the lake has them and as astropy reads them."""

from __future__ import annotations

import hashlib
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.time import Time, TimeDelta

from adql import Cone, Restriction
from app.ingest import IngestReport, ingest
from app.lake import current_snapshot
from tests.app.ingest.conftest import Lake

pytestmark = pytest.mark.real

RELEASES = (
    "cta-1dc",
    "fact-joint-crab",
    "fermi-joint-crab",
    "hess-dl3-dr1",
    "hess-joint-crab",
    "magic-joint-crab",
    "veritas-joint-crab",
)
SCALES = {"TT": "tt", "UTC": "utc", "TAI": "tai"}


@pytest.fixture(scope="module")
def loaded(dl3_root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, IngestReport, float]:
    """A lake of all releases, the report, and the CPU seconds that it took."""
    lake = tmp_path_factory.mktemp("real") / "lake"
    begun = time.process_time()
    report = ingest(dl3_root, lake=lake)
    return Lake(lake), report, time.process_time() - begun


@pytest.fixture(scope="module")
def events(loaded: tuple[Lake, IngestReport, float]) -> dict[str, pa.Table]:
    """All events by collection, in the order of observation and row."""
    table = loaded[0].table("events")
    order = [("obs_id", "ascending"), ("event_row", "ascending")]
    return {name: table.filter(pc.equal(table["collection"], name)).sort_by(order) for name in RELEASES}


def event_hdus(root: Path) -> Iterator[tuple[Path, fits.Header, np.ndarray]]:
    """Each event list below a folder, as astropy reads it, in the order of OBS_ID."""
    found: list[tuple[Path, fits.Header, np.ndarray]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in sorted(root.rglob("*.fits*")):
            with fits.open(path, memmap=False) as hdus:
                found += [(path, hdu.header, hdu.data) for hdu in hdus if hdu.name == "EVENTS"]
    yield from sorted(found, key=lambda item: int(item[1].get("OBS_ID", 0)))


def concatenated(root: Path, name: str, dtype: Any = float) -> np.ndarray:
    return np.concatenate([np.asarray(data[name], dtype=dtype) for _, _, data in event_hdus(root)])


def mjd(header: fits.Header, seconds: np.ndarray) -> np.ndarray:
    scale = SCALES[header["TIMESYS"].upper()]
    reference = Time(header["MJDREFI"], header["MJDREFF"], format="mjd", scale=scale)
    return (reference + TimeDelta(seconds, format="sec")).utc.mjd


def test_everything_is_loaded(loaded: tuple[Lake, IngestReport, float]) -> None:
    _, report, _ = loaded
    assert report.rejected == ()
    counts = {made.collection: (made.observations, made.events) for made in report.collections}
    assert counts == {
        "cta-1dc": (4, 419_774),
        "fact-joint-crab": (125, 27_306),
        "fermi-joint-crab": (1, 10_441),
        "hess-dl3-dr1": (105, 1_046_156),
        "hess-joint-crab": (4, 30_129),
        "magic-joint-crab": (2, 12_109),
        "veritas-joint-crab": (2, 3_482),
    }


def test_it_takes_well_under_a_minute(loaded: tuple[Lake, IngestReport, float]) -> None:
    _, report, seconds = loaded
    assert report.seconds < 45
    # The goal is half a million events a CPU second; what else the machine does takes its share of that.
    assert report.loaded_events / seconds > 1.5e5


@pytest.mark.parametrize("name", RELEASES)
def test_events_are_those_of_the_files(name: str, dl3_root: Path, events: dict[str, pa.Table]) -> None:
    root, table = dl3_root / name, events[name]
    # FITS has energies in 32 bits; as doubles they are the same numbers, in MeV after one multiplication.
    tev = 1e-6 if name == "fermi-joint-crab" else 1.0
    expected = {
        "event_id": concatenated(root, "EVENT_ID", np.int64),
        "event_time": concatenated(root, "TIME"),
        "ra": np.mod(concatenated(root, "RA"), 360.0),
        "dec": concatenated(root, "DEC"),
        "energy": concatenated(root, "ENERGY") * tev,
        "event_mjd": np.concatenate(
            [mjd(h, np.asarray(d["TIME"], dtype=float)) for _, h, d in event_hdus(root)]
        ),
    }
    for column, values in expected.items():
        found = table[column].to_numpy()
        assert found.size == values.size
        tolerance = 2e-11 if column == "event_mjd" else 0.0
        np.testing.assert_allclose(found, values, rtol=1e-15, atol=tolerance, err_msg=column)
        for summary in (np.sum, np.min, np.max):
            assert summary(found) == pytest.approx(summary(values), rel=1e-12), column


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("cta-1dc", ("DETX", "DETY", "MC_ID")),
        ("fermi-joint-crab", ("L", "B", "THETA", "ZENITH_ANGLE", "RUN_ID", "CONVERSION_TYPE", "DIFRSP4")),
    ],
)
def test_instrument_columns_are_those_of_the_files(
    name: str, columns: tuple[str, ...], dl3_root: Path, events: dict[str, pa.Table]
) -> None:
    for column in columns:
        found = events[name][column.lower()].to_numpy()
        np.testing.assert_array_equal(
            found.astype(float), concatenated(dl3_root / name, column), err_msg=column
        )


def test_bits_of_fermi_are_numbers(dl3_root: Path, events: dict[str, pa.Table]) -> None:
    ((_, _, data),) = event_hdus(dl3_root / "fermi-joint-crab")
    flags = np.asarray(data["EVENT_CLASS"], dtype=np.int64)
    expected = (flags << np.arange(31, -1, -1)).sum(axis=1)
    np.testing.assert_array_equal(events["fermi-joint-crab"]["event_class"].to_numpy(), expected)
    versions = events["fermi-joint-crab"]["calib_version"].to_pylist()
    np.testing.assert_array_equal(versions, data["CALIB_VERSION"])


@pytest.mark.parametrize("name", RELEASES)
def test_observations_are_those_of_the_headers(
    name: str, dl3_root: Path, loaded: tuple[Lake, IngestReport, float]
) -> None:
    rows = {row["events_file"]: row for row in loaded[0].rows("observations") if row["collection"] == name}
    for path, header, data in event_hdus(dl3_root / name):
        row = rows[path.relative_to(dl3_root / name).as_posix()]
        assert row["event_count"] == len(data)
        if "OBS_ID" in header:
            assert row["obs_id"] == int(header["OBS_ID"])
        for column, key in (
            ("tstart", "TSTART"),
            ("tstop", "TSTOP"),
            ("livetime", "LIVETIME"),
            ("ra_pnt", "RA_PNT"),
        ):
            if key in header:
                assert row[column] == header[key], column
        start, stop = mjd(header, np.array([header["TSTART"], header["TSTOP"]]))
        assert (row["start_mjd"], row["stop_mjd"]) == pytest.approx((start, stop), abs=1e-10)
        if "RA_PNT" in header:
            pointing = SkyCoord(header["RA_PNT"], header["DEC_PNT"], unit="deg")
            offsets = SkyCoord(data["RA"] * u.deg, data["DEC"] * u.deg).separation(pointing).deg
            enough = np.sort(offsets)[int(np.ceil(0.99 * len(data))) - 1]
            assert row["fov_radius"] == pytest.approx(enough, abs=2e-3)
        energies = np.asarray(data["ENERGY"], dtype=float) * (1e-6 if name == "fermi-joint-crab" else 1.0)
        assert (row["min_energy"], row["max_energy"]) == pytest.approx(
            (energies.min(), energies.max()), rel=1e-14
        )


def test_utc_missions_agree_with_their_own_dates(
    loaded: tuple[Lake, IngestReport, float], dl3_root: Path
) -> None:
    # MAGIC, VERITAS and FACT write DATE-OBS and TIME-OBS in UTC, to the second.
    rows = {(row["collection"], row["events_file"]): row for row in loaded[0].rows("observations")}
    for name in ("magic-joint-crab", "veritas-joint-crab", "fact-joint-crab"):
        for path, header, _ in event_hdus(dl3_root / name):
            written = Time(f"{header['DATE-OBS']}T{header['TIME-OBS']}", scale="utc").mjd
            row = rows[name, path.relative_to(dl3_root / name).as_posix()]
            assert row["start_mjd"] == pytest.approx(written, abs=1.01 / 86400)


def test_intervals_are_those_of_the_files(loaded: tuple[Lake, IngestReport, float], dl3_root: Path) -> None:
    rows = loaded[0].rows("gtis", "collection", "obs_id", "gti_row")
    assert len(rows) == 39_284
    for name in ("hess-dl3-dr1", "fermi-joint-crab"):
        expected: list[float] = []
        for path, _, _ in event_hdus(dl3_root / name):
            with fits.open(path) as hdus:
                expected += hdus["GTI"].data["START"].tolist()
        mine = [row["gti_start"] for row in rows if row["collection"] == name]
        assert mine == expected


def test_responses_tell_thresholds_and_radii(loaded: tuple[Lake, IngestReport, float]) -> None:
    rows = loaded[0].rows("observations")
    radii = {row["collection"]: (row["is_pointlike"], row["rad_max"]) for row in rows}
    assert radii == {
        "cta-1dc": (0, None),
        "fact-joint-crab": (1, pytest.approx(0.1732050807568877)),
        "fermi-joint-crab": (None, None),
        "hess-dl3-dr1": (0, None),
        "hess-joint-crab": (0, None),
        "magic-joint-crab": (1, 0.1414213),
        "veritas-joint-crab": (1, 0.1),
    }
    safe = [row["energy_lo_safe"] for row in rows if row["collection"] == "hess-dl3-dr1"]
    assert (min(safe), max(safe)) == pytest.approx((0.204, 1.318), abs=1e-3)


def test_files_are_told_with_their_checksums(
    loaded: tuple[Lake, IngestReport, float], dl3_root: Path
) -> None:
    rows = loaded[0].rows("hdus", "collection", "obs_id", "hdu_type")
    assert len(rows) == 1_192
    assert {
        row["file_name"]
        for row in rows
        if row["collection"] == "fact-joint-crab" and row["hdu_type"] == "aeff"
    } == {"fact_irf.fits"}
    for row in rows[::40]:
        path = dl3_root / row["collection"] / row["file_name"]
        assert row["file_size"] == path.stat().st_size
        assert row["file_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        with fits.open(path) as hdus:
            assert hdus[row["hdu_number"]].name.upper() == row["hdu_name"].upper()


def test_the_crab_nebula_is_one_target(loaded: tuple[Lake, IngestReport, float]) -> None:
    targets = {row["target_name"]: row for row in loaded[0].rows("targets", "target_name")}
    crab = targets["Crab"]
    assert (crab["target_observations"], crab["n_collections"]) == (137, 5)
    assert (crab["target_ra"], crab["target_dec"]) == pytest.approx((83.633, 22.0145), abs=0.01)
    assert set(crab["aliases"].split("; ")) == {"Crab Nebula", "CrabNebula"}
    assert "MSH15-52" in targets["MSH 15-52"]["aliases"]
    assert not any("off" in name.lower() or "survey" in name.lower() for name in targets)


def test_every_release_may_be_passed_on(loaded: tuple[Lake, IngestReport, float]) -> None:
    rows = {row["collection"]: row for row in loaded[0].rows("collections")}
    assert {row["rights"] for row in rows.values()} == {"public"}
    hess = rows["hess-dl3-dr1"]
    assert hess["licence"].startswith("CC BY 4.0")
    assert "These terms of use must be included in all copies" in hess["licence"]
    assert hess["citation"].startswith(
        "This work made use of data from the H.E.S.S. DL3 public test data release 1"
    )
    assert "only meant for the user to reproduce the results" in rows["magic-joint-crab"]["licence"]
    assert {name: row["simulated"] for name, row in rows.items() if row["simulated"]} == {"cta-1dc": 1}


@pytest.mark.parametrize(
    ("ra", "dec", "radius"), [(83.633, 22.0145, 0.11), (228.5, -59.2, 1.0), (266.4, -29.0, 2.0)]
)
def test_a_cone_finds_the_events_that_astropy_finds(
    loaded: tuple[Lake, IngestReport, float],
    events: dict[str, pa.Table],
    ra: float,
    dec: float,
    radius: float,
) -> None:
    centre = SkyCoord(ra, dec, unit="deg")

    def inside(table: pa.Table) -> int:
        sky = SkyCoord(table["ra"].to_numpy(), table["dec"].to_numpy(), unit="deg")
        return int((sky.separation(centre).deg <= radius).sum())

    snapshot = current_snapshot(loaded[0].root)
    assert snapshot is not None
    selection = snapshot.files.select(Restriction(regions=(Cone(ra, dec, radius),)))
    assert selection.parts is not None
    found = 0
    for part in selection.parts:
        wanted = [("healpix", ">=", part.low), ("healpix", "<=", part.high)]
        found += sum(inside(pq.read_table(path, partitioning=None, filters=wanted)) for path in part.files)
    assert found == sum(inside(table) for table in events.values())
    assert found > 0


def test_a_second_ingest_is_quick_and_changes_nothing(
    loaded: tuple[Lake, IngestReport, float], dl3_root: Path
) -> None:
    lake, first, seconds = loaded
    begun = time.process_time()
    report = lake.load(dl3_root)
    assert time.process_time() - begun < 0.5 * seconds
    assert (report.snapshot, report.loaded_events) == (None, 0)
    assert report.events == first.events


def test_an_index_below_the_release_alone_tells_what_to_load(dl3_root: Path, tmp_path: Path) -> None:
    report = ingest(dl3_root / "cta-1dc" / "index" / "gps", lake=tmp_path / "lake")
    assert report.events == 0
    assert all("lies outside the release" in rejection.reason for rejection in report.rejected)
    assert any(
        f"If {dl3_root / 'cta-1dc'} is the release" in rejection.reason for rejection in report.rejected
    )
