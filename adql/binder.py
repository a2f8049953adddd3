"""From the tree as written to the plain tree: names resolved, types checked, meaning carried along.

The one large room of the house: each clause of SQL has its method, in the order of a SELECT.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import count as counter

from adql import ast, casts, core, timestamps
from adql.coercion import NULL_TYPE, common_type, converted, with_times
from adql.core import BOOLEAN, Expr, Literal, Op
from adql.errors import MOST_FAULTS, AdqlError, BindError, LimitError, UnsupportedError
from adql.functions import AGGREGATES, ELSEWHERE, FUNCTIONS, Function, count_rows, geometries
from adql.limits import MAX_EXPANDED
from adql.parser import parse
from adql.patterns import escaped, plain_pattern
from adql.printer import to_adql
from adql.schema import Catalogue, Column, Table
from adql.scope import BoundRelation, NamedValue, Scope, by_name, matching, suggestion
from adql.types import DOUBLE, LONG, POINT, STRING, TIMESTAMP, ColumnType, Position
from adql.values import (
    Value,
    computed,
    from_column,
    integer,
    merged,
    product_of,
    sum_of,
    text,
    to_double,
    to_long,
)
from adql.words import RESERVED_WORDS


@dataclass(frozen=True, slots=True)
class BoundQuery:
    """A query with every name resolved."""

    query: core.Query
    tables: frozenset[str]
    """Qualified names of the tables it reads."""


def bind(query: ast.Query, catalogue: Catalogue) -> BoundQuery:
    """Resolve the names of a query and check its types.

    Raises
    ------
    BindError
        Raised with all unknown names at once, or with the first fault of another kind.
    UnsupportedError
        Raised for valid ADQL that is not offered, by its name.
    """
    binder = _Binder(catalogue)
    try:
        bound = binder.root(query)
    except BindError:
        if binder.faults:  # A name that is not known may be why something else does not fit.
            raise BindError.all_of(binder.faults) from None
        raise
    if binder.faults:
        raise BindError.all_of(binder.faults)
    return BoundQuery(bound, frozenset(binder.tables))


_UNKNOWN = Value(Literal(NULL_TYPE, None))
"""Stands in for an unknown name, so that all of them are found in one go."""

_SAFE_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")


@dataclass(frozen=True, slots=True)
class _From:
    """A bound FROM clause or a part of it."""

    source: core.Relation
    relations: tuple[BoundRelation, ...]
    columns: tuple[NamedValue, ...]


@dataclass(frozen=True)
class _Outputs:
    """What ORDER BY may refer to in a SELECT."""

    columns: Sequence[Column]
    items: Sequence[core.Item]
    source: Scope
    """The columns of FROM."""

    @cached_property
    def named(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        """Name of an output in lower case -> its name, and that in the SQL."""
        named: dict[str, list[tuple[str, str]]] = {}
        for column, item in zip(self.columns, self.items, strict=True):
            named.setdefault(column.name.lower(), []).append((column.name, item.name))
        return named

    @cached_property
    def computed(self) -> Mapping[Expr, str]:
        """Expression of an output -> its name in the SQL, that of the first."""
        return {item.expr: item.name for item in reversed(self.items)}

    @cached_property
    def scope(self) -> Scope:
        """The columns of FROM, and the outputs that are called like none of them."""
        known = {column.name.lower() for column in self.source.columns}
        extra = (
            NamedValue(column.name, from_column(item.expr, column))
            for column, item in zip(self.columns, self.items, strict=True)
            if column.name.lower() not in known
        )
        return replace(self.source, columns=(*self.source.columns, *extra))


class _Binder:
    """Binds one query; holds what is shared by all its parts."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.faults: list[BindError] = []
        self.tables: set[str] = set()
        self.common: dict[str, list[tuple[ast.Identifier, str, core.Query]]] = {}
        """Name of a query of WITH in lower case -> those of that name: its name, that in the SQL, itself."""
        self._aliases: Iterator[int] = counter(1)
        self._common_numbers: Iterator[int] = counter(1)
        self._sizes = core.Sizes()

    # Queries

    def root(self, query: ast.Query) -> core.Query:
        """The whole query with its WITH clause."""
        common = tuple(self._common_table(table) for table in query.common)
        return replace(self.query(query, None), common=common)

    def _common_table(self, table: ast.CommonTable) -> core.CommonQuery:
        alike = self.common.get(table.name.name.lower(), [])
        if any(_are_same(table.name, known) for known, _, _ in alike):
            raise BindError(f'Two queries of the WITH clause are called "{table.name.name}".', table.position)
        query = self.query(table.query, None)
        alias = f"w{next(self._common_numbers)}"
        self.common[table.name.name.lower()] = [*alike, (table.name, alias, query)]
        return core.CommonQuery(alias, query)

    def query(self, query: ast.Query, parent: Scope | None) -> core.Query:
        """A body with ORDER BY and OFFSET."""
        if isinstance(query.body, ast.Select):
            return self._select(query.body, parent, query.order_by, query.offset)
        inner = self._operand(query.body, parent)
        if not query.order_by and query.offset is None:
            return inner
        if any(not _is_simple(term) for term in query.order_by):
            return self._ordered_outputs(replace(inner, offset=query.offset), query.order_by)
        if inner.order_by or inner.limit is not None or inner.offset is not None:
            inner = self._wrapped(inner)
        scope = self._outputs_scope(inner)
        keys = tuple(self._output_key(term, inner, scope) for term in query.order_by)
        return replace(inner, order_by=keys, offset=query.offset)

    def _operand(self, body: ast.QueryBody, parent: Scope | None) -> core.Query:
        if isinstance(body, ast.Select):
            return self._select(body, parent, (), None)
        if isinstance(body, ast.Query):
            return self.query(body, parent)
        assert isinstance(body, ast.SetOperation)
        return self._set_operation(body, parent)

    def _set_operation(self, node: ast.SetOperation, parent: Scope | None) -> core.Query:
        left, right = self._operand(node.left, parent), self._operand(node.right, parent)
        if len(left.columns) != len(right.columns):
            raise BindError(
                f"{node.operator} needs as many columns on both sides; there are {len(left.columns)} and "
                f"{len(right.columns)}.",
                node.position,
            )
        pairs = zip(_with_null_types(left), _with_null_types(right), strict=True)
        columns = tuple(self._united(node, *pair) for pair in pairs)
        types = [column.type for column in columns]
        body = core.SetOperation(
            node.operator.lower(), node.all, self._as(left, types), self._as(right, types)
        )
        return core.Query(body, columns, left.names)

    def _united(self, node: ast.SetOperation, left: Column, right: Column) -> Column:
        try:
            type_ = common_type([left.type, right.type])
        except BindError as fault:
            raise BindError(
                f'{node.operator} cannot bring together "{left.name}" ({left.type}) and '
                f'"{right.name}" ({right.type}). CAST one of them.',
                node.position,
            ) from fault
        type_ = _settled(type_)
        if node.operator != "UNION":
            return replace(left, type=type_)
        nothing = Literal(type_, None)
        value = merged((from_column(nothing, left), from_column(nothing, right)), nothing)
        is_changed = value.is_lost or (value.coosys, value.timesys) != (left.coosys, left.timesys)
        told = (value.description if is_changed else "") or left.description
        column = replace(value, description=told).column(left.name)
        return replace(column, type=type_)

    def _as(self, query: core.Query, types: Sequence[ColumnType]) -> core.Query:
        """The query with its columns converted to ``types``."""
        query = _with_typed_nulls(query, types)
        if all(column.type == type_ for column, type_ in zip(query.columns, types, strict=True)):
            return query
        return self._wrapped(query, types)

    def _wrapped(self, query: core.Query, types: Sequence[ColumnType] | None = None) -> core.Query:
        """``SELECT * FROM (query)``, with columns of other types where asked."""
        alias = self._alias()
        targets = types or [column.type for column in query.columns]
        items = tuple(
            core.Item(converted(core.Field(column.type, alias, name), type_), name)
            for column, name, type_ in zip(query.columns, query.names, targets, strict=True)
        )
        columns = tuple(
            replace(column, type=type_) for column, type_ in zip(query.columns, targets, strict=True)
        )
        return core.Query(core.Select(items, core.QuerySource(alias, query)), columns, query.names)

    def _outputs_scope(self, query: core.Query) -> Scope:
        """The outputs of a query as names; fields of relation '' stand for them."""
        columns = tuple(
            NamedValue(column.name, from_column(core.Field(column.type, "", name), column))
            for column, name in zip(query.columns, query.names, strict=True)
        )
        return Scope((), columns)

    def _output_key(self, term: ast.OrderTerm, query: core.Query, scope: Scope) -> core.OrderKey:
        ordinal = self._ordinal(term.expression, len(query.columns))
        if ordinal is not None:
            return core.OrderKey(query.names[ordinal], term.descending)
        value = self._value(term.expression, scope)
        name = value.expr.name if isinstance(value.expr, core.Field) else ""
        return core.OrderKey(name, term.descending)

    def _ordered_outputs(self, query: core.Query, order_by: Sequence[ast.OrderTerm]) -> core.Query:
        """A query sorted by expressions of its outputs."""
        wrapped = self._wrapped(replace(query, offset=None, limit=None))
        body = wrapped.body
        assert isinstance(body, core.Select)
        columns = tuple(
            NamedValue(column.name, from_column(item.expr, column))
            for column, item in zip(wrapped.columns, body.items, strict=True)
        )
        cut = replace(wrapped, offset=query.offset, limit=query.limit)
        return self._ordered(cut, body, order_by, Scope((), columns), ())

    def _ordinal(self, term: ast.Expression, size: int, clause: str = "ORDER BY") -> int | None:
        """The number, from 0, of the output that a term counts; None if it counts none."""
        if not (isinstance(term, ast.Number) and term.is_integer):
            return None
        digits = term.text.lstrip("0") or "0"
        number = int(digits) if len(digits) < 10 else size + 1
        if not 0 < number <= size:
            raise BindError(
                f"{clause} {_shortened(term.text)}: the query has {size} column{'s' if size > 1 else ''}.",
                term.position,
            )
        return number - 1

    # SELECT

    def _select(
        self, node: ast.Select, parent: Scope | None, order_by: Sequence[ast.OrderTerm], offset: int | None
    ) -> core.Query:
        from_ = self._from(node.source, parent)
        known = frozenset(item.alias.name.lower() for item in node.items if item.alias is not None)
        scope = Scope(from_.relations, from_.columns, parent, known)
        outputs = self._items(node, scope)
        where = None
        if node.where is not None:
            where = self._condition(node.where, scope, _no_aggregates("WHERE", "HAVING"))
        aliases = _aliased(outputs)
        groups = tuple(self._group(term, scope, outputs, aliases) for term in node.group_by)
        having = self._condition(node.having, scope) if node.having is not None else None
        grouped = (
            bool(groups) or having is not None or any(_has_aggregate(value.expr) for _, value, _ in outputs)
        )
        own = core.aliases(from_.source)
        self._check_grouping(node, outputs, having, groups, own, grouped=grouped)
        names = self._names([(name, _is_quoted(item)) for name, _, item in outputs])
        items = tuple(
            core.Item(converted(value.expr, _settled(value.type)), sql)
            for (_, value, _), sql in zip(outputs, _sql_names(names), strict=True)
        )
        columns = tuple(
            replace(value.column(name), type=_settled(value.xml_type or value.type))
            for (_, value, _), name in zip(outputs, names, strict=True)
        )
        body = core.Select(items, from_.source, node.distinct, where, groups, having, grouped)
        query = core.Query(body, columns, tuple(item.name for item in items), limit=node.top, offset=offset)
        return self._ordered(query, body, order_by, scope, groups) if order_by else query

    def _group(
        self,
        term: ast.Expression,
        scope: Scope,
        outputs: Sequence[tuple[str, Value, ast.Node]],
        aliases: Mapping[str, list[NamedValue]],
    ) -> Expr:
        """A term of GROUP BY: a name is a column of FROM, else an alias, else a column of a query around."""
        ordinal = self._ordinal(term, len(outputs), "GROUP BY")
        if ordinal is not None:
            return self._grouped_output(term, outputs[ordinal][1])
        if isinstance(term, ast.ColumnReference) and not term.qualifier:
            named = matching(aliases, term.name)
            if len(named) == 1 and not scope.named(term.name):
                return self._grouped_output(term, named[0].value)
        return self._value(term, scope, _no_aggregates("GROUP BY", "HAVING")).expr

    def _grouped_output(self, term: ast.Expression, value: Value) -> Expr:
        if _has_aggregate(value.expr):
            raise BindError(
                f"GROUP BY {to_adql(term)} means an aggregate: group by what it is taken over.",
                term.position,
            )
        return value.expr

    def _items(self, node: ast.Select, scope: Scope) -> list[tuple[str, Value, ast.Node]]:
        outputs: list[tuple[str, Value, ast.Node]] = []
        for item in node.items:
            if isinstance(item.expression, ast.Star):
                outputs += self._expanded(item.expression, scope)
                continue
            value = self._value(item.expression, scope, _anywhere)
            if not value.description and not isinstance(item.expression, ast.ColumnReference):
                value = replace(value, description=f"[ADQL: {_shortened(to_adql(item.expression))}]")
            outputs.append((_output_name(item, value), value, item))
        return outputs

    def _expanded(self, star: ast.Star, scope: Scope) -> list[tuple[str, Value, ast.Node]]:
        columns = scope.expand(star.qualifier)
        if not columns and star.qualifier:
            table = ".".join(str(part) for part in star.qualifier)
            known = [relation.path[-1] for relation in scope.relations]
            self._unknown(
                BindError(f'Unknown table "{table}" in {table}.*.{suggestion(table, known)}', star.position)
            )
        return [(column.name, column.value, star) for column in columns]

    def _names(self, wanted: Sequence[tuple[str, bool]]) -> list[str]:
        """Unique names for the outputs; those the query gives stay as they are where they can.

        A name in quotes (the second of each pair) may differ from another in case alone.
        """
        taken = {name.lower() for name, _ in wanted if name}
        seen: set[str] = set()
        exact: set[str] = set()
        following: dict[str, Iterator[int]] = {}
        names = []
        for index, (want, is_quoted) in enumerate(wanted, 1):
            name = want
            if not want or name in exact or (not is_quoted and name.lower() in seen):
                base = want or "col"
                numbers = following.setdefault(base.lower(), counter(2)) if want else counter(index)
                numbered = (f"{base}_{i}" for i in numbers)
                name = next(n for n in numbered if n.lower() not in taken and n.lower() not in seen)
            if not is_quoted:
                seen.add(name.lower())
            exact.add(name)
            names.append(name)
        return names

    def _check_grouping(
        self,
        node: ast.Select,
        outputs: Sequence[tuple[str, Value, ast.Node]],
        having: Expr | None,
        groups: tuple[Expr, ...],
        own: frozenset[str],
        *,
        grouped: bool,
    ) -> None:
        if not grouped or self.faults:
            return
        terms = frozenset(groups)
        for name, value, item in outputs:
            what = f'"{name}"' if name else "an output"
            self._check_grouped(value.expr, terms, own, item.position, what)
        if having is not None and node.having is not None:
            self._check_grouped(having, terms, own, node.having.position, "HAVING")

    def _check_grouped(
        self, expr: Expr, groups: Set[Expr], own: frozenset[str], position: Position, what: str
    ) -> None:
        stray = _ungrouped(expr, groups, own)
        if stray is not None:
            rule = "name it in GROUP BY or put it into an aggregate (MIN, MAX, AVG, SUM, COUNT)"
            raise BindError(
                f'Column "{stray.name}" of {what} has no single value in a group: {rule}.', position
            )

    def _ordered(
        self,
        query: core.Query,
        body: core.Select,
        order_by: Sequence[ast.OrderTerm],
        scope: Scope,
        groups: tuple[Expr, ...],
    ) -> core.Query:
        outputs = _Outputs(query.columns, body.items, scope)
        found = [self._order_output(term, outputs) for term in order_by]
        if body.distinct and not all(isinstance(each, str) for each in found):
            return self._distinct_ordered(query, order_by)
        hidden: list[core.Item] = []
        keys = []
        own, terms = core.aliases(body.source), frozenset(groups)
        for term, each in zip(order_by, found, strict=True):
            if isinstance(each, str):
                keys.append(core.OrderKey(each, term.descending))
                continue
            if body.is_aggregate and not self.faults:
                self._check_grouped(each, terms, own, term.position, "ORDER BY")
            elif not body.is_aggregate and _has_aggregate(each):
                raise BindError("ORDER BY has an aggregate, but the query has no groups.", term.position)
            name = f"sort_{len(hidden) + 1}"
            hidden.append(core.Item(each, name))
            keys.append(core.OrderKey(name, term.descending))
        return replace(query, order_by=tuple(keys), hidden=tuple(hidden))

    def _distinct_ordered(self, query: core.Query, order_by: Sequence[ast.OrderTerm]) -> core.Query:
        """A query with DISTINCT, sorted by expressions of what it selects."""
        if self.faults:
            return query
        ordered = self._ordered_outputs(query, order_by)
        if self.faults:
            position = self.faults[0].position
            self.faults.clear()
            raise BindError(
                "With DISTINCT only what is selected sorts: ORDER BY names a column that is not.", position
            )
        return ordered

    def _order_output(self, term: ast.OrderTerm, outputs: _Outputs) -> str | Expr:
        """The name of the output that a term sorts by, or an expression that is none."""
        ordinal = self._ordinal(term.expression, len(outputs.items))
        if ordinal is not None:
            return outputs.items[ordinal].name
        node = term.expression
        if isinstance(node, ast.ColumnReference) and not node.qualifier:
            known = outputs.named.get(node.name.name.lower(), ())
            named = [sql for name, sql in known if node.name.matches(name)]
            if len(named) == 1:
                return named[0]
        value = self._value(node, outputs.scope, _anywhere)
        return outputs.computed.get(value.expr, value.expr)

    # FROM

    def _alias(self) -> str:
        return f"t{next(self._aliases)}"

    def _from(self, node: ast.Source, parent: Scope | None) -> _From:
        from_ = self._source(node, parent)
        known: dict[tuple[str, ...], list[BoundRelation]] = {}
        for relation in from_.relations:
            alike = known.setdefault(tuple(name.lower() for name in relation.path), [])
            if any(relation.is_namesake(other) for other in alike):
                name = ".".join(relation.path)
                raise BindError(f'Two tables of FROM are called "{name}": give one an alias.', node.position)
            alike.append(relation)
        return from_

    def _source(self, node: ast.Source, parent: Scope | None) -> _From:
        match node:
            case ast.TableReference():
                return self._table(node)
            case ast.DerivedTable(query=query, alias=alias):
                bound, sql = self.query(query, None), self._alias()
                return _from_query(core.QuerySource(sql, bound), sql, bound, alias)
            case ast.Join():
                return self._join(node, parent)
        raise AssertionError(node)

    def _table(self, node: ast.TableReference) -> _From:
        name = node.path[-1]
        sql = self._alias()
        shown = node.alias.name if node.alias is not None else None
        if len(node.path) == 1:
            for known, common, query in self._common_named(name):
                return _from_query(core.CommonSource(sql, common), sql, query, node.alias or known)
        table = self._known_table(node)
        if table is None:
            return _From(core.CommonSource(sql, "unknown"), (_Anything((shown or name.name,), ()),), ())
        self.tables.add(table.qualified)
        columns = tuple(
            NamedValue(column.name, from_column(core.Field(column.type, sql, column.name), column))
            for column in table.columns
        )
        columns = self._outlined(table, columns)
        path = (shown,) if shown else (table.schema, table.name)
        is_exact = node.alias is not None and node.alias.delimited
        source = core.TableSource(sql, table) if table.definition is None else self._view(sql, table)
        return _From(source, (BoundRelation(path, columns, is_exact),), columns)

    def _view(self, alias: str, table: Table) -> core.QuerySource:
        """The query of a view; WITH of the user's query has no say in it."""
        common, self.common = self.common, {}
        try:
            query = self.query(_definition(table.definition or ""), None)
        finally:
            self.common = common
        if len(query.columns) != len(table.columns):
            raise AssertionError(f"{table.qualified}: {len(query.columns)} columns, not {len(table.columns)}")
        query = self._as(query, [column.type for column in table.columns])
        if not isinstance(query.body, core.Select) or query.order_by:
            query = self._wrapped(query)
        assert isinstance(query.body, core.Select)
        names = tuple(column.name for column in table.columns)
        items = tuple(replace(item, name=name) for item, name in zip(query.body.items, names, strict=True))
        body = replace(query.body, items=items)
        return core.QuerySource(alias, replace(query, body=body, columns=table.columns, names=names))

    def _outlined(self, table: Table, columns: tuple[NamedValue, ...]) -> tuple[NamedValue, ...]:
        """The columns, those that hold regions as text with the geometry that they tell."""
        scope = Scope((), columns)
        shapes = {name: self._value(_expression(text), scope).expr for name, text in table.outlines.items()}
        return tuple(
            replace(column, value=replace(column.value, outline=shapes[column.name]))
            if column.name in shapes
            else column
            for column in columns
        )

    def _common_named(self, name: ast.Identifier) -> list[tuple[ast.Identifier, str, core.Query]]:
        """The query of WITH that a name in FROM means; one of exactly that name before any other."""
        found = [item for item in self.common.get(name.name.lower(), ()) if name.matches(item[0].name)]
        exact = [item for item in found if item[0].name == name.name]
        return (exact or found)[:1]

    def _known_table(self, node: ast.TableReference) -> Table | None:
        written = ".".join(part.name for part in node.path)
        found = [table for table in self.catalogue if _names_table(node.path, table)]
        if len(found) == 1:
            return found[0]
        names = [table.qualified for table in self.catalogue]
        names += [name.name for alike in self.common.values() for name, _, _ in alike]
        if found:
            places = ", ".join(table.qualified for table in found)
            fault = f'Table "{written}" is ambiguous: {places}. Write the schema before it.'
        else:
            hint = suggestion(written, names) or suggestion(
                node.path[-1].name, [t.name for t in self.catalogue]
            )
            fault = f'Unknown table "{written}".{hint}'
        self._unknown(BindError(fault, node.position))
        return None

    def _join(self, node: ast.Join, parent: Scope | None) -> _From:
        left, right = self._source(node.left, parent), self._source(node.right, parent)
        relations = left.relations + right.relations
        kind = node.kind.lower()
        if node.natural or node.using:
            return self._merging_join(node, left, right)
        columns = left.columns + right.columns
        condition = None
        if node.condition is not None:
            scope = Scope(relations, columns, parent)
            condition = self._condition(node.condition, scope, _no_aggregates("ON", "HAVING"))
        return _From(core.JoinSource(kind, left.source, right.source, condition), relations, columns)

    def _merging_join(self, node: ast.Join, left: _From, right: _From) -> _From:
        relations = left.relations + right.relations
        mine, theirs = by_name(left.columns), by_name(right.columns)
        names = self._common_names(node, left, theirs)
        pairs = [(self._one(left, mine, name, node), self._one(right, theirs, name, node)) for name in names]
        conditions = tuple(self._comparison("=", one.value, other.value, node) for one, other in pairs)
        shared = tuple(self._merged_column(node.kind, one, other) for one, other in pairs)
        used = {id(column) for pair in pairs for column in pair}
        rest = tuple(column for column in left.columns + right.columns if id(column) not in used)
        kind = node.kind.lower() if conditions else "cross"
        source = core.JoinSource(kind, left.source, right.source, core.all_of(conditions))
        return _From(source, relations, shared + rest)

    def _common_names(
        self, node: ast.Join, left: _From, theirs: Mapping[str, list[NamedValue]]
    ) -> list[ast.Identifier]:
        if node.using:
            for index, name in enumerate(node.using):
                if any(_are_same(name, other) for other in node.using[:index]):
                    raise BindError(f'USING names "{name.name}" twice.', name.position)
            return list(node.using)
        return [ast.Identifier(column.name) for column in left.columns if column.name.lower() in theirs]

    def _one(
        self, from_: _From, columns: Mapping[str, list[NamedValue]], name: ast.Identifier, node: ast.Join
    ) -> NamedValue:
        found = matching(columns, name)
        if len(found) == 1:
            return found[0]
        position = name.position if node.using else node.position
        tables = " or ".join(".".join(relation.path) for relation in from_.relations[:10])
        if found:
            raise BindError(f'Column "{name}" to join by is ambiguous in {tables}.', position)
        raise BindError(
            f'Unknown column "{name}" in {tables}.{suggestion(name.name, [c.name for c in from_.columns])}',
            position,
        )

    def _merged_column(self, kind: str, mine: NamedValue, other: NamedValue) -> NamedValue:
        if kind == "RIGHT":
            return other
        if kind != "FULL":
            return mine
        common = common_type([mine.value.type, other.value.type])
        operands = (converted(mine.value.expr, common), converted(other.value.expr, common))
        return NamedValue(mine.name, replace(mine.value, expr=Op(common, "coalesce", operands)))

    # Conditions

    def _condition(self, node: ast.Expression, scope: Scope, check: _Check | None = None) -> Expr:
        check = check or _anywhere
        match node:
            case ast.Or(operands=operands):
                return Op(
                    BOOLEAN, "or", tuple(self._condition(operand, scope, check) for operand in operands)
                )
            case ast.And(operands=operands):
                return Op(
                    BOOLEAN, "and", tuple(self._condition(operand, scope, check) for operand in operands)
                )
            case ast.Not(operand=operand):
                return Op(BOOLEAN, "not", (self._condition(operand, scope, check),))
            case ast.Comparison(operator=operator, left=left, right=right):
                return self._comparison(
                    operator, self._value(left, scope, check), self._value(right, scope, check), node
                )
            case ast.Between(operand=operand, low=low, high=high, negated=negated):
                value = self._value(operand, scope, check)
                bounds = (
                    self._comparison(">=", value, self._value(low, scope, check), node),
                    self._comparison("<=", value, self._value(high, scope, check), node),
                )
                return _negated(Op(BOOLEAN, "and", bounds), negated)
            case ast.InList():
                return self._in_list(node, scope, check)
            case ast.InQuery():
                return self._in_query(node, scope, check)
            case ast.Like():
                return self._like(node, scope, check)
            case ast.IsNull(operand=operand, negated=negated):
                value = self._value(operand, scope, check)
                return _negated(Op(BOOLEAN, "is_null", (value.expr,)), negated)
            case ast.Exists(query=query):
                return core.ExistsQuery(BOOLEAN, self.query(query, scope))
        return self._flag(node, scope, check)

    def _flag(self, node: ast.Expression, scope: Scope, check: _Check) -> Expr:
        """A value where a condition is needed: only a boolean column is one."""
        value = self._value(node, scope, check)
        if value.type == BOOLEAN or (value.type == NULL_TYPE and not isinstance(node, ast.Null)):
            return value.expr
        cure = (
            f"write {_shortened(to_adql(node))} = 1" if _is_predicate(node) else "compare it with something"
        )
        raise BindError(
            f"A condition is needed here, and {_shortened(to_adql(node))} is a value: {cure}.", node.position
        )

    def _comparison(self, operator: str, left: Value, right: Value, node: ast.Node) -> Expr:
        operands = self._comparable(left, right, node)
        return Op(BOOLEAN, _COMPARISONS[operator], operands)

    def _comparable(self, left: Value, right: Value, node: ast.Node) -> tuple[Expr, Expr]:
        """Both sides in one type; a literal takes the type of the other side."""
        for value in (left, right):
            if value.type.is_geometry or (
                value.type.datatype not in ("char", "unicodeChar") and value.type.arraysize
            ):
                raise BindError(f"A {value.type} cannot be compared.", node.position)
        a, b = left.expr, right.expr
        if NULL_TYPE in (a.type, b.type):
            known = b.type if a.type == NULL_TYPE else a.type
            return converted(a, _settled(known)), converted(b, _settled(known))
        return self._aligned(a, b, node)

    def _aligned(self, a: Expr, b: Expr, node: ast.Node) -> tuple[Expr, Expr]:
        """Two operands of different types as one: a literal gives way, else numbers become texts."""
        if a.type.is_numeric and b.type.is_numeric:
            return a, b
        if "boolean" in (a.type.datatype, b.type.datatype):
            return self._boolean(a, node), self._boolean(b, node)
        if any(expr.type.is_timestamp for expr in (a, b)) and any(expr.type.is_numeric for expr in (a, b)):
            raise BindError(
                "A time cannot be compared with a number: write the time as a text, '2004-03-26T22:15:00', "
                "or take its Modified Julian date with ivo_to_mjd.",
                node.position,
            )
        if a.type.is_numeric or b.type.is_numeric:
            return self._numeric_as(a, b, node), self._numeric_as(b, a, node)
        return self._temporal_as(a, b.type, node), self._temporal_as(b, a.type, node)

    def _numeric_as(self, expr: Expr, other: Expr, node: ast.Node) -> Expr:
        """An operand of a comparison of a number with a text."""
        if isinstance(expr, Literal) and not expr.type.is_numeric:
            return _number_in(str(expr.value), other.type, node)
        if not expr.type.is_numeric or (isinstance(other, Literal) and not other.type.is_numeric):
            return expr
        return text(expr.text or str(expr.value)) if isinstance(expr, Literal) else casts.text_of(expr)

    def _temporal_as(self, expr: Expr, other: ColumnType, node: ast.Node) -> Expr:
        """A text literal in the one form that times have, where it is compared with a time."""
        if other.is_timestamp and isinstance(expr, Literal) and isinstance(expr.value, str):
            return self._timestamp(expr.value, node)
        return expr

    def _boolean(self, expr: Expr, node: ast.Node) -> Expr:
        if expr.type.datatype == "boolean":
            return expr
        known = {"1": True, "0": False, "true": True, "false": False, "t": True, "f": False}
        if isinstance(expr, Literal) and str(expr.value).lower() in known:
            return Literal(BOOLEAN, known[str(expr.value).lower()])
        raise BindError("A boolean is compared with 1, 0, 'true' or 'false'.", node.position)

    def _timestamp(self, value: str, node: ast.Node) -> Literal:
        normal = timestamps.normalised(value)
        if normal is None:
            raise BindError(
                f"{value!r} is not a time: write it as 2004-03-26T22:15:00 (DALI 1.1 section 3.3.3).",
                node.position,
            )
        return Literal(TIMESTAMP, normal)

    def _in_list(self, node: ast.InList, scope: Scope, check: _Check) -> Expr:
        value = self._value(node.operand, scope, check)
        items = [self._comparable(value, self._value(item, scope, check), item) for item in node.items]
        operand = items[0][0]
        if all(pair[0] == operand for pair in items):
            found: Expr = Op(BOOLEAN, "in", (operand, *(pair[1] for pair in items)))
        else:
            found = Op(BOOLEAN, "or", tuple(Op(BOOLEAN, "eq", pair) for pair in items))
        return _negated(found, node.negated)

    def _in_query(self, node: ast.InQuery, scope: Scope, check: _Check) -> Expr:
        value = self._value(node.operand, scope, check)
        query = self.query(node.query, scope)
        column = self._single(query, node.query, "IN")
        stand_in = from_column(core.Field(column.type, "", ""), column)
        operand, other = self._comparable(value, stand_in, node)
        if other.type != column.type:
            query = self._as(query, [other.type])
        return _negated(core.InSelect(BOOLEAN, operand, query), node.negated)

    def _single(self, query: core.Query, node: ast.Node, what: str) -> Column:
        if len(query.columns) != 1:
            raise BindError(
                f"{what} needs a query of one column; this one has {len(query.columns)}.", node.position
            )
        return query.columns[0]

    def _like(self, node: ast.Like, scope: Scope, check: _Check) -> Expr:
        operand, pattern = (self._text(part, scope, check) for part in (node.operand, node.pattern))
        name = "ilike" if node.ignore_case else "like"
        return _negated(Op(BOOLEAN, name, (operand, self._pattern(node, pattern))), node.negated)

    def _pattern(self, node: ast.Like, pattern: Expr) -> Expr:
        """The pattern with a backslash as its escape character: engines agree on that one."""
        escape = None
        if node.escape is not None:
            if not isinstance(node.escape, ast.String) or len(node.escape.value) != 1:
                raise BindError("ESCAPE takes one character in quotes.", node.escape.position)
            escape = node.escape.value
        if escape is None or not isinstance(pattern, Literal) or pattern.value is None:
            if escape is not None and not isinstance(pattern, Literal):
                raise UnsupportedError(
                    "ESCAPE is offered for a pattern that is a text, not an expression.", node.position
                )
            return plain_pattern(pattern)
        try:
            return replace(pattern, value=escaped(str(pattern.value), escape))
        except BindError as fault:
            fault.position = node.pattern.position
            raise

    def _text(self, node: ast.Expression, scope: Scope, check: _Check) -> Expr:
        return _text_of(self._value(node, scope, check), node)

    def _joined(self, node: ast.Expression, scope: Scope, check: _Check) -> Expr:
        """An operand of ``||``: a text, or a number as CAST writes it."""
        value = self._value(node, scope, check)
        if value.type.is_numeric or value.type == BOOLEAN:
            return casts.text_of(value.expr)
        return _text_of(value, node)

    # Values

    def _value(self, node: ast.Expression, scope: Scope, check: _Check | None = None) -> Value:
        check = check or _anywhere
        match node:
            case ast.Number():
                return Value(_number(node))
            case ast.String(value=value):
                return Value(text(value))
            case ast.Null():
                return _UNKNOWN
            case ast.ColumnReference():
                return self._column(node, scope)
            case ast.Sign():
                return self._sign(node, scope, check)
            case ast.Arithmetic():
                return self._arithmetic(node, scope, check)
            case ast.Function():
                return self._bounded(self._function(node, scope, check), node)
            case ast.Cast():
                return self._bounded(self._cast(node, scope, check), node)
            case ast.Case():
                return self._case(node, scope, check)
            case ast.Subquery(query=query):
                bound = self.query(query, scope)
                column = self._single(bound, query, "A subquery that is a value")
                return from_column(core.ScalarQuery(column.type, bound), column)
            case ast.Star():
                raise BindError("* stands alone in a select list or in COUNT(*).", node.position)
        raise BindError(
            f"A value is needed here, and {_shortened(to_adql(node))} is a condition. "
            "CASE WHEN condition THEN 1 ELSE 0 END makes a value of it.",
            node.position,
        )

    def _bounded(self, value: Value, node: ast.Expression) -> Value:
        """The value, unless functions that use an argument often are nested too deep in one another."""
        if self._sizes.of(value.expr) > MAX_EXPANDED:
            raise LimitError(
                "Functions are nested too deep in one another: the SQL of this query would be too large.",
                node.position,
            )
        return value

    def _column(self, node: ast.ColumnReference, scope: Scope) -> Value:
        if any(isinstance(relation, _Anything) for relation in scope.relations):
            return _UNKNOWN
        try:
            return scope.resolve(node)
        except BindError as fault:
            return self._unknown(fault)

    def _unknown(self, fault: BindError) -> Value:
        """What stands in for an unknown name; of more than one message tells none is looked for."""
        self.faults.append(fault)
        if len(self.faults) > MOST_FAULTS:
            raise fault
        return _UNKNOWN

    def _sign(self, node: ast.Sign, scope: Scope, check: _Check) -> Value:
        value = self._number_operand(node.operand, scope, check, node.operator)
        if node.operator == "+":
            return replace(value, name="", description="")
        known = value.expr.value if isinstance(value.expr, Literal) else None
        if isinstance(value.expr, Literal) and isinstance(known, int | float):
            digits = value.expr.text
            return Value(Literal(value.type, -known, f"-{digits}" if digits else None))
        if value.type.is_integer:
            expr = Op(LONG, "neg_integer", (to_long(value.expr),))
        else:
            expr = Op(value.type, "neg", (value.expr,))
        return Value(expr, unit=value.unit, ucd=computed(value.ucd), is_lost=value.is_lost)

    def _number_operand(self, node: ast.Expression, scope: Scope, check: _Check, operator: str) -> Value:
        value = self._value(node, scope, check)
        if value.type == NULL_TYPE:
            return replace(value, expr=Literal(DOUBLE, None))
        if not value.type.is_numeric:
            cure = "CAST it to a number, or join texts with ||" if value.type.is_text else "it takes numbers"
            raise BindError(
                f"{operator} cannot be used with {_shortened(to_adql(node))}, which is {value.type}: {cure}.",
                node.position,
            )
        return value

    def _arithmetic(self, node: ast.Arithmetic, scope: Scope, check: _Check) -> Value:
        if node.operator == "||":
            operands = tuple(self._joined(part, scope, check) for part in (node.left, node.right))
            unicode = any(operand.type.datatype == "unicodeChar" for operand in operands)
            return Value(Op(ColumnType("unicodeChar" if unicode else "char", "*"), "concat", operands))
        left = self._number_operand(node.left, scope, check, node.operator)
        right = self._number_operand(node.right, scope, check, node.operator)
        whole = left.type.is_integer and right.type.is_integer
        widen = to_long if whole else to_double
        name = (_INTEGER_ARITHMETIC if whole else _ARITHMETIC)[node.operator]
        expr = Op(LONG if whole else DOUBLE, name, (widen(left.expr), widen(right.expr)))
        if node.operator in "+-":
            return sum_of(left, right, expr, is_difference=node.operator == "-")
        return product_of(left, right, expr, power=-1 if node.operator == "/" else 1)

    def _function(self, node: ast.Function, scope: Scope, check: _Check) -> Value:
        name = node.name.upper()
        if name in AGGREGATES:
            return self._aggregate(node, scope, check)
        if node.quantifier is not None or any(isinstance(arg, ast.Star) for arg in node.arguments):
            raise BindError(
                f"{name} is not an aggregate: it takes neither DISTINCT, ALL nor *.", node.position
            )
        function = FUNCTIONS.get(name)
        if function is None:
            cure = ELSEWHERE.get(name)
            hint = f" ADQL has instead: {cure}." if cure else suggestion(name, _FUNCTION_NAMES)
            return self._unknown(BindError(f'Unknown function "{node.name}".{hint}', node.position))
        args = tuple(self._value(arg, scope, check) for arg in node.arguments)
        value = self._called(function, node, args)
        named = next((arg.name for arg in args if arg.name), "")
        label = f"{name}_{named}" if named else name
        return value if value.name else replace(value, name=label.lower())

    def _called(self, function: Function, node: ast.Function, args: tuple[Value, ...]) -> Value:
        """What a function gives for its arguments."""
        self._check_arguments(function, node, args)
        typed = tuple(_typed(arg, function.kind(index)) for index, arg in enumerate(args))
        try:
            value = function.make(typed)
        except AdqlError as fault:
            fault.position = fault.position or node.position
            raise
        return geometries.in_system_of(args, value) if value.type.is_geometry else value

    def _check_arguments(self, function: Function, node: ast.Function, args: tuple[Value, ...]) -> None:
        least, most = function.arity
        if len(args) < least or (most is not None and len(args) > most):
            wanted = (
                str(least) if most == least else f"{least} or more" if most is None else f"{least} to {most}"
            )
            raise BindError(
                f"{function.name} takes {wanted} argument{'s' if wanted != '1' else ''}; {len(args)} "
                f"{'was' if len(args) == 1 else 'were'} given.",
                node.position,
            )
        for index, (arg, written) in enumerate(zip(args, node.arguments, strict=True)):
            kind = function.kind(index)
            if arg.type != NULL_TYPE and not _KINDS[kind](arg.type):
                raise BindError(
                    f"Argument {index + 1} of {function.name} must be {_KIND_WORDS[kind]}; "
                    f"{_shortened(to_adql(written))} is {arg.type}.",
                    written.position,
                )

    def _aggregate(self, node: ast.Function, scope: Scope, check: _Check) -> Value:
        function = FUNCTIONS[node.name.upper()]
        check(node)
        is_distinct = node.quantifier == "DISTINCT"
        if any(isinstance(arg, ast.Star) for arg in node.arguments):
            if function.name != "COUNT" or is_distinct:
                raise BindError(f"{function.name}(*) does not exist; only COUNT takes *.", node.position)
            return count_rows()
        inside = _no_aggregates(f"{function.name}()", "a subquery")
        args = tuple(self._value(arg, scope, inside) for arg in node.arguments)
        if args and function.kind(0) in ("any", "scalar"):
            args = (_typed(args[0], "number"), *args[1:])
        value = self._called(function, node, args)
        if not is_distinct:
            return value
        if not function.takes_distinct:
            raise BindError(f"{function.name} does not take DISTINCT.", node.position)
        assert isinstance(value.expr, core.Aggregate)
        return replace(value, expr=replace(value.expr, distinct=True))

    def _cast(self, node: ast.Cast, scope: Scope, check: _Check) -> Value:
        value = self._value(node.operand, scope, check)
        if node.target in ("POINT", "CIRCLE", "POLYGON") or value.type.is_geometry:
            try:
                cast = geometries.cast(value, node.target, node.length)
                return geometries.in_system_of((value,), cast) if cast.type.is_geometry else cast
            except AdqlError as fault:
                fault.position = fault.position or node.position
                raise
        try:
            return casts.cast(value, node.target, node.length)
        except AdqlError as fault:
            fault.position = fault.position or node.position
            raise

    def _case(self, node: ast.Case, scope: Scope, check: _Check) -> Value:
        subject = self._value(node.operand, scope, check) if node.operand is not None else None
        conditions = []
        results = []
        for branch in node.branches:
            if subject is None:
                conditions.append(self._condition(branch.condition, scope, check))
            else:
                conditions.append(
                    self._comparison(
                        "=", subject, self._value(branch.condition, scope, check), branch.condition
                    )
                )
            results.append(self._value(branch.result, scope, check))
        if node.default is not None:
            results.append(self._value(node.default, scope, check))
        results = list(with_times(results))
        try:
            common = common_type([result.type for result in results])
        except BindError as fault:
            raise BindError(f"The branches of CASE do not agree. {fault.message}", node.position) from fault
        parts: list[Expr] = []
        for condition, result in zip(conditions, results, strict=False):
            parts += [condition, converted(result.expr, common)]
        if node.default is not None:
            parts.append(converted(results[-1].expr, common))
        return replace(merged(results, Op(common, "case", tuple(parts))), name="")


