"""The tree of a query as it is written: frozen nodes, each with its place in the text.

Places do not count when trees are compared. Chains of AND and OR are flat; arithmetic leans left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from adql.types import Position

_NOWHERE = Position(0, 0)


@dataclass(frozen=True, slots=True)
class Node:
    """Anything in the tree."""

    position: Position = field(default=_NOWHERE, compare=False, kw_only=True)

    def children(self) -> Iterator[Node]:
        """Nodes directly below, in the order of the fields."""
        for slot in fields(self):
            value = getattr(self, slot.name)
            if isinstance(value, Node):
                yield value
            elif isinstance(value, tuple):
                yield from (item for item in value if isinstance(item, Node))


@dataclass(frozen=True, slots=True)
class Identifier(Node):
    """A name, without quotes; regular names match in any case, delimited ones exactly."""

    name: str
    delimited: bool = False

    def matches(self, name: str) -> bool:
        """True if this names ``name`` (ADQL 2.1 section 2.1.2)."""
        return self.name == name if self.delimited else self.name.lower() == name.lower()

    def __str__(self) -> str:
        return '"' + self.name.replace('"', '""') + '"' if self.delimited else self.name


# Expressions


class Expression(Node):
    """A value or a condition; the grammar does not tell them apart, the binder does."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Number(Expression):
    """An unsigned number as it is written."""

    text: str

    @property
    def is_integer(self) -> bool:
        return self.text.isdigit()


@dataclass(frozen=True, slots=True)
class String(Expression):
    """A text literal, quotes resolved."""

    value: str


@dataclass(frozen=True, slots=True)
class Null(Expression):
    """The word NULL."""


@dataclass(frozen=True, slots=True)
class ColumnReference(Expression):
    """A column, with or without schema and table before it."""

    path: tuple[Identifier, ...]

    @property
    def name(self) -> Identifier:
        return self.path[-1]

    @property
    def qualifier(self) -> tuple[Identifier, ...]:
        return self.path[:-1]

    def __str__(self) -> str:
        return ".".join(str(part) for part in self.path)


@dataclass(frozen=True, slots=True)
class Star(Expression):
    """``*`` or ``table.*`` in a select list, or the ``*`` of COUNT(*)."""

    qualifier: tuple[Identifier, ...] = ()


@dataclass(frozen=True, slots=True)
class Function(Expression):
    """A call of a function, an aggregate or a geometry, by the name as written."""

    name: str
    arguments: tuple[Expression, ...]
    quantifier: str | None = None
    """DISTINCT or ALL in an aggregate."""


@dataclass(frozen=True, slots=True)
class Sign(Expression):
    """``+x`` or ``-x``."""

    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class Arithmetic(Expression):
    """``+ - * /`` of numbers or ``||`` of texts."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Comparison(Expression):
    """``= <> < > <= >=``; ``!=`` is told as ``<>``."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Between(Expression):
    """``x [NOT] BETWEEN low AND high``."""

    operand: Expression
    low: Expression
    high: Expression
    negated: bool = False


@dataclass(frozen=True, slots=True)
class InList(Expression):
    """``x [NOT] IN (a, b, ...)``."""

    operand: Expression
    items: tuple[Expression, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class InQuery(Expression):
    """``x [NOT] IN (SELECT ...)``."""

    operand: Expression
    query: Query
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Like(Expression):
    """``x [NOT] LIKE pattern [ESCAPE c]`` and ILIKE."""

    operand: Expression
    pattern: Expression
    negated: bool = False
    ignore_case: bool = False
    escape: Expression | None = None


@dataclass(frozen=True, slots=True)
class IsNull(Expression):
    """``x IS [NOT] NULL``."""

    operand: Expression
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Exists(Expression):
    """``EXISTS (SELECT ...)``."""

    query: Query


@dataclass(frozen=True, slots=True)
class Not(Expression):
    """``NOT condition``."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class And(Expression):
    """Two conditions or more that hold together."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or(Expression):
    """Two conditions or more of which one holds."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Cast(Expression):
    """``CAST(x AS target[(length)])``."""

    operand: Expression
    target: str
    """Upper case: CHAR, VARCHAR, SMALLINT, INTEGER, BIGINT, REAL, DOUBLE PRECISION, TIMESTAMP, POINT ..."""
    length: int | None = None


@dataclass(frozen=True, slots=True)
class When(Node):
    """One branch of a CASE."""

    condition: Expression
    result: Expression


@dataclass(frozen=True, slots=True)
class Case(Expression):
    """``CASE [x] WHEN a THEN b ... [ELSE c] END``, an extension."""

    operand: Expression | None
    branches: tuple[When, ...]
    default: Expression | None


@dataclass(frozen=True, slots=True)
class Subquery(Expression):
    """A query that gives one value."""

    query: Query


# Tables


class Source(Node):
    """What a FROM clause reads."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class TableReference(Source):
    """A table by name."""

    path: tuple[Identifier, ...]
    alias: Identifier | None = None


@dataclass(frozen=True, slots=True)
class DerivedTable(Source):
    """A query in FROM."""

    query: Query
    alias: Identifier


@dataclass(frozen=True, slots=True)
class Join(Source):
    """``left [NATURAL] kind JOIN right [ON condition | USING (columns)]``."""

    kind: str
    """INNER, LEFT, RIGHT, FULL, or CROSS for a comma."""
    left: Source
    right: Source
    natural: bool = False
    condition: Expression | None = None
    using: tuple[Identifier, ...] = ()


# Queries


@dataclass(frozen=True, slots=True)
class SelectItem(Node):
    """An expression of a select list with its alias."""

    expression: Expression
    alias: Identifier | None = None


@dataclass(frozen=True, slots=True)
class OrderTerm(Node):
    """A term of ORDER BY; an unsigned integer counts columns."""

    expression: Expression
    descending: bool = False


class QueryBody(Node):
    """A SELECT or a set operation."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Select(QueryBody):
    """One SELECT."""

    items: tuple[SelectItem, ...]
    source: Source
    distinct: bool = False
    top: int | None = None
    where: Expression | None = None
    group_by: tuple[Expression, ...] = ()
    having: Expression | None = None


@dataclass(frozen=True, slots=True)
class SetOperation(QueryBody):
    """UNION, EXCEPT or INTERSECT of two queries."""

    operator: str
    left: QueryBody
    right: QueryBody
    all: bool = False


@dataclass(frozen=True, slots=True)
class CommonTable(Node):
    """A named query of a WITH clause."""

    name: Identifier
    query: Query


@dataclass(frozen=True, slots=True)
class Query(QueryBody):
    """A whole query: WITH, body, ORDER BY and OFFSET."""

    body: QueryBody
    order_by: tuple[OrderTerm, ...] = ()
    offset: int | None = None
    common: tuple[CommonTable, ...] = ()


def measure(root: Node) -> tuple[int, int]:
    """Number of nodes of a tree and its depth, without recursion."""
    count, depth, stack = 0, 0, [(root, 1)]
    while stack:
        node, level = stack.pop()
        count += 1
        depth = max(depth, level)
        stack.extend((child, level + 1) for child in node.children())
    return count, depth
