"""Subqueries as joins, and INTERSECT and EXCEPT as groups, for engines that know neither.

A subquery becomes a relation with one row, or with one row for each value of what it is compared with in the
query around it, so that no row of that query comes twice. Hive has subqueries as conditions only, one in each
WHERE, and the rest where Calcite is at hand and sees an equality (HIVE-15456).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count

from adql import core
from adql.core import BOOLEAN, Aggregate, Expr, Field, Literal, Op
from adql.errors import UnsupportedError
from adql.schema import Column
from adql.types import INT, LONG

Subquery = core.ScalarQuery | core.ExistsQuery | core.InSelect


def unnested(query: core.Query) -> core.Query:
    """The same query without subqueries as values or conditions, INTERSECT and EXCEPT.

    Raises
    ------
    UnsupportedError
        Raised for a subquery that depends on the query around it in another way than by equality, and for one
        in a place where no join can stand for it.
    """
    return _Unnesting().query(query)


def within_one_level(query: core.Query) -> core.Query:
    """The same query, if no subquery names a column of another query than that directly around it.

    Raises
    ------
    UnsupportedError
        Raised if one does.
    """
    body = query.body
    for item in query.common:
        within_one_level(item.query)
    if isinstance(body, core.SetOperation):
        within_one_level(body.left)
        within_one_level(body.right)
        return query
    assert isinstance(body, core.Select)
    around = core.aliases(body.source)
    for source in core.sources(body.source):
        if isinstance(source, core.QuerySource):
            within_one_level(source.query)
    for each in _own_subqueries(query, body):
        if _free(each.query) - around:
            raise UnsupportedError(
                "A subquery that names a column from two levels up is not offered on spark: it knows those "
                "of the query directly around it."
            )
        within_one_level(each.query)
    return query


def _own_subqueries(query: core.Query, body: core.Select) -> Iterator[Subquery]:
    conditions = [body.where, body.having]
    conditions += [each.condition for each in core.sources(body.source) if isinstance(each, core.JoinSource)]
    exprs = [item.expr for item in body.items + query.hidden]
    for expr in [*exprs, *body.group_by, *(each for each in conditions if each is not None)]:
        yield from (each for each in core.walk(expr) if isinstance(each, Subquery))


class _Unnesting:
    """Rewrites one query; numbers the relations it makes."""

    def __init__(self) -> None:
        self._numbers: Iterator[int] = count(1)

    def query(self, query: core.Query) -> core.Query:
        common = tuple(core.CommonQuery(item.name, self.query(item.query)) for item in query.common)
        if isinstance(query.body, core.SetOperation):
            return replace(query, body=self._set_operation(query.body, query), common=common)
        assert isinstance(query.body, core.Select)
        body, hidden = self._select(query.body, query.hidden)
        return replace(query, body=body, hidden=hidden, common=common)

    # Set operations

    def _set_operation(self, body: core.SetOperation, query: core.Query) -> core.Body:
        left, right = self.query(body.left), self.query(body.right)
        if body.operator == "union":
            return replace(body, left=left, right=right)
        side = _new_name("side", query.names)
        names = (*query.names, side)
        columns = (*query.columns, Column(side, INT))
        sides = [
            core.Query(self._marked(each, query.names, side, number, rows=body.all), columns, names)
            for number, each in enumerate((left, right))
        ]
        if body.all:
            row = _new_name("row", names)
            names, columns = (*names, row), (*columns, Column(row, INT))
            sides = [replace(each, columns=columns, names=names) for each in sides]
        both = core.Query(core.SetOperation("union", True, *sides), columns, names)
        relation = self._alias()
        fields = {
            name: Field(column.type, relation, name) for name, column in zip(names, columns, strict=True)
        }
        keys = tuple(field for name, field in fields.items() if name != side)
        first, last = (Aggregate(INT, name, (fields[side],)) for name in ("min", "max"))
        having = Op(BOOLEAN, "eq", (last, Literal(INT, 0)))
        if body.operator == "intersect":
            having = Op(BOOLEAN, "lt", (first, last))
        items = tuple(core.Item(fields[name], name) for name in query.names)
        source = core.QuerySource(relation, both)
        return core.Select(items, source, group_by=keys, having=having, is_aggregate=True)

    def _marked(
        self, operand: core.Query, names: tuple[str, ...], side: str, number: int, *, rows: bool
    ) -> core.Select:
        """An operand with its number, and where equal rows count, with their numbers."""
        relation = self._alias()
        fields = tuple(
            Field(column.type, relation, name)
            for name, column in zip(operand.names, operand.columns, strict=True)
        )
        items = [core.Item(field, name) for field, name in zip(fields, names, strict=True)]
        items.append(core.Item(Literal(INT, number), side))
        if rows:
            items.append(core.Item(Op(INT, "row_among_equals", fields), _new_name("row", (*names, side))))
        return core.Select(tuple(items), core.QuerySource(relation, operand))

    # Subqueries

    def _select(
        self, select: core.Select, hidden: tuple[core.Item, ...]
    ) -> tuple[core.Select, tuple[core.Item, ...]]:
        joins = _Joins(self, self._relation(select.source))
        where = None if select.where is None else self._where(select.where, joins)
        inside = self._grouped(joins, select) if select.is_aggregate else joins.value
        items, hidden = (
            tuple(core.Item(_mapped(item.expr, inside), item.name) for item in each)
            for each in (select.items, hidden)
        )
        having = None if select.having is None else _mapped(select.having, inside)
        groups = tuple(_mapped(term, joins.value) for term in select.group_by)
        changed = replace(
            select, items=items, source=joins.source, where=where, having=having, group_by=groups
        )
        return changed, hidden

    def _where(self, where: Expr, joins: _Joins) -> Expr:
        """A condition; a single IN that must hold may stay as it is, but NULL NOT IN (1) is true to Hive."""
        found = [each for each in core.walk(where) if isinstance(each, Subquery)]
        must = [each for each in core.conjuncts(where) if isinstance(each, core.InSelect)]
        if len(found) == 1 and must and not _free(must[0].query):
            return _mapped(where, lambda _: replace(must[0], query=self.query(must[0].query)))
        return _mapped(where, joins.value)

    def _grouped(self, joins: _Joins, select: core.Select) -> Callable[[Subquery], Expr]:
        """What stands for a subquery beside aggregates: it is the same in all rows of a group."""

        def value(subquery: Subquery) -> Expr:
            if not select.group_by:
                raise UnsupportedError(
                    "A subquery beside aggregates without GROUP BY is not offered on hive."
                )
            found = joins.value(subquery)
            return Aggregate(found.type, "max", (found,))

        return value

    def _relation(self, source: core.Relation) -> core.Relation:
        if isinstance(source, core.QuerySource):
            return replace(source, query=self.query(source.query))
        if not isinstance(source, core.JoinSource):
            return source
        if source.condition is not None:
            _mapped(source.condition, _refused_in_on)
        return replace(source, left=self._relation(source.left), right=self._relation(source.right))

    def _alias(self) -> str:
        return f"h{next(self._numbers)}"


class _Joins:
    """The source of a SELECT, to which relations are joined that stand for subqueries."""

    def __init__(self, unnesting: _Unnesting, source: core.Relation) -> None:
        self.unnesting = unnesting
        self.source = source
        self.outer = core.aliases(source)

    def value(self, subquery: Subquery) -> Expr:
        """What stands for a subquery among the columns that are now joined."""
        if isinstance(subquery, core.ExistsQuery):
            return self._exists(subquery.query)
        if isinstance(subquery, core.InSelect):
            return self._among(_mapped(subquery.operand, self.value), subquery.query)
        return self._single(subquery.query)

    def _exists(self, query: core.Query) -> Expr:
        body = query.body
        always = isinstance(body, core.Select) and body.is_aggregate and not (body.group_by or body.having)
        if query.limit == 0 or (always and not query.offset):
            return Literal(BOOLEAN, query.limit != 0)
        (rows,) = self._joined(query, [Aggregate(LONG, "count", ())])
        return Op(BOOLEAN, "gt", (_or_none(rows), Literal(LONG, 0)))

    def _single(self, query: core.Query) -> Expr:
        """The value of the only row; NULL where there is none, an error where there are several."""
        body = query.body
        if isinstance(body, core.Select) and body.is_aggregate and not body.group_by and not body.having:
            plain = query.limit is None and not query.offset
            if plain:
                return self._aggregated(query, body)
        name, column = query.names[0], query.columns[0]
        field = Field(column.type, "", name)
        if column.type.arraysize and column.type.datatype not in ("char", "unicodeChar"):
            raise UnsupportedError("A geometry as the value of a subquery is not offered on hive.")
        value, rows = self._joined(
            query, [Aggregate(column.type, "max", (field,)), Aggregate(LONG, "count", ())]
        )
        return Op(value.type, "only_row", (value, _or_none(rows)))

    def _aggregated(self, query: core.Query, body: core.Select) -> Expr:
        """Aggregates of all rows, or of those of each key; of no rows COUNT is 0, and the others are NULL."""
        item = body.items[0].expr
        wanted = list(dict.fromkeys(each for each in core.walk(item) if isinstance(each, Aggregate)))
        if any(each.name == "histogram" for each in wanted) and _free(query):
            raise UnsupportedError("A histogram in a correlated subquery is not offered on hive.")
        found = self._joined(query, wanted, of_rows=False)
        values = {
            each: _or_none(field) if each.name == "count" else field
            for each, field in zip(wanted, found, strict=True)
        }
        return _replaced(item, values)

    def _among(self, operand: Expr, query: core.Query) -> Expr:
        """IN: true where the value is there, else unknown where it or one of the others is NULL."""
        name, column = query.names[0], query.columns[0]
        field = Field(column.type, "", name)
        rows, filled = self._joined(query, [Aggregate(LONG, "count", ()), Aggregate(LONG, "count", (field,))])
        (hits,) = self._joined(query, [Aggregate(LONG, "count", ())], member=(operand, field))
        is_null = Op(BOOLEAN, "is_null", (operand,))
        unknown = Op(BOOLEAN, "or", (is_null, Op(BOOLEAN, "lt", (filled, rows))))
        cases: tuple[Expr, ...] = (
            Op(BOOLEAN, "eq", (_or_none(rows), Literal(LONG, 0))),
            Literal(BOOLEAN, False),
            Op(BOOLEAN, "not", (Op(BOOLEAN, "is_null", (hits,)),)),
            Literal(BOOLEAN, True),
            unknown,
            Literal(BOOLEAN, None),
            Literal(BOOLEAN, False),
        )
        return Op(BOOLEAN, "case", cases)

    def _joined(
        self,
        query: core.Query,
        wanted: list[Aggregate],
        *,
        of_rows: bool = True,
        member: tuple[Expr, Field] | None = None,
    ) -> list[Field]:
        """Columns with aggregates of a subquery: of the rows it gives, or of those that it reads.

        Parameters
        ----------
        member
            A value, and the output that it must equal: the aggregates are then of each output.
        """
        changed, pairs = self._keyed(query) if _free(query) else (query, ())
        inner = self.unnesting.query(changed)
        if of_rows:
            rows = self.unnesting._alias()
            named = changed.names[len(query.names) :]
            keys: list[tuple[Expr, Expr]] = [
                (Field(own.type, rows, name), around)
                for (own, around), name in zip(pairs, named, strict=True)
            ]
            if member is not None:
                keys.append((replace(member[1], relation=rows), member[0]))
            select = core.Select((), core.QuerySource(rows, inner))
            wanted = [_of_relation(each, rows) for each in wanted]
        else:
            assert isinstance(inner.body, core.Select)
            keys, select = [*pairs], replace(inner.body, items=())
        relation = self._join(select, keys, wanted)
        return [Field(each.type, relation, f"v{number}") for number, each in enumerate(wanted)]

    def _join(self, select: core.Select, keys: list[tuple[Expr, Expr]], wanted: list[Aggregate]) -> str:
        """The alias of a relation that has aggregates as v0, v1 ... for each value of the keys."""
        groups = tuple(own for own, _ in keys)
        items = (
            *(core.Item(own, f"k{number}") for number, own in enumerate(groups)),
            *(core.Item(each, f"v{number}") for number, each in enumerate(wanted)),
        )
        columns = tuple(Column(item.name, item.expr.type) for item in items)
        grouped = replace(select, items=items, group_by=groups, is_aggregate=True)
        made = core.Query(grouped, columns, tuple(item.name for item in items))
        relation = self.unnesting._alias()
        condition = core.all_of(
            tuple(
                Op(BOOLEAN, "eq", (around, Field(own.type, relation, f"k{number}")))
                for number, (own, around) in enumerate(keys)
            )
        )
        kind = "cross" if condition is None else "left"
        self.source = core.JoinSource(kind, self.source, core.QuerySource(relation, made), condition)
        return relation

    def _keyed(self, query: core.Query) -> tuple[core.Query, tuple[tuple[Expr, Expr], ...]]:
        """A subquery without the equalities that tie it to the query around, and with their inner sides.

        Returns
        -------
        core.Query
            With the inner sides as further outputs.
        tuple of pairs
            Inner and outer side of each equality.
        """
        body = query.body
        if not isinstance(body, core.Select) or query.limit is not None or query.offset:
            raise UnsupportedError(_ONLY_BY_EQUALITY)
        if body.is_aggregate and not body.group_by and body.having is not None:
            raise UnsupportedError(_ONLY_BY_EQUALITY)
        mine = core.aliases(body.source)
        keys, rest = [], []
        for part in core.conjuncts(body.where):
            pair = _equality(part, mine, self.outer)
            if pair is None:
                rest.append(part)
            else:
                keys.append(pair)
        prefix = _new_name("k", tuple(name[:1] for name in query.names))
        items = tuple(core.Item(own, f"{prefix}{number}") for number, (own, _) in enumerate(keys))
        groups = (*body.group_by, *(own for own, _ in keys)) if body.group_by else ()
        changed = replace(body, items=body.items + items, where=core.all_of(tuple(rest)), group_by=groups)
        columns = (*query.columns, *(Column(item.name, item.expr.type) for item in items))
        keyed = replace(
            query,
            body=changed,
            columns=columns,
            names=(*query.names, *(item.name for item in items)),
            order_by=(),
            hidden=(),
        )
        if not keys or _free(keyed):
            raise UnsupportedError(_ONLY_BY_EQUALITY)
        return keyed, tuple(keys)


_ONLY_BY_EQUALITY = (
    "A subquery that depends on the query around it is not offered on hive but where it is a SELECT without "
    "TOP and each condition that names a column from around is an equality."
)


def _refused_in_on(_: Subquery) -> Expr:
    raise UnsupportedError("A subquery in the condition of a JOIN is not offered on hive.")


def _equality(part: Expr, mine: frozenset[str], outer: frozenset[str]) -> tuple[Expr, Expr] | None:
    """The inner and the outer side of an equality between the two."""
    if not isinstance(part, Op) or part.name != "eq":
        return None
    for own, around in (part.args, part.args[::-1]):
        named, named_around = _relations(own), _relations(around)
        if named and named <= mine and named_around and named_around <= outer:
            return own, around
    return None


def _relations(expr: Expr) -> frozenset[str]:
    """The relations whose columns an expression names; subqueries in it name one that nothing has."""
    found = (each for each in core.walk(expr))
    return frozenset(
        each.relation if isinstance(each, Field) else "\0"
        for each in found
        if isinstance(each, Field | Subquery)
    )


def _free(query: core.Query) -> frozenset[str]:
    """The relations that a query names and does not have."""
    named: set[str] = set()
    had: set[str] = set()
    queries = [query]
    while queries:
        asked = queries.pop()
        queries += [item.query for item in asked.common]
        for expr in core.expressions(asked):
            for each in core.walk(expr):
                if isinstance(each, Field):
                    named.add(each.relation)
                elif isinstance(each, Subquery):
                    queries.append(each.query)
        had |= _had(asked)
    return frozenset(named - had)


def _had(query: core.Query) -> set[str]:
    """The aliases in a query and the queries in its FROM."""
    found: set[str] = set()
    queries = [query]
    while queries:
        body = queries.pop().body
        if isinstance(body, core.SetOperation):
            queries += [body.left, body.right]
            continue
        assert isinstance(body, core.Select)
        found |= core.aliases(body.source)
        queries += [each.query for each in core.sources(body.source) if isinstance(each, core.QuerySource)]
    return found


def _mapped(expr: Expr, change: Callable[[Subquery], Expr]) -> Expr:
    """An expression with something else for each subquery in it."""
    if isinstance(expr, Subquery):
        return change(expr)
    if isinstance(expr, Op | Aggregate) and any(isinstance(each, Subquery) for each in core.walk(expr)):
        return replace(expr, args=tuple(_mapped(arg, change) for arg in expr.args))
    return expr


def _replaced(expr: Expr, values: dict[Aggregate, Expr]) -> Expr:
    if isinstance(expr, Aggregate):
        return values[expr]
    if isinstance(expr, Op):
        return replace(expr, args=tuple(_replaced(arg, values) for arg in expr.args))
    return expr


def _of_relation(aggregate: Aggregate, relation: str) -> Aggregate:
    """An aggregate of outputs, as one of the columns of a relation."""
    args = tuple(replace(arg, relation=relation) if isinstance(arg, Field) else arg for arg in aggregate.args)
    return replace(aggregate, args=args)


def _or_none(rows: Field) -> Expr:
    return Op(LONG, "coalesce", (rows, Literal(LONG, 0)))


def _new_name(name: str, names: tuple[str, ...]) -> str:
    """A name that none of the names is, in any case."""
    taken = {each.lower() for each in names}
    while name in taken:
        name += "_"
    return name
