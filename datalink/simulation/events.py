"""Draws the events of an observation from its response functions and the sky, without binning the sky.

Every density comes from Gammapy's own classes, evaluated as its map and spectrum makers evaluate them, so
that a fit with the written responses finds the sky again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from gammapy.irf import IRF, Background3D, EnergyDispersion2D
from gammapy.modeling.models import GaussianSpatialModel, SkyModel

from datalink.simulation.responses import Responses
from datalink.simulation.schedule import Run
from datalink.simulation.sky import SOURCES

ENERGY_STEPS = 600
RAD_STEPS = 400
FIELD_STEPS = 60


@dataclass(frozen=True)
class Events:
    """Reconstructed events; every array has one value an event, in order of time."""

    time: np.ndarray
    """Time after the start of the run [s]."""
    ra: np.ndarray
    """ICRS right ascension [deg], 0 to 360."""
    dec: np.ndarray
    """ICRS declination [deg]."""
    energy: np.ndarray
    """Energy [TeV]."""
    mc_id: np.ndarray
    """0 for background, else the number of the source."""

    def __len__(self) -> int:
        return len(self.time)


Candidates = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Right ascension [deg], declination [deg] and energy [TeV] of events, in any order."""


def sample_events(run: Run, responses: Responses, rng: np.random.Generator) -> Events:
    """Every event of a run: those of the sources in its field of view, and background."""
    parts = [_sample_background(run, responses.bkg, rng)]
    parts += [_sample_source(run, responses, source, rng) for source in SOURCES]
    ra, dec, energy = (np.concatenate(column) for column in zip(*parts, strict=True))
    mc_id = np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])
    low, high = run.instrument.energy_range.to_value("TeV")
    order = rng.permutation(np.flatnonzero((energy >= low) & (energy < high)))
    return Events(
        time=_sample_time(run, len(order), rng),
        ra=ra[order],
        dec=dec[order],
        energy=energy[order],
        mc_id=mc_id[order],
    )


def _sample_time(run: Run, count: int, rng: np.random.Generator) -> np.ndarray:
    """Ascending times within the good time intervals [s], after the start of the run."""
    starts, stops = run.good_intervals.T
    ends = np.cumsum(stops - starts)
    good = np.sort(rng.uniform(0, ends[-1], count))
    interval = np.searchsorted(ends, good, side="right").clip(max=len(ends) - 1)
    return np.asarray(stops[interval] - (ends[interval] - good))


def _sample_source(run: Run, responses: Responses, model: SkyModel, rng: np.random.Generator) -> Candidates:
    energy_true = _sample_energy(run, responses, model, rng)
    position = _sample_position(model, len(energy_true), rng)
    offset = position.separation(run.pointing)

    # The energies were drawn for the area on axis; what the camera does not see there is dropped.
    seen = responses.aeff.evaluate(energy_true=energy_true, offset=offset)
    on_axis = responses.aeff.evaluate(energy_true=energy_true, offset=np.zeros_like(offset))
    kept = rng.uniform(size=len(energy_true)) * on_axis < seen
    energy_true, position, offset = energy_true[kept], position[kept], offset[kept]

    migra = _migra_table(responses.edisp).sample(rng, {"energy_true": energy_true})
    rad = _rad_table(responses.psf).sample(rng, {"energy_true": energy_true, "offset": offset})
    angle = rng.uniform(0, 360, len(rad)) * u.deg
    found = position.directional_offset_by(angle, rad * u.deg)
    return found.ra.deg % 360.0, found.dec.deg, energy_true.to_value("TeV") * migra


def _sample_energy(run: Run, responses: Responses, model: SkyModel, rng: np.random.Generator) -> u.Quantity:
    """True energies of a Poisson number of events, as if the whole source stood on axis."""
    low, high = run.instrument.energy_range.to_value("TeV")
    edges = np.geomspace(low, high, ENERGY_STEPS + 1)
    centre = np.sqrt(edges[1:] * edges[:-1]) * u.TeV
    area = responses.aeff.evaluate(energy_true=centre, offset=np.zeros(centre.shape) * u.deg)
    rate = model.spectral_model(centre) * area * np.diff(edges) * u.TeV
    expected = (rate * run.livetime * u.s).to_value("")
    total = np.concatenate([[0], np.cumsum(expected)])
    drawn = rng.uniform(0, total[-1], rng.poisson(total[-1]))
    return np.exp(np.interp(drawn, total, np.log(edges))) * u.TeV


def _sample_position(model: SkyModel, count: int, rng: np.random.Generator) -> SkyCoord:
    """True positions of events of a source."""
    spatial = model.spatial_model
    centre = spatial.position.icrs
    if not isinstance(spatial, GaussianSpatialModel):
        return SkyCoord(np.full(count, centre.ra.deg), np.full(count, centre.dec.deg), unit="deg")
    # Gammapy's Gaussian on the sphere, exp(-(1 - cos r) / (2 (1 - cos sigma))), has an inverse.
    width = 2 * (1 - np.cos(spatial.sigma.quantity.to_value("rad")))
    rad = np.arccos(1 + width * np.log(rng.uniform(np.exp(-2 / width), 1, count))) * u.rad
    return centre.directional_offset_by(rng.uniform(0, 360, count) * u.deg, rad)


