"""Ranges of longitude and latitude around regions."""

from __future__ import annotations

import math
from dataclasses import dataclass

from adql.geometry.directions import dot
from adql.geometry.outline import Outline as Shape
from adql.geometry.outline import outline
from adql.pruning import Cone, Outline, Region

MARGIN = 1e-9
"""Degrees by which a box is wider than need be, far above any rounding error."""


@dataclass(frozen=True, slots=True)
class Box:
    """Ranges of longitude and latitude [deg]."""

    south: float
    north: float
    west: float | None = None
    """Western end, from 0 to 360; None if all longitudes are in it."""
    east: float | None = None
    """Eastern end, from 0 to 360; less than the western one if longitude 0 lies between."""


def box_around(region: Region) -> Box | None:
    """A box that holds a region; None if it would be the sky, or the region is of no such kind."""
    if isinstance(region, Cone):
        return _around_cone(region)
    if isinstance(region, Outline):
        return _around_outline(region)
    return None


def _around_cone(cone: Cone) -> Box | None:
    reach = cone.radius + MARGIN
    south, north = cone.lat - reach, cone.lat + reach
    if south <= -90 and north >= 90:
        return None
    if south <= -90 or north >= 90:
        return Box(max(south, -90.0), min(north, 90.0))
    share = math.sin(math.radians(reach)) / math.cos(math.radians(cone.lat))
    half = math.degrees(math.asin(min(1.0, share))) * (1 + 1e-9) + MARGIN
    return Box(south, north) if half >= 179 else Box(south, north, *_turned(cone.lon - half, cone.lon + half))


def _around_outline(region: Outline) -> Box:
    shape = outline(region.vertices)
    lats = [lat for _, lat in shape.corners] + _summits(shape)
    south, north = min(lats) - MARGIN, max(lats) + MARGIN
    lons = [lon for lon, _ in shape.corners]
    turn, turns = 0.0, [0.0]
    for a, b in zip(lons, (*lons[1:], lons[0]), strict=True):
        turn += (b - a + 180) % 360 - 180
        turns.append(turn)
    if abs(turn) > 180:
        return Box(-90.0, north) if shape.centre[2] < 0 else Box(south, 90.0)
    width = max(turns) - min(turns)
    if width > 359 or max(abs(south), abs(north)) > 89.9999:
        return Box(south, north)
    return Box(south, north, *_turned(lons[0] + min(turns) - MARGIN, lons[0] + max(turns) + MARGIN))


def _turned(west: float, east: float) -> tuple[float, float]:
    return west % 360, east % 360


def _summits(shape: Shape) -> list[float]:
    """Latitudes [deg] of the places where sides come nearest to a pole between their ends."""
    found = []
    for a, b in shape.edges:
        x, y, z = (
            a[1] * b[2] - a[2] * b[1],
            a[2] * b[0] - a[0] * b[2],
            a[0] * b[1] - a[1] * b[0],
        )
        level = math.hypot(x, y)
        # The summit of the great circle, where it goes due east or west, is towards (-x z, -y z, level**2).
        top = (-x * z, -y * z, level * level)
        towards_a = dot(top, (y * a[2] - z * a[1], z * a[0] - x * a[2], x * a[1] - y * a[0]))
        towards_b = dot(top, (y * b[2] - z * b[1], z * b[0] - x * b[2], x * b[1] - y * b[0]))
        if towards_a * towards_b < 0:
            lat = math.degrees(math.atan2(level, abs(z)))
            found.append(lat if towards_a > 0 else -lat)
    return found
