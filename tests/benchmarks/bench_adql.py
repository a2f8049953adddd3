"""The language: how long a query takes to become SQL, and how that grows with its size."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator

import sqlglot

from adql import DUCKDB, Limits, parse, translate
from tests.benchmarks.harness import Figure, benchmark, cpu_seconds
from vosi import load_catalogue

CONE = "1 = CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 83.633, 22.014, 0.3))"

QUERIES = {
    "metadata": "SELECT TOP 10 * FROM tap_schema.tables",
    "cone": f"SELECT event_id, ra, dec, energy FROM dl3.events WHERE {CONE}",
    "count": "SELECT COUNT(*) AS n FROM dl3.events WHERE obs_id = 23523",
    "join": (
        "SELECT TOP 1000 e.event_id, e.energy, o.target_name FROM dl3.events AS e JOIN dl3.observations AS o "
        "ON e.obs_id = o.obs_id WHERE o.target_name LIKE 'Crab%' AND e.energy > 1.0 ORDER BY e.energy DESC"
    ),
    "histogram": (
        "SELECT FLOOR(LOG10(energy) * 20) / 20.0 AS bin, COUNT(*) AS n FROM dl3.events "
        "WHERE energy BETWEEN 0.05 AND 100 GROUP BY FLOOR(LOG10(energy) * 20) / 20.0 ORDER BY bin"
    ),
    "groups": (
        "SELECT obs_id, COUNT(*), AVG(energy), MIN(event_mjd), MAX(event_mjd) FROM dl3.events "
        "GROUP BY obs_id HAVING COUNT(*) > 1000"
    ),
    "observations": (
        "SELECT * FROM dl3.observations WHERE DISTANCE(POINT(ra_pnt, dec_pnt), POINT(266.4, -29.0)) < 2.5 "
        "AND start_mjd > 53000 AND (collection IN ('a', 'b') OR instrument IS NOT NULL)"
    ),
    "crossmatch": (
        "SELECT a.ra, a.dec, DISTANCE(POINT(a.ra, a.dec), POINT(b.ra_obj, b.dec_obj)) AS d "
        "FROM dl3.events AS a JOIN dl3.observations AS b "
        "ON 1 = CONTAINS(POINT(a.ra, a.dec), CIRCLE(b.ra_obj, b.dec_obj, 0.1)) WHERE a.energy > 1e-1"
    ),
    "schema": (
        "SELECT t.table_name, c.column_name, c.unit, c.ucd FROM tap_schema.tables t, tap_schema.columns c "
        "WHERE t.table_name = c.table_name AND t.schema_name <> 'tap_schema' ORDER BY 1, 2"
    ),
    "nested": (
        "WITH runs AS (SELECT obs_id, COUNT(*) AS n FROM dl3.events GROUP BY obs_id) "
        "SELECT obs_id, n FROM runs WHERE n > (SELECT AVG(n) FROM runs) "
        "UNION SELECT obs_id, 0 FROM dl3.gtis ORDER BY n DESC OFFSET 10"
    ),
}

LARGE = Limits(length=10_000_000, nodes=1_000_000)


@benchmark
def adql() -> Iterator[Figure]:
    """Ten typical queries: to a tree, and all the way to SQL, nothing kept from the last time."""
    catalogue = load_catalogue()

    def translating(query: str) -> Callable[[], object]:
        return lambda: (parse.cache_clear(), translate(query, catalogue, DUCKDB, maxrec=1000))

    parse_times = cpu_seconds({name: _parsing(query) for name, query in QUERIES.items()}, rounds=20)
    full_times = cpu_seconds({name: translating(query) for name, query in QUERIES.items()}, rounds=20)
    glot = cpu_seconds({name: (lambda q=q: sqlglot.parse_one(q, read="tsql")) for name, q in QUERIES.items()})
    yield Figure("parse, mean of ten", statistics.mean(parse_times.values()) * 1e3, "ms", at_most=0.5)
    yield Figure("text to SQL, slowest of ten", max(full_times.values()) * 1e3, "ms", at_most=3.0)
    ratio = sum(full_times.values()) / sum(glot.values())
    yield Figure("text to SQL over sqlglot's parse alone", ratio, "x", at_most=3.0)


@benchmark
def adql_growth() -> Iterator[Figure]:
    """Ten times the query takes ten times as long, whichever way it grows."""
    for name, query in GROWTH.items():
        times = cpu_seconds({str(size): _parsing(query(size)) for size in (1000, 10_000)}, rounds=3)
        ratio = times["10000"] / times["1000"]
        yield Figure(f"{name}: 10 times the size", ratio, "x the time", at_most=20)


def _parsing(query: str) -> Callable[[], object]:
    return lambda: (parse.cache_clear(), parse(query, limits=LARGE))


GROWTH: dict[str, Callable[[int], str]] = {
    "a long IN": lambda n: f"SELECT a FROM t WHERE a IN ({', '.join(map(str, range(n)))})",
    "many columns": lambda n: f"SELECT {', '.join(f'c{i}' for i in range(n))} FROM t",
    "many conditions": lambda n: "SELECT a FROM t WHERE " + " AND ".join(f"a <> {i}" for i in range(n)),
    "a long text": lambda n: f"SELECT a FROM t WHERE a = '{'x' * 10 * n}'",
    "open parentheses": lambda n: "SELECT a FROM t WHERE a = (((1" + " " * 10 * n + ")))",
}
