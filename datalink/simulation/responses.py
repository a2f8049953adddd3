"""Instrument response functions from the facts of an instrument, as Gammapy's own classes."""

from __future__ import annotations

from dataclasses import dataclass

import astropy.units as u
import numpy as np
from gammapy.irf import (
    IRF,
    PSF3D,
    Background3D,
    EffectiveAreaTable2D,
    EnergyDependentMultiGaussPSF,
    EnergyDispersion2D,
    RadMax2D,
)
from gammapy.maps import MapAxes, MapAxis

from datalink.simulation.instruments import Instrument

# A share of the events is reconstructed worse than the rest: the tail of the point spread function.
TAIL_SHARE = 0.15
TAIL_WIDTH = 2.5
# The directional cut of point-like responses, in widths of the core; it holds three quarters of the events.
CUT_WIDTHS = 2.0
BACKGROUND_INDEX = 2.7


@dataclass(frozen=True)
class Responses:
    """The response functions of one observation."""

    aeff: EffectiveAreaTable2D
    """Effective area before any cut on direction."""
    edisp: EnergyDispersion2D
    psf: EnergyDependentMultiGaussPSF
    bkg: Background3D
    rad_max: RadMax2D
    """Directional cut of point-like responses."""


def make_responses(instrument: Instrument, *, efficiency: float = 1.0) -> Responses:
    """Every response that an observation is simulated with.

    Parameters
    ----------
    instrument
        Whose.
    efficiency
        Factor on effective area and background rate, such as that of its mirrors.
    """
    return Responses(
        aeff=_effective_area(instrument, efficiency),
        edisp=_energy_dispersion(instrument),
        psf=_point_spread(instrument),
        bkg=_background(instrument, efficiency),
        rad_max=_directional_cut(instrument),
    )


def written_responses(instrument: Instrument, responses: Responses) -> dict[str, IRF]:
    """The responses that the files of an instrument hold, by GADF HDU type.

    A point-like instrument has an effective area after its directional cut, that cut (RAD_MAX), and neither
    point spread function nor background (GADF 0.3, "Point-like IRFs").
    """
    if instrument.is_pointlike:
        return {
            "aeff": _after_cut(responses),
            "edisp": _as_pointlike(responses.edisp),
            "rad_max": responses.rad_max,
        }
    psf = responses.psf if instrument.psf_class == "psf_3gauss" else _tabulated(responses.psf)
    return {"aeff": responses.aeff, "edisp": responses.edisp, "psf": psf, "bkg": responses.bkg}


def _energy_axis(instrument: Instrument, name: str, per_decade: int) -> MapAxis:
    low, high = instrument.energy_range
    return MapAxis.from_energy_bounds(low, high, nbin=per_decade, per_decade=True, name=name)


def _offset_axis(instrument: Instrument, bins: int = 6) -> MapAxis:
    edges = np.linspace(0, instrument.field_radius.to_value("deg"), bins + 1) * u.deg
    return MapAxis.from_edges(edges, name="offset")


def _turn_on(instrument: Instrument, energy: u.Quantity) -> np.ndarray:
    """Share of the full effective area that is reached at an energy, 0 to 1."""
    return np.asarray(1 / (1 + (energy / instrument.threshold).to_value("") ** -3.5))


def _drop(offset: u.Quantity, width: u.Quantity) -> np.ndarray:
    return np.asarray(np.exp(-0.5 * (offset / width).to_value("") ** 2))


def _effective_area(instrument: Instrument, efficiency: float) -> EffectiveAreaTable2D:
    axes = MapAxes([_energy_axis(instrument, "energy_true", 20), _offset_axis(instrument)])
    coords = axes.get_coord()
    full = efficiency * instrument.area * _turn_on(instrument, coords["energy_true"])
    area = full * _drop(coords["offset"], instrument.area_width)
    return EffectiveAreaTable2D(axes=axes, data=area.to_value("m2"), unit="m2")


def _energy_dispersion(instrument: Instrument) -> EnergyDispersion2D:
    energy_axis = _energy_axis(instrument, "energy_true", 20)
    energy = energy_axis.center.to_value("TeV")
    lowest = instrument.energy_range[0].to_value("TeV")
    return EnergyDispersion2D.from_gauss(
        energy_axis,
        MapAxis.from_bounds(0.2, 3.0, nbin=140, name="migra", node_type="edges"),
        _offset_axis(instrument, bins=2),
        bias=0.2 * (energy / lowest) ** -1.5,  # near the threshold only upward fluctuations trigger
        sigma=instrument.resolution * (0.7 + 0.3 * energy**-0.3),
    )


