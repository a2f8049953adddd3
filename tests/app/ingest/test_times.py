"""Mission times, in UTC as astropy has them and as the releases' own dates say."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time, TimeDelta

from app.cards import Cards
from app.ingest.times import MissionTime, time_factor, to_iso
from app.ingest.units import UnknownUnit

SECOND = 1 / 86400


def cards(**header: object) -> Cards:
    made = fits.Header()
    for key, value in header.items():
        made[key.replace("_", "-") if key in ("DATE_OBS",) else key] = value
    return Cards(made.tostring(padding=False).encode())


def astropy_mjd(mission: MissionTime, seconds: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # years to come, whose leap seconds nobody knows, are "dubious"
        reference = Time(mission.day, mission.fraction, format="mjd", scale=mission.scale)
        return (reference + TimeDelta(seconds, format="sec")).utc.mjd


REFERENCES = {
    "hess": MissionTime(51910, 0.00074287037037, "tt", "TT"),
    "magic": MissionTime(52706, 0.0, "utc", "UTC"),
    "veritas": MissionTime(53402, 0.0, "utc", "UTC"),
    "cta": MissionTime(51544, 0.5, "tt", "TT"),
    "hawc": MissionTime(44244, 0.0, "tai", "TAI"),
    "barycentric": MissionTime(51910, 0.0, "tdb", "TDB"),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_utc_is_that_of_astropy_over_all_leap_seconds(name: str) -> None:
    mission = REFERENCES[name]
    seconds = np.random.default_rng(0).uniform(0, 8e8, 3000)
    # Far within a microsecond; an MJD of today is good to 0.6 of one.
    np.testing.assert_allclose(mission.to_utc(seconds), astropy_mjd(mission, seconds), rtol=0, atol=2e-11)


def test_utc_is_that_of_astropy_within_the_last_days_of_leap_seconds() -> None:
    mission = REFERENCES["hess"]
    start = (Time("2016-12-30") - Time(mission.day, mission.fraction, format="mjd", scale="tt")).sec
    seconds = start + np.linspace(0, 3 * 86400, 5001)
    np.testing.assert_allclose(mission.to_utc(seconds), astropy_mjd(mission, seconds), rtol=0, atol=2e-11)


def test_utc_is_that_of_astropy_before_there_were_leap_seconds() -> None:
    mission = MissionTime(38000, 0.0, "tai", "TAI")
    seconds = np.linspace(0, 3e8, 500)
    np.testing.assert_allclose(mission.to_utc(seconds), astropy_mjd(mission, seconds), rtol=0, atol=2e-11)


@pytest.mark.parametrize(
    ("name", "tstart", "date"),
    [
        # DATE-OBS and TIME-OBS of real event lists, which these missions write in UTC, to the second.
        ("magic", 333778849.435217, "2013-10-04T04:20:46"),
        ("veritas", 189575864.0, "2011-02-04T03:57:42"),
    ],
)
def test_a_utc_mission_counts_leap_seconds(name: str, tstart: float, date: str) -> None:
    mjd = REFERENCES[name].to_utc(np.array([tstart]))[0]
    assert mjd == pytest.approx(Time(date, scale="utc").mjd, abs=1.0 * SECOND)


def test_times_that_are_none_have_no_day() -> None:
    seconds = np.array([np.nan, np.inf, -np.inf, 1e300, -1e15, 1e8])
    assert np.isfinite(REFERENCES["hess"].to_utc(seconds)).tolist() == [False] * 5 + [True]


def test_gps_time_is_19_seconds_behind_tai() -> None:
    mission, _ = MissionTime.of(cards(MJDREFI=44244, MJDREFF=0.0, TIMESYS="GPS"))
    assert mission is not None
    expected = Time(44244, format="mjd", scale="tai") + TimeDelta(1e9 + 19, format="sec")
    assert mission.to_utc(np.array([1e9]))[0] == pytest.approx(expected.utc.mjd, abs=1e-10)


@pytest.mark.parametrize(
    ("header", "mjdref", "scale"),
    [
        ({"MJDREFI": 51910, "MJDREFF": 0.25, "TIMESYS": "TT"}, 51910.25, "tt"),
        ({"MJDREFI": "52706", "TIMESYS": "utc"}, 52706.0, "utc"),
        ({"MJDREF": 53402.5, "TIMESYS": "UTC"}, 53402.5, "utc"),
        ({"MJDREFI": 53402.0, "MJDREFF": "7.5E-1", "TIMESYS": "tai"}, 53402.75, "tai"),
        ({"JDREF": 2451545.0, "TIMESYS": "TT(TAI)"}, 51544.5, "tt"),
    ],
)
def test_references_are_read_in_all_their_writings(
    header: dict[str, object], mjdref: float, scale: str
) -> None:
    mission, remark = MissionTime.of(cards(**header))
    assert mission is not None
    assert (mission.mjdref, mission.scale, remark) == (mjdref, scale, None)


@pytest.mark.parametrize("header", [{}, {"MJDREFI": "soon"}, {"MJDREFI": 1e300}, {"MJDREFF": 0.5}])
def test_without_a_reference_there_is_none(header: dict[str, object]) -> None:
    mission, remark = MissionTime.of(cards(**header))
    assert mission is None
    assert "MJDREFI" in str(remark)


def test_a_missing_or_unknown_scale_is_taken_as_utc_and_told() -> None:
    for scale in ({}, {"TIMESYS": "LOCAL"}):
        mission, remark = MissionTime.of(cards(MJDREFI=55000, **scale))
        assert mission is not None
        assert mission.scale == "utc"
        assert "UTC is assumed" in str(remark)


def test_the_second_header_gives_what_the_first_has_not() -> None:
    mission, _ = MissionTime.of(cards(), cards(MJDREFI=55000, TIMESYS="TT"))
    assert mission is not None
    assert mission.day == 55000


def test_units_of_time_become_seconds() -> None:
    assert time_factor("d", cards())[0] == 86400
    assert time_factor("", cards(TIMEUNIT="min"))[0] == 60
    assert time_factor("", cards()) == (1.0, None)
    assert "seconds are assumed" in str(time_factor("", cards(TIMEUNIT="parsec"))[1])
    with pytest.raises(UnknownUnit):
        time_factor("m", cards())


def test_dates_are_iso_with_milliseconds() -> None:
    texts = to_iso(np.array([56569.0, np.nan, 56569.5 + 1.5 * SECOND]))
    assert texts == ["2013-10-04T00:00:00.000", None, "2013-10-04T12:00:01.500"]
