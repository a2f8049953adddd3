"""Joins by nearness on the sky, made fit for an engine's hash join.

Two positions that are nearer than a radius lie in the same or in neighbouring cells of a grid whose cells are
no smaller than the radius. One side of the join is taken nine times, once for each of its neighbouring cells;
the cells are compared, then the distance. The grid is one of zones of declination, each cut into bins of
right ascension (Gray, Nieto-Santisteban, Szalay 2006, MSR-TR-2006-52): it takes a floor and a cosine on each
side, while the neighbours of a HEALPix cell are beyond plain SQL. A pair meets in one cell only, so no row
comes twice; a zone at a pole is one bin.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from adql import core
from adql.core import BOOLEAN, Expr, Field, Op, conjuncts
from adql.facts import Key, Known, Near, Place, Reader, key_of, place_of, source_of, spatial
from adql.geometry.scalars import (
    Scalar,
    add,
    choose,
    compare,
    condition,
    cosine,
    divide,
    every,
    expression,
    multiply,
    radians,
    sine,
    some,
    subtract,
)
from adql.geometry.vectors import Position
from adql.pruning import Around
from adql.schema import Table
from adql.types import DOUBLE, LONG

LARGEST = 10.0
"""Radius [deg] past which a join compares all pairs."""

_SMALLEST = 1e-3
"""Least size of a cell [deg]."""

_BINS = 1e6
"""More than the bins of any zone."""

_STEPS = tuple((zone, bin_) for zone in (-1, 0, 1) for bin_ in (-1, 0, 1))

_CELL = "near_cell"


def with_surroundings(
    known: Known, relations: Mapping[str, core.Relation], queries: Mapping[str, core.Query]
) -> Known:
    """What is known, with what nearness tells: places lie in the neighbourhoods of other tables' positions.

    Parameters
    ----------
    relations
        The relations that conditions may name, by their aliases.
    queries
        The queries of WITH by their names.
    """
    regions = dict(known.regions)
    for near in known.nears:
        for one, other in ((near.first, near.second), (near.second, near.first)):
            here, there = place_of(one), place_of(other)
            if here is None or there is None or there[0].relation == here[0].relation:
                continue
            around = _around(known, near, there, relations, queries)
            if around is not None and around not in regions.get(here, ()):
                regions[here] = (*regions.get(here, ()), around)
    return replace(known, regions=regions)


def _around(
    known: Known,
    near: Near,
    there: Place,
    relations: Mapping[str, core.Relation],
    queries: Mapping[str, core.Query],
) -> Around | None:
    """The neighbourhood of a table's rows that a nearness to a place confines to."""
    origin, size = _origin(there, relations, queries), _size_of(near, there[0].relation)
    if origin is None or size is None:
        return None
    (table, lon, lat), (radius, reach) = origin, size
    if lon.relation != there[0].relation:
        return Around(table.qualified, lon.name, lat.name, radius) if reach is None else None
    among = known.of(lon.relation)
    return Around(table.qualified, lon.name, lat.name, radius, reach, None if among.is_empty else among)


def _origin(
    place: Place, relations: Mapping[str, core.Relation], queries: Mapping[str, core.Query]
) -> tuple[Table, Key, Key] | None:
    """The columns of a table that a position comes from, unchanged, through any queries in FROM."""
    while True:
        lon, lat = place
        relation = relations.get(lon.relation)
        if isinstance(relation, core.TableSource):
            return None if lon.part or lat.part else (relation.table, lon, lat)
        if isinstance(relation, core.QuerySource):
            query: core.Query | None = relation.query
        else:
            query = queries.get(relation.name) if isinstance(relation, core.CommonSource) else None
        if query is None or not isinstance(query.body, core.Select):
            return None
        outputs = {item.name: item.expr for item in query.body.items}
        inner = [source_of(key, outputs) for key in place]
        if inner[0] is None or inner[1] is None or inner[0].relation != inner[1].relation:
            return None
        place = inner[0], inner[1]
        relations = {each.alias: each for each in relations_of(query.body.source)}


def _size_of(near: Near, relation: str) -> tuple[float, str | None] | None:
    """A radius as a number [deg] and a column of a relation that is added to it."""
    if isinstance(near.radius, float):
        return near.radius, None
    terms = near.radius.args if isinstance(near.radius, Op) and near.radius.name == "add" else (near.radius,)
    radius, reach = 0.0, None
    for term in terms:
        value, key = core.constant(term), key_of(term)
        if isinstance(value, int | float):
            radius += value
        elif key is not None and key.relation == relation and not key.part and reach is None:
            reach = key.name
        else:
            return None
    return radius, reach


