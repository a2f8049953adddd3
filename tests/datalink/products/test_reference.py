"""The Crab nebula as published: Nigro et al. 2019, A&A 625, A10, table 2."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import pytest

from datalink.products.fit import fit_model
from datalink.products.gather import Workshop, gather
from datalink.products.model import make_model
from datalink.products.settings import Position, Reduction
from datalink.products.watch import NobodyWatches
from tests.support.folders import observations_in

CRAB = Position(83.633083, 22.0145)


@dataclass(frozen=True)
class Published:
    """A log parabola with the decadic logarithm: value and standard deviation of each parameter."""

    amplitude: tuple[float, float]
    """At 1 TeV [1e-12 cm-2 s-1 TeV-1]."""
    alpha: tuple[float, float]
    beta: tuple[float, float]
    energies: tuple[float, float]
    """Range of the fit [TeV]."""
    radius: float | None
    """Radius of the on region, where the responses do not give it [deg]."""
    count: int
    """Observations."""


PUBLISHED = {
    "magic-joint-crab": Published((41.45, 2.97), (2.600, 0.095), (0.442, 0.112), (0.08, 30), None, 2),
    "veritas-joint-crab": Published((37.60, 3.63), (2.441, 0.095), (0.259, 0.169), (0.15, 30), None, 2),
    "hess-joint-crab": Published((44.74, 2.87), (2.393, 0.183), (0.372, 0.224), (0.66, 30), 0.11, 4),
    "fact-joint-crab": Published((34.91, 3.05), (2.542, 0.225), (0.425, 0.313), (0.4, 30), None, 125),
}


@pytest.mark.real
@pytest.mark.parametrize("collection", PUBLISHED)
def test_the_crab_is_the_published_one(
    collection: str, dl3_root: Path, workshop: Workshop, record_property: pytest.RecordProperty
) -> None:
    from gammapy.datasets import Datasets  # noqa: PLC0415 - it takes seconds to import

    folder = dl3_root / collection
    if not folder.is_dir():
        pytest.skip(f"{collection} is not among the real data")
    expected = PUBLISHED[collection]
    reduction = Reduction(CRAB, radius=expected.radius, safe="thresholds")
    gathered = gather(observations_in(folder), reduction, workshop, NobodyWatches())
    assert len(gathered.datasets) == expected.count
    datasets = Datasets(list(gathered.datasets))
    if expected.count > 10:  # as the authors did
        datasets = Datasets([datasets.stack_reduce(name=collection)])
    fit = fit_model(datasets, make_model("log-parabola", 1.0, "crab"), expected.energies)
    assert fit.converged
    found = {each.name: each.value for each in fit.parameters}
    reached = {
        "amplitude": (found["amplitude"] * 1e12, expected.amplitude),
        "alpha": (found["alpha"], expected.alpha),
        "beta": (found["beta"] * math.log(10), expected.beta),
    }
    for name, (value, (published, error)) in reached.items():
        record_property(
            name, f"{value:.4g} against {published} +- {error}: {(value - published) / error:+.2f} sigma"
        )
        assert value == pytest.approx(published, abs=0.5 * error)
