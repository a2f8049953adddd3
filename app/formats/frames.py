"""The coordinate and time systems that columns refer to: COOSYS and TIMESYS of VOTable 1.4.

What a column is follows from its unit, UCD and xtype alone. All positions GammaHub serves are ICRS or
galactic, all its modified Julian dates and timestamps UTC at the telescope; seconds of mission time
count in a system of each release, which a row of its own tells, and get none here.
"""

from __future__ import annotations

from dataclasses import dataclass

from adql import Column


@dataclass(frozen=True, slots=True)
class Frame:
    """A COOSYS or TIMESYS element (VOTable 1.4 sections 3.3 and 3.4)."""

    element: str
    attributes: tuple[tuple[str, str], ...]

    @property
    def xml_id(self) -> str:
        """What columns refer to."""
        return dict(self.attributes)["ID"]


ICRS = Frame("COOSYS", (("ID", "coosys_icrs"), ("system", "ICRS")))
GALACTIC = Frame("COOSYS", (("ID", "coosys_galactic"), ("system", "galactic")))
MJD_UTC = Frame(
    "TIMESYS",
    (
        ("ID", "timesys_mjd_utc"),
        ("timeorigin", "2400000.5"),
        ("timescale", "UTC"),
        ("refposition", "TOPOCENTER"),
    ),
)
TIMESTAMP_UTC = Frame(
    "TIMESYS", (("ID", "timesys_timestamp_utc"), ("timescale", "UTC"), ("refposition", "TOPOCENTER"))
)
"""Calendar dates have their origin in themselves."""

_POSITIONS = {
    "pos.eq.ra": ICRS,
    "pos.eq.dec": ICRS,
    "pos.eq": ICRS,
    "pos.galactic.lon": GALACTIC,
    "pos.galactic.lat": GALACTIC,
    "pos.galactic": GALACTIC,
}
_INSTANTS = ("time.epoch", "time.start", "time.end")


def frame_of(column: Column) -> Frame | None:
    """The system a column counts in; None where nothing is to be said.

    Notes
    -----
    Only the first word of a UCD says what a value is (UCD1+ 1.4 section 3): an error of a position is
    no position. ``meta.ref`` among the others marks an origin, which is in a system of its own.
    """
    first, *others = (column.ucd or "").split(";")
    if first in _POSITIONS and (column.unit == "deg" or column.type.is_geometry):
        return _POSITIONS[first]
    if column.type.is_geometry and first.startswith("pos"):
        return ICRS
    if first not in _INSTANTS or "meta.ref" in others:
        return None
    if column.type.is_timestamp:
        return TIMESTAMP_UTC
    return MJD_UTC if column.unit == "d" and column.type.is_numeric else None
