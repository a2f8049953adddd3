"""What a geometry of a query is: read from the tree once, then asked by everything else.

The tree holds geometries as operations named after ADQL's functions (``point``, ``circle``, ``box``,
``polygon``, ``region``, ``moc``), or as expressions of a geometric type whose values are DALI arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from adql.core import BOOLEAN, Expr, Literal, Local, Op
from adql.geometry.moc import Moc, moc_of_text
from adql.geometry.outline import Outline, outline
from adql.geometry.rings import ArrayRing, FixedRing, Ring, ring_of
from adql.geometry.scalars import (
    Condition,
    Scalar,
    add,
    arc_tangent,
    condition,
    cosine,
    degrees,
    expression,
    is_known,
    multiply,
    radians,
    root,
    scalar,
    sine,
    square,
    subtract,
    tangent,
    within_turn,
)
from adql.geometry.vectors import (
    Position,
)
from adql.types import DOUBLE, INT, STRING, ColumnType
from adql.values import integer, number, text, to_double

REGION = ColumnType("char", "*", "region")
"""A region in a text; which shape it is, each row tells."""

MOC = ColumnType("char", "*", "moc")
"""A multi-order coverage map as text (MOC 2.0 section 4.3.2)."""

NAMES = frozenset(
    ["point", "circle", "box", "polygon", "polygon_in_text", "centroid", "region", "moc", "moc_of"]
)
"""Operations that are geometries."""


@dataclass(frozen=True, slots=True)
class Point:
    """A position."""

    position: Position


@dataclass(frozen=True, slots=True)
class Circle:
    """All positions that are no farther from the centre than the radius."""

    centre: Position
    radius: Scalar
    """Radius [deg]."""


@dataclass(frozen=True, slots=True)
class Polygon:
    """A polygon of less than half of the sky; sides are arcs of great circles."""

    ring: Ring
    positions: tuple[Position, ...]
    """Its corners; none where they are in an array."""
    outline: Outline | None
    """What is known of it, where all corners are numbers."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box of which something is not known before the query runs; see :func:`box`."""

    centre: Position
    width: Scalar
    """Width [deg], along a parallel at the centre."""
    height: Scalar
    """Height [deg]."""
    variable: str
    """What to call its corners in the SQL."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A polygon whose corners are long expressions, so that an engine should compute them once."""

    positions: tuple[Position, ...]
    """Its corners; none where they are in an array."""
    variable: str
    """What to call its corners in the SQL."""
    array: Expr | None = None
    """The array that it comes from: longitudes and latitudes [deg] (DALI 1.1 section 3.3.7)."""


@dataclass(frozen=True, slots=True)
class Region:
    """A shape that is written in a text of each row."""

    text: Expr
    variable: str
    """What its parts are called in the SQL; another name for each region of an expression."""
    is_polygon: bool = False
    """True for a text that is nothing but the numbers of a polygon (DALI 1.1 section 3.3.7)."""


@dataclass(frozen=True, slots=True)
class CellOf:
    """The HEALPix cell of an order that holds a position."""

    order: int
    position: Position


@dataclass(frozen=True, slots=True)
class Covered:
    """All HEALPix cells of an order that a shape overlaps."""

    order: int
    shape: Shape | Covered


Shape = Point | Circle | Polygon | Box | Listed | Region | Moc | CellOf


def word_for(shape: Shape | Covered) -> str:
    """POINT, CIRCLE, BOX, POLYGON, REGION or MOC."""
    names = {Moc: "MOC", CellOf: "MOC", Covered: "MOC", Listed: "POLYGON"}
    return names.get(type(shape), type(shape).__name__.upper())