def prepared(select: core.Select, read: Reader, queries: Mapping[str, core.Query]) -> core.Select:
    """The SELECT with its joins by nearness turned into joins by cells and nearness.

    Parameters
    ----------
    queries
        The queries of WITH by their names.
    """
    relations = {relation.alias: relation for relation in relations_of(select.source)}
    ways = [*_inner(select, relations, read), *_outer(select.source, read)]
    for way in ways:
        matched = _matched(select, way, relations, queries)
        if matched is not None:
            return matched
    return select


_Named = core.TableSource | core.QuerySource | core.CommonSource


@dataclass(frozen=True, slots=True)
class _Way:
    """A nearness that a join may go by."""

    near: Near
    copied: tuple[str, ...]
    """Relations that may be taken several times."""
    join: core.JoinSource | None = None
    """The outer join whose condition it is; None if all rows must meet it."""


def relations_of(source: core.Relation) -> Iterator[_Named]:
    """The tables and queries that FROM joins."""
    if isinstance(source, core.JoinSource):
        yield from relations_of(source.left)
        yield from relations_of(source.right)
    elif isinstance(source, _Named):
        yield source


def _inner(select: core.Select, relations: Mapping[str, _Named], read: Reader) -> Iterator[_Way]:
    conditions = [*conjuncts(select.where), *_inner_conditions(select.source)]
    linked = _linked(conditions)
    for each in conditions:
        for near in _nears(each, read):
            if frozenset(_aliases(near.first) | _aliases(near.second)) not in linked:
                yield _Way(near, tuple(relations))


def _inner_conditions(source: core.Relation) -> Iterator[Expr]:
    if isinstance(source, core.JoinSource) and source.kind in ("inner", "cross"):
        yield from conjuncts(source.condition)
        yield from _inner_conditions(source.left)
        yield from _inner_conditions(source.right)


def _outer(source: core.Relation, read: Reader) -> Iterator[_Way]:
    """Of an outer join the side may be copied whose rows need not be kept."""
    if not isinstance(source, core.JoinSource):
        return
    free = {"left": source.right, "right": source.left}.get(source.kind)
    if free is not None:
        linked = _linked(conjuncts(source.condition))
        copied = tuple(relation.alias for relation in relations_of(free))
        for each in conjuncts(source.condition):
            for near in _nears(each, read):
                if frozenset(_aliases(near.first) | _aliases(near.second)) not in linked:
                    yield _Way(near, copied, source)
    yield from _outer(source.left, read)
    yield from _outer(source.right, read)


def _nears(each: Expr, read: Reader) -> Iterator[Near]:
    for fact in spatial(each, read):
        if isinstance(fact, Near) and not (isinstance(fact.radius, float) and fact.radius > LARGEST):
            yield fact


def _linked(conditions: Sequence[Expr]) -> set[frozenset[str]]:
    """Pairs of relations that an equality joins already."""
    pairs = set()
    for each in conditions:
        if isinstance(each, Op) and each.name == "eq":
            sides = [_fields(arg) for arg in each.args]
            if all(len(side) == 1 for side in sides) and sides[0] != sides[1]:
                pairs.add(frozenset(sides[0] | sides[1]))
    return pairs


def _aliases(position: Position) -> set[str]:
    return {
        alias for angle in (position.lon, position.lat) if isinstance(angle, Expr) for alias in _fields(angle)
    }


def _fields(expr: Expr) -> set[str]:
    return {node.relation for node in core.walk(expr) if isinstance(node, Field)}


def _matched(
    select: core.Select, way: _Way, relations: Mapping[str, _Named], queries: Mapping[str, core.Query]
) -> core.Select | None:
    """The SELECT with one nearness as a join by cells; None if it cannot be."""
    pairs = ((way.near.first, way.near.second), (way.near.second, way.near.first))
    sides = sorted(
        (
            (_weight(relations[alias]), alias, mine, other)
            for mine, other in pairs
            for alias in _aliases(mine)
            if len(_aliases(mine)) == 1 and alias in way.copied and alias not in _aliases(other)
            # A position of the query around would make a correlated join of it, which engines do row by row.
            if _aliases(other) and _aliases(other) <= relations.keys() and not _has_subquery(mine, other)
        ),
        key=lambda side: side[:2],
    )
    for _, alias, mine, other in sides:
        size = _size(way, relations)
        outputs = _outputs(relations[alias], queries)
        if outputs is None or size is None:
            continue
        replaced = {alias: _copies(relations[alias], mine, size, outputs)}
        if size.relation is None:
            theirs = _cell(other, size.scalar)
        else:
            (partner,) = _aliases(other) if len(_aliases(other)) == 1 else ("",)
            others = _outputs(relations[partner], queries) if partner in relations else None
            if others is None:
                continue
            replaced[partner] = _celled(relations[partner], other, size, others)
            theirs = Field(LONG, partner, _CELL)
        same = Op(BOOLEAN, "eq", (theirs, Field(LONG, alias, _CELL)))
        source = _replaced(select.source, replaced, way.join, same)
        if way.join is not None:
            return replace(select, source=source)
        return replace(select, source=source, where=core.all_of((*conjuncts(select.where), same)))
    return None


