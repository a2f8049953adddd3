"""Reduced observations on disk, so that another model of the same source needs no second reduction.

One file each: the arrays of the dataset as NumPy has them (no pickle: nothing in them is ever run) and a line
of JSON with the rest. To read one takes milliseconds; FITS in any of the formats of Gammapy takes as long as
the reduction itself.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from datalink.products.reduce import Reduced

if TYPE_CHECKING:
    from gammapy.datasets import SpectrumDatasetOnOff

VERSION = 1
"""Of the files: those of another are made anew."""
SUFFIX = ".npz"


class ReducedStore:
    """A folder of reduced observations, by key.

    Parameters
    ----------
    folder
        Where they lie; it is made when the first one comes.
    limit
        Most bytes of all together; those not used for longest go first.
    """

    def __init__(self, folder: Path, limit: int = 2 << 30) -> None:
        self._folder = folder
        self._limit = limit

    def get(self, key: str) -> Reduced | None:
        """What was kept under that key; None if nothing was, or if its file is damaged."""
        path = self._path(key)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                reduced = _from_arrays(dict(arrays))
            os.utime(path)
        except (OSError, ValueError, KeyError, BadZipFile, EOFError):
            return None
        return reduced

    def put(self, key: str, reduced: Reduced) -> None:
        """Keep it; a reader sees the whole file or none."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".part", delete=False) as file:
            try:
                np.savez_compressed(file, **_to_arrays(reduced))
                file.close()
                Path(file.name).replace(self._path(key))
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise

    def sweep(self) -> None:
        """Delete what was not used for longest, until the rest is within the limit."""
        found = []
        for path in self._folder.glob(f"*{SUFFIX}"):
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            found.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self._limit:
                return
            path.unlink(missing_ok=True)
            total -= size

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{SUFFIX}"


def _to_arrays(reduced: Reduced) -> dict[str, Any]:
    dataset = reduced.dataset
    start, stop = dataset.gti.time_start.tt, dataset.gti.time_stop.tt
    facts = {
        "version": VERSION,
        "name": dataset.name,
        "radius": reduced.radius,
        "longitude": reduced.longitude,
        "livetime": float(dataset.exposure.meta["livetime"].to_value("s")),
        "is_pointlike": bool(dataset.exposure.meta.get("is_pointlike", False)),
        "on": _to_circles(dataset.counts.geom.region),
        "off": _to_circles(dataset.counts_off.geom.region),
    }
    return {
        "facts": np.array(json.dumps(facts)),
        "energy": dataset.counts.geom.axes["energy"].edges.to_value("TeV"),
        "energy_true": dataset.exposure.geom.axes["energy_true"].edges.to_value("TeV"),
        "counts": dataset.counts.data.ravel(),
        "counts_off": dataset.counts_off.data.ravel(),
        "acceptance": dataset.acceptance.data.ravel(),
        "acceptance_off": dataset.acceptance_off.data.ravel(),
        "mask_safe": dataset.mask_safe.data.ravel()
        if dataset.mask_safe
        else np.ones(dataset.counts.data.size, bool),
        "exposure": dataset.exposure.quantity.to_value("m2 s").ravel(),
        "edisp": dataset.edisp.edisp_map.data[..., 0, 0],
        "edisp_exposure": dataset.edisp.exposure_map.quantity.to_value("m2 s").ravel(),
        "gti": np.array([start.jd1, start.jd2, stop.jd1, stop.jd2]),
    }


def _from_arrays(arrays: dict[str, Any]) -> Reduced:
    facts = json.loads(str(arrays["facts"]))
    if facts["version"] != VERSION:
        raise ValueError(f"a file of version {facts['version']}")
    return Reduced(_dataset(facts, arrays), facts["radius"], facts["longitude"])


def _dataset(facts: dict[str, Any], arrays: dict[str, Any]) -> SpectrumDatasetOnOff:
    from astropy import units as u  # noqa: PLC0415 - only where products are made
    from astropy.time import Time  # noqa: PLC0415
    from gammapy.data import GTI  # noqa: PLC0415 - it takes seconds to import
    from gammapy.datasets import SpectrumDatasetOnOff  # noqa: PLC0415
    from gammapy.irf import EDispKernelMap  # noqa: PLC0415
    from gammapy.maps import MapAxis, RegionGeom, RegionNDMap  # noqa: PLC0415
    from gammapy.utils.regions import regions_to_compound_region  # noqa: PLC0415

    energy = MapAxis.from_energy_edges(arrays["energy"], unit="TeV", name="energy")
    energy_true = MapAxis.from_energy_edges(arrays["energy_true"], unit="TeV", name="energy_true")
    # One projection for all: it serves figures only, and to find one takes most of the time.
    image = RegionGeom.create(_to_region(facts["on"]))
    off = regions_to_compound_region([_to_region([circle]) for circle in facts["off"]])
    geom, geom_true = image.to_cube([energy]), image.to_cube([energy_true])
    geom_off = RegionGeom(off, axes=[energy], wcs=image.wcs)
    geom_edisp = image.to_cube([energy, energy_true])

    def filled(geom: Any, name: str, unit: str = "") -> Any:
        return RegionNDMap.from_geom(geom, data=arrays[name].reshape(geom.data_shape), unit=unit)

    exposure = filled(geom_true, "exposure", "m2 s")
    exposure.meta = {"livetime": facts["livetime"] * u.s, "is_pointlike": facts["is_pointlike"]}
    gti = arrays["gti"]
    return SpectrumDatasetOnOff(
        name=facts["name"],
        counts=filled(geom, "counts"),
        counts_off=filled(geom_off, "counts_off"),
        acceptance=filled(geom, "acceptance"),
        acceptance_off=filled(geom_off, "acceptance_off"),
        mask_safe=filled(geom, "mask_safe"),
        exposure=exposure,
        edisp=EDispKernelMap(
            filled(geom_edisp, "edisp"),
            filled(geom_edisp.squash(axis_name="energy"), "edisp_exposure", "m2 s"),
        ),
        gti=GTI.create(
            Time(gti[0], gti[1], format="jd", scale="tt"), Time(gti[2], gti[3], format="jd", scale="tt")
        ),
    )


def _to_circles(region: Any) -> list[list[float]]:
    """Right ascension, declination and radius [deg] of each circle; without a radius of each point."""
    from gammapy.utils.regions import compound_region_to_regions  # noqa: PLC0415

    parts = compound_region_to_regions(region)
    return [
        [float(part.center.icrs.ra.deg), float(part.center.icrs.dec.deg)]
        + ([float(part.radius.to_value("deg"))] if hasattr(part, "radius") else [])
        for part in parts
    ]


def _to_region(circles: list[list[float]]) -> Any:
    from astropy import units as u  # noqa: PLC0415
    from astropy.coordinates import SkyCoord  # noqa: PLC0415
    from regions import CircleSkyRegion, PointSkyRegion  # noqa: PLC0415

    ra, dec, *radius = circles[0]
    center = SkyCoord(ra, dec, unit="deg", frame="icrs")
    return CircleSkyRegion(center, radius[0] * u.deg) if radius else PointSkyRegion(center)
