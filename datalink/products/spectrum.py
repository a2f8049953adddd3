"""The spectrum of a source: reflected regions, a fitted model and flux points, of one instrument or many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datalink.products import sed
from datalink.products.base import Archive
from datalink.products.errors import ProductError
from datalink.products.figure import plot_spectrum
from datalink.products.files import ECSV, FITS, VOTABLE, YAML, ZIP, ProductFile, ProductFiles
from datalink.products.fit import FitResult, fit_model, stacked
from datalink.products.gather import Gathered, Workshop, gather
from datalink.products.model import make_model
from datalink.products.ogip import write_ogip
from datalink.products.parameters import ProductParameters, SpectralParameters, field
from datalink.products.points import flux_points
from datalink.products.provenance import Provenance
from datalink.products.settings import Exclusion
from datalink.products.watch import Watch, go_on

if TYPE_CHECKING:
    from gammapy.datasets import Datasets
    from gammapy.estimators import FluxPoints

SOURCE = "source"
"""Name of the model in the files."""
SAME_SOURCE = 0.2
"""A known source closer than this is the one that is looked at [deg]."""
_REASONS = 5
"""Observations whose reasons an error names."""


class SpectrumParameters(SpectralParameters):
    """What a spectrum depends on."""

    points_per_decade: int = field(5, "Flux points in a decade of energy", ucd="meta.number", ge=1, le=50)


@dataclass(frozen=True, slots=True)
class SpectrumAnalysis:
    """A fitted source."""

    gathered: Gathered
    datasets: Datasets
    """One for each collection, with models."""
    fit: FitResult
    points: FluxPoints


class Spectrum:
    """A spectrum from events on the source and in reflected regions."""

    name = "spectrum"
    title = "Spectrum"
    description = (
        "Energy spectrum of a source: events in a region on it against reflected regions, a fitted model "
        "with its errors, and flux points with upper limits. Observations of a collection are stacked; "
        "several collections are fitted with one model."
    )
    parameters = SpectrumParameters

    def make(
        self,
        parameters: SpectrumParameters,
        archive: Archive,
        directory: Path,
        workshop: Workshop,
        watch: Watch,
    ) -> list[ProductFile]:
        """Make it; see :class:`datalink.products.base.Product`."""
        gathered = gather_source(parameters, archive, workshop, watch)
        analysis = analyse(parameters, gathered, watch)
        provenance = Provenance.of(self.name, parameters, gathered, archive.terms(gathered.collections))
        watch.progress("write", 0, 1)
        return _write(parameters, analysis, provenance, directory)


def gather_source(
    parameters: ProductParameters, archive: Archive, workshop: Workshop, watch: Watch
) -> Gathered:
    """Reduce every observation of a source that can be.

    Raises
    ------
    ProductError
        Raised if none can.
    """
    observations = archive.observations(parameters)
    exclusions: Sequence[Exclusion] = ()
    if parameters.exclude_sources:
        exclusions = others_than_source(
            parameters, archive.sources(parameters.position, 2 * parameters.max_offset)
        )
    gathered = gather(observations, parameters.reduction(exclusions=tuple(exclusions)), workshop, watch)
    if not gathered.datasets:
        reasons = "; ".join(f"{each.files.name}: {each.reason}" for each in gathered.outcomes[:_REASONS])
        more = len(gathered.outcomes) - _REASONS
        raise ProductError(
            f"none of the {len(gathered.outcomes)} observations can be used: {reasons}"
            + (f"; and {more} more" if more > 0 else "")
        )
    return gathered


def others_than_source(parameters: ProductParameters, sources: Sequence[Exclusion]) -> tuple[Exclusion, ...]:
    """Known sources without the one that is looked at."""
    from astropy.coordinates import SkyCoord  # noqa: PLC0415 - only where products are made

    if not sources:
        return ()
    places = SkyCoord(
        [each.position.ra for each in sources], [each.position.dec for each in sources], unit="deg"
    )
    distances = places.separation(SkyCoord(parameters.ra, parameters.dec, unit="deg")).deg
    return tuple(each for each, distance in zip(sources, distances, strict=True) if distance > SAME_SOURCE)


def analyse(parameters: SpectrumParameters, gathered: Gathered, watch: Watch) -> SpectrumAnalysis:
    """Fit the model and estimate flux points.

    Raises
    ------
    ProductError
        Raised if there is too little to fit.
    """
    datasets = stacked(gathered)
    watch.progress("fit", 0, 1)
    fit = fit_model(datasets, make_model(parameters.model, parameters.reference, SOURCE), parameters.energies)
    go_on(watch)
    watch.progress("flux points", 0, 1)
    points = flux_points(datasets, SOURCE, parameters.points_per_decade)
    go_on(watch)
    return SpectrumAnalysis(gathered, datasets, fit, points)


def fit_facts(fit: FitResult) -> dict[str, Any]:
    """What a fit found, of plain types."""
    return {
        "model": fit.model.spectral_model.tag[0],
        "parameters": [
            {
                "name": each.name,
                "value": each.value,
                "error": each.error,
                "unit": each.unit,
                "frozen": each.frozen,
            }
            for each in fit.parameters
        ],
        "covariance": fit.covariance.tolist(),
        "statistic": fit.statistic,
        "n_bins": fit.n_bins,
        "converged": fit.converged,
        "message": fit.message,
    }


def _write(
    parameters: SpectrumParameters, analysis: SpectrumAnalysis, provenance: Provenance, directory: Path
) -> list[ProductFile]:
    files = ProductFiles(directory)
    table = sed.sed_table(analysis.points)
    sed.write_fits(
        table, files.new("flux-points", "flux-points.fits", FITS, "Flux points, GADF FITS"), provenance
    )
    sed.write_ecsv(
        table, files.new("flux-points-ecsv", "flux-points.ecsv", ECSV, "Flux points, ECSV"), provenance
    )
    sed.write_votable(
        table,
        files.new("flux-points-votable", "flux-points.vot", VOTABLE, "Flux points, VOTable"),
        provenance,
    )
    facts = {
        "title": parameters.title,
        "fit": fit_facts(analysis.fit),
        "flux_points": sed.as_rows(table),
        **provenance.to_dict(),
    }
    files.write_json("spectrum.json", "Fitted parameters and flux points, JSON", facts)
    write_model(analysis.fit, files)
    datasets = files.new(
        "datasets", "datasets.zip", ZIP, "Counts, background and responses: OGIP PHA, ARF and RMF files"
    )
    write_ogip(analysis.datasets, datasets, provenance)
    plot_spectrum(
        table,
        analysis.fit.model.spectral_model,
        parameters.title,
        files.figure("spectrum", "Flux points and model"),
    )
    provenance.write_to(files)
    return files.made


def write_model(fit: FitResult, files: ProductFiles) -> None:
    """Write the fitted model as Gammapy reads it, with its covariance."""
    from gammapy.modeling.models import Models  # noqa: PLC0415 - it takes seconds to import

    path = files.new("model", "model.yaml", YAML, "The fitted model, as Gammapy reads it")
    path.write_text(str(Models([fit.model]).to_yaml(full_output=True)), encoding="utf-8")