def shape_of(geometry: Expr, variable: str = "i") -> Shape | Covered:
    """The shape that an expression is; the numbers in it must be lowered already.

    Parameters
    ----------
    variable
        A letter that no other geometry of the same expression uses.
    """
    if isinstance(geometry, Op):
        match geometry.name:
            case "point":
                return Point(_position(geometry.args))
            case "circle":
                return Circle(_position(geometry.args[:2]), scalar(geometry.args[2]))
            case "polygon":
                pairs = zip(geometry.args[::2], geometry.args[1::2], strict=True)
                return polygon([_position(pair) for pair in pairs], variable)
            case "box":
                width, height = map(scalar, geometry.args[2:])
                return box(_position(geometry.args[:2]), width, height, variable)
            case "region":
                return Region(geometry.args[0], variable)
            case "polygon_in_text":
                return Region(geometry.args[0], variable, is_polygon=True)
            case "moc":
                written = geometry.args[0]
                assert isinstance(written, Literal)
                return moc_of_text(str(written.value))
            case "moc_of":
                order, inner = geometry.args
                assert isinstance(order, Literal)
                assert isinstance(order.value, int)
                shape = shape_of(inner, variable)
                return (
                    CellOf(order.value, shape.position)
                    if isinstance(shape, Point)
                    else Covered(order.value, shape)
                )
    return _from_array(geometry, variable)


def _from_array(geometry: Expr, variable: str) -> Shape:
    kind = geometry.type.xtype
    if kind == "point":
        return Point(Position(*_elements(geometry, 2)))
    if kind == "circle":
        lon, lat, radius = _elements(geometry, 3)
        return Circle(Position(lon, lat), radius)
    if kind == "polygon":
        return Listed((), variable, geometry)
    return Region(geometry, variable)


def _position(pair: Sequence[Expr]) -> Position:
    lon, lat = pair
    return Position(scalar(lon), scalar(lat))


def _elements(array: Expr, size: int) -> list[Scalar]:
    return [to_double(element(array, index)) for index in range(1, size + 1)]


def element(array: Expr, index: int) -> Expr:
    """An element of an array of numbers, from 1."""
    return Op(ColumnType(array.type.datatype), "element", (array, integer(index)))


def polygon(positions: Sequence[Position], variable: str) -> Polygon | Listed:
    """The polygon of these corners."""
    corners = [
        (place.lon, place.lat)
        for place in positions
        if isinstance(place.lon, float) and isinstance(place.lat, float)
    ]
    if len(corners) == len(positions):
        known = outline(tuple(corners))
        return Polygon(FixedRing(known.vectors), tuple(positions), known)
    if len(positions) > _LARGEST_RING:
        return Listed(tuple(positions), variable)
    return Polygon(ring_of(positions), tuple(positions), None)


_LARGEST_RING = 6
"""Corners up to which a polygon of columns is written out."""


def unlist(shape: Box | Listed, answer: Callable[[Polygon], Condition]) -> Expr:
    """What a condition says of a polygon whose corners are computed once, into an array."""
    return _once(shape, lambda polygon: condition(answer(polygon)))


def unlist_number(shape: Box | Listed, answer: Callable[[Polygon], Scalar]) -> Expr:
    """The same for a number."""
    return _once(shape, lambda polygon: expression(answer(polygon)))


def once(name: str, values: Sequence[Scalar], answer: Callable[[Sequence[Scalar]], Scalar]) -> Expr:
    """A number made of others, each of which an engine computes once, under a name."""
    array = Local(ColumnType("double", "*"), name)
    parts = [element(array, index) for index in range(1, len(values) + 1)]
    held = Op(array.type, "array", tuple(map(expression, values)))
    return Op(DOUBLE, "let", (array, held, expression(answer(parts))))


def _once(shape: Box | Listed, answer: Callable[[Polygon], Expr]) -> Expr:
    if isinstance(shape, Listed) and shape.array is not None:
        return _ringed(shape.array, shape.variable, answer)
    numbers = Local(_NUMBERS, f"{shape.variable}_corners")
    said = _ringed(numbers, shape.variable, answer)
    return Op(said.type, "let", (numbers, Op(_NUMBERS, "array", numbers_of(shape)), said))


def _ringed(numbers: Expr, variable: str, answer: Callable[[Polygon], Expr]) -> Expr:
    """What is said of the polygon whose corners are in an array; each becomes a vector once."""
    vectors = Local(_NUMBERS, f"{variable}_vectors")
    said = answer(Polygon(ArrayRing(vectors, f"{variable}_n"), (), None))
    return Op(said.type, "let", (vectors, Op(_NUMBERS, "corner_vectors", (numbers,)), said))


_NUMBERS = ColumnType("double", "*")


