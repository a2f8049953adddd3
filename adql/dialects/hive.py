"""Apache Hive 2.3 and later (HiveQL)."""

from __future__ import annotations

from adql.dialects.base import ANSI, Dialect, Template

_RANGES = {
    "short": ("SMALLINT", -(1 << 15), (1 << 15) - 1),
    "int": ("INT", -(1 << 31), (1 << 31) - 1),
    "long": ("BIGINT", -(2.0**63), 2.0**63 - 1024),
}


def _bounded(name: str, source: str) -> str:
    """CAST that gives NULL past the ends of the type, where Hive wraps around."""
    sql, low, high = _RANGES[name]
    return f"CASE WHEN {source} BETWEEN {low} AND {high} THEN CAST({source} AS {sql}) END"


_CASTS: dict[str, Template] = {
    **{f"{name}_of_number": _bounded(name, "{0}") for name in _RANGES},
    **{f"{name}_of_text": _bounded(name, "CAST({0} AS DOUBLE)") for name in _RANGES},
    "float_of_number": "CAST({0} AS FLOAT)",
    "float_of_text": "CAST({0} AS FLOAT)",
    "double_of_number": "CAST({0} AS DOUBLE)",
    "double_of_text": "CAST({0} AS DOUBLE)",
}


def _atan2(y: str, x: str) -> str:
    """Hive has no atan2 (HIVE-17986)."""
    return (
        f"CASE WHEN {x} > 0 THEN atan({y} / {x}) WHEN {x} < 0 AND {y} >= 0 THEN atan({y} / {x}) + pi() "
        f"WHEN {x} < 0 THEN atan({y} / {x}) - pi() WHEN {y} > 0 THEN pi() / 2 WHEN {y} < 0 THEN -pi() / 2 "
        f"WHEN {x} = 0 AND {y} = 0 THEN 0e0 END"
    )


_TIMESTAMP = "date_format(CAST(replace({0}, 'T', ' ') AS TIMESTAMP), \"yyyy-MM-dd'T'HH:mm:ss.SSS\")"

HIVE = Dialect(
    name="hive",
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
        "atan2": _atan2,
        "round_integer": lambda number, digits="0": f"CAST(round({number}, {digits}) AS BIGINT)",
        "truncate": lambda number, digits="0": f"CAST(trunc({number}, {digits}) AS DOUBLE)",
        "truncate_integer": lambda number, digits="0": f"CAST(trunc({number}, {digits}) AS BIGINT)",
        "random": "rand()",
        # A backslash escapes in a LIKE pattern, without being asked to.
        "like": "({0} LIKE {1})",
        "ilike": "(lower({0}) LIKE lower({1}))",
        "escape_pattern": "replace({0}, '\\\\', '\\\\\\\\')",
        "to_text": "CAST({0} AS STRING)",
        "to_float": "CAST({0} AS FLOAT)",
        "to_int": "CAST({0} AS INT)",
        "to_short": "CAST({0} AS SMALLINT)",
        "to_timestamp": _TIMESTAMP,
        "array": lambda *items: f"array({', '.join(items)})",
        "array_type": "ARRAY<{0}>",
        "element": "{0}[{1} - 1]",
    },
    # 'it''s' is its in Hive, silently: only a backslash escapes.
    escapes={"'": "\\'", "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\x1a": "\\Z", ";": "\\;"},
)
