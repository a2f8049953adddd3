"""MOCs of regions have the cells that mocpy's have, and lie to shapes as astropy's positions say."""

from __future__ import annotations

import math

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import Latitude, Longitude, SkyCoord
from cdshealpix.nested import healpix_to_skycoord, lonlat_to_healpix, vertices
from hypothesis import given, settings
from hypothesis import strategies as st
from mocpy import MOC

from adql import DUCKDB, BindError, LimitError, Limits, UnsupportedError, translate
from adql.geometry import moc_of_text
from tests.support.miniature import CATALOGUE, duckdb_engine, rows_of

PLACES = [
    (0.0, 90.0),
    (200.0, -90.0),
    (0.0, 0.0),
    (45.0, 41.81),
    (90.0, 89.97),
    (359.99, -41.8),
    (123.4, -5.6),
    (266.4, 72.0),
]


def written(query: str, limits: Limits = Limits()) -> str:
    """The text of the one value of a SELECT list, from its SQL: what is constant is computed before."""
    statement = translate(f"SELECT {query} AS m FROM mini.kinds", CATALOGUE, DUCKDB, limits=limits)
    assert (statement.columns[0].type.xtype, statement.columns[0].type.datatype) == ("moc", "char")
    return statement.sql.split("'")[1]


def flag(query: str) -> int:
    """The value of a predicate of constants."""
    with duckdb_engine() as engine:
        sql = f"SELECT {query} AS f FROM mini.kinds WHERE kind = 1"
        ((value,),) = rows_of(engine, translate(sql, CATALOGUE, DUCKDB))
    assert isinstance(value, int)
    return value


def cells(text: str, order: int) -> set[int]:
    """The cells of a MOC by mocpy, of one order."""
    moc = MOC.from_string(text)
    assert moc.max_order == order
    return {int(cell) for cell in moc.flatten()}


def nearest(order: int, cell: int, place: SkyCoord) -> float:
    """Distance [deg] of the border of a cell from a place, from 4000 places on it."""
    lon, lat = vertices(np.array([cell], dtype=np.uint64), order, step=1000)
    return float(SkyCoord(lon[0], lat[0]).separation(place).deg.min())


def orders_for(size: float) -> list[int]:
    coarse = max(0, int(math.log2(60 / size)) - 1)
    return [min(coarse, 29), min(coarse + 3, 29)]


@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("radius", [1e-6, 2e-3, 0.7, 13.0, 77.0, 120.0])
def test_a_circle_has_all_cells_that_it_overlaps(place: tuple[float, float], radius: float) -> None:
    lon, lat = place
    for order in orders_for(radius):
        ours = cells(written(f"MOC({order}, CIRCLE({lon}, {lat}, {radius!r}))"), order)
        theirs = MOC.from_cone(
            Longitude(lon, u.deg),
            Latitude(lat, u.deg),
            radius=radius * u.deg,
            max_depth=order,
            delta_depth=min(29 - order, 6),
        )
        # mocpy approximates: it has all that overlap, and at times some more.
        more = {int(cell) for cell in theirs.flatten()} - ours
        assert ours <= {int(cell) for cell in theirs.flatten()}
        assert all(nearest(order, cell, SkyCoord(lon, lat, unit="deg")) > radius for cell in more)
        assert len(more) <= 0.1 * len(ours) + 2


def ring(place: tuple[float, float], size: float, corners: int, seed: int) -> SkyCoord:
    random = np.random.default_rng(seed)
    turns = np.sort(np.linspace(0, 360, corners, endpoint=False) + random.uniform(0, 200 / corners, corners))
    away = size * (random.uniform(0.3, 1, corners) if corners > 4 else np.ones(corners))
    return SkyCoord(*place, unit="deg").directional_offset_by(turns * u.deg, away * u.deg)


def polygon(corners: SkyCoord) -> str:
    pairs = zip(corners.ra.deg.tolist(), corners.dec.deg.tolist(), strict=True)
    return f"POLYGON({', '.join(f'{lon!r}, {lat!r}' for lon, lat in pairs)})"


@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("size", [2e-3, 0.7, 13.0, 70.0])
@pytest.mark.parametrize("corners", [3, 9, 70])
def test_a_polygon_has_all_cells_that_it_overlaps(
    place: tuple[float, float], size: float, corners: int
) -> None:
    shape = ring(place, size, corners, seed=int(size * 1000) + corners)
    order = orders_for(size)[1] - (2 if corners == 70 else 0)
    ours = cells(written(f"MOC({order}, {polygon(shape)})"), order)
    # Position angles grow to the east, from north: the corners are clockwise for mocpy.
    theirs = {int(c) for c in MOC.from_polygon_skycoord(shape, max_depth=order).flatten()}
    if len(theirs) > 6 * 4**order:
        theirs = {
            int(c) for c in MOC.from_polygon_skycoord(shape, complement=True, max_depth=order).flatten()
        }
    more = theirs - ours
    assert ours <= theirs
    assert len(more) <= 0.1 * len(ours) + 2
    for cell in more:
        assert not any(on_border(order, cell, shape, place))