# Pieces


@dataclass(frozen=True, slots=True)
class _Anything(BoundRelation):
    """An unknown table: every column of it is let through, for its own fault has been told."""


_Check = Callable[[ast.Function], None]
"""Called for each aggregate; raises where none is allowed."""


def _anywhere(node: ast.Function) -> None:
    return None


def _no_aggregates(place: str, instead: str) -> _Check:
    def check(node: ast.Function) -> None:
        raise BindError(
            f"{node.name.upper()} is an aggregate and cannot stand in {place}: use {instead}.", node.position
        )

    return check


_COMPARISONS = {"=": "eq", "<>": "ne", "<": "lt", ">": "gt", "<=": "le", ">=": "ge"}
_ARITHMETIC = {"+": "add", "-": "sub", "*": "mul", "/": "div"}
_INTEGER_ARITHMETIC = {"+": "add_integer", "-": "sub_integer", "*": "mul_integer", "/": "idiv"}

_FUNCTION_NAMES = tuple(function.name for function in FUNCTIONS.values())

_TEXT_OR_FLAG = ("char", "unicodeChar", "boolean")

_KINDS: dict[str, Callable[[ColumnType], bool]] = {
    "number": lambda type_: type_.is_numeric,
    "integer": lambda type_: type_.is_integer,
    "text": lambda type_: type_.datatype in ("char", "unicodeChar"),
    "timestamp": lambda type_: type_.is_timestamp or type_.is_text,
    "point": lambda type_: type_.xtype == "point",
    "geometry": lambda type_: type_.is_geometry,
    "scalar": lambda type_: not type_.is_geometry and (type_.is_numeric or type_.datatype in _TEXT_OR_FLAG),
    "any": lambda type_: True,
}

