"""A column of an uploaded table as its file describes it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from adql import ColumnType, CoordinateSystem, TimeSystem

DATATYPES = frozenset(
    "boolean bit unsignedByte short int long char unicodeChar float double floatComplex doubleComplex".split()
)
"""VOTable 1.5 section 2.1, all of them."""
TEXT = frozenset(("char", "unicodeChar"))
FLOATING = {"float": "float", "double": "double", "floatComplex": "float", "doubleComplex": "double"}
"""Datatype -> that of the numbers in it."""
INTEGERS = frozenset(("unsignedByte", "short", "int", "long"))

_ARRAYSIZE = re.compile(r"(?:[1-9]\d{0,17}x)*(?:[1-9]\d{0,17}\*?|\*)")
_PRIMITIVES = {"bit": "boolean", "floatComplex": "float", "doubleComplex": "double"}
"""What queries see of the datatypes that ADQL has no place for: a complex number is a pair."""


@dataclass(frozen=True, slots=True)
class Field:
    """A column as a FIELD describes it; other formats are told in its words."""

    name: str
    datatype: str
    """One of DATATYPES."""
    arraysize: str | None = None
    """As VOTable writes it; None for a single value."""
    unit: str | None = None
    ucd: str | None = None
    utype: str | None = None
    xtype: str | None = None
    description: str = ""
    null: str | None = None
    """The text that stands for NULL: VALUES null."""
    coosys: CoordinateSystem | None = None
    timesys: TimeSystem | None = None

    @property
    def is_text(self) -> bool:
        return self.datatype in TEXT

    @property
    def is_complex(self) -> bool:
        return self.datatype in ("floatComplex", "doubleComplex")

    @property
    def is_list(self) -> bool:
        """True if queries see its values as lists."""
        return not self.is_text and (self.arraysize is not None or self.is_complex)

    @property
    def count(self) -> int | None:
        """Items or characters in every cell; None where it varies."""
        if self.arraysize is None:
            return 1
        if self.arraysize.endswith("*"):
            return None
        return math.prod(int(length) for length in self.arraysize.split("x"))

    @property
    def is_matrix_of_text(self) -> bool:
        """True for an array of texts: each cell holds them one after the other, filled up to one length."""
        return self.is_text and "x" in (self.arraysize or "")

    @property
    def type(self) -> ColumnType:
        """What queries see."""
        size = self.arraysize
        if self.is_complex:
            size = "2" if size is None else f"2x{size}"
        return ColumnType(_PRIMITIVES.get(self.datatype, self.datatype), size, self.xtype)


def is_arraysize(text: str) -> bool:
    """True for an arraysize as VOTable 1.5 section 2.2 has it."""
    return _ARRAYSIZE.fullmatch(text) is not None
