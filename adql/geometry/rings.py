"""The corners of a polygon that is not known before the query runs: a fixed number of them, or an array.

What is asked of a ring is asked of its corners, its sides, or the triangles that its first corner makes with
its sides; an array's are gone through by the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from adql.core import BOOLEAN, Expr, Literal, Local, Op
from adql.geometry.scalars import (
    Condition,
    Scalar,
    condition,
    every,
    expression,
    is_odd,
    odd,
    some,
    total,
)
from adql.geometry.vectors import Position, Vector
from adql.types import DOUBLE, LONG


class Ring(Protocol):
    """The corners of a polygon, in order, not closed."""

    @property
    def first(self) -> Vector:
        """The first corner."""
        ...

    def every_corner(self, test: Callable[[Vector], Condition]) -> Condition:
        """True if all corners meet a test."""
        ...

    def some_corner(self, test: Callable[[Vector], Condition]) -> Condition:
        """True if a corner meets a test."""
        ...

    def some_side(self, test: Callable[[Vector, Vector], Condition]) -> Condition:
        """True if a side, given by its ends, meets a test."""
        ...

    def odd_sides(self, test: Callable[[Vector, Vector], Condition]) -> Condition:
        """True if an odd number of sides meets a test."""
        ...

    def sum_of_sides(self, value: Callable[[Vector, Vector], Scalar]) -> Scalar:
        """The sum of a value of each side."""
        ...


@dataclass(frozen=True, slots=True)
class FixedRing:
    """So many corners."""

    corners: tuple[Vector, ...]

    @property
    def first(self) -> Vector:
        """The first corner."""
        return self.corners[0]

    def every_corner(self, test: Callable[[Vector], Condition]) -> Condition:
        """See :class:`Ring`."""
        return every(map(test, self.corners))

    def some_corner(self, test: Callable[[Vector], Condition]) -> Condition:
        """See :class:`Ring`."""
        return some(map(test, self.corners))

    def some_side(self, test: Callable[[Vector, Vector], Condition]) -> Condition:
        """See :class:`Ring`."""
        return some(test(*side) for side in self._sides())

    def odd_sides(self, test: Callable[[Vector, Vector], Condition]) -> Condition:
        """See :class:`Ring`."""
        return odd([test(*side) for side in self._sides()])

    def sum_of_sides(self, value: Callable[[Vector, Vector], Scalar]) -> Scalar:
        """See :class:`Ring`."""
        return total(value(*side) for side in self._sides())

    def _sides(self) -> Iterator[tuple[Vector, Vector]]:
        return zip(self.corners, (*self.corners[1:], self.corners[0]), strict=True)


@dataclass(frozen=True, slots=True)
class ArrayRing:
    """Corners in an array of the coordinates of their unit vectors, one after the other."""

    vectors: Expr
    variable: str
    """What to call the number of a corner; another name for each ring of an expression."""

    @property
    def first(self) -> Vector:
        """The first corner."""
        return self._corner(Literal(LONG, 1))

    def every_corner(self, test: Callable[[Vector], Condition]) -> Condition:
        """See :class:`Ring`."""
        count = self._count(test(self._corner(self._index)))
        return Op(BOOLEAN, "eq", (count, self._size))

    def some_corner(self, test: Callable[[Vector], Condition]) -> Condition:
        """See :class:`Ring`."""
        return Op(BOOLEAN, "gt", (self._count(test(self._corner(self._index))), Literal(LONG, 0)))

    def some_side(self, test: Callable[[Vector, Vector], Condition]) -> Condition:
        """See :class:`Ring`."""
        return Op(BOOLEAN, "gt", (self._count(test(*self._side())), Literal(LONG, 0)))

    def odd_sides(self, test: Callable[[Vector, Vector], Condition]) -> Condition:
        """See :class:`Ring`."""
        return is_odd(self._count(test(*self._side())))

    def sum_of_sides(self, value: Callable[[Vector, Vector], Scalar]) -> Scalar:
        """See :class:`Ring`."""
        each = expression(value(*self._side()))
        return Op(DOUBLE, "sum_over", (self._index, self._size, each))

    @property
    def _index(self) -> Local:
        return Local(LONG, self.variable)

    @property
    def _size(self) -> Expr:
        return Op(LONG, "idiv", (Op(LONG, "size", (self.vectors,)), Literal(LONG, 3)))

    def _count(self, test: Condition) -> Expr:
        return Op(LONG, "count_over", (self._index, self._size, condition(test)))

    def _side(self) -> tuple[Vector, Vector]:
        following = Op(LONG, "add", (Op(LONG, "mod_integer", (self._index, self._size)), Literal(LONG, 1)))
        return self._corner(self._index), self._corner(following)

    def _corner(self, index: Expr) -> Vector:
        last = Op(LONG, "mul", (index, Literal(LONG, 3)))
        x, y = (Op(LONG, "sub", (last, Literal(LONG, back))) for back in (2, 1))
        first, second, third = (Op(DOUBLE, "element", (self.vectors, place)) for place in (x, y, last))
        return first, second, third


def ring_of(positions: Sequence[Position]) -> FixedRing:
    """The ring of these corners."""
    return FixedRing(tuple(position.vector for position in positions))
