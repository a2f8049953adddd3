"""Functions that other query languages have and ADQL does not, and what does their work here."""

from __future__ import annotations

from collections.abc import Mapping

_NO_PARTS = "ADQL has no functions for parts of a text: compare with LIKE"

ELSEWHERE: Mapping[str, str] = {
    **dict.fromkeys(("LN", "LOGE"), "LOG is the natural logarithm"),
    **dict.fromkeys(("LG", "LOG2"), "LOG10 is the logarithm to base 10, and LOG(x) / LOG(2) that to base 2"),
    **dict.fromkeys(("CEIL",), "CEILING"),
    **dict.fromkeys(("POW", "PWR"), "POWER"),
    **dict.fromkeys(("TRUNC", "FIX"), "TRUNCATE"),
    **dict.fromkeys(("RANDOM",), "RAND"),
    **dict.fromkeys(("DEG",), "DEGREES"),
    **dict.fromkeys(("RAD",), "RADIANS"),
    **dict.fromkeys(("ARCSIN",), "ASIN"),
    **dict.fromkeys(("ARCCOS",), "ACOS"),
    **dict.fromkeys(("ARCTAN", "ATN"), "ATAN"),
    **dict.fromkeys(("ARCTAN2", "ATN2"), "ATAN2"),
    "SQUARE": "POWER(x, 2)",
    "CBRT": "POWER(x, 1.0 / 3)",
    "SIGN": "CASE WHEN x > 0 THEN 1 WHEN x < 0 THEN -1 ELSE 0 END",
    "DIV": "integers divide to integers with /",
    **dict.fromkeys(
        ("GREATEST", "LEAST", "IF", "IIF", "DECODE", "NVL2"), "CASE WHEN condition THEN value END"
    ),
    **dict.fromkeys(("IFNULL", "NVL", "ISNULL"), "COALESCE"),
    **dict.fromkeys(("CONCAT", "CONCAT_WS"), "join texts with ||"),
    **dict.fromkeys(("UCASE", "TOUPPER"), "UPPER"),
    **dict.fromkeys(("LCASE", "TOLOWER"), "LOWER"),
    **dict.fromkeys(("SUBSTR", "MID", "INSTR", "LOCATE", "CHARINDEX", "STRPOS", "SPLIT_PART"), _NO_PARTS),
    **dict.fromkeys(("LTRIM", "RTRIM", "REPLACE", "REVERSE", "LPAD", "RPAD", "REPEAT"), _NO_PARTS),
    **dict.fromkeys(("LENGTH", "LEN", "CHARLENGTH"), _NO_PARTS),
    **dict.fromkeys(
        ("REGEXP_LIKE", "REGEXP_MATCHES", "MATCHES", "STARTS_WITH"), "compare with LIKE or ILIKE"
    ),
    **dict.fromkeys(("TO_CHAR", "STR", "TEXT", "STRING"), "CAST(x AS VARCHAR)"),
    **dict.fromkeys(("TO_NUMBER", "TO_DOUBLE"), "CAST(x AS DOUBLE PRECISION) or INTEGER"),
    **dict.fromkeys(("TO_DATE", "TO_TIMESTAMP", "DATETIME"), "CAST(x AS TIMESTAMP)"),
    **dict.fromkeys(("NOW", "GETDATE", "SYSDATE"), "write the time as a text, '2004-03-26T22:15:00'"),
    **dict.fromkeys(("GROUP_CONCAT", "STRING_AGG", "LISTAGG", "ARRAY_AGG"), "ivo_string_agg"),
    **dict.fromkeys(("STDDEV", "STDDEV_POP", "STDEV", "STD"), "SQRT(AVG(x * x) - AVG(x) * AVG(x))"),
    **dict.fromkeys(("VARIANCE", "VAR_POP", "VAR"), "AVG(x * x) - AVG(x) * AVG(x)"),
    **dict.fromkeys(("MEAN", "AVERAGE"), "AVG"),
    **dict.fromkeys(("HISTOGRAM", "WIDTH_BUCKET"), "ivo_histogram"),
    **dict.fromkeys(("GAVO_IPIX", "HEALPIX", "ANG2PIX"), "ivo_healpix_index"),
    "GAVO_TRANSFORM": "ivo_geom_transform",
    "GAVO_TO_MJD": "ivo_to_mjd",
    "GAVO_TO_JD": "ivo_to_jd",
    "GAVO_NORMAL_RANDOM": "ivo_normal_random",
    "GAVO_SIMBADPOINT": "ivo_simbadpoint",
    "GAVO_SPECCONV": "IN_UNIT",
    **dict.fromkeys(
        ("Q3C_JOIN", "Q3C_RADIAL_QUERY", "SPOINT", "SCIRCLE"), "DISTANCE(ra1, dec1, ra2, dec2) < r"
    ),
}
"""Upper-case name -> what to write."""
