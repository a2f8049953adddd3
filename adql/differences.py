"""What an engine refuses that the others do, and why: the tests expect no other difference between them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is refused on an engine by name."""

    engine: str
    """Name of the dialect."""
    what: str
    """How the refusal begins."""
    reason: str
    """What the engine lacks."""
    example: str
    """A query over mini.stars, mini.kinds and mini.visits that is refused."""


DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "hive",
        "A polygon with any number of corners",
        "Hive has no functions of functions, to count corners with",
        "SELECT CAST(name AS POLYGON) FROM mini.stars",
    ),
    Difference(
        "hive",
        "A region in a text column",
        "Hive has no functions of functions, to read numbers with",
        "SELECT star_id FROM mini.stars WHERE 1 = CONTAINS(POINT(ra, dec), REGION(name))",
    ),
    Difference(
        "hive",
        "A time coverage that is a text",
        "Hive has no functions of functions, to read cells with",
        "SELECT INTERSECTS(TMOC(27, name), TMOC(27, 56320.0, 56325.0)) FROM mini.stars",
    ),
    Difference(
        "hive",
        "A JOIN of two joins in parentheses",
        "Hive joins from left to right only",
        "SELECT a.star_id FROM (mini.stars a JOIN mini.kinds b ON a.kind = b.kind) LEFT JOIN "
        "(mini.visits c JOIN mini.kinds d ON c.kind = d.kind) ON a.star_id = c.star_id",
    ),
    Difference(
        "hive",
        "A subquery that depends on the query around it",
        "a subquery is a join to Hive, and so must be one for each value of a column",
        "SELECT star_id FROM mini.stars a WHERE EXISTS (SELECT 1 FROM mini.stars b WHERE a.mag < b.mag)",
    ),
    Difference(
        "hive",
        "A subquery in the condition of a JOIN",
        "Hive knows no subquery there",
        "SELECT a.kind FROM mini.stars a JOIN mini.kinds b ON a.kind = (SELECT MAX(kind) FROM mini.visits)",
    ),
    Difference(
        "hive",
        "A subquery beside aggregates without GROUP BY",
        "Hive has a subquery as a join before the aggregates, which leaves nothing where there are no rows",
        "SELECT COUNT(*), (SELECT MAX(kind) FROM mini.kinds) FROM mini.stars",
    ),
    Difference(
        "hive",
        "A geometry as the value of a subquery",
        "Hive has no greatest array, which the value of a join is",
        "SELECT (SELECT POINT(ra, dec) FROM mini.stars WHERE star_id = 1) FROM mini.kinds",
    ),
    Difference(
        "hive",
        "An OFFSET above",
        "Hive counts rows by 32 bits",
        "SELECT star_id FROM mini.stars ORDER BY star_id OFFSET 3000000000",
    ),
    Difference(
        "spark",
        "A subquery that names a column from two levels up",
        "Spark knows the columns of the query directly around a subquery",
        "SELECT kind FROM mini.kinds k WHERE EXISTS (SELECT 1 FROM mini.visits v WHERE EXISTS "
        "(SELECT 1 FROM mini.stars s WHERE s.star_id = v.star_id AND s.kind = k.kind))",
    ),
    Difference(
        "spark",
        "An OFFSET above",
        "Spark counts rows by 32 bits",
        "SELECT star_id FROM mini.stars ORDER BY star_id OFFSET 3000000000",
    ),
)