_KIND_WORDS = {
    "number": "a number",
    "integer": "an integer",
    "text": "a text",
    "timestamp": "a time",
    "scalar": "a number, a text or a time",
    "point": "a POINT",
    "geometry": "a geometry (POINT, CIRCLE, BOX, POLYGON)",
}

_NULLS = {
    "number": DOUBLE,
    "integer": LONG,
    "text": STRING,
    "timestamp": TIMESTAMP,
    "point": POINT,
    "geometry": POINT,
}
"""Kind of an argument -> what a NULL is taken for."""


def _text_of(value: Value, node: ast.Expression) -> Expr:
    """The expression of a value that must be a text."""
    if value.type == NULL_TYPE:
        return Literal(STRING, None)
    if value.type.datatype not in ("char", "unicodeChar"):
        raise BindError(
            f"A text is needed here; {_shortened(to_adql(node))} is {value.type}: CAST it to VARCHAR.",
            node.position,
        )
    return value.expr


def _typed(arg: Value, kind: str) -> Value:
    """A bare NULL as a value of the type that the function needs."""
    if arg.type != NULL_TYPE or kind not in _NULLS:
        return arg
    return replace(arg, expr=Literal(_NULLS[kind], None))


def _output_name(item: ast.SelectItem, value: Value) -> str:
    """The name that the query gives an output, or a legal one of its own; empty where none offers itself."""
    if item.alias is not None:
        return item.alias.name
    if isinstance(item.expression, ast.ColumnReference):
        return value.name or item.expression.name.name
    name = re.sub(r"[^A-Za-z0-9_]", "_", value.name)
    if not name or not name[0].isalpha():
        return ""
    return f"{name}_1" if name.upper() in RESERVED_WORDS else name


