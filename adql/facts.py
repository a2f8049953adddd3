"""What conditions tell of the columns of a query: the ground of pruning.

Facts are gathered from the bound tree, before geometry becomes arithmetic. A condition that is not understood
tells nothing; a fact is never more than what every row meets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from adql.core import Expr, Field, Literal, Op, conjuncts, constant
from adql.geometry import Circle, Moc, Point, Polygon, Position, Scalar, Shape
from adql.geometry.vectors import angles
from adql.pruning import Cells, Cone, Interval, Outline, Region, Restriction, Union
from adql.pruning import Scalar as Value
from adql.types import DOUBLE

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
}
_MIRRORED = {"eq": "eq", "ne": "ne", "lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}

Reader = Callable[[Expr], Shape]
"""Makes the shape of an expression of a geometric type."""


@dataclass(frozen=True, slots=True)
class Key:
    """A column of a relation of FROM, or an element of an array in one."""

    relation: str
    name: str
    part: int = 0
    """Number of the element, from 1; 0 for the column itself."""


Place = tuple[Key, Key]
"""The columns of a longitude and of a latitude."""


@dataclass(frozen=True, slots=True)
class Near:
    """Two positions that are no farther apart than a radius [deg]."""

    first: Position
    second: Position
    radius: Scalar


@dataclass(frozen=True, slots=True)
class Inside:
    """A position that lies in a constant region."""

    position: Position
    region: Region


Spatial = Near | Inside


@dataclass(frozen=True, slots=True)
class Known:
    """What every row meets."""

    intervals: Mapping[Key, Interval] = field(default_factory=dict)
    members: Mapping[Key, frozenset[Value]] = field(default_factory=dict)
    regions: Mapping[Place, tuple[Region, ...]] = field(default_factory=dict)
    nears: tuple[Near, ...] = ()
    equal: tuple[tuple[Key, Key], ...] = ()

    def of(self, relation: str) -> Restriction:
        """What is known of single columns of a relation."""
        return Restriction(
            (),
            {key.name: each for key, each in self.intervals.items() if _is_column(key, relation)},
            {key.name: each for key, each in self.members.items() if _is_column(key, relation)},
        )

    def both(self, other: Known) -> Known:
        """What rows meet that meet this and the other."""
        intervals = dict(self.intervals)
        for key, interval in other.intervals.items():
            intervals[key] = _overlap(intervals[key], interval) if key in intervals else interval
        members = dict(self.members)
        for key, values in other.members.items():
            members[key] = members.get(key, values) & values
        regions = dict(self.regions)
        for place, found in other.regions.items():
            regions[place] = regions.get(place, ()) + found
        return Known(intervals, members, regions, self.nears + other.nears, self.equal + other.equal)


def either(ways: Sequence[Known]) -> Known:
    """What rows meet that meet one of several."""
    if not ways:
        return Known()
    first = ways[0]
    if len(ways) == 1:
        return first
    ranges = [_ranges(way) for way in ways]
    intervals = {
        key: _hull([each[key] for each in ranges]) for key in ranges[0] if all(key in each for each in ranges)
    }
    members = {
        key: frozenset().union(*(way.members[key] for way in ways))
        for key in first.members
        if all(key in way.members for way in ways)
    }
    regions: dict[Place, tuple[Region, ...]] = {
        place: (Union(tuple(way.regions[place] for way in ways)),)
        for place in first.regions
        if all(place in way.regions for way in ways)
    }
    return Known(
        {key: interval for key, interval in intervals.items() if interval != Interval()}, members, regions
    )


def learn(conditions: Iterable[Expr], read: Reader, given: Known | None = None) -> Known:
    """What is known of rows that meet all the conditions, of which something may be given."""
    known = given or Known()
    for condition in conditions:
        known = known.both(_learned(condition, read))
    return _spread(known)


def spatial(condition: Expr, read: Reader) -> tuple[Spatial, ...]:
    """Where a comparison confines positions to, however it is written; nothing if it does not."""
    if not isinstance(condition, Op) or condition.name not in COMPARISONS:
        return ()
    for operator, expr, bound in both_ways(condition):
        if not isinstance(expr, Op):
            continue
        if expr.name == "distance" and operator in ("lt", "le", "eq"):
            first, second = map(read, expr.args)
            if isinstance(first, Point) and isinstance(second, Point):
                return _settled(Near(first.position, second.position, _scalar(bound)))
        value = constant(bound)
        if expr.name not in ("contains", "intersects") or not isinstance(value, int | float):
            continue
        if tuple(COMPARISONS[operator](flag, value) for flag in (0, 1)) == (False, True):
            return _confined(expr.name, *map(read, expr.args))
    return ()


def both_ways(comparison: Op) -> Iterator[tuple[str, Expr, Expr]]:
    """Operator, left and right side of a comparison, as written and the other way round."""
    left, right = comparison.args
    yield comparison.name, left, right
    yield _MIRRORED[comparison.name], right, left


def key_of(value: Scalar) -> Key | None:
    """The column that an expression is; None if it is something else."""
    expr = value
    if isinstance(expr, Op) and expr.name in ("to_double", "to_bigint"):
        expr = expr.args[0]
    if isinstance(expr, Op) and expr.name == "element" and isinstance(expr.args[0], Field):
        index = expr.args[1]
        if isinstance(index, Literal) and isinstance(index.value, int):
            return Key(expr.args[0].relation, expr.args[0].name, index.value)
    return Key(expr.relation, expr.name) if isinstance(expr, Field) else None


def place_of(position: Position) -> Place | None:
    """The columns that a position is made of."""
    lon, lat = key_of(position.lon), key_of(position.lat)
    return (lon, lat) if lon is not None and lat is not None and lon.relation == lat.relation else None


def _is_column(key: Key, relation: str) -> bool:
    return key.relation == relation and key.part == 0


def source_of(key: Key, outputs: Mapping[str, Expr]) -> Key | None:
    """The column inside of a query that an output of it is, or an element of it."""
    expr = outputs.get(key.name)
    if expr is None:
        return None
    if key.part and isinstance(expr, Op) and expr.name in ("point", "circle", "polygon"):
        return key_of(expr.args[key.part - 1])
    found = key_of(expr)
    return replace(found, part=key.part) if found is not None and key.part else found


# Single conditions


def _learned(condition: Expr, read: Reader) -> Known:
    if not isinstance(condition, Op):
        return Known()
    if condition.name == "and":
        known = Known()
        for part in conjuncts(condition):
            known = known.both(_learned(part, read))
        return known
    if condition.name == "or":
        return either([_learned(part, read) for part in condition.args])
    if condition.name == "in":
        key, values = key_of(condition.args[0]), [constant(arg) for arg in condition.args[1:]]
        if key is not None and all(value is not None for value in values):
            return Known(members={key: frozenset(value for value in values if value is not None)})
    if condition.name in COMPARISONS:
        return _comparison(condition, read)
    return Known()


def _comparison(condition: Op, read: Reader) -> Known:
    known = Known()
    for fact in spatial(condition, read):
        if isinstance(fact, Near):
            known = known.both(Known(nears=(fact,)))
            continue
        place = place_of(fact.position)
        if place is not None:
            known = known.both(Known(regions={place: (fact.region,)}))
    left, right = (key_of(arg) for arg in condition.args)
    if left is not None and right is not None:
        return known.both(Known(equal=((left, right),))) if condition.name == "eq" else known
    for operator, expr, bound in both_ways(condition):
        value, key = constant(bound), key_of(expr)
        if value is not None and key is not None:
            return known.both(_bound(key, operator, value))
    return known


def _bound(key: Key, operator: str, value: Value) -> Known:
    if operator == "eq":
        return Known(members={key: frozenset([value])})
    if operator in ("lt", "le"):
        return Known({key: Interval(high=value)})
    if operator in ("gt", "ge"):
        return Known({key: Interval(low=value)})
    return Known()


def _scalar(expr: Expr) -> Scalar:
    value = constant(expr)
    return float(value) if isinstance(value, int | float) else expr


def _confined(verb: str, first: Shape, second: Shape) -> tuple[Spatial, ...]:
    """What follows from one shape being in another, or meeting it."""
    if verb == "intersects" and (isinstance(second, Point) or isinstance(first, Polygon)):
        first, second = second, first
    match first, second:
        case Point(position), Point(other):
            return _settled(Near(position, other, 0.0))
        case Point(position), Circle(centre, radius):
            return _settled(Near(position, centre, radius))
        case Point(position), Polygon(outline=outline) if outline is not None:
            return (Inside(position, Outline(outline.corners)),)
        case Point(position), Moc():
            return (Inside(position, _cells(second)),)
        case Circle(centre, radius), Circle(other, bound):
            return _settled(Near(centre, other, _reach(verb, radius, bound)))
        case Circle(centre, radius), Polygon(outline=outline) if outline is not None:
            if verb == "contains":
                return (Inside(centre, Outline(outline.corners)),)
            middle = Position(*angles(outline.centre))
            return _settled(Near(centre, middle, _reach(verb, radius, outline.reach)))
        case Polygon(positions=positions), Circle(centre, radius) if verb == "contains":
            return tuple(fact for place in positions for fact in _settled(Near(place, centre, radius)))
    return ()


def _reach(verb: str, radius: Scalar, bound: Scalar) -> Scalar:
    """How far the centres of two circles may be apart."""
    if isinstance(radius, float) and isinstance(bound, float):
        return bound - radius if verb == "contains" else bound + radius
    if verb == "contains":
        return bound
    parts = [part if isinstance(part, Expr) else Literal(DOUBLE, part) for part in (radius, bound)]
    return Op(DOUBLE, "add", tuple(parts))


def _settled(near: Near) -> tuple[Spatial, ...]:
    """Nearness to a constant place is a cone."""
    if not isinstance(near.radius, float):
        return (near,)
    for position, centre in ((near.first, near.second), (near.second, near.first)):
        if isinstance(centre.lon, float) and isinstance(centre.lat, float) and not position.is_known:
            if abs(centre.lat) > 90 or near.radius < 0:
                return ()
            return (Inside(position, Cone(centre.lon, centre.lat, min(near.radius, 180.0))),)
    return (near,)


def _cells(moc: Moc) -> Region:
    by_order: dict[int, list[int]] = {}
    for order, cell in moc.cells:
        by_order.setdefault(order, []).append(cell)
    sets = [Cells(order, tuple(cells)) for order, cells in sorted(by_order.items())]
    if len(sets) == 1:
        return sets[0]
    return Union(tuple((cells,) for cells in sets)) if sets else Cells(moc.order, ())


# What follows from what


def _spread(known: Known) -> Known:
    """Columns that are equal share what is known of one; places that are near share their surroundings."""
    intervals, members, regions = dict(known.intervals), dict(known.members), dict(known.regions)
    for group in _groups(known.equal):
        ranges = [known.intervals[key] for key in group if key in known.intervals]
        values = [known.members[key] for key in group if key in known.members]
        for key in group:
            if ranges:
                intervals[key] = _overlap_of(ranges)
            if values:
                members[key] = frozenset.intersection(*values)
    for near in known.nears:
        for one, other in ((near.first, near.second), (near.second, near.first)):
            here, there = place_of(one), place_of(other)
            if here is None or there is None or not isinstance(near.radius, float):
                continue
            wider = tuple(
                Cone(region.lon, region.lat, min(180.0, region.radius + near.radius))
                for region in known.regions.get(there, ())
                if isinstance(region, Cone)
            )
            if wider:
                regions[here] = regions.get(here, ()) + wider
    return Known(intervals, members, regions, known.nears, known.equal)


def _groups(pairs: Sequence[tuple[Key, Key]]) -> list[set[Key]]:
    """The keys that pairs make equal; of two groups the smaller goes into the larger."""
    group_of: dict[Key, set[Key]] = {}
    for pair in pairs:
        small, large = sorted((group_of.setdefault(key, {key}) for key in pair), key=len)
        if small is large:
            continue
        large |= small
        group_of.update(dict.fromkeys(small, large))
    return list({id(group): group for group in group_of.values()}.values())


def _overlap_of(intervals: Sequence[Interval]) -> Interval:
    result = intervals[0]
    for interval in intervals[1:]:
        result = _overlap(result, interval)
    return result


def _overlap(first: Interval, second: Interval) -> Interval:
    """The values in both; numbers and texts are not compared."""
    lows = [value for value in (first.low, second.low) if value is not None]
    highs = [value for value in (first.high, second.high) if value is not None]
    if len({isinstance(value, str) for value in lows + highs}) > 1:
        return first
    return Interval(max(lows, default=None), min(highs, default=None))


def _ranges(known: Known) -> dict[Key, Interval]:
    """Intervals, those of single values among them."""
    ranges = dict(known.intervals)
    for key, values in known.members.items():
        if values and len({isinstance(value, str) for value in values}) == 1:
            found = Interval(min(values), max(values))
            ranges[key] = _overlap(ranges[key], found) if key in ranges else found
    return ranges


def _hull(intervals: Sequence[Interval]) -> Interval:
    """The least interval that holds all."""
    lows, highs = [each.low for each in intervals], [each.high for each in intervals]
    if len({isinstance(value, str) for value in lows + highs if value is not None}) > 1:
        return Interval()
    return Interval(
        None if None in lows else min(value for value in lows if value is not None),
        None if None in highs else max(value for value in highs if value is not None),
    )
