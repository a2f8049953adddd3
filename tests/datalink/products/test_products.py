"""Spectra and light curves: true to the simulated sky, equal to Gammapy's own, and read by others."""

from __future__ import annotations

import json
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import yaml
from astropy import units as u
from astropy.io import fits, votable
from astropy.table import Table
from gammapy.datasets import Datasets, SpectrumDatasetOnOff
from gammapy.estimators import FluxPoints, LightCurveEstimator
from gammapy.modeling.models import Models
from pydantic import ValidationError

from datalink.products import PRODUCTS
from datalink.products.errors import ProductError
from datalink.products.files import ProductFile
from datalink.products.fit import fit_model, stacked
from datalink.products.gather import Workshop
from datalink.products.joint import Joint, JointParameters
from datalink.products.lightcurve import LightCurve, LightCurveParameters, common_energies, estimate
from datalink.products.model import make_model
from datalink.products.settings import Exclusion, Position
from datalink.products.spectrum import SOURCE, Spectrum, SpectrumParameters, gather_source
from datalink.products.watch import NobodyWatches
from datalink.simulation.sky import CRAB_LIKE
from tests.support.folders import Folders

pytestmark = pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyWarning")

CRAB = {"name": "SIM Crab", "ra": 83.633083, "dec": 22.0145, "axis_min": 0.1, "axis_bins": 10}


@pytest.fixture(scope="module")
def archive(simulated_archive: Path) -> Folders:
    return Folders(simulated_archive / "sim-south", simulated_archive / "sim-north")


@pytest.fixture(scope="module")
def shared(simulated_archive: Path) -> Workshop:
    from datalink.products.stored import ReducedStore  # noqa: PLC0415

    return Workshop(ReducedStore(simulated_archive.parent / "products"))


@pytest.fixture(scope="module")
def spectrum(
    archive: Folders, shared: Workshop, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, ProductFile]:
    """The files of a spectrum of two instruments, by name."""
    files = Spectrum().make(
        SpectrumParameters(**CRAB), archive, tmp_path_factory.mktemp("spectrum"), shared, NobodyWatches()
    )
    return {file.name: file for file in files}


def test_the_spectrum_is_that_of_the_simulated_sky(spectrum: dict[str, ProductFile]) -> None:
    facts = json.loads(spectrum["result"].path.read_text())
    assert facts["fit"]["converged"]
    truth = CRAB_LIKE.spectral_model
    found = {each["name"]: each for each in facts["fit"]["parameters"]}
    for name in ("amplitude", "alpha", "beta"):
        expected = getattr(truth, name).quantity.to_value(getattr(truth, name).unit)
        assert found[name]["value"] == pytest.approx(expected, abs=4 * found[name]["error"]), name
    measured = [point for point in facts["flux_points"] if not point["is_ul"]]
    assert len(measured) >= 5
    pulls = [
        (point["dnde"] - truth(point["e_ref"] * u.TeV).to_value("TeV-1 s-1 cm-2")) / point["dnde_err"]
        for point in measured
    ]
    assert np.abs(pulls).max() < 5
    assert {each["collection"] for each in facts["observations"] if each["used"]} == {
        "sim-south",
        "sim-north",
    }


def test_gammapy_reads_points_model_and_datasets(spectrum: dict[str, ProductFile], tmp_path: Path) -> None:
    facts = json.loads(spectrum["result"].path.read_text())
    points = FluxPoints.read(spectrum["flux-points"].path, reference_model=CRAB_LIKE.spectral_model)
    assert np.allclose(
        points.dnde.quantity.to_value("TeV-1 s-1 cm-2").ravel(),
        [point["dnde"] for point in facts["flux_points"]],
        rtol=1e-6,
    )
    (model,) = Models.read(spectrum["model"].path)
    assert model.spectral_model.alpha.value == pytest.approx(facts["fit"]["parameters"][2]["value"])
    with ZipFile(spectrum["datasets"].path) as files:
        files.extractall(tmp_path)
    dataset = SpectrumDatasetOnOff.read(tmp_path / "pha_sim-south.fits")
    counted = sum(
        each["n_on"] for each in facts["observations"] if each["collection"] == "sim-south" and each["used"]
    )
    assert 0 < dataset.counts.data.sum() <= counted
    assert dataset.exposure.quantity.sum() > 0


