"""From what ADQL means to what an engine can do: geometry becomes arithmetic, and what a query asks of each
table is collected for pruning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from adql import casts, core, crossmatch, geometry, healpix
from adql.core import BOOLEAN, Expr, Field, Literal, Op, conjuncts, constant
from adql.errors import LimitError, UnsupportedError
from adql.facts import (
    COMPARISONS,
    Inside,
    Key,
    Known,
    Place,
    both_ways,
    either,
    learn,
    place_of,
    source_of,
    spatial,
)
from adql.geometry import Shape
from adql.limits import Limits
from adql.pruning import Region, Restriction
from adql.schema import Table
from adql.types import INT, LONG, STRING
from adql.values import number, text

MAX_EXPANDED = 200_000
"""Bound on the size of the SQL that nested functions may grow to; each writes its argument more than once."""


def lower(query: core.Query, *, maxrec: int | None = None, limits: Limits = Limits()) -> core.Query:
    """The query with geometry lowered, tables restricted and the outer limit set to ``maxrec + 1``.

    One row more than allowed tells an overflow (TAP 1.1 section 2.7.4).
    """
    lowered = _Lowering(query, limits).root(query)
    if maxrec is None:
        return lowered
    limit = maxrec + 1
    return replace(lowered, limit=limit if lowered.limit is None else min(lowered.limit, limit))


class _Lowering:
    """Lowers one query; holds what is shared by all its parts."""

    def __init__(self, query: core.Query, limits: Limits) -> None:
        self.allowance = geometry.Allowance(limits.cells)
        self.tables: dict[str, Table] = {}
        """Alias -> table, of the tables met so far; aliases are unique in a query."""
        self.relations: dict[str, core.Relation] = {}
        """Alias -> what it stands for, of tables and queries in FROM."""
        self.queries = {item.name: item.query for item in query.common}
        """The queries of WITH."""
        self.common: dict[str, list[Known]] = {}
        """Name of a query of WITH -> for each use of it, what is asked of its outputs by position."""

    def root(self, query: core.Query) -> core.Query:
        """The whole query; queries of WITH after those that use them, for what these ask of them."""
        main = self._query(replace(query, common=()))
        lowered = []
        for item in reversed(query.common):
            asked = either(self.common.pop(item.name, []))
            lowered.append(core.CommonQuery(item.name, self._query(item.query, asked)))
        return replace(main, common=tuple(reversed(lowered)))

    # Queries

    def _query(self, query: core.Query, asked: Known | None = None) -> core.Query:
        """A query.

        Parameters
        ----------
        asked
            What is known of the rows that are wanted of it, under the relation '' and its outputs' names.
        """
        if query.limit is not None or query.offset is not None:
            asked = None
        body = self._body(query, asked or Known())
        hidden = tuple(self._item(item) for item in query.hidden)
        common = tuple(core.CommonQuery(item.name, self._query(item.query)) for item in query.common)
        return replace(query, body=body, hidden=hidden, common=common)

    def _body(self, query: core.Query, asked: Known) -> core.Body:
        body = query.body
        if isinstance(body, core.SetOperation):
            left, right = (
                self._query(side, _renamed(asked, dict(zip(query.names, side.names, strict=True))))
                for side in (body.left, body.right)
            )
            return replace(body, left=left, right=right)
        assert isinstance(body, core.Select)
        return self._select(body, asked)

    def _select(self, select: core.Select, asked: Known) -> core.Select:
        self._note(select.source)
        conditions = [*conjuncts(select.where), *_join_conditions(select.source)]
        known = self._learned(conditions, _within(asked, select))
        select = crossmatch.prepared(select, self._shape, self.queries)
        return replace(
            select,
            items=tuple(self._item(item) for item in select.items),
            source=self._source(select.source, known),
            where=self._filter(select.where),
            group_by=tuple(_checked(self._expr(term)) for term in select.group_by),
            having=self._filter(select.having),
        )

    def _item(self, item: core.Item) -> core.Item:
        return core.Item(_checked(self._expr(item.expr)), item.name)

    def _filter(self, condition: Expr | None) -> Expr | None:
        return None if condition is None else _checked(self._condition(condition, filters=True))

    # Relations

    def _source(self, source: core.Relation, known: Known) -> core.Relation:
        match source:
            case core.TableSource(alias=alias, table=table):
                return replace(source, restriction=self._restriction(known, alias, table))
            case core.QuerySource(alias=alias, query=query):
                return replace(source, query=self._query(query, _of(known, alias)))
            case core.CommonSource(alias=alias, name=name):
                self.common.setdefault(name, []).append(_of(known, alias))
            case core.JoinSource(kind=kind, left=left, right=right, condition=condition):
                # Of the side that an outer join may leave out, only rows count that meet its condition.
                matched = known
                if kind in ("left", "right"):
                    matched = self._learned(conjuncts(condition), known)
                return replace(
                    source,
                    left=self._source(left, matched if kind == "right" else known),
                    right=self._source(right, matched if kind == "left" else known),
                    condition=self._filter(condition),
                )
        return source

    def _restriction(self, known: Known, alias: str, table: Table) -> Restriction:
        """What is known of the rows of a table."""
        regions = () if table.sky is None else known.regions.get(_sky_place(alias, table), ())
        return replace(known.of(alias), regions=regions)

    def _conditions_within(self, condition: Expr) -> Iterator[Expr]:
        """What EXISTS asks of the rows that it is asked for: some row of its query meets these with them."""
        if isinstance(condition, core.ExistsQuery) and isinstance(condition.query.body, core.Select):
            select = condition.query.body
            if not select.is_aggregate:
                self._note(select.source)
                yield from (*conjuncts(select.where), *_join_conditions(select.source))

    def _note(self, source: core.Relation) -> None:
        """Keep the tables and queries in FROM under their aliases."""
        for relation in crossmatch.relations_of(source):
            self.relations[relation.alias] = relation
            if isinstance(relation, core.TableSource):
                self.tables[relation.alias] = relation.table

    def _learned(self, conditions: Sequence[Expr], given: Known) -> Known:
        """What is known of rows that meet conditions, of which something is given."""
        met = [
            *conditions,
            *(each for condition in conditions for each in self._conditions_within(condition)),
        ]
        known = learn(met, self._shape, given)
        return crossmatch.with_surroundings(known, self.relations, self.queries)

    # Conditions

    def _condition(self, expr: Expr, *, filters: bool) -> Expr:
        """A condition.

        Parameters
        ----------
        filters
            True where NULL is as good as false, so that a condition may be written shorter and boxes added.
        """
        match expr:
            case Op(name="and" | "or", args=args):
                return replace(expr, args=tuple(self._condition(arg, filters=filters) for arg in args))
            case Op(name="not", args=(arg,)):
                return replace(expr, args=(self._condition(arg, filters=False),))
            case Op(name=name) if name in COMPARISONS:
                predicate = self._predicate(expr, filters=filters)
                if predicate is not None:
                    boxes = self._boxes(expr) if filters else ()
                    return Op(BOOLEAN, "and", (*boxes, predicate)) if boxes else predicate
        return self._expr(expr)

    def _predicate(self, comparison: Op, *, filters: bool) -> Expr | None:
        """``CONTAINS(...) = 1`` as the bare condition, ``DISTANCE(...) < r`` without inverse functions."""
        for operator, left, right in both_ways(comparison):
            if not isinstance(left, Op):
                continue
            bound = constant(right)
            if left.name in ("contains", "intersects") and isinstance(bound, int | float):
                holds = tuple(COMPARISONS[operator](flag, bound) for flag in (0, 1))
                if holds in ((False, True), (True, False)):
                    return self._relation(left, holds=holds[1], filters=filters)
            if left.name == "distance" and operator in ("lt", "le", "gt", "ge"):
                return self._nearness(left, operator, right, filters=filters)
        return None

    def _relation(self, predicate: Op, *, holds: bool, filters: bool) -> Expr:
        """The condition that CONTAINS or INTERSECTS gives 1, or 0."""
        shapes = self._shapes(predicate)
        condition = self._met(predicate.name, shapes)
        if holds and filters and isinstance(condition, Expr):
            return condition
        met = geometry.condition(condition)
        return self._unless_unknown(met if holds else Op(BOOLEAN, "not", (met,)), shapes, filters=filters)

    def _met(self, name: str, shapes: tuple[Shape, Shape]) -> geometry.Condition:
        """The condition of CONTAINS or INTERSECTS; cells of positions are columns where there are some."""
        if not any(map(geometry.is_of_cells, shapes)):
            return _RELATIONS[name](*shapes)
        first, second = shapes
        if name == "intersects" and isinstance(first, geometry.Moc):
            first, second = second, first
        if isinstance(first, geometry.Point) and isinstance(second, geometry.Moc):
            return self._in_coverage(first.position, second)
        condition = _CELL_RELATIONS[name](first, second, self.allowance)
        return self._with_cells(condition) if isinstance(condition, Expr) else condition

    def _in_coverage(self, position: geometry.Position, moc: geometry.Moc) -> geometry.Condition:
        """The condition that a position lies in a MOC: ranges of the table's cells, if it has them."""
        stored = self._sky_column(geometry.expression(position.lon), geometry.expression(position.lat))
        if stored is None or not moc.ranges or moc.order > stored[1]:
            condition = geometry.cells_contain(geometry.Point(position), moc, self.allowance)
            return self._with_cells(condition) if isinstance(condition, Expr) else condition
        column, order = stored
        return geometry.in_ranges(column, moc.at(order))

    def _with_cells(self, expr: Expr) -> Expr:
        if not isinstance(expr, Op):
            return expr
        if expr.name == "healpix":
            return self._cell(*expr.args)
        return replace(expr, args=tuple(self._with_cells(arg) for arg in expr.args))

    def _nearness(self, distance: Op, operator: str, bound: Expr, *, filters: bool) -> Expr:
        shapes = self._shapes(distance)
        first, second = shapes
        assert isinstance(first, geometry.Point)
        assert isinstance(second, geometry.Point)
        nearer = {"lt": "lt", "le": "le", "gt": "le", "ge": "lt"}[operator]
        radius = geometry.scalar(self._expr(bound))
        condition = geometry.is_nearer(first.position, second.position, radius, nearer)
        met = geometry.condition(condition)
        if operator in ("gt", "ge"):
            met = Op(BOOLEAN, "not", (met,))
        if isinstance(condition, Expr):
            return met
        return self._unless_unknown(met, shapes, filters=filters)

    def _unless_unknown(self, condition: Expr, shapes: Sequence[Shape], *, filters: bool) -> Expr:
        """The condition, NULL where a shape is; where it filters, false."""
        unknown = [test for shape in shapes for test in geometry.is_unknown(shape)]
        if not unknown:
            return condition
        known = tuple(Op(BOOLEAN, "not", (test,)) for test in unknown)
        if filters:
            return Op(BOOLEAN, "and", (*known, condition))
        return Op(BOOLEAN, "case", (core.all_of(known) or condition, condition))

    def _boxes(self, comparison: Op) -> tuple[Expr, ...]:
        """Ranges of the columns that a condition confines: engines prune by them."""
        boxes: list[Expr] = []
        for fact in spatial(comparison, self._shape):
            if isinstance(fact, Inside):
                place = place_of(fact.position)
                if place is not None:
                    boxes += self._box(place, fact)
        return tuple(boxes)

    def _box(self, place: Place, fact: Inside) -> list[Expr]:
        box = geometry.box_around(fact.region)
        if box is None:
            return []
        lon, lat = (geometry.expression(angle) for angle in (fact.position.lon, fact.position.lat))
        tests: list[Expr] = [
            Op(BOOLEAN, "ge", (lat, number(box.south))),
            Op(BOOLEAN, "le", (lat, number(box.north))),
        ]
        if box.west is not None and box.east is not None and self._is_sky(place):
            ends: tuple[Expr, ...] = (
                Op(BOOLEAN, "ge", (lon, number(box.west))),
                Op(BOOLEAN, "le", (lon, number(box.east))),
            )
            tests += ends if box.west <= box.east else [Op(BOOLEAN, "or", ends)]
        return tests

    def _is_sky(self, place: Place) -> bool:
        """True for the position columns of a table, whose longitudes run from 0 to 360."""
        table = self.tables.get(place[0].relation)
        return table is not None and table.sky is not None and _sky_place(place[0].relation, table) == place

    # Expressions

    def _expr(self, expr: Expr) -> Expr:
        """A value as an engine holds it: geometries as arrays."""
        match expr:
            case Op(name=name) if name in geometry.NAMES:
                return self._geometry_value(expr)
            case Op(name=name) if name in _LOWERED:
                return self._lowered(expr)
            case Op(name="case", args=args):
                last = len(args) - 1 if len(args) % 2 else -1
                return replace(
                    expr,
                    args=tuple(
                        self._expr(arg) if index % 2 or index == last else self._condition(arg, filters=True)
                        for index, arg in enumerate(args)
                    ),
                )
            case Op(name="and" | "or" | "not"):
                return self._condition(expr, filters=False)
            case Op(name=name) if name in COMPARISONS:
                predicate = self._predicate(expr, filters=False)
                return predicate or replace(expr, args=tuple(self._expr(arg) for arg in expr.args))
            case Op(args=args):
                return replace(expr, args=tuple(self._expr(arg) for arg in args))
            case core.Aggregate(args=args):
                return replace(expr, args=tuple(self._expr(arg) for arg in args))
            case core.ScalarQuery(query=query) | core.ExistsQuery(query=query):
                return replace(expr, query=self._query(query))
            case core.InSelect(operand=operand, query=query):
                return replace(expr, operand=self._expr(operand), query=self._query(query))
        return expr

    def _lowered(self, expr: Op) -> Expr:
        """A function of geometries that gives a number, a text or a flag."""
        match expr.name:
            case "contains" | "intersects":
                return self._flag(expr)
            case "distance":
                first, second = (self._position(arg) for arg in expr.args)
                return geometry.expression(geometry.distance(first, second))
            case "coordinate":
                position = self._position(expr.args[0])
                is_lat = isinstance(expr.args[1], Literal) and expr.args[1].value == 2
                return geometry.expression(position.lat if is_lat else position.lon)
            case "area":
                shape = self._shape(expr.args[0])
                area = geometry.expression(geometry.area(shape))
                unknown = geometry.is_unknown(shape)
                return _unless(unknown, area) if constant(area) is not None else area
            case "geometry_text":
                return self._written(expr.args[0])
        order, lon, lat = expr.args
        return self._cell(order, self._expr(lon), self._expr(lat))

    def _flag(self, predicate: Op) -> Expr:
        """CONTAINS or INTERSECTS as a number: NULL where a geometry is NULL."""
        shapes = self._shapes(predicate)
        met = geometry.condition(self._met(predicate.name, shapes))
        unknown = [test for shape in shapes for test in geometry.is_unknown(shape)]
        parts: list[Expr] = []
        if unknown:
            parts += [
                unknown[0] if len(unknown) == 1 else Op(BOOLEAN, "or", tuple(unknown)),
                Literal(INT, None),
            ]
        parts += [met, Literal(INT, 1)]
        if all(_is_plain(shape) for shape in shapes):
            parts.append(Literal(INT, 0))
        else:
            parts += [Op(BOOLEAN, "not", (met,)), Literal(INT, 0)]
        return Op(INT, "case", tuple(parts))

    def _cell(self, order: Expr, lon: Expr, lat: Expr) -> Expr:
        """The HEALPix cell of a position: of the column that holds it at a finer order, else computed."""
        assert isinstance(order, Literal)
        assert isinstance(order.value, int)
        return self._stored_cell(order.value, lon, lat) or healpix.index_expr(order.value, lon, lat)

    def _stored_cell(self, order: int, lon: Expr, lat: Expr) -> Expr | None:
        stored = self._sky_column(lon, lat)
        if stored is None or order > stored[1]:
            return None
        column, finest = stored
        cell = column if column.type == LONG else Op(LONG, "to_bigint", (column,))
        shift = 1 << 2 * (finest - order)
        return Op(LONG, "idiv", (cell, Literal(LONG, shift))) if shift > 1 else cell

    def _sky_column(self, lon: Expr, lat: Expr) -> tuple[Expr, int] | None:
        """The column of HEALPix cells that belongs to a position, and its order."""
        place = place_of(geometry.Position(lon, lat))
        if place is None or not self._is_sky(place):
            return None
        table = self.tables[place[0].relation]
        assert table.sky is not None
        for column in table.columns:
            if column.name == table.sky.healpix:
                return Field(column.type, place[0].relation, column.name), table.sky.order
        return None

    # Geometries

    def _shapes(self, function: Op) -> tuple[Shape, Shape]:
        first, second = function.args
        return self._shape(first, "i"), self._shape(second, "j")

    def _shape(self, expr: Expr, variable: str = "i") -> Shape:
        shape = geometry.shape_of(self._geometry(expr), variable)
        return self._drawn(shape.order, shape.shape) if isinstance(shape, geometry.Covered) else shape

    def _drawn(self, order: int, shape: Shape | geometry.Covered) -> Shape:
        """The cells of an order that a shape overlaps."""
        if isinstance(shape, geometry.Covered):
            shape = self._drawn(shape.order, shape.shape)
        match shape:
            case geometry.Moc():
                return shape.of(order, whole=False)
            case geometry.CellOf(finest, position) if order <= finest:
                return geometry.CellOf(order, position)
            case geometry.Circle() | geometry.Polygon() if (patch := geometry.patch_of(shape)) is not None:
                return self.allowance.cover(order, patch)
        raise UnsupportedError(
            f"MOC of a {geometry.word_for(shape)} that hangs on the row is not offered: "
            "MOC(order, POINT(...)) is."
        )

    def _position(self, expr: Expr) -> geometry.Position:
        shape = self._shape(expr)
        assert isinstance(shape, geometry.Point)
        return shape.position

    def _geometry(self, expr: Expr) -> Expr:
        """A geometry with the numbers in it lowered."""
        if not isinstance(expr, Op) or expr.name not in geometry.NAMES:
            return self._expr(expr)
        if expr.name == "centroid":
            shape = self._shape(expr.args[0])
            position = geometry.centre(shape)
            unknown = geometry.is_unknown(shape)
            angles = (geometry.expression(angle) for angle in (position.lon, position.lat))
            return Op(expr.type, "point", tuple(_unless(unknown, angle) for angle in angles))
        if expr.name == "moc_of":
            return replace(expr, args=(expr.args[0], self._geometry(expr.args[1])))
        return replace(expr, args=tuple(self._expr(arg) for arg in expr.args))

    def _geometry_value(self, expr: Op) -> Expr:
        """A geometry in a select list, in its DALI 1.1 form (section 3.3): an array of numbers, or NULL."""
        shape = self._shape(expr)
        if isinstance(shape, geometry.Region) and shape.is_polygon:
            numbers = geometry.polygon_numbers(shape.text)
            return Op(expr.type, "case", (geometry.is_ring(numbers), numbers))
        if isinstance(shape, geometry.Region):
            return shape.text
        if isinstance(shape, geometry.Moc):
            return text(str(shape))
        if isinstance(shape, geometry.CellOf):
            cell = self._cell(
                Literal(INT, shape.order), *map(geometry.expression, (shape.position.lon, shape.position.lat))
            )
            return Op(STRING, "concat", (text(f"{shape.order}/"), casts.text_of(cell)))
        array = Op(expr.type, "array", geometry.numbers_of(shape))
        return _unless(geometry.is_unknown(shape), array)

    def _written(self, expr: Expr) -> Expr:
        """A geometry as DALI text: its numbers with blanks between."""
        shape = self._shape(expr)
        if isinstance(shape, geometry.Region):
            return shape.text
        if isinstance(shape, geometry.Moc | geometry.CellOf):
            return self._expr(expr)
        if isinstance(shape, geometry.Listed) and shape.array is not None:
            return Op(STRING, "joined_numbers", (shape.array,))
        words: Expr | None = None
        for each in geometry.numbers_of(shape):
            known = constant(each)
            word: Expr = text(repr(float(known))) if isinstance(known, int | float) else casts.text_of(each)
            if words is None:
                words = word
            else:
                words = Op(STRING, "concat", (Op(STRING, "concat", (words, text(" "))), word))
        assert words is not None
        return words