def box(centre: Position, width: Scalar, height: Scalar, variable: str) -> Polygon | Box:
    """The box around a centre (ADQL 2.1 section 4.2.9, BOX).

    A cross is centred there, its arms half the sizes [deg] long, parallel to the axes at the centre; the
    sides are the great circles through the ends of the arms at right angles to them. So the corners are those
    of a rectangle in the gnomonic projection.
    """
    unknown = Box(centre, width, height, variable)
    if not (centre.is_known and is_known(width, height)):
        return unknown
    known = polygon(box_corners(unknown), variable)
    assert isinstance(known, Polygon)
    return known


def box_corners(shape: Box) -> list[Position]:
    """The corners of a box, counter-clockwise as one looks at the sky (DALI 1.1 section 3.3.7)."""
    lat = radians(shape.centre.lat)
    across, along = box_arms(shape)
    corners = []
    for right, up in _BOX_CORNERS:
        rise = multiply(along, up)
        east = multiply(across, right)
        # Away from the axis of the poles and along it, where the centre is 1 away from the middle.
        out = subtract(cosine(lat), multiply(rise, sine(lat)))
        height = add(sine(lat), multiply(rise, cosine(lat)))
        turned = add(shape.centre.lon, degrees(arc_tangent(east, out)))
        level = root(add(square(east), square(out)))
        corners.append(Position(within_turn(turned), degrees(arc_tangent(height, level))))
    return corners


def box_arms(shape: Box) -> tuple[Scalar, Scalar]:
    """Half of the width and the height of a box in the gnomonic projection."""
    across, along = (tangent(multiply(radians(size), 0.5)) for size in (shape.width, shape.height))
    return across, along


_BOX_CORNERS = ((1.0, 1.0), (1.0, -1.0), (-1.0, -1.0), (-1.0, 1.0))
"""Steps to the east and to the north."""


# Regions in texts


_KINDS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("CIRCLE",), "eq"),
    (("POLYGON",), "ge"),
    (("BOX",), "eq"),
    (("POINT", "POSITION"), "eq"),
)
_SIZES = {"CIRCLE": 3, "POLYGON": 6, "BOX": 4, "POINT": 2}


def unfold(region: Region, answer: Callable[[Shape], Condition]) -> Expr:
    """What a condition says of the shape in each row's text; NULL for a text that is no region.

    A region is written as ``CIRCLE ICRS 83.6 22.0 2.5`` (STC-S) or ``circle 83.6 22.0 2.5`` (DALI), in ICRS.
    """
    return _unfolded(region, BOOLEAN, lambda shape: condition(answer(shape)))


def unfold_number(region: Region, answer: Callable[[Shape], Scalar]) -> Expr:
    """The same for a number."""
    return _unfolded(region, DOUBLE, lambda shape: expression(answer(shape)))


def _unfolded(region: Region, type_: ColumnType, answer: Callable[[Shape], Expr]) -> Expr:
    """What is said of the circle, three numbers, or the polygon that a text may be."""
    numbers = Local(_NUMBERS, f"{region.variable}_numbers")
    size = Op(INT, "size", (numbers,))
    parts: list[Expr] = []
    if not region.is_polygon:
        lon, lat, radius = (element(numbers, index) for index in range(1, 4))
        parts += [Op(BOOLEAN, "eq", (size, integer(3))), answer(Circle(Position(lon, lat), radius))]
    parts += [Op(BOOLEAN, "ge", (size, integer(6))), _ringed(numbers, region.variable, answer)]
    return _spoken(region, Op(type_, "case", tuple(parts)))


def is_ring(numbers: Expr) -> Expr:
    """The condition that an array of numbers has corners enough for a polygon."""
    size = Op(INT, "size", (numbers,))
    odd = Op(INT, "mod_integer", (size, integer(2)))
    return Op(BOOLEAN, "and", (Op(BOOLEAN, "ge", (size, integer(6))), Op(BOOLEAN, "eq", (odd, integer(0)))))


def polygon_numbers(written: Expr) -> Expr:
    """The numbers in a text, which may be those of a polygon."""
    words = Op(STRING, "words", (written,))
    return Op(ColumnType("double", "*"), "numbers_in", (words, integer(1)))


