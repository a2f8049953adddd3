"""Circles and polygons lie to each other as astropy's positions on them say; pruning changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import astropy.units as u
import duckdb
import numpy as np
import pyarrow as pa
import pytest
from astropy.coordinates import SkyCoord

from adql import DUCKDB, Catalogue, Column, ColumnType, Schema, SkyIndex, Table, translate

DOUBLE = ColumnType("double")
SHAPES = Table(
    "mini",
    "shapes",
    (
        Column("number", ColumnType("long")),
        Column("ra", DOUBLE),
        Column("dec", DOUBLE),
        Column("radius", DOUBLE),
        Column("ring", ColumnType("double", "*", "polygon")),
    ),
    sky=SkyIndex("ra", "dec", "healpix", 12),
)
SKY = Catalogue((Schema("mini", (SHAPES,)),))
CASES = [
    ((83.6, 22.0), 3.0),
    ((0.0, 0.0), 1e-4),
    ((359.99, -5.0), 40.0),
    ((10.0, 90.0), 1.0),
    ((200.0, -89.97), 85.0),
    ((45.0, 41.8), 85.0),
]
"""A place, and the size of the shapes around it [deg]."""
COUNT = 6


@dataclass(frozen=True)
class Shape:
    """A circle, or a polygon that is star-shaped around its centre."""

    centre: SkyCoord
    turns: np.ndarray
    """Position angles [deg] of the corners from the centre, rising; none for a circle."""
    away: np.ndarray
    """Distances [deg] of the corners, or the radius."""

    @cached_property
    def corners(self) -> SkyCoord:
        return self.centre.directional_offset_by(self.turns * u.deg, self.away * u.deg)

    @cached_property
    def rim(self) -> SkyCoord:
        """Many places on the rim."""
        if self.turns.size == 0:
            around = np.linspace(0, 360, 180, endpoint=False)
            return self.centre.directional_offset_by(around * u.deg, self.away[0] * u.deg)
        v = self.corners.cartesian.xyz.value
        steps = np.linspace(0, 1, 40, endpoint=False)
        sides = [v[:, [i - 1]] * (1 - steps) + v[:, [i]] * steps for i in range(v.shape[1])]
        places = SkyCoord(*np.concatenate(sides, axis=1), representation_type="cartesian")
        places.representation_type = "unitspherical"
        return SkyCoord(places.ra, places.dec)

    def depth(self, places: SkyCoord) -> np.ndarray:
        """How far [deg] places are inside, about; negative outside."""
        apart = places.separation(self.centre).deg
        if self.turns.size == 0:
            return self.away[0] - apart
        mine, theirs = (each.cartesian.xyz.value.T for each in (self.rim, places))
        nearest = np.degrees(np.linalg.norm(theirs[:, None] - mine[None], axis=2).min(axis=1))
        return np.where(self._holds(places), nearest, -nearest)

    def _holds(self, places: SkyCoord) -> np.ndarray:
        turn = np.zeros(len(places))
        for index in range(len(self.turns)):
            first = places.position_angle(self.corners[index - 1]).rad
            second = places.position_angle(self.corners[index]).rad
            turn += (second - first + np.pi) % (2 * np.pi) - np.pi
        return (np.abs(turn) > np.pi) & (places.separation(self.centre).deg < 90)

    @property
    def size(self) -> float:
        return float(self.away.max())

    def written(self) -> str:
        if self.turns.size == 0:
            lon, lat = float(self.centre.ra.deg), float(self.centre.dec.deg)
            return f"CIRCLE({lon!r}, {lat!r}, {float(self.away[0])!r})"
        return f"POLYGON({', '.join(map(repr, self.numbers()))})"

    def numbers(self) -> list[float]:
        pairs = zip(self.corners.ra.deg.tolist(), self.corners.dec.deg.tolist(), strict=True)
        return [number for pair in pairs for number in pair]


def shape(place: tuple[float, float], size: float, seed: int, kind: str) -> Shape:
    """A random shape somewhere near a place."""
    random = np.random.default_rng(seed)
    centre = SkyCoord(*place, unit="deg").directional_offset_by(
        random.uniform(0, 360) * u.deg, min(random.uniform(0, 2.2) * size, 170) * u.deg
    )
    if kind == "circle":
        return Shape(centre, np.empty(0), np.array([size * random.uniform(0.1, 1.2)]))
    count = int(random.integers(3, 8))
    turns = np.linspace(0, 360, count, endpoint=False) + random.uniform(0, 200 / count, count)
    away = (
        size * random.uniform(0.2, 1.0, count) if count > 4 else np.full(count, size * random.uniform(0.2, 1))
    )
    return Shape(centre, turns, away)


def related(inner: Shape, outer: Shape) -> tuple[bool | None, bool | None]:
    """Whether one lies in the other, and whether they meet; None where it is too close to tell."""
    rough = 0.05 * min(inner.size, outer.size)
    inside = outer.depth(inner.rim)
    outside = inner.depth(outer.rim)
    contains = None if abs(inside.min()) < rough else bool(inside.min() > 0)
    if contains and outer.turns.size:
        # A rim inside of a polygon of less than half of the sky may go around what is no part of it.
        contains = None if outside.max() > -rough and outside.max() < rough else bool(outside.max() < 0)
    if inner.turns.size == 0 and inner.size > 90:
        contains = None
    gap = max(inside.max(), outside.max())
    meets = None if abs(gap) < rough else bool(gap > 0)
    return contains, meets


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA mini")
    yield connection
    connection.close()


def rows_of(engine: duckdb.DuckDBPyConnection, query: str) -> dict[int, tuple[int, ...]]:
    """The first column of each row -> the others."""
    return {row[0]: row[1:] for row in engine.execute(translate(query, SKY, DUCKDB).sql).fetchall()}


@pytest.mark.parametrize(("place", "size"), CASES, ids=str)
def test_pairs_lie_as_places_on_their_rims_do(
    engine: duckdb.DuckDBPyConnection, place: tuple[float, float], size: float
) -> None:
    seed = int(size * 1e4) + int(place[0])
    fixed = {kind: shape(place, size, seed, kind) for kind in ("circle", "polygon")}
    rows = {
        kind: [shape(place, size, seed + 10 + number, kind) for number in range(COUNT)]
        for kind in ("circle", "polygon")
    }
    table = {
        "number": list(range(COUNT)),
        "ra": [each.centre.ra.deg for each in rows["circle"]],
        "dec": [each.centre.dec.deg for each in rows["circle"]],
        "radius": [float(each.away[0]) for each in rows["circle"]],
        "ring": [each.numbers() for each in rows["polygon"]],
    }
    engine.register("incoming", pa.table(table))
    engine.execute("CREATE OR REPLACE TABLE mini.shapes AS FROM incoming")
    sure = 0
    for kind, written in {"circle": "CIRCLE(ra, dec, radius)", "polygon": "ring"}.items():
        for known in fixed.values():
            items = [
                f"CONTAINS({written}, {known.written()})",
                f"INTERSECTS({known.written()}, {written})",
                f"CONTAINS({known.written()}, {written})",
            ]
            # A polygon with any number of corners makes long SQL; circles are what pruning boxes are for.
            items = items if kind == "circle" else items[:2]
            answers = rows_of(engine, f"SELECT number, {', '.join(items)} FROM mini.shapes")
            for number, each in enumerate(rows[kind]):
                contains, meets = related(each, known)
                expected = (contains, meets, related(known, each)[0])
                for item, found, told in zip(items, answers[number], expected, strict=False):
                    assert told is None or found == told, (item, number)
                    sure += told is not None
            for column, item in enumerate(items if kind == "circle" else ()):
                kept = rows_of(engine, f"SELECT number FROM mini.shapes WHERE {item} = 1")
                assert set(kept) == {number for number, flags in answers.items() if flags[column] == 1}
    assert sure > COUNT * 4