@lru_cache(maxsize=64)
def _definition(text: str) -> ast.Query:
    """The query that a view stands for."""
    return parse(text)


@lru_cache(maxsize=64)
def _expression(text: str) -> ast.Expression:
    """An expression of the columns of a view."""
    body = parse(f"SELECT {text} FROM x").body
    assert isinstance(body, ast.Select)
    return body.items[0].expression


def _settled(type_: ColumnType) -> ColumnType:
    """A bare NULL that nothing gave a type is a text."""
    return STRING if type_ == NULL_TYPE else type_


def _number(node: ast.Number) -> Literal:
    if node.is_integer and len(digits := node.text.lstrip("0")) < 20:
        value = int(digits or "0")
        if value < 1 << 63:
            return integer(value)
    real = float(node.text)
    if real == float("inf"):
        raise BindError(f"{_shortened(node.text)} is too large for a number.", node.position)
    return Literal(DOUBLE, real, node.text)


def _number_in(written: str, other: ColumnType, node: ast.Node) -> Literal:
    """A number that was written as a text, as clients such as ESAP do."""
    try:
        if other.is_integer and re.fullmatch(r"\s*[+-]?\d{1,18}\s*", written):
            return integer(int(written))
        value = float(written)
    except ValueError:
        raise BindError(
            f"A number is compared with the text {written[:60]!r}, which is no number.", node.position
        ) from None
    if not math.isfinite(value):
        raise BindError(f"A number is compared with {written[:60]!r}, which is not finite.", node.position)
    return Literal(DOUBLE, value, repr(value))


