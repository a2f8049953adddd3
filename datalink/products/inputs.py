"""What a product is made of: observations, each with its events and the responses that belong to them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

EVENTS, GTI = "events", "gti"
AEFF, EDISP, PSF, BKG, RAD_MAX = "aeff", "edisp", "psf", "bkg", "rad_max"
RESPONSES = (AEFF, EDISP, PSF, BKG, RAD_MAX)
"""HDU types of instrument responses, GADF 0.3 (hdu-index, HDU_TYPE)."""


@dataclass(frozen=True, slots=True)
class Hdu:
    """One extension of a FITS file, as the hdu-index of GADF names it."""

    hdu_type: str
    """``events``, ``gti``, ``aeff``, ``edisp``, ``psf``, ``bkg`` or ``rad_max``."""
    hdu_class: str
    """How it is laid out, such as ``aeff_2d`` or ``psf_3gauss``."""
    path: Path
    """The file, absolute."""
    name: str
    """Name of the extension in its file (EXTNAME)."""
    checksum: str = ""
    """SHA-256 of the file, hexadecimal; empty where nobody reckoned it."""

    @property
    def identity(self) -> tuple[str, ...]:
        """What changes whenever the content does: equal for equal content, whatever the path."""
        content = (self.checksum,) if self.checksum else _stamp(self.path)
        return (self.hdu_type, self.hdu_class, self.name, *content)


def _stamp(path: Path) -> tuple[str, ...]:
    found = path.stat()
    return (str(path), str(found.st_size), str(found.st_mtime_ns))


@dataclass(frozen=True, slots=True)
class ObservationFiles:
    """Where the parts of one observation lie."""

    collection: str
    """The release it comes from."""
    obs_id: int
    event_type: str
    """Class of the events where an observation has several lists; else empty."""
    hdus: tuple[Hdu, ...]
    target_name: str = ""
    telescope: str = ""
    """As the events tell (TELESCOP)."""
    start: float = 0.0
    """Begin [MJD, UTC]; 0 where it is not known."""
    stop: float = 0.0
    """End [MJD, UTC]; 0 where it is not known."""

    @property
    def name(self) -> str:
        """Unique among all collections, and fit for a file name where the collection is."""
        return "-".join(filter(None, (self.collection, str(self.obs_id), self.event_type)))

    def find(self, hdu_type: str) -> Hdu | None:
        """The extension of that type, the first where there are several; None if there is none."""
        return next((hdu for hdu in self.hdus if hdu.hdu_type == hdu_type), None)

    @property
    def identity(self) -> tuple[tuple[str, ...], ...]:
        """What changes whenever the content of any part does."""
        return tuple(sorted(hdu.identity for hdu in self.hdus))


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a collection may be used, and how it is cited: both travel with every product."""

    collection: str
    title: str = ""
    licence: str = ""
    citation: str = ""