def _sample_background(run: Run, bkg: Background3D, rng: np.random.Generator) -> Candidates:
    """Background goes by on-time, as Gammapy's makers take it (GADF, "Background format")."""
    low, high = run.instrument.energy_range.to_value("TeV")
    radius = run.instrument.field_radius.to_value("deg")
    energy = np.geomspace(low, high, ENERGY_STEPS // 4 + 1)
    side = np.linspace(-radius, radius, FIELD_STEPS + 1)
    middle = (side[1:] + side[:-1]) / 2
    rate = bkg.evaluate(
        energy=np.sqrt(energy[1:] * energy[:-1])[:, None, None] * u.TeV,
        fov_lon=middle[:, None] * u.deg,
        fov_lat=middle * u.deg,
    )
    # Cells of a tangential frame shrink towards its poles.
    solid_angle = np.radians(side[1] - side[0]) ** 2 * np.cos(np.radians(middle)) * u.sr
    cell = rate * np.diff(energy)[:, None, None] * u.TeV * solid_angle
    total = np.concatenate([[0], np.cumsum((cell * run.ontime * u.s).to_value(""))])
    drawn = rng.uniform(0, total[-1], rng.poisson(total[-1]))
    index = np.searchsorted(total, drawn, side="right") - 1
    at_energy, at_lon, at_lat = np.unravel_index(index, cell.shape)

    within = rng.uniform(size=(3, len(index)))
    step = np.log(energy[1] / energy[0])
    lon = side[at_lon] + within[0] * (side[1] - side[0])
    lat = side[at_lat] + within[1] * (side[1] - side[0])
    frame = run.pointing.skyoffset_frame()
    found = SkyCoord(lon * u.deg, lat * u.deg, frame=frame).icrs
    return found.ra.deg % 360.0, found.dec.deg, energy[at_energy] * np.exp(within[2] * step)


@dataclass(frozen=True)
class ConditionalTable:
    """A distribution of one quantity for each node of some axes, to draw from between the nodes.

    A node beside an event is chosen at random, the nearer the likelier, which draws from the linear
    interpolation between nodes: what Gammapy evaluates.
    """

    axes: tuple[tuple[str, np.ndarray, Callable[[np.ndarray], np.ndarray], u.Unit], ...]
    """For each axis its name, its nodes on the scale of interpolation, that scale and its unit."""
    edges: np.ndarray
    """Values of the quantity, ascending, shape (n,)."""
    cumulative: np.ndarray
    """Probability below each edge, from 0 to 1, shape (nodes of the axes..., n)."""

    def sample(self, rng: np.random.Generator, at: dict[str, u.Quantity]) -> np.ndarray:
        """One value for each event."""
        node = [
            _near_node(rng, nodes, scale(at[name].to_value(unit))) for name, nodes, scale, unit in self.axes
        ]
        row = np.ravel_multi_index(node, self.cumulative.shape[:-1])
        tables = self.cumulative.reshape(-1, self.cumulative.shape[-1])
        drawn = rng.uniform(size=len(row))
        # All rows end to end make one ascending table: row k runs from k to k + 1.
        whole = (tables + np.arange(len(tables))[:, None]).ravel()
        above = np.searchsorted(whole, row + drawn, side="right") % tables.shape[1]
        above = above.clip(1, tables.shape[1] - 1)
        low, high = tables[row, above - 1], tables[row, above]
        share = np.divide(drawn - low, high - low, out=np.zeros_like(drawn), where=high > low)
        return np.asarray(self.edges[above - 1] + share * (self.edges[above] - self.edges[above - 1]))


def _near_node(rng: np.random.Generator, nodes: np.ndarray, value: np.ndarray) -> np.ndarray:
    place = np.interp(value, nodes, np.arange(len(nodes)))
    below = np.floor(place).astype(int)
    above = rng.uniform(size=len(place)) < place - below
    return np.asarray(np.minimum(below + above, len(nodes) - 1))


def _axis(irf: IRF, name: str) -> tuple[str, np.ndarray, Callable[[np.ndarray], np.ndarray], u.Unit]:
    axis = irf.axes[name]
    scale: Callable[[np.ndarray], np.ndarray] = np.log if axis.interp == "log" else np.asarray
    return name, scale(axis.center.value), scale, axis.unit


def _migra_table(edisp: EnergyDispersion2D) -> ConditionalTable:
    """Reconstructed over true energy, for each true energy; the same at every offset."""
    edges = edisp.axes["migra"].edges.value
    share = edisp.data[:, :, 0] * np.diff(edges)
    return ConditionalTable((_axis(edisp, "energy_true"),), edges, _cumulated(share))


def _rad_table(psf: IRF) -> ConditionalTable:
    """Angle between true and reconstructed direction [deg], for each true energy and offset."""
    coords = psf.axes.get_coord()
    widest = 6 * float(np.max(psf.data["sigma_2"]))
    edges = widest * np.linspace(0, 1, RAD_STEPS) ** 2
    inside = psf.containment(
        edges * u.deg,
        energy_true=coords["energy_true"][..., None],
        offset=coords["offset"][..., None],
    )
    share = np.diff(u.Quantity(inside).to_value(""), axis=-1)
    return ConditionalTable((_axis(psf, "energy_true"), _axis(psf, "offset")), edges, _cumulated(share))


def _cumulated(share: np.ndarray) -> np.ndarray:
    total = np.cumsum(share, axis=-1)
    start = np.zeros((*total.shape[:-1], 1))
    return np.concatenate([start, total / total[..., -1:]], axis=-1)