def _with_null_types(query: core.Query) -> list[Column]:
    """The columns of a query; one that is nothing but NULL has no type yet."""
    nulls = _nulls(query)
    return [
        replace(column, type=NULL_TYPE) if is_null else column
        for column, is_null in zip(query.columns, nulls, strict=True)
    ]


def _with_typed_nulls(query: core.Query, types: Sequence[ColumnType]) -> core.Query:
    """The query with columns that are nothing but NULL in the given types."""
    nulls = _nulls(query)
    if not isinstance(query.body, core.Select) or not any(nulls):
        return query
    items = tuple(
        core.Item(Literal(type_, None), item.name) if is_null else item
        for item, type_, is_null in zip(query.body.items, types, nulls, strict=True)
    )
    columns = tuple(
        replace(column, type=type_) if is_null else column
        for column, type_, is_null in zip(query.columns, types, nulls, strict=True)
    )
    return replace(query, body=replace(query.body, items=items), columns=columns)


def _nulls(query: core.Query) -> list[bool]:
    """For each column, whether it is the word NULL."""
    if not isinstance(query.body, core.Select):
        return [False] * len(query.columns)
    return [isinstance(item.expr, Literal) and item.expr.value is None for item in query.body.items]


def _negated(condition: Expr, negated: bool) -> Expr:
    return Op(BOOLEAN, "not", (condition,)) if negated else condition


