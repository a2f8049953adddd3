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

FEATURES: tuple[Feature, ...] = tuple(
    Feature(FEATURES_URI + function.feature, function.form, function.description)
    for function in FUNCTIONS.values()
    if function.feature is not None
) + tuple(Feature(FEATURES_URI + kind, form, description) for kind, form, description in _CONSTRUCTS)
"""Every optional feature that is implemented, from the tables that implement them."""