def test_every_table_says_the_same(spectrum: dict[str, ProductFile]) -> None:
    rows = json.loads(spectrum["result"].path.read_text())["flux_points"]
    of_fits = Table.read(spectrum["flux-points"].path, hdu="FLUXPOINTS")
    of_ecsv = Table.read(spectrum["flux-points-ecsv"].path, format="ascii.ecsv")
    document = votable.parse(str(spectrum["flux-points-votable"].path), verify="exception")
    of_votable = document.get_first_table()
    for name in ("e_ref", "e_min", "dnde", "dnde_err", "dnde_ul", "is_ul"):
        expected = [row[name] for row in rows]
        for column in (of_fits[name], of_ecsv[name], of_votable.array[name]):
            assert np.array_equal(np.asarray(column), expected, equal_nan=True), name
    units = {field.name: field.unit for field in of_votable.fields}
    assert u.Unit(units["dnde"]).is_equivalent("TeV-1 s-1 cm-2")
    assert all(field.ucd and field.description for field in of_votable.fields)


def test_provenance_travels_with_every_file(spectrum: dict[str, ProductFile]) -> None:
    said = yaml.safe_load(spectrum["provenance"].path.read_text())
    assert said["parameters"]["name"] == "SIM Crab"
    assert said["software"]["gammapy"]
    assert {each["citation"] for each in said["collections"]} == {
        "Citation of sim-south",
        "Citation of sim-north",
    }
    history = " ".join(fits.getheader(spectrum["flux-points"].path, "FLUXPOINTS")["HISTORY"])
    for text in (
        history,
        spectrum["flux-points-votable"].path.read_text(),
        spectrum["flux-points-ecsv"].path.read_text(),
    ):
        assert "Licence of sim-north" in text
    for file in spectrum.values():
        assert str(file.path.parent).encode() not in file.path.read_bytes(), f"{file.name} tells a path"


def test_figures_are_images(spectrum: dict[str, ProductFile]) -> None:
    assert spectrum["figure"].path.read_bytes().startswith(b"\x89PNG")
    assert "<svg" in spectrum["figure-svg"].path.read_text()


def test_fluxes_of_runs_are_those_of_gammapy(archive: Folders, shared: Workshop) -> None:
    parameters = LightCurveParameters(**CRAB, model="power-law", collections=("sim-south",))
    gathered = gather_source(parameters, archive, shared, NobodyWatches())
    datasets = stacked(gathered)
    fit = fit_model(datasets, make_model("power-law", 1.0, SOURCE), (None, None))
    energies = common_energies(datasets)
    fluxes = estimate(parameters, gathered, fit, energies, shared, NobodyWatches())

    runs = Datasets([dataset.copy(name=dataset.name) for dataset in gathered.datasets])
    runs.models = [fit.model.copy(name="crab")]
    estimator = LightCurveEstimator(
        energy_edges=list(energies) * u.TeV, source="crab", selection_optional=["ul"], reoptimize=False
    )
    expected = estimator.run(runs)
    for name in ("flux", "flux_err", "flux_ul"):
        assert np.allclose(
            [getattr(each, name) for each in fluxes],
            getattr(expected, name).quantity.to_value("cm-2 s-1").ravel(),
            rtol=1e-3,
        ), name
    truth = CRAB_LIKE.spectral_model.integral(*(list(energies) * u.TeV)).to_value("cm-2 s-1")
    assert np.mean([each.flux for each in fluxes]) == pytest.approx(truth, rel=0.15)


@pytest.mark.parametrize("bins", ["night", "gti", "width"])
def test_no_event_is_lost_between_intervals(bins: str, archive: Folders, shared: Workshop) -> None:
    choice = {"bins": bins, **({"width": 9.0} if bins == "width" else {})}
    every = gather_source(
        LightCurveParameters(**CRAB, collections=("sim-south",)), archive, shared, NobodyWatches()
    )
    runs = tuple(each.files.obs_id for each in every.used[:2])
    parameters = LightCurveParameters(
        **CRAB, model="power-law", collections=("sim-south",), obs_ids=runs, **choice
    )
    gathered = gather_source(parameters, archive, shared, NobodyWatches())
    datasets = stacked(gathered)
    fit = fit_model(datasets, make_model("power-law", 1.0, SOURCE), (None, None))
    fluxes = estimate(parameters, gathered, fit, common_energies(datasets), shared, NobodyWatches())
    counted = sum(dataset.counts.data[dataset.mask.data].sum() for dataset in datasets)
    assert sum(each.counts for each in fluxes) == counted
    assert sum(each.livetime for each in fluxes) == pytest.approx(
        sum(outcome.livetime for outcome in gathered.used), rel=1e-6
    )
    starts = [each.interval.start for each in fluxes]
    assert starts == sorted(starts)


