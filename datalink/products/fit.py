"""The fit of a spectral model to reduced observations."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from datalink.products.errors import ProductError
from datalink.products.gather import Gathered

if TYPE_CHECKING:
    from gammapy.datasets import Datasets, SpectrumDatasetOnOff
    from gammapy.modeling.models import SkyModel


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a model, as the fit left it."""

    name: str
    value: float
    error: float
    """Standard deviation; 0 where the parameter was frozen."""
    unit: str
    """VOUnit."""
    frozen: bool


@dataclass(frozen=True, slots=True)
class FitResult:
    """A fitted model."""

    model: SkyModel
    """With values, errors and covariance."""
    parameters: tuple[Parameter, ...]
    covariance: NDArray[np.float64]
    """Of the parameters in their order, frozen ones with zeros, shape (n, n)."""
    statistic: float
    """-2 log(L), W statistics (Cash 1979; unknown background measured in off regions)."""
    n_bins: int
    """Bins of energy that took part, of all datasets."""
    converged: bool
    message: str
    """What the minimiser said."""


def stacked(gathered: Gathered) -> Datasets:
    """One dataset for each collection: the sum of its observations.

    Within a collection exposures are added and energy dispersions are averaged, weighted with the exposure,
    as `gammapy.datasets.SpectrumDatasetOnOff.stack` does.
    """
    from gammapy.datasets import Datasets  # noqa: PLC0415 - it takes seconds to import

    by_collection: dict[str, list[SpectrumDatasetOnOff]] = {}
    for outcome, dataset in zip(gathered.used, gathered.datasets, strict=True):
        by_collection.setdefault(outcome.files.collection, []).append(dataset)
    return Datasets([_stack(name, datasets) for name, datasets in by_collection.items()])


def _stack(name: str, datasets: Sequence[SpectrumDatasetOnOff]) -> SpectrumDatasetOnOff:
    from gammapy.datasets import Datasets  # noqa: PLC0415

    if len(datasets) == 1:
        return datasets[0].copy(name=name)
    return Datasets(datasets).stack_reduce(name=name)


def fit_model(datasets: Datasets, model: SkyModel, energies: tuple[float | None, float | None]) -> FitResult:
    """Fit one model to all datasets at once.

    Parameters
    ----------
    datasets
        Each with its own counts; their masks and models are set.
    model
        With first values.
    energies
        Lowest and highest reconstructed energy of the fit, whole bins within; None for no bound but the safe
        range of each [TeV].

    Raises
    ------
    ProductError
        Raised if no bin is left, or if the minimiser fails.
    """
    from gammapy.modeling import Fit  # noqa: PLC0415 - it takes seconds to import

    _mask(datasets, energies)
    n_bins = int(sum(dataset.mask.data.sum() for dataset in datasets))
    free = sum(not parameter.frozen for parameter in model.parameters)
    if n_bins <= free:
        raise ProductError(
            f"{n_bins} bins of energy are in the range of the fit, and {free} parameters want more: "
            "widen the range, or choose a model with fewer parameters"
        )
    datasets.models = [model]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of steps into nowhere: what counts is whether it converged
        result = Fit().run(datasets)
    parameters = tuple(
        Parameter(each.name, float(each.value), float(each.error), each.unit.to_string("vounit"), each.frozen)
        for each in model.parameters
    )
    if not all(np.isfinite([part.value for part in parameters])):
        raise ProductError(f"the fit went nowhere ({result.message})")
    return FitResult(
        model=model,
        parameters=parameters,
        covariance=np.array(model.covariance.data, dtype=float),
        statistic=float(datasets.stat_sum()),
        n_bins=n_bins,
        converged=bool(result.success),
        message=str(result.message),
    )


def _mask(datasets: Datasets, energies: tuple[float | None, float | None]) -> None:
    from astropy import units as u  # noqa: PLC0415

    low, high = (None if energy is None else energy * u.TeV for energy in energies)
    for dataset in datasets:
        dataset.mask_fit = (
            None if low is None and high is None else dataset.counts.geom.energy_mask(low, high)
        )
