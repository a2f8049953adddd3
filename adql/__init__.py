"""ADQL: an ADQL query and a catalogue in, one engine's SQL and described columns out."""

from adql import ast
from adql.dialects import DIALECTS, DUCKDB, HIVE, SPARK, Dialect
from adql.errors import AdqlError, BindError, LimitError, ParseError, UnsupportedError
from adql.features import FEATURES, Feature
from adql.limits import Limits
from adql.parser import parse
from adql.pruning import Around, Cells, Cone, Interval, Outline, Restriction, Scan, Union
from adql.schema import (
    ICRS,
    Catalogue,
    Column,
    CoordinateSystem,
    ForeignKey,
    Schema,
    SkyIndex,
    Table,
    TimeSystem,
)
from adql.translate import Statement, translate
from adql.types import ColumnType, Position

__all__ = [
    "DIALECTS",
    "DUCKDB",
    "FEATURES",
    "HIVE",
    "ICRS",
    "SPARK",
    "AdqlError",
    "Around",
    "BindError",
    "Catalogue",
    "Cells",
    "Column",
    "ColumnType",
    "Cone",
    "CoordinateSystem",
    "Dialect",
    "Feature",
    "ForeignKey",
    "Interval",
    "LimitError",
    "Limits",
    "Outline",
    "ParseError",
    "Position",
    "Restriction",
    "Scan",
    "Schema",
    "SkyIndex",
    "Statement",
    "Table",
    "TimeSystem",
    "Union",
    "UnsupportedError",
    "ast",
    "parse",
    "translate",
]