def _is_predicate(node: ast.Expression) -> bool:
    return isinstance(node, ast.Function) and node.name.upper() in ("CONTAINS", "INTERSECTS")


def _has_aggregate(expr: Expr) -> bool:
    return any(isinstance(node, core.Aggregate) for node in core.walk(expr))


def _ungrouped(expr: Expr, groups: Set[Expr], own: frozenset[str]) -> core.Field | None:
    """A field of the relations ``own`` that stands outside of aggregates and groups, in a subquery too."""
    stack = [(expr, False)]
    while stack:
        node, is_below = stack.pop()
        if node in groups or (isinstance(node, core.Aggregate) and not is_below):
            continue
        if isinstance(node, core.Field) and node.relation in own:
            return node
        if isinstance(node, core.ScalarQuery | core.ExistsQuery | core.InSelect):
            stack.extend((below, True) for below in core.expressions(node.query))
        stack.extend((below, is_below) for below in core.children(node))
    return None


def _is_simple(term: ast.OrderTerm) -> bool:
    """True if a term names an output or counts it."""
    expression = term.expression
    return isinstance(expression, ast.ColumnReference) or (
        isinstance(expression, ast.Number) and expression.is_integer
    )


def _aliased(outputs: Sequence[tuple[str, Value, ast.Node]]) -> Mapping[str, list[NamedValue]]:
    """The outputs that the query gives a name, by it in lower case."""
    return by_name(
        NamedValue(item.alias.name, value)
        for _, value, item in outputs
        if isinstance(item, ast.SelectItem) and item.alias is not None
    )


