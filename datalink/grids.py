"""The pixels of an image of a field: where they are, and counts in them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

Reals = NDArray[np.float64]

_SMALL, _MOST = 0.02, 500
"""Least size of a pixel [deg], and most pixels along a side; as the view ivoa.obscore has them."""
_WIDE = 20.0
"""Radius of a field [deg] from which it is drawn by areas: a tangent plane has no place for a hemisphere."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Square pixels around the centre of a field."""

    ra: float
    """Centre, ICRS [deg]."""
    dec: float
    npix: int
    """Pixels along a side."""
    pixel: float
    """Size of a pixel [deg]."""
    projection: str
    """``TAN``, or ``ZEA`` of a wide field (FITS WCS paper II)."""

    @classmethod
    def of_field(cls, ra: float, dec: float, radius: float) -> Grid:
        """The grid that covers a field.

        Parameters
        ----------
        radius
            [deg]
        """
        if radius > _MOST * _SMALL / 2:
            npix, pixel = _MOST, 2 * radius / _MOST
        else:
            npix, pixel = max(math.ceil(100 * radius), 1), _SMALL
        return cls(ra, dec, npix, pixel, "ZEA" if radius > _WIDE else "TAN")

    @property
    def wcs(self) -> Any:
        """The same as astropy has it."""
        wcs = WCS(naxis=2)
        wcs.wcs.crpix = [(self.npix + 1) / 2] * 2
        wcs.wcs.cdelt = [-self.pixel, self.pixel]
        wcs.wcs.crval = [self.ra, self.dec]
        wcs.wcs.ctype = [f"RA---{self.projection}", f"DEC--{self.projection}"]
        wcs.wcs.cunit = ["deg", "deg"]
        wcs.wcs.radesys = "ICRS"
        return wcs

    def empty(self) -> Reals:
        """No counts yet."""
        return np.zeros((self.npix, self.npix))

    def add(self, counts: Reals, ra: Reals, dec: Reals) -> None:
        """Count events in their pixels; those outside are left out.

        Parameters
        ----------
        counts
            Image of :meth:`empty`, which is changed.
        ra, dec
            ICRS [deg].
        """
        x, y = self.wcs.wcs_world2pix(ra, dec, 0)
        good = np.isfinite(x) & np.isfinite(y)
        column, row = np.round(x[good]).astype(np.int64), np.round(y[good]).astype(np.int64)
        inside = (column >= 0) & (column < self.npix) & (row >= 0) & (row < self.npix)
        np.add.at(counts, (row[inside], column[inside]), 1)

    def header(self) -> fits.Header:
        """Keywords of its WCS."""
        header = self.wcs.to_header()
        header["EQUINOX"] = 2000.0
        return header
