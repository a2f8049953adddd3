"""The engine reads the files and row groups that can hold the rows, and gives the rows that astropy finds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import astropy.units as u
import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.coordinates import SkyCoord

import adql
from adql import Column, ColumnType, Table
from app.config import Config
from app.engines.base import Upload
from app.engines.duckdb import DuckDBEngine
from app.results import arrow_schema
from tests.support.small_lake import SmallRelease, make_lake

ROWS, GROUP = 12_000, 300
PLACES = {"crab": (83.63, 22.01), "centre": (266.4, -29.0), "seam": (0.0, -5.0), "pole": (10.0, 88.5)}
GROUPS = ROWS // GROUP * len(PLACES)


@dataclass(frozen=True)
class Lake:
    """A lake of four files with forty row groups each, and what is in it."""

    engine: DuckDBEngine
    events: SkyCoord
    """In the order of ``number``."""
    number: Mapping[tuple[str, int], int]
    """Collection and ``event_row`` -> place in ``events``."""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    home = tmp_path_factory.mktemp("pruned")
    releases = [
        SmallRelease(name, ra=ra, dec=dec, radius=3.0, n_events=ROWS, group_rows=GROUP)
        for name, (ra, dec) in PLACES.items()
    ]
    make_lake(home, releases)
    files = sorted((home / "lake" / "events").rglob("*.parquet"))
    rows = pa.concat_tables([pq.ParquetFile(file).read() for file in files])
    keys = zip(rows["collection"].to_pylist(), rows["event_row"].to_pylist(), strict=True)
    engine = DuckDBEngine(Config(home=home))
    yield Lake(
        engine,
        SkyCoord(rows["ra"].to_numpy(), rows["dec"].to_numpy(), unit="deg"),
        {key: place for place, key in enumerate(keys)},
    )
    engine.close()


@dataclass(frozen=True)
class Run:
    """What a query gave and what it read."""

    rows: list[tuple[Any, ...]]
    files: int
    groups: int
    told: int
    """Row groups that the service said it would read."""


def run(lake: Lake, query: str, *uploads: Upload) -> Run:
    """The rows of a query, and what DuckDB says of its scans of Parquet."""
    with lake.engine.session(uploads, timeout=60) as session:
        statement = adql.translate(query, session.catalogue, lake.engine.dialect, scan=session.scan)
        table = pa.Table.from_batches((result := session.execute(statement)).batches, schema=result.schema)
        told = sum(reading.chosen.groups or 0 for reading in session.scan.readings)
        small = {
            name: empty_table(session.catalogue.table(name).columns)
            for name in ("dl3.events", "dl3.observations")
        }
    with duckdb.connect(":memory:") as plain:
        for number, upload in enumerate(uploads):
            plain.register(f"upload {number}", upload.rows)
        plain.execute("CREATE SCHEMA dl3")
        plain.register("nothing", small["dl3.events"])
        plain.register("unseen", small["dl3.observations"])
        plain.execute('CREATE TABLE main."no events" AS FROM nothing')
        plain.execute("CREATE TABLE dl3.observations AS FROM unseen")
        ((_, text),) = plain.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement.sql}").fetchall()
    scans = [scan for scan in walk(json.loads(text)["operator"]) if "total_row_groups_to_scan" in scan]
    parquet = [scan for scan in scans if scan["extra_info"].get("Function") == "READ_PARQUET"]
    names = {name for scan in parquet for name in scan["extra_info"]["Filename(s)"].split(", ")}
    rows = [tuple(row.values()) for row in table.to_pylist()]
    return Run(rows, len(names), sum(scan["row_groups_scanned"] for scan in parquet), told)


def empty_table(columns: Sequence[Column]) -> pa.Table:
    return arrow_schema(columns).empty_table()


def walk(operators: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for operator in operators:
        yield operator
        yield from walk(operator.get("children", []))


def within(lake: Lake, centre: tuple[float, float], radius: float) -> set[int]:
    separation = lake.events.separation(SkyCoord(*centre, unit="deg")).deg
    return set(np.flatnonzero(separation <= radius).tolist())


def numbers(lake: Lake, found: Run) -> list[int]:
    return [lake.number[collection, row] for collection, row, *_ in found.rows]


SELECT = "SELECT collection, event_row FROM dl3.events WHERE "
CONES = {
    "crab": ((83.9, 22.3), 0.15),
    "centre": ((265.0, -29.9), 0.2),
    "seam": ((359.95, -4.9), 0.2),
    "pole": ((120.0, 89.9), 0.2),
}
FORMS = {
    "contains": "1 = CONTAINS(POINT(ra, dec), CIRCLE({lon}, {lat}, {radius}))",
    "distance": "DISTANCE(ra, dec, {lon}, {lat}) <= {radius}",
    "polygon": "1 = CONTAINS(POINT(ra, dec), POLYGON({corners})) "
    "AND NOT DISTANCE(ra, dec, {lon}, {lat}) > {radius}",
    "moc": "1 = CONTAINS(POINT(ra, dec), MOC(10, CIRCLE({lon}, {lat}, {radius}))) "
    "AND NOT DISTANCE(ra, dec, {lon}, {lat}) > {radius}",
    "circles": "1 = INTERSECTS(CIRCLE(ra, dec, {radius} / 4), CIRCLE({lon}, {lat}, {radius} * 3 / 4))",
}


@pytest.mark.parametrize("name", CONES)
@pytest.mark.parametrize("form", FORMS)
def test_a_region_reads_one_file_and_few_of_its_row_groups(lake: Lake, name: str, form: str) -> None:
    (lon, lat), radius = CONES[name]
    around = SkyCoord(lon, lat, unit="deg").directional_offset_by(
        [0, 90, 180, 270] * u.deg, 1.5 * radius * u.deg
    )
    pairs = zip(around.ra.deg.tolist(), around.dec.deg.tolist(), strict=True)
    corners = ", ".join(f"{a!r}, {b!r}" for a, b in pairs)
    where = FORMS[form].format(lon=lon, lat=lat, radius=radius, corners=corners)
    found = run(lake, SELECT + where)
    assert set(numbers(lake, found)) == within(lake, (lon, lat), radius)
    assert found.rows
    assert found.files == 1
    # Four base cells meet at the pole.
    assert found.groups <= found.told <= (20 if name == "pole" else 12)


def test_a_box_reads_one_file_and_few_of_its_row_groups(lake: Lake) -> None:
    found = run(lake, SELECT + "1 = CONTAINS(POINT(ra, dec), BOX(83.9, 22.3, 0.3, 0.3))")
    ra, dec = lake.events.ra.deg, lake.events.dec.deg
    assert set(numbers(lake, found)) <= within(lake, (83.9, 22.3), 0.22)
    assert within(lake, (83.9, 22.3), 0.149) <= set(numbers(lake, found))
    assert (abs(dec[numbers(lake, found)] - 22.3) < 0.151).all()
    assert (abs(ra[numbers(lake, found)] - 83.9) < 0.17).all()
    assert found.files == 1
    assert found.groups <= found.told <= 6


def test_one_of_several_places_reads_what_is_there_alone(lake: Lake) -> None:
    places = [((83.0, 24.0), 0.1), ((84.2, 19.9), 0.1), ((266.0, -27.5), 0.1)]
    where = " OR ".join(
        f"1 = CONTAINS(POINT(ra, dec), CIRCLE({lon}, {lat}, {radius}))" for (lon, lat), radius in places
    )
    found = run(lake, SELECT + where)
    assert set(numbers(lake, found)) == set().union(*(within(lake, *place) for place in places))
    assert found.rows
    assert found.files == 2
    assert found.groups <= found.told <= 12


def test_a_polygon_over_the_seam_reads_that_file_alone(lake: Lake) -> None:
    found = run(lake, SELECT + "1 = CONTAINS(POINT(ra, dec), POLYGON(359, -5, 1, -5.2, 0.5, -4, 359.5, -4))")
    assert found.rows
    assert found.files == 1
    assert found.groups <= found.told <= 20


def test_a_place_without_events_reads_nothing(lake: Lake) -> None:
    found = run(lake, SELECT + "DISTANCE(ra, dec, 180, 0) < 1")
    assert (found.rows, found.files, found.groups) == ([], 0, 0)


# Cross-matches


def upload(**columns: list[Any]) -> Upload:
    kinds = {float: ColumnType("double"), str: ColumnType("char", "*"), int: ColumnType("long")}
    described = tuple(
        Column(name, kinds[type(next(value for value in values if value is not None))])
        for name, values in columns.items()
    )
    return Upload(Table("TAP_UPLOAD", "t", described, nrows=len(columns["ra"])), pa.table(columns))


SOURCES = {
    "ra": [83.9, 265.0, None, -0.05, 200.0],
    "dec": [22.3, -29.9, 1.0, -4.9, 10.0],
    "error": [0.1, 0.2, 0.3, 0.05, 0.4],
    "kind": ["a", "b", "a", "b", "a"],
}
MATCHES = {
    "join": "SELECT e.collection, e.event_row FROM dl3.events AS e JOIN TAP_UPLOAD.t AS t ON {near}",
    "where": "SELECT e.collection, e.event_row FROM TAP_UPLOAD.t AS t, dl3.events AS e WHERE {near}",
    "left": "SELECT e.collection, e.event_row FROM TAP_UPLOAD.t AS t LEFT JOIN dl3.events AS e ON {near} "
    "WHERE e.event_row IS NOT NULL",
    "exists": "SELECT e.collection, e.event_row FROM dl3.events AS e WHERE EXISTS "
    "(SELECT 1 FROM TAP_UPLOAD.t AS t WHERE {near})",
    "with": "WITH t AS (SELECT ra, dec FROM TAP_UPLOAD.t) "
    "SELECT e.collection, e.event_row FROM dl3.events AS e, t WHERE {near}",
    "derived": "SELECT e.collection, e.event_row FROM (SELECT * FROM dl3.events) AS e, "
    "(SELECT POINT(ra, dec) AS p, ra, dec FROM TAP_UPLOAD.t) AS t WHERE {near}",
}


@pytest.mark.parametrize("form", MATCHES)
def test_a_cross_match_reads_what_is_near_the_positions(lake: Lake, form: str) -> None:
    found = run(
        lake, MATCHES[form].format(near="DISTANCE(e.ra, e.dec, t.ra, t.dec) < 0.1"), upload(**SOURCES)
    )
    expected = set().union(
        *(within(lake, (ra, dec), 0.1) for ra, dec in zip(SOURCES["ra"], SOURCES["dec"], strict=True) if ra)
    )
    assert set(numbers(lake, found)) == expected
    assert found.files == 3
    assert found.groups <= found.told <= 24 < GROUPS


def test_rows_near_some_upload_are_counted_for_each(lake: Lake) -> None:
    query = (
        "SELECT t.kind, t.error, (SELECT COUNT(*) FROM dl3.events AS e "
        "WHERE DISTANCE(e.ra, e.dec, t.ra, t.dec) < 0.1) AS n FROM TAP_UPLOAD.t AS t"
    )
    found = run(lake, query, upload(**SOURCES))
    counts = {error: count for _, error, count in found.rows}
    for ra, dec, error in zip(SOURCES["ra"], SOURCES["dec"], SOURCES["error"], strict=True):
        assert counts[error] == (0 if ra is None else len(within(lake, (ra, dec), 0.1)))
    assert found.files == 3
    assert found.told <= 24


def test_each_position_has_a_radius_of_its_own(lake: Lake) -> None:
    near = "1 = CONTAINS(POINT(e.ra, e.dec), CIRCLE(t.ra, t.dec, t.error))"
    found = run(lake, MATCHES["join"].format(near=near), upload(**SOURCES))
    places = zip(SOURCES["ra"], SOURCES["dec"], SOURCES["error"], strict=True)
    assert set(numbers(lake, found)) == set().union(
        *(within(lake, (ra, dec), error) for ra, dec, error in places if ra is not None)
    )
    assert found.files == 3
    assert found.told <= 30


def test_only_positions_count_that_meet_the_other_conditions(lake: Lake) -> None:
    near = "DISTANCE(e.ra, e.dec, t.ra, t.dec) < 0.1 AND t.kind = 'a' AND t.error < 0.35"
    found = run(lake, MATCHES["join"].format(near=near), upload(**SOURCES))
    assert set(numbers(lake, found)) == within(lake, (83.9, 22.3), 0.1)
    assert found.files == 1
    assert found.told <= 6


def test_a_match_with_a_table_of_the_lake_reads_what_is_near_its_positions(lake: Lake) -> None:
    query = (
        "SELECT e.collection, e.event_row FROM dl3.events AS e JOIN dl3.observations AS o "
        "ON DISTANCE(e.ra, e.dec, o.ra_pnt, o.dec_pnt) < 0.2 WHERE o.collection = 'crab' AND o.obs_id = 1"
    )
    found = run(lake, query)
    assert set(numbers(lake, found)) == within(lake, PLACES["crab"], 0.2)
    assert found.told <= 8


@pytest.mark.parametrize(
    "columns",
    [
        {"ra": [83.9, 10.0], "dec": [22.3, 95.0]},
        {"ra": [83.9, 10.0], "dec": [22.3, None]},
        {"ra": [83.9 + 720, float("nan")], "dec": [22.3, 5.0]},
        {"ra": [83.9, 83.9], "dec": [22.3, -1000.0]},
    ],
)
def test_odd_positions_lose_no_match(lake: Lake, columns: dict[str, list[Any]]) -> None:
    query = MATCHES["join"].format(near="DISTANCE(e.ra, e.dec, t.ra, t.dec) < 0.1")
    found = run(lake, query, upload(**columns))
    assert set(numbers(lake, found)) >= within(lake, (83.9, 22.3), 0.1)


def test_many_positions_all_over_the_sky(lake: Lake) -> None:
    random = np.random.default_rng(4)
    picked = lake.events[random.integers(0, len(lake.events), 300)]
    ra = np.concatenate([picked.ra.deg, random.uniform(0, 360, 3000)])
    dec = np.concatenate([picked.dec.deg, np.degrees(np.arcsin(random.uniform(-1, 1, 3000)))])
    query = MATCHES["join"].format(near="DISTANCE(e.ra, e.dec, t.ra, t.dec) < 0.02")
    found = run(lake, query, upload(ra=ra.tolist(), dec=dec.tolist()))
    _, apart, _ = lake.events.match_to_catalog_sky(SkyCoord(ra, dec, unit="deg"))
    assert set(numbers(lake, found)) == set(np.flatnonzero(apart.deg < 0.02).tolist())
    assert found.told <= GROUPS


def test_where_no_place_is_asked_all_is_read(lake: Lake) -> None:
    everything = run(lake, "SELECT COUNT(*) AS n, COUNT(*) AS m FROM dl3.events")
    assert everything.rows == [(ROWS * len(PLACES), ROWS * len(PLACES))]
    assert everything.told == GROUPS
