"""Time scales: TAI - UTC since 1972, and MJD in UTC of a count of seconds in another scale.

The table is that of the IERS (https://hpiers.obspm.fr/iers/bul/bulc/Leap_Second.dat, Bulletin C 70), up to
the last leap second so far, that of the end of 2016. MJD in UTC is the quasi-MJD of SOFA and astropy: on a
day that ends with a leap second, the 86401 seconds are spread over one unit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

LEAP_SECONDS: tuple[tuple[int, int], ...] = (
    (41317, 10),
    (41499, 11),
    (41683, 12),
    (42048, 13),
    (42413, 14),
    (42778, 15),
    (43144, 16),
    (43509, 17),
    (43874, 18),
    (44239, 19),
    (44786, 20),
    (45151, 21),
    (45516, 22),
    (46247, 23),
    (47161, 24),
    (47892, 25),
    (48257, 26),
    (48804, 27),
    (49169, 28),
    (49534, 29),
    (50083, 30),
    (50630, 31),
    (51179, 32),
    (53736, 33),
    (54832, 34),
    (56109, 35),
    (57204, 36),
    (57754, 37),
)
"""MJD in UTC from which on TAI - UTC [s] is that many seconds; before 1972 UTC ran at another rate."""

SCALES = {"TAI": 0.0, "TT": 32.184}
"""Scale - TAI [s] of the scales that run evenly."""

DAY = 86400


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which MJD in UTC grows evenly with TAI."""

    tai: float
    """Where it begins, as days of TAI that count from MJD 0 [d]."""
    utc: int
    """Where it begins, MJD in UTC."""
    offset: int
    """TAI - UTC [s] at the beginning."""
    length: int
    """Seconds of a day in it, 86400, or 86401 before a leap second."""


def stretches() -> Iterator[Stretch]:
    """From the present back to 1972: the time after each leap second, and the day before it."""
    for index in range(len(LEAP_SECONDS) - 1, -1, -1):
        mjd, offset = LEAP_SECONDS[index]
        yield Stretch(mjd + offset / DAY, mjd, offset, DAY)
        if index:
            before = LEAP_SECONDS[index - 1][1]
            yield Stretch(mjd - 1 + before / DAY, mjd - 1, before, DAY + 1)


def tai_minus_utc(mjd: float) -> float | None:
    """TAI - UTC [s] at an MJD in UTC as far as naive seconds go: 86400 to each day; None before 1972."""
    for day, offset in reversed(LEAP_SECONDS):
        if mjd >= day:
            return float(offset)
        # On the day before, 86401 seconds are spread over one unit.
        if mjd >= day - 1:
            return offset - 1 + (mjd - (day - 1))
    return None


def utc_mjd(seconds: float, mjdref: float, scale: str) -> float | None:
    """MJD in UTC of a time that is so many seconds after ``mjdref`` in TT, TAI or UTC; None before 1972."""
    ahead = tai_minus_utc(mjdref) if scale == "UTC" else -SCALES[scale]
    if ahead is None:
        return None
    for stretch in stretches():
        since = (mjdref - stretch.utc) * DAY + seconds + ahead - stretch.offset
        if since >= 0:
            return (
                mjdref + (seconds + ahead - stretch.offset) / DAY
                if stretch.length == DAY
                else (stretch.utc + since / stretch.length)
            )
    return None
