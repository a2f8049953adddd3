"""Result columns say what they are, through aliases, arithmetic, aggregates, subqueries and joins."""

from __future__ import annotations

import pytest
from astropy.io.votable.ucd import check_ucd
from astropy.units import Unit

from adql import DUCKDB, Column, translate
from adql.words import RESERVED_WORDS
from tests.support.cases import cases
from tests.support.miniature import CATALOGUE


def column(select: str, rest: str = "FROM mini.stars") -> Column:
    (found,) = translate(f"SELECT {select} {rest}", CATALOGUE, DUCKDB).columns
    return found


@pytest.mark.parametrize(
    ("select", "unit", "ucd"),
    [
        ("energy", "TeV", "em.energy"),
        ("energy AS e", "TeV", "em.energy"),
        ("MAX(energy)", "TeV", "em.energy;stat.max"),
        ("MIN(ra)", "deg", "pos.eq.ra;stat.min"),
        ("AVG(energy)", "TeV", "em.energy;stat.mean"),
        ("SUM(energy)", "TeV", "em.energy;arith.sum"),
        ("COUNT(*)", None, "meta.number"),
        ("energy * 2", "TeV", "em.energy"),
        ("-energy", "TeV", "em.energy"),
        ("energy * energy", "TeV**2", "em.energy;arith.squared"),
        ("POWER(energy, 3)", "TeV**3", None),
        ("SQRT(energy * energy)", "TeV", None),
        ("energy / dec", "TeV.deg**-1", None),
        ("ra + dec", "deg", None),
        ("ra + energy", None, None),
        ("ROUND(energy, 1)", "TeV", "em.energy"),
        ("COALESCE(energy, 0)", "TeV", "em.energy"),
        ("DISTANCE(ra, dec, 0, 0)", "deg", "pos.angDistance"),
        ("DEGREES(1)", "deg", None),
        ("CAST(energy AS REAL)", "TeV", "em.energy"),
        ("CASE WHEN kind = 1 THEN energy ELSE 2 * energy END", "TeV", "em.energy"),
    ],
)
def test_unit_and_ucd(select: str, unit: str | None, ucd: str | None) -> None:
    found = column(select)
    assert (found.unit, found.ucd) == (unit, ucd)


def test_what_is_lost_is_said() -> None:
    assert "not known for sure" in column("ra + energy").description


def test_metadata_goes_through_subqueries_and_sets() -> None:
    inner = "(SELECT energy AS e FROM mini.stars UNION SELECT energy FROM mini.stars) AS x"
    found = column("MAX(e) AS highest", f"FROM {inner}")
    assert (found.name, found.unit, found.ucd) == ("highest", "TeV", "em.energy;stat.max")


@pytest.mark.parametrize("case", cases("answers"), ids=lambda case: case.name)
def test_every_column_is_legal(case: object) -> None:
    for found in translate(case.query, CATALOGUE, DUCKDB).columns:
        assert found.name.upper() not in RESERVED_WORDS or found.name == "size"
        assert found.name[0].isalpha()
        assert found.description
        if found.ucd:
            assert check_ucd(found.ucd, check_controlled_vocabulary=True)
        if found.unit:
            Unit(found.unit, format="vounit")


def test_names_are_kept_as_the_query_writes_them() -> None:
    columns = translate(
        'SELECT energy AS "E [TeV]", ra AS Foo, mag FROM mini.stars', CATALOGUE, DUCKDB
    ).columns
    assert [found.name for found in columns] == ["E [TeV]", "Foo", "mag"]


def test_double_names_are_told_apart() -> None:
    columns = translate("SELECT a.kind, b.kind FROM mini.stars a, mini.kinds b", CATALOGUE, DUCKDB).columns
    assert [found.name for found in columns] == ["kind", "kind_2"]


def test_text_beyond_ascii_is_unicode() -> None:
    assert column("'Mkn 421'").type.datatype == "char"
    assert column("'Nöthe'").type.datatype == "unicodeChar"
    assert column("name || ' ★'").type.datatype == "unicodeChar"
