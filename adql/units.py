"""Units: what a unit string says, what the unit of a product or a power is, how to go from one to another.

The grammar is that of VOUnits 1.1 (section 2 and appendix C.5, normative); the units of columns that were
written in the manner of FITS, CDS or OGIP (``cm-2 s-1``, ``erg/cm2/s``, ``m^2``) are read as well. Symbols
are kept as they are written, so that TeV stays TeV; numbers are exact fractions, and powers of pi are
counted, so that a conversion is off by no more than the rounding of one factor.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from adql.errors import BindError

MAX_LENGTH = 200
"""Characters of a unit string."""
MAX_POWER = 100
"""Greatest power of a symbol."""


@dataclass(frozen=True, slots=True)
class Magnitude:
    """A positive number: a fraction, a power of pi, and a rest that is no fraction (a root)."""

    exact: Fraction = Fraction(1)
    pi: Fraction = Fraction(0)
    rest: float = 1.0

    def __mul__(self, other: Magnitude) -> Magnitude:
        return Magnitude(self.exact * other.exact, self.pi + other.pi, self.rest * other.rest)

    def __pow__(self, power: Fraction) -> Magnitude:
        rest = self.rest ** float(power)
        if power.denominator == 1:
            return Magnitude(self.exact**power.numerator, self.pi * power, rest)
        root = Magnitude(Fraction(1), self.pi * power, rest)
        return root if self.exact == 1 else root * Magnitude(rest=float(self.exact) ** float(power))

    def __float__(self) -> float:
        scale = self.rest * math.pi ** float(self.pi) if self.pi else self.rest
        return float(self.exact) * scale if scale != 1 else float(self.exact)


Powers = dict[str, Fraction]


@dataclass(frozen=True, slots=True)
class Base:
    """A known unit in terms of the base dimensions."""

    size: Magnitude
    dimensions: tuple[tuple[str, int], ...]
    prefixes: str
    """``s`` if it takes SI prefixes, ``sb`` if binary ones too, empty if none (VOUnits 1.1 table 3)."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as it is written: a number, and symbols with their powers."""

    factors: tuple[tuple[str, Fraction], ...] = ()
    """Symbols in the order written; a quoted symbol keeps its quotes."""
    scale: Fraction = Fraction(1)
    function: str = ""
    """log, ln or exp, if the numbers are a function of the quantity in this unit."""

    def __str__(self) -> str:
        number = "" if self.scale == 1 else _number(self.scale)
        body = number + ".".join(_factor(symbol, power) for symbol, power in self.factors)
        return f"{self.function}({body})" if self.function else body

    @property
    def size(self) -> Magnitude:
        """How many of the base unit make one of this.

        Raises
        ------
        BindError
            Raised if a symbol is not known.
        """
        size = Magnitude(self.scale)
        for symbol, power in self.factors:
            prefix, base = known(symbol)
            size = size * (Magnitude(prefix) * base.size) ** power
        return size

    @property
    def dimensions(self) -> Powers:
        """Base dimension -> power.

        Raises
        ------
        BindError
            Raised if a symbol is not known.
        """
        powers: Powers = {}
        for symbol, power in self.factors:
            for name, count in known(symbol)[1].dimensions:
                powers[name] = powers.get(name, Fraction(0)) + power * count
        return {name: power for name, power in powers.items() if power}


# Known units

PLANCK = Fraction("6.62607015e-34")
"""h [J s], exact (SI 2019)."""
LIGHT = Fraction(299792458)
"""c [m/s], exact."""


def _of(size: str | Fraction, dimensions: str = "", prefixes: str = "s", pi: int = 0) -> Base:
    """A unit of that size in base units; ``m2 kg s-2`` names the dimensions."""
    found = re.findall(r"([A-Za-z]+)(-?\d+)?", dimensions)
    return Base(
        Magnitude(Fraction(size), Fraction(pi)),
        tuple((name, int(power or 1)) for name, power in found),
        prefixes,
    )


_ENERGY, _YEAR, _PARSEC = "m2 kg s-2", Fraction("31557600"), 149597870700 * 648000