_RELATIONS = {"contains": geometry.contains, "intersects": geometry.intersects}

_CELL_RELATIONS = {"contains": geometry.cells_contain, "intersects": geometry.cells_meet}

_LOWERED = frozenset(["contains", "intersects", "distance", "coordinate", "area", "geometry_text", "healpix"])


def _is_plain(shape: Shape) -> bool:
    """True if its NULLs can be told from its numbers."""
    if isinstance(shape, geometry.Listed):
        return shape.array is None
    return not isinstance(shape, geometry.Region)


def _unless(unknown: Sequence[Expr], value: Expr) -> Expr:
    """The value, NULL where one of the conditions holds."""
    if not unknown:
        return value
    missing = unknown[0] if len(unknown) == 1 else Op(BOOLEAN, "or", tuple(unknown))
    return Op(value.type, "case", (Op(BOOLEAN, "not", (missing,)), value))


# What is asked of a relation


def _join_conditions(source: core.Relation) -> Iterator[Expr]:
    """Conditions that every row of FROM meets: those of inner joins that no outer join encloses."""
    if isinstance(source, core.JoinSource) and source.kind in ("inner", "cross"):
        yield from conjuncts(source.condition)
        yield from _join_conditions(source.left)
        yield from _join_conditions(source.right)


def _sky_place(alias: str, table: Table) -> Place:
    assert table.sky is not None
    return Key(alias, table.sky.lon), Key(alias, table.sky.lat)