def _spoken(region: Region, answer: Expr) -> Expr:
    """The answer with its text read first: the numbers of a circle or of a polygon, or NULL."""
    numbers = Local(_NUMBERS, f"{region.variable}_numbers")
    written = Local(_NUMBERS, f"{region.variable}_written")
    if region.is_polygon:
        shaped = Op(_NUMBERS, "case", (is_ring(written), written))
        held = Op(answer.type, "let", (numbers, shaped, answer))
        return Op(answer.type, "let", (written, polygon_numbers(region.text), held))
    words = Local(STRING, f"{region.variable}_words")
    held = Op(answer.type, "let", (numbers, _shaped(words, written), answer))
    read = Op(answer.type, "let", (written, Op(_NUMBERS, "numbers_in", (words, _begin(words))), held))
    return Op(answer.type, "let", (words, Op(STRING, "words", (region.text,)), read))


def _shaped(words: Expr, written: Expr) -> Expr:
    """The numbers of a circle, which a place is without a radius, or of a polygon, which a box is."""
    kind = _upper(words, 1)
    size = Op(INT, "size", (written,))
    lon, lat, width, height = (element(written, index) for index in range(1, 5))
    unknown = Box(Position(lon, lat), width, height, "")

    def told(names: Sequence[str], fits: Expr) -> Expr:
        return Op(BOOLEAN, "and", (Op(BOOLEAN, "in", (kind, *map(text, names))), fits))

    def has(count: int) -> Expr:
        return Op(BOOLEAN, "eq", (size, integer(count)))

    place = Op(_NUMBERS, "array", (lon, lat, number(0.0)))
    corners = Op(_NUMBERS, "array", numbers_of(unknown))
    return Op(
        _NUMBERS,
        "case",
        (
            *(told(["CIRCLE"], has(3)), written),
            *(told(["POLYGON"], is_ring(written)), written),
            *(told(["BOX"], has(4)), corners),
            *(told(["POINT", "POSITION"], has(2)), place),
        ),
    )


def _begin(words: Expr) -> Expr:
    """The number of the word that the numbers of a region begin with, after the frame."""
    places, flavours = (tuple(map(text, sorted(known))) for known in (REFERENCE_PLACES, FLAVOURS))
    is_number = Op(
        BOOLEAN,
        "not",
        (
            Op(
                BOOLEAN,
                "is_null",
                (Op(DOUBLE, "double_of_text", (Op(STRING, "element", (words, integer(2))),)),),
            ),
        ),
    )
    has_place = Op(BOOLEAN, "in", (_upper(words, 3), *places))
    return Op(
        INT,
        "case",
        (
            *(is_number, integer(2)),
            *(Op(BOOLEAN, "ne", (_upper(words, 2), text("ICRS"))), Literal(INT, None)),
            *(Op(BOOLEAN, "and", (has_place, Op(BOOLEAN, "in", (_upper(words, 4), *flavours)))), integer(5)),
            *(Op(BOOLEAN, "or", (has_place, Op(BOOLEAN, "in", (_upper(words, 3), *flavours)))), integer(4)),
            integer(3),
        ),
    )


def _upper(words: Expr, index: int) -> Expr:
    return Op(STRING, "upper", (Op(STRING, "element", (words, integer(index))),))


REFERENCE_PLACES = frozenset(
    [
        "GEOCENTER",
        "BARYCENTER",
        "TOPOCENTER",
        "HELIOCENTER",
        "UNKNOWNREFPOS",
        "RELOCATABLE",
        "GALACTIC_CENTER",
    ]
)
"""Reference positions of STC-S; they make no difference to a direction here."""

FLAVOURS = frozenset(["SPHERICAL", "SPHERICAL2"])
"""Kinds of coordinates in STC-S that are longitude and latitude."""


# Values


def numbers_of(shape: Point | Circle | Polygon | Box | Listed) -> tuple[Expr, ...]:
    """The numbers of its DALI array, where they are not in one already."""
    match shape:
        case Point(position):
            return expression(position.lon), expression(position.lat)
        case Circle(centre, radius):
            return expression(centre.lon), expression(centre.lat), expression(radius)
    corners = box_corners(shape) if isinstance(shape, Box) else shape.positions
    return tuple(expression(angle) for place in corners for angle in (place.lon, place.lat))
