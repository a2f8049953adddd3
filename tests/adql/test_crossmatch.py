"""Joins by nearness give each pair once, as astropy finds them, and go by a hash join of cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import astropy.units as u
import duckdb
import numpy as np
import pyarrow as pa
import pytest
from astropy.coordinates import SkyCoord, search_around_sky

from adql import (
    DUCKDB,
    Around,
    Catalogue,
    Column,
    ColumnType,
    Restriction,
    Schema,
    SkyIndex,
    Table,
    translate,
)

DOUBLE, LONG = ColumnType("double"), ColumnType("long")
POSITION = (Column("number", LONG), Column("ra", DOUBLE), Column("dec", DOUBLE))
CATALOGUE = Catalogue(
    (
        Schema(
            "sky",
            (
                Table("sky", "events", POSITION, sky=SkyIndex("ra", "dec", "healpix", 12), nrows=4000),
                Table("sky", "uploaded", (*POSITION, Column("error", DOUBLE)), nrows=1500),
            ),
        ),
    )
)
MARGIN = 1e-9


def scattered(size: int, seed: int) -> SkyCoord:
    """Positions at and on the poles, at right ascension 0, and elsewhere."""
    random = np.random.default_rng(seed)
    ra = [random.uniform(0, 360, size // 4)]
    dec = [np.degrees(np.arcsin(random.uniform(-1, 1, size // 4)))]
    for lon, lat in ((0.0, 0.0), (0.0, 90.0), (77.0, -90.0), (180.0, 89.0), (359.9, -45.0), (266.4, 60.0)):
        near = SkyCoord(lon, lat, unit="deg").directional_offset_by(
            random.uniform(0, 360, size // 8) * u.deg, 10 ** random.uniform(-4, 0.7, size // 8) * u.deg
        )
        ra.append(near.ra.deg)
        dec.append(near.dec.deg)
    return SkyCoord(
        np.concatenate([*ra, [0.0, 360.0, 10.0]]), np.concatenate([*dec, [90.0, 0.0, -90.0]]), unit="deg"
    )


EVENTS, UPLOADED = scattered(4000, 1), scattered(1500, 2)
ERRORS = 10 ** np.random.default_rng(3).uniform(-4, 0, len(UPLOADED))


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA sky")
    events = pa.table({"number": np.arange(len(EVENTS)), "ra": EVENTS.ra.deg, "dec": EVENTS.dec.deg})
    # An uploaded table may count right ascension from -180.
    turned = np.where(UPLOADED.ra.deg > 180, UPLOADED.ra.deg - 360, UPLOADED.ra.deg)
    uploaded = pa.table(
        {
            "number": [*range(len(UPLOADED)), -1],
            "ra": [*turned, None],
            "dec": [*UPLOADED.dec.deg, 0.0],
            "error": [*ERRORS, 0.1],
        }
    )
    connection.register("incoming_events", events)
    connection.register("incoming_uploaded", uploaded)
    connection.execute("CREATE TABLE sky.events AS SELECT * FROM incoming_events")
    connection.execute("CREATE TABLE sky.uploaded AS SELECT * FROM incoming_uploaded")
    yield connection
    connection.close()


def pairs(engine: duckdb.DuckDBPyConnection, query: str) -> list[tuple[int, int]]:
    return [tuple(row) for row in engine.execute(translate(query, CATALOGUE, DUCKDB).sql).fetchall()]


def near(radius: float) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """Pairs nearer than a radius, less and plus a margin for rounding."""
    event, uploaded, apart, _ = search_around_sky(EVENTS, UPLOADED, (radius + MARGIN) * u.deg)
    found = list(zip(event.tolist(), uploaded.tolist(), strict=True))
    sure = {pair for pair, angle in zip(found, apart.deg, strict=True) if angle < radius - MARGIN}
    return sure, set(found)


@pytest.mark.parametrize("radius", [1e-5, 1e-3, 0.01, 0.3, 2.0, 9.0, 15.0])
@pytest.mark.parametrize(
    "condition",
    [
        "DISTANCE(e.ra, e.dec, t.ra, t.dec) < {radius}",
        "1 = CONTAINS(POINT(t.ra, t.dec), CIRCLE(e.ra, e.dec, {radius}))",
        "1 = INTERSECTS(CIRCLE(t.ra, t.dec, {radius} / 4), CIRCLE(e.ra, e.dec, 3 * {radius} / 4))",
    ],
    ids=["distance", "contains", "intersects"],
)
def test_pairs_are_those_of_astropy_and_come_once(
    engine: duckdb.DuckDBPyConnection, radius: float, condition: str
) -> None:
    where = condition.format(radius=radius)
    found = pairs(engine, f"SELECT e.number, t.number FROM sky.events e, sky.uploaded t WHERE {where}")
    sure, possible = near(radius)
    assert len(found) == len(set(found))
    assert sure <= set(found) <= possible


def test_a_radius_of_each_row(engine: duckdb.DuckDBPyConnection) -> None:
    condition = "1 = CONTAINS(POINT(e.ra, e.dec), CIRCLE(t.ra, t.dec, t.error))"
    found = pairs(engine, f"SELECT e.number, t.number FROM sky.events e JOIN sky.uploaded t ON {condition}")
    event, uploaded, apart, _ = search_around_sky(EVENTS, UPLOADED, 1 * u.deg)
    rows = list(zip(event.tolist(), uploaded.tolist(), apart.deg - ERRORS[uploaded], strict=True))
    assert len(found) == len(set(found))
    assert {(e, t) for e, t, gap in rows if gap < -MARGIN} <= set(found)
    assert set(found) <= {(e, t) for e, t, gap in rows if gap <= MARGIN}


@pytest.mark.parametrize("side", ["LEFT", "RIGHT", "FULL"])
def test_an_outer_join_keeps_rows_without_a_counterpart(engine: duckdb.DuckDBPyConnection, side: str) -> None:
    found = pairs(
        engine,
        f"SELECT e.number, t.number FROM sky.events e {side} JOIN sky.uploaded t "
        "ON DISTANCE(e.ra, e.dec, t.ra, t.dec) < 0.3",
    )
    sure, possible = near(0.3)
    matched = {pair for pair in found if None not in pair}
    assert sure <= matched <= possible
    assert len(found) == len(set(found))
    alone = {e for e, t in found if t is None}
    if side != "RIGHT":
        assert alone == set(range(len(EVENTS))) - {e for e, _ in matched}
    if side != "LEFT":
        expected = {*range(len(UPLOADED)), -1} - {t for _, t in matched}
        assert {t for e, t in found if e is None} == expected


def test_counterparts_are_counted_for_each_row(engine: duckdb.DuckDBPyConnection) -> None:
    found = pairs(
        engine,
        "SELECT t.number, (SELECT COUNT(*) FROM sky.events e "
        "WHERE DISTANCE(e.ra, e.dec, t.ra, t.dec) < 0.3) AS n FROM sky.uploaded t",
    )
    sure, possible = near(0.3)
    least, most = (Counter(t for _, t in known) for known in (sure, possible))
    assert all(least[number] <= count <= most[number] for number, count in found)


def test_through_derived_tables_and_queries_of_with(engine: duckdb.DuckDBPyConnection) -> None:
    found = pairs(
        engine,
        "WITH few AS (SELECT number AS n, POINT(ra, dec) AS p FROM sky.uploaded WHERE error < 0.1) "
        "SELECT q.number, few.n FROM (SELECT number, ra, dec FROM sky.events WHERE number > 100) AS q, few "
        "WHERE DISTANCE(POINT(q.ra, q.dec), few.p) <= 0.3",
    )
    sure, possible = near(0.3)
    assert len(found) == len(set(found))
    for kept, known in ((sure, set(found)), (set(found), possible)):
        assert {(e, t) for e, t in kept if e > 100 and ERRORS[t] < 0.1} <= known


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1 FROM sky.events e, sky.uploaded t WHERE DISTANCE(e.ra, e.dec, t.ra, t.dec) < 0.1",
        "SELECT 1 FROM sky.events e JOIN sky.uploaded t ON 1 = CONTAINS(POINT(e.ra, e.dec), "
        "CIRCLE(t.ra, t.dec, t.error))",
        "SELECT 1 FROM sky.uploaded t LEFT JOIN sky.events e ON DISTANCE(e.ra, e.dec, t.ra, t.dec) < 0.1",
    ],
    ids=["radius", "radius of each row", "left"],
)
def test_the_plan_is_a_hash_join(engine: duckdb.DuckDBPyConnection, query: str) -> None:
    plan = engine.execute(f"EXPLAIN {translate(query, CATALOGUE, DUCKDB).sql}").fetchall()[0][1].lower()
    assert "hash join" in plan
    # One loop makes the nine copies.
    assert plan.count("nl join") + plan.count("nested loop") <= 1


def test_the_surroundings_of_the_other_table_restrict_the_scan() -> None:
    asked: dict[str, Restriction] = {}

    def scan(table: Table, restriction: Restriction) -> None:
        asked[table.name] = restriction

    where = "DISTANCE(e.ra, e.dec, t.ra, t.dec) < 0.1"
    translate(f"SELECT 1 FROM sky.events e, sky.uploaded t WHERE {where}", CATALOGUE, DUCKDB, scan=scan)
    assert asked["events"].regions == (Around("sky.uploaded", "ra", "dec", 0.1),)
    assert asked["uploaded"].is_empty


def test_an_equality_between_the_tables_is_join_enough() -> None:
    query = (
        "SELECT 1 FROM sky.events e, sky.uploaded t "
        "WHERE e.number = t.number AND DISTANCE(e.ra, e.dec, t.ra, t.dec) < 0.1"
    )
    assert "near_cell" not in translate(query, CATALOGUE, DUCKDB).sql
