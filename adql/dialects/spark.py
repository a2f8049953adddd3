"""Spark SQL 4 (ANSI mode on or off)."""

from __future__ import annotations

from adql.dialects import java
from adql.dialects.base import ANSI, Call, Dialect, Template
from adql.dialects.unnesting import within_one_level

_CASTS: dict[str, Template] = {
    "cut_short": "try_cast({0} AS SMALLINT)",
    "cut_int": "try_cast({0} AS INT)",
    "cut_long": "try_cast({0} AS BIGINT)",
    "long_of_text": "try_cast({0} AS BIGINT)",
    "double_of_text": "try_cast({0} AS DOUBLE)",
    "is_date": "(try_cast({0} AS DATE) IS NOT NULL)",
    "days_of_text": "datediff(try_cast({0} AS DATE), DATE '1858-11-17')",
}

_WORDS = "filter(split(%s, {2}), w -> w <> '')"
_GROUPS = (
    "filter(split(regexp_replace(trim(LEADING 't \t\n\r' FROM {0}), '[ ,\t\n\r]*([0-9]+)/', '|$1/'), '[|]'), "
    "g -> g <> '')"
)
_WIDTH = "CAST(power(2, 61 - try_cast(split_part(g, '/', 1) AS INT)) AS DECIMAL(19, 0))"
_CELL = "try_cast(split_part(c, '-', %d) AS DECIMAL(19, 0))"
_RANGE = (
    f"array(try_cast(({_CELL % 1} * {_WIDTH}) DIV {{1}} AS BIGINT) * {{1}}, "
    f"try_cast(((coalesce({_CELL % 2}, {_CELL % 1}) + 1) * {_WIDTH} - 1) DIV {{1}} AS BIGINT) * {{1}} "
    "+ ({1} - 1))"
)
_RANGES = (
    f"flatten(transform({_GROUPS}, g -> transform(filter(split(split_part(g, '/', 2), '[ ,\t\n\r]+'), "
    f"c -> c <> ''), c -> {_RANGE})))"
)
"""First and last microsecond of each run of cells of a time coverage, in cells of a width at the least."""

_LON, _LAT = (f"(get({{0}}, 2 * c - {back}) * 0.017453292519943295e0)" for back in (2, 1))
_CORNER_VECTORS = (
    "CASE WHEN size({0}) > 1 THEN flatten(transform(sequence(1, CAST(size({0}) DIV 2 AS INT)), "
    f"c -> array(cos({_LAT}) * cos({_LON}), cos({_LAT}) * sin({_LON}), sin({_LAT})))) "
    "WHEN size({0}) >= 0 THEN CAST(array() AS ARRAY<DOUBLE>) END"
)
"""The coordinates of the unit vectors to the corners of a polygon, an array of longitudes and latitudes."""

_LIST = "CASE WHEN count({0}) > 0 THEN array_join(sort_array(%s({0})), {1}) END"

SPARK = Dialect(
    name="spark",
    quote="`",
    groups_values=True,
    prepare=within_one_level,
    # What Spark makes Java of grows with the square of an expression, and is thrown away above 64 kB.
    settings_of_large={
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    },
    types={
        "boolean": "BOOLEAN",
        "unsignedByte": "SMALLINT",
        "short": "SMALLINT",
        "int": "INT",
        "long": "BIGINT",
        "float": "FLOAT",
        "double": "DOUBLE",
        "char": "STRING",
        "unicodeChar": "STRING",
    },
    operations={
        **ANSI,
        **java.OPERATIONS,
        **_CASTS,
        "idiv_sure": "({0} DIV {1})",
        "atan2": "atan2({0}, {1})",
        "add_integer": "try_add({0}, {1})",
        "sub_integer": "try_subtract({0}, {1})",
        "mul_integer": "try_multiply({0}, {1})",
        "neg_integer": "try_subtract(0L, {0})",
        "like": "({0} LIKE {1})",
        "ilike": "(lower({0}) LIKE lower({1}))",
        "escape_pattern": "replace({0}, '\\\\', '\\\\\\\\')",
        "tmoc_ranges": _RANGES,
        "ranges_meet": "exists({0}, a -> exists({1}, b -> a[0] <= b[1] AND b[0] <= a[1]))",
        "has_words": f"(size(array_except({_WORDS % '{1}'}, {_WORDS % '{0}'})) = 0)",
        "array": Call("array"),
        "array_type": "ARRAY<{0}>",
        "element": "get({0}, CAST({1} - 1 AS INT))",
        "size": "size({0})",
        "angle_of": "atan2({0}, {1})",
        "words": "split(trim(BOTH ' \t\n\r' FROM {0}), '[ \t\n\r]+')",
        "numbers_in": (
            "transform(filter(slice({0}, {1}, greatest(size({0}) - {1} + 1, 0)), w -> w <> ''), "
            "w -> try_cast(w AS DOUBLE))"
        ),
        "corner_vectors": _CORNER_VECTORS,
        "joined_numbers": "array_join(CAST({0} AS ARRAY<STRING>), ' ')",
        "count_over": "CASE WHEN {1} > 0 THEN size(filter(sequence(1, {1}), {0} -> {2})) ELSE 0 END",
        "sum_over": (
            "CASE WHEN {1} > 0 THEN aggregate(transform(sequence(1, {1}), {0} -> {2}), 0e0, (s, v) -> s + "
            "v) END"
        ),
        "let": "transform(array({1}), {0} -> {2})[0]",
    },
    aggregates={
        **java.AGGREGATES,
        "sum_integers": "try_sum({0})",
        "sum_integers_distinct": "try_sum(DISTINCT {0})",
        "string_agg": _LIST % "collect_list",
        "string_agg_distinct": _LIST % "collect_set",
    },
    escapes={"'": "\\'", "\\": "\\\\", "\n": "\\n", "\r": "\\r"},
)
