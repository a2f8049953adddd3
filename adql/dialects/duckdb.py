"""DuckDB 2."""

from __future__ import annotations

from adql.dialects.base import ANSI, Call, Dialect, Template

_INTEGERS = {"short": "SMALLINT", "int": "INTEGER", "long": "BIGINT"}

_CASTS: dict[str, Template] = {
    **{f"cut_{name}": f"TRY_CAST(trunc({{0}}) AS {sql})" for name, sql in _INTEGERS.items()},
    "long_of_text": "TRY_CAST({0} AS BIGINT)",
    "double_of_text": "TRY_CAST({0} AS DOUBLE)",
    "text_of_integer": "CAST({0} AS VARCHAR)",
    "text_of_real": "CAST({0} AS VARCHAR)",
    "is_date": "(TRY_CAST({0} AS DATE) IS NOT NULL)",
    "days_of_text": "date_diff('day', DATE '1858-11-17', TRY_CAST({0} AS DATE))",
}

_WORDS = "list_filter(regexp_split_to_array(%s, {2}), lambda w: w <> '')"


_GROUPS = (
    "list_filter(string_split(regexp_replace(ltrim({0}, 't \t\n\r'), '[ ,\t\n\r]*([0-9]+)/', '|\\1/', 'g'), "
    "'|'), lambda g: g <> '')"
)
_WIDTH = "CAST(pow(2, 61 - TRY_CAST(split_part(g, '/', 1) AS INTEGER)) AS HUGEINT)"
_CELL = "TRY_CAST(split_part(c, '-', %d) AS HUGEINT)"
_RANGE = (
    f"[TRY_CAST({_CELL % 1} * {_WIDTH} // {{1}} * {{1}} AS BIGINT), "
    f"TRY_CAST(((coalesce({_CELL % 2}, {_CELL % 1}) + 1) * {_WIDTH} - 1) // {{1}} * {{1}} "
    "+ ({1} - 1) AS BIGINT)]"
)
_RANGES = (
    f"flatten(list_transform({_GROUPS}, lambda g: list_transform(list_filter("
    "string_split_regex(split_part(g, '/', 2), '[ ,\t\n\r]+'), lambda c: c <> ''), "
    f"lambda c: {_RANGE})))"
)
"""First and last microsecond of each run of cells of a time coverage, in cells of a width at the least."""

_LON, _LAT = (f"({{0}}[2 * c{back}] * 0.017453292519943295e0)" for back in (" - 1", ""))
_CORNER_VECTORS = (
    "flatten(list_transform(range(1, len({0}) // 2 + 1), "
    f"lambda c: [cos({_LAT}) * cos({_LON}), cos({_LAT}) * sin({_LON}), sin({_LAT})]))"
)
"""The coordinates of the unit vectors to the corners of a polygon, an array of longitudes and latitudes."""

_LIST = "array_to_string(list_sort(list(%s{0}) FILTER (WHERE {0} IS NOT NULL)), {1})"


def _histogram(value: str, *edges: str) -> str:
    """Counts between edges that belong to the bin above; DuckDB's belong to that below, so all is negated."""
    keys = [f"({edge}) * -1 + 0" for edge in edges]
    counts = f"histogram({value} * -1, [{', '.join(reversed(keys))}])"
    inside = f"count(CASE WHEN {value} >= {edges[0]} THEN 1 END)"
    bins = f"list_transform([{', '.join(keys)}], lambda k: coalesce(map_extract({counts}, k)[1], 0))"
    return f"CAST(list_prepend(count(*) - {inside}, {bins}) AS INTEGER[])"


DUCKDB = Dialect(
    name="duckdb",
    quote='"',
    most_rows=2**63 - 1,
    types={
        "boolean": "BOOLEAN",
        "unsignedByte": "UTINYINT",
        "short": "SMALLINT",
        "int": "INTEGER",
        "long": "BIGINT",
        "float": "FLOAT",
        "double": "DOUBLE",
        "char": "VARCHAR",
        "unicodeChar": "VARCHAR",
    },
    operations={
        **ANSI,
        **_CASTS,
        "idiv": "TRY_CAST(CAST({0} AS HUGEINT) // nullif({1}, 0) AS BIGINT)",
        "idiv_sure": "({0} // {1})",
        # The least integer % -1 overflows, too.
        "mod_integer": "CAST(CAST({0} AS HUGEINT) % nullif({1}, 0) AS BIGINT)",
        "atan2": "atan2({0}, {1})",
        # What overflows is an error here; TRY takes no aggregates.
        "add_integer": "TRY_CAST(CAST({0} AS HUGEINT) + {1} AS BIGINT)",
        "sub_integer": "TRY_CAST(CAST({0} AS HUGEINT) - {1} AS BIGINT)",
        "mul_integer": "TRY_CAST(CAST({0} AS HUGEINT) * {1} AS BIGINT)",
        "neg_integer": "TRY_CAST(-CAST({0} AS HUGEINT) AS BIGINT)",
        "ceiling": "ceil({0})",
        "flooring": "floor({0})",
        "cut_real": "trunc({0})",
        "random": "random()",
        "like": "({0} LIKE {1} ESCAPE '\\')",
        "ilike": "(lower({0}) LIKE lower({1}) ESCAPE '\\')",
        "escape_pattern": "replace({0}, '\\', '\\\\')",
        "matches": "regexp_matches({0}, {1})",
        "replace_regex": "regexp_replace({0}, {1}, {2}, 'g')",
        "has_words": f"list_has_all({_WORDS % '{0}'}, {_WORDS % '{1}'})",
        "tmoc_ranges": _RANGES,
        "ranges_meet": (
            "(len(list_filter({0}, lambda a: len(list_filter({1}, "
            "lambda b: a[1] <= b[2] AND b[1] <= a[2])) > 0)) > 0)"
        ),
        "to_float": "TRY_CAST({0} AS FLOAT)",
        "to_int": "TRY_CAST({0} AS INTEGER)",
        "to_short": "TRY_CAST({0} AS SMALLINT)",
        "cut": "TRY_CAST(trunc({0}) AS BIGINT)",
        "array": Call("", "[", "]"),
        "array_type": "{0}[]",
        "element": "{0}[{1}]",
        "size": "len({0})",
        "angle_of": "atan2({0}, {1})",
        "words": "string_split_regex(trim({0}, ' \t\n\r'), '[ \t\n\r]+')",
        "numbers_in": (
            "list_transform(list_filter({0}[{1}:], lambda w: w <> ''), lambda w: TRY_CAST(w AS DOUBLE))"
        ),
        "corner_vectors": _CORNER_VECTORS,
        "joined_numbers": "array_to_string({0}, ' ')",
        "count_over": "len(list_filter(range(1, {1} + 1), lambda {0}: {2}))",
        "sum_over": "list_sum(list_transform(range(1, {1} + 1), lambda {0}: {2}))",
        "let": "list_transform([{1}], lambda {0}: {2})[1]",
    },
    aggregates={
        "sum_integers": "TRY_CAST(sum({0}) AS BIGINT)",
        "sum_integers_distinct": "TRY_CAST(sum(DISTINCT {0}) AS BIGINT)",
        "sum_reals": "CAST(sum({0}) AS DOUBLE)",
        "sum_reals_distinct": "CAST(sum(DISTINCT {0}) AS DOUBLE)",
        "string_agg": _LIST % "",
        "string_agg_distinct": _LIST % "DISTINCT ",
        "histogram": _histogram,
    },
    escapes={"'": "''"},
)
