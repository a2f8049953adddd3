"""Spark SQL 4 (ANSI mode on or off)."""

from __future__ import annotations

from adql.dialects.base import ANSI, Dialect, Template

_INTEGERS = {"short": "SMALLINT", "int": "INT", "long": "BIGINT"}

_CASTS: dict[str, Template] = {
    **{f"{name}_of_number": f"try_cast({{0}} AS {sql})" for name, sql in _INTEGERS.items()},
    **{
        f"{name}_of_text": f"try_cast(try_cast({{0}} AS DECIMAL(38, 9)) AS {sql})"
        for name, sql in _INTEGERS.items()
    },
    "float_of_number": "try_cast({0} AS FLOAT)",
    "float_of_text": "try_cast({0} AS FLOAT)",
    "double_of_number": "CAST({0} AS DOUBLE)",
    "double_of_text": "try_cast({0} AS DOUBLE)",
}


def _truncate(number: str, digits: str = "0") -> str:
    """Spark's trunc is for dates."""
    scale = f"power(1e1, {digits})"
    return f"(sign({number}) * floor(abs({number}) * {scale}) / {scale})"


SPARK = Dialect(
    name="spark",
    quote="`",
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
        **_CASTS,
        "idiv": "({0} DIV nullif({1}, 0))",
        "idiv_sure": "({0} DIV {1})",
        "atan2": "atan2({0}, {1})",
        "round_integer": lambda number, digits="0": f"CAST(round({number}, {digits}) AS BIGINT)",
        "truncate": _truncate,
        "truncate_integer": lambda number, digits="0": f"CAST({_truncate(number, digits)} AS BIGINT)",
        "random": "rand()",
        "like": "({0} LIKE {1})",
        "ilike": "(lower({0}) LIKE lower({1}))",
        "escape_pattern": "replace({0}, '\\\\', '\\\\\\\\')",
        "to_text": "CAST({0} AS STRING)",
        "to_float": "CAST({0} AS FLOAT)",
        "to_int": "CAST({0} AS INT)",
        "to_short": "CAST({0} AS SMALLINT)",
        "to_timestamp": "date_format(try_cast({0} AS TIMESTAMP), \"yyyy-MM-dd'T'HH:mm:ss.SSS\")",
        "array": lambda *items: f"array({', '.join(items)})",
        "array_type": "ARRAY<{0}>",
        "element": "get({0}, CAST({1} - 1 AS INT))",
        "size": "size({0})",
        "words": "split(trim(BOTH ' \t\n\r' FROM {0}), '[ \t\n\r]+')",
        "numbers_in": (
            "transform(filter(slice({0}, {1}, greatest(size({0}) - {1} + 1, 0)), w -> w <> ''), "
            "w -> try_cast(w AS DOUBLE))"
        ),
        "joined_numbers": "array_join(CAST({0} AS ARRAY<STRING>), ' ')",
        "count_over": "CASE WHEN {1} > 0 THEN size(filter(sequence(1, {1}), {0} -> {2})) ELSE 0 END",
        "sum_over": (
            "CASE WHEN {1} > 0 THEN aggregate(transform(sequence(1, {1}), {0} -> {2}), 0e0, (s, v) -> s + v) END"
        ),
        "let": "transform(array({1}), {0} -> {2})[0]",
    },
    escapes={"'": "\\'", "\\": "\\\\", "\n": "\\n", "\r": "\\r"},
)
