"""Directions in any frame, in ICRS as astropy has them."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import FK4, FK5, SkyCoord
from astropy.io import fits

from app.cards import Cards
from app.ingest.frames import GALACTIC, CelestialFrame, normalised, separation

RANDOM = np.random.default_rng(3)
LON = RANDOM.uniform(0, 360, 500)
LAT = np.degrees(np.arcsin(RANDOM.uniform(-1, 1, 500)))


def frame_of(**header: object) -> tuple[CelestialFrame, str | None]:
    made = fits.Header()
    for key, value in header.items():
        made[key] = value
    return CelestialFrame.of(Cards(made.tostring(padding=False).encode()))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"RADECSYS": "FK4", "EQUINOX": 1950.0}, SkyCoord(LON, LAT, unit="deg", frame=FK4())),
        ({"EQUINOX": 1950.0}, SkyCoord(LON, LAT, unit="deg", frame=FK4())),
        ({"RADESYS": "FK5", "EQUINOX": 1975.0}, SkyCoord(LON, LAT, unit="deg", frame=FK5(equinox="J1975"))),
        (
            {"RADESYS": "FK5", "EQUINOX": "J2010.0"},
            SkyCoord(LON, LAT, unit="deg", frame=FK5(equinox="J2010")),
        ),
    ],
)
def test_old_frames_and_equinoxes_become_icrs(header: dict[str, object], expected: SkyCoord) -> None:
    frame, remark = frame_of(**header)
    ra, dec = frame.to_icrs(LON, LAT)
    assert remark is None
    assert expected.icrs.separation(SkyCoord(ra, dec, unit="deg")).arcsec.max() < 1e-3


def test_galactic_coordinates_become_icrs() -> None:
    ra, dec = GALACTIC.to_icrs(LON, LAT)
    expected = SkyCoord(LON, LAT, unit="deg", frame="galactic").icrs
    assert expected.separation(SkyCoord(ra, dec, unit="deg")).arcsec.max() < 1e-3


@pytest.mark.parametrize(
    "header",
    [
        {"RADECSYS": "FK5", "EQUINOX": 2000.0},
        {"RADECSYS": "FK5", "EQUINOX": ""},
        {"RADESYS": "ICRS"},
        {"EQUINOX": "2000.0", "RADECSYS": "ICRS"},
        {},
    ],
)
def test_j2000_is_icrs_and_stays_as_it_is_written(header: dict[str, object]) -> None:
    # The two differ by 0.04 arcsec at most; 32 bits hold a right ascension of 200 deg to 0.05.
    frame, remark = frame_of(**header)
    ra, dec = frame.to_icrs(LON, LAT)
    assert remark is None
    assert (ra == LON).all()
    assert (dec == LAT).all()
    fk5 = SkyCoord(LON, LAT, unit="deg", frame="fk5").icrs
    assert fk5.separation(SkyCoord(ra, dec, unit="deg")).arcsec.max() < 0.04


def test_an_unknown_frame_is_told() -> None:
    frame, remark = frame_of(RADESYS="ELSEWHERE")
    assert frame.name == "icrs"
    assert "ELSEWHERE" in str(remark)


def test_right_ascensions_come_to_one_turn() -> None:
    written = np.array([-0.25, 360.0, 441.5, -1e-20, 0.0, 719.75, -720.0])
    assert normalised(written).tolist() == [359.75, 0.0, 81.5, 0.0, 0.0, 359.75, 0.0]


def test_what_is_no_direction_is_none() -> None:
    lon = np.array([np.nan, 10.0, np.inf, 10.0, 1e30, 10.0])
    lat = np.array([10.0, np.nan, 10.0, 90.5, 10.0, -90.0])
    for frame in (CelestialFrame(), GALACTIC):
        ra, dec = frame.to_icrs(lon, lat)
        assert np.isfinite(ra).tolist() == [False] * 5 + [True]
        assert np.isfinite(dec).tolist() == [False] * 5 + [True]


def test_separations_are_those_of_astropy() -> None:
    for ra0, dec0 in ((83.63, 22.01), (0.0, 90.0), (359.99, -89.9), (180.0, 0.0)):
        expected = SkyCoord(LON, LAT, unit="deg").separation(SkyCoord(ra0, dec0, unit="deg")).deg
        np.testing.assert_allclose(separation(LON, LAT, ra0, dec0), expected, rtol=0, atol=1e-11)
