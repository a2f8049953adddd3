"""The cells of the sky near many positions: those of an uploaded table, for one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import lonlat_to_healpix, neighbours
from numpy.typing import NDArray

from adql import Around

_ACROSS = 0.6
"""Radius [rad] times nside that a cell and its neighbours hold around any place of the cell: opposite sides
of a cell are 0.689 over nside apart at the least."""
_LARGEST = np.radians(20.0)
"""Radius [rad] from which on nothing is drawn: few files would be left out."""
_FINEST = 12
_MARGIN = 1e-9
"""Added to radii [rad]: far above the rounding of positions."""

Reals = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    """Places with a radius each."""

    lon: Reals
    """ICRS right ascension [deg]."""
    lat: Reals
    """ICRS declination [deg]."""
    radius: Reals
    """Distance [deg]."""


Positioned = Callable[[Around], Positions | None]
"""Finds the positions of another table; None if they are not at hand."""


def cells_near(positions: Positions) -> tuple[Indices, Indices] | None:
    """NESTED cells and the order of each, in which all lies that is near one of the positions.

    None if that is not known, or too much of the sky. Positions that are not known are near nothing.
    """
    lon, lat, radius = positions.lon, positions.lat, np.radians(positions.radius)
    kept = np.isfinite(lon) & np.isfinite(lat) & (radius >= 0)
    lon, lat, radius = lon[kept], lat[kept], radius[kept] + _MARGIN
    if (np.abs(lat) > 90).any() or (radius > _LARGEST).any():
        return None
    order = np.minimum(np.floor(np.log2(_ACROSS / radius)), _FINEST).astype(np.int64)
    found = list(_blocks(lon, lat, order))
    empty = np.empty(0, dtype=np.int64)
    return (
        np.concatenate([empty, *(cells for cells, _ in found)]),
        np.concatenate([empty, *(np.full(cells.shape, depth, dtype=np.int64) for cells, depth in found)]),
    )


def _blocks(lon: Reals, lat: Reals, order: Indices) -> Iterator[tuple[Indices, int]]:
    """For each order, the cells of the positions and their neighbours."""
    for depth in np.unique(order):
        mine = order == depth
        cells = lonlat_to_healpix(
            Longitude(lon[mine] % 360, u.deg), Latitude(lat[mine], u.deg), depth=int(depth)
        )
        around = neighbours(np.unique(cells), depth=int(depth)).astype(np.int64)
        # At eight corners of the base cells there are only seven neighbours; the eighth is told as -1.
        yield np.unique(around[around >= 0]), int(depth)
