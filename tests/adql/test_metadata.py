"""Result columns say what they are, through aliases, arithmetic, aggregates, subqueries, sets and joins."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from astropy import units as u
from astropy.io.votable.ucd import check_ucd
from hypothesis import given, settings
from hypothesis import strategies as st

from adql import DUCKDB, Column, translate
from adql.words import RESERVED_WORDS
from tests.support.cases import Case, cases
from tests.support.miniature import CATALOGUE


def column(select: str, rest: str = "FROM mini.stars") -> Column:
    (found,) = translate(f"SELECT {select} {rest}", CATALOGUE, DUCKDB).columns
    return found


def is_legal(found: Column) -> bool:
    """True if name, description, UCD and unit are what a VOTable may say."""
    if found.unit:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", u.UnitsWarning)  # for units that VOUnits deprecates
            u.Unit(found.unit, format="vounit")
    return (
        (found.name.upper() not in RESERVED_WORDS or found.name == "size")
        and found.name[0].isalpha()
        and bool(found.description)
        and (not found.ucd or bool(check_ucd(found.ucd, check_controlled_vocabulary=True)))
    )


@pytest.mark.parametrize(
    ("select", "unit", "ucd"),
    [
        ("energy", "TeV", "em.energy"),
        ("energy AS e", "TeV", "em.energy"),
        ("ra", "deg", "pos.eq.ra;meta.main"),
        ("MAX(energy)", "TeV", "em.energy;stat.max"),
        ("MIN(ra)", "deg", "pos.eq.ra;stat.min"),
        ("AVG(energy)", "TeV", "em.energy;stat.mean"),
        ("SUM(energy)", "TeV", "em.energy;arith.sum"),
        ("COUNT(*)", None, "meta.number"),
        ("COUNT(energy)", None, "meta.number"),
        ("MAX(energy) - MIN(energy)", "TeV", "em.energy;arith.diff"),
        ("MAX(energy) / MIN(energy)", None, "em.energy;arith.ratio"),
        ("MAX(energy * 2)", "TeV", "em.energy;stat.max"),
        ("energy * 2", "TeV", "em.energy"),
        ("2 / energy", "TeV**-1", None),
        ("1 + energy", "TeV", "em.energy"),
        ("-energy", "TeV", "em.energy"),
        ("-ra", "deg", "pos.eq.ra"),
        ("ABS(ra)", "deg", "pos.eq.ra"),
        ("energy * energy", "TeV**2", "em.energy;arith.squared"),
        ("energy / energy", None, "em.energy;arith.ratio"),
        ("energy - energy", "TeV", "em.energy;arith.diff"),
        ("ra - dec", "deg", None),
        ("POWER(energy, 2)", "TeV**2", "em.energy;arith.squared"),
        ("POWER(energy, 3)", "TeV**3", None),
        ("POWER(energy, -0.5)", "TeV**(-0.5)", None),
        ("POWER(energy, kind)", None, None),
        ("SQRT(energy * energy)", "TeV", None),
        ("energy / dec", "TeV.deg**-1", None),
        ("ra + dec", "deg", None),
        ("ra + energy", None, None),
        ("ROUND(energy, 1)", "TeV", "em.energy"),
        ("MOD(ra, 15)", "deg", "pos.eq.ra"),
        ("LOG10(energy)", None, None),
        ("COALESCE(energy, 0)", "TeV", "em.energy"),
        ("COALESCE(NULL, energy)", "TeV", "em.energy"),
        ("COALESCE(energy, ra)", None, None),
        ("NULLIF(energy, 0)", "TeV", "em.energy"),
        ("DISTANCE(ra, dec, 0, 0)", "deg", "pos.angDistance"),
        ("DEGREES(1)", "deg", None),
        ("ATAN2(dec, ra)", "rad", None),
        ("CAST(energy AS REAL)", "TeV", "em.energy"),
        ("CASE WHEN kind = 1 THEN energy ELSE 2 * energy END", "TeV", "em.energy"),
        ("CASE WHEN kind = 1 THEN energy END", "TeV", "em.energy"),
        ("CASE WHEN kind = 1 THEN energy ELSE ra END", None, None),
        ("(SELECT MAX(energy) FROM mini.stars)", "TeV", "em.energy;stat.max"),
        ("ivo_to_mjd(seen)", "d", "time.epoch"),
        ("gamma_common_time(energy, energy, 0, 1)", "TeV", "time.duration"),
    ],
)
def test_unit_and_ucd(select: str, unit: str | None, ucd: str | None) -> None:
    found = column(select)
    assert (found.unit, found.ucd) == (unit, ucd)
    assert is_legal(found)


@pytest.mark.parametrize(
    ("select", "name"),
    [
        ("energy", "energy"),
        ("ENERGY", "energy"),
        ("energy AS E", "E"),
        ('energy AS "E [TeV]"', "E [TeV]"),
        ("MAX(energy)", "max_energy"),
        ("COUNT(*)", "count_all"),
        ("ROUND(energy, 2)", "round_energy"),
        ("MOD(7, kind)", "mod_kind"),
        ("PI()", "pi_1"),
        ("energy + 1", "col_1"),
        ("POINT(ra, dec)", "point_1"),
        ("ivo_hasword(name, 'a')", "ivo_hasword_name"),
        ("gamma_sample(1, name, star_id, kind)", "sample"),
    ],
)
def test_names_are_legal_and_tell_what_they_are(select: str, name: str) -> None:
    assert column(select).name == name


@pytest.mark.parametrize(
    ("select", "words"),
    [
        ("ra + energy", "Sum of values in deg and TeV: unit and UCD are not known for sure"),
        ("ra - energy", "Difference of values in deg and TeV"),
        ("POWER(energy, kind)", "Power of a value in TeV: unit and UCD are not known for sure"),
        ("COALESCE(energy, ra)", "(in TeV, deg: unit and UCD are not known for sure)"),
        ("MAX(energy)", "Maximum of: Energy"),
        ("SIN(ra)", "Sine of: Right ascension, taken in rad though its unit is deg"),
        ("LOG10(energy)", "Logarithm to base 10 of: Energy [TeV]"),
        ("energy * 2", "[ADQL: energy * 2]"),
        (
            "ivo_histogram(energy, 0, 10, 5)",
            "Numbers of values below 0, in 5 bins up to 10, and from there on: Energy",
        ),
    ],
)
def test_descriptions_say_what_was_computed_and_what_was_lost(select: str, words: str) -> None:
    assert words in column(select).description


def test_metadata_goes_through_subqueries_and_sets() -> None:
    inner = "(SELECT energy AS e FROM mini.stars UNION SELECT energy FROM mini.stars) AS x"
    found = column("MAX(e) AS highest", f"FROM {inner}")
    assert (found.name, found.unit, found.ucd) == ("highest", "TeV", "em.energy;stat.max")


def test_metadata_goes_through_common_tables() -> None:
    query = (
        "WITH a AS (SELECT energy * 2 AS e FROM mini.stars), b AS (SELECT MIN(e) AS f FROM a) SELECT f FROM b"
    )
    (found,) = translate(query, CATALOGUE, DUCKDB).columns
    assert (found.name, found.unit, found.ucd) == ("f", "TeV", "em.energy;stat.min")
    assert found.description.startswith("Minimum of:")


def test_metadata_goes_through_joins() -> None:
    query = "SELECT kind, s.energy, hours FROM mini.stars s FULL JOIN mini.visits v USING (kind)"
    kind, energy, hours = translate(query, CATALOGUE, DUCKDB).columns
    assert (kind.ucd, energy.unit, hours.unit) == ("meta.code", "TeV", "h")


@pytest.mark.parametrize(
    ("operator_", "unit", "lost"),
    [("UNION", None, True), ("EXCEPT", "TeV", False), ("INTERSECT", "TeV", False)],
)
def test_sets_of_different_units_say_so(operator_: str, unit: str | None, lost: bool) -> None:
    """ADQL 2.1 section 4.5: the metadata of EXCEPT and INTERSECT are those of the left."""
    query = f"SELECT energy FROM mini.stars {operator_} SELECT ra FROM mini.stars"
    (found,) = translate(query, CATALOGUE, DUCKDB).columns
    assert found.unit == unit
    assert ("not known for sure" in found.description) == lost


def test_a_union_with_constants_keeps_its_meaning() -> None:
    (found,) = translate(
        "SELECT energy FROM mini.stars UNION SELECT NULL FROM mini.kinds", CATALOGUE, DUCKDB
    ).columns
    assert (found.unit, found.ucd) == ("TeV", "em.energy")


@pytest.mark.parametrize(
    ("select", "declared"),
    [
        ("CAST(name AS VARCHAR(5))", ("char", "5*", None)),
        ("CAST(name AS CHAR(5))", ("char", "5", None)),
        ("CAST(name AS TIMESTAMP)", ("char", "*", "timestamp")),
        ("seen", ("char", "*", "timestamp")),
        ("CAST(kind AS SMALLINT)", ("short", None, None)),
        ("kind + 1", ("long", None, None)),
        ("kind / 2.0", ("double", None, None)),
        ("COUNT(*)", ("long", None, None)),
        ("POINT(ra, dec)", ("double", "2", "point")),
        ("CIRCLE(ra, dec, 1)", ("double", "3", "circle")),
        ("ivo_histogram(mag, 0, 1, 8)", ("int", "10", None)),
        ("ivo_epoch_prop(ra, dec, 1, 1, 1, 1, 2000, 2010)", ("double", "6", None)),
        ("ivo_healpix_index(5, ra, dec)", ("long", None, None)),
        ("name || 'é'", ("unicodeChar", "*", None)),
        ("NULL", ("char", "*", None)),
    ],
)
def test_types_and_xtypes_are_declared(select: str, declared: tuple[str, str | None, str | None]) -> None:
    found = column(select).type
    assert (found.datatype, found.arraysize, found.xtype) == declared


EVERY = cases("answers") + cases("functions") + cases("matrix")


@pytest.mark.parametrize("case", EVERY, ids=lambda case: case.name)
def test_every_column_is_legal(case: Case) -> None:
    columns = translate(case.query, CATALOGUE, DUCKDB).columns
    for found in columns:
        assert is_legal(found), found
    assert len({found.name.lower() for found in columns}) == len(columns)


def test_names_are_kept_as_the_query_writes_them() -> None:
    columns = translate(
        'SELECT energy AS "E [TeV]", ra AS Foo, mag FROM mini.stars', CATALOGUE, DUCKDB
    ).columns
    assert [found.name for found in columns] == ["E [TeV]", "Foo", "mag"]


def test_double_names_are_told_apart() -> None:
    columns = translate("SELECT a.kind, b.kind FROM mini.stars a, mini.kinds b", CATALOGUE, DUCKDB).columns
    assert [found.name for found in columns] == ["kind", "kind_2"]


# Expressions that no one wrote


@dataclass(frozen=True)
class Tree:
    """An expression and the unit it has by astropy; None where quantities cannot be combined."""

    text: str
    unit: u.UnitBase | None
    is_plain: bool = False
    """True for a constant, which takes the unit of what it is added to."""
    is_loose: bool = False
    """True if numbers without unit that are no constants were added: they may be taken for plain ones."""


UNITS = {"energy": u.TeV, "ra": u.deg, "dec": u.deg, "star_id": u.one, "(mag / mag)": u.one}

leaves = st.sampled_from(
    [Tree(name, unit) for name, unit in UNITS.items()] + [Tree("2", u.one, True), Tree("0.5", u.one, True)]
)


def _sum(sign: str) -> Callable[[Tree, Tree], Tree]:
    def combine(a: Tree, b: Tree) -> Tree:
        text = f"({a.text} {sign} {b.text})"
        is_loose = a.is_loose or b.is_loose or u.one in (a.unit, b.unit)
        if a.is_plain or b.is_plain:
            return Tree(text, b.unit if a.is_plain else a.unit, a.is_plain and b.is_plain, is_loose)
        return Tree(text, a.unit if a.unit == b.unit else None, False, is_loose)

    return combine


def _product(
    sign: str, compute: Callable[[u.UnitBase, u.UnitBase], u.UnitBase]
) -> Callable[[Tree, Tree], Tree]:
    def combine(a: Tree, b: Tree) -> Tree:
        unit = compute(a.unit, b.unit) if a.unit is not None and b.unit is not None else None
        plain, loose = a.is_plain and b.is_plain, a.is_loose or b.is_loose
        return Tree(f"({a.text} {sign} {b.text})", unit, plain, loose)

    return combine


def _call(form: str, compute: Callable[[u.UnitBase], u.UnitBase]) -> Callable[[Tree, Tree], Tree]:
    def combine(a: Tree, _: Tree) -> Tree:
        unit = compute(a.unit) if a.unit is not None else None
        return Tree(form.format(a.text), unit, a.is_plain, a.is_loose)

    return combine


COMBINATIONS = [
    _sum("+"),
    _sum("-"),
    _product("*", operator.mul),
    _product("/", operator.truediv),
    _call("(-{})", lambda unit: unit),
    _call("ABS({})", lambda unit: unit),
    _call("SQRT({})", lambda unit: unit**0.5),
    _call("POWER({}, 2)", lambda unit: unit**2),
    _call("ROUND({}, 3)", lambda unit: unit),
    _call("CASE WHEN kind = 1 THEN {} END", lambda unit: unit),
]

trees = st.recursive(
    leaves,
    lambda inner: st.builds(lambda f, a, b: f(a, b), st.sampled_from(COMBINATIONS), inner, inner),
    max_leaves=7,
)


@given(trees, st.sampled_from(["{}", "MAX({})", "SUM({})", "AVG({})"]))
@settings(max_examples=400, deadline=None)
def test_units_of_any_expression_are_those_of_astropy_or_unknown(tree: Tree, around: str) -> None:
    found = column(around.format(tree.text))
    assert is_legal(found), tree
    if found.unit is not None and not tree.is_loose:
        assert tree.unit is not None, tree
        told = u.Unit(found.unit, format="vounit")
        assert told.is_equivalent(tree.unit), tree
        assert told.to(tree.unit) == pytest.approx(1), tree


@given(trees)
@settings(max_examples=200, deadline=None)
def test_a_unit_that_can_be_known_is_known(tree: Tree) -> None:
    """A product with a sum of things that do not fit together is the only one that cannot."""
    found = column(tree.text)
    if tree.unit is not None and not tree.is_loose and not tree.unit.is_equivalent(u.one):
        assert found.unit is not None, tree
