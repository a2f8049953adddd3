"""The words of a column's type and of a place in a query's text."""

from __future__ import annotations

from dataclasses import dataclass

NUMERIC = ("unsignedByte", "short", "int", "long", "float", "double")
INTEGERS = ("unsignedByte", "short", "int", "long")
TEXT = ("char", "unicodeChar")


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the text of a query; line and column count from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


@dataclass(frozen=True, slots=True)
class ColumnType:
    """The type of a column, in the words of VOTable 1.5 section 2.1.

    The same three words go into VOTable FIELDs, TAP_SCHEMA.columns and the VOSI tableset; each
    dialect maps them to a type of its engine.
    """

    datatype: str
    """VOTable primitive: boolean, unsignedByte, short, int, long, char, unicodeChar, float, double."""
    arraysize: str | None = None
    """VOTable arraysize: None for a scalar, ``*`` or a number (or ``3x*``) for an array or a text."""
    xtype: str | None = None
    """DALI 1.1 section 3 extended type: timestamp, interval, point, circle, polygon, moc ..."""

    @property
    def is_text(self) -> bool:
        """True for a character string that is not a timestamp or another xtype."""
        return self.datatype in TEXT and self.xtype is None

    @property
    def is_timestamp(self) -> bool:
        return self.datatype in TEXT and self.xtype == "timestamp"

    @property
    def is_integer(self) -> bool:
        return self.datatype in INTEGERS and self.arraysize is None

    @property
    def is_numeric(self) -> bool:
        """True for a number: not an array, not a geometry."""
        return self.datatype in NUMERIC and self.arraysize is None

    @property
    def is_geometry(self) -> bool:
        return self.xtype in ("point", "circle", "polygon", "region", "moc")

    def __str__(self) -> str:
        size = f"({self.arraysize})" if self.arraysize else ""
        return f"{self.xtype or self.datatype}{'' if self.xtype else size}"


BOOLEAN = ColumnType("boolean")
SHORT = ColumnType("short")
INT = ColumnType("int")
LONG = ColumnType("long")
FLOAT = ColumnType("float")
DOUBLE = ColumnType("double")
STRING = ColumnType("char", "*")
UNICODE = ColumnType("unicodeChar", "*")
TIMESTAMP = ColumnType("char", "*", "timestamp")
POINT = ColumnType("double", "2", "point")
CIRCLE = ColumnType("double", "3", "circle")
POLYGON = ColumnType("double", "*", "polygon")
