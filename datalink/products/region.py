"""The region whose events are counted, as the responses of an observation ask for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datalink.products.errors import ObservationError
from datalink.products.settings import Reduction

if TYPE_CHECKING:
    from gammapy.data import Observation
    from regions import SkyRegion

CONTAINMENT = 0.68
REFERENCE_ENERGY = 1.0
"""Energy at which the point spread function gives the radius, where nothing else does [TeV]."""
LEAST_RADIUS, MOST_RADIUS = 0.05, 0.3
"""Bounds of a radius that comes from the point spread function [deg]."""
_SAME = 1e-3
"""Relative difference up to which Gammapy takes a radius for RAD_MAX."""


@dataclass(frozen=True, slots=True)
class OnRegion:
    """Where the events are counted."""

    region: SkyRegion
    """A circle; a point where the radius depends on the energy (RAD_MAX_2D)."""
    radius: float
    """Its radius, or where it depends on the energy that at 1 TeV [deg]."""
    corrects_containment: bool
    """Whether the exposure is still to be reduced by what the point spread function spreads out of the
    region: so with full-enclosure responses."""

    @property
    def depends_on_energy(self) -> bool:
        """Whether the radius does."""
        return not hasattr(self.region, "radius")


def on_region(observation: Observation, reduction: Reduction) -> OnRegion:
    """The on region of an observation.

    Raises
    ------
    ObservationError
        Raised if the responses were made for another radius, or if there is nothing to tell a radius from.
    """
    from astropy import units as u  # noqa: PLC0415 - only where products are made
    from astropy.coordinates import SkyCoord  # noqa: PLC0415
    from regions import CircleSkyRegion, PointSkyRegion  # noqa: PLC0415

    center = SkyCoord(reduction.position.ra, reduction.position.dec, unit="deg", frame="icrs")
    rad_max = observation.rad_max
    if rad_max is None:
        radius = reduction.radius or _containment(observation, center)
        return OnRegion(CircleSkyRegion(center, radius * u.deg), radius, observation.psf is not None)
    offset = observation.get_pointing_icrs(observation.tmid).separation(center)
    made_for = _radius_of(rad_max, offset)
    if not rad_max.is_fixed_rad_max:
        if reduction.radius is not None:
            raise ObservationError(
                "its responses hold for an on region whose radius depends on the energy (RAD_MAX_2D): "
                "leave the radius out"
            )
        return OnRegion(PointSkyRegion(center), made_for, False)
    if reduction.radius is not None and not math.isclose(reduction.radius, made_for, rel_tol=_SAME):
        raise ObservationError(
            f"its responses hold for an on region of {made_for:.6g} deg (RAD_MAX), "
            f"not of {reduction.radius:.6g} deg"
        )
    return OnRegion(CircleSkyRegion(center, made_for * u.deg), made_for, False)


def _radius_of(rad_max: Any, offset: Any) -> float:
    if rad_max.is_fixed_rad_max:
        return float(rad_max.quantity.to_value("deg").flat[0])
    return float(rad_max.evaluate(energy=REFERENCE_ENERGY * _tev(), offset=offset).to_value("deg").item())


def _tev() -> Any:
    from astropy import units as u  # noqa: PLC0415

    return u.TeV


def _containment(observation: Observation, center: Any) -> float:
    psf = observation.psf
    if psf is None:
        raise ObservationError("it has neither RAD_MAX nor a point spread function: give a radius")
    offset = observation.get_pointing_icrs(observation.tmid).separation(center)
    radius = psf.containment_radius(
        fraction=CONTAINMENT,
        energy_true=REFERENCE_ENERGY * _tev(),
        offset=min(offset, psf.axes["offset"].edges[-1]),
    )
    found = float(radius.to_value("deg").item())
    if not found > 0:
        raise ObservationError("its point spread function tells no radius at 1 TeV here: give a radius")
    return min(max(found, LEAST_RADIUS), MOST_RADIUS)
