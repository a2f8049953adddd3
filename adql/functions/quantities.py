"""IN_UNIT: a value in another unit (ADQL 2.1 section 4.8)."""

from __future__ import annotations

from dataclasses import replace

from adql import units
from adql.arithmetic import add, div, mul
from adql.core import Expr
from adql.errors import BindError
from adql.functions.base import Function, literal_text
from adql.units import Conversion, Unit
from adql.values import Value, number, to_double


def _in_unit(args: tuple[Value, ...]) -> Value:
    value, target = args
    wanted = units.parse(literal_text(target, "The unit of IN_UNIT"), strict=True)
    if not wanted.factors:
        raise BindError(
            "IN_UNIT needs a unit: a number without one is nothing to convert to (ADQL 2.1 section 4.8)."
        )
    if value.unit is None:
        lost = " for sure" if value.is_lost else ""
        raise BindError(
            f"IN_UNIT needs a value with a unit; {value.name or 'this expression'} has none{lost}. "
            "Multiply by the factor instead."
        )
    source = units.parse(value.unit)
    _check_spectral(value, source, wanted)
    change = units.conversion(source, wanted)
    return replace(
        value,
        expr=_converted(to_double(value.expr), change),
        unit=str(wanted),
        ucd=_ucd(value.ucd, source, wanted),
        utype=None,
        xml_type=None,
    )


def _converted(expr: Expr, change: Conversion) -> Expr:
    factor = change.factor
    if change.is_inverse:
        return div(number(float(factor)), expr)
    exact = factor.exact
    # A division by a whole number is closer than a product with its inverse.
    if (
        factor.pi == 0
        and factor.rest == 1
        and exact.numerator == 1
        and float(exact.denominator) == exact.denominator
    ):
        result = div(expr, number(float(exact.denominator)))
    else:
        result = mul(expr, number(float(factor)))
    return add(result, number(change.shift)) if change.shift else result


def _check_spectral(value: Value, source: Unit, wanted: Unit) -> None:
    """Refuse to take a length or a rate for light, where the UCD says that it is none."""
    kinds = units.spectral_kind(source), units.spectral_kind(wanted)
    if None in kinds or kinds[0] == kinds[1] or not value.ucd:
        return
    if kinds[0] != "energy" and not any(word.startswith(_LIGHT) for word in value.ucd.split(";")):
        raise BindError(
            f"{value.name or 'This value'} (UCD {value.ucd}) is no {kinds[0]} of light: it cannot be "
            "converted "
            f'from "{source}" to "{wanted}".'
        )


_LIGHT = ("em.", "spect.", "instr.bandpass", "instr.bandwidth")

_UCDS = {"energy": "em.energy", "frequency": "em.freq", "wavelength": "em.wl", "wavenumber": "em.wavenumber"}


def _ucd(ucd: str | None, source: Unit, wanted: Unit) -> str | None:
    """The UCD of the same light by another measure: the least frequency is the least energy, but the greatest
    wavelength.
    """
    first, second = units.spectral_kind(source), units.spectral_kind(wanted)
    if ucd is None or first is None or second is None or first == second:
        return ucd
    words = ucd.split(";")
    if words[0] != _UCDS[first]:
        return None
    if (first == "wavelength") != (second == "wavelength"):
        swapped = {"stat.min": "stat.max", "stat.max": "stat.min"}
        if any(word.startswith(("stat.", "arith.")) and word not in swapped for word in words):
            return None
        words = [swapped.get(word, word) for word in words]
    return ";".join([_UCDS[second], *words[1:]])


FUNCTIONS: tuple[Function, ...] = (
    Function(
        "IN_UNIT",
        ("number", "text"),
        _in_unit,
        "A value in another unit, given as a text in quotes (VOUnits 1.1). The unit of the value is that "
        "of its column or expression; photon energy, frequency, wavelength and wavenumber go into one "
        "another",
        "IN_UNIT",
        "adql-unit",
        "IN_UNIT(DEGREES(PI()), 'arcmin')",
        10800.0,
    ),
)
