"""Units are read, multiplied and converted as astropy does, and IN_UNIT says what it cannot do."""

from __future__ import annotations

import math
import warnings
from fractions import Fraction

import pytest
from astropy import units as u
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from adql import DUCKDB, BindError, Column, translate
from adql.units import KNOWN, Unit, conversion, known, parse, product, raised, same
from tests.support.columns import evaluate
from tests.support.miniature import CATALOGUE

SI = "Y Z E P T G M k h c m u n p f a z y".split()

NOT_THERE = {
    "ta": "astropy has no tropical year",
    "Ba": "astropy takes Ba for the barye, VOUnits 1.1 table 3 for the Besselian year",
    "ha": "astropy takes ha for the hectare, VOUnits 1.1 section 2.6 for a century",
    "dau": "VOUnits 1.1 section 2.6 leaves da before a unit open",
    "%": "astropy's VOUnit format does not know it",
    "mag": "a logarithm in astropy",
    "dB": "a logarithm in astropy",
    "D": "a debye is 1e-21/c C m; astropy has it to 7 digits",
}
"""Symbols of which astropy is no judge."""

SYMBOLS = [symbol for symbol in KNOWN if symbol not in NOT_THERE]


def prefixed() -> list[str]:
    """Every known symbol with every prefix that it may have."""
    every = SYMBOLS + [p + s for s in SYMBOLS if "s" in KNOWN[s].prefixes for p in SI]
    return [symbol for symbol in every if symbol not in NOT_THERE and symbol not in ("yd", "pct", "pcount")]


def astropy_unit(text: str) -> u.UnitBase:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # for units that VOUnits deprecates
        return u.Unit(text, format="vounit")


@pytest.mark.parametrize("symbol", prefixed())
def test_sizes_are_those_of_astropy(symbol: str) -> None:
    base = Unit(tuple((name, Fraction(count)) for name, count in known(symbol)[1].dimensions))
    names = {"photon": "photon", "kg": "kg", "pixel": "pixel"}
    reference = u.dimensionless_unscaled
    for name, count in known(symbol)[1].dimensions:
        reference = reference * astropy_unit(names.get(name, name)) ** count
    assert astropy_unit(symbol).to(reference) == pytest.approx(float(parse(symbol).size), rel=1e-14)
    assert base is not None


factors = st.tuples(
    st.sampled_from(prefixed()), st.sampled_from([1, 1, 1, 2, 3, -1, -2, Fraction(1, 2), Fraction(3, 2)])
)


def within_doubles(*parts: tuple[str, Fraction | int]) -> bool:
    """Whether a double holds the size of every product of some of the parts, as astropy needs."""
    return sum(abs(math.log10(float(parse(symbol).size)) * power) for symbol, power in parts) < 250


def written(parts: list[tuple[str, Fraction | int]]) -> str:
    def one(symbol: str, power: Fraction | int) -> str:
        if power == 1:
            return symbol
        return f"{symbol}**{power}" if Fraction(power).denominator == 1 else f"{symbol}**({power})"

    return ".".join(one(*part) for part in parts)


@given(st.lists(factors, min_size=1, max_size=4, unique_by=lambda part: part[0]))
@settings(max_examples=300, deadline=None)
def test_products_of_powers_are_read_as_astropy_reads_them(parts: list[tuple[str, Fraction | int]]) -> None:
    text = written(parts)
    assume(within_doubles(*parts))
    mine, theirs = parse(text, strict=True), astropy_unit(text)
    assert same(str(mine), text)
    back = astropy_unit(str(mine))
    assert back == theirs


@given(
    st.lists(factors, min_size=1, max_size=3, unique_by=lambda part: part[0]),
    st.lists(factors, min_size=1, max_size=3, unique_by=lambda part: part[0]),
)
@settings(max_examples=300, deadline=None)
def test_units_of_products_and_quotients_are_those_of_astropy(
    left: list[tuple[str, Fraction | int]], right: list[tuple[str, Fraction | int]]
) -> None:
    assume(within_doubles(*left, *right))
    first, second = written(left), written(right)
    for power, expected in (
        (1, astropy_unit(first) * astropy_unit(second)),
        (-1, astropy_unit(first) / astropy_unit(second)),
    ):
        found, sure = product(first, second, power=power)
        assert sure
        assert (astropy_unit(found) if found else u.dimensionless_unscaled).is_equivalent(expected)
        assert (astropy_unit(found) if found else u.dimensionless_unscaled).to(expected) == pytest.approx(
            1, rel=1e-12
        )


