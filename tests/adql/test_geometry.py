"""Geometry on the engine against astropy's, on random positions and in the awkward places of the sky."""

from __future__ import annotations

from collections.abc import Iterator

import astropy.units as u
import duckdb
import numpy as np
import pyarrow as pa
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given, settings
from hypothesis import strategies as st

from adql import DUCKDB, Catalogue, Column, ColumnType, Cone, Schema, SkyIndex, Table, translate

DOUBLE = ColumnType("double")
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
            ),
        ),
    )
)
CENTRES = [
    (83.633, 22.0145),
    (0.0, 0.0),
    (359.9999, -30.0),
    (10.0, 90.0),
    (200.0, -90.0),
    (123.0, 89.9),
    (45.0, -89.95),
]
RADII = [0.0, 1e-4, 0.1, 1.0, 30.0, 89.0, 90.0, 120.0, 179.0, 180.0]


@pytest.fixture(scope="module")
def positions() -> SkyCoord:
    """Positions over the whole sky, and dense ones around each centre."""
    random = np.random.default_rng(20190611)
    ra = [random.uniform(0, 360, 2000)]
    dec = [np.degrees(np.arcsin(random.uniform(-1, 1, 2000)))]
    for lon, lat in CENTRES:
        centre = SkyCoord(lon, lat, unit="deg")
        near = centre.directional_offset_by(
            random.uniform(0, 360, 400) * u.deg, 10 ** random.uniform(-5, 1, 400) * u.deg
        )
        ra.append(np.append(near.ra.deg, lon % 360))
        dec.append(np.append(near.dec.deg, lat))
    return SkyCoord(np.concatenate(ra), np.concatenate(dec), unit="deg")


@pytest.fixture(scope="module")
def engine(positions: SkyCoord) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA mini")
    incoming = pa.table(
        {"number": np.arange(len(positions)), "ra": positions.ra.deg, "dec": positions.dec.deg}
    )
    connection.register("incoming", incoming)
    connection.execute("CREATE TABLE mini.sky AS SELECT * FROM incoming")
    yield connection
    connection.close()


@pytest.mark.parametrize("centre", CENTRES, ids=str)
@pytest.mark.parametrize("radius", RADII)
@pytest.mark.parametrize(
    "condition",
    [
        "1 = CONTAINS(POINT(ra, dec), CIRCLE({lon}, {lat}, {radius}))",
        "DISTANCE(POINT({lon}, {lat}), POINT(ra, dec)) <= {radius}",
        "INTERSECTS(CIRCLE({lon}, {lat}, {radius}), POINT(ra, dec)) = 1",
    ],
    ids=["contains", "distance", "intersects"],
)
def test_cone_holds_what_astropy_says(
    engine: duckdb.DuckDBPyConnection,
    positions: SkyCoord,
    centre: tuple[float, float],
    radius: float,
    condition: str,
) -> None:
    where = condition.format(lon=centre[0], lat=centre[1], radius=radius)
    statement = translate(f"SELECT number FROM mini.sky WHERE {where}", SKY, DUCKDB)
    found = {row[0] for row in engine.execute(statement.sql).fetchall()}
    separation = SkyCoord(*centre, unit="deg").separation(positions).deg
    # Positions on the rim, to rounding, may fall on either side: near 180 deg haversine resolves 1e-6 deg.
    rim = 1e-9 if radius < 179 else 2e-6
    assert set(np.flatnonzero(separation < radius - rim)) <= found
    assert found <= set(np.flatnonzero(separation <= radius + rim))


@pytest.mark.parametrize("centre", CENTRES, ids=str)
def test_distance_is_that_of_astropy(
    engine: duckdb.DuckDBPyConnection, positions: SkyCoord, centre: tuple[float, float]
) -> None:
    query = f"SELECT DISTANCE(ra, dec, {centre[0]}, {centre[1]}) AS d FROM mini.sky ORDER BY number"
    found = np.array([row[0] for row in engine.execute(translate(query, SKY, DUCKDB).sql).fetchall()])
    separation = SkyCoord(*centre, unit="deg").separation(positions).deg
    np.testing.assert_allclose(found, separation, rtol=1e-9, atol=2e-6)
    np.testing.assert_allclose(found[separation < 90], separation[separation < 90], rtol=1e-9, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    lon=st.floats(-720, 720),
    lat=st.floats(-90, 90),
    radius=st.floats(0, 180),
)
def test_any_cone_restricts_the_scan_to_itself(lon: float, lat: float, radius: float) -> None:
    asked = []

    def scan(table: Table, restriction: object) -> None:
        asked.append(restriction)

    query = f"SELECT ra FROM mini.sky WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE({lon}, {lat}, {radius}))"
    translate(query, SKY, DUCKDB, scan=scan)
    assert asked[0].regions == (Cone(lon, lat, radius),)
