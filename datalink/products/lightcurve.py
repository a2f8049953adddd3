"""The light curve of a source: its flux above an energy, interval by interval."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from pydantic import model_validator

from datalink.products.base import Archive
from datalink.products.errors import ProductError
from datalink.products.figure import plot_lightcurve
from datalink.products.files import ECSV, FITS, VOTABLE, ProductFile, ProductFiles
from datalink.products.fit import FitResult, fit_model, stacked
from datalink.products.gather import Gathered, Workshop, gather
from datalink.products.intervals import MOST, Interval, TimeBins, intervals_of
from datalink.products.model import make_model
from datalink.products.parameters import SpectralParameters, field
from datalink.products.points import UL_SIGMA, UL_SQRT_TS
from datalink.products.provenance import Provenance
from datalink.products.spectrum import SOURCE, fit_facts, gather_source, write_model
from datalink.products.timetable import COLUMNS, write_ecsv, write_fits, write_votable
from datalink.products.watch import Watch, go_on

if TYPE_CHECKING:
    from astropy.table import Table
    from gammapy.datasets import Datasets

_MINUTES = 1440.0
"""In a day."""


class LightCurveParameters(SpectralParameters):
    """What a light curve depends on."""

    bins: TimeBins = field(
        "run",
        "Time intervals: each observation (run), night from noon to noon, good time interval (gti) or bins "
        "of equal width (width)",
    )
    width: float = field(
        60.0,
        "Width of the bins, where they are of equal width",
        unit="min",
        ucd="time.interval",
        gt=0.1,
        le=1e7,
    )

    @model_validator(mode="after")
    def _has_time(self) -> Self:
        if self.bins != "width" and "width" in self.model_fields_set:
            raise ValueError(f"width is for bins=width, not for bins={self.bins}: leave it out")
        return self


@dataclass(frozen=True, slots=True)
class Flux:
    """The integral flux in one interval."""

    interval: Interval
    flux: float
    """[cm-2 s-1]"""
    flux_err: float
    flux_ul: float
    ts: float
    counts: int
    """Events in the on regions, within the energies."""
    npred_excess: float
    livetime: float
    """[s]"""
    success: bool

    @property
    def is_ul(self) -> bool:
        """Whether the upper limit is what to quote."""
        return not self.ts >= UL_SQRT_TS**2 or not self.flux > 0


class LightCurve:
    """A light curve from events on the source and in reflected regions."""

    name = "lightcurve"
    title = "Light curve"
    description = (
        "Flux of a source against time: a spectral model is fitted to all observations, and then its "
        "amplitude in each interval, with errors and upper limits."
    )
    parameters = LightCurveParameters

    def make(
        self,
        parameters: LightCurveParameters,
        archive: Archive,
        directory: Path,
        workshop: Workshop,
        watch: Watch,
    ) -> list[ProductFile]:
        """Make it; see :class:`datalink.products.base.Product`."""
        gathered = gather_source(parameters, archive, workshop, watch)
        datasets = stacked(gathered)
        watch.progress("fit", 0, 1)
        fit = fit_model(
            datasets, make_model(parameters.model, parameters.reference, SOURCE), parameters.energies
        )
        go_on(watch)
        energies = common_energies(datasets)
        fluxes = estimate(parameters, gathered, fit, energies, workshop, watch)
        provenance = Provenance.of(self.name, parameters, gathered, archive.terms(gathered.collections))
        return _write(parameters, fit, _table(fluxes, energies, gathered), provenance, directory)


def common_energies(datasets: Datasets) -> tuple[float, float]:
    """Lowest and highest energy that every dataset can tell a flux at.

    Returns
    -------
    bounds : tuple of float
        Edges of bins [TeV].

    Raises
    ------
    ProductError
        Raised if there is no such range.
    """
    masks = np.logical_and.reduce([dataset.mask.data.ravel() for dataset in datasets])
    chosen = np.flatnonzero(masks)
    if not chosen.size:
        raise ProductError(
            "the safe energies of the collections have nothing in common: take fewer collections, or set the "
            "energies and safe=none"
        )
    edges = datasets[0].counts.geom.axes["energy"].edges.to_value("TeV")
    return float(edges[chosen[0]]), float(edges[chosen[-1] + 1])


def estimate(
    parameters: LightCurveParameters,
    gathered: Gathered,
    fit: FitResult,
    energies: tuple[float, float],
    workshop: Workshop,
    watch: Watch,
) -> list[Flux]:
    """The flux in each interval.

    Raises
    ------
    ProductError
        Raised if there are too many intervals.
    """
    intervals = intervals_of(gathered, parameters.bins, parameters.width / _MINUTES)
    if len(intervals) > MOST:
        raise ProductError(
            f"the light curve would have more than {MOST} intervals: widen them, or take less time"
        )
    found = []
    for number, interval in enumerate(intervals):
        go_on(watch)
        watch.progress("intervals", number, len(intervals))
        part = _part(gathered, interval, workshop, watch)
        if part.datasets:
            found.append(_flux(part, interval, fit, energies))
    return found


def _part(gathered: Gathered, interval: Interval, workshop: Workshop, watch: Watch) -> Gathered:
    """The observations of an interval, cut to it where they reach beyond."""
    used = [gathered.used[number] for number in interval.observations]
    if interval.is_whole:
        return Gathered(tuple(gathered.datasets[number] for number in interval.observations), tuple(used))
    cut = gathered.reduction_within(interval.start, interval.stop)
    return gather([outcome.files for outcome in used], cut, workshop, _Silent(watch))


class _Silent:
    """Watches for the stop only: the steps of an interval are not told."""

    def __init__(self, watch: Watch) -> None:
        self.stopped = watch.stopped

    def progress(self, step: str, done: int, total: int) -> None:
        """Tell nobody."""


def _flux(part: Gathered, interval: Interval, fit: FitResult, energies: tuple[float, float]) -> Flux:
    from astropy import units as u  # noqa: PLC0415 - only where products are made
    from gammapy.estimators import FluxPointsEstimator  # noqa: PLC0415 - it takes seconds to import

    datasets = stacked(part)
    for dataset in datasets:
        dataset.mask_fit = dataset.counts.geom.energy_mask(energies[0] * u.TeV, energies[1] * u.TeV)
    datasets.models = [fit.model.copy(name=SOURCE)]
    estimator = FluxPointsEstimator(
        energy_edges=list(energies) * u.TeV,
        source=SOURCE,
        selection_optional=["ul"],
        n_sigma_ul=UL_SIGMA,
        allow_multiple_telescopes=True,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of intervals in which there is nothing
        points = estimator.run(datasets)

    def value(name: str, unit: str = "") -> float:
        return float(np.nansum(getattr(points, name).quantity.to_value(unit)))

    return Flux(
        interval=interval,
        flux=value("flux", "cm-2 s-1"),
        flux_err=value("flux_err", "cm-2 s-1"),
        flux_ul=value("flux_ul", "cm-2 s-1"),
        ts=value("ts"),
        counts=int(value("counts")),
        npred_excess=value("npred_excess"),
        livetime=sum(outcome.livetime for outcome in part.used),
        success=bool(points.success.data.all()),
    )


def _table(fluxes: Sequence[Flux], energies: tuple[float, float], gathered: Gathered) -> Table:
    from astropy.table import Table  # noqa: PLC0415

    columns: dict[str, list[Any]] = {
        "time_min": [each.interval.start for each in fluxes],
        "time_max": [each.interval.stop for each in fluxes],
        "e_min": [energies[0]] * len(fluxes),
        "e_max": [energies[1]] * len(fluxes),
        "flux": [each.flux for each in fluxes],
        "flux_err": [each.flux_err for each in fluxes],
        "flux_ul": [each.flux_ul for each in fluxes],
        "ts": [each.ts for each in fluxes],
        "sqrt_ts": [float(np.sign(each.flux) * np.sqrt(max(each.ts, 0.0))) for each in fluxes],
        "counts": [each.counts for each in fluxes],
        "npred_excess": [each.npred_excess for each in fluxes],
        "livetime": [each.livetime for each in fluxes],
        "n_obs": [len(each.interval.observations) for each in fluxes],
        "observations": [
            " ".join(gathered.used[number].files.name for number in each.interval.observations)
            for each in fluxes
        ],
        "is_ul": [each.is_ul for each in fluxes],
        "success": [each.success for each in fluxes],
    }
    return Table(columns, units={name: COLUMNS[name].unit for name in columns if COLUMNS[name].unit})


def _write(
    parameters: LightCurveParameters, fit: FitResult, table: Table, provenance: Provenance, directory: Path
) -> list[ProductFile]:
    files = ProductFiles(directory)
    write_fits(table, files.new("light-curve", "lightcurve.fits", FITS, "Light curve, GADF FITS"), provenance)
    write_ecsv(table, files.new("light-curve-ecsv", "lightcurve.ecsv", ECSV, "Light curve, ECSV"), provenance)
    write_votable(
        table, files.new("light-curve-votable", "lightcurve.vot", VOTABLE, "Light curve, VOTable"), provenance
    )
    rows = [{name: np.asarray(row[name]).item() for name in table.colnames} for row in table]
    facts = {"title": parameters.title, "fit": fit_facts(fit), "fluxes": rows, **provenance.to_dict()}
    files.write_json("lightcurve.json", "Fitted model and light curve, JSON", facts)
    write_model(fit, files)
    plot_lightcurve(table, parameters.title, files.figure("lightcurve", "Flux against time"))
    provenance.write_to(files)
    return files.made
