"""Bundles open in Gammapy and give what the original files give; selected events are those a query finds."""

from __future__ import annotations

import io
import tarfile
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import astropy.units as u
import httpx
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits

from tests.support.server import LiveServer


@pytest.fixture
def http(archive: LiveServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=archive.url, timeout=120) as client:
        yield client


@pytest.fixture(scope="module")
def datasets(archive: LiveServer) -> list[str]:
    """Names of two observations of a release with full responses, and one of another release."""
    return [*named(archive, "sim-south")[:2], named(archive, "sim-mono")[0]]


def named(archive: LiveServer, collection: str) -> list[str]:
    query = f"SELECT dataset_id FROM dl3.observations WHERE collection = '{collection}' ORDER BY obs_id"
    return [row[0] for row in ask(archive, query)]


def ask(archive: LiveServer, query: str) -> list[list[Any]]:
    form = {"QUERY": query, "LANG": "ADQL", "FORMAT": "json"}
    return httpx.post(f"{archive.tap}/sync", data=form, timeout=60).json()["data"]


def unpacked(content: bytes, folder: Path) -> Path:
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert archive.testzip() is None
            archive.extractall(folder)
    else:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            archive.extractall(folder, filter="data")
    return folder


def store_of(folder: Path):
    from gammapy.data import DataStore  # noqa: PLC0415 - it takes seconds

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return DataStore.from_dir(folder)


@pytest.mark.parametrize("form", ["tar", "zip"])
def test_a_bundle_is_a_data_store_with_the_original_files(
    http: httpx.Client, datasets: list[str], simulated_archive: Path, tmp_path: Path, form: str
):
    answer = http.post("/bundle", data={"ID": datasets, "RESPONSEFORMAT": form})
    assert answer.status_code == 200
    folder = unpacked(answer.content, tmp_path)
    store = store_of(folder)
    assert sorted(store.obs_table["OBS_ID"]) == sorted(int(name.split("/")[1]) for name in datasets)
    copied = list(folder.glob("sim-*/**/*.fits*"))
    assert copied
    for path in copied:
        assert path.read_bytes() == (simulated_archive / path.relative_to(folder)).read_bytes()
    for collection in ("sim-south", "sim-mono"):
        assert "Licence:" in (folder / collection / "TERMS.txt").read_text()
    assert "DataStore.from_dir" in (folder / "README.txt").read_text()


def test_a_bundle_gives_the_same_spectrum(
    http: httpx.Client, datasets: list[str], simulated_archive: Path, tmp_path: Path
):
    dataset = datasets[0]
    folder = unpacked(http.get(f"/bundles/{dataset}.tar").content, tmp_path)
    collection, obs_id = dataset.split("/")
    ours = spectrum(folder, int(obs_id))
    theirs = spectrum(simulated_archive / collection, int(obs_id))
    assert ours["counts"].sum() > 0
    for name, values in theirs.items():
        np.testing.assert_array_equal(ours[name], values)


def spectrum(folder: Path, obs_id: int) -> dict[str, np.ndarray]:
    """Counts, exposure and dispersion around the pointing, by Gammapy."""
    from gammapy.datasets import SpectrumDataset  # noqa: PLC0415
    from gammapy.makers import SpectrumDatasetMaker  # noqa: PLC0415
    from gammapy.maps import MapAxis, RegionGeom  # noqa: PLC0415
    from regions import CircleSkyRegion  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        observation = store_of(folder).obs(obs_id, required_irf="point-like")
        centre = observation.get_pointing_icrs(observation.tmid)
        region = CircleSkyRegion(centre.directional_offset_by(0 * u.deg, 0.5 * u.deg), 1 * u.deg)
        energy = MapAxis.from_energy_bounds("0.3 TeV", "30 TeV", nbin=6)
        true = MapAxis.from_energy_bounds("0.1 TeV", "60 TeV", nbin=12, name="energy_true")
        empty = SpectrumDataset.create(geom=RegionGeom.create(region, axes=[energy]), energy_axis_true=true)
        maker = SpectrumDatasetMaker(selection=["counts", "exposure", "edisp"], use_region_center=True)
        dataset = maker.run(empty, observation)
    return {
        "counts": dataset.counts.data,
        "exposure": dataset.exposure.data,
        "edisp": dataset.edisp.edisp_map.data,
    }


def test_selected_events_are_those_of_astropy(
    http: httpx.Client, datasets: list[str], simulated_archive: Path, tmp_path: Path
):
    dataset = datasets[0]
    collection, obs_id = dataset.split("/")
    observation = store_of(simulated_archive / collection).obs(int(obs_id))
    table = observation.events.table
    middle = SkyCoord(np.median(table["RA"]), np.median(table["DEC"]), unit="deg")
    apart = middle.separation(SkyCoord(table["RA"], table["DEC"], unit="deg")).deg
    energy = np.asarray(table["ENERGY"], dtype=float)
    expected = table["EVENT_ID"][(apart <= 0.5) & (energy >= 0.8) & (energy <= 5.0)]
    assert 0 < len(expected) < len(table)
    form = {
        "ID": dataset,
        "CIRCLE": f"{float(middle.ra.deg)!r} {float(middle.dec.deg)!r} 0.5",
        "ENERGY": "0.8 5.0",
    }
    folder = unpacked(http.post("/bundle", data=form).content, tmp_path)
    store = store_of(folder)
    found = store.obs(int(obs_id)).events.table
    assert list(found["EVENT_ID"]) == list(expected)
    assert store.obs_table["EVENT_COUNT"][0] == len(expected)
    (path,) = (path for path in folder.glob("sim-*/**/*.fits") if "EVENTS" in _extensions(path))
    with fits.open(path) as hdus:
        hdus.verify("exception")
        history = str(hdus["EVENTS"].header["HISTORY"])
    assert "CIRCLE" in history
    assert "ENERGY 0.8 5.0" in history
    assert f"{len(expected)} of {len(table)} rows" in history


