"""The plain tree that dialects render: every name resolved, every expression typed, no ADQL left.

An :class:`Op` is named after what it does, not after how an engine writes it; a dialect has one table from
those names to its own words. Conditions are expressions of type boolean.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from adql.pruning import Restriction
from adql.schema import Column, Table
from adql.types import ColumnType

BOOLEAN = ColumnType("boolean")


@dataclass(frozen=True, slots=True)
class Expr:
    """A typed value or condition."""

    type: ColumnType


@dataclass(frozen=True, slots=True)
class Literal(Expr):
    """A constant; None is NULL. A float keeps the digits of the query in ``text``."""

    value: int | float | str | bool | None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Field(Expr):
    """A column of a relation of FROM."""

    relation: str
    name: str


@dataclass(frozen=True, slots=True)
class Local(Expr):
    """A name that ``let``, ``count_over`` or ``sum_over`` gives a value to, inside of it."""

    name: str


@dataclass(frozen=True, slots=True)
class Op(Expr):
    """An operation on values, by its own name (``add``, ``eq``, ``ln``, ``case`` ...)."""

    name: str
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Aggregate(Expr):
    """``count``, ``sum``, ``avg``, ``min``, ``max``; no argument is COUNT(*)."""

    name: str
    args: tuple[Expr, ...]
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class ScalarQuery(Expr):
    """The single value of a query."""

    query: Query


@dataclass(frozen=True, slots=True)
class ExistsQuery(Expr):
    """True if a query has a row."""

    query: Query


@dataclass(frozen=True, slots=True)
class InSelect(Expr):
    """True if the operand is among the values of a query."""

    operand: Expr
    query: Query


# Relations


class Relation:
    """What FROM reads."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class TableSource(Relation):
    """A table under the alias that fields use."""

    alias: str
    table: Table
    restriction: Restriction = field(default_factory=Restriction, hash=False)


@dataclass(frozen=True, slots=True)
class QuerySource(Relation):
    """A query in FROM."""

    alias: str
    query: Query


@dataclass(frozen=True, slots=True)
class CommonSource(Relation):
    """A query of the WITH clause, by its name there."""

    alias: str
    name: str


@dataclass(frozen=True, slots=True)
class RowsSource(Relation):
    """A few rows of whole numbers."""

    alias: str
    names: tuple[str, ...]
    rows: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class JoinSource(Relation):
    """Two relations; without a condition their product."""

    kind: str
    """inner, left, right, full or cross."""
    left: Relation
    right: Relation
    condition: Expr | None = None


# Queries


class Body:
    """A SELECT or a set operation."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Item:
    """An output of a SELECT under the name that the SQL uses."""

    expr: Expr
    name: str


@dataclass(frozen=True, slots=True)
class Select(Body):
    """One SELECT without order or limit."""

    items: tuple[Item, ...]
    source: Relation
    distinct: bool = False
    where: Expr | None = None
    group_by: tuple[Expr, ...] = ()
    having: Expr | None = None
    is_aggregate: bool = False


@dataclass(frozen=True, slots=True)
class SetOperation(Body):
    """``union``, ``except`` or ``intersect``; operands have as many columns, of the same types."""

    operator: str
    all: bool
    left: Query
    right: Query


@dataclass(frozen=True, slots=True)
class OrderKey:
    """An output column to sort by; NULLs are last in either direction."""

    name: str
    descending: bool


@dataclass(frozen=True, slots=True)
class CommonQuery:
    """A named query of WITH."""

    name: str
    query: Query


@dataclass(frozen=True, slots=True)
class Query:
    """A body with its order and its cut."""

    body: Body
    columns: tuple[Column, ...]
    """What each output is; the names are ADQL's, not the SQL's."""
    names: tuple[str, ...]
    """The outputs' names in the SQL, in the order of ``columns``."""
    order_by: tuple[OrderKey, ...] = ()
    hidden: tuple[Item, ...] = ()
    """Sort keys that are computed beside the outputs and cut off after sorting."""
    limit: int | None = None
    offset: int | None = None
    common: tuple[CommonQuery, ...] = ()


def children(expr: Expr) -> tuple[Expr, ...]:
    """Expressions directly below; those inside subqueries are not among them."""
    if isinstance(expr, Op | Aggregate):
        return expr.args
    if isinstance(expr, InSelect):
        return (expr.operand,)
    return ()


def walk(expr: Expr) -> Iterator[Expr]:
    """An expression and all below it, without recursion; a shared part comes once for each use."""
    stack = [expr]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(children(node))


class Sizes:
    """Counts the nodes of expressions that are written out: a shared part comes once for each use."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Expr, int]] = {}

    def of(self, expr: Expr) -> int:
        """The number for an expression; what is known of its parts is not counted anew."""
        found = self._known.get(id(expr))
        if found is None:
            # The expression is kept, so that no other takes its place in memory.
            found = self._known[id(expr)] = expr, 1 + sum(self.of(child) for child in children(expr))
        return found[1]


def expressions(query: Query) -> Iterator[Expr]:
    """The expressions that a query is made of, those of queries in FROM too; not those below each other."""
    queries = [query]
    while queries:
        asked = queries.pop()
        yield from (item.expr for item in asked.hidden)
        if isinstance(asked.body, SetOperation):
            queries += [asked.body.left, asked.body.right]
            continue
        assert isinstance(asked.body, Select)
        body = asked.body
        yield from (item.expr for item in body.items)
        yield from body.group_by
        yield from (condition for condition in (body.where, body.having) if condition is not None)
        for source in sources(body.source):
            if isinstance(source, QuerySource):
                queries.append(source.query)
            elif isinstance(source, JoinSource) and source.condition is not None:
                yield source.condition


def sources(source: Relation) -> Iterator[Relation]:
    """What FROM reads, and the joins that bring it together."""
    stack = [source]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, JoinSource):
            stack += [node.left, node.right]


def aliases(source: Relation) -> frozenset[str]:
    """The names by which fields refer to what FROM reads."""
    named = (TableSource, QuerySource, CommonSource, RowsSource)
    return frozenset(node.alias for node in sources(source) if isinstance(node, named))


def conjuncts(condition: Expr | None) -> tuple[Expr, ...]:
    """The conditions that must all hold for ``condition`` to hold."""
    if condition is None:
        return ()
    if isinstance(condition, Op) and condition.name == "and":
        return tuple(part for arg in condition.args for part in conjuncts(arg))
    return (condition,)


def all_of(conditions: tuple[Expr, ...]) -> Expr | None:
    """One condition for several; None for none."""
    if not conditions:
        return None
    return conditions[0] if len(conditions) == 1 else Op(BOOLEAN, "and", conditions)


def constant(expr: Expr) -> float | int | str | None:
    """The value of an expression of literals and signs and the four operations; None if it is none."""
    if isinstance(expr, Literal):
        return None if isinstance(expr.value, bool) else expr.value
    if not isinstance(expr, Op) or expr.name not in _FOLDED:
        return None
    values = [constant(arg) for arg in expr.args]
    if any(value is None or isinstance(value, str) for value in values):
        return None
    try:
        return _FOLDED[expr.name](*values)  # type: ignore[no-any-return, operator]
    except (ZeroDivisionError, OverflowError):
        return None


_FOLDED = {
    "neg": lambda a: -a,
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "neg_integer": lambda a: -a,
    "add_integer": lambda a, b: a + b,
    "sub_integer": lambda a, b: a - b,
    "mul_integer": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "idiv": lambda a, b: int(a / b) if abs(a) < 1 << 52 and abs(b) < 1 << 52 else None,
    "to_double": float,
    "to_bigint": int,
}
