"""Mission time: seconds since a reference day, in a time scale."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
from astropy.time import Time, TimeDelta
from numpy.typing import NDArray

from app.cards import Cards
from app.ingest.quiet import quiet
from app.ingest.units import UnknownUnit, factor

Reals = NDArray[np.float64]

DAY = 86400.0
_FIRST, _LAST = -678_941.0, 2_973_483.0
"""MJD of the years 0 and 9999: outside, neither a calendar nor a time scale makes sense."""
_MJD_0 = date(1858, 11, 17).toordinal()
_YEARS = range(1972, 2101)
"""Years in which UTC differs from TAI by whole seconds, as far as anybody will ask."""
_PLAIN = ("tt", "tai", "utc")
"""Scales that run at the pace of UTC between leap seconds."""

_SCALES = {
    "TT": "tt",
    "TDT": "tt",
    "ET": "tt",
    "TAI": "tai",
    "IAT": "tai",
    "UTC": "utc",
    "GMT": "utc",
    "UT": "utc",
    "UT1": "utc",
    "TDB": "tdb",
    "TCB": "tcb",
    "TCG": "tcg",
    "GPS": "tai",
}
"""FITS 4.0 table 30. UT1 is within 0.9 s of UTC."""

_BEHIND_TAI = {"GPS": 19.0}
"""Seconds by which a scale is behind the one that stands for it."""


@dataclass(frozen=True, slots=True)
class MissionTime:
    """The zero of a release's times and their scale (GADF, Time).

    Notes
    -----
    A mission time is a number of seconds of the SI that have passed since the reference, in every scale, as
    astropy adds them: ``Time(mjdref, format="mjd", scale=timesys) + TimeDelta(t, format="sec")``. Where the
    scale is UTC this counts the leap seconds since the reference, and the other reading (days of 86400
    seconds) would not. DATE-OBS and TIME-OBS of the releases decide: MAGIC's run 5029747 (TSTART
    333778849.435 since 52706, three leap seconds) says 2013-10-04 04:20:46, which the first reading gives and
    the second misses by 3 s; VERITAS' 54809 (189575864 since 53402, two) says 2011-02-04 03:57:42, missed by
    2 s; FACT's 20131103103 (66103155 since 55835, one) says 2013-11-04 01:59:14, missed by 1 s. H.E.S.S.
    counts in TT and writes TT in DATE-OBS too (2004-04-17 01:00:37.184 is TSTART 103856373 in TT, 64.184 s
    ahead of UTC), so dates of headers are never copied.
    """

    day: float
    """MJDREFI: whole days of the reference, MJD."""
    fraction: float
    """MJDREFF: the rest [d]."""
    scale: str
    """As astropy names it: ``tt``, ``tai``, ``utc``, ``tdb``, ``tcb``, ``tcg``."""
    name: str
    """TIMESYS, in upper case."""
    place: str = ""
    """TIMEREF as the file writes it."""

    @property
    def mjdref(self) -> float:
        """The reference, MJD in the scale."""
        return self.day + self.fraction

    @classmethod
    def of(cls, *headers: Cards) -> tuple[MissionTime | None, str | None]:
        """The reference that the first header which has one declares, and what had to be assumed.

        GADF, Time: "No defaults exist for MJDREFI, MJDREFF and TIMESYS". Without a reference there is None,
        and times stay numbers; a missing scale is UTC (FITS 4.0 section 9.2.1).
        """
        for cards in headers:
            reference = _reference(cards)
            if reference is not None:
                name = cards.said("TIMESYS").upper().partition("(")[0].strip()
                scale, remark = _scale(name)
                return cls(*reference, scale, name or "UTC", cards.said("TIMEREF")), remark
        return None, "There is no reference of its times (MJDREFI and MJDREFF); they have no MJD"

    def to_utc(self, seconds: Reals) -> Reals:
        """MJD in UTC; NaN where a time is not finite or not within the years 0 to 9999.

        Parameters
        ----------
        seconds
            Mission times [s].
        """
        result = np.full(seconds.shape, np.nan)
        good = np.abs(seconds / DAY + self.mjdref - 1_147_271.0) < (_LAST - _FIRST) / 2
        if not good.any():
            return result
        inside = seconds[good]
        result[good] = self._by_seasons(inside) if self.scale in _PLAIN else self._astropy(inside)
        return result

    def _by_seasons(self, seconds: Reals) -> Reals:
        """As astropy does, but by a table: between two seasons of leap seconds UTC runs evenly."""
        table = _seasons(self)
        season = np.searchsorted(table.begins, seconds, side="right") - 1
        even = (season >= 0) & (season < table.begins.size - 1)
        known = np.where(even, season, 0)
        even &= seconds < table.even_until[known]
        days: Reals = table.days[known] + (seconds - table.begins[known]) / DAY
        if not even.all():
            days[~even] = self._astropy(seconds[~even])
        return days

    def _astropy(self, seconds: Reals) -> Reals:
        with quiet():
            utc = (self._reference() + TimeDelta(seconds, format="sec")).utc
        return np.asarray(utc.mjd, dtype=np.float64)

    def _reference(self) -> Time:
        fraction = self.fraction + _BEHIND_TAI.get(self.name, 0.0) / DAY
        return Time(self.day, fraction, format="mjd", scale=self.scale)


@dataclass(frozen=True, slots=True, eq=False)
class _Seasons:
    """The half years, at whose ends leap seconds come, in one mission's time."""

    days: Reals
    """Their first days, MJD in UTC."""
    begins: Reals
    """Mission times of these [s]."""
    even_until: Reals
    """Mission time [s] until which each day of the half year has 86400 seconds."""


