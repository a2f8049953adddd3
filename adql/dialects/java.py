"""What engines on the Java virtual machine write alike: Spark SQL and Hive."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from adql.dialects.base import Template


def _text_of_real(number: str) -> str:
    """The shortest decimal form, as Python and DuckDB write it, from ``Double.toString``.

    That has an exponent from 1E7 on where those have one from 1E16 on, and below 1E-3 where those have one
    below 1E-4; and it writes 1.0E20 and 1.0E-5 where those write 1e+20 and 1e-05.
    """
    written = f"CAST({number} AS STRING)"
    power = f"CAST(regexp_extract({written}, 'E(-?[0-9]+)', 1) AS INT)"
    sign = f"regexp_extract({written}, '(-?)', 1)"
    fraction = f"regexp_extract({written}, '[.]([0-9]+)E', 1)"
    digits = f"concat(regexp_extract({written}, '([0-9])', 1), {fraction})"
    whole = f"substr(rpad({digits}, 17, '0'), 1, {power} + 1)"
    rest = f"CASE WHEN length({digits}) > {power} + 1 THEN substr({digits}, {power} + 2) ELSE '0' END"
    small = f"concat({sign}, '0.000', regexp_replace({digits}, '0$', ''))"
    mantissa = f"regexp_replace(regexp_extract({written}, '([^E]+)', 1), '[.]0$', '')"
    mark = f"CASE WHEN {power} < 0 THEN 'e-' ELSE 'e+' END"
    exponent = (
        f"CASE WHEN abs({power}) < 10 THEN concat('0', abs({power})) ELSE CAST(abs({power}) AS STRING) END"
    )
    return (
        f"CASE WHEN NOT {written} RLIKE 'E' THEN {written} "
        f"WHEN {power} BETWEEN 7 AND 15 THEN concat({sign}, {whole}, '.', {rest}) "
        f"WHEN {power} = -4 THEN {small} "
        f"ELSE concat({mantissa}, {mark}, {exponent}) END"
    )


def _histogram(value: str, *edges: str) -> str:
    tests = [
        f"count(CASE WHEN {value} >= {low} AND {value} < {high} THEN 1 END)" for low, high in pairwise(edges)
    ]
    below = f"count(*) - count(CASE WHEN {value} >= {edges[0]} THEN 1 END)"
    above = f"count(CASE WHEN {value} >= {edges[-1]} THEN 1 END)"
    return f"array({', '.join(f'CAST({count} AS INT)' for count in (below, *tests, above))})"


_WHOLE = "4503599627370496e0"
"""From here on a double is whole; ceil and floor give a BIGINT here, which does not hold every double."""

OPERATIONS: Mapping[str, Template] = {
    "flag": "CAST({0} AS INT)",
    # The least integer by -1 is an error, or the least integer again.
    "idiv": "CASE WHEN {1} <> -1 OR {0} >= -9223372036854775807 THEN ({0} DIV nullif({1}, 0)) END",
    "random": "rand()",
    "ceiling": f"CASE WHEN abs({{0}}) < {_WHOLE} THEN CAST(ceil({{0}}) AS DOUBLE) ELSE {{0}} END",
    "flooring": f"CASE WHEN abs({{0}}) < {_WHOLE} THEN CAST(floor({{0}}) AS DOUBLE) ELSE {{0}} END",
    "cut_real": f"CASE WHEN abs({{0}}) < {_WHOLE} THEN CAST(CAST({{0}} AS BIGINT) AS DOUBLE) ELSE {{0}} END",
    "matches": "({0} RLIKE {1})",
    "replace_regex": "regexp_replace({0}, {1}, {2})",
    "to_float": "CAST({0} AS FLOAT)",
    "to_int": "CAST({0} AS INT)",
    "to_short": "CAST({0} AS SMALLINT)",
    "text_of_integer": "CAST({0} AS STRING)",
    "text_of_real": _text_of_real,
}

AGGREGATES: Mapping[str, Template] = {
    "sum_reals": "CAST(sum({0}) AS DOUBLE)",
    "sum_reals_distinct": "CAST(sum(DISTINCT {0}) AS DOUBLE)",
    "histogram": _histogram,
}
