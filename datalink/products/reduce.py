"""From the events of one observation to counts in an on region and in off regions, with Gammapy's makers."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datalink.products.errors import ObservationError
from datalink.products.inputs import ObservationFiles
from datalink.products.observation import Responses, first_line, read_observation
from datalink.products.region import OnRegion, on_region
from datalink.products.settings import EnergyBins, Reduction

if TYPE_CHECKING:
    from gammapy.data import Observation
    from gammapy.datasets import SpectrumDatasetOnOff

AEFF_PERCENT = 10.0
"""Percent of the greatest effective area below which responses are not trusted, if they do not tell."""
OFF_REGIONS = 3
"""Off regions around the pointing where the radius depends on the energy."""
_FIELD = 8.0
"""Width of the map that shows what is excluded [deg]."""
_PIXEL = 0.02
"""Width of its pixels [deg]."""


@dataclass(frozen=True, slots=True)
class Reduced:
    """What one observation gave."""

    dataset: SpectrumDatasetOnOff
    radius: float
    """Radius of the on region; at 1 TeV where it depends on the energy [deg]."""
    longitude: float = 0.0
    """Of the telescope, east positive; 0 where it is not known [deg]."""


def reduce_observation(files: ObservationFiles, reduction: Reduction, responses: Responses) -> Reduced:
    """Count the events of an observation on the source and in reflected regions.

    The regions are reflected about the pointing (Berge, Funk & Hinton 2007, A&A 466, 1219), as
    `gammapy.makers.ReflectedRegionsBackgroundMaker` does.

    Parameters
    ----------
    files
        The observation.
    reduction
        How.
    responses
        Those that are shared among observations.

    Returns
    -------
    Reduced
        Its dataset is named ``collection-obs_id``.

    Raises
    ------
    ObservationError
        Raised if the observation cannot be used; the message says why.
    """
    try:
        with _quiet():
            observation = _within(read_observation(files, responses), reduction)
            _check_offset(observation, reduction)
            region = on_region(observation, reduction)
            dataset = _dataset(files.name, observation, region, reduction)
            return Reduced(dataset, region.radius, _longitude(observation))
    except (ObservationError, MemoryError):
        raise
    except Exception as error:
        raise ObservationError(f"Gammapy cannot reduce it ({first_line(error)})") from error


def _dataset(
    name: str, observation: Observation, region: OnRegion, reduction: Reduction
) -> SpectrumDatasetOnOff:
    from gammapy.datasets import SpectrumDataset  # noqa: PLC0415 - it takes seconds to import
    from gammapy.makers import (  # noqa: PLC0415
        ReflectedRegionsBackgroundMaker,
        ReflectedRegionsFinder,
        SafeMaskMaker,
        SpectrumDatasetMaker,
        WobbleRegionsFinder,
    )
    from gammapy.maps import RegionGeom  # noqa: PLC0415

    geom = RegionGeom.create(region.region, axes=[_axis(reduction.energy, "energy")])
    empty = SpectrumDataset.create(
        geom, energy_axis_true=_axis(reduction.energy_true, "energy_true"), name=name
    )
    maker = SpectrumDatasetMaker(
        selection=["counts", "exposure", "edisp"],
        containment_correction=region.corrects_containment,
        use_region_center=True,
    )
    finder = WobbleRegionsFinder(OFF_REGIONS) if region.depends_on_energy else ReflectedRegionsFinder()
    background = ReflectedRegionsBackgroundMaker(
        region_finder=finder, exclusion_mask=_exclusion_mask(region, reduction)
    )
    dataset = background.run(maker.run(empty, observation), observation)
    if dataset.counts_off is None:
        raise ObservationError(
            "no region for its background was found: the pointing is on the source, or all is excluded"
        )
    methods = _safe_methods(observation, reduction)
    if methods:
        dataset = SafeMaskMaker(methods, aeff_percent=AEFF_PERCENT).run(dataset, observation)
    return dataset


def _longitude(observation: Observation) -> float:
    place = observation.meta.location
    return float(place.lon.deg) if place is not None else 0.0


def _within(observation: Observation, reduction: Reduction) -> Observation:
    if reduction.time is None:
        return observation
    from astropy.time import Time  # noqa: PLC0415

    # In the scale of the intervals, as UTC is not defined for all years that may be asked for.
    start, stop = Time(list(reduction.time), format="mjd", scale="utc").tt
    if not ((observation.gti.time_start < stop) & (observation.gti.time_stop > start)).any():
        raise ObservationError("it has no live time between those that were asked for")
    return observation.select_time(Time([start, stop]))


def _check_offset(observation: Observation, reduction: Reduction) -> None:
    from astropy.coordinates import SkyCoord  # noqa: PLC0415

    source = SkyCoord(reduction.position.ra, reduction.position.dec, unit="deg", frame="icrs")
    offset = observation.get_pointing_icrs(observation.tmid).separation(source).deg
    if offset > reduction.max_offset:
        raise ObservationError(
            f"it points {offset:.2f} deg away, and {reduction.max_offset:g} deg is the most"
        )


def _safe_methods(observation: Observation, reduction: Reduction) -> list[str]:
    if reduction.safe == "none":
        return []
    told = any(observation.aeff.meta.get(key) for key in ("LO_THRES", "HI_THRES"))
    if reduction.safe == "thresholds" or (reduction.safe == "auto" and told):
        return ["aeff-default"]
    return ["aeff-max"]


def _axis(bins: EnergyBins, name: str) -> Any:
    from gammapy.maps import MapAxis  # noqa: PLC0415

    return MapAxis.from_energy_bounds(
        bins.low, bins.high, nbin=bins.per_decade, per_decade=True, unit="TeV", name=name
    )


def _exclusion_mask(region: OnRegion, reduction: Reduction) -> Any:
    """The sky around the source, False where something is excluded; None where nothing is."""
    if not reduction.exclusions:
        return None
    from astropy import units as u  # noqa: PLC0415
    from astropy.coordinates import SkyCoord  # noqa: PLC0415
    from gammapy.maps import WcsGeom  # noqa: PLC0415
    from regions import CircleSkyRegion  # noqa: PLC0415

    center = SkyCoord(reduction.position.ra, reduction.position.dec, unit="deg", frame="icrs")
    geom = WcsGeom.create(skydir=center, width=_FIELD, binsz=_PIXEL, proj="TAN", frame="icrs")
    circles = [
        CircleSkyRegion(SkyCoord(each.position.ra, each.position.dec, unit="deg"), each.radius * u.deg)
        for each in reduction.exclusions
    ]
    near = [
        circle
        for circle in circles
        if circle.center.separation(center).deg < _FIELD / 2 + circle.radius.value
    ]
    return geom.region_mask(near, inside=False) if near else None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Gammapy's remarks from the log: what matters of them is in the report of the product."""
    log = logging.getLogger("gammapy")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