SAME_KIND = (
    "TeV GeV MeV keV eV J erg Ry mJ kJ",
    "m km cm mm um nm pm Angstrom AU au pc kpc Mpc lyr solRad",
    "s ms us ns min h d yr a Myr",
    "rad deg arcmin arcsec mas mrad",
    "Hz kHz MHz GHz THz s**-1 min**-1",
    "kg g solMass u mg",
    "W solLum erg.s**-1 TeV/s J/s",
    "Jy mJy W.m**-2.Hz**-1 erg/(s.cm**2.Hz)",
    "cm**-2.s**-1.TeV**-1 m**-2.s**-1.GeV**-1 1/x",
    "deg**2 sr arcmin**2 rad**2",
    "T G mT N/(A.m)",
    "byte bit kbyte Kibyte MB",
    "photon.cm**-2 ph.m**-2",
    "10**-11cm**-2.s**-1 cm**-2.s**-1 1e-4m**-2.s**-1",
    "km/s m.s**-1 pc/Myr",
    "Pa N.m**-2 g.cm**-1.s**-2",
)
PAIRS = [
    (first, second)
    for kind in SAME_KIND
    for first in kind.split()
    for second in kind.split()
    if "x" not in (first[-1], second[-1]) or "pix" in first
]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_conversions_are_those_of_astropy(source: str, target: str) -> None:
    change = conversion(parse(source, strict=True), parse(target, strict=True))
    expected = astropy_unit(source).to(astropy_unit(target))
    assert not change.is_inverse
    assert float(change.factor) == pytest.approx(expected, rel=2e-15)


SPECTRAL = "TeV GeV keV eV J erg Hz GHz m nm Angstrom um cm m**-1 cm**-1".split()


@pytest.mark.parametrize("target", SPECTRAL)
@pytest.mark.parametrize("source", SPECTRAL)
def test_light_is_converted_as_astropy_does(source: str, target: str) -> None:
    numbers = [1e-3, 0.5, 1.0, 42.0, 1e12]
    found = evaluate(f"IN_UNIT(x, '{target}')", {"x": ("double", numbers)}, x=source)
    expected = (numbers * astropy_unit(source)).to_value(astropy_unit(target), u.spectral())
    assert found == pytest.approx(list(expected), rel=1e-13)


def test_a_wavelength_of_zero_has_no_energy() -> None:
    assert evaluate("IN_UNIT(x, 'TeV')", {"x": ("double", [0.0, None])}, x="m") == [None, None]


@pytest.mark.parametrize(
    ("text", "strict", "meaning"),
    [
        ("cm-2 s-1 TeV-1", False, "cm**-2.s**-1.TeV**-1"),
        ("erg/cm2/s", False, "erg.cm**-2.s**-1"),
        ("1e-11 cm-2 s-1", False, "1e-11cm**-2.s**-1"),
        ("10**-11cm**-2", True, "1e-11cm**-2"),
        ("m^2", False, "m**2"),
        ("km / s", False, "km.s**-1"),
        ("1/s", False, "s**-1"),
        ("sqrt(m.s)", True, "m**(0.5).s**(0.5)"),
        ("m**(1/2)", True, "m**(0.5)"),
        ("kg.m/(s**2.A)", True, "kg.m.s**-2.A**-1"),
        ("25.4mm", True, "25.4mm"),
        ("log(Hz)", True, "log(Hz)"),
        ("'jupiterMass'.m", True, "'jupiterMass'.m"),
        ("M'furlong'", True, "M'furlong'"),
        ("%", True, "%"),
        ("1", True, ""),
    ],
)
def test_what_unit_strings_mean(text: str, strict: bool, meaning: str) -> None:
    assert str(parse(text, strict=strict)) == meaning


@pytest.mark.parametrize(
    "text",
    [
        "m s",
        "m*s",
        "cm-2",
        "m2",
        "m^2",
        "m/s/s",
        "m**",
        "m**0",
        "(m",
        "m)",
        "m..s",
        ".m",
        "m.",
        "**2",
        "m/",
        "µm",
        "0m",
        "-5m",
        "m**(1/0)",
        "log(m).s",
        "foo(m)",
        "m" * 201,
        "(" * 30 + "m" + ")" * 30,
        "m**999",
        "unknown",
        "UNKNOWN",
    ],
)
def test_what_is_no_vounit_is_told(text: str) -> None:
    with pytest.raises(BindError):
        unit = parse(text, strict=True)
        assert unit.factors, text
        raise AssertionError(text)


@given(st.text(alphabet="mskgTeVHz123.*/()-+ 'le%^_é", max_size=30))
@settings(max_examples=500, deadline=None)
def test_any_text_is_a_unit_or_an_error(text: str) -> None:
    for strict in (True, False):
        try:
            unit = parse(text, strict=strict)
        except BindError:
            continue
        assume(unit.factors)
        assert same(str(unit), text) or strict or same(str(unit), str(parse(text)))


def test_powers_stay_within_bounds() -> None:
    unit, sure = "TeV", True
    for _ in range(10):
        unit, sure = raised(unit, Fraction(30))
        if not sure:
            break
    assert (unit, sure) == (None, False)


# IN_UNIT


def column(select: str) -> Column:
    (found,) = translate(f"SELECT {select} FROM mini.stars", CATALOGUE, DUCKDB).columns
    return found


