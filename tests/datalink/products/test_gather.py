"""Observations are reduced once, side by side to the same bits, and one that is broken stops no other."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from gammapy.data import DataStore
from gammapy.datasets import SpectrumDataset, SpectrumDatasetOnOff
from gammapy.makers import ReflectedRegionsBackgroundMaker, SafeMaskMaker, SpectrumDatasetMaker
from gammapy.maps import MapAxis, RegionGeom
from regions import CircleSkyRegion

from datalink.products.errors import ProductStopped
from datalink.products.gather import Gathered, Workshop, gather
from datalink.products.inputs import Hdu, ObservationFiles
from datalink.products.settings import EnergyBins, Exclusion, Position, Reduction
from datalink.products.stored import ReducedStore
from datalink.products.watch import NobodyWatches
from tests.support.folders import observations_in

CRAB = Position(83.633083, 22.0145)
BINS = EnergyBins(0.1, 100.0, 5)
REDUCTION = Reduction(CRAB, radius=0.12, energy=BINS, energy_true=BINS)
POINT_LIKE = replace(REDUCTION, radius=None)

pytestmark = pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyWarning")


def crab_runs(archive: Path, collection: str) -> list[ObservationFiles]:
    """Those that have the source in their field."""
    every = observations_in(archive / collection)
    gathered = gather(
        every, replace(POINT_LIKE, energy=EnergyBins(1, 10, 1)), workshop_at(archive), NobodyWatches()
    )
    return [outcome.files for outcome in gathered.used]


def workshop_at(archive: Path) -> Workshop:
    return Workshop(ReducedStore(archive.parent / "products"))


def arrays_of(dataset: SpectrumDatasetOnOff) -> dict[str, Any]:
    return {
        "counts": dataset.counts.quantity,
        "counts_off": dataset.counts_off.quantity,
        "acceptance": dataset.acceptance.data,
        "acceptance_off": dataset.acceptance_off.data,
        "mask_safe": dataset.mask_safe.data,
        "exposure": dataset.exposure.quantity,
        "edisp": dataset.edisp.edisp_map.data,
        "edisp_exposure": dataset.edisp.exposure_map.quantity,
        "livetime": dataset.exposure.meta["livetime"],
        "start": dataset.gti.time_start.tt.jd,
    }


def assert_same(found: SpectrumDatasetOnOff, expected: SpectrumDatasetOnOff) -> None:
    assert found.name == expected.name
    for name, array in arrays_of(expected).items():
        assert np.array_equal(arrays_of(found)[name], array), name


def test_counts_and_exposures_are_those_of_gammapy(simulated_archive: Path, workshop: Workshop) -> None:
    (run, *_) = crab_runs(simulated_archive, "sim-south")
    (dataset,) = gather([run], REDUCTION, workshop, NobodyWatches()).datasets

    observation = DataStore.from_dir(simulated_archive / "sim-south").obs(run.obs_id)
    energy = MapAxis.from_energy_bounds("0.1 TeV", "100 TeV", nbin=5, per_decade=True, name="energy")
    true = MapAxis.from_energy_bounds("0.1 TeV", "100 TeV", nbin=5, per_decade=True, name="energy_true")
    region = CircleSkyRegion(SkyCoord(CRAB.ra, CRAB.dec, unit="deg"), 0.12 * u.deg)
    geom = RegionGeom.create(region, axes=[energy])
    empty = SpectrumDataset.create(geom, energy_axis_true=true, name=run.name)
    maker = SpectrumDatasetMaker(selection=["counts", "exposure", "edisp"], containment_correction=True)
    expected = ReflectedRegionsBackgroundMaker().run(maker.run(empty, observation), observation)
    expected = SafeMaskMaker(["aeff-default"]).run(expected, observation)
    assert_same(dataset, expected)


def test_the_second_time_nothing_is_reduced(simulated_archive: Path, tmp_path: Path) -> None:
    runs = crab_runs(simulated_archive, "sim-mono")[:2]
    store = ReducedStore(tmp_path / "store")
    first = gather(runs, POINT_LIKE, Workshop(store), NobodyWatches())
    files = {path: path.stat().st_ino for path in (tmp_path / "store").iterdir()}
    assert len(files) == len(runs)
    second = gather(runs, POINT_LIKE, Workshop(store), NobodyWatches())
    assert {path: path.stat().st_ino for path in (tmp_path / "store").iterdir()} == files
    for found, expected in zip(second.datasets, first.datasets, strict=True):
        assert_same(found, expected)
    third = gather(runs, replace(POINT_LIKE, safe="none"), Workshop(store), NobodyWatches())
    assert len(third.datasets) == len(runs)
    assert len(list((tmp_path / "store").iterdir())) == 2 * len(runs)


def test_processes_side_by_side_give_the_same_bits(simulated_archive: Path, tmp_path: Path) -> None:
    runs = crab_runs(simulated_archive, "sim-north")[:2]
    here = gather(runs, REDUCTION, Workshop(ReducedStore(tmp_path / "here")), NobodyWatches())
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        there = gather(runs, REDUCTION, Workshop(ReducedStore(tmp_path / "there"), executor), NobodyWatches())
    assert len(here.datasets) == len(runs)
    for found, expected in zip(there.datasets, here.datasets, strict=True):
        assert_same(found, expected)


def test_a_damaged_file_in_store_is_made_anew(simulated_archive: Path, tmp_path: Path) -> None:
    runs = crab_runs(simulated_archive, "sim-mono")[:1]
    store = ReducedStore(tmp_path)
    first = gather(runs, POINT_LIKE, Workshop(store), NobodyWatches())
    (path,) = tmp_path.glob("*.npz")
    path.write_bytes(path.read_bytes()[:1000])
    second = gather(runs, POINT_LIKE, Workshop(store), NobodyWatches())
    assert_same(second.datasets[0], first.datasets[0])


def test_the_store_keeps_what_was_used_last(simulated_archive: Path, tmp_path: Path) -> None:
    runs = crab_runs(simulated_archive, "sim-mono")[:2]
    gather(runs, POINT_LIKE, Workshop(ReducedStore(tmp_path)), NobodyWatches())
    newest = max(tmp_path.glob("*.npz"), key=lambda path: path.stat().st_mtime_ns)
    ReducedStore(tmp_path, limit=newest.stat().st_size).sweep()
    assert list(tmp_path.iterdir()) == [newest]


def broken(files: ObservationFiles, hdu_type: str, path: Path) -> ObservationFiles:
    """The same with another file for one of its parts."""
    hdus = [replace(hdu, path=path) if hdu.hdu_type == hdu_type else hdu for hdu in files.hdus]
    return replace(files, hdus=tuple(hdus))


def without(files: ObservationFiles, hdu_type: str) -> ObservationFiles:
    return replace(files, hdus=tuple(hdu for hdu in files.hdus if hdu.hdu_type != hdu_type))


def reasons(gathered: Gathered) -> list[str]:
    return [outcome.reason for outcome in gathered.outcomes]


def test_what_cannot_be_used_is_named_and_left_out(
    simulated_archive: Path, workshop: Workshop, tmp_path: Path
) -> None:
    first, second, *_ = crab_runs(simulated_archive, "sim-south")
    noise = tmp_path / "noise.fits"
    noise.write_bytes(b"not FITS at all")
    runs = [
        broken(first, "aeff", noise),
        broken(first, "events", tmp_path / "gone.fits"),
        without(first, "edisp"),
        second,
    ]
    gathered = gather(runs, REDUCTION, workshop, NobodyWatches())
    damaged, vanished, incomplete, fine = reasons(gathered)
    assert "aeff cannot be read" in damaged
    assert "gone.fits, which is no longer there" in vanished
    assert str(tmp_path) not in damaged + vanished
    assert incomplete == "it has no edisp"
    assert fine == ""
    assert [dataset.name for dataset in gathered.datasets] == [second.name]


def test_a_radius_that_responses_were_not_made_for_is_told(
    simulated_archive: Path, workshop: Workshop
) -> None:
    runs = crab_runs(simulated_archive, "sim-mono")[:1]
    (reason,) = reasons(gather(runs, REDUCTION, workshop, NobodyWatches()))
    assert "RAD_MAX_2D" in reason
    assert "leave the radius out" in reason


def test_a_source_outside_the_field_is_told(simulated_archive: Path, workshop: Workshop) -> None:
    runs = crab_runs(simulated_archive, "sim-south")[:1]
    (reason,) = reasons(
        gather(runs, replace(REDUCTION, position=Position(10, -40)), workshop, NobodyWatches())
    )
    assert "deg away" in reason


def test_no_place_for_background_is_told(simulated_archive: Path, workshop: Workshop) -> None:
    runs = crab_runs(simulated_archive, "sim-south")[:1]
    everywhere = replace(REDUCTION, exclusions=(Exclusion(CRAB, 3.0),))
    (reason,) = reasons(gather(runs, everywhere, workshop, NobodyWatches()))
    assert "background" in reason


def test_events_are_taken_between_the_times_asked_for(simulated_archive: Path, workshop: Workshop) -> None:
    runs = crab_runs(simulated_archive, "sim-south")[:1]
    (whole,) = gather(runs, REDUCTION, workshop, NobodyWatches()).datasets
    start, stop = whole.gti.time_start[0].utc.mjd, whole.gti.time_stop[-1].utc.mjd
    middle = (start + stop) / 2
    halves = [
        gather(runs, replace(REDUCTION, time=time), workshop, NobodyWatches()).datasets[0]
        for time in ((start - 1, middle), (middle, stop + 1))
    ]
    assert np.array_equal(sum(half.counts.data for half in halves), whole.counts.data)
    assert sum(half.gti.time_sum.to_value("s") for half in halves) == pytest.approx(
        whole.gti.time_sum.to_value("s"), abs=1e-3
    )
    (reason,) = reasons(gather(runs, replace(REDUCTION, time=(1, 2)), workshop, NobodyWatches()))
    assert "no live time" in reason


class Impatient(NobodyWatches):
    """Somebody who stops after the first observation."""

    def __init__(self) -> None:
        self._done = 0

    def progress(self, step: str, done: int, total: int) -> None:
        """Remember how much is done."""
        self._done = done

    def stopped(self) -> bool:
        """Stop after the first."""
        return self._done > 0


def test_a_product_that_is_not_wanted_any_more_stops(simulated_archive: Path, tmp_path: Path) -> None:
    runs = crab_runs(simulated_archive, "sim-mono")[:3]
    with pytest.raises(ProductStopped):
        gather(runs, POINT_LIKE, Workshop(ReducedStore(tmp_path)), Impatient())
    assert len(list(tmp_path.iterdir())) == 1


def test_content_decides_what_is_the_same(tmp_path: Path) -> None:
    one, two = tmp_path / "one.fits", tmp_path / "two.fits"
    one.write_bytes(b"a")
    two.write_bytes(b"a")
    assert Hdu("aeff", "aeff_2d", one, "AEFF").identity != Hdu("aeff", "aeff_2d", two, "AEFF").identity
    assert (
        Hdu("aeff", "aeff_2d", one, "AEFF", "f00").identity
        == Hdu("aeff", "aeff_2d", two, "AEFF", "f00").identity
    )
