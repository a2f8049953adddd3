"""From what ADQL means to what an engine can do: geometry becomes arithmetic, and what a query asks of each
table is collected for pruning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from adql import core, geometry
from adql.core import BOOLEAN, Expr, Field, Literal, Op, constant
from adql.errors import LimitError
from adql.pruning import Cone, Interval, Region, Restriction, Scalar
from adql.types import INT
from adql.values import number

MAX_EXPANDED = 200_000
"""Bound on the size of the SQL that nested functions may grow to; each writes its argument more than once."""


def lower(query: core.Query, *, maxrec: int | None = None) -> core.Query:
    """The query with geometry lowered, tables restricted and the outer limit set to ``maxrec + 1``.

    One row more than allowed tells an overflow (TAP 1.1 section 2.7.4).
    """
    lowered = _query(query)
    if maxrec is None:
        return lowered
    limit = maxrec + 1
    return replace(lowered, limit=limit if lowered.limit is None else min(lowered.limit, limit))


def _query(query: core.Query) -> core.Query:
    return replace(
        query,
        body=_body(query.body),
        hidden=tuple(_item(item) for item in query.hidden),
        common=tuple(core.CommonQuery(common.name, _query(common.query)) for common in query.common),
    )


def _body(body: core.Body) -> core.Body:
    if isinstance(body, core.SetOperation):
        return replace(body, left=_query(body.left), right=_query(body.right))
    assert isinstance(body, core.Select)
    return replace(
        body,
        items=tuple(_item(item) for item in body.items),
        source=_source(body.source, _restrictions(body)),
        where=_lowered(body.where),
        group_by=tuple(_checked(_expr(term)) for term in body.group_by),
        having=_lowered(body.having),
    )


def _item(item: core.Item) -> core.Item:
    expr = item.expr
    if isinstance(expr, Op) and expr.name in ("point", "circle", "box", "polygon"):
        expr = geometry.as_array(replace(expr, args=tuple(_expr(arg) for arg in expr.args)))
    return core.Item(_checked(_expr(expr)), item.name)


def _lowered(condition: Expr | None) -> Expr | None:
    return None if condition is None else _checked(_expr(condition))


def _source(source: core.Relation, restrictions: Mapping[str, Restriction]) -> core.Relation:
    match source:
        case core.TableSource(alias=alias):
            return replace(source, restriction=restrictions.get(alias, Restriction()))
        case core.QuerySource(query=query):
            return replace(source, query=_query(query))
        case core.JoinSource(left=left, right=right, condition=condition):
            return replace(
                source,
                left=_source(left, restrictions),
                right=_source(right, restrictions),
                condition=_lowered(condition),
            )
    return source


# Expressions


def _expr(expr: Expr) -> Expr:
    match expr:
        case Op(name=name) if name in _COMPARISONS and (predicate := _predicate(expr)) is not None:
            return predicate
        case Op(name="contains" | "intersects"):
            condition = _geometry_condition(expr)
            flag = (condition, Literal(INT, 1), Op(BOOLEAN, "not", (condition,)), Literal(INT, 0))
            return Op(INT, "case", flag)
        case Op(name="distance", args=args):
            lowered = tuple(_expr(arg) for arg in args)
            return geometry.distance(lowered[:2], lowered[2:])
        case Op(args=args):
            return replace(expr, args=tuple(_expr(arg) for arg in args))
        case core.Aggregate(args=args):
            return replace(expr, args=tuple(_expr(arg) for arg in args))
        case core.ScalarQuery(query=query) | core.ExistsQuery(query=query):
            return replace(expr, query=_query(query))
        case core.InSelect(operand=operand, query=query):
            return replace(expr, operand=_expr(operand), query=_query(query))
    return expr


_COMPARISONS = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
}

_MIRRORED = {"eq": "eq", "ne": "ne", "lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}


def _predicate(comparison: Op) -> Expr | None:
    """``CONTAINS(...) = 1`` as the bare condition, ``DISTANCE(...) < r`` without inverse functions."""
    for operator, left, right in _both_ways(comparison):
        bound = constant(right)
        if not isinstance(left, Op) or not isinstance(bound, int | float):
            continue
        if left.name in ("contains", "intersects"):
            holds = tuple(_COMPARISONS[operator](flag, bound) for flag in (0, 1))
            if holds == (False, True):
                return _boxed(_cone(comparison), _geometry_condition(left))
            if holds == (True, False):
                return Op(BOOLEAN, "not", (_geometry_condition(left),))
        if left.name == "distance" and operator in ("lt", "le"):
            args = tuple(_expr(arg) for arg in left.args)
            return _boxed(_cone(comparison), geometry.is_nearer(args[:2], args[2:], right, operator))
    return None


def _both_ways(comparison: Op) -> Iterator[tuple[str, Expr, Expr]]:
    left, right = comparison.args
    yield comparison.name, left, right
    yield _MIRRORED[comparison.name], right, left


def _geometry_condition(expr: Op) -> Expr:
    first, second = (_expr(arg) for arg in expr.args)
    return geometry.contains(first, second) if expr.name == "contains" else geometry.intersects(first, second)


def _boxed(cone: _LocatedCone | None, condition: Expr) -> Expr:
    """The condition with a box before it that an engine can prune row groups by."""
    if cone is None:
        return condition
    low, high = geometry.latitudes_around(cone.cone.lat, cone.cone.radius)
    tests = [Op(BOOLEAN, "ge", (cone.lat, number(low))), Op(BOOLEAN, "le", (cone.lat, number(high)))]
    return Op(BOOLEAN, "and", (*tests, condition))


@dataclass(frozen=True, slots=True)
class _LocatedCone:
    """A constant circle and the position that must lie in it."""

    lon: Expr
    lat: Expr
    cone: Cone


def _cone(condition: Expr) -> _LocatedCone | None:
    """The circle that a condition confines a position to, however it is written; None if it does not."""
    if not isinstance(condition, Op) or condition.name not in _COMPARISONS:
        return None
    for operator, expr, bound in _both_ways(condition):
        value = constant(bound)
        if not isinstance(expr, Op) or not isinstance(value, int | float):
            continue
        if expr.name == "distance" and operator in ("lt", "le"):
            pairs = ((expr.args[:2], expr.args[2:]), (expr.args[2:], expr.args[:2]))
            return next(filter(None, (_located(point, (*centre, bound)) for point, centre in pairs)), None)
        holds = tuple(_COMPARISONS[operator](flag, value) for flag in (0, 1))
        if expr.name in ("contains", "intersects") and holds == (False, True):
            shapes = (
                sorted(expr.args, key=geometry.shape, reverse=True)
                if expr.name == "intersects"
                else expr.args
            )
            point, circle = shapes
            if (geometry.shape(point), geometry.shape(circle)) == ("point", "circle"):
                return _located(geometry.parts(point), geometry.parts(circle))
    return None


def _located(point: Sequence[Expr], circle: Sequence[Expr]) -> _LocatedCone | None:
    numbers = [value for value in map(constant, circle) if isinstance(value, int | float)]
    if len(numbers) != 3 or abs(numbers[1]) > 90 or not 0 <= numbers[2] <= 180:
        return None
    return _LocatedCone(point[0], point[1], Cone(*map(float, numbers)))


# What holds for every row of a table


def _restrictions(select: core.Select) -> dict[str, Restriction]:
    """Alias of a table of FROM -> what its rows must meet, from WHERE and the conditions of inner joins."""
    tables = {source.alias: source for source in _tables(select.source)}
    conditions = [*core.conjuncts(select.where), *_join_conditions(select.source)]
    facts = _Facts(tables)
    for condition in conditions:
        facts.learn(condition)
    return {alias: facts.restriction(alias) for alias in tables}


def _tables(source: core.Relation) -> Iterator[core.TableSource]:
    if isinstance(source, core.TableSource):
        yield source
    elif isinstance(source, core.JoinSource):
        yield from _tables(source.left)
        yield from _tables(source.right)


def _join_conditions(source: core.Relation) -> Iterator[Expr]:
    """Conditions that every row of FROM meets: those of inner joins that no outer join encloses."""
    if isinstance(source, core.JoinSource) and source.kind in ("inner", "cross"):
        yield from core.conjuncts(source.condition)
        yield from _join_conditions(source.left)
        yield from _join_conditions(source.right)


@dataclass(frozen=True, slots=True)
class _Column:
    alias: str
    name: str


class _Facts:
    """What is known of the columns of a SELECT; equal columns share what is known of one."""

    def __init__(self, tables: Mapping[str, core.TableSource]) -> None:
        self.tables = tables
        self.intervals: dict[_Column, Interval] = {}
        self.members: dict[_Column, frozenset[Scalar]] = {}
        self.regions: dict[str, list[Region]] = {}
        self.equal: dict[_Column, set[_Column]] = {}

    def learn(self, condition: Expr) -> None:
        """Take in one condition that every row meets; what it does not understand tells nothing."""
        if not isinstance(condition, Op):
            return
        if condition.name in _COMPARISONS:
            self._comparison(condition)
        elif condition.name == "in":
            column, values = self._column(condition.args[0]), [constant(arg) for arg in condition.args[1:]]
            if column is not None and all(value is not None for value in values):
                self._one_of(column, frozenset(value for value in values if value is not None))

    def restriction(self, alias: str) -> Restriction:
        """All that is known of the rows of one table."""
        intervals: dict[str, Interval] = {}
        members: dict[str, frozenset[Scalar]] = {}
        for column in self._mentioned(alias):
            for twin in self._twins(column):
                if twin in self.intervals:
                    known = intervals.get(column.name, Interval())
                    intervals[column.name] = _both(known, self.intervals[twin])
                if twin in self.members:
                    values = self.members[twin]
                    members[column.name] = members.get(column.name, values) & values
        return Restriction(tuple(self.regions.get(alias, ())), intervals, members)

    def _mentioned(self, alias: str) -> set[_Column]:
        known = {*self.intervals, *self.members, *self.equal}
        return {column for column in known if column.alias == alias}

    def _twins(self, column: _Column) -> set[_Column]:
        found, stack = {column}, [column]
        while stack:
            for twin in self.equal.get(stack.pop(), set()) - found:
                found.add(twin)
                stack.append(twin)
        return found

    def _column(self, expr: Expr) -> _Column | None:
        if isinstance(expr, Op) and expr.name in ("to_double", "to_bigint"):
            expr = expr.args[0]
        if isinstance(expr, Field) and expr.relation in self.tables:
            return _Column(expr.relation, expr.name)
        return None

    def _comparison(self, condition: Op) -> None:
        located = _cone(condition)
        if located is not None:
            alias = self._sky(located.lon, located.lat)
            if alias is not None:
                self.regions.setdefault(alias, []).append(located.cone)
            return
        left, right = condition.args
        mine, other = self._column(left), self._column(right)
        if mine is not None and other is not None:
            if condition.name == "eq":
                self.equal.setdefault(mine, set()).add(other)
                self.equal.setdefault(other, set()).add(mine)
            return
        for operator, expr, bound in _both_ways(condition):
            value, column = constant(bound), self._column(expr)
            if value is not None and column is not None:
                self._bound(column, operator, value)

    def _bound(self, column: _Column, operator: str, value: Scalar) -> None:
        if operator == "eq":
            self._one_of(column, frozenset([value]))
        elif operator in ("lt", "le", "gt", "ge"):
            limit = Interval(high=value) if operator in ("lt", "le") else Interval(low=value)
            self.intervals[column] = _both(self.intervals.get(column, Interval()), limit)

    def _one_of(self, column: _Column, values: frozenset[Scalar]) -> None:
        self.members[column] = self.members.get(column, values) & values

    def _sky(self, lon: Expr, lat: Expr) -> str | None:
        """The table whose sky position these two are."""
        first, second = self._column(lon), self._column(lat)
        if first is None or second is None or first.alias != second.alias:
            return None
        sky = self.tables[first.alias].table.sky
        matches = sky is not None and (sky.lon, sky.lat) == (first.name, second.name)
        return first.alias if matches else None


def _both(first: Interval, second: Interval) -> Interval:
    lows = [value for value in (first.low, second.low) if value is not None]
    highs = [value for value in (first.high, second.high) if value is not None]
    if any(isinstance(value, str) for value in lows + highs):
        return first if first != Interval() else second
    return Interval(max(lows, default=None), min(highs, default=None))


# Size


def _checked(expr: Expr) -> Expr:
    """The expression, if the SQL of it stays within bounds.

    Raises
    ------
    LimitError
        Raised if functions that write their argument more than once are nested too deep.
    """
    if _expanded(expr, {}) > MAX_EXPANDED:
        raise LimitError(
            "Functions are nested too deep in one another: the SQL of this query would be too large."
        )
    return expr


def _expanded(expr: Expr, known: dict[int, int]) -> int:
    if id(expr) in known:
        return known[id(expr)]
    name = expr.name if isinstance(expr, Op) else ""
    size = 1 + sum(_COPIES.get(name, 1) * _expanded(child, known) for child in core.children(expr))
    known[id(expr)] = size
    return size


_COPIES = {
    "div": 2,
    "idiv": 2,
    "mod": 2,
    "mod_integer": 2,
    "nullif": 2,
    "acos": 3,
    "asin": 3,
    "sqrt": 2,
    "ln": 2,
    "log10": 2,
    "power": 2,
    "atan2": 12,
    "truncate": 3,
    "square": 2,
}
"""How many times the widest of the dialects writes an argument of an operation."""
