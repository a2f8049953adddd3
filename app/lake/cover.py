"""Regions of the sky as ranges of HEALPix cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import cone_search, polygon_search
from numpy.typing import NDArray

from adql import Cells, Cone, Outline
from adql.pruning import Around, Region, Union
from app.lake.neighbourhood import Positioned, cells_near

ORDER = 12
"""HEALPix order of ``dl3.events.healpix``: cells of 0.86 arcmin."""

NPIX = 12 * 4**ORDER

_CELL = 58.6
"""Side of a cell of order 0 [deg]."""
_CELLS_ACROSS = 8
"""A cover is drawn with cells of about this part of the diameter: tens of ranges, hardly any slack."""
_MARGIN = 1e-7
"""Added to radii [deg]: far above the rounding of positions, far below a cell."""
_LARGEST_CONE = 90.0
"""Radius [deg] from which on a cone is not drawn: it would hold most files, and cdshealpix 0.9 leaves out
cells of the largest ones (a cone of 155 deg around (349.87, -7.39), for one)."""
_LARGEST_OUTLINE = 80.0
"""Polygons that reach further than this [deg] from their middle are not drawn."""

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Cover:
    """Cells of order 12 that hold all of a region: disjoint ranges in rising order, both ends inside."""

    low: Indices
    high: Indices

    @classmethod
    def of_cells(cls, indices: Indices, orders: Indices) -> Cover:
        """The cover that NESTED cells of any orders make."""
        shift = 2 * (ORDER - orders)
        low = np.where(shift >= 0, indices << np.maximum(shift, 0), indices >> np.maximum(-shift, 0))
        high = np.where(shift >= 0, ((indices + 1) << np.maximum(shift, 0)) - 1, low)
        return cls.of_ranges(low, high)

    @classmethod
    def of_ranges(cls, low: Indices, high: Indices) -> Cover:
        """The cover that ranges in any order make, with neighbours joined."""
        if low.size == 0:
            return cls(low, high)
        ascending = np.argsort(low, kind="stable")
        low, high = low[ascending], np.maximum.accumulate(high[ascending])
        begins = np.flatnonzero(np.concatenate([[True], low[1:] > high[:-1] + 1]))
        ends = np.concatenate([begins[1:] - 1, [low.size - 1]])
        return cls(low[begins], high[ends])

    def intersection(self, other: Cover) -> Cover:
        """The cells that are in both."""
        first = np.searchsorted(other.high, self.low)
        last = np.searchsorted(other.low, self.high, side="right")
        counts = np.maximum(last - first, 0)
        mine = np.repeat(np.arange(self.low.size), counts)
        theirs = (
            np.arange(mine.size) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(first, counts)
        )
        return Cover(
            np.maximum(self.low[mine], other.low[theirs]), np.minimum(self.high[mine], other.high[theirs])
        )

    def bounds_within(self, low: Indices, high: Indices) -> tuple[NDArray[np.bool_], Indices, Indices]:
        """For spans of cells: whether the cover meets each, and the least span that holds what they share.

        Parameters
        ----------
        low, high
            First and last cell of each span; a span is empty where ``low > high``.
        """
        if self.low.size == 0:
            return np.zeros(low.shape, dtype=bool), low, high
        first = np.searchsorted(self.high, low)
        last = np.searchsorted(self.low, high, side="right") - 1
        meets = (first <= last) & (low <= high)
        first, last = np.minimum(first, self.low.size - 1), np.maximum(last, 0)
        return meets, np.maximum(low, self.low[first]), np.minimum(high, self.high[last])


def cover_of(regions: Sequence[Region], positioned: Positioned | None = None) -> Cover | None:
    """A cover of the sky that lies in all the regions; None if that is the whole sky.

    It holds every cell that a region touches, and some more. An outline is read as the smaller of the
    two parts into which it cuts the sky.

    Parameters
    ----------
    positioned
        Finds the positions of other tables' rows; without it their surroundings may be anywhere.
    """
    covers = [cover for region in regions if (cover := _cover(region, positioned)) is not None]
    if not covers:
        return None
    common = covers[0]
    for cover in covers[1:]:
        common = common.intersection(cover)
    return common


def _cover(region: Region, positioned: Positioned | None) -> Cover | None:
    if isinstance(region, Cone):
        return _cone(region.lon, region.lat, region.radius)
    if isinstance(region, Cells):
        indices = np.asarray(region.indices, dtype=np.int64)
        known = indices[(indices >= 0) & (indices < 12 * 4**region.order)]
        return Cover.of_cells(known, np.full(known.shape, region.order, dtype=np.int64))
    if isinstance(region, Union):
        return _union([cover_of(place, positioned) for place in region.places])
    if isinstance(region, Around):
        positions = positioned(region) if positioned is not None else None
        cells = None if positions is None else cells_near(positions)
        return None if cells is None else Cover.of_cells(*cells)
    return _outline(region)


def _union(covers: Sequence[Cover | None]) -> Cover | None:
    """A cover of several places together; None if one of them may be anywhere."""
    known = [cover for cover in covers if cover is not None]
    if not covers or len(known) < len(covers):
        return None
    return Cover.of_ranges(
        np.concatenate([cover.low for cover in known]), np.concatenate([cover.high for cover in known])
    )


def _cone(lon: float, lat: float, radius: float) -> Cover | None:
    if not (math.isfinite(lon) and math.isfinite(lat) and math.isfinite(radius)) or abs(lat) > 90:
        return None
    reach = max(radius, 0.0) + _MARGIN
    if reach > _LARGEST_CONE:
        return None
    cells, orders, _ = cone_search(
        Longitude(lon % 360, u.deg), Latitude(lat, u.deg), reach * u.deg, depth=_depth(reach), depth_delta=2
    )
    return Cover.of_cells(cells.astype(np.int64), orders.astype(np.int64))


def _depth(radius: float) -> int:
    """The order whose cells suit a region of that radius [deg]."""
    wanted = math.log2(_CELL * _CELLS_ACROSS / (2 * radius))
    return min(max(math.ceil(wanted), 0), ORDER)


def _outline(outline: Outline) -> Cover | None:
    corners = np.asarray(outline.vertices, dtype=np.float64)
    if (
        corners.ndim != 2
        or corners.shape[0] < 3
        or not np.isfinite(corners).all()
        or (abs(corners[:, 1]) > 90).any()
    ):
        return None
    lon, lat = np.radians(corners[:, 0]), np.radians(corners[:, 1])
    vectors = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    middle = vectors.sum(axis=1)
    length = float(np.linalg.norm(middle))
    if length < 1e-6:
        return None
    middle /= length
    # A cap of less than a hemisphere holds the great circle arcs between any of its points.
    reach = math.degrees(math.acos(max(-1.0, min(1.0, float((middle @ vectors).min())))))
    if reach >= _LARGEST_OUTLINE:
        return None
    around = _cone(
        math.degrees(math.atan2(middle[1], middle[0])),
        math.degrees(math.asin(max(-1.0, min(1.0, middle[2])))),
        reach,
    )
    inside = _polygon(corners, _depth(reach + _MARGIN))
    if around is None or inside is None:
        return around
    return around.intersection(inside)


def _polygon(corners: NDArray[np.float64], depth: int) -> Cover | None:
    """The cover of a simple polygon; None if its corners make none."""
    distinct = np.unique(corners, axis=0)
    if distinct.shape[0] < 3:
        return None
    cells, orders, _ = polygon_search(
        Longitude(corners[:, 0] % 360, u.deg), Latitude(corners[:, 1], u.deg), depth=depth
    )
    return Cover.of_cells(cells.astype(np.int64), orders.astype(np.int64))
