"""The coordinate and time systems that a VOTable declares, by their IDs."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from adql import CoordinateSystem, TimeSystem

_MOST = 1000
"""Systems that are kept of one document."""
_WORD = re.compile(r"[A-Za-z][\w.-]{0,40}", re.ASCII)
_YEAR = re.compile(r"[JB]?[0-9]+([.][0-9]*)?", re.ASCII)
_OLD_SYSTEMS = {
    "eq_fk4": "FK4",
    "eq_fk5": "FK5",
    "ecl_fk5": "ECLIPTIC",
    "supergalactic": "SUPER_GALACTIC",
}
"""Word of COOSYS before VOTable 1.5, in lower case -> that of the vocabulary refframe, where they differ."""
_ORIGINS = {"MJD-origin": 2400000.5, "JD-origin": 0.0}


@dataclass(slots=True)
class Systems:
    """What COOSYS and TIMESYS elements say."""

    coordinates: dict[str, CoordinateSystem] = field(default_factory=dict)
    times: dict[str, TimeSystem] = field(default_factory=dict)

    def add(self, name: str, element: etree._Element) -> None:
        """Take up an element by its name; one that says nothing that is understood is passed over."""
        xml_id = element.get("ID")
        if not xml_id or len(self.coordinates) + len(self.times) >= _MOST:
            return
        if name == "COOSYS":
            coosys = _coosys(dict(element.attrib))
            if coosys is not None:
                self.coordinates[xml_id] = coosys
        else:
            timesys = _timesys(dict(element.attrib))
            if timesys is not None:
                self.times[xml_id] = timesys


def _coosys(said: Mapping[Any, Any]) -> CoordinateSystem | None:
    """COOSYS (VOTable 1.5 section 3.3); without a word for the system VOTable means FK5."""
    word = said.get("system", "eq_FK5").strip()
    if not _WORD.fullmatch(word):
        return None
    system = _OLD_SYSTEMS.get(word.lower(), word.upper())
    return CoordinateSystem(system, _year(said.get("equinox")), _year(said.get("epoch")))


def _timesys(said: Mapping[Any, Any]) -> TimeSystem | None:
    """TIMESYS (VOTable 1.4 section 3.4)."""
    scale, place = said.get("timescale", "").strip(), said.get("refposition", "UNKNOWN").strip()
    if not _WORD.fullmatch(scale) or not _WORD.fullmatch(place):
        return None
    written = said.get("timeorigin", "").strip()
    if not written:
        return TimeSystem(scale, place)
    try:
        origin = _ORIGINS[written] if written in _ORIGINS else float(written)
    except ValueError:
        return None
    return TimeSystem(scale, place, origin) if math.isfinite(origin) else None


def _year(written: str | None) -> str | None:
    text = (written or "").strip()
    return text if _YEAR.fullmatch(text) else None
