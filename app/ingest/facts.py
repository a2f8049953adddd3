"""What the header of an event list tells of its observation."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from app.cards import Cards
from app.ingest.frames import CelestialFrame
from app.ingest.times import MissionTime, time_factor
from app.ingest.units import UnknownUnit, factor

_UNIT_IN_COMMENT = re.compile(r"[\[(]\s*([A-Za-z/0-9*. -]{1,12}?)\s*[\])]")
_SIMULATED = re.compile(
    r"\bsimulat|\bmonte[ -]?carlo\b|\bctobssim\b|\bgammasim\b|\bMapDatasetEventSampler\b", re.IGNORECASE
)
_SIMULATED_KEYS = ("SIMULATED", "SIMULATE", "SIMULAT", "SIM", "ISSIM", "IS_SIM", "MC", "IS_MC")
_SIMULATED_COLUMNS = frozenset(
    ("MC_ID", "MC_ENERGY", "MC_RA", "MC_DEC", "ENERGY_TRUE", "RA_TRUE", "DEC_TRUE", "TRUE_ENERGY")
)


@dataclass(frozen=True, slots=True)
class ListFacts:
    """An observation by the header of its event list; None and empty text where the header is silent."""

    obs_label: str
    event_type: str
    object: str
    telescope: str
    instrument: str
    ra_pnt: float | None
    dec_pnt: float | None
    alt_pnt: float | None
    az_pnt: float | None
    ra_obj: float | None
    dec_obj: float | None
    obs_mode: str
    mission: MissionTime | None
    tstart: float | None
    """[s]"""
    tstop: float | None
    """[s]"""
    ontime: float | None
    livetime: float | None
    deadc: float | None
    n_tels: int | None
    tellist: str
    quality: int | None
    muoneff: float | None
    geolon: float | None
    geolat: float | None
    altitude: float | None
    """[m]"""
    gadf_version: str
    simulated: bool
    remarks: tuple[str, ...]
    """What had to be assumed."""

    @classmethod
    def of(cls, cards: Cards, columns: frozenset[str]) -> ListFacts:
        """The facts of a header.

        Parameters
        ----------
        columns
            Names of the columns of the list, in upper case.
        """
        mission, remark = MissionTime.of(cards)
        by, assumed = time_factor("", cards)
        frame, _ = CelestialFrame.of(cards)
        ra_pnt, dec_pnt = _direction(cards, "PNT", frame)
        ra_obj, dec_obj = _direction(cards, "OBJ", frame)
        return cls(
            obs_label=cards.text("OBS_ID"),
            event_type=cards.said("EVENT_TYPE", "EVT_TYPE", "EVTYPE"),
            object=cards.said("OBJECT"),
            telescope=cards.said("TELESCOP"),
            instrument=cards.said("INSTRUME"),
            ra_pnt=ra_pnt,
            dec_pnt=dec_pnt,
            alt_pnt=cards.angle("ALT_PNT"),
            az_pnt=cards.angle("AZ_PNT"),
            ra_obj=ra_obj,
            dec_obj=dec_obj,
            obs_mode=cards.said("OBS_MODE"),
            mission=mission,
            tstart=_scaled(cards.number("TSTART"), by),
            tstop=_scaled(cards.number("TSTOP"), by),
            ontime=_positive(cards.number("ONTIME")),
            livetime=_positive(cards.number("LIVETIME")),
            deadc=_positive(cards.number("DEADC")),
            n_tels=_int32(cards.integer("N_TELS")),
            tellist=cards.said("TELLIST"),
            quality=_int32(cards.integer("QUALITY")),
            muoneff=cards.number("MUONEFF"),
            geolon=cards.angle("GEOLON"),
            geolat=cards.angle("GEOLAT"),
            altitude=_altitude(cards),
            gadf_version=cards.said("HDUVERS") if _is_gadf(cards) else "",
            simulated=_is_simulated(cards, columns),
            remarks=tuple(sentence for sentence in (remark, assumed) if sentence),
        )


@dataclass(frozen=True, slots=True)
class ResponseFacts:
    """An instrument response by its header."""

    pointlike: int | None
    """1 for point-like, 0 for full-enclosure (HDUCLAS3)."""
    lo_thres: float | None
    """[TeV]"""
    hi_thres: float | None
    """[TeV]"""
    rad_max: float | None
    """[deg]"""

    @classmethod
    def of(cls, cards: Cards) -> ResponseFacts:
        """The facts of a header."""
        kind = cards.text("HDUCLAS3").upper().replace("_", "-").replace(" ", "-")
        return cls(
            pointlike={"POINT-LIKE": 1, "FULL-ENCLOSURE": 0}.get(kind),
            lo_thres=_positive(quantity(cards, "LO_THRES", "TeV")) or None,
            hi_thres=_positive(quantity(cards, "HI_THRES", "TeV")) or None,
            rad_max=_positive(quantity(cards, "RAD_MAX", "deg")) or None,
        )


def quantity(cards: Cards, key: str, unit: str) -> float | None:
    """The number of a keyword in a unit; its comment may say another, such as ``[km]``."""
    value = cards.number(key)
    if value is None:
        return None
    match = _UNIT_IN_COMMENT.search(cards.comment(key))
    if match is None:
        return value
    try:
        return value * factor(match.group(1), unit)
    except UnknownUnit:
        return value


def _altitude(cards: Cards) -> float | None:
    key = "ALTITUDE" if "ALTITUDE" in cards else "GEOALT"
    return quantity(cards, key, "m")


def _direction(cards: Cards, suffix: str, frame: CelestialFrame) -> tuple[float | None, float | None]:
    """The pointing or the object, ICRS [deg]."""
    ra, dec = cards.angle(f"RA_{suffix}"), cards.angle(f"DEC_{suffix}")
    return to_icrs(ra, dec, frame)


def to_icrs(ra: float | None, dec: float | None, frame: CelestialFrame) -> tuple[float | None, float | None]:
    """One direction in ICRS [deg]; None in both where there is none."""
    if ra is None or dec is None:
        return None, None
    lon, lat = frame.to_icrs(np.array([ra]), np.array([dec]))
    return (float(lon[0]), float(lat[0])) if np.isfinite(lon[0]) else (None, None)


def _is_gadf(cards: Cards) -> bool:
    """HDUVERS is of GADF where HDUCLASS says so; else it is the version of some other convention."""
    return (
        "GADF" in cards.text("HDUCLASS").upper() or "gamma-astro-data-formats" in cards.text("HDUDOC").lower()
    )


def _is_simulated(cards: Cards, columns: frozenset[str]) -> bool:
    if columns & _SIMULATED_COLUMNS or any(cards.is_true(key) for key in _SIMULATED_KEYS):
        return True
    return cards.mentions(_SIMULATED)


def _scaled(value: float | None, by: float) -> float | None:
    return None if value is None else value * by


def _positive(value: float | None) -> float | None:
    return value if value is not None and value >= 0 else None


def _int32(value: int | None) -> int | None:
    return value if value is not None and abs(value) < 2**31 else None