def _has_subquery(*positions: Position) -> bool:
    kinds = (core.ScalarQuery, core.ExistsQuery, core.InSelect)
    return any(
        isinstance(node, kinds)
        for position in positions
        for angle in (position.lon, position.lat)
        if isinstance(angle, Expr)
        for node in core.walk(angle)
    )


def _weight(relation: _Named) -> float:
    """About how many rows: the smaller side is copied."""
    if isinstance(relation, core.TableSource):
        if relation.table.nrows is not None:
            return float(relation.table.nrows)
        return 1e9 if relation.table.sky is not None else 1e5
    return 1e4 if isinstance(relation, core.CommonSource) else 1e6


def _outputs(relation: _Named, queries: Mapping[str, core.Query]) -> list[Field] | None:
    """The columns of a relation, as fields of it."""
    if isinstance(relation, core.TableSource):
        columns = relation.table.columns
        return [Field(column.type, relation.alias, column.name) for column in columns]
    query = relation.query if isinstance(relation, core.QuerySource) else queries.get(relation.name)
    if query is None:
        return None
    return [
        Field(column.type, relation.alias, name)
        for column, name in zip(query.columns, query.names, strict=True)
    ]


# Cells


@dataclass(frozen=True, slots=True)
class _Size:
    """The size of a cell [deg]."""

    scalar: Scalar
    relation: core.QuerySource | None = None
    """What must be in FROM for it."""


def _size(way: _Way, relations: Mapping[str, _Named]) -> _Size | None:
    radius = way.near.radius
    if isinstance(radius, float):
        return _Size(max(radius, 0.0) * (1 + 1e-6) + 1e-9 if radius > _SMALLEST else _SMALLEST)
    owners = _fields(radius)
    if len(owners) != 1 or way.join is not None:
        return None
    (owner,) = owners
    relation = relations.get(owner)
    if not isinstance(relation, core.TableSource | core.CommonSource):
        return None
    alias = f"{owner}_size"
    greatest = core.Aggregate(DOUBLE, "max", (_moved(radius, owner, f"{owner}_radius"),))
    select = core.Select(
        (core.Item(greatest, "radius"),), replace(relation, alias=f"{owner}_radius"), is_aggregate=True
    )
    field = Field(DOUBLE, alias, "radius")
    scalar = choose(compare("gt", field, _SMALLEST), add(multiply(field, 1 + 1e-6), 1e-9), _SMALLEST)
    return _Size(scalar, core.QuerySource(alias, core.Query(select, (), ("radius",))))


def _moved(expr: Expr, relation: str, other: str) -> Expr:
    """The expression with fields of one relation taken from another."""
    if isinstance(expr, Field):
        return replace(expr, relation=other) if expr.relation == relation else expr
    if isinstance(expr, Op):
        return replace(expr, args=tuple(_moved(arg, relation, other) for arg in expr.args))
    return expr


def _copies(relation: _Named, position: Position, size: _Size, outputs: Sequence[Field]) -> core.QuerySource:
    """The relation with each row once for each cell that a near position can be in."""
    steps = f"{relation.alias}_step"
    here, sized, source = _beside(relation, position, size)
    source = core.JoinSource("cross", source, core.RowsSource(steps, ("zone_step", "bin_step"), _STEPS))
    zone_step, bin_step = (
        Op(DOUBLE, "to_double", (Field(LONG, steps, name),)) for name in ("zone_step", "bin_step")
    )
    zone = add(_zone(here, sized), zone_step)
    bins = _bins(zone, sized)
    stepped = add(_bin(here, bins), bin_step)
    turned = choose(
        compare("lt", stepped, 0.0),
        add(stepped, bins),
        compare("ge", stepped, bins),
        subtract(stepped, bins),
        stepped,
    )
    is_new = condition(some((compare("eq", bin_step, 0.0), compare("ge", bins, 3.0))))
    return _derived(relation, outputs, _numbered(zone, turned), source, is_new)


