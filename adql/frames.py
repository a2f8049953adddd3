"""Frames of reference on the sky and the rotations between them.

Every frame stands on ICRS by one orthogonal matrix, so that going there and back changes nothing. As the
Catalogue of ADQL User Defined Functions (EN 1.2, ivo_geom_transform) wants it, these are plain rotations:
no proper motion, no parallax, no elliptic aberration. They are what astropy 8 computes, to 1e-9 arcsec and
for ECLIPTIC to 1e-6 arcsec; FK4 is FK4NoETerms there: the E-terms of aberration, up to 0.34 arcsec, are no
rotation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

Matrix = tuple[tuple[float, float, float], ...]

_MAS = math.radians(1 / 3_600_000)


def _turn(axis: int, angle: float) -> Matrix:
    """Turns the axes about one of them (0, 1, 2) by an angle [rad]."""
    c, s = math.cos(angle), math.sin(angle)
    if axis == 0:
        return (1.0, 0.0, 0.0), (0.0, c, s), (0.0, -s, c)
    if axis == 1:
        return (c, 0.0, -s), (0.0, 1.0, 0.0), (s, 0.0, c)
    return (c, s, 0.0), (-s, c, 0.0), (0.0, 0.0, 1.0)


def _product(*matrices: Matrix) -> Matrix:
    result = matrices[0]
    for matrix in matrices[1:]:
        columns = tuple(zip(*matrix, strict=True))
        result = tuple(
            (_dot(row, columns[0]), _dot(row, columns[1]), _dot(row, columns[2])) for row in result
        )
    return result


def _dot(row: tuple[float, ...], column: tuple[float, ...]) -> float:
    return math.fsum(a * b for a, b in zip(row, column, strict=True))


def _transposed(matrix: Matrix) -> Matrix:
    a, b, c = zip(*matrix, strict=True)
    return (a[0], a[1], a[2]), (b[0], b[1], b[2]), (c[0], c[1], c[2])


def _by_pole(lon: float, lat: float, origin: float) -> Matrix:
    """To the frame with its pole at (lon, lat) [deg], where the old pole has the longitude ``origin``."""
    return _product(
        _turn(2, math.radians(180 - origin)), _turn(1, math.radians(90 - lat)), _turn(2, math.radians(lon))
    )


# Mignard and Froeschle 2000, A&A 354, 732, table 1.
_FK5 = _product(_turn(0, 19.9 * _MAS), _turn(1, 9.1 * _MAS), _turn(2, -22.9 * _MAS))

# Blaauw et al. 1960 in FK4 (B1950); brought to FK5 (J2000) in Reid and Brunthaler 2004, ApJ 616, 872.
_GALACTIC_OF_FK4 = _by_pole(192.25, 27.4, 123.0)
_GALACTIC_OF_FK5 = _by_pole(192.8594812065348, 27.12825118085622, 122.9319185680026)
_GALACTIC = _product(_GALACTIC_OF_FK5, _FK5)

# de Vaucouleurs et al. 1976 (RC2): pole at galactic (47.37, 6.32), origin on the galactic plane.
_SUPER_GALACTIC = _product(_by_pole(47.37, 6.32, 90.0), _GALACTIC)

# Mean obliquity of J2000 84381.406 arcsec and frame bias of IAU 2006 (Capitaine et al. 2003, A&A 412, 567).
_OBLIQUITY = math.radians(84381.406 / 3600)
_BIAS = _product(
    _turn(0, 6.8192 * _MAS),
    _turn(1, -41.775 * math.sin(math.radians(84381.448 / 3600)) * _MAS),
    _turn(2, -14.6 * _MAS),
)

FRAMES: Mapping[str, Matrix] = {
    "ICRS": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "FK5": _FK5,
    "FK4": _product(_transposed(_GALACTIC_OF_FK4), _GALACTIC),
    "GALACTIC": _GALACTIC,
    "SUPER_GALACTIC": _SUPER_GALACTIC,
    "ECLIPTIC": _product(_turn(0, _OBLIQUITY), _BIAS),
}
"""Name in the IVOA vocabulary refframe (case counts) -> rotation from ICRS. Equinox J2000, of FK4 B1950."""


def rotation(source: str, target: str) -> Matrix:
    """The matrix that takes a vector from one frame to another.

    Raises
    ------
    KeyError
        Raised for a frame that is not in :data:`FRAMES`.
    """
    return _product(FRAMES[target], _transposed(FRAMES[source]))


UCDS: Mapping[str, str] = {
    "ICRS": "pos.eq",
    "FK5": "pos.eq",
    "FK4": "pos.eq",
    "GALACTIC": "pos.galactic",
    "SUPER_GALACTIC": "pos.supergalactic",
    "ECLIPTIC": "pos.ecliptic",
}
"""Frame -> UCD of a position in it (UCD1+ controlled vocabulary 1.6)."""
