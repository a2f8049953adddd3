"""What is in a FITS file: each extension by its header, and the small tables whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.cards import Cards
from app.ingest.cells import is_scalar_number, reals, values
from app.ingest.errors import FileRejected
from app.ingest.eventlist import EventRoles
from app.ingest.facts import ListFacts, ResponseFacts
from app.ingest.fitsfile import FitsFile, Hdu, sha256_of
from app.ingest.frames import CelestialFrame
from app.ingest.table import TableColumn, TableShape
from app.ingest.times import MissionTime, time_factor
from app.ingest.units import UnknownUnit, factor

Reals = NDArray[np.float64]

_SMALL = 1 << 28
"""Bytes of the largest table of intervals, pointings or radii that is read."""

_TYPES = {
    "EFF_AREA": "aeff",
    "AEFF": "aeff",
    "EFFECTIVE AREA": "aeff",
    "EDISP": "edisp",
    "ENERGY DISPERSION": "edisp",
    "RPSF": "psf",
    "PSF": "psf",
    "POINT SPREAD FUNCTION": "psf",
    "BKG": "bkg",
    "BACKGROUND": "bkg",
    "RAD_MAX": "rad_max",
}
"""HDUCLAS2 (GADF, HDU classes) or a usual EXTNAME -> HDU_TYPE (GADF, HDU index)."""


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """A GTI table."""

    start: Reals
    """[s], NaN where there is none."""
    stop: Reals
    mission: MissionTime | None
    """The reference that its own header declares."""


@dataclass(frozen=True, slots=True)
class MeanPointing:
    """A POINTING table in the mean."""

    ra: float | None
    dec: float | None
    alt: float | None
    az: float | None


@dataclass(frozen=True, slots=True, eq=False)
class HduScan:
    """One extension."""

    number: int
    name: str
    """EXTNAME."""
    kind: str
    """``events``, ``gti``, ``pointing``, ``response`` or ``other``."""
    hdu_class: str = ""
    """HDU_CLASS as its header lets one tell (GADF, HDU index)."""
    hdu_type: str = ""
    begin: int = 0
    """First byte of the data of an event list."""
    shape: TableShape | None = None
    """Of an event list."""
    roles: EventRoles | None = None
    facts: ListFacts | None = None
    intervals: Intervals | None = None
    pointing: MeanPointing | None = None
    response: ResponseFacts | None = None
    remarks: tuple[str, ...] = ()
    fault: str = ""
    """Why an event list cannot be loaded; else empty."""


@dataclass(frozen=True, slots=True, eq=False)
class FileScan:
    """One file."""

    path: Path
    nbytes: int
    mtime_ns: int
    sha256: str
    hdus: tuple[HduScan, ...]
    fault: str = ""
    """Why nothing in it can be loaded; else empty."""
    remainder: str = ""
    """What is behind its last extension and should not be; else empty."""

    @property
    def event_lists(self) -> tuple[HduScan, ...]:
        """Its event lists, good and bad."""
        return tuple(hdu for hdu in self.hdus if hdu.kind == "events")

    def hdu(self, name: str, kind: str) -> HduScan | None:
        """The extension of a name, in any case; else the only one of that kind.

        Parameters
        ----------
        name
            EXTNAME, or a number.
        kind
            As :class:`HduScan` has it.
        """
        named = [hdu for hdu in self.hdus if hdu.name.upper() == name.strip().upper() and name.strip()]
        if not named and name.strip().upper() == "PRIMARY":
            named = list(self.hdus[:1])
        if len(named) > 1:
            named = [hdu for hdu in named if hdu.kind == kind] or named
        if named:
            return named[0]
        if name.strip().isdigit():
            return next((hdu for hdu in self.hdus if hdu.number == int(name)), None)
        alike = [hdu for hdu in self.hdus if hdu.kind == kind]
        return alike[0] if len(alike) == 1 and kind != "response" else None


def scan_file(path: Path) -> FileScan:
    """What is in a file; its faults are told in the result."""
    try:
        status = path.stat()
        checksum = sha256_of(path)
    except OSError as error:
        return FileScan(path, 0, 0, "", (), f"It cannot be read: {error.strerror}.")
    hdus: list[HduScan] = []
    fault = remainder = ""
    try:
        with FitsFile(path) as file:
            hdus.extend(_scan(hdu) for hdu in file.hdus())
            remainder = file.remainder
    except FileRejected as error:
        fault = str(error)
    return FileScan(path, status.st_size, status.st_mtime_ns, checksum, tuple(hdus), fault, remainder)


def _scan(hdu: Hdu) -> HduScan:
    cards = hdu.cards
    if not cards.text("XTENSION").upper().startswith(("BINTABLE", "A3DTABLE")):
        kind = _response_type(cards)
        is_map = bool(kind) and cards.text("XTENSION").upper() == "IMAGE"
        return _response(hdu, kind) if is_map else HduScan(hdu.number, hdu.name, "other")
    declared, name = cards.text("HDUCLAS1").upper(), hdu.name.upper()
    if declared == "GTI" or (not declared and name.endswith("GTI")):
        return _gti(hdu)
    if declared == "POINTING" or (not declared and name == "POINTING"):
        return _pointing(hdu)
    if declared == "EVENTS" or (
        declared != "RESPONSE" and (name.startswith("EVENTS") or _looks_like_events(cards))
    ):
        return _events(hdu)
    kind = _response_type(cards)
    return _response(hdu, kind) if kind else HduScan(hdu.number, hdu.name, "other")


def _looks_like_events(cards: Cards) -> bool:
    names = {cards.text(f"TTYPE{number}").upper() for number in range(1, (cards.integer("TFIELDS") or 0) + 1)}
    return {"TIME", "ENERGY", "RA", "DEC"} <= names


def _events(hdu: Hdu) -> HduScan:
    cards = hdu.cards
    try:
        shape = TableShape.of(cards)
        if shape.size > hdu.size:
            raise FileRejected(f"Its table needs {shape.size} bytes, but its HDU has {hdu.size}.")
        columns = frozenset(column.name.upper() for column in shape.columns)
        roles, remarks = EventRoles.of(shape, cards)
    except FileRejected as error:
        return HduScan(hdu.number, hdu.name, "events", "events", "events", fault=str(error))
    facts = ListFacts.of(cards, columns)
    return HduScan(
        hdu.number,
        hdu.name,
        "events",
        "events",
        "events",
        begin=hdu.begin,
        shape=shape,
        roles=roles,
        facts=facts,
        remarks=(*remarks, *facts.remarks),
    )


def _gti(hdu: Hdu) -> HduScan:
    scanned = HduScan(hdu.number, hdu.name, "gti", "gti", "gti")
    cards = hdu.cards
    try:
        shape = TableShape.of(cards)
        start, stop = shape.column("START", "TSTART"), shape.column("STOP", "TSTOP")
        if start is None or stop is None or not (is_scalar_number(start) and is_scalar_number(stop)):
            raise FileRejected("Its good time intervals have no numbers START and STOP; they are left out")
        if shape.size > _SMALL:
            raise FileRejected(f"Its good time intervals fill {shape.size} bytes; they are left out")
        rows = shape.rows(hdu.read(shape.nrows * shape.row_bytes))
        times = [reals(column, rows) * time_factor(column.unit, cards)[0] for column in (start, stop)]
    except (FileRejected, UnknownUnit) as error:
        return replace(scanned, remarks=(str(error).rstrip("."),))
    mission, _ = MissionTime.of(cards)
    return replace(scanned, intervals=Intervals(times[0], times[1], mission))


def _pointing(hdu: Hdu) -> HduScan:
    scanned = HduScan(hdu.number, hdu.name, "pointing", "pointing", "pointing")
    try:
        shape = TableShape.of(hdu.cards)
        if shape.size > _SMALL:
            raise FileRejected(f"Its table of pointings has {shape.size} bytes; it is left out")
        rows = shape.rows(hdu.read(shape.nrows * shape.row_bytes))
        frame, _ = CelestialFrame.of(hdu.cards)
        ra, dec = _mean_direction(shape, rows, "RA_PNT", "DEC_PNT", frame)
        az, alt = _mean_direction(shape, rows, "AZ_PNT", "ALT_PNT", CelestialFrame())
    except (FileRejected, UnknownUnit) as error:
        return replace(scanned, remarks=(str(error).rstrip("."),))
    return replace(scanned, pointing=MeanPointing(ra, dec, alt, az))


def _mean_direction(
    shape: TableShape, rows: NDArray[np.void], lon: str, lat: str, frame: CelestialFrame
) -> tuple[float | None, float | None]:
    columns = [shape.column(lon), shape.column(lat)]
    if any(column is None or not is_scalar_number(column) for column in columns):
        return None, None
    angles = [reals(c, rows) * factor(c.unit or "deg", "deg") for c in columns if c is not None]
    turned = frame.to_icrs(angles[0], angles[1])
    known = np.isfinite(turned[0])
    if not known.any():
        return None, None
    a, d = np.radians(turned[0][known]), np.radians(turned[1][known])
    x, y, z = (np.cos(d) * np.cos(a)).mean(), (np.cos(d) * np.sin(a)).mean(), np.sin(d).mean()
    if np.hypot(np.hypot(x, y), z) < 1e-6:
        return None, None
    return float(np.degrees(np.arctan2(y, x)) % 360.0), float(np.degrees(np.arctan2(z, np.hypot(x, y))))


def _response_type(cards: Cards) -> str:
    if cards.text("HDUCLAS1").upper() not in ("RESPONSE", ""):
        return ""
    for key in ("HDUCLAS2", "HDUCLAS4", "EXTNAME"):
        written = cards.text(key).upper()
        if written in _TYPES:
            return _TYPES[written]
        for known, hdu_type in _TYPES.items():
            if written.startswith(f"{known}_"):
                return hdu_type
    return ""


def _response(hdu: Hdu, hdu_type: str) -> HduScan:
    facts = ResponseFacts.of(hdu.cards)
    if hdu_type == "rad_max":
        facts = ResponseFacts(1, facts.lo_thres, facts.hi_thres, facts.rad_max or _one_radius(hdu))
    return HduScan(
        hdu.number,
        hdu.name,
        "response",
        _hdu_class(hdu.cards, hdu_type),
        hdu_type,
        response=facts,
    )


def _hdu_class(cards: Cards, hdu_type: str) -> str:
    """``aeff_2d`` of HDUCLAS4 ``AEFF_2D``, or of ``2D`` as the first files had it."""
    written = cards.text("HDUCLAS4").lower().replace(" ", "_")
    if not written:
        return hdu_type
    return written if written.startswith(hdu_type) else f"{hdu_type}_{written}"


def _one_radius(hdu: Hdu) -> float | None:
    """The radius of a RAD_MAX_2D table [deg], where it is the same for all energies and offsets."""
    try:
        shape = TableShape.of(hdu.cards)
        column = shape.column("RAD_MAX")
        if column is None or column.code not in "BIJKED" or shape.size > _SMALL or shape.is_variable:
            return None
        rows = shape.rows(hdu.read(shape.nrows * shape.row_bytes))
        by = factor(column.unit or "deg", "deg")
    except (FileRejected, UnknownUnit):
        return None
    radii = np.asarray(_flat(column, rows), dtype=np.float64)
    if radii.size == 0 or not np.isfinite(radii).all() or radii.min() != radii.max() or radii[0] <= 0:
        return None
    return float(radii[0]) * by


def _flat(column: TableColumn, rows: NDArray[np.void]) -> Reals:
    array = values(column, rows)
    flat = array.flatten() if column.type.arraysize is not None else array
    return np.asarray(flat.to_numpy(zero_copy_only=False), dtype=np.float64)