def _is_quoted(item: ast.Node) -> bool:
    """True if the query gives an output a name in quotes."""
    return isinstance(item, ast.SelectItem) and item.alias is not None and item.alias.delimited


def _names_table(path: Sequence[ast.Identifier], table: Table) -> bool:
    names = (table.schema, table.name)
    if len(path) > len(names):
        return False
    return all(part.matches(name) for part, name in zip(reversed(path), reversed(names), strict=False))


def _from_query(source: core.Relation, sql: str, query: core.Query, name: ast.Identifier) -> _From:
    columns = tuple(
        NamedValue(column.name, from_column(core.Field(column.type, sql, sql_name), column))
        for column, sql_name in zip(query.columns, query.names, strict=True)
    )
    return _From(source, (BoundRelation((name.name,), columns, name.delimited),), columns)


def _are_same(name: ast.Identifier, other: ast.Identifier) -> bool:
    """True if two names given in a query are one; two in quotes may differ in case alone."""
    return name.matches(other.name) if other.delimited else other.matches(name.name)


def _sql_names(names: Sequence[str]) -> list[str]:
    """Names for the SQL: ADQL's own where every engine takes them, else numbered."""
    result: list[str] = []
    taken: set[str] = set()
    for index, name in enumerate(names, 1):
        lower = name.lower()
        is_safe = _SAFE_NAME.fullmatch(lower) and not re.fullmatch(r"(c|sort_)\d+", lower)
        result.append(lower if is_safe and lower not in taken else f"c{index}")
        taken.add(lower)
    return result


def _shortened(words: str) -> str:
    return words if len(words) <= 80 else f"{words[:77]}..."