KNOWN: Mapping[str, Base] = {
    # SI: VOUnits 1.1 table 1 (the gram takes the prefixes)
    "m": _of("1", "m"),
    "s": _of("1", "s"),
    "g": _of("0.001", "kg"),
    "A": _of("1", "A"),
    "K": _of("1", "K"),
    "mol": _of("1", "mol"),
    "cd": _of("1", "cd"),
    "rad": _of("1", "rad"),
    "sr": _of("1", "rad2"),
    "Hz": _of("1", "s-1"),
    "N": _of("1", "m kg s-2"),
    "Pa": _of("1", "m-1 kg s-2"),
    "J": _of("1", _ENERGY),
    "W": _of("1", "m2 kg s-3"),
    "C": _of("1", "s A"),
    "V": _of("1", "m2 kg s-3 A-1"),
    "S": _of("1", "m-2 kg-1 s3 A2"),
    "F": _of("1", "m-2 kg-1 s4 A2"),
    "Wb": _of("1", "m2 kg s-2 A-1"),
    "T": _of("1", "kg s-2 A-1"),
    "H": _of("1", "m2 kg s-2 A-2"),
    "lm": _of("1", "cd rad2"),
    "lx": _of("1", "m-2 cd rad2"),
    "Ohm": _of("1", "m2 kg s-3 A-2"),
    # Time; the year is Julian, the Besselian and the tropical year as in Explanatory Supplement 1992
    "min": _of("60", "s"),
    "h": _of("3600", "s"),
    "d": _of("86400", "s"),
    "a": _of(_YEAR, "s"),
    "yr": _of(_YEAR, "s"),
    "Ba": _of(Fraction("365.242198781") * 86400, "s", ""),
    "ta": _of(Fraction("365.24219") * 86400, "s", ""),
    # Angle
    "deg": _of(Fraction(1, 180), "rad", pi=1),
    "arcmin": _of(Fraction(1, 180 * 60), "rad", pi=1),
    "arcsec": _of(Fraction(1, 180 * 3600), "rad", pi=1),
    "mas": _of(Fraction(1, 180 * 3600 * 1000), "rad", "", pi=1),
    # Length: IAU 2012 B2 (au), IAU 2015 B2 (pc)
    "AU": _of("149597870700", "m", ""),
    "au": _of("149597870700", "m", ""),
    "pc": _of(Fraction(_PARSEC), "m", pi=-1),
    "lyr": _of(299792458 * _YEAR, "m"),
    "Angstrom": _of("1e-10", "m", ""),
    "angstrom": _of("1e-10", "m", ""),
    "solRad": _of("695700000", "m"),
    # Energy, mass, flux: SI 2019 (eV), CODATA 2022 (u, R of Ry, G of solMass), IAU 2015 B3
    "eV": _of("1.602176634e-19", _ENERGY),
    "erg": _of("1e-7", _ENERGY),
    "Ry": _of(Fraction("10973731.568157") * PLANCK * LIGHT, _ENERGY),
    "u": _of("1.66053906892e-27", "kg"),
    "solMass": _of(Fraction("1.3271244e20") / Fraction("6.67430e-11"), "kg"),
    "solLum": _of("3.828e26", "m2 kg s-3"),
    "Jy": _of("1e-26", "kg s-2"),
    "barn": _of("1e-28", "m2"),
    "G": _of("1e-4", "kg s-2 A-1"),
    "D": _of(Fraction("1e-21") / 299792458, "m s A"),
    "R": _of("2.5e9", "photon m-2 s-1 rad-2", pi=-1),
    # Counted things, each its own dimension, and ratios
    "ct": _of("1", "count"),
    "count": _of("1", "count"),
    "ph": _of("1", "photon"),
    "photon": _of("1", "photon"),
    "pix": _of("1", "pixel"),
    "pixel": _of("1", "pixel"),
    "voxel": _of("1", "voxel"),
    "adu": _of("1", "adu"),
    "beam": _of("1", "beam"),
    "bin": _of("1", "bin"),
    "chan": _of("1", "chan"),
    "bit": _of("1", "bit", "sb"),
    "byte": _of("8", "bit", "sb"),
    "B": _of("8", "bit", "sb"),
    "Sun": _of("1", "Sun", ""),
    "mag": _of("1", "mag"),
    "dB": _of("1", "dB", ""),
    "%": _of("0.01", "", ""),
}
"""VOUnits 1.1 table 3: every known symbol in terms of m, kg, s, A, K, mol, cd, rad and counted things."""

