"""Polygons on the engine against winding numbers from astropy's position angles."""

from __future__ import annotations

from collections.abc import Iterator

import astropy.units as u
import duckdb
import numpy as np
import pyarrow as pa
import pytest
from astropy.coordinates import SkyCoord

from adql import DUCKDB, BindError, Catalogue, Column, ColumnType, Schema, SkyIndex, Table, translate
from adql.geometry import outline
from adql.geometry.outline import signed_area

DOUBLE = ColumnType("double")
NUMBERS = ColumnType("double", "*", "polygon")
SKY = Catalogue(
    (
        Schema(
            "mini",
            (
                Table(
                    "mini",
                    "sky",
                    (Column("number", ColumnType("long")), Column("ra", DOUBLE), Column("dec", DOUBLE)),
                    sky=SkyIndex("ra", "dec", "healpix", 12),
                ),
                Table(
                    "mini",
                    "shapes",
                    (
                        Column("shape", NUMBERS, ucd="pos.outline"),
                        Column("s_region", ColumnType("char", "*", "adql:REGION")),
                    ),
                ),
            ),
        ),
    )
)
CENTRES = [(83.6, 22.0), (359.99, -0.01), (10.0, 90.0), (200.0, -89.9)]
SIZES = [1e-3, 3.0, 85.0]
RIM = 1e-9
"""Positions nearer than this [deg] to a side may fall on either side of it, or to a part of the size."""


def ring(centre: tuple[float, float], size: float, kind: str, seed: int) -> SkyCoord:
    """Corners around a centre: of a convex polygon, or of one with notches."""
    random = np.random.default_rng(seed)
    angles = np.sort(random.uniform(0, 360, {"triangle": 3, "convex": 5, "star": 9, "many": 70}[kind]))
    if kind in ("triangle", "convex"):
        angles = np.linspace(0, 330, angles.size) + random.uniform(0, 15, angles.size)
        radii = np.full(angles.size, size)
    else:
        angles = np.linspace(0, 350, angles.size) + random.uniform(0, 3, angles.size)
        radii = size * np.where(np.arange(angles.size) % 2, 1.0, random.uniform(0.15, 0.5, angles.size))
    return SkyCoord(*centre, unit="deg").directional_offset_by(angles * u.deg, radii * u.deg)


def positions_for(centre: tuple[float, float], size: float, corners: SkyCoord, seed: int) -> SkyCoord:
    random = np.random.default_rng(seed)
    near = SkyCoord(*centre, unit="deg").directional_offset_by(
        random.uniform(0, 360, 1500) * u.deg, size * 1.3 * np.sqrt(random.uniform(0, 1, 1500)) * u.deg
    )
    ra = np.concatenate([near.ra.deg, random.uniform(0, 360, 300), (near.ra.deg[:100] + 180) % 360])
    dec = np.concatenate(
        [near.dec.deg, np.degrees(np.arcsin(random.uniform(-1, 1, 300))), -near.dec.deg[:100]]
    )
    return SkyCoord(ra, dec, unit="deg")


def is_inside(positions: SkyCoord, corners: SkyCoord, centre: tuple[float, float]) -> np.ndarray:
    """Winding number of the corners as seen from each position."""
    turn = np.zeros(len(positions))
    for index in range(len(corners)):
        first = positions.position_angle(corners[index - 1]).rad
        second = positions.position_angle(corners[index]).rad
        turn += (second - first + np.pi) % (2 * np.pi) - np.pi
    return (np.abs(turn) > np.pi) & (positions.separation(SkyCoord(*centre, unit="deg")).deg < 90)


def from_rim(positions: SkyCoord, corners: SkyCoord) -> np.ndarray:
    """Distance [deg] from the nearest side or, near enough for this, its great circle."""
    p = positions.cartesian.xyz.value
    v = corners.cartesian.xyz.value
    nearest = np.full(len(positions), 180.0)
    for index in range(v.shape[1]):
        normal = np.cross(v[:, index - 1], v[:, index])
        nearest = np.minimum(nearest, np.degrees(np.abs(np.arcsin(normal @ p / np.linalg.norm(normal)))))
    return nearest


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA mini")
    yield connection
    connection.close()


