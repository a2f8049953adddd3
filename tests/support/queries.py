"""Queries over the miniature as hypothesis draws them: trees that are bound to its tables and columns.

Every expression has a kind (number, whole, text or condition), so that a query is valid by its making. No
function of chance is drawn, TOP and OFFSET only where the order is told, and no number that two engines might
round differently in the twelfth digit and then compare.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from hypothesis import strategies as st

from adql import ast

NUMBERS = {"stars": ("mag", "ra", "dec", "energy"), "kinds": (), "visits": ("hours",)}
WHOLES = {"stars": ("star_id", "kind"), "kinds": ("kind", "size"), "visits": ("visit", "star_id", "kind")}
TEXTS = {"stars": ("name",), "kinds": ("label",), "visits": ()}

_LITERALS = ("0", "1", "2", "3", "7", "0.5", "2.25", "1e2", "100", "2147483647", "9223372036854775807")
_WORDS = ("", "a", "Alpha", "point", "It's", "100%_a", "back\\slash", "é", "none", "a b", "\t", ";--")
_PATTERNS = ("%", "a%", "%a%", "_eta", "%!_%", "point", "", "%\\%", "It'_", "É", "!%%", "[a-z]%", ".*")


@dataclass(frozen=True)
class Columns:
    """What may be named at a place, by kind."""

    numbers: tuple[ast.ColumnReference, ...]
    wholes: tuple[ast.ColumnReference, ...]
    texts: tuple[ast.ColumnReference, ...]


def _name(word: str) -> ast.Identifier:
    return ast.Identifier(word, word == "size")


def _columns(*named: tuple[str, str]) -> Columns:
    """The columns of tables under their aliases."""

    def of(kind: dict[str, tuple[str, ...]]) -> tuple[ast.ColumnReference, ...]:
        return tuple(
            ast.ColumnReference((_name(alias), _name(column)))
            for table, alias in named
            for column in kind[table]
        )

    return Columns(of(NUMBERS), of(WHOLES), of(TEXTS))


def _function(name: str, *arguments: ast.Expression) -> ast.Function:
    return ast.Function(name, arguments)


@cache
def wholes(columns: Columns) -> st.SearchStrategy[ast.Expression]:
    """Integers: what does not fit is NULL on every engine."""
    leaves = st.one_of(
        st.sampled_from([word for word in _LITERALS if word.isdigit()]).map(ast.Number),
        *([st.sampled_from(columns.wholes)] if columns.wholes else []),
    )

    def grown(inner: st.SearchStrategy[ast.Expression]) -> st.SearchStrategy[ast.Expression]:
        return st.one_of(
            st.builds(ast.Arithmetic, st.sampled_from("+-*/"), inner, inner),
            st.builds(ast.Sign, st.just("-"), inner),
            st.builds(lambda a, b: _function("MOD", a, b), inner, inner),
            st.builds(lambda a: _function("ABS", a), inner),
            st.builds(lambda a, b: _function("NULLIF", a, b), inner, inner),
            st.builds(lambda a, b: _function("COALESCE", a, b), inner, inner),
            st.builds(
                lambda a, n: _function("ROUND", a, n), inner, st.sampled_from([_minus("1"), _minus("2")])
            ),
            st.builds(ast.Cast, inner, st.sampled_from(["INTEGER", "SMALLINT", "BIGINT"])),
        )

    return st.recursive(leaves, grown, max_leaves=4)


def _minus(digits: str) -> ast.Expression:
    return ast.Sign("-", ast.Number(digits))


@cache
def numbers(columns: Columns) -> st.SearchStrategy[ast.Expression]:
    """Real numbers."""
    leaves = st.one_of(
        st.sampled_from(_LITERALS).map(ast.Number),
        *([st.sampled_from(columns.numbers)] if columns.numbers else []),
    )
    names = ["ABS", "SQRT", "EXP", "LOG", "LOG10", "SIN", "COS", "ATAN", "FLOOR", "CEILING", "DEGREES"]

    def grown(inner: st.SearchStrategy[ast.Expression]) -> st.SearchStrategy[ast.Expression]:
        return st.one_of(
            st.builds(ast.Arithmetic, st.sampled_from("+-*/"), inner, inner),
            st.builds(_function, st.sampled_from(names), inner),
            st.builds(lambda a, b: _function("COALESCE", a, b), inner, inner),
            st.builds(lambda a: ast.Cast(a, "DOUBLE PRECISION"), inner),
        )

    return st.recursive(leaves, grown, max_leaves=3)


@cache
def texts(columns: Columns) -> st.SearchStrategy[ast.Expression]:
    """Texts."""
    leaves = st.one_of(
        st.sampled_from(_WORDS).map(ast.String), *([st.sampled_from(columns.texts)] if columns.texts else [])
    )

    def grown(inner: st.SearchStrategy[ast.Expression]) -> st.SearchStrategy[ast.Expression]:
        return st.one_of(
            st.builds(ast.Arithmetic, st.just("||"), inner, inner),
            st.builds(_function, st.sampled_from(["LOWER", "UPPER"]), inner),
            st.builds(ast.Cast, inner, st.just("VARCHAR"), st.sampled_from([1, 3, 9])),
            st.builds(lambda a: ast.Cast(a, "VARCHAR"), wholes(columns)),
        )

    return st.recursive(leaves, grown, max_leaves=3)


@cache
def conditions(
    columns: Columns, queries: st.SearchStrategy[ast.Expression] | None = None
) -> st.SearchStrategy[ast.Expression]:
    """Conditions of every form; ``queries`` are further ones."""
    whole, number, text = wholes(columns), numbers(columns), texts(columns)
    operator, flag = st.sampled_from(["=", "<>", "<", ">", "<=", ">="]), st.booleans()
    pattern = st.sampled_from(_PATTERNS).map(ast.String)
    named = st.sampled_from(columns.numbers + columns.wholes + columns.texts)
    leaves = st.one_of(
        st.builds(ast.Comparison, operator, whole, whole),
        st.builds(ast.Comparison, operator, text, text),
        st.builds(ast.Comparison, operator, st.sampled_from(columns.numbers or columns.wholes), whole),
        st.builds(ast.Between, whole, whole, whole, flag),
        st.builds(ast.InList, whole, st.lists(whole, min_size=1, max_size=3).map(tuple), flag),
        st.builds(ast.InList, text, st.lists(text, min_size=1, max_size=3).map(tuple), flag),
        st.builds(ast.Like, text, pattern, flag, flag, st.none() | st.just(ast.String("!"))),
        st.builds(ast.IsNull, named, flag),
        st.builds(lambda a, b: ast.IsNull(ast.Arithmetic("/", a, b), False), number, number),
        *([queries] if queries is not None else []),
    ).filter(_is_pattern)

    def grown(inner: st.SearchStrategy[ast.Expression]) -> st.SearchStrategy[ast.Expression]:
        several = st.lists(inner, min_size=2, max_size=3).map(tuple)
        return st.one_of(st.builds(ast.Not, inner), st.builds(ast.And, several), st.builds(ast.Or, several))

    return st.recursive(leaves, grown, max_leaves=4)


def _is_pattern(condition: ast.Expression) -> bool:
    """False for a LIKE whose pattern has an escape before what needs none (SQL92 section 8.5)."""
    if not isinstance(condition, ast.Like) or condition.escape is None:
        return True
    assert isinstance(condition.pattern, ast.String)
    rest = condition.pattern.value.replace("!!", "").replace("!%", "").replace("!_", "")
    return "!" not in rest


@cache
def values(columns: Columns) -> st.SearchStrategy[ast.Expression]:
    """Outputs of every kind, and CASE of them."""
    kinds = [wholes(columns), numbers(columns), texts(columns)]
    cases = [
        st.builds(
            lambda condition, yes, no: ast.Case(None, (ast.When(condition, yes),), no),
            conditions(columns),
            kind,
            st.none() | kind,
        )
        for kind in kinds
    ]
    return st.one_of(*kinds, *cases)


@st.composite
def _sources(draw: st.DrawFn) -> tuple[ast.Source, Columns]:
    """One table, or two joined, and their columns."""
    tables = draw(st.lists(st.sampled_from(sorted(NUMBERS)), min_size=1, max_size=2))
    named = [(table, alias) for table, alias in zip(tables, ("a", "b"), strict=False)]
    references = [ast.TableReference((_name("mini"), _name(table)), _name(alias)) for table, alias in named]
    columns = _columns(*named)
    if len(references) == 1:
        return references[0], columns
    kind = draw(st.sampled_from(["INNER", "LEFT", "RIGHT", "FULL", "CROSS"]))
    if kind == "CROSS":
        return ast.Join("CROSS", *references), columns
    sides = [st.sampled_from(_columns(each).wholes) for each in named]
    condition = ast.Comparison("=", draw(sides[0]), draw(sides[1]))
    return ast.Join(kind, *references, condition=condition), columns


@st.composite
def _inner(draw: st.DrawFn, columns: Columns) -> ast.Expression:
    """A condition with a subquery: IN, EXISTS or a comparison, tied to the query around it or not."""
    table = draw(st.sampled_from(sorted(NUMBERS)))
    mine = _columns((table, "c"))
    parts = draw(st.lists(conditions(mine), max_size=1))
    if draw(st.booleans()):
        tie = ast.Comparison("=", draw(st.sampled_from(mine.wholes)), draw(st.sampled_from(columns.wholes)))
        parts.append(tie)
    where = None if not parts else parts[0] if len(parts) == 1 else ast.And(tuple(parts))
    source = ast.TableReference((_name("mini"), _name(table)), _name("c"))
    form = draw(st.sampled_from(["in", "exists", "value"]))
    column = draw(st.sampled_from(mine.wholes))
    output = _function(draw(st.sampled_from(["MAX", "COUNT", "SUM"])), column) if form == "value" else column
    query = ast.Query(ast.Select((ast.SelectItem(output),), source, where=where))
    operand = draw(st.sampled_from(columns.wholes))
    if form == "in":
        return ast.InQuery(operand, query, draw(st.booleans()))
    if form == "exists":
        return ast.Exists(query)
    return ast.Comparison(draw(st.sampled_from(["=", "<", ">="])), operand, ast.Subquery(query))


@cache
def _with_subqueries(columns: Columns) -> st.SearchStrategy[ast.Expression]:
    return conditions(columns, _inner(columns))


@st.composite
def _selects(draw: st.DrawFn, size: int, kinds: list[str] | None = None) -> ast.Select:
    """A SELECT of so many outputs, of these kinds if any are asked."""
    source, columns = draw(_sources())
    where = draw(st.none() | conditions(columns) | _with_subqueries(columns))
    strategies = {"whole": wholes(columns), "text": texts(columns), "any": values(columns)}
    outputs = [draw(strategies[kind]) for kind in kinds or ["any"] * size]
    items = tuple(ast.SelectItem(output, _name(f"x{n}")) for n, output in enumerate(outputs))
    return ast.Select(items, source, draw(st.booleans()), None, where)


@st.composite
def _grouped(draw: st.DrawFn) -> ast.Select:
    """A SELECT of groups with aggregates."""
    source, columns = draw(_sources())
    keys = draw(st.lists(st.sampled_from(columns.wholes + columns.texts), max_size=2, unique=True))
    names = st.sampled_from(["COUNT", "SUM", "MIN", "MAX", "AVG"])
    aggregates = [
        ast.Function(draw(names), (draw(wholes(columns)),), draw(st.sampled_from([None, "DISTINCT"])))
        for _ in range(draw(st.integers(1, 3)))
    ]
    outputs = (*keys, *aggregates)
    items = tuple(ast.SelectItem(output, _name(f"x{n}")) for n, output in enumerate(outputs))
    count = ast.Function("COUNT", (ast.Star(),))
    having = draw(st.none() | st.just(ast.Comparison(">", count, ast.Number("1"))))
    where = draw(st.none() | conditions(columns))
    return ast.Select(items, source, where=where, group_by=tuple(keys), having=having)


@st.composite
def queries(draw: st.DrawFn) -> ast.Query:
    """A whole query; with TOP and OFFSET all outputs are sort keys, so that the rows are certain."""
    form = draw(st.sampled_from(["select", "select", "grouped", "set", "derived", "sorted"]))
    if form == "grouped":
        return ast.Query(draw(_grouped()))
    if form == "set":
        kinds = draw(st.lists(st.sampled_from(["whole", "text"]), min_size=1, max_size=2))
        left, right = (draw(_selects(0, kinds)) for _ in range(2))
        operator = draw(st.sampled_from(["UNION", "EXCEPT", "INTERSECT"]))
        return ast.Query(ast.SetOperation(operator, left, right, draw(st.booleans())))
    if form == "derived":
        inner = ast.Query(draw(_selects(0, ["whole", "text"])))
        columns = Columns(
            (),
            (ast.ColumnReference((_name("d"), _name("x0"))),),
            (ast.ColumnReference((_name("d"), _name("x1"))),),
        )
        items = (ast.SelectItem(draw(values(columns)), _name("y")),)
        where = draw(st.none() | conditions(columns))
        return ast.Query(ast.Select(items, ast.DerivedTable(inner, _name("d")), where=where))
    select = draw(_selects(draw(st.integers(1, 3))))
    if form == "select":
        return ast.Query(select)
    order = tuple(
        ast.OrderTerm(ast.Number(str(number)), draw(st.booleans()))
        for number in range(1, len(select.items) + 1)
    )
    cut = ast.Select(select.items, select.source, select.distinct, draw(st.integers(0, 4)), select.where)
    return ast.Query(cut, order, draw(st.none() | st.integers(0, 3)))
