"""The coordinate and time systems that columns refer to, as COOSYS and TIMESYS of VOTable 1.4."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from adql import Column, CoordinateSystem, TimeSystem

_SYSTEMS = {
    "ICRS": "ICRS",
    "FK4": "eq_FK4",
    "FK5": "eq_FK5",
    "GALACTIC": "galactic",
    "SUPER_GALACTIC": "supergalactic",
    "ECLIPTIC": "ecl_FK5",
    "BARYCENTRIC": "barycentric",
}
"""Word of the vocabulary refframe -> that of COOSYS in VOTable 1.4; the others it has no words for."""

_ORIGINS = {2400000.5: "mjd", 0.0: "jd", None: "timestamp"}
"""Zero of a count -> what to call it in an ID."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A COOSYS or TIMESYS element (VOTable 1.4 sections 3.3 and 3.4)."""

    element: str
    attributes: tuple[tuple[str, str], ...]

    @property
    def xml_id(self) -> str:
        """What columns refer to."""
        return dict(self.attributes)["ID"]


def frames_of(columns: Iterable[Column]) -> Mapping[str, Frame]:
    """Name of a column -> the system it counts in, each one element for all of its columns.

    A FIELD can refer to one only: a column of both has its coordinate system told.
    """
    elements: dict[CoordinateSystem | TimeSystem, Frame] = {}
    taken: set[str] = set()
    frames: dict[str, Frame] = {}
    for column in columns:
        system = column.coosys if column.coosys is not None and _told(column.coosys) else column.timesys
        if system is None:
            continue
        if system not in elements:
            elements[system] = _frame(system, taken)
            taken.add(elements[system].xml_id)
        frames[column.name] = elements[system]
    return frames


def _told(system: CoordinateSystem) -> bool:
    return system.system in _SYSTEMS


def _frame(system: CoordinateSystem | TimeSystem, taken: set[str]) -> Frame:
    if isinstance(system, CoordinateSystem):
        wanted = f"coosys_{system.system.lower()}"
        said = {"system": _SYSTEMS[system.system], "equinox": system.equinox, "epoch": system.epoch}
        return _element("COOSYS", _unused(wanted, taken), said)
    wanted = "_".join(("timesys", _ORIGINS.get(system.timeorigin, "count"), _plain(system.timescale)))
    origin = None if system.timeorigin is None else f"{system.timeorigin:.17g}"
    said = {"timeorigin": origin, "timescale": system.timescale, "refposition": system.refposition}
    return _element("TIMESYS", _unused(wanted, taken), said)


def _element(name: str, xml_id: str, said: Mapping[str, str | None]) -> Frame:
    attributes = {"ID": xml_id, **{key: value for key, value in said.items() if value is not None}}
    return Frame(name, tuple(attributes.items()))


def _plain(word: str) -> str:
    return "".join(letter for letter in word.lower() if letter.isascii() and letter.isalnum()) or "other"


def _unused(wanted: str, taken: set[str]) -> str:
    """An ID that no element has yet."""
    candidate, number = wanted, 2
    while candidate in taken:
        candidate, number = f"{wanted}_{number}", number + 1
    return candidate