def on_border(order: int, cell: int, shape: SkyCoord, place: tuple[float, float]) -> np.ndarray:
    """Which of 400 places on the border of a cell lie in a polygon, by winding numbers."""
    lon, lat = vertices(np.array([cell], dtype=np.uint64), order, step=100)
    border = SkyCoord(lon[0], lat[0])
    turn = np.zeros(len(border))
    for index in range(len(shape)):
        first, second = border.position_angle(shape[index - 1]).rad, border.position_angle(shape[index]).rad
        turn += (second - first + np.pi) % (2 * np.pi) - np.pi
    near = border.separation(SkyCoord(*place, unit="deg")).deg < 90
    return (np.abs(turn) > np.pi) & near


@pytest.mark.parametrize("box", ["BOX(10, 20, 4, 2)", "BOX(0, 89.5, 3, 3)", "BOX(359.9, -0.1, 0.01, 9)"])
def test_a_box_has_the_cells_of_its_corners_polygon(box: str) -> None:
    with duckdb_engine() as engine:
        sql = f"SELECT {box} AS b FROM mini.kinds WHERE kind = 1"
        (((*numbers,),),) = rows_of(engine, translate(sql, CATALOGUE, DUCKDB))
    corners = SkyCoord(numbers[::2], numbers[1::2], unit="deg")
    theirs = {int(c) for c in MOC.from_polygon_skycoord(corners, max_depth=8).flatten()}
    assert cells(written(f"MOC(8, {box})"), 8) == theirs


def test_a_circle_without_size_is_a_place() -> None:
    for lon, lat in ((10.0, 20.0), (83.6, 22.0), (200.0, -75.3)):
        cell = int(lonlat_to_healpix(Longitude(lon, u.deg), Latitude(lat, u.deg), 20)[0])
        assert written(f"MOC(20, CIRCLE({lon}, {lat}, 0))") == f"20/{cell}"
        assert written(f"MOC(20, POINT({lon}, {lat}))") == f"20/{cell}"


@pytest.mark.parametrize("order", [0, 3, 6, 9])
def test_another_order_of_a_moc_is_that_of_mocpy(order: int) -> None:
    text = "4/12-15 900 5/6 9 6/20000-20010"
    moc = MOC.from_string(text)
    theirs = moc.degrade_to_order(order) if order < 6 else moc.refine_to_order(order) if order > 6 else moc
    assert cells(written(f"MOC({order}, MOC('{text}'))"), order) == {int(c) for c in theirs.flatten()}


def test_the_whole_sky_and_nothing() -> None:
    assert written("MOC(3, CIRCLE(1, 2, 180))") == "0/0-11 3/"
    assert written("MOC(3, MOC('2/'))") == "3/"


# How they lie to each other


@settings(max_examples=40, deadline=None)
@given(
    lon=st.floats(0, 360),
    z=st.floats(-1, 1),
    radius=st.floats(-3, 1.8).map(lambda power: 10**power),
    order=st.integers(0, 6),
    cell=st.integers(0, 12 * 4**6 - 1),
)
def test_a_cell_and_a_circle_lie_as_its_border_says(
    lon: float, z: float, radius: float, order: int, cell: int
) -> None:
    lat = math.degrees(math.asin(z))
    cell >>= 2 * (6 - order)
    centre = SkyCoord(lon, lat, unit="deg")
    around = vertices(np.array([cell], dtype=np.uint64), order, step=400)
    away = SkyCoord(around[0][0], around[1][0]).separation(centre).deg
    holds = int(lonlat_to_healpix(Longitude(lon, u.deg), Latitude(lat, u.deg), order)[0]) == cell
    # The border is told by places on it that are some 1/400 of a side apart.
    rough = 60 / 2**order / 400
    gap = 0.0 if holds else away.min()
    circle, moc = f"CIRCLE({lon!r}, {lat!r}, {radius!r})", f"MOC('{order}/{cell}')"
    answers = {
        f"INTERSECTS({circle}, {moc})": (gap < radius, abs(gap - radius)),
        f"CONTAINS({moc}, {circle})": (away.max() < radius, abs(away.max() - radius)),
        f"CONTAINS({circle}, {moc})": (holds and away.min() > radius, abs(away.min() - radius)),
    }
    for query, (expected, margin) in answers.items():
        if margin > rough:
            assert flag(query) == expected, query


def test_a_moc_and_the_region_that_it_was_drawn_of() -> None:
    for shape in ("CIRCLE(45, 41.8, 3)", "POLYGON(0, 80, 120, 80, 240, 80)", "BOX(359, -2, 5, 3)"):
        moc = f"MOC(7, {shape})"
        assert flag(f"CONTAINS({shape}, {moc})") == 1
        assert flag(f"CONTAINS({moc}, {shape})") == 0
        assert flag(f"INTERSECTS({moc}, {shape}) + INTERSECTS({shape}, {moc})") == 2
        assert flag(f"INTERSECTS({moc}, CIRCLE(180, -60, 1))") == 0
        assert flag(f"CONTAINS(MOC(5, {shape}), {moc})") == 0
        assert flag(f"CONTAINS({moc}, MOC(5, {shape}))") == 1


