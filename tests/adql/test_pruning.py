"""What a query asks of a table reaches the scan; what could lose a row does not."""

from __future__ import annotations

import pytest

from adql import DUCKDB, Cone, Interval, Restriction, Table, translate
from tests.support.miniature import CATALOGUE

CONE = "1 = CONTAINS(POINT(ra, dec), CIRCLE(10, 20, 0.5))"


def restrictions(query: str) -> dict[str, list[Restriction]]:
    """Table -> the restrictions of its references, in the order of the SQL."""
    asked: dict[str, list[Restriction]] = {}

    def scan(table: Table, restriction: Restriction) -> None:
        asked.setdefault(table.name, []).append(restriction)

    translate(query, CATALOGUE, DUCKDB, scan=scan)
    return asked


@pytest.mark.parametrize(
    "where",
    [
        CONE,
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


def test_the_condition_of_an_outer_join_restricts_nothing() -> None:
    join = "mini.visits v LEFT JOIN mini.stars s ON v.star_id = s.star_id"
    query = f"SELECT 1 FROM {join} AND v.hours > 1 AND {CONE}"
    asked = restrictions(query)
    assert asked["visits"][0].is_empty
    assert asked["stars"][0].regions == ()


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
