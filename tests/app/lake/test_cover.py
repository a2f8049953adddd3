"""Covers of regions: no point is left out."""

from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import lonlat_to_healpix

from adql import Cells, Cone, Outline
from adql.pruning import Around, Union
from app.lake.cover import NPIX, ORDER, Cover, cover_of
from app.lake.neighbourhood import Positions, cells_near

RANDOM = np.random.default_rng(12)
PLACES = [
    (83.63, 22.01),
    (0.0, 0.0),
    (359.999, -45.0),
    (12.0, 90.0),
    (0.0, -90.0),
    (200.0, 89.99),
    (45.0, 41.8),
]


def cells(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    return lonlat_to_healpix(Longitude(lon % 360, u.deg), Latitude(lat, u.deg), ORDER).astype(np.int64)


def holds(cover: Cover, indices: np.ndarray) -> np.ndarray:
    place = np.minimum(np.searchsorted(cover.high, indices), cover.low.size - 1)
    return (cover.low[place] <= indices) & (indices <= cover.high[place])


def around(lon: float, lat: float, radius: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Points within a radius of a place, half of them on the rim."""
    a, d = np.radians(lon), np.radians(lat)
    centre = np.array([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])
    east = np.array([-np.sin(a), np.cos(a), 0.0])
    north = np.cross(centre, east)
    inside = np.arccos(1 - RANDOM.uniform(0, 1, count) * (1 - np.cos(np.radians(radius))))
    away = np.where(np.arange(count) % 2, np.radians(radius), inside)
    turn = RANDOM.uniform(0, 2 * np.pi, count)
    x, y, z = np.cos(away) * centre[:, None] + np.sin(away) * (
        np.cos(turn) * east[:, None] + np.sin(turn) * north[:, None]
    )
    return np.degrees(np.arctan2(y, x)), np.degrees(np.arcsin(np.clip(z, -1, 1)))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("radius", [0.0, 1e-4, 0.1, 0.5, 5.0, 40.0, 89.9])
def test_a_cone_is_covered_to_its_rim(place: tuple[float, float], radius: float) -> None:
    cover = cover_of([Cone(*place, radius)])
    assert cover is not None
    assert holds(cover, cells(*around(*place, radius, 2000))).all()


@pytest.mark.parametrize("radius", [0.1, 0.5, 5.0, 40.0])
def test_a_cover_of_a_cone_has_little_slack(radius: float) -> None:
    cover = cover_of([Cone(83.63, 22.01, radius)])
    assert cover is not None
    share = (cover.high - cover.low + 1).sum() / NPIX
    assert share < 1.6 * (1 - np.cos(np.radians(radius))) / 2
    assert cover.low.size < 100


def test_what_is_over_half_the_sky_is_not_drawn() -> None:
    assert cover_of([Cone(0.0, 0.0, 120.0)]) is None
    assert cover_of([]) is None
    assert cover_of([Cone(float("nan"), 0.0, 1.0)]) is None


@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("radius", [0.05, 3.0, 60.0])
def test_a_polygon_is_covered(place: tuple[float, float], radius: float, turn: int) -> None:
    # A star around the place; on the gnomonic plane its edges are straight lines.
    a, d = np.radians(place[0]), np.radians(place[1])
    centre = np.array([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])
    east = np.array([-np.sin(a), np.cos(a), 0.0])
    north = np.cross(centre, east)
    angles = np.linspace(0, 2 * np.pi, 9)[:-1][::turn]
    away = np.radians(radius) * np.where(np.arange(8) % 2, 1.0, 0.4)
    corners = np.cos(away) * centre[:, None] + np.sin(away) * (
        np.cos(angles) * east[:, None] + np.sin(angles) * north[:, None]
    )
    outline = [(np.degrees(np.arctan2(y, x)), np.degrees(np.arcsin(z))) for x, y, z in corners.T]
    cover = cover_of([Outline(tuple((float(lon), float(lat)) for lon, lat in outline))])
    assert cover is not None
    lon, lat = around(*place, radius, 3000)
    points = np.array(
        [
            np.cos(np.radians(lat)) * np.cos(np.radians(lon)),
            np.cos(np.radians(lat)) * np.sin(np.radians(lon)),
            np.sin(np.radians(lat)),
        ]
    )
    x, y = (east @ points) / (centre @ points), (north @ points) / (centre @ points)
    cx, cy = (east @ corners) / (centre @ corners), (north @ corners) / (centre @ corners)
    inside = np.zeros(lon.size, dtype=bool)
    for i in range(8):
        j = (i + 1) % 8
        crosses = (cy[i] > y) != (cy[j] > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            inside ^= crosses & (x < (cx[j] - cx[i]) * (y - cy[i]) / (cy[j] - cy[i]) + cx[i])
    assert inside.any()
    assert holds(cover, cells(lon[inside], lat[inside])).all()


@pytest.mark.parametrize(
    "corners",
    [
        ((0.0, 0.0), (1.0, 0.0)),
        ((0.0, 0.0), (1.0, 0.0), (float("nan"), 1.0)),
        ((0.0, 0.0), (120.0, 0.0), (240.0, 0.0)),
    ],
)
def test_outlines_that_enclose_nothing_sure_are_not_drawn(corners: tuple[tuple[float, float], ...]) -> None:
    assert cover_of([Outline(corners)]) is None


@pytest.mark.parametrize(("order", "index"), [(0, 5), (6, 1234), (12, 777), (14, 123_456_789)])
def test_cells_of_any_order_are_covered(order: int, index: int) -> None:
    cover = cover_of([Cells(order, (index,))])
    assert cover is not None
    if order <= ORDER:
        shift = 2 * (ORDER - order)
        assert (cover.low[0], cover.high[0]) == (index << shift, ((index + 1) << shift) - 1)
    else:
        assert cover.low[0] == cover.high[0] == index >> 4


def test_regions_together_are_their_intersection() -> None:
    first, second = Cone(10.0, 0.0, 3.0), Cone(14.0, 0.0, 3.0)
    both = cover_of([first, second])
    one, other = cover_of([first]), cover_of([second])
    assert both is not None and one is not None and other is not None
    probe = RANDOM.integers(0, NPIX, 200_000)
    near = cells(*around(12.0, 0.0, 6.0, 20_000))
    for indices in (probe, near):
        assert (holds(both, indices) == (holds(one, indices) & holds(other, indices))).all()
    assert cover_of([first, Cone(200.0, 0.0, 3.0)]).low.size == 0  # type: ignore[union-attr]


def test_neighbouring_ranges_are_joined() -> None:
    cover = Cover.of_ranges(np.array([20, 0, 10, 12]), np.array([25, 9, 11, 13]))
    assert (cover.low.tolist(), cover.high.tolist()) == ([0, 20], [13, 25])


def test_spans_are_cut_to_what_they_share_with_a_cover() -> None:
    cover = Cover.of_ranges(np.array([10, 30]), np.array([19, 39]))
    low, high = np.array([0, 15, 20, 35, 50, 5, 1]), np.array([5, 32, 29, 60, 60, 100, 0])
    meets, first, last = cover.bounds_within(low, high)
    assert meets.tolist() == [False, True, False, True, False, True, False]
    assert list(zip(first[meets].tolist(), last[meets].tolist(), strict=True)) == [
        (15, 32),
        (35, 39),
        (10, 39),
    ]


def test_places_of_which_one_holds_are_covered_together() -> None:
    cones = [Cone(83.63, 22.01, 0.5), Cone(266.4, -29.0, 0.5)]
    either = cover_of([Union(tuple((cone,) for cone in cones))])
    assert either is not None
    for cone in cones:
        lon, lat = around(cone.lon, cone.lat, cone.radius, 500)
        assert holds(either, cells(lon, lat)).all()
    assert not holds(either, cells(np.array([180.0]), np.array([0.0]))).any()


def test_a_place_that_may_be_anywhere_leaves_the_sky_open() -> None:
    assert cover_of([Union(((Cone(10, 20, 1),), ()))]) is None
    assert cover_of([Around("mini.other", "ra", "dec", 0.1)]) is None


@pytest.mark.parametrize("radius", [0.0, 1e-5, 0.003, 0.02, 0.7, 4.0, 19.0])
def test_cells_near_positions_hold_all_that_is_near(radius: float) -> None:
    random = np.random.default_rng(int(radius * 1000))
    lon, lat = (np.array(ends) for ends in zip(*PLACES, strict=True))
    lon = np.concatenate([lon, random.uniform(0, 360, 300), [0, 90, 45, 135]])
    lat = np.concatenate([lat, np.degrees(np.arcsin(random.uniform(-1, 1, 300))), [0, 0, 41.81, -41.81]])
    near = cells_near(Positions(lon, lat, np.full(lon.shape, radius)))
    assert near is not None
    cover = Cover.of_cells(*near)
    for place in zip(lon.tolist(), lat.tolist(), strict=True):
        assert holds(cover, cells(*around(*place, radius, 60))).all()
    if radius < 1:
        assert (cover.high - cover.low + 1).sum() / NPIX < len(lon) * 9 * 12 * (radius / 60 + 1e-4) ** 2 + 0.1


def test_positions_that_are_not_known_are_near_nothing() -> None:
    nan = float("nan")
    radii = np.array([1.0, 1.0, nan, -1.0])
    nothing = cells_near(Positions(np.array([nan, 10.0, 10.0, 10.0]), np.array([1.0, nan, 1.0, 1.0]), radii))
    assert nothing is not None
    assert nothing[0].size == 0


@pytest.mark.parametrize(("lat", "radius"), [(95.0, 1.0), (5.0, 60.0)])
def test_positions_beyond_the_poles_or_with_a_wide_reach_are_not_drawn(lat: float, radius: float) -> None:
    assert cells_near(Positions(np.array([10.0]), np.array([lat]), np.array([radius]))) is None


def test_a_union_that_overlaps_nothing_holds_nothing() -> None:
    apart = Union(((Cone(10, 20, 1), Cone(50, 20, 1)),))
    cover = cover_of([apart])
    assert cover is not None
    assert cover.low.size == 0
