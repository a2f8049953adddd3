"""Several instruments, one model: the fit of each alone and of all together.

As for the Crab nebula by Nigro et al. 2019, A&A 625, A10.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datalink.products.base import Archive
from datalink.products.errors import ProductError
from datalink.products.figure import plot_models
from datalink.products.files import VOTABLE, ProductFile, ProductFiles
from datalink.products.fit import FitResult, fit_model, stacked
from datalink.products.fittable import fit_table, write_votable
from datalink.products.gather import Workshop
from datalink.products.model import make_model
from datalink.products.parameters import SpectralParameters
from datalink.products.provenance import Provenance
from datalink.products.spectrum import SOURCE, fit_facts, gather_source, write_model
from datalink.products.watch import Watch, go_on

JOINT = "joint"
"""Name of the fit of all together."""


class JointParameters(SpectralParameters):
    """What a joint fit depends on."""


class Joint:
    """One spectral model for the observations of several collections."""

    name = "joint"
    title = "Joint fit"
    description = (
        "A spectral model fitted to the observations of each collection alone and to all of them together, "
        "side by side."
    )
    parameters = JointParameters

    def make(
        self, parameters: JointParameters, archive: Archive, directory: Path, workshop: Workshop, watch: Watch
    ) -> list[ProductFile]:
        """Make it; see :class:`datalink.products.base.Product`."""
        from gammapy.datasets import Datasets  # noqa: PLC0415 - it takes seconds to import

        gathered = gather_source(parameters, archive, workshop, watch)
        datasets = stacked(gathered)
        fits: dict[str, FitResult] = {}
        failed: dict[str, str] = {}
        groups = {dataset.name: Datasets([dataset]) for dataset in datasets}
        for number, (name, group) in enumerate({**groups, JOINT: datasets}.items()):
            go_on(watch)
            watch.progress("fit", number, len(groups) + 1)
            model = make_model(parameters.model, parameters.reference, SOURCE)
            try:
                fits[name] = fit_model(group, model, parameters.energies)
            except ProductError as error:
                failed[name] = str(error)
        if JOINT not in fits:
            raise ProductError(failed[JOINT])
        provenance = Provenance.of(self.name, parameters, gathered, archive.terms(gathered.collections))
        return _write(parameters, fits, failed, provenance, directory)


def _write(
    parameters: JointParameters,
    fits: dict[str, FitResult],
    failed: dict[str, str],
    provenance: Provenance,
    directory: Path,
) -> list[ProductFile]:
    files = ProductFiles(directory)
    facts: dict[str, Any] = {
        "title": parameters.title,
        "fits": {name: fit_facts(fit) for name, fit in fits.items()},
        "failed": failed,
        **provenance.to_dict(),
    }
    files.write_json("joint.json", "The fits of each collection and of all together, JSON", facts)
    path = files.new("fits-votable", "fits.vot", VOTABLE, "Fitted parameters, a row for each fit, VOTable")
    write_votable(fit_table(fits), path, provenance)
    write_model(fits[JOINT], files)
    models = {name: fit.model.spectral_model for name, fit in fits.items()}
    plot_models(models, _span(parameters), parameters.title, files.figure("joint", "The fitted models"))
    provenance.write_to(files)
    return files.made


def _span(parameters: JointParameters) -> Sequence[float]:
    return (
        parameters.energy_min or parameters.axis_min * 5,
        parameters.energy_max or parameters.axis_max / 3,
    )
