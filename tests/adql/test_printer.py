"""A tree that is printed and parsed again is the same tree."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adql import AdqlError, ast, parse
from adql.printer import to_adql
from adql.words import RESERVED_WORDS
from tests.support.cases import cases

NAMES = st.one_of(
    st.text(string.ascii_letters, min_size=1, max_size=8)
    .filter(lambda name: name.upper() not in RESERVED_WORDS)
    .map(ast.Identifier),
    st.text(
        st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=8
    ).map(lambda name: ast.Identifier(name, True)),
)
TEXTS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=12).map(ast.String)
NUMBERS = st.one_of(
    st.integers(0, 10**20).map(lambda value: ast.Number(str(value))),
    st.floats(0, allow_infinity=False, allow_nan=False).map(lambda value: ast.Number(repr(value))),
)
COLUMNS = st.lists(NAMES, min_size=1, max_size=3).map(lambda path: ast.ColumnReference(tuple(path)))
LEAVES = st.one_of(TEXTS, NUMBERS, COLUMNS, st.just(ast.Null()))


def _values(inner: st.SearchStrategy[ast.Expression]) -> st.SearchStrategy[ast.Expression]:
    several = st.lists(inner, min_size=1, max_size=3).map(tuple)
    condition = _conditions(inner)
    return st.one_of(
        st.builds(ast.Sign, st.sampled_from("+-"), inner),
        st.builds(ast.Arithmetic, st.sampled_from(["+", "-", "*", "/", "||"]), inner, inner),
        st.builds(ast.Function, st.sampled_from(["ABS", "POINT", "ivo_foo", "COUNT"]), several),
        st.builds(ast.Cast, inner, st.sampled_from(["BIGINT", "DOUBLE PRECISION", "POINT"])),
        st.builds(
            ast.Case,
            st.none() | inner,
            st.lists(st.builds(ast.When, condition, inner), min_size=1).map(tuple),
            inner,
        ),
    )


def _conditions(value: st.SearchStrategy[ast.Expression]) -> st.SearchStrategy[ast.Expression]:
    several = st.lists(value, min_size=1, max_size=3).map(tuple)
    flag = st.booleans()
    plain = st.one_of(
        st.builds(ast.Comparison, st.sampled_from(["=", "<>", "<", ">", "<=", ">="]), value, value),
        st.builds(ast.Between, value, value, value, flag),
        st.builds(ast.InList, value, several, flag),
        st.builds(ast.Like, value, TEXTS, flag, flag, st.none() | TEXTS),
        st.builds(ast.IsNull, value, flag),
    )
    return st.one_of(
        plain,
        st.builds(ast.Not, plain),
        st.builds(ast.And, st.lists(plain | st.builds(ast.Not, plain), min_size=2, max_size=3).map(tuple)),
        st.builds(ast.Or, st.lists(plain, min_size=2, max_size=3).map(tuple)),
    )


VALUES = st.recursive(LEAVES, _values, max_leaves=12)
TABLES = st.builds(ast.TableReference, st.lists(NAMES, min_size=1, max_size=2).map(tuple), st.none() | NAMES)
SOURCES = st.one_of(
    TABLES,
    st.builds(
        ast.Join,
        st.sampled_from(["INNER", "LEFT", "RIGHT", "FULL"]),
        TABLES,
        TABLES,
        condition=_conditions(VALUES),
    ),
    st.builds(ast.Join, st.sampled_from(["INNER", "LEFT"]), TABLES, TABLES, natural=st.just(True)),
    st.builds(ast.Join, st.just("CROSS"), TABLES, TABLES),
)
SELECTS = st.builds(
    ast.Select,
    st.lists(st.builds(ast.SelectItem, VALUES, st.none() | NAMES), min_size=1, max_size=3).map(tuple),
    SOURCES,
    st.booleans(),
    st.none() | st.integers(0, 1000),
    st.none() | _conditions(VALUES),
    st.lists(VALUES, max_size=2).map(tuple),
    st.none() | _conditions(VALUES),
)
QUERIES = st.builds(
    ast.Query,
    SELECTS
    | st.builds(ast.SetOperation, st.sampled_from(["UNION", "EXCEPT"]), SELECTS, SELECTS, st.booleans()),
    st.lists(st.builds(ast.OrderTerm, VALUES, st.booleans()), max_size=2).map(tuple),
    st.none() | st.integers(0, 1000),
)


@settings(max_examples=300, deadline=None)
@given(QUERIES)
def test_printed_trees_parse_to_themselves(query: ast.Query) -> None:
    assert parse(to_adql(query)) == query


@pytest.mark.parametrize("case", cases("answers") + cases("language"), ids=lambda case: case.name)
def test_printed_cases_parse_to_themselves(case: object) -> None:
    tree = parse(case.query)
    assert parse(to_adql(tree)) == tree


@settings(max_examples=500, deadline=None)
@given(st.text(st.sampled_from("SELECT FROM WHERE a1.5e'\"()*,;-+/|<>=\n\tñ☃\0"), max_size=80))
def test_any_text_is_a_tree_or_an_adql_error(text: str) -> None:
    try:
        parse(text)
    except AdqlError as fault:
        assert str(fault)


WORDS = st.sampled_from(
    "SELECT FROM WHERE TOP 5 * a b t.a , ( ) AND OR NOT = < 'x' JOIN ON USING GROUP BY ORDER UNION IN LIKE "
    "IS NULL CASE WHEN THEN END CAST AS POINT COUNT DISTINCT BETWEEN EXISTS WITH OFFSET time".split()
)


@settings(max_examples=500, deadline=None)
@given(st.lists(WORDS, max_size=25).map(" ".join))
def test_any_words_are_a_tree_or_an_adql_error(text: str) -> None:
    try:
        parse(text)
    except AdqlError as fault:
        assert str(fault)