@pytest.mark.parametrize(
    ("select", "unit", "ucd"),
    [
        ("IN_UNIT(energy, 'GeV')", "GeV", "em.energy"),
        ("IN_UNIT(energy, 'Hz')", "Hz", "em.freq"),
        ("IN_UNIT(energy, 'nm')", "nm", "em.wl"),
        ("IN_UNIT(MIN(energy), 'nm')", "nm", "em.wl;stat.max"),
        ("IN_UNIT(MAX(energy), 'Hz')", "Hz", "em.freq;stat.max"),
        ("IN_UNIT(AVG(energy), 'nm')", "nm", None),
        ("IN_UNIT(ra, 'arcsec')", "arcsec", "pos.eq.ra;meta.main"),
        ("IN_UNIT(energy * energy, 'J**2')", "J**2", "em.energy;arith.squared"),
        ("IN_UNIT(energy / ra, 'J/rad')", "J.rad**-1", None),
        ("IN_UNIT(SQRT(energy * energy), 'erg')", "erg", None),
        ("IN_UNIT(energy, 'TeV')", "TeV", "em.energy"),
        ("IN_UNIT(COALESCE(energy, 0), 'GeV') AS e", "GeV", "em.energy"),
    ],
)
def test_the_unit_of_an_expression_is_known(select: str, unit: str, ucd: str | None) -> None:
    found = column(select)
    assert (found.unit, found.ucd) == (unit, ucd)


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("IN_UNIT(energy, 'Tev')", 'Did you mean "TeV"?'),
        ("IN_UNIT(energy, 'kev')", 'Did you mean "keV"?'),
        ("IN_UNIT(ra, 'degrees')", 'Did you mean "deg"?'),
        ("IN_UNIT(ra, 'arcseconds')", 'Did you mean "arcsec"?'),
        ("IN_UNIT(energy, 'furlong')", 'Unit "furlong" is not known'),
        ("IN_UNIT(energy, 'deg')", '"TeV" cannot be converted to "deg"'),
        ("IN_UNIT(energy, 's')", '"TeV" cannot be converted to "s"'),
        ("IN_UNIT(energy, 'degC')", "temperatures are in K"),
        ("IN_UNIT(energy, 'cm-2')", "is not a unit"),
        ("IN_UNIT(energy, '')", "IN_UNIT needs a unit"),
        ("IN_UNIT(energy, '1')", "IN_UNIT needs a unit"),
        ("IN_UNIT(energy, name)", "must be a text in quotes"),
        ("IN_UNIT(energy, 5)", "Argument 2 of IN_UNIT must be a text"),
        ("IN_UNIT(kind, 'm')", "needs a value with a unit; kind has none"),
        ("IN_UNIT(5, 'm')", "needs a value with a unit; this expression has none"),
        ("IN_UNIT(energy + ra, 'TeV')", "needs a value with a unit; this expression has none for sure"),
        ("IN_UNIT(energy / energy, 'TeV')", "needs a value with a unit"),
        ("IN_UNIT(name, 'm')", "Argument 1 of IN_UNIT must be a number"),
        ("IN_UNIT(energy)", "IN_UNIT takes 2 arguments"),
    ],
)
def test_what_cannot_be_converted_is_told(expression: str, sentence: str) -> None:
    with pytest.raises(BindError) as fault:
        translate(f"SELECT {expression} FROM mini.stars", CATALOGUE, DUCKDB)
    assert sentence in str(fault.value)
    assert fault.value.position is not None


def test_a_length_that_is_no_wavelength_stays_one() -> None:
    """The UCD tells the height of a mountain from the wavelength of light."""
    from adql import Catalogue, ColumnType, Schema, Table  # noqa: PLC0415

    height = Column("altitude", ColumnType("double"), unit="m", ucd="pos.earth.altitude")
    wave = Column("em_min", ColumnType("double"), unit="m", ucd="em.wl;stat.min")
    catalogue = Catalogue((Schema("made", (Table("made", "up", (height, wave)),)),))
    with pytest.raises(BindError, match="is no wavelength of light"):
        translate("SELECT IN_UNIT(altitude, 'TeV') FROM made.up", catalogue, DUCKDB)
    (found,) = translate("SELECT IN_UNIT(em_min, 'TeV') FROM made.up", catalogue, DUCKDB).columns
    assert (found.unit, found.ucd) == ("TeV", "em.energy;stat.max")


def test_logarithms_are_shifted() -> None:
    found = evaluate("IN_UNIT(x, 'log(kHz)')", {"x": ("double", [3.0, 14.5])}, x="log(Hz)")
    assert found == pytest.approx([0.0, 11.5])
    natural = evaluate("IN_UNIT(x, 'ln(GeV)')", {"x": ("double", [0.0])}, x="ln(TeV)")
    assert natural == pytest.approx([math.log(1000)])
