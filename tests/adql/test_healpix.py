"""HEALPix in plain arithmetic against cdshealpix, as numbers and on the engine."""

from __future__ import annotations

import astropy.units as u
import duckdb
import numpy as np
import pyarrow as pa
import pytest
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import healpix_to_lonlat, lonlat_to_healpix

from adql import DUCKDB, HIVE, SPARK, core, healpix
from adql.types import DOUBLE, LONG

AWKWARD = [
    (lon, lat)
    for lon in (0.0, 45.0, 89.999999, 90.0, 180.0, 270.0, 359.9999999)
    for lat in (
        -90.0,
        -89.9999,
        -60.0,
        -41.81031489577862,
        -1e-9,
        0.0,
        30.0,
        41.8103149,
        66.4435,
        89.99999,
        90.0,
    )
]


def positions(size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions all over the sphere, and dense ones at the poles."""
    random = np.random.default_rng(seed)
    lon = random.uniform(0, 360, size)
    lat = np.degrees(np.arcsin(random.uniform(-1, 1, size)))
    near = size // 10
    lat[:near] = np.sign(lat[:near]) * (90 - 10 ** random.uniform(-6, 1, near))
    return lon, lat


def in_engine(expressions: dict[str, core.Expr], table: pa.Table) -> dict[str, np.ndarray]:
    connection = duckdb.connect()
    connection.register("t", table)
    items = tuple(core.Item(expr, name) for name, expr in expressions.items())
    query = core.Query(core.Select(items, core.CommonSource("t", "t")), (), tuple(expressions))
    return connection.execute(DUCKDB.render(query)).fetchnumpy()


def cells(lon: np.ndarray, lat: np.ndarray, order: int) -> np.ndarray:
    return lonlat_to_healpix(Longitude(lon, u.deg), Latitude(lat, u.deg), order).astype(np.int64)


@pytest.mark.parametrize("order", [0, 1, 5, 6, 12, 20, 29])
def test_index_of_a_constant_is_that_of_cdshealpix(order: int) -> None:
    lon, lat = positions(3000, 1)
    expected = cells(lon, lat, order)
    found = np.array([healpix.index(order, *position) for position in zip(lon, lat, strict=True)])
    # At order 29 a cell is as small as the rounding of an angle.
    assert np.count_nonzero(found != expected) <= (0 if order < 26 else 10)


@pytest.mark.parametrize(("lon", "lat"), AWKWARD)
def test_a_position_on_a_seam_is_in_a_cell_beside_it(lon: float, lat: float) -> None:
    for order in (0, 3, 12):
        found = healpix.index(order, lon, lat)
        near = cells(
            np.array([lon - 1e-7, lon, lon + 1e-7] * 3) % 360,
            np.clip(np.repeat([lat - 1e-7, lat, lat + 1e-7], 3), -90, 90),
            order,
        )
        assert found in near or abs(lat) == 90


@pytest.mark.parametrize("order", [0, 1, 4, 12, 17, 29])
def test_centre_of_a_constant_is_that_of_cdshealpix(order: int) -> None:
    random = np.random.default_rng(2)
    for cell in random.integers(0, healpix.npix(order), 300):
        lon, lat = healpix_to_lonlat(np.array([cell]), order)
        found = healpix.centre(order, int(cell))
        assert found == pytest.approx((lon.deg[0], lat.deg[0]), abs=1e-9)
        assert healpix.index(order, *found) == cell


@pytest.mark.parametrize("order", [0, 3, 8, 12, 20, 24])
def test_index_on_the_engine_is_that_of_cdshealpix(order: int) -> None:
    lon, lat = positions(500_000, order)
    arrow = pa.table({"lon": lon + 360 * (np.arange(lon.size) % 3 - 1), "lat": lat})
    fields = core.Field(DOUBLE, "t", "lon"), core.Field(DOUBLE, "t", "lat")
    found = in_engine({"cell": healpix.index_expr(order, *fields)}, arrow)["cell"]
    different = np.count_nonzero(found != cells(lon, lat, order))
    assert different <= (0 if order <= 12 else 3)


def test_no_position_has_no_cell() -> None:
    arrow = pa.table({"lon": [1.0, None, 1.0], "lat": [None, 1.0, 90.001]})
    fields = core.Field(DOUBLE, "t", "lon"), core.Field(DOUBLE, "t", "lat")
    found = in_engine({"cell": healpix.index_expr(3, *fields)}, arrow)["cell"]
    assert np.ma.getmaskarray(found).all()


@pytest.mark.parametrize("order", [0, 2, 12, 29])
def test_centre_on_the_engine_is_that_of_cdshealpix(order: int) -> None:
    random = np.random.default_rng(3)
    cell = random.integers(0, healpix.npix(order), 100_000)
    lon, lat = healpix.centre_expr(order, core.Field(LONG, "t", "cell"))
    found = in_engine({"lon": lon, "lat": lat}, pa.table({"cell": cell}))
    expected = healpix_to_lonlat(cell, order)
    apart = (found["lon"] - expected[0].deg + 180) % 360 - 180
    assert np.abs(apart * np.cos(expected[1].rad)).max() < 1e-9
    assert np.abs(found["lat"] - expected[1].deg).max() < 1e-9


@pytest.mark.parametrize("dialect", [DUCKDB, HIVE, SPARK], ids=lambda dialect: dialect.name)
def test_every_dialect_writes_it(dialect: object) -> None:
    fields = core.Field(DOUBLE, "t", "lon"), core.Field(DOUBLE, "t", "lat")
    items = (core.Item(healpix.index_expr(29, *fields), "cell"),)
    query = core.Query(core.Select(items, core.CommonSource("t", "t")), (), ("cell",))
    assert len(dialect.render(query)) < 100_000