@lru_cache(maxsize=1024)
def _seasons(mission: MissionTime) -> _Seasons:
    days = np.array(
        [date(year, month, 1).toordinal() - _MJD_0 for year in _YEARS for month in (1, 7)], dtype=float
    )
    with quiet():
        starts = Time(days, format="mjd", scale="utc")
        begins = np.asarray(
            (getattr(starts, mission.scale) - mission._reference()).to_value("sec"), dtype=np.float64
        )
    longer = np.diff(begins) - np.diff(days) * DAY > 0.5
    ends = np.append(begins[1:] - np.where(longer, DAY + 1.0, 0.0), math.inf)
    return _Seasons(days, begins, ends)


def time_factor(unit: str, cards: Cards) -> tuple[float, str | None]:
    """What turns times into seconds, and what had to be assumed.

    Parameters
    ----------
    unit
        Unit of the column; empty for none or for a keyword, so that TIMEUNIT counts, and seconds without it.

    Raises
    ------
    UnknownUnit
        Raised if it is no unit of time.
    """
    if unit:
        return factor(unit, "s"), None
    written = cards.said("TIMEUNIT")
    if not written:
        return 1.0, None
    try:
        return factor(written, "s"), None
    except UnknownUnit:
        return 1.0, f'TIMEUNIT "{written}" is not a unit of time; seconds are assumed'


def to_iso(mjd: Reals) -> list[str | None]:
    """ISO 8601 with milliseconds; None where there is no time.

    Parameters
    ----------
    mjd
        MJD in UTC.
    """
    known = np.isfinite(mjd)
    texts: list[str | None] = [None] * mjd.size
    if known.any():
        with quiet():
            written = Time(mjd[known], format="mjd", scale="utc", precision=3).isot
        for place, text in zip(np.flatnonzero(known), written, strict=True):
            texts[int(place)] = str(text)
    return texts


def _reference(cards: Cards) -> tuple[float, float] | None:
    whole, rest = cards.number("MJDREFI"), cards.number("MJDREFF")
    single, julian = cards.number("MJDREF"), cards.number("JDREF")
    if whole is not None:
        day, fraction = whole, rest or 0.0
    elif single is not None:
        day, fraction = single, 0.0
    elif julian is not None:
        day, fraction = julian - 2_400_000.5, 0.0
    else:
        return None
    if not _FIRST < day + fraction < _LAST:
        return None
    return math.floor(day), (day - math.floor(day)) + fraction


def _scale(written: str) -> tuple[str, str | None]:
    if not written:
        return "utc", "There is no time scale (TIMESYS); UTC is assumed"
    scale = _SCALES.get(written)
    if scale is None:
        return "utc", f'The time scale "{written}" (TIMESYS) is not known; UTC is assumed'
    return scale, None
