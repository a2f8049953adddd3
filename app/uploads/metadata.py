"""What the elements of a VOTable say of the columns of a table."""

from __future__ import annotations

from lxml import etree

from app.uploads.field import DATATYPES, Field, is_arraysize
from app.uploads.intake import Intake, shown
from app.uploads.systems import Systems

_LONGEST_DESCRIPTION = 4000
_OTHER_DATATYPES: dict[str, tuple[str, str]] = {
    "": ("char", "*"),
    "string": ("char", "*"),
    "unicodeString": ("unicodeChar", "*"),
    "int16": ("short", ""),
    "int32": ("int", ""),
    "int64": ("long", ""),
    "float32": ("float", ""),
    "float64": ("double", ""),
    "integer": ("int", ""),
    "unsignedShort": ("int", ""),
    "unsignedInt": ("long", ""),
}
"""What writers are known to say for a datatype, what they mean, and the arraysize if none is said."""


def local_name(element: etree._Element) -> str:
    """Name of an element without its namespace: each version of VOTable has one of its own."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def description_of(element: etree._Element) -> str:
    """The DESCRIPTION in an element as one paragraph; empty if there is none."""
    for child in element:
        if local_name(child) == "DESCRIPTION":
            return " ".join((child.text or "").split())[:_LONGEST_DESCRIPTION]
    return ""


def fields_of(table: etree._Element, intake: Intake, systems: Systems) -> tuple[Field, ...]:
    """The columns of a TABLE, in the systems that the document declares before it.

    Raises
    ------
    app.errors.UploadError
        Raised if it has none, or one of a type that there is not.
    """
    elements = [child for child in table if local_name(child) == "FIELD"]
    if not elements:
        raise intake.fault("It has no columns (FIELD), and so nothing that a query could name.")
    return tuple(_field(element, number, intake, systems) for number, element in enumerate(elements, start=1))


def _field(element: etree._Element, number: int, intake: Intake, systems: Systems) -> Field:
    """A FIELD (VOTable 1.5 section 4.1)."""
    name = element.get("name") or element.get("ID") or f"column_{number}"
    datatype, arraysize = _type(element, name, intake)
    system = element.get("ref") or ""
    values = next((child for child in element if local_name(child) == "VALUES"), None)
    return Field(
        name=name,
        datatype=datatype,
        arraysize=arraysize or None,
        unit=_stripped(element.get("unit")),
        ucd=_stripped(element.get("ucd")),
        utype=_stripped(element.get("utype")),
        xtype=_stripped(element.get("xtype")),
        description=description_of(element),
        null=None if values is None else _stripped(values.get("null")),
        coosys=systems.coordinates.get(system),
        timesys=systems.times.get(system),
    )


def _type(element: etree._Element, name: str, intake: Intake) -> tuple[str, str]:
    datatype, arraysize = ((element.get(key) or "").strip() for key in ("datatype", "arraysize"))
    if datatype in _OTHER_DATATYPES:
        datatype, usual = _OTHER_DATATYPES[datatype]
        arraysize = arraysize or usual
    if datatype not in DATATYPES:
        known = ", ".join(sorted(DATATYPES))
        raise intake.fault(f"its datatype {shown(datatype)} is none of {known}.", column=name)
    if arraysize and not is_arraysize(arraysize):
        raise intake.fault(
            f"its arraysize {shown(arraysize)} is not of the form 3, *, 3*, 3x2 or 3x*.", column=name
        )
    if arraysize == "1":
        # Few who write so mean an array of one item, and none may (VOTable 1.3, erratum 3).
        arraysize = ""
    return datatype, arraysize


def _stripped(text: str | None) -> str | None:
    return (text or "").strip() or None
