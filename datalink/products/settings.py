"""How observations are reduced to a spectrum: everything that the counts depend on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Position:
    """A place on the sky, ICRS."""

    ra: float
    """[deg]"""
    dec: float
    """[deg]"""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A circle whose events are not taken for background, as another source may shine there."""

    position: Position
    radius: float
    """[deg]"""


@dataclass(frozen=True, slots=True)
class EnergyBins:
    """Bins of equal width in the logarithm of the energy."""

    low: float
    """Lower edge of the first [TeV]."""
    high: float
    """Upper edge of the last [TeV]."""
    per_decade: int


SafeRange = Literal["auto", "thresholds", "aeff", "none"]
"""Where the energies are that responses are trusted at.

``thresholds``
    Between LO_THRES and HI_THRES of the effective area (GADF 0.3, effective area, optional keywords).
``aeff``
    Where the effective area is above a tenth of its maximum.
``auto``
    The first where the keywords are there, else the second.
"""


@dataclass(frozen=True, slots=True)
class Reduction:
    """How one observation becomes counts, exposure and energy dispersion in a region."""

    position: Position
    radius: float | None = None
    """Radius of the on region [deg]; None for that of the responses: RAD_MAX, or 68 % containment (1 TeV)."""
    energy: EnergyBins = EnergyBins(0.01, 100.0, 20)
    """Bins of reconstructed energy."""
    energy_true: EnergyBins = EnergyBins(0.01, 100.0, 20)
    """Bins of true energy."""
    exclusions: tuple[Exclusion, ...] = ()
    safe: SafeRange = "auto"
    max_offset: float = 5.0
    """Observations whose pointing is farther from the position are left out [deg]."""
    time: tuple[float, float] | None = None
    """Events and live time between these, else of the whole observation [MJD, UTC]."""

    def key(self, *what: object) -> str:
        """A name for what this makes of something: equal for equal settings and equal things only."""
        text = json.dumps([asdict(self), [repr(thing) for thing in what]], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
