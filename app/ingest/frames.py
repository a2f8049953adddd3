"""The celestial frames in which releases write directions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.coordinates import FK4, FK5, FK4NoETerms, Galactic, SkyCoord
from astropy.time import Time
from numpy.typing import NDArray

from app.cards import Cards
from app.ingest.quiet import quiet

Reals = NDArray[np.float64]

TURNS = 1e6
"""Right ascensions and longitudes beyond this [deg] are no directions: their last digits are gone."""


@dataclass(frozen=True, slots=True)
class CelestialFrame:
    """The frame of the directions in an HDU."""

    name: str = "icrs"
    """``icrs``, ``fk5``, ``fk4``, ``fk4noeterms`` or ``galactic``."""
    equinox: float = 2000.0
    """Julian (FK5) or Besselian (FK4) year."""

    @classmethod
    def of(cls, cards: Cards) -> tuple[CelestialFrame, str | None]:
        """The equatorial frame that a header declares, and what had to be assumed.

        RADESYS, RADECSYS in older files, and EQUINOX: FITS 4.0 section 8.3. FK5 of equinox J2000 is taken as
        ICRS, which it equals to 0.04 arcsec: "We recommend you by default assume RA / DEC is in the ICRS
        frame" (GADF 0.2 and 0.3, Coordinates, RA / DEC). Most releases write FK5 and mean it no closer than
        that, in columns of 32 bits that hold a right ascension to 0.1 arcsec; so the numbers of the files
        stay what they are.
        """
        system = cards.said("RADESYS", "RADECSYS", "RADESYSA").upper().replace(" ", "")
        year = _year(cards.text("EQUINOX")) or _year(cards.text("EPOCH"))
        if not system:
            system = "FK4" if year is not None and year < 1984 else "ICRS" if year is None else "FK5"
        if system in ("ICRS", "GCRS", "ICRF"):
            return cls(), None
        if system.startswith("FK5"):
            equinox = year or 2000.0
            return (cls() if abs(equinox - 2000.0) < 1e-3 else cls("fk5", equinox)), None
        if system in ("FK4", "FK4-NO-E"):
            return cls("fk4" if system == "FK4" else "fk4noeterms", year or 1950.0), None
        return cls(), f'The celestial frame "{system}" is not known; ICRS is assumed'

    def to_icrs(self, lon: Reals, lat: Reals) -> tuple[Reals, Reals]:
        """Right ascension in 0 (inside) to 360 (outside) and declination, ICRS [deg].

        Parameters
        ----------
        lon, lat
            In this frame [deg]; any turn of the circle is right for a longitude.

        Returns
        -------
        tuple
            NaN in both where there is no direction: a number is not finite, or a latitude is beyond a pole.
        """
        good = (np.abs(lon) <= TURNS) & (np.abs(lat) <= 90.0)
        if self.name == "icrs":
            ra, dec = np.where(good, lon, np.nan), np.where(good, lat, np.nan)
        else:
            ra, dec = np.full(lon.shape, np.nan), np.full(lon.shape, np.nan)
            if good.any():
                with quiet():
                    sky = SkyCoord(lon[good], lat[good], unit=u.deg, frame=self._astropy()).icrs
                ra[good], dec[good] = sky.ra.deg, sky.dec.deg
        return normalised(ra), dec

    def _astropy(self) -> FK4 | FK5 | FK4NoETerms | Galactic:
        if self.name == "galactic":
            return Galactic()
        if self.name == "fk5":
            return FK5(equinox=Time(self.equinox, format="jyear"))
        kind = FK4 if self.name == "fk4" else FK4NoETerms
        return kind(equinox=Time(self.equinox, format="byear"))


GALACTIC = CelestialFrame("galactic")


def normalised(ra: Reals) -> Reals:
    """Right ascensions in 0 (inside) to 360 (outside) [deg]."""
    turned: Reals = np.mod(ra, 360.0)
    # The remainder of a tiny negative number rounds to 360 itself.
    turned[turned >= 360.0] = 0.0
    return turned


def separation(ra: Reals, dec: Reals, ra0: float, dec0: float) -> Reals:
    """Distance from one direction [deg], by the haversine formula, exact for small angles."""
    lat, lat0 = np.radians(dec), math.radians(dec0)
    across = np.sin((np.radians(ra) - math.radians(ra0)) / 2)
    up = np.sin((lat - lat0) / 2)
    share = up * up + math.cos(lat0) * np.cos(lat) * across * across
    distance: Reals = np.degrees(2 * np.arcsin(np.sqrt(np.clip(share, 0.0, 1.0))))
    return distance


def _year(text: str) -> float | None:
    """An equinox as EQUINOX writes it: 2000.0, J2000, B1950."""
    try:
        year = float(text.strip().upper().lstrip("JB"))
    except ValueError:
        return None
    return year if 1800 <= year <= 2200 else None