def _extensions(path: Path) -> set[str]:
    with fits.open(path) as hdus:
        return {hdu.name for hdu in hdus}


def test_a_selected_time_cuts_the_good_time_intervals_too(
    http: httpx.Client, archive: LiveServer, datasets: list[str], tmp_path: Path
):
    dataset = datasets[0]
    ((start, stop),) = ask(
        archive, f"SELECT start_mjd, stop_mjd FROM dl3.observations WHERE dataset_id = '{dataset}'"
    )
    low, high = start + 0.25 * (stop - start), start + 0.75 * (stop - start)
    form = {"ID": dataset, "TIME": f"{low!r} {high!r}"}
    folder = unpacked(http.post("/bundle", data=form).content, tmp_path)
    observation = store_of(folder).obs(int(dataset.split("/")[1]))
    times = observation.events.time.utc.mjd
    assert len(times)
    assert times.min() >= low - 1e-9
    assert times.max() <= high + 1e-9
    lasted = float(observation.gti.time_sum.to_value("d"))
    assert abs(lasted - (high - low)) < 2e-3 * (high - low)


def test_events_that_a_query_selects_come_alone(
    http: httpx.Client, archive: LiveServer, datasets: list[str], tmp_path: Path
):
    condition = "energy > 2 AND collection = 'sim-south'"
    query = f"SELECT collection, obs_id, event_type, event_row FROM dl3.events WHERE {condition}"
    folder = unpacked(http.post("/bundle", data={"QUERY": query}).content, tmp_path)
    store = store_of(folder)
    expected = dict(
        ask(archive, f"SELECT obs_id, COUNT(*) FROM dl3.events WHERE {condition} GROUP BY obs_id")
    )
    found = {int(row["OBS_ID"]): int(row["EVENT_COUNT"]) for row in store.obs_table}
    assert found == expected
    some = min(found)
    energies = store.obs(some).events.energy.to_value("TeV")
    assert len(energies) == found[some]
    assert (energies > 2).all()


@pytest.mark.parametrize(
    "columns", ["obs_publisher_did", "obs_publisher_did, access_url", "obs_collection AS collection, obs_id"]
)
def test_observations_that_a_query_selects_come_whole(
    http: httpx.Client, archive: LiveServer, tmp_path: Path, columns: str
):
    query = f"SELECT TOP 2 {columns} FROM ivoa.obscore WHERE dataproduct_type = 'event' ORDER BY t_min"
    folder = unpacked(http.post("/bundle", data={"QUERY": query}).content, tmp_path)
    assert len(store_of(folder).obs_table) == 2


@pytest.mark.parametrize(
    ("form", "status", "word"),
    [
        ({}, 400, "Give ID"),
        ({"ID": "sim-mono/1", "QUERY": "SELECT 1"}, 400, "Give ID"),
        ({"ID": "sim-mono/999"}, 404, "There is no dataset"),
        ({"ID": "../../etc/passwd"}, 400, "no identifier"),
        ({"ID": "sim-mono/1", "CIRCLE": "1 2"}, 400, "CIRCLE"),
        ({"ID": "sim-mono/1", "CIRCLE": "1 95 1"}, 400, "declination"),
        ({"ID": "sim-mono/1", "ENERGY": "5 1"}, 400, "lower end"),
        ({"ID": "sim-mono/1", "TIME": "a b"}, 400, "TIME"),
        ({"ID": "sim-mono/1", "RESPONSEFORMAT": "rar"}, 400, "tar or zip"),
        ({"QUERY": "SELECT energy FROM dl3.events"}, 400, "event_row"),
        ({"QUERY": "SELECT nothing FROM dl3.events"}, 400, "Unknown column"),
        ({"QUERY": "SELECT * FROM dl3.observations WHERE obs_id < 0"}, 400, "No dataset"),
        ({"QUERY": "SELECT * FROM dl3.observations", "CIRCLE": "1 2 3"}, 400, "go with ID"),
    ],
)
def test_what_makes_no_bundle_is_said(http: httpx.Client, form: dict[str, str], status: int, word: str):
    answer = http.post("/bundle", data=form)
    assert answer.status_code == status
    assert word in answer.text


def test_a_bundle_can_be_made_by_a_job(http: httpx.Client, datasets: list[str], tmp_path: Path):
    made = http.post("/bundle/async", data={"ID": datasets[2], "PHASE": "RUN"})
    assert made.status_code == 303
    job = made.headers["location"]
    for _ in range(20):
        document = http.get(job, params={"WAIT": 30}).text
        if ">QUEUED<" not in document and ">EXECUTING<" not in document:
            break
    assert ">COMPLETED<" in document
    result = http.get(f"{job}/results/result")
    assert result.headers["content-type"] == "application/x-tar"
    assert len(store_of(unpacked(result.content, tmp_path)).obs_table) == 1