def _celled(relation: _Named, position: Position, size: _Size, outputs: Sequence[Field]) -> core.QuerySource:
    """The relation with the cell of each row."""
    here, sized, source = _beside(relation, position, size)
    return _derived(relation, outputs, _cell(here, sized), source)


def _beside(relation: _Named, position: Position, size: _Size) -> tuple[Position, Scalar, core.Relation]:
    """The relation under another name, with the size of the cells beside it; position and size in them."""
    mine, scale = f"{relation.alias}_one", f"{relation.alias}_scale"
    lon, lat = (
        _moved(angle, relation.alias, mine) if isinstance(angle, Expr) else angle
        for angle in (position.lon, position.lat)
    )
    source: core.Relation = replace(relation, alias=mine)
    if size.relation is None or not isinstance(size.scalar, Expr):
        return Position(lon, lat), size.scalar, source
    beside = replace(size.relation, alias=scale, query=_again(size.relation.query, scale))
    sized = _moved(size.scalar, size.relation.alias, scale)
    return Position(lon, lat), sized, core.JoinSource("cross", source, beside)


def _again(query: core.Query, alias: str) -> core.Query:
    """A query of one table once more, with another name for the table."""
    body = query.body
    assert isinstance(body, core.Select)
    assert isinstance(body.source, _Named)
    name = f"{alias}_of"
    (item,) = body.items
    assert isinstance(item.expr, core.Aggregate)
    moved = replace(item.expr, args=tuple(_moved(arg, body.source.alias, name) for arg in item.expr.args))
    return replace(
        query, body=replace(body, items=(replace(item, expr=moved),), source=replace(body.source, alias=name))
    )


def _derived(
    relation: _Named,
    outputs: Sequence[Field],
    cell: Expr,
    source: core.Relation,
    where: Expr | None = None,
) -> core.QuerySource:
    """The relation as a query that gives its columns and a cell."""
    mine = f"{relation.alias}_one"
    items = [core.Item(replace(field, relation=mine), field.name) for field in outputs if field.name != _CELL]
    select = core.Select((*items, core.Item(cell, _CELL)), source, where=where)
    return core.QuerySource(relation.alias, core.Query(select, (), tuple(item.name for item in select.items)))


def _cell(position: Position, size: Scalar) -> Expr:
    """The number of the cell that a position lies in."""
    zone = _zone(position, size)
    bins = _bins(zone, size)
    bin_ = _bin(position, bins)
    return _numbered(zone, choose(compare("ge", bin_, bins), 0.0, bin_))


def _zone(position: Position, size: Scalar) -> Scalar:
    """The number of the zone of declination, from 0 at the south pole."""
    return _floor(divide(add(position.lat, 90.0), size))


def _bins(zone: Scalar, size: Scalar) -> Scalar:
    """How many bins a zone has: each as wide as the radius anywhere in it, three at least, or one."""
    middle = subtract(multiply(add(zone, 0.5), size), 90.0)
    farthest = add(Op(DOUBLE, "abs", (expression(middle),)), multiply(size, 1.5))
    fitting = _floor(multiply(divide(2 * math.pi, sine(radians(size))), cosine(radians(farthest))))
    is_cut = every((compare("ge", fitting, 3.0), compare("lt", size, 60.0)))
    return choose(is_cut, fitting, 1.0)


def _bin(position: Position, bins: Scalar) -> Scalar:
    """The number of the bin of right ascension, from 0; rounding may make it the number of bins."""
    turns = divide(position.lon, 360.0)
    return _floor(multiply(subtract(turns, _floor(turns)), bins))


def _numbered(zone: Scalar, bin_: Scalar) -> Expr:
    return Op(LONG, "cut", (expression(add(multiply(zone, _BINS), bin_)),))


def _floor(value: Scalar) -> Scalar:
    return float(math.floor(value)) if isinstance(value, float) else Op(DOUBLE, "floor", (value,))


def _replaced(
    source: core.Relation,
    replaced: Mapping[str, core.QuerySource],
    join: core.JoinSource | None,
    same: Expr,
) -> core.Relation:
    """FROM with relations replaced, and a condition added to one of its joins."""
    if not isinstance(source, core.JoinSource):
        return replaced.get(source.alias, source) if isinstance(source, _Named) else source
    left, right = (_replaced(side, replaced, join, same) for side in (source.left, source.right))
    added = (*conjuncts(source.condition), same) if source is join else conjuncts(source.condition)
    return replace(source, left=left, right=right, condition=core.all_of(tuple(added)))
