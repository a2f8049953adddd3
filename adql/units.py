"""The algebra of unit strings: what the unit of a product, a quotient or a power is.

VOUnits 1.1 sections 2.10 and 2.11 (syntax). Symbols are kept as they are: prefixes are not converted.
"""

from __future__ import annotations

import re
from fractions import Fraction

_FACTOR = re.compile(r"([A-Za-z%]+)(?:(?:\*\*|\^)?\(?([+-]?\d+(?:[./]\d+)?)\)?)?")

Powers = dict[str, Fraction]


def parse_unit(unit: str | None) -> Powers | None:
    """Symbol -> power of a unit string; an empty dict without unit; None if it cannot be read."""
    powers: Powers = {}
    if unit is None or not unit.strip():
        return powers
    sign, place = 1, 0
    text = unit.replace(" ", ".").replace("*", ".").replace("..", "**")
    while place < len(text):
        found = _FACTOR.match(text, place)
        if found is None:
            return None
        symbol, power = found.groups()
        powers[symbol] = powers.get(symbol, Fraction(0)) + sign * Fraction(power or 1)
        place = found.end()
        if place < len(text):
            if text[place] not in "./" or place == len(text) - 1:
                return None
            sign = -1 if text[place] == "/" else 1
            place += 1
    return {symbol: power for symbol, power in powers.items() if power}


def format_unit(powers: Powers) -> str | None:
    """A unit string in VOUnits syntax, None for a pure number."""
    ordered = sorted(powers.items(), key=lambda pair: pair[1] < 0)
    return ".".join(_factor(symbol, power) for symbol, power in ordered) or None


def _factor(symbol: str, power: Fraction) -> str:
    if power == 1:
        return symbol
    return f"{symbol}**{power}" if power.denominator == 1 else f"{symbol}**({power})"


def product(left: str | None, right: str | None, *, power: int = 1) -> tuple[str | None, bool]:
    """The unit of ``left * right**power`` and whether it is known for sure."""
    first, second = parse_unit(left), parse_unit(right)
    if first is None or second is None:
        return None, False
    result = dict(first)
    for symbol, exponent in second.items():
        result[symbol] = result.get(symbol, Fraction(0)) + power * exponent
    return format_unit({symbol: exponent for symbol, exponent in result.items() if exponent}), True


def raised(unit: str | None, power: Fraction) -> tuple[str | None, bool]:
    """The unit of ``unit**power`` and whether it is known for sure."""
    powers = parse_unit(unit)
    if powers is None:
        return None, False
    return format_unit({symbol: exponent * power for symbol, exponent in powers.items() if power}), True
