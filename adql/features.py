"""What our ADQL offers beyond the core, as the service declares it (TAPRegExt 1.0 section 2.3)."""

from __future__ import annotations

from dataclasses import dataclass

from adql.functions import FEATURES_URI, FUNCTIONS


@dataclass(frozen=True, slots=True)
class Feature:
    """One optional feature."""

    type_uri: str
    """Kind of feature, such as ``ivo://ivoa.net/std/TAPRegExt#features-adqlgeo``."""
    form: str
    """Keyword or signature."""
    description: str


_CONSTRUCTS = (
    ("adql-string", "ILIKE", "LIKE that ignores case"),
    ("adql-common-table", "WITH", "Named queries before the query"),
    ("adql-sets", "UNION", "Rows of both queries"),
    ("adql-sets", "EXCEPT", "Rows of the first query that are not in the second"),
    ("adql-sets", "INTERSECT", "Rows that are in both queries"),
    ("adql-type", "CAST", "A value as another type"),
    ("adql-offset", "OFFSET", "Rows to leave out at the beginning"),
)

EXTENSIONS_URI = "ivo://org.gavo.dc/std/exts#extra-adql-keywords"
"""The kind under which services declare what their ADQL has beyond the standard (DaCHS 2.7)."""

_EXTENSIONS = (
    ("CASE", "A value by condition: CASE WHEN condition THEN value ... ELSE value END"),
    ("NULLIF", "NULL where the first value equals the second, else the first"),
    ("ESCAPE", "LIKE and ILIKE with an escape character"),
    ("GROUP BY expression", "Groups by any expression"),
    ("GROUP BY alias", "Groups by an output, by its alias or its number in the select list"),
    ("scalar subquery", "A query of one column and one row at most stands where a value may"),
    ("IS NULL", "Of any expression, a geometry too"),
    ("DOUBLE", "In CAST the same as DOUBLE PRECISION"),
)

FEATURES: tuple[Feature, ...] = (
    *(
        Feature(FEATURES_URI + function.feature, form, function.description)
        for function in FUNCTIONS.values()
        if function.feature is not None
        for form in (function.form, *function.forms)
    ),
    *(Feature(FEATURES_URI + kind, form, description) for kind, form, description in _CONSTRUCTS),
    *(Feature(EXTENSIONS_URI, form, description) for form, description in _EXTENSIONS),
)
"""Every optional feature that is implemented, from the tables that implement them."""