def load(engine: duckdb.DuckDBPyConnection, positions: SkyCoord, corners: SkyCoord | None = None) -> None:
    incoming = pa.table(
        {"number": np.arange(len(positions)), "ra": positions.ra.deg, "dec": positions.dec.deg}
    )
    engine.register("incoming", incoming)
    engine.execute("CREATE OR REPLACE TABLE mini.sky AS SELECT * FROM incoming")
    if corners is not None:
        numbers = [float(x) for pair in zip(corners.ra.deg, corners.dec.deg, strict=True) for x in pair]
        text = "POLYGON ICRS " + " ".join(map(repr, numbers))
        engine.register("incoming", pa.table({"shape": [numbers], "s_region": [text]}))
        engine.execute("CREATE OR REPLACE TABLE mini.shapes AS SELECT * FROM incoming")


def found(engine: duckdb.DuckDBPyConnection, query: str) -> set[int]:
    return {row[0] for row in engine.execute(translate(query, SKY, DUCKDB).sql).fetchall()}


def written(corners: SkyCoord) -> str:
    return ", ".join(
        f"{lon!r}, {lat!r}"
        for lon, lat in zip(corners.ra.deg.tolist(), corners.dec.deg.tolist(), strict=True)
    )


@pytest.mark.parametrize("centre", CENTRES, ids=str)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["triangle", "convex", "star", "many"])
def test_a_polygon_holds_what_winding_numbers_say(
    engine: duckdb.DuckDBPyConnection, centre: tuple[float, float], size: float, kind: str
) -> None:
    corners = ring(centre, size, kind, seed=int(size * 1000))
    positions = positions_for(centre, size, corners, seed=1)
    load(engine, positions)
    expected, clear = is_inside(positions, corners, centre), from_rim(positions, corners) > RIM
    for order in (corners, corners[::-1]):
        query = f"SELECT number FROM mini.sky WHERE 1 = CONTAINS(POINT(ra, dec), POLYGON({written(order)}))"
        inside = found(engine, query)
        wrong = [n for n in np.flatnonzero(clear) if (n in inside) != expected[n]]
        assert not wrong, (len(wrong), positions[wrong[0]])
    assert expected[clear].any()


@pytest.mark.parametrize("centre", CENTRES, ids=str)
@pytest.mark.parametrize("size", [1e-3, 3.0, 85.0])
@pytest.mark.parametrize("kind", ["triangle", "convex", "star"])
def test_a_polygon_in_a_column_is_the_same(
    engine: duckdb.DuckDBPyConnection, centre: tuple[float, float], size: float, kind: str
) -> None:
    corners = ring(centre, size, kind, seed=int(size * 1000))
    positions = positions_for(centre, size, corners, seed=2)
    load(engine, positions, corners)
    expected, clear = is_inside(positions, corners, centre), from_rim(positions, corners) > RIM
    numbers = written(corners).split(", ")
    columns = ", ".join(f"CAST('{number}' || '' AS DOUBLE PRECISION)" for number in numbers)
    wheres = ["shape", "s_region", "REGION(s_region)"]
    if len(corners) <= 5:
        wheres.append(f"POLYGON({columns})")
    for geometry in wheres:
        query = f"SELECT number FROM mini.sky, mini.shapes WHERE 1 = CONTAINS(POINT(ra, dec), {geometry})"
        inside = found(engine, query)
        wrong = [n for n in np.flatnonzero(clear) if (n in inside) != expected[n]]
        assert not wrong, (geometry, len(wrong))


@pytest.mark.parametrize("kind", ["triangle", "convex", "star", "many"])
@pytest.mark.parametrize("centre", CENTRES, ids=str)
def test_corners_and_places_on_sides_are_inside(
    engine: duckdb.DuckDBPyConnection, centre: tuple[float, float], kind: str
) -> None:
    corners = ring(centre, 2.0, kind, seed=5)
    following = corners[np.roll(np.arange(len(corners)), -1)]
    middle = corners.cartesian.xyz.value + following.cartesian.xyz.value
    halfway = SkyCoord(*middle, representation_type="cartesian")
    halfway.representation_type = "unitspherical"
    positions = SkyCoord(
        np.concatenate([corners.ra.deg, halfway.ra.deg]),
        np.concatenate([corners.dec.deg, halfway.dec.deg]),
        unit="deg",
    )
    load(engine, positions, corners)
    for source, polygon in (("mini.sky", f"POLYGON({written(corners)})"), ("mini.sky, mini.shapes", "shape")):
        inside = found(engine, f"SELECT number FROM {source} WHERE 1 = CONTAINS(POINT(ra, dec), {polygon})")
        assert inside == set(range(len(positions)))


