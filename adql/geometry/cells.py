"""CONTAINS and INTERSECTS where one of the shapes is made of HEALPix cells.

MOCs, circles and polygons that are known before the query runs are compared here. What hangs on a row is a
cell, that of a position: it is compared with the cells of the other shape, so that an engine does no more
than to look up a number in ranges.
"""

from __future__ import annotations

from collections.abc import Sequence

from adql.core import BOOLEAN, Expr, Literal, Op
from adql.errors import UnsupportedError
from adql.geometry.coverage import Allowance, Area, Disc, cells_in, covers, lies_in, meets, patch_of
from adql.geometry.moc import Moc
from adql.geometry.scalars import Condition, expression, some
from adql.geometry.shapes import CellOf, Circle, Point, Polygon, Shape, word_for
from adql.geometry.vectors import Position
from adql.types import LONG
from adql.values import integer

_FLAT_OR = 8
"""Up to so many runs of cells are tried one after the other, more by halving."""


def is_of_cells(shape: Shape) -> bool:
    """True for what is made of cells."""
    return isinstance(shape, Moc | CellOf)


def cells_contain(inner: Shape, outer: Shape, allowance: Allowance) -> Condition:
    """The condition that one shape lies in another, where one of them is made of cells.

    Raises
    ------
    UnsupportedError
        Raised for a circle or polygon that hangs on the row.
    LimitError
        Raised if it takes more cells than are allowed.
    """
    match inner, outer:
        case Point(position), _:
            return _holds(outer, position)
        case _, Point():
            return False
        case Moc(), Moc():
            return inner.is_within(outer)
        case CellOf(), Moc():
            return _is_among(inner, outer.of(inner.order, whole=True))
        case Moc(), CellOf():
            return _is_all(outer, inner.of(outer.order, whole=False))
        case CellOf(), CellOf():
            return inner.order >= outer.order and _is_same(inner, outer)
        case Moc(), _:
            return lies_in(inner, _patch("CONTAINS", outer), allowance)
        case CellOf(), _:
            return _is_among(inner, cells_in(inner.order, _patch("CONTAINS", outer), allowance))
        case _, Moc():
            return covers(outer, _patch("CONTAINS", inner), allowance)
        case _, CellOf():
            return _is_all(outer, allowance.cover(outer.order, _patch("CONTAINS", inner)))
    raise AssertionError(inner, outer)


def cells_meet(first: Shape, second: Shape, allowance: Allowance) -> Condition:
    """The condition that two shapes share a place, where one of them is made of cells.

    Raises
    ------
    UnsupportedError
        Raised for a circle or polygon that hangs on the row.
    LimitError
        Raised if it takes more cells than are allowed.
    """
    if not is_of_cells(first):
        first, second = second, first
    match first, second:
        case _, Point(position):
            return _holds(first, position)
        case Moc(), Moc():
            return first.meets(second)
        case (CellOf() as cell, Moc() as moc) | (Moc() as moc, CellOf() as cell):
            return _is_among(cell, moc.of(cell.order, whole=False))
        case CellOf(), CellOf():
            return _is_same(first, second)
        case Moc(), _:
            return meets(first, _patch("INTERSECTS", second), allowance)
        case CellOf(), _:
            return _is_among(first, allowance.cover(first.order, _patch("INTERSECTS", second)))
    raise AssertionError(first, second)


def _patch(verb: str, shape: Shape) -> Disc | Area:
    patch = patch_of(shape) if isinstance(shape, Circle | Polygon) else None
    if patch is None:
        raise UnsupportedError(
            f"{verb} of a MOC and a {word_for(shape)} is offered where the latter is constant; "
            "for the rows of a table, CONTAINS of a POINT in a MOC is."
        )
    return patch


# Cells of positions


def cell_of(order: int, position: Position) -> Expr:
    """The HEALPix cell of a position; lowered to a column of the table where it has one."""
    return Op(LONG, "healpix", (integer(order), expression(position.lon), expression(position.lat)))


def _holds(shape: Shape, position: Position) -> Condition:
    """True if a position lies in what is made of cells."""
    if isinstance(shape, CellOf):
        return Op(BOOLEAN, "eq", (cell_of(shape.order, position), cell_of(shape.order, shape.position)))
    assert isinstance(shape, Moc)
    if isinstance(position.lon, float) and isinstance(position.lat, float):
        return shape.holds(position.lon, position.lat)
    return _is_among(CellOf(shape.order, position), shape)


def _is_among(cell: CellOf, moc: Moc) -> Condition:
    """True if the cell of a position is one of a MOC of the same order.

    The cell is a long expression where no column holds it: it stands here once for each order of the MOC,
    all of them divisions of the same, which engines compute once.
    """
    numbers: dict[int, list[int]] = {}
    for order, number in moc.cells:
        numbers.setdefault(order, []).append(number)
    finest = cell_of(cell.order, cell.position)
    tests = []
    for order, found in sorted(numbers.items()):
        parts = 1 << 2 * (moc.order - order)
        coarser = Op(LONG, "idiv", (finest, Literal(LONG, parts))) if parts > 1 else finest
        tests.append(_in_range(coarser, found[0], found[0]) if len(found) == 1 else _in_set(coarser, found))
    return some(tests)


def _in_set(cell: Expr, numbers: Sequence[int]) -> Expr:
    return Op(BOOLEAN, "in", (cell, *(Literal(LONG, number) for number in numbers)))


def _is_all(cell: CellOf, moc: Moc) -> Condition:
    """True if a MOC of the same order has no other cell than that of a position."""
    if moc.size > 1:
        return False
    return moc.size == 0 or _is_among(cell, moc)


def _is_same(first: CellOf, second: CellOf) -> Condition:
    """True if the cells of two positions are one, or one is a part of the other."""
    order = min(first.order, second.order)
    return Op(BOOLEAN, "eq", (cell_of(order, first.position), cell_of(order, second.position)))


def in_ranges(cell: Expr, ranges: Sequence[tuple[int, int]]) -> Expr:
    """The condition that a cell is in one of many runs, found by halving them."""
    if len(ranges) <= _FLAT_OR:
        tests = tuple(_in_range(cell, low, high) for low, high in ranges)
        return tests[0] if len(tests) == 1 else Op(BOOLEAN, "or", tests)
    half = len(ranges) // 2
    below = Op(BOOLEAN, "lt", (cell, Literal(LONG, ranges[half][0])))
    return Op(BOOLEAN, "case", (below, in_ranges(cell, ranges[:half]), in_ranges(cell, ranges[half:])))


def _in_range(cell: Expr, low: int, high: int) -> Expr:
    if low == high:
        return Op(BOOLEAN, "eq", (cell, Literal(LONG, low)))
    ends = Op(BOOLEAN, "ge", (cell, Literal(LONG, low))), Op(BOOLEAN, "le", (cell, Literal(LONG, high)))
    return Op(BOOLEAN, "and", ends)
