"""No query, however large or odd, is slow or raises anything but an AdqlError."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adql import (
    DUCKDB,
    HIVE,
    SPARK,
    AdqlError,
    Catalogue,
    Column,
    ColumnType,
    Dialect,
    LimitError,
    Schema,
    Table,
    translate,
)
from adql.parser import parse
from tests.support.cases import cases
from tests.support.miniature import CATALOGUE

WIDE = Table("big", "wide", tuple(Column(f"c{number}", ColumnType("double")) for number in range(200)))
BIG = Catalogue((*CATALOGUE.schemas, Schema("big", (WIDE,))))


def many(form: str, joint: str = ", ") -> Callable[[int], str]:
    """A text in which a form with a number comes so many times."""
    return lambda size: joint.join(form.format(number) for number in range(size))


FROM_KINDS = "FROM mini.kinds"
GROWING: dict[str, Callable[[int], str]] = {
    "select list": lambda n: f"SELECT {many('kind + {}')(n)} {FROM_KINDS}",
    "one name again and again": lambda n: f"SELECT {many('kind')(n)} {FROM_KINDS}",
    "aliases": lambda n: f"SELECT {many('kind AS a')(n)} {FROM_KINDS}",
    "names in quotes": lambda n: (
        f"SELECT {', '.join(f'kind AS {chr(34)}A{i}{chr(34)}' for i in range(n))} {FROM_KINDS}"
    ),
    "list": lambda n: f"SELECT kind {FROM_KINDS} WHERE kind IN ({many('{}')(n)})",
    "OR": lambda n: f"SELECT kind {FROM_KINDS} WHERE {many('kind = {}', ' OR ')(n)}",
    "AND": lambda n: f"SELECT kind {FROM_KINDS} WHERE {many('kind > {}', ' AND ')(n)}",
    "LIKE": lambda n: "SELECT kind FROM mini.kinds WHERE " + many("label LIKE '%{}'", " OR ")(n),
    "GROUP BY": lambda n: f"SELECT {many('kind + {}')(n)} {FROM_KINDS} GROUP BY {many('kind + {}')(n)}",
    "GROUP BY aliases": lambda n: (
        f"SELECT {many('kind + {0} AS a{0}')(n)} {FROM_KINDS} GROUP BY {many('a{}')(n)}"
    ),
    "ORDER BY": lambda n: f"SELECT {many('kind + {}')(n)} {FROM_KINDS} ORDER BY {many('kind + {}')(n)}",
    "ORDER BY others": lambda n: f"SELECT kind {FROM_KINDS} ORDER BY {many('kind + {}')(n)}",
    "CASE": lambda n: f"SELECT CASE {many('WHEN kind = {0} THEN {0}', ' ')(n)} END {FROM_KINDS}",
    "COALESCE": lambda n: f"SELECT COALESCE({many('kind')(n)}) {FROM_KINDS}",
    "pieces of a text": lambda n: "SELECT " + many("'a'", " ")(n) + " FROM mini.kinds",
    "unknown columns": lambda n: f"SELECT {many('c{}x')(n)} FROM big.wide",
    "unknown functions": lambda n: f"SELECT {many('foo{}(1)')(n)} FROM big.wide",
    "columns of a wide table": lambda n: f"SELECT {', '.join(f'c{i % 200}' for i in range(n))} FROM big.wide",
    "columns of wide joins": lambda n: (
        "SELECT " + ", ".join(f"k{i % 20}.c{i % 200}" for i in range(n)) + f" FROM {many('big.wide k{}')(20)}"
    ),
    "stars of wide joins": lambda n: f"SELECT * FROM {many('big.wide k{}')(n // 20)}",
    "natural joins": lambda n: f"SELECT COUNT(*) FROM {many('big.wide k{}', ' NATURAL JOIN ')(n // 20)}",
    "common tables": lambda n: (
        "WITH a0 AS (SELECT kind FROM mini.kinds), "
        + ", ".join(f"a{i} AS (SELECT kind FROM a{i - 1})" for i in range(1, n))
        + f" SELECT kind FROM a{n - 1}"
    ),
    "correlated subqueries": lambda n: (
        "SELECT kind, "
        + many("(SELECT MAX(v.hours) FROM mini.visits v WHERE v.kind = k.kind) AS h{}")(n)
        + " FROM mini.kinds k GROUP BY kind"
    ),
    "cones": lambda n: (
        "SELECT star_id FROM mini.stars WHERE "
        + many("1 = CONTAINS(POINT(ra, dec), CIRCLE({}, 1, 0.1))", " OR ")(n // 4)
    ),
    "distances": lambda n: (
        "SELECT 1 FROM mini.stars a, mini.stars b WHERE "
        + many("DISTANCE(a.ra, a.dec, b.ra, b.dec) < {}.5", " AND ")(n // 20)
    ),
    "comments": lambda n: "--\n" * n + "SELECT kind FROM mini.kinds",
    "open parentheses": lambda n: "SELECT " + "(" * n,
    "open subqueries": lambda n: "SELECT * FROM " + "(SELECT * FROM " * n,
    "points": lambda n: f"SELECT {'a.' * n}b FROM mini.kinds",
    "union": many("SELECT kind FROM mini.kinds", " UNION "),
    "sum": lambda n: f"SELECT {many('kind', ' + ')(n)} {FROM_KINDS}",
}


def calls(query: str) -> int:
    """Calls of functions that it takes to translate a query or refuse it: what a clock tells, but exact."""
    parse.cache_clear()
    profile = cProfile.Profile()
    profile.enable()
    try:
        translate(query, BIG, DUCKDB, maxrec=10)
    except AdqlError:
        pass
    finally:
        profile.disable()
    return pstats.Stats(profile).total_calls  # type: ignore[attr-defined]


@pytest.mark.parametrize("shape", GROWING)
def test_twice_the_query_is_at_most_little_more_than_twice_the_work(shape: str) -> None:
    calls("SELECT kind FROM mini.kinds")  # what is done once only
    small, large = (calls(GROWING[shape](size)) for size in (200, 400))
    assert large < 2.4 * small + 5000, shape


ODD = {
    "a number": "SELECT {} FROM mini.kinds",
    "a limit": "SELECT TOP {} kind FROM mini.kinds",
    "an offset": "SELECT kind FROM mini.kinds OFFSET {}",
    "the number of a column": "SELECT kind FROM mini.kinds ORDER BY {}",
    "a group": "SELECT kind FROM mini.kinds GROUP BY {}",
    "a length": "SELECT CAST(label AS VARCHAR({})) FROM mini.kinds",
    "a fraction": "SELECT 0.{} FROM mini.kinds",
    "an exponent": "SELECT 1e{} FROM mini.kinds",
    "a small exponent": "SELECT 1e-{} FROM mini.kinds",
    "a member": "SELECT kind FROM mini.kinds WHERE kind IN ({})",
    "a text that is compared": "SELECT kind FROM mini.kinds WHERE kind = '{}'",
    "a text that is cast": "SELECT CAST('{}' AS BIGINT) FROM mini.kinds",
    "a place": "SELECT POINT({}, 1) FROM mini.kinds",
    "a place in a text": "SELECT REGION('CIRCLE ICRS {} 1 1') FROM mini.kinds",
    "an order": "SELECT ivo_healpix_index({}, 1, 1) FROM mini.kinds",
    "a cell": "SELECT MOC('0/{}') FROM mini.kinds",
    "a unit": "SELECT IN_UNIT(energy, 'TeV{}') FROM mini.stars",
    "a time": "SELECT star_id FROM mini.stars WHERE seen > '{}-01-01'",
    "decimals": "SELECT ROUND(1.5, {}) FROM mini.stars",
    "bins": "SELECT ivo_histogram(mag, 0, 1, {}) FROM mini.stars",
}


@pytest.mark.parametrize("digits", [19, 20, 400, 5000, 100_000])
@pytest.mark.parametrize("form", ODD.values(), ids=ODD)
def test_numbers_may_have_any_length(form: str, digits: int) -> None:
    try:
        translate(form.format("9" * digits), CATALOGUE, DUCKDB)
    except AdqlError as fault:
        assert 0 < len(str(fault)) < 30_000


@pytest.mark.parametrize(
    "expression",
    [
        "CAST(CAST(" * 20 + "kind" + " AS VARCHAR) AS INTEGER)" * 20,
        "CAST(CAST(" * 20 + "label" + " AS TIMESTAMP) AS VARCHAR)" * 20,
        "MOD(kind, " * 50 + "2" + ")" * 50,
        "POWER(" * 50 + "kind" + ", kind)" * 50,
        "COORD1(POINT(" * 30 + "ra" + ", 1))" * 30,
        "COORD1(ivo_geom_transform('ICRS', 'FK5', POINT(" * 20 + "kind" + ", 1)))" * 20,
        "DISTANCE(" * 40 + "kind" + ", 1, 1, 1)" * 40,
        "NULLIF(" * 60 + "kind" + ", kind)" * 60,
        "ivo_to_mjd(CAST(" * 20 + "label" + " AS VARCHAR))" * 20,
        "ROUND(" * 30 + "kind" + ", 2)" * 30,
        "kind" + " / kind" * 110,
    ],
    ids=lambda text: text[:12],
)
def test_functions_that_use_an_argument_often_nest_to_a_limit(expression: str) -> None:
    for query in (
        f"SELECT {expression} AS x FROM mini.kinds ORDER BY x",
        f"SELECT {expression}, COUNT(*) FROM mini.kinds GROUP BY {expression}",
        f"SELECT kind FROM mini.kinds WHERE {expression} > 1",
    ):
        try:
            assert len(translate(query, CATALOGUE, DUCKDB).sql) < 20_000_000
        except LimitError as fault:
            assert "too deep" in str(fault)
        except AdqlError as fault:
            assert fault.position is not None


def test_many_unknown_names_are_told_up_to_a_number() -> None:
    with pytest.raises(AdqlError) as refusal:
        translate(f"SELECT {many('x{}')(3000)} FROM big.wide", BIG, DUCKDB)
    told = str(refusal.value).split("\n")
    assert len(told) == 51
    assert told[0].startswith('Unknown column "x0" in big.wide.')


def test_a_message_is_shorter_than_the_longest_name() -> None:
    with pytest.raises(AdqlError) as refusal:
        translate(f"SELECT {'a' * 900_000} FROM big.wide", BIG, DUCKDB)
    assert len(str(refusal.value)) < 30_000


# Queries that someone mistyped

VALID = [case.query for name in ("answers", "language", "geometry", "functions") for case in cases(name)]
PIECES = st.sampled_from(
    "( ) , . * + - / || = <> < > ' \" ; -- 1 1.5 1e9 '' NULL SELECT FROM WHERE AS AND OR NOT IN EXISTS JOIN "
    "USING ON NATURAL GROUP BY ORDER UNION EXCEPT ALL DISTINCT TOP OFFSET CASE WHEN THEN END CAST "
    "BETWEEN LIKE IS POINT(1,2) kind star_id ra name mini.stars x \n \t \0 é 😀 COUNT(*) MAX( REAL".split(" ")
)


@st.composite
def mistyped(draw: st.DrawFn) -> str:
    """A valid query in which pieces were left out, put in, turned round or doubled."""
    text = draw(st.sampled_from(VALID))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 30)))
        match draw(st.integers(0, 4)):
            case 0:
                text = text[:start] + text[end:]
            case 1:
                text = text[:start] + draw(PIECES) + text[end:]
            case 2:
                text = text[:start] + text[start:end][::-1] + text[end:]
            case 3:
                text = text[:end] + text[start:end] + text[end:]
            case _:
                text = text[:start] + " " + draw(PIECES) + " " + text[start:]
    return text


@settings(max_examples=600, deadline=None)
@given(mistyped())
def test_a_mistyped_query_is_translated_or_refused_with_a_sentence(text: str) -> None:
    try:
        statement = translate(text, CATALOGUE, DUCKDB, maxrec=10)
    except AdqlError as fault:
        assert str(fault)
        assert fault.excerpt() == "" or fault.excerpt().endswith("^")
    else:
        assert statement.columns


@pytest.mark.parametrize("dialect", [DUCKDB, HIVE, SPARK], ids=lambda each: each.name)
@pytest.mark.parametrize("sign", ["+", "-", "*", "/", "||"])
def test_a_chain_of_a_hundred_terms_is_no_large_query(sign: str, dialect: Dialect) -> None:
    term = "name" if sign == "||" else "ra"
    text = f"SELECT {sign.join([term] * 100)} AS x FROM mini.stars"
    assert len(translate(text, CATALOGUE, dialect).sql) < 50 * 100
