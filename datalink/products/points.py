"""Flux points: the flux in groups of energy bins, with errors and upper limits."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from datalink.products.errors import ProductError

if TYPE_CHECKING:
    from gammapy.datasets import Datasets
    from gammapy.estimators import FluxPoints

UL_SIGMA = 2.0
"""Confidence of upper limits: 95.45 %."""
UL_SQRT_TS = 2.0
"""Significance below which a point is told as an upper limit."""


def flux_points(datasets: Datasets, source: str, per_decade: int) -> FluxPoints:
    """The flux in each of a number of ranges of energy.

    Asymmetric errors, profiles of the likelihood and sensitivities are not estimated: they would take most of
    the time.

    Parameters
    ----------
    datasets
        With the fitted model and their masks.
    source
        Name of the model.
    per_decade
        Points in a decade of energy.

    Raises
    ------
    ProductError
        Raised if no range of energy holds data.
    """
    from astropy import units as u  # noqa: PLC0415 - only where products are made
    from gammapy.estimators import FluxPointsEstimator  # noqa: PLC0415 - it takes seconds to import

    estimator = FluxPointsEstimator(
        energy_edges=point_edges(datasets, per_decade) * u.TeV,
        source=source,
        selection_optional=["ul"],
        n_sigma_ul=UL_SIGMA,
        allow_multiple_telescopes=True,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of ranges in which there is nothing
        points = estimator.run(datasets)
    points.sqrt_ts_threshold_ul = UL_SQRT_TS
    return points


def point_edges(datasets: Datasets, per_decade: int) -> NDArray[np.float64]:
    """Edges of the ranges: some of those of the energy axis, from the lowest to the highest energy in use.

    Returns
    -------
    edges : ndarray, shape (n + 1,)
        Rising [TeV].
    """
    axis = datasets[0].counts.geom.axes["energy"]
    used = np.zeros(axis.nbin, dtype=bool)
    for dataset in datasets:
        used |= dataset.mask.data.ravel()
    chosen = np.flatnonzero(used)
    if not chosen.size:
        raise ProductError("no energy is both in the safe range of the responses and in the one asked for")
    edges = axis.edges.to_value("TeV")[chosen[0] : chosen[-1] + 2]
    steps = max(1, round(np.log10(edges[-1] / edges[0]) * per_decade))
    wanted = np.geomspace(edges[0], edges[-1], steps + 1)
    nearest = np.abs(np.log(edges[None, :] / wanted[:, None])).argmin(axis=1)
    return np.asarray(edges[np.unique(nearest)], dtype=float)