def test_a_light_curve_comes_in_every_format(archive: Folders, shared: Workshop, tmp_path: Path) -> None:
    parameters = LightCurveParameters(**CRAB, model="power-law", bins="night")
    files = {
        file.name: file for file in LightCurve().make(parameters, archive, tmp_path, shared, NobodyWatches())
    }
    rows = json.loads(files["result"].path.read_text())["fluxes"]
    assert rows
    of_fits = Table.read(files["light-curve"].path, hdu="LIGHTCURVE")
    document = votable.parse(str(files["light-curve-votable"].path), verify="exception")
    table = document.get_first_table()
    for name in ("time_min", "time_max", "flux", "flux_err"):
        expected = [row[name] for row in rows]
        assert np.array_equal(of_fits[name], expected)
        assert np.array_equal(table.array[name], expected)
    assert document.resources[0].time_systems[0].timescale == "UTC"
    assert fits.getheader(files["light-curve"].path, "LIGHTCURVE")["TIMESYS"] == "UTC"


def test_what_cannot_be_made_is_told(archive: Folders, shared: Workshop, tmp_path: Path) -> None:
    away = SpectrumParameters(ra=200.0, dec=-60.0)
    with pytest.raises(ProductError, match=r"none of the .* observations can be used: .*deg away"):
        Spectrum().make(away, archive, tmp_path, shared, NobodyWatches())
    narrow = SpectrumParameters(**CRAB, energy_min=1.0, energy_max=1.3, collections=("sim-south",))
    with pytest.raises(ProductError, match="bins of energy are in the range of the fit"):
        Spectrum().make(narrow, archive, tmp_path, shared, NobodyWatches())


def test_other_sources_are_no_background(simulated_archive: Path, shared: Workshop) -> None:
    crab = Position(CRAB["ra"], CRAB["dec"])
    there = Exclusion(Position(CRAB["ra"] + 0.7, CRAB["dec"]), 0.25)
    folder = simulated_archive / "sim-south"
    parameters = SpectrumParameters(**CRAB)
    plain = gather_source(parameters, Folders(folder), shared, NobodyWatches())
    kept = gather_source(
        parameters, Folders(folder, sources=(Exclusion(crab, 0.3), there)), shared, NobodyWatches()
    )
    assert len(plain.used) == len(kept.used)
    assert sum(each.n_off for each in kept.used) < sum(each.n_off for each in plain.used)
    assert [each.n_on for each in kept.used] == [each.n_on for each in plain.used]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"ra": 400}, "less than or equal to 360"),
        ({"dec": float("nan")}, "finite number"),
        ({"energy_min": 10, "energy_max": 1}, "energy_min .10. is not below energy_max .1."),
        ({"colour": "red"}, "colour"),
        ({"model": "spline"}, "power-law"),
        ({"radius": 0}, "greater than 0"),
    ],
)
def test_parameters_are_checked(values: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        SpectrumParameters(**{**CRAB, **values})


def test_every_parameter_is_described() -> None:
    for product in PRODUCTS.values():
        for name, schema in product.parameters.model_json_schema()["properties"].items():
            assert schema.get("description"), name


def test_each_instrument_and_all_together_are_fitted(
    archive: Folders, shared: Workshop, tmp_path: Path
) -> None:
    files = {
        file.name: file
        for file in Joint().make(JointParameters(**CRAB), archive, tmp_path, shared, NobodyWatches())
    }
    facts = json.loads(files["result"].path.read_text())
    assert list(facts["fits"]) == ["sim-south", "sim-north", "joint"]
    amplitudes = {
        name: next(each for each in fit["parameters"] if each["name"] == "amplitude")
        for name, fit in facts["fits"].items()
    }
    # All together know more than any alone, and what they say lies between.
    alone = [amplitudes["sim-south"], amplitudes["sim-north"]]
    assert amplitudes["joint"]["error"] < min(each["error"] for each in alone)
    values = [each["value"] for each in alone]
    assert min(values) < amplitudes["joint"]["value"] < max(values)
    table = votable.parse(str(files["fits-votable"].path), verify="exception").get_first_table()
    assert list(table.array["fit"]) == list(facts["fits"])
    assert np.array_equal(table.array["amplitude"], [each["value"] for each in amplitudes.values()])
    assert all(field.ucd and field.description for field in table.fields)
