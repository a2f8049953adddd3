"""DuckDB 2."""

from __future__ import annotations

from adql.dialects.base import ANSI, Dialect, Template

_INTEGERS = {"short": "SMALLINT", "int": "INTEGER", "long": "BIGINT"}

_CASTS: dict[str, Template] = {
    # TRY_CAST to an integer rounds: 1.9 is 2. ADQL's CAST cuts here, on every engine.
    **{f"{name}_of_number": f"TRY_CAST(trunc({{0}}) AS {sql})" for name, sql in _INTEGERS.items()},
    **{
        f"{name}_of_text": f"TRY_CAST(trunc(TRY_CAST({{0}} AS DECIMAL(38, 9))) AS {sql})"
        for name, sql in _INTEGERS.items()
    },
    "float_of_number": "TRY_CAST({0} AS FLOAT)",
    "float_of_text": "TRY_CAST({0} AS FLOAT)",
    "double_of_number": "CAST({0} AS DOUBLE)",
    "double_of_text": "TRY_CAST({0} AS DOUBLE)",
}

DUCKDB = Dialect(
    name="duckdb",
    quote='"',
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
        "idiv": "({0} // nullif({1}, 0))",
        "idiv_sure": "({0} // {1})",
        "atan2": "atan2({0}, {1})",
        "round_integer": lambda number, digits="0": f"CAST(round({number}, {digits}) AS BIGINT)",
        "truncate": lambda number, digits="0": f"trunc({number}, {digits})",
        "truncate_integer": lambda number, digits="0": f"CAST(trunc({number}, {digits}) AS BIGINT)",
        "random": "random()",
        "like": "({0} LIKE {1} ESCAPE '\\')",
        "ilike": "(lower({0}) LIKE lower({1}) ESCAPE '\\')",
        "escape_pattern": "replace({0}, '\\', '\\\\')",
        "to_text": "CAST({0} AS VARCHAR)",
        "to_float": "CAST({0} AS FLOAT)",
        "to_int": "CAST({0} AS INTEGER)",
        "to_short": "CAST({0} AS SMALLINT)",
        "to_timestamp": "strftime(TRY_CAST({0} AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%g')",
        "cut": "TRY_CAST(trunc({0}) AS BIGINT)",
        "array": lambda *items: f"[{', '.join(items)}]",
        "array_type": "{0}[]",
        "element": "{0}[{1}]",
        "size": "len({0})",
        "words": "string_split_regex(trim({0}, ' \t\n\r'), '[ \t\n\r]+')",
        "numbers_in": (
            "list_transform(list_filter({0}[{1}:], lambda w: w <> ''), lambda w: TRY_CAST(w AS DOUBLE))"
        ),
        "joined_numbers": "array_to_string({0}, ' ')",
        "count_over": "len(list_filter(range(1, {1} + 1), lambda {0}: {2}))",
        "sum_over": "list_sum(list_transform(range(1, {1} + 1), lambda {0}: {2}))",
        "let": "list_transform([{1}], lambda {0}: {2})[1]",
    },
    escapes={"'": "''"},
)
