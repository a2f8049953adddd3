"""What Gammapy makes of an observation: exposure, background, and what follows of them and the counts.

The functions here run in a process of their own: Gammapy takes seconds to import and is busy for long.
"""

from __future__ import annotations

import gzip
import io
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datalink.grids import Grid

Reals = NDArray[np.float64]

CORRELATION = 0.1
"""Radius [deg] of the circle around a pixel in which significance and flux are measured."""
_INDEX = 2.7
"""Of the power law by which the exposure is averaged over energy."""


@dataclass(frozen=True, slots=True, eq=False)
class FieldJob:
    """What the maps are made of."""

    grid: Grid
    energies: tuple[float, float]
    """[TeV]"""
    base: str
    """Root of the release."""
    observation_index: bytes
    """obs-index table with the one observation, compressed."""
    hdu_index: bytes
    """hdu-index table with its HDUs, compressed."""
    obs_id: int
    counts: Reals
    """Counts within the energies."""
    wanted: tuple[str, ...]
    """Of exposure, background, excess, significance, flux."""


def make_maps(job: FieldJob) -> dict[str, NDArray[np.float32]]:
    """Each of the maps that are wanted.

    Raises
    ------
    Exception
        Raised is what Gammapy raises of files that it cannot read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: image.astype(np.float32) for name, image in _maps(job).items() if name in job.wanted}


def _maps(job: FieldJob) -> dict[str, Reals]:
    from astropy.table import Table  # noqa: PLC0415
    from gammapy.data import DataStore, HDUIndexTable, ObservationTable  # noqa: PLC0415
    from gammapy.datasets import MapDataset  # noqa: PLC0415
    from gammapy.makers import MapDatasetMaker  # noqa: PLC0415
    from gammapy.maps import MapAxis, WcsGeom  # noqa: PLC0415

    hdus = HDUIndexTable(Table.read(io.BytesIO(gzip.decompress(job.hdu_index)), format="fits", hdu=1))
    hdus.meta["BASE_DIR"] = job.base
    observations = ObservationTable(
        Table.read(io.BytesIO(gzip.decompress(job.observation_index)), format="fits", hdu=1)
    )
    store = DataStore(hdu_table=hdus, obs_table=observations)
    observation = store.obs(job.obs_id, required_irf="all-optional")
    low, high = job.energies
    energy = MapAxis.from_energy_bounds(low, high, nbin=10, unit="TeV")
    true = MapAxis.from_energy_bounds(low, high, nbin=10, unit="TeV", name="energy_true")
    shape = (job.grid.npix, job.grid.npix)
    geom = WcsGeom(job.grid.wcs, shape, axes=[energy])
    empty = MapDataset.create(geom, energy_axis_true=true, binsz_irf=1.0)
    selection = [name for name in ("exposure", "background") if _is_possible(name, observation)]
    made = MapDatasetMaker(selection=selection).run(empty, observation)
    images: dict[str, Reals] = {}
    if "exposure" in selection:
        middle = true.center.value
        weight = (middle**-_INDEX * true.bin_width.value)[:, None, None]
        exposure = made.exposure.to_unit("m2 s").data
        images["exposure"] = (exposure * weight).sum(axis=0) / weight.sum()
    if "background" in selection:
        images |= _excesses(job, np.nan_to_num(made.background.data.sum(axis=0)), images.get("exposure"))
    return images


def _is_possible(name: str, observation: Any) -> bool:
    return (observation.aeff if name == "exposure" else observation.bkg) is not None


def _excesses(job: FieldJob, background: Reals, exposure: Reals | None) -> dict[str, Reals]:
    from gammapy.stats import CashCountsStatistic  # noqa: PLC0415
    from scipy.ndimage import convolve  # noqa: PLC0415

    steps = int(CORRELATION / job.grid.pixel)
    across = np.arange(-steps, steps + 1) * job.grid.pixel
    disc = (np.hypot(*np.meshgrid(across, across)) <= CORRELATION).astype(float)
    around, expected = (convolve(image, disc, mode="constant") for image in (job.counts, background))
    known = expected > 0
    significance = np.full(known.shape, np.nan)
    significance[known] = CashCountsStatistic(around[known], expected[known]).sqrt_ts
    images = {
        "background": background,
        "excess": job.counts - background,
        "significance": significance,
    }
    if exposure is not None:
        flux = np.full(known.shape, np.nan)
        exposed = exposure > 0
        # 1 m2 is 1e4 cm2.
        flux[exposed] = (around - expected)[exposed] / (exposure[exposed] * 1e4)
        images["flux"] = flux
    return images