_SI = {
    **{"Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1},
    **{"d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24},
}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60, "Zi": 70, "Yi": 80}

_PREFIXES: dict[str, Fraction] = {
    **{symbol: Fraction(10) ** power for symbol, power in _SI.items()},
    **{symbol: Fraction(2) ** power for symbol, power in _BINARY.items()},
}

_WORDS = {
    **{
        "sec": "s",
        "second": "s",
        "seconds": "s",
        "minute": "min",
        "minutes": "min",
        "hour": "h",
        "hours": "h",
    },
    **{"hr": "h", "day": "d", "days": "d", "year": "yr", "years": "yr", "meter": "m", "metre": "m"},
    **{"meters": "m", "metres": "m", "micron": "um", "microns": "um", "degree": "deg", "degrees": "deg"},
    **{"radian": "rad", "radians": "rad", "ergs": "erg", "joule": "J", "hertz": "Hz", "counts": "count"},
    **{"photons": "photon", "gram": "g", "kelvin": "K", "gauss": "G", "jansky": "Jy", "parsec": "pc"},
    **{"arcseconds": "arcsec", "arcminutes": "arcmin", "electronvolt": "eV", "percent": "%"},
}
"""Words that people write -> the symbol that VOUnits has for them."""

_CELSIUS = frozenset({"degc", "celsius", "centigrade", "degf", "fahrenheit", "oc"})


def known(symbol: str) -> tuple[Fraction, Base]:
    """The prefix and the unit of a symbol; a known unit comes before a prefix (VOUnits 1.1 section 2.2)."""
    base = KNOWN.get(symbol)
    if base is not None:
        return Fraction(1), base
    for size in (1, 2):
        prefix, rest = symbol[:size], symbol[size:]
        base = KNOWN.get(rest)
        if base is not None and prefix in _PREFIXES and _kind(prefix) in base.prefixes:
            return _PREFIXES[prefix], base
    raise BindError(_unknown(symbol))


def _kind(prefix: str) -> str:
    return "s" if prefix in _SI else "b"


def _unknown(symbol: str) -> str:
    if symbol.lower() in _CELSIUS:
        return f'Unit "{symbol}" is not offered: temperatures are in K, scales with an offset are not known.'
    names = [*KNOWN, *(f"{p}{b}" for p in ("T", "G", "M", "k", "m", "u", "n", "c") for b in _COMMON)]
    likely = _WORDS.get(symbol.lower()) or next(
        (name for name in names if name.lower() == symbol.lower()), None
    )
    if likely is None:
        close = difflib.get_close_matches(symbol[:40], names, n=1, cutoff=0.6)
        likely = close[0] if close else None
    hint = f' Did you mean "{likely}"?' if likely else " See VOUnits 1.1 table 3 for those that are."
    return f'Unit "{symbol}" is not known.{hint}'


_COMMON = ("eV", "m", "s", "g", "Hz", "J", "W", "Jy", "pc", "arcsec", "yr", "G", "T", "V", "A", "K")


# Reading

_LEXEME = re.compile(
    r"""
    (?P<float>[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+)
  | (?P<integer>[+-]?[0-9]+)
  | (?P<symbol>[A-Za-z]*'[A-Za-z]+'|[A-Za-z]+|%)
  | (?P<power>\*\*|\^)
  | (?P<mark>[()./*\ ])
    """,
    re.VERBOSE,
)

_BLANKS = re.compile(r" *([./*() ]) *")

_FUNCTIONS = ("log", "ln", "exp", "sqrt")


def parse(text: str, *, strict: bool = False) -> Unit:
    """What a unit string says.

    Parameters
    ----------
    text
        The unit.
    strict
        Take VOUnits only. Else ``cm-2``, ``m^2``, ``m2``, a blank or ``*`` for a product and several
        divisions are read too, as FITS, OGIP and CDS write them.

    Raises
    ------
    BindError
        Raised if it is not a unit. Unknown symbols are: only their size cannot be told.
    """
    if len(text) > MAX_LENGTH:
        raise BindError(f"A unit has {MAX_LENGTH} characters at most; this one has {len(text)}.")
    return _Reader(text, strict=strict).unit()


class _Reader:
    """Reads one unit string from left to right."""

    def __init__(self, text: str, *, strict: bool) -> None:
        self.text = text if strict else _BLANKS.sub(r"\1", text.strip())
        self.strict = strict
        self.lexemes = list(self._split())
        self.place = 0
        self.divided = 0
        self.depth = 0

    def _split(self) -> list[tuple[str, str]]:
        found, place = [], 0
        while place < len(self.text):
            match = _LEXEME.match(self.text, place)
            if match is None:
                raise self._malformed(f"{self.text[place]!r} is no part of a unit")
            kind = match.lastgroup or ""
            found.append((match.group() if kind == "mark" else kind, match.group()))
            place = match.end()
        return found

    def _malformed(self, why: str) -> BindError:
        form = "write it as VOUnits 1.1 does: TeV, cm**-2.s**-1, erg/(cm**2.s)"
        return BindError(f'"{self.text}" is not a unit ({why}): {form}.')

    def _next(self) -> str:
        return self.lexemes[self.place][0] if self.place < len(self.lexemes) else ""

    def _take(self, kind: str) -> str | None:
        if self._next() != kind:
            return None
        self.place += 1
        return self.lexemes[self.place - 1][1]

    def unit(self) -> Unit:
        """The whole string."""
        if self.text in ("unknown", "UNKNOWN", "?"):
            raise BindError("The unit is not known.")
        scale = self._scale()
        if self._next() == "":
            return Unit(scale=scale)
        function = ""
        if self._next() == "symbol" and self.lexemes[self.place][1] in _FUNCTIONS[:3]:
            function = self.lexemes[self.place][1]
        powers: Powers = {}
        self._product(powers, Fraction(1), applied=bool(function))
        if self._next() != "":
            raise self._malformed(f"{self.lexemes[self.place][1]!r} is not expected where it stands")
        return Unit(tuple((symbol, power) for symbol, power in powers.items() if power), scale, function)

    def _scale(self) -> Fraction:
        """The number before the unit; 10 may have a power."""
        written = self._take("float") or self._take("integer")
        if written is None:
            return Fraction(1)
        if self.strict and (written[0] in "+-" or (written[0] == "0" and not written.startswith("0."))):
            raise self._malformed(f"{written} is no scale factor")
        power = None
        if written == "10" and self._next() in ("power", "integer"):
            power = self._power()
        number = Fraction(written)
        if number <= 0 or abs(math.log10(number)) > 300 or (power is not None and abs(power) > 300):
            raise self._malformed("its number is out of range")
        if power is not None and power.denominator != 1:
            raise self._malformed("its number is a root")
        if self._next() in (".", "*", " ") and self.place + 1 < len(self.lexemes):
            self.place += 1
        return number ** int(power) if power is not None else number

    def _product(self, powers: Powers, outer: Fraction, *, applied: bool = False) -> None:
        """``a.b/c``: factors joined by dots, with a division before the last."""
        sign = 1
        if self._next() == "/" and not self.strict:
            self.place, sign = self.place + 1, -1
        while True:
            self._expression(powers, outer * sign, applied=applied)
            if applied and self._next():
                raise self._malformed("a function of a unit stands alone")
            mark = self._next()
            if mark == "/":
                self._check_division()
                self.place, sign = self.place + 1, -1
            elif mark in (".", "*", " ") and self._next_is_factor():
                if self.strict and (mark != "." or sign < 0):
                    raise self._malformed(
                        "a product is written with a dot, and one factor follows a division"
                    )
                self.place, sign = self.place + 1, 1
            elif mark == "symbol" and not self.strict:
                sign = 1
            else:
                return

    def _next_is_factor(self) -> bool:
        following = self.lexemes[self.place + 1][0] if self.place + 1 < len(self.lexemes) else ""
        return following in ("symbol", "(")

    def _check_division(self) -> None:
        self.divided += 1
        if self.strict and self.depth == 0 and self.divided > 1:
            raise self._malformed("a unit has one division at most")

    def _expression(self, powers: Powers, outer: Fraction, *, applied: bool) -> None:
        if self._next() == "(":
            self._group(powers, outer)
            return
        symbol = self._take("symbol")
        if symbol is None:
            raise self._malformed("a symbol is missing")
        if self._next() == "(":
            if symbol not in _FUNCTIONS or (symbol != "sqrt" and not applied):
                raise self._malformed(f"{symbol} is no function of a unit, or not here")
            self._group(powers, outer / 2 if symbol == "sqrt" else outer)
            return
        power = self._power() if self._next() == "power" or self._is_plain_power() else Fraction(1)
        powers[symbol] = powers.get(symbol, Fraction(0)) + outer * power

    def _group(self, powers: Powers, outer: Fraction) -> None:
        self.place += 1
        self.depth += 1
        if self.depth > 20:
            raise self._malformed("its parentheses are nested too deep")
        inner: Powers = {}
        self._product(inner, Fraction(1))
        if self._take(")") is None:
            raise self._malformed("a parenthesis is not closed")
        self.depth -= 1
        power = self._power() if self._next() == "power" else Fraction(1)
        for symbol, count in inner.items():
            powers[symbol] = powers.get(symbol, Fraction(0)) + outer * count * power

    def _is_plain_power(self) -> bool:
        return self._next() == "integer" and not self.strict

    def _power(self) -> Fraction:
        """``**2``, ``**-2``, ``**(1/2)``, ``**(1.5)``; elsewhere than in VOUnits also ``^2`` and ``2``."""
        if self._take("power") != "**" and self.strict:
            raise self._malformed("a power is written with **")
        if self._take("("):
            number = Fraction(self._take("float") or self._take("integer") or "0")
            if self._take("/"):
                below = Fraction(self._take("integer") or "0")
                number = number / below if below else below
            if self._take(")") is None:
                raise self._malformed("a power in parentheses is not closed")
        else:
            number = Fraction(self._take("integer") or "0")
        if not 0 < abs(number) <= MAX_POWER:
            raise self._malformed(f"a power is missing, zero or beyond {MAX_POWER}")
        return number


def _number(scale: Fraction) -> str:
    """A number before a unit: ``1000``, ``25.4``, ``1e-11`` (VOUFLOAT of VOUnits 1.1 appendix C.5)."""
    return f"{float(scale):.15g}"


def _factor(symbol: str, power: Fraction) -> str:
    if power == 1:
        return symbol
    if power.denominator == 1:
        return f"{symbol}**{power}"
    # As a decimal where it is a short one: astropy takes (-1/2) for a division.
    short = 1000 % power.denominator == 0
    return f"{symbol}**({float(power)})" if short else f"{symbol}**({power})"


# Algebra


def product(left: str | None, right: str | None, *, power: int = 1) -> tuple[str | None, bool]:
    """The unit of ``left * right**power`` and whether it is known for sure."""
    return _combined(lambda: _times(_read(left), _read(right), Fraction(power)))


def raised(unit: str | None, power: Fraction) -> tuple[str | None, bool]:
    """The unit of ``unit**power`` and whether it is known for sure."""
    return _combined(lambda: _times(Unit(), _read(unit), power))


def same(left: str | None, right: str | None) -> bool:
    """True if both say the same, in whatever way it is written."""
    if (left or "") == (right or ""):
        return True
    try:
        first, second = _read(left), _read(right)
    except BindError:
        return False
    return (sorted(first.factors), first.scale, first.function) == (
        sorted(second.factors),
        second.scale,
        second.function,
    )


def _read(unit: str | None) -> Unit:
    return parse(unit) if unit and unit.strip() else Unit()


def _combined(combine: Callable[[], Unit]) -> tuple[str | None, bool]:
    try:
        result = combine()
    except (BindError, OverflowError, ZeroDivisionError):
        return None, False
    if not result.factors and result.scale != 1:
        return None, False
    return str(result) or None, True


def _times(left: Unit, right: Unit, power: Fraction) -> Unit:
    if left.function or right.function or (power.denominator != 1 and right.scale != 1):
        raise BindError("Functions of units and roots of numbers cannot be combined.")
    powers = dict(left.factors)
    for symbol, count in right.factors:
        powers[symbol] = powers.get(symbol, Fraction(0)) + count * power
    factors = [(symbol, count) for symbol, count in powers.items() if count]
    if any(abs(count) > MAX_POWER for _, count in factors):
        raise BindError(f"A unit has powers up to {MAX_POWER}.")
    factors.sort(key=lambda factor: factor[1] < 0)
    scale = left.scale * right.scale**power.numerator if right.scale != 1 else left.scale
    return Unit(tuple(factors), scale)


# Conversion

_SPECTRAL: Mapping[tuple[tuple[str, Fraction], ...], tuple[str, Fraction, int]] = {
    (("kg", Fraction(1)), ("m", Fraction(2)), ("s", Fraction(-2))): ("energy", Fraction(1), 1),
    (("s", Fraction(-1)),): ("frequency", PLANCK, 1),
    (("m", Fraction(1)),): ("wavelength", PLANCK * LIGHT, -1),
    (("m", Fraction(-1)),): ("wavenumber", PLANCK * LIGHT, 1),
}
"""Dimensions -> kind, and the energy [J] of one of it: factor * value**power."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """``value * factor``, or ``factor / value``, plus ``shift``."""

    factor: Magnitude
    is_inverse: bool = False
    shift: float = 0.0


def spectral_kind(unit: Unit) -> str | None:
    """energy, frequency, wavelength or wavenumber; None for another unit."""
    found = None if unit.function else _SPECTRAL.get(tuple(sorted(unit.dimensions.items())))
    return found[0] if found else None


def conversion(source: Unit, target: Unit) -> Conversion:
    """How to make a number in ``source`` one in ``target``.

    Photon energy, frequency, wavelength and wavenumber go into one another.

    Raises
    ------
    BindError
        Raised if a symbol is not known or the units do not fit together.
    """
    if source == target:
        return Conversion(Magnitude())
    if source.function or target.function:
        return _of_functions(source, target)
    if source.dimensions == target.dimensions:
        return Conversion(source.size * target.size ** Fraction(-1))
    first, second = (_SPECTRAL.get(tuple(sorted(unit.dimensions.items()))) for unit in (source, target))
    if first is None or second is None:
        raise BindError(f'"{source}" cannot be converted to "{target}": {_measures(source, target)}.')
    (_, factor, power), (_, other, other_power) = first, second
    # factor * (value * source)**power = energy = other * (result * target)**other_power
    energy = Magnitude(factor) * source.size ** Fraction(power)
    result = (energy * Magnitude(other) ** Fraction(-1)) ** Fraction(other_power)
    return Conversion(result * target.size ** Fraction(-1), power != other_power)


def _of_functions(source: Unit, target: Unit) -> Conversion:
    if source.function != target.function or source.function == "exp":
        raise BindError(f'"{source}" cannot be converted to "{target}": one is a function of the other.')
    inner = [Unit(unit.factors, unit.scale) for unit in (source, target)]
    change = conversion(*inner)
    if change.is_inverse:
        raise BindError(f'"{source}" cannot be converted to "{target}".')
    take = math.log10 if source.function == "log" else math.log
    return Conversion(Magnitude(), shift=take(float(change.factor)))


def _measures(source: Unit, target: Unit) -> str:
    told = [f"{_base_units(unit.dimensions) or 'a pure number'}" for unit in (source, target)]
    return f"in base units one is {told[0]}, the other {told[1]}"


def _base_units(dimensions: Powers) -> str:
    return ".".join(_factor(name, power) for name, power in sorted(dimensions.items()))