def test_a_cell_whose_sides_are_meridians_lies_in_their_polygon() -> None:
    # The base cell 0 reaches from the pole to the equator; its upper sides are meridians.
    centre = healpix_to_skycoord(np.array([0], dtype=np.uint64), 0)
    assert float(centre.ra.deg[0]) == pytest.approx(45)
    upper = "MOC('1/3')"
    assert flag(f"CONTAINS({upper}, POLYGON(0, 90, 0, 30, 45, 10, 90, 30))") == 1
    assert flag(f"CONTAINS({upper}, POLYGON(0.001, 90, 0.001, 30, 45, 10, 90, 30))") == 0
    assert flag("CONTAINS(POLYGON(0, 90, 0, 80, 90, 80), MOC('0/0'))") == 1
    assert flag("CONTAINS(POLYGON(0, 90, 359.99, 80, 90, 80), MOC('0/0'))") == 0


def test_the_cell_of_each_row_lies_to_a_region_as_a_moc_of_it_does() -> None:
    shapes = ["CIRCLE(10, 20, 0.3)", "POLYGON(9, 19, 11, 19, 11, 21, 9, 21)", "MOC('5/4351 2/70')"]
    with duckdb_engine() as engine:
        for shape in shapes:
            for verb, order in (("INTERSECTS", 5), ("INTERSECTS", 9), ("CONTAINS", 8)):
                query = (
                    f"SELECT star_id, {verb}(MOC({order}, POINT(ra, dec)), {shape}), ra, dec FROM mini.stars"
                )
                for _, found, ra, dec in rows_of(engine, translate(query, CATALOGUE, DUCKDB)):
                    expected = (
                        None if ra is None else flag(f"{verb}(MOC({order}, POINT({ra}, {dec})), {shape})")
                    )
                    assert found == expected, (query, ra, dec)


# What is refused


@pytest.mark.parametrize(
    ("query", "kind", "sentence"),
    [
        (
            "MOC(3, CIRCLE(ra, dec, 1))",
            UnsupportedError,
            "of a CIRCLE is offered where the geometry is constant",
        ),
        ("MOC(3, REGION(name))", UnsupportedError, "of a REGION is offered where the geometry is constant"),
        ("INTERSECTS(CIRCLE(ra, dec, 1), MOC('3/1'))", UnsupportedError, "where the latter is constant"),
        ("CONTAINS(MOC('3/1'), REGION(name))", UnsupportedError, "where the latter is constant"),
        ("CENTROID(MOC('3/1'))", UnsupportedError, "CENTROID of a MOC is not offered"),
        ("MOC(30, POINT(ra, dec))", BindError, "from 0 to 29"),
        ("MOC(12, CIRCLE(10, 20, 60))", LimitError, "take a lower order or a smaller region"),
        ("CONTAINS(CIRCLE(10, 20, 60), MOC(3, MOC(29, CIRCLE(10, 20, 5))))", LimitError, "lower order"),
    ],
)
def test_what_cannot_be_had_is_told(query: str, kind: type[Exception], sentence: str) -> None:
    with pytest.raises(kind, match=sentence):
        translate(f"SELECT {query} AS x FROM mini.stars", CATALOGUE, DUCKDB)


def test_a_moc_of_the_rows_of_a_query_is_not_compared() -> None:
    inner = "(SELECT MOC(3, POINT(ra, dec)) AS m FROM mini.stars) AS q"
    with pytest.raises(UnsupportedError, match="can be selected, not compared"):
        translate(f"SELECT AREA(m) FROM {inner}", CATALOGUE, DUCKDB)
    (column,) = translate(f"SELECT m FROM {inner}", CATALOGUE, DUCKDB).columns
    assert column.type.xtype == "moc"


def test_many_mocs_share_one_allowance() -> None:
    few = Limits(cells=2_000)
    one = "MOC(8, CIRCLE({}, 20, 1))"
    assert written(one.format(10), few) == written(one.format(10))
    both = " + ".join(f"AREA({one.format(lon)})" for lon in range(10, 40))
    with pytest.raises(LimitError, match="more HEALPix cells than a query may look at"):
        translate(f"SELECT {both} AS a FROM mini.kinds", CATALOGUE, DUCKDB, limits=few)
    same = " + ".join(f"AREA({one.format(10)})" for _ in range(30))
    translate(f"SELECT {same} AS a FROM mini.kinds", CATALOGUE, DUCKDB, limits=few)


def test_the_area_of_a_moc_is_that_of_mocpy() -> None:
    text = written("MOC(9, CIRCLE(10, 20, 2))")
    with duckdb_engine() as engine:
        sql = "SELECT AREA(MOC(9, CIRCLE(10, 20, 2))) AS a FROM mini.kinds WHERE kind = 1"
        ((area,),) = rows_of(engine, translate(sql, CATALOGUE, DUCKDB))
    share = MOC.from_string(text).sky_fraction
    assert area == pytest.approx(share * 4 * math.pi * math.degrees(1) ** 2, rel=1e-12)
    assert moc_of_text(text).size == len(cells(text, 9))