def _of(known: Known, alias: str) -> Known:
    """What is known of the outputs of a query in FROM."""

    def outside(key: Key) -> Key:
        return replace(key, relation="")

    return Known(
        {outside(key): each for key, each in known.intervals.items() if key.relation == alias},
        {outside(key): each for key, each in known.members.items() if key.relation == alias},
        {
            (outside(lon), outside(lat)): each
            for (lon, lat), each in known.regions.items()
            if lon.relation == alias
        },
    )


def _renamed(known: Known, names: Mapping[str, str]) -> Known:
    """The same of outputs by other names."""

    def other(key: Key) -> Key:
        return replace(key, name=names.get(key.name, key.name))

    return Known(
        {other(key): each for key, each in known.intervals.items()},
        {other(key): each for key, each in known.members.items()},
        {(other(lon), other(lat)): each for (lon, lat), each in known.regions.items()},
    )


def _within(asked: Known, select: core.Select) -> Known:
    """What is asked of the outputs of a SELECT, said of the columns that it gives unchanged.

    Of a grouped one it is said of the columns that it groups by: to leave out rows leaves out whole groups.
    """
    outputs = {item.name: item.expr for item in select.items}

    def inside(key: Key) -> Key | None:
        if select.is_aggregate and outputs.get(key.name) not in select.group_by:
            return None
        return source_of(key, outputs)

    intervals = {mine: each for key, each in asked.intervals.items() if (mine := inside(key)) is not None}
    members = {mine: each for key, each in asked.members.items() if (mine := inside(key)) is not None}
    regions: dict[Place, tuple[Region, ...]] = {}
    for (lon, lat), each in asked.regions.items():
        mine, other = inside(lon), inside(lat)
        if mine is not None and other is not None and mine.relation == other.relation:
            regions[mine, other] = each
    return Known(intervals, members, regions)


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
    "idiv": 2,
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
    "numbers_in": 3,
    "corner_vectors": 9,
    "count_over": 2,
    "sum_over": 2,
}
"""How many times the widest of the dialects writes an argument of an operation."""
