"""What each simulated instrument observed: in wobble mode, in one invented night."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.time import Time, TimeDelta
from gammapy.modeling.models import SkyModel

from datalink.simulation.instruments import MONO, NORTH, SOUTH, Instrument
from datalink.simulation.sky import CRAB_LIKE, EXTENDED

WOBBLE_ANGLES = (0, 180, 90, 270)
BREAK = 120.0
"""Time between two runs, for the telescopes to move [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One observation."""

    instrument: Instrument
    obs_id: int
    target: SkyModel
    pointing: SkyCoord
    start: Time
    """First moment, in the scale of the instrument's clock."""
    good_intervals: np.ndarray
    """Good time intervals [s] after ``start``, shape (n, 2)."""
    efficiency: float
    """Factor on effective area and background rate."""

    @property
    def duration(self) -> float:
        """From first to last moment [s]."""
        return float(self.good_intervals[-1, 1])

    @property
    def ontime(self) -> float:
        """Sum of the good time intervals [s]."""
        return float(np.sum(np.diff(self.good_intervals)))

    @property
    def livetime(self) -> float:
        """On-time corrected for dead time [s]."""
        return self.ontime * self.instrument.deadc

    @property
    def reference(self) -> Time:
        """Zero of the instrument's clock."""
        return Time(*self.instrument.mjdref, format="mjd", scale=self.instrument.time_scale)

    @property
    def tstart(self) -> float:
        """First moment by the instrument's clock [s]."""
        return float((self.start - self.reference).to_value("s"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Runs of one instrument on one target, one after another."""

    instrument: Instrument
    first_obs_id: int
    target: SkyModel
    offset: float
    """Distance of the pointings from the target [deg]."""
    start: str
    """First moment, UTC."""
    duration: float
    """Length of a run [s]."""
    count: int


SCHEDULE = (
    Series(
        instrument=SOUTH, first_obs_id=101, target=EXTENDED, offset=0.7,
        start="2019-11-28T19:00:00", duration=1500, count=3,
    ),
    Series(
        instrument=SOUTH, first_obs_id=111, target=CRAB_LIKE, offset=0.5,
        start="2019-11-28T22:30:00", duration=1500, count=4,
    ),
    Series(
        instrument=NORTH, first_obs_id=5001, target=EXTENDED, offset=0.6,
        start="2019-11-28T20:15:00", duration=1200, count=3,
    ),
    Series(
        instrument=NORTH, first_obs_id=5011, target=CRAB_LIKE, offset=0.4,
        start="2019-11-29T01:00:00", duration=1200, count=4,
    ),
    Series(
        instrument=MONO, first_obs_id=20191128001, target=EXTENDED, offset=0.6,
        start="2019-11-28T18:15:00", duration=1800, count=2,
    ),
    Series(
        instrument=MONO, first_obs_id=20191128011, target=CRAB_LIKE, offset=0.6,
        start="2019-11-28T22:00:00", duration=1800, count=6,
    ),
)  # fmt: skip


def runs_of(instrument: Instrument) -> list[Run]:
    """Every observation of an instrument, in order of time."""
    return [run for series in SCHEDULE if series.instrument is instrument for run in _runs(series)]


def _runs(series: Series) -> Iterator[Run]:
    centre = series.target.spatial_model.position.icrs
    first = getattr(Time(series.start, scale="utc"), series.instrument.time_scale)
    for number in range(series.count):
        angle = WOBBLE_ANGLES[number % len(WOBBLE_ANGLES)] * u.deg
        yield Run(
            instrument=series.instrument,
            obs_id=series.first_obs_id + number,
            target=series.target,
            pointing=SkyCoord(centre.directional_offset_by(angle, series.offset * u.deg).data, frame="icrs"),
            start=first + TimeDelta(number * (series.duration + BREAK), format="sec"),
            good_intervals=_good_intervals(series.duration, interrupted=number == 1),
            # Where each run has responses of its own, they differ.
            efficiency=1.0 if series.instrument.shared_responses else 1.0 - 0.03 * (number % 3),
        )


def _good_intervals(duration: float, *, interrupted: bool) -> np.ndarray:
    """The whole run, or all but a minute and a half in its second half, when a cloud passed."""
    if not interrupted:
        return np.array([[0.0, duration]])
    return np.array([[0.0, 0.6 * duration], [0.6 * duration + 90.0, duration]])
