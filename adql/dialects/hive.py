"""Apache Hive 2.3 and later (HiveQL)."""

from __future__ import annotations

from adql.core import BOOLEAN, Expr, Literal, Op
from adql.dialects import java
from adql.dialects.base import ANSI, Call, Dialect, Template
from adql.dialects.unnesting import unnested
from adql.types import STRING
from adql.values import text

_CASTS: dict[str, Template] = {
    "cut_short": "CAST({0} AS SMALLINT)",
    "cut_int": "CAST({0} AS INT)",
    "cut_long": "CAST({0} AS BIGINT)",
    "long_of_text": "CAST({0} AS BIGINT)",
    "double_of_text": "CAST({0} AS DOUBLE)",
    # A date that is none becomes another: 2004-02-30 is 2004-03-01.
    "is_date": "(CAST(CAST({0} AS DATE) AS STRING) = {0})",
    "days_of_text": "datediff({0}, '1858-11-17')",
}

_LIST = "CASE WHEN count({0}) > 0 THEN concat_ws({1}, sort_array(%s({0}))) END"

_EXACT = "CAST(CAST({0} AS DECIMAL(19, 0)) %s CAST({1} AS DECIMAL(19, 0)) AS BIGINT)"
"""Hive's integers wrap around in silence; a decimal number that fits no BIGINT is NULL as one."""


def _atan2(y: str, x: str) -> str:
    """Hive has no atan2 (HIVE-17986)."""
    return (
        f"CASE WHEN {x} > 0 THEN atan({y} / {x}) WHEN {x} < 0 AND {y} >= 0 THEN atan({y} / {x}) + pi() "
        f"WHEN {x} < 0 THEN atan({y} / {x}) - pi() WHEN {x} = 0 AND {y} > 0 THEN pi() / 2 "
        f"WHEN {x} = 0 AND {y} < 0 THEN -pi() / 2 WHEN {x} = 0 AND {y} = 0 THEN 0e0 END"
    )


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
    return "".join([*parts, r"\z"])


def _regex_of_pattern(pattern: str) -> str:
    """SQL that makes a Java regular expression of a LIKE pattern without escape character."""
    quoted = f"replace({pattern}, '\\\\E', '\\\\E\\\\\\\\E\\\\Q')"
    wild = f"replace(replace({quoted}, '%', '\\\\E.*\\\\Q'), '_', '\\\\E.\\\\Q')"
    return f"concat('(?s)^\\\\Q', {wild}, '\\\\E\\\\z')"


def _as_lookaheads(op: Op) -> Op:
    """Whether a text has all words of another, by a regular expression made of the words."""
    haystack, needle, separators = op.args
    assert isinstance(separators, Literal)
    kind = str(separators.value).removesuffix("+")
    whole = f"(?<![^{kind[1:]})$1(?![^{kind[1:]})".replace("\\", "\\\\")
    spaced = Op(STRING, "trim", (Op(STRING, "replace_regex", (needle, separators, text(" "))),))
    ahead = Op(STRING, "replace_regex", (spaced, text("([^ ]+) *"), text(f"(?=.*{whole})")))
    return Op(BOOLEAN, "matches", (haystack, Op(STRING, "concat", (text(r"(?s)\A"), ahead))))


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
        **java.OPERATIONS,
        **_CASTS,
        "idiv_sure": "({0} DIV {1})",
        "atan2": _atan2,
        "add_integer": _EXACT % "+",
        "sub_integer": _EXACT % "-",
        "mul_integer": _EXACT % "*",
        "neg_integer": "CASE WHEN {0} >= -9223372036854775807 THEN -{0} END",
        # Hive's own fails inside of COALESCE.
        "nullif": "CASE WHEN {0} <> {1} OR {1} IS NULL THEN {0} END",
        "trim": "trim({0})",
        "like_regex": "({0} RLIKE {1})",
        "escape_pattern": "{0}",
        "regex_of_pattern": _regex_of_pattern,
        "array": Call("array"),
        "array_type": "ARRAY<{0}>",
        "element": "{0}[{1} - 1]",
        "size": "size({0})",
        # An error where a subquery as a value has several rows.
        "only_row": "CASE WHEN assert_true({1} <= 1) IS NULL THEN {0} END",
        "row_among_equals": lambda *values: f"row_number() OVER (PARTITION BY {', '.join(values)})",
        "words": "split(trim(regexp_replace({0}, '[ \\t\\n\\r]+', ' ')), ' ')",
    },
    # 'it''s' is its in Hive, silently: only a backslash escapes.
    rewrites={"like": _as_regex, "ilike": _as_regex, "has_words": _as_lookaheads},
    aggregates={
        **java.AGGREGATES,
        "sum_integers": "CAST(sum(CAST({0} AS DECIMAL(19, 0))) AS BIGINT)",
        "sum_integers_distinct": "CAST(sum(DISTINCT CAST({0} AS DECIMAL(19, 0))) AS BIGINT)",
        "string_agg": _LIST % "collect_list",
        "string_agg_distinct": _LIST % "collect_set",
    },
    is_full=False,
    prepare=unnested,
    escapes={"'": "\\'", "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\x1a": "\\Z", ";": "\\;"},
)
