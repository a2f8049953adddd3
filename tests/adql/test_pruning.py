"""What a query asks of a table reaches the scan; what could lose a row does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adql import (
    DUCKDB,
    Around,
    Catalogue,
    Cells,
    Column,
    ColumnType,
    Cone,
    Interval,
    Restriction,
    Table,
    Union,
    translate,
)
from adql.pruning import Region
from tests.support.miniature import CATALOGUE

_EDGES = Table(
    "mini",
    "edges",
    (
        Column("label", ColumnType("char", "*")),
        *(Column(name, ColumnType("double")) for name in ("ra", "dec", "extent")),
    ),
)
(_MINI,) = CATALOGUE.schemas
SKY = Catalogue((replace(_MINI, tables=(*_MINI.tables, _EDGES)),))
"""The miniature, and a table of places."""

CONE = "1 = CONTAINS(POINT(ra, dec), CIRCLE(10, 20, 0.5))"


def restrictions(query: str) -> dict[str, list[Restriction]]:
    """Table -> the restrictions of its references, in the order of the SQL."""
    asked: dict[str, list[Restriction]] = {}

    def scan(table: Table, restriction: Restriction) -> None:
        asked.setdefault(table.name, []).append(restriction)

    translate(query, SKY, DUCKDB, scan=scan)
    return asked


@pytest.mark.parametrize(
    "where",
    [
        CONE,
        "1 = CONTAINS(POINT(10, 20), CIRCLE(ra, dec, 0.5))",
        "1 = CONTAINS(POINT(ra, dec), REGION('CIRCLE ICRS 10 20 0.5'))",
        "1 = INTERSECTS(CIRCLE(ra, dec, 0.2), CIRCLE(10, 20, 0.3))",
        "1 = CONTAINS(CIRCLE(ra, dec, 0.25), CIRCLE(10, 20, 0.75))",
        "CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 5 + 5, -(-20.0), 0.5)) = 1",
        "CONTAINS(POINT(ra, dec), CIRCLE(POINT(10, 20), 0.5)) > 0",
        "0 <> CONTAINS(POINT(ra, dec), CIRCLE(10, 20, 0.5))",
        "DISTANCE(POINT(ra, dec), POINT(10, 20)) < 0.5",
        "0.5 >= DISTANCE(10, 20, ra, dec)",
        "INTERSECTS(CIRCLE(10, 20, 0.5), POINT(ra, dec)) = 1",
        f"mag > 1 AND (kind = 1 AND {CONE})",
    ],
)
def test_every_form_of_a_cone_restricts(where: str) -> None:
    (restriction,) = restrictions(f"SELECT star_id FROM mini.stars WHERE {where}")["stars"]
    assert restriction.regions == (Cone(10.0, 20.0, 0.5),)


@pytest.mark.parametrize(
    "where",
    [
        f"NOT {CONE}",
        f"{CONE} OR mag > 1",
        "CONTAINS(POINT(ra, dec), CIRCLE(10, 20, 0.5)) = 0",
        "CONTAINS(POINT(ra, dec), CIRCLE(10, 20, 0.5)) >= 0",
        "DISTANCE(POINT(ra, dec), POINT(10, 20)) > 0.5",
        "1 = CONTAINS(POINT(dec, ra), CIRCLE(10, 20, 0.5))",
        "1 = CONTAINS(POINT(ra, dec), CIRCLE(mag, 20, 0.5))",
        "1 = CONTAINS(POINT(ra + 1, dec), CIRCLE(10, 20, 0.5))",
        "1 = CONTAINS(CIRCLE(10, 20, 0.5), POINT(ra, dec)) OR kind = 1",
    ],
)
def test_what_may_hold_outside_of_a_cone_does_not_restrict(where: str) -> None:
    (restriction,) = restrictions(f"SELECT star_id FROM mini.stars WHERE {where}")["stars"]
    assert restriction.regions == ()


def test_values_and_ranges_restrict() -> None:
    query = (
        "SELECT star_id FROM mini.stars WHERE kind IN (1, 2) AND mag BETWEEN 1 AND 3 "
        "AND energy > 0.5 AND star_id = 7"
    )
    (restriction,) = restrictions(query)["stars"]
    assert restriction.members == {"kind": frozenset({1, 2}), "star_id": frozenset({7})}
    assert restriction.intervals == {"mag": Interval(1, 3), "energy": Interval(0.5, None)}


def test_equal_columns_share_what_is_known() -> None:
    query = (
        "SELECT 1 FROM mini.stars s JOIN mini.visits v ON s.star_id = v.star_id "
        "WHERE v.star_id = 3 AND s.kind > 1"
    )
    asked = restrictions(query)
    assert asked["stars"][0].members == {"star_id": frozenset({3})}
    assert asked["visits"][0].intervals == {}


@pytest.mark.parametrize("side", ["LEFT", "RIGHT", "FULL"])
def test_the_condition_of_an_outer_join_restricts_the_side_that_may_be_left_out(side: str) -> None:
    tables = ["mini.visits v", "mini.stars s"]
    first, second = tables if side != "RIGHT" else tables[::-1]
    query = f"SELECT 1 FROM {first} {side} JOIN {second} ON v.star_id = s.star_id AND v.hours > 1 AND {CONE}"
    asked = restrictions(query)
    assert asked["visits"][0].is_empty
    assert asked["stars"][0].regions == (() if side == "FULL" else (Cone(10.0, 20.0, 0.5),))
    assert asked["stars"][0].intervals == {}


NEAR = "DISTANCE(s.ra, s.dec, e.ra, e.dec) < 0.1"


@pytest.mark.parametrize(
    "query",
    [
        f"SELECT 1 FROM mini.stars s, mini.edges e WHERE {NEAR}",
        f"SELECT 1 FROM mini.stars s JOIN mini.edges e ON {NEAR}",
        f"SELECT 1 FROM mini.edges e LEFT JOIN mini.stars s ON {NEAR}",
        f"SELECT 1 FROM mini.stars s RIGHT JOIN mini.edges e ON {NEAR}",
        f"SELECT (SELECT COUNT(*) FROM mini.stars s WHERE {NEAR}) AS n FROM mini.edges e",
        f"SELECT 1 FROM mini.edges e WHERE EXISTS (SELECT 1 FROM mini.stars s WHERE {NEAR})",
        f"SELECT 1 FROM mini.stars s WHERE EXISTS (SELECT 1 FROM mini.edges e WHERE {NEAR})",
        "SELECT 1 FROM (SELECT ra, dec FROM mini.stars) AS s, (SELECT ra, dec FROM mini.edges) AS e "
        f"WHERE {NEAR}",
        f"WITH e AS (SELECT TOP 5 * FROM mini.edges) SELECT 1 FROM mini.stars s, e WHERE {NEAR}",
        "SELECT 1 FROM mini.stars s, (SELECT POINT(ra, dec) AS p FROM mini.edges) AS e "
        "WHERE 1 = CONTAINS(POINT(s.ra, s.dec), CIRCLE(e.p, 0.1))",
    ],
)
def test_nearness_to_another_table_restricts_to_its_surroundings(query: str) -> None:
    assert regions(query) == (Around("mini.edges", "ra", "dec", 0.1),)


def test_surroundings_have_what_is_known_of_the_rows_that_they_are_of() -> None:
    query = (
        "SELECT 1 FROM mini.stars s JOIN mini.edges e ON "
        "1 = INTERSECTS(CIRCLE(s.ra, s.dec, 0.1), CIRCLE(e.ra, e.dec, e.extent)) "
        "WHERE e.label = 'x' AND e.extent > 1"
    )
    among = Restriction((), {"extent": Interval(1, None)}, {"label": frozenset({"x"})})
    assert regions(query) == (Around("mini.edges", "ra", "dec", 0.1, "extent", among),)


@pytest.mark.parametrize(
    "query",
    [
        f"SELECT 1 FROM mini.stars s LEFT JOIN mini.edges e ON {NEAR}",
        f"SELECT 1 FROM mini.stars s FULL JOIN mini.edges e ON {NEAR}",
        f"SELECT 1 FROM mini.stars s, mini.edges e WHERE {NEAR} OR s.kind = 1",
        f"SELECT 1 FROM mini.stars s, mini.edges e WHERE NOT {NEAR}",
        f"SELECT 1 FROM mini.stars s WHERE NOT EXISTS (SELECT 1 FROM mini.edges e WHERE {NEAR})",
        f"SELECT 1 FROM mini.stars s WHERE EXISTS (SELECT COUNT(*) FROM mini.edges e WHERE {NEAR})",
        "SELECT 1 FROM mini.stars s, mini.edges e WHERE DISTANCE(s.ra, s.dec, e.ra, e.dec) < s.mag",
        "SELECT 1 FROM mini.stars s, mini.edges e WHERE DISTANCE(s.ra, s.dec, e.ra + 1, e.dec) < 1",
        "SELECT 1 FROM mini.stars s, (SELECT MAX(ra) AS ra, dec FROM mini.edges GROUP BY dec) AS e "
        f"WHERE {NEAR}",
    ],
)
def test_what_may_lie_elsewhere_is_not_restricted_to_surroundings(query: str) -> None:
    assert {restriction.regions for restriction in restrictions(query)["stars"]} == {()}


def test_each_reference_has_its_own_restriction() -> None:
    query = (
        "SELECT 1 FROM mini.stars a, mini.stars b WHERE a.kind = 1 AND "
        "1 = CONTAINS(POINT(b.ra, b.dec), CIRCLE(10, 20, 0.5))"
    )
    first, second = restrictions(query)["stars"]
    assert (first.members, first.regions) == ({"kind": frozenset({1})}, ())
    assert (second.members, second.regions) == ({}, (Cone(10.0, 20.0, 0.5),))


def test_the_scan_stands_in_for_the_table() -> None:
    statement = translate(
        "SELECT star_id FROM mini.stars",
        CATALOGUE,
        DUCKDB,
        scan=lambda table, restriction: "read_parquet(['x'])",
    )
    assert "FROM read_parquet(['x']) AS \"t1\"" in statement.sql


def regions(query: str) -> tuple[Region, ...]:
    (restriction,) = restrictions(query)["stars"]
    return restriction.regions


SQUARE = "POLYGON(9, 19, 11, 19, 11, 21, 9, 21)"
CORNERS = ((9.0, 19.0), (11.0, 19.0), (11.0, 21.0), (9.0, 21.0))


@pytest.mark.parametrize(
    "where",
    [
        f"1 = CONTAINS(POINT(ra, dec), {SQUARE})",
        f"1 = INTERSECTS({SQUARE}, POINT(ra, dec))",
        f"1 = CONTAINS(CIRCLE(ra, dec, mag), {SQUARE})",
        "1 = CONTAINS(POINT(ra, dec), REGION('Polygon ICRS 9 19 11 19 11 21 9 21'))",
    ],
)
def test_a_polygon_restricts(where: str) -> None:
    (outline,) = regions(f"SELECT star_id FROM mini.stars WHERE {where}")
    assert set(outline.vertices) == set(CORNERS)


def test_a_coverage_map_restricts_to_its_cells() -> None:
    query = "SELECT star_id FROM mini.stars WHERE 1 = CONTAINS(POINT(ra, dec), MOC('5/6-7 4/9'))"
    assert regions(query) == (Union(((Cells(4, (9,)),), (Cells(5, (6, 7)),))),)


def test_one_of_several_places_is_a_union() -> None:
    other = "1 = CONTAINS(POINT(ra, dec), CIRCLE(50, 60, 1))"
    found = regions(f"SELECT star_id FROM mini.stars WHERE {CONE} OR (kind = 1 AND {other})")
    assert found == (Union(((Cone(10.0, 20.0, 0.5),), (Cone(50.0, 60.0, 1.0),))),)


def test_one_of_several_ranges_is_a_range() -> None:
    query = "SELECT star_id FROM mini.stars WHERE energy BETWEEN 1 AND 2 OR energy IN (5, 7)"
    (restriction,) = restrictions(query)["stars"]
    assert restriction.intervals == {"energy": Interval(1, 7)}


@pytest.mark.parametrize(
    "query",
    [
        f"SELECT x.ra FROM (SELECT ra, dec FROM mini.stars) AS x WHERE {CONE}",
        "SELECT 1 FROM (SELECT POINT(ra, dec) AS p FROM mini.stars) AS x "
        "WHERE 1 = CONTAINS(x.p, CIRCLE(10, 20, 0.5))",
        "SELECT 1 FROM (SELECT ra AS a, dec AS d, MAX(mag) AS m FROM mini.stars GROUP BY ra, dec) AS x "
        "WHERE DISTANCE(a, d, 10, 20) <= 0.5",
        f"WITH w AS (SELECT ra, dec FROM mini.stars) SELECT 1 FROM w WHERE {CONE}",
        f"WITH w AS (SELECT * FROM mini.stars), v AS (SELECT ra, dec FROM w) SELECT 1 FROM v WHERE {CONE}",
    ],
)
def test_what_is_asked_of_a_query_is_asked_of_its_table(query: str) -> None:
    assert regions(query) == (Cone(10.0, 20.0, 0.5),)


@pytest.mark.parametrize(
    "query",
    [
        f"SELECT 1 FROM (SELECT TOP 3 ra, dec FROM mini.stars) AS x WHERE {CONE}",
        f"SELECT 1 FROM (SELECT ra, dec FROM mini.stars ORDER BY mag OFFSET 1) AS x WHERE {CONE}",
        f"SELECT 1 FROM (SELECT MAX(ra) AS ra, MAX(dec) AS dec FROM mini.stars) AS x WHERE {CONE}",
        f"WITH w AS (SELECT ra, dec FROM mini.stars) SELECT 1 FROM w, (SELECT COUNT(*) AS n FROM w) AS y "
        f"WHERE {CONE}",
    ],
)
def test_what_would_change_the_result_of_a_query_is_not_asked_of_its_table(query: str) -> None:
    assert regions(query) == ()


def test_two_uses_of_a_query_of_with_ask_for_both_places() -> None:
    query = (
        "WITH w AS (SELECT ra, dec FROM mini.stars) SELECT 1 FROM w a, w b WHERE "
        "DISTANCE(a.ra, a.dec, 10, 20) < 1 AND DISTANCE(b.ra, b.dec, 50, 60) < 2"
    )
    assert regions(query) == (Union(((Cone(10.0, 20.0, 1.0),), (Cone(50.0, 60.0, 2.0),))),)


def test_sets_ask_of_both_sides() -> None:
    query = (
        "SELECT 1 FROM (SELECT ra, dec FROM mini.stars UNION ALL SELECT dec, ra FROM mini.stars) AS x "
        f"WHERE {CONE}"
    )
    first, second = restrictions(query)["stars"]
    assert first.regions == (Cone(10.0, 20.0, 0.5),)
    assert second.regions == ()


def test_what_is_near_a_place_near_a_cone_lies_in_a_larger_cone() -> None:
    query = (
        "SELECT 1 FROM mini.stars a, mini.stars b WHERE DISTANCE(a.ra, a.dec, b.ra, b.dec) < 0.25 AND "
        "DISTANCE(a.ra, a.dec, 10, 20) < 0.5"
    )
    first, second = restrictions(query)["stars"]
    assert Cone(10.0, 20.0, 0.5) in first.regions
    assert Cone(10.0, 20.0, 0.75) in second.regions


def test_boxes_of_the_columns_come_with_a_filter_alone() -> None:
    sql = translate(f"SELECT 1 FROM mini.stars WHERE {CONE}", CATALOGUE, DUCKDB).sql
    assert '"t1"."dec" >= 19.4' in sql
    assert '"t1"."ra" <= 10.5' in sql
    negated = translate(f"SELECT 1 FROM mini.stars WHERE NOT {CONE}", CATALOGUE, DUCKDB).sql
    assert '"t1"."dec" >=' not in negated
