"""Units as FITS files write them."""

from __future__ import annotations

from functools import cache

import astropy.units as u

from app.ingest.quiet import quiet

_SPELLINGS = {
    "degree": "deg",
    "degrees": "deg",
    "degs": "deg",
    "radian": "rad",
    "radians": "rad",
    "sec": "s",
    "secs": "s",
    "second": "s",
    "seconds": "s",
    "day": "d",
    "days": "d",
    "hours": "h",
    "hour": "h",
    "minutes": "min",
    "minute": "min",
    "tev": "TeV",
    "gev": "GeV",
    "mev": "MeV",
    "kev": "keV",
    "ev": "eV",
    "erg": "erg",
    "ergs": "erg",
    "joule": "J",
    "metres": "m",
    "meters": "m",
    "meter": "m",
    "metre": "m",
    "none": "",
    "dimensionless": "",
    "unitless": "",
    "1": "",
    "-": "",
    "a.u.": "",
    "arb. units": "",
}
"""Spellings, in lower case, that no standard has but that files have."""

_FORMATS = ("fits", "ogip", "vounit", "cds", "generic")


class UnknownUnit(ValueError):
    """A text that is no unit."""


@cache
def to_unit(text: str) -> u.UnitBase:
    """The unit that a TUNITn or the like writes; dimensionless for none.

    FITS 4.0 section 4.3 comes first, then the manners of OGIP, VOUnits and CDS, then common slips.

    Raises
    ------
    UnknownUnit
        Raised if it is no unit in any of them.
    """
    stripped = text.strip().strip("[]").strip()
    for spelling in dict.fromkeys((stripped, _SPELLINGS.get(stripped.lower(), stripped))):
        if not spelling:
            return u.dimensionless_unscaled
        for name in _FORMATS:
            try:
                with quiet():
                    return u.Unit(spelling, format=name, parse_strict="raise")
            except (ValueError, TypeError, AttributeError, KeyError):
                continue
    raise UnknownUnit(f'"{text}" is not a unit')


@cache
def factor(text: str, target: str) -> float:
    """What turns values in the unit of a text into the target unit.

    Raises
    ------
    UnknownUnit
        Raised if it is no unit, or none of that dimension.
    """
    unit = to_unit(text)
    try:
        return float(unit.to(u.Unit(target)))
    except u.UnitConversionError as error:
        raise UnknownUnit(f'"{text}" cannot be turned into {target}') from error


@cache
def vounit(text: str) -> str | None:
    """A unit in the words of VOUnits 1.1; None if there is none or it cannot be said so.

    Raises
    ------
    UnknownUnit
        Raised if it is no unit.
    """
    unit = to_unit(text)
    if unit == u.dimensionless_unscaled:
        return None
    try:
        with quiet():
            written = str(unit.to_string("vounit"))
            u.Unit(written, format="vounit", parse_strict="raise")
    except (ValueError, TypeError):
        return None
    return written or None