def test_a_polygon_of_half_of_the_sky_or_more_is_refused() -> None:
    for corners in ("0, 0, 120, 0, 240, 0", "0, -10, 120, -10, 240, 30, 300, 80, 20, -60"):
        with pytest.raises(BindError, match="half of the sky"):
            translate(f"SELECT AREA(POLYGON({corners})) FROM mini.sky", SKY, DUCKDB)


@pytest.mark.parametrize(
    ("corners", "sentence"),
    [
        ("0, 0, 1, 0, 0, 0", "not the same place"),
        ("0, 0, 1, 0, 2, 0", "one great circle"),
        ("0, 0, 1, 1, 1, 0, 0, 1", "cross"),
        ("0, 0, 1, 95, 1, 0", "latitude"),
    ],
)
def test_corners_that_make_no_polygon_are_refused(corners: str, sentence: str) -> None:
    with pytest.raises(BindError, match=sentence):
        translate(f"SELECT AREA(POLYGON({corners})) FROM mini.sky", SKY, DUCKDB)


@pytest.mark.parametrize("size", [1e-4, 0.01, 1.0, 30.0, 80.0])
@pytest.mark.parametrize("centre", CENTRES, ids=str)
def test_area_and_centroid_are_those_of_a_sum_over_the_sky(
    engine: duckdb.DuckDBPyConnection, centre: tuple[float, float], size: float
) -> None:
    corners = ring(centre, size, "star", seed=3)
    load(engine, corners, corners)
    middle = SkyCoord(*centre, unit="deg")
    # Each side makes a triangle with the centre; cut into slices from the centre, in polar coordinates.
    steps = np.linspace(0, 1, 4001)
    area, moment = 0.0, np.zeros(3)
    for a, b in zip(corners, np.roll(corners, -1), strict=True):
        v, w = a.cartesian.xyz.value, b.cartesian.xyz.value
        rim = v[:, None] * (1 - steps) + w[:, None] * steps
        rim /= np.linalg.norm(rim, axis=0)
        c = middle.cartesian.xyz.value
        mid = rim[:, 1:] + rim[:, :-1]
        mid /= np.linalg.norm(mid, axis=0)
        radius = np.arctan2(np.linalg.norm(np.cross(c, mid.T), axis=1), c @ mid)
        side = mid.T - (c @ mid)[:, None] * c
        side /= np.linalg.norm(side, axis=1)[:, None]
        first, second = (rim[:, k] - (c @ rim[:, k]) * c[:, None] for k in (slice(None, -1), slice(1, None)))
        angle = np.arctan2(np.linalg.norm(np.cross(first.T, second.T), axis=1), (first * second).sum(axis=0))
        area += (angle * 2 * np.sin(radius / 2) ** 2).sum()
        along = (radius - np.sin(radius) * np.cos(radius)) / 2
        moment += (angle * np.sin(radius) ** 2 / 2).sum() * c + (angle * along) @ side
    query = (
        f"SELECT AREA(POLYGON({written(corners)})), AREA(shape), AREA(s_region), "
        f"COORD1(CENTROID(POLYGON({written(corners)}))), COORD2(CENTROID(POLYGON({written(corners)}))), "
        "COORD1(CENTROID(shape)), COORD2(CENTROID(shape)), "
        "COORD1(CENTROID(s_region)), COORD2(CENTROID(s_region)) "
        "FROM mini.shapes"
    )
    (row,) = engine.execute(translate(query, SKY, DUCKDB).sql).fetchall()
    assert row[:3] == pytest.approx([area * np.degrees(1) ** 2] * 3, rel=1e-6)
    expected = SkyCoord(*moment, representation_type="cartesian")
    expected.representation_type = "unitspherical"
    for lon, lat in zip(row[3::2], row[4::2], strict=True):
        assert SkyCoord(lon, lat, unit="deg").separation(expected).deg < 1e-6 * size + 1e-8


def test_area_does_not_hang_on_the_order_of_corners() -> None:
    corners = ((10.0, 20.0), (11.0, 20.0), (11.0, 22.0), (10.5, 20.5))
    first, second = outline(corners), outline(corners[::-1])
    assert signed_area(first.vectors) == pytest.approx(signed_area(second.vectors), rel=1e-14)
    assert signed_area(first.vectors) > 0
