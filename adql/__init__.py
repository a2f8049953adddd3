"""ADQL: an ADQL query and a catalogue in, one engine's SQL and described columns out."""

from adql.errors import AdqlError, BindError, LimitError, ParseError, UnsupportedError
from adql.pruning import Cells, Cone, Interval, Outline, Restriction, Scan
from adql.schema import Catalogue, Column, ForeignKey, Schema, SkyIndex, Table
from adql.types import ColumnType, Position

__all__ = [
    "AdqlError",
    "BindError",
    "Catalogue",
    "Cells",
    "Column",
    "ColumnType",
    "Cone",
    "ForeignKey",
    "Interval",
    "LimitError",
    "Outline",
    "ParseError",
    "Position",
    "Restriction",
    "Scan",
    "Schema",
    "SkyIndex",
    "Table",
    "UnsupportedError",
]