def _core_width(instrument: Instrument, energy: u.Quantity, offset: u.Quantity) -> u.Quantity:
    growth = 1 + 0.1 * (offset / u.deg).to_value("") ** 2
    return instrument.psf_width * (0.5 + 0.5 * energy.to_value("TeV") ** -0.4) * growth


def _point_spread(instrument: Instrument) -> EnergyDependentMultiGaussPSF:
    axes = MapAxes([_energy_axis(instrument, "energy_true", 10), _offset_axis(instrument)])
    core = _core_width(instrument, **_named(axes)).to_value("deg")
    parameters = EnergyDependentMultiGaussPSF.required_parameters
    data = np.zeros(axes.shape, dtype=[(name, np.float32) for name in parameters])
    data["sigma_1"] = core
    data["sigma_2"] = TAIL_WIDTH * core
    data["sigma_3"] = 1.0  # not used: its amplitude is zero
    data["ampl_2"] = TAIL_SHARE / (1 - TAIL_SHARE) / TAIL_WIDTH**2
    data["scale"] = (1 - TAIL_SHARE) / (2 * np.pi * np.radians(core) ** 2)
    units = {name: u.deg if name.startswith("sigma") else u.one for name in parameters} | {"scale": u.sr**-1}
    return EnergyDependentMultiGaussPSF(axes=axes, data=data, unit=units)


def _named(axes: MapAxes) -> dict[str, u.Quantity]:
    coords = axes.get_coord()
    return {"energy": coords["energy_true"], "offset": coords["offset"]}


def _background(instrument: Instrument, efficiency: float) -> Background3D:
    radius = instrument.field_radius.to_value("deg")
    sides = [
        MapAxis.from_edges(np.linspace(-radius, radius, 21) * u.deg, name=name)
        for name in ("fov_lon", "fov_lat")
    ]
    axes = MapAxes([_energy_axis(instrument, "energy", 10), *sides])
    coords = axes.get_coord()
    offset = np.hypot(coords["fov_lon"], coords["fov_lat"])
    spectrum = (coords["energy"] / u.TeV).to_value("") ** -BACKGROUND_INDEX
    rate = efficiency * instrument.background * spectrum * _turn_on(instrument, coords["energy"])
    rate = rate * _drop(offset, instrument.background_width)
    unit = "s-1 MeV-1 sr-1"
    return Background3D(axes=axes, data=rate.to_value(unit), unit=unit, fov_alignment="RADEC")


def _directional_cut(instrument: Instrument) -> RadMax2D:
    axes = MapAxes([_energy_axis(instrument, "energy", 10), _offset_axis(instrument)])
    coords = axes.get_coord()
    cut = CUT_WIDTHS * _core_width(instrument, coords["energy"], coords["offset"])
    return RadMax2D(axes=axes, data=cut.to_value("deg"), unit="deg")


def _after_cut(responses: Responses) -> EffectiveAreaTable2D:
    """The effective area for events within the directional cut, taken at the true energy."""
    aeff = responses.aeff
    coords = aeff.axes.get_coord()
    cut = responses.rad_max.evaluate(energy=coords["energy_true"], offset=coords["offset"])
    kept = responses.psf.containment(cut, energy_true=coords["energy_true"], offset=coords["offset"])
    data = aeff.quantity * u.Quantity(kept).to_value("")
    return EffectiveAreaTable2D(axes=aeff.axes, data=data.to_value("m2"), unit="m2", is_pointlike=True)


def _as_pointlike(edisp: EnergyDispersion2D) -> EnergyDispersion2D:
    return EnergyDispersion2D(axes=edisp.axes, data=edisp.data, is_pointlike=True)


def _tabulated(psf: EnergyDependentMultiGaussPSF) -> PSF3D:
    """The same point spread function as a table over the angle."""
    widest = 5 * TAIL_WIDTH * float(np.max(psf.data["sigma_1"]))
    # Narrow bins in the core, wider ones in the tail.
    table = psf.to_psf3d(rad=widest * np.linspace(0, 1, 121) ** 1.5 * u.deg)
    return PSF3D(axes=table.axes, data=table.quantity.to_value("sr-1"), unit="sr-1")
