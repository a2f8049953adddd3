"""Apache Hive 2.3 and later (HiveQL)."""

from __future__ import annotations

from adql.core import Expr, Literal, Op
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

_METACHARACTERS = frozenset("\\\\.[]{}()<>*+-=!?^$|#&")


def _as_regex(op: Op) -> Op:
    """LIKE by a regular expression: in Hive's LIKE no backslash before a wildcard is a plain character."""
    operand, pattern = (Op(arg.type, "lower", (arg,)) for arg in op.args) if op.name == "ilike" else op.args
    if not isinstance(op.args[1], Literal):
        return Op(op.type, "like_regex", (operand, Op(pattern.type, "regex_of_pattern", (pattern,))))
    written = op.args[1].value
    regex: Expr = Literal(pattern.type, None if written is None else _regex(str(written)))
    if op.name == "ilike":
        regex = Op(pattern.type, "lower", (regex,))
    return Op(op.type, "like_regex", (operand, regex))


def _regex(pattern: str) -> str:
    """The Java regular expression of a LIKE pattern whose escape character is the backslash."""
    parts = ["(?s)^"]
    characters = iter(pattern)
    for character in characters:
        if character == "%":
            parts.append(".*")
        elif character == "_":
            parts.append(".")
        else:
            plain = next(characters, "") if character == "\\" else character
            parts.append(f"\\{plain}" if plain in _METACHARACTERS else plain)
    return "".join([*parts, "$"])


def _regex_of_pattern(pattern: str) -> str:
    """SQL that makes a Java regular expression of a LIKE pattern without escape character."""
    quoted = f"replace({pattern}, '\\\\E', '\\\\E\\\\\\\\E\\\\Q')"
    wild = f"replace(replace({quoted}, '%', '\\\\E.*\\\\Q'), '_', '\\\\E.\\\\Q')"
    return f"concat('(?s)^\\\\Q', {wild}, '\\\\E$')"


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
        "like_regex": "({0} RLIKE {1})",
        "escape_pattern": "{0}",
        "regex_of_pattern": _regex_of_pattern,
        # NULLIF does not see that NaN equals NaN.
        "power": "CASE WHEN power({0}, {1}) <> CAST('NaN' AS DOUBLE) THEN power({0}, {1}) END",
        "to_text": "CAST({0} AS STRING)",
        "to_float": "CAST({0} AS FLOAT)",
        "to_int": "CAST({0} AS INT)",
        "to_short": "CAST({0} AS SMALLINT)",
        "to_timestamp": _TIMESTAMP,
        "array": lambda *items: f"array({', '.join(items)})",
        "array_type": "ARRAY<{0}>",
        "element": "{0}[{1} - 1]",
        "size": "size({0})",
        "words": "split(trim(regexp_replace({0}, '[ \\t\\n\\r]+', ' ')), ' ')",
    },
    # 'it''s' is its in Hive, silently: only a backslash escapes.
    rewrites={"like": _as_regex, "ilike": _as_regex},
    is_full=False,
    escapes={"'": "\\'", "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\x1a": "\\Z", ";": "\\;"},
)
