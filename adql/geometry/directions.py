"""Directions that are known: unit vectors of numbers, their products and angles."""

from __future__ import annotations

import math

Known = tuple[float, float, float]
"""A vector of numbers."""


def dot(a: Known, b: Known) -> float:
    """Scalar product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a: Known, b: Known) -> Known:
    """Vector product."""
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def less(a: Known, b: Known) -> Known:
    """The first less the second."""
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def plus(a: Known, b: Known) -> Known:
    """Sum."""
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def opposite(a: Known) -> Known:
    """The other way."""
    return -a[0], -a[1], -a[2]


def unit(a: Known) -> Known | None:
    """The direction of a vector; None for one of hardly any length."""
    length = math.sqrt(dot(a, a))
    return (a[0] / length, a[1] / length, a[2] / length) if length > 1e-9 else None


def chord(a: Known, b: Known) -> float:
    """Straight distance of two points of the unit sphere."""
    return math.dist(a, b)


def angle(a: Known, b: Known) -> float:
    """Angle [rad] of two unit vectors; exact for small and for large ones."""
    apart = math.dist(a, b)
    if apart <= 1.4:
        return 2 * math.asin(apart / 2)
    return math.pi - 2 * math.asin(min(1.0, math.dist(a, opposite(b)) / 2))


def normal(a: Known, b: Known) -> Known | None:
    """The unit vector to the left of the arc from one place to another; None where they are one."""
    vector = cross(a, less(b, a))
    length = math.sqrt(dot(vector, vector))
    return (vector[0] / length, vector[1] / length, vector[2] / length) if length > 1e-300 else None


class Arc:
    """The shorter arc of a great circle from one place to another, less than 180 deg."""

    __slots__ = ("a", "b", "before", "behind", "left")

    def __init__(self, a: Known, b: Known) -> None:
        self.a, self.b = a, b
        left = normal(a, b)
        self.left = left or (0.0, 0.0, 0.0)
        """Towards its left; zero if its ends are one."""
        self.before = cross(self.left, a)
        """Has a positive product with what lies past the beginning."""
        self.behind = cross(self.left, b)
        """Has a positive product with what lies past the end."""

    def distance(self, place: Known) -> float:
        """How far [rad] a place is from it, exact for small and for large angles."""
        if dot(self.before, place) > 0 and dot(self.behind, place) < 0:
            return math.atan2(abs(dot(self.left, place)), math.hypot(*cross(self.left, place)))
        return min(angle(self.a, place), angle(self.b, place))

    def nearness(self, place: Known) -> float:
        """The square of the straight distance of a place from it: see :func:`angle_of`."""
        x, y, z = place
        before, behind = self.before, self.behind
        if (
            before[0] * x + before[1] * y + before[2] * z > 0
            and behind[0] * x + behind[1] * y + behind[2] * z < 0
        ):
            left = self.left
            height = left[0] * x + left[1] * y + left[2] * z
            square = height * height
            return 2 * square / (1 + math.sqrt(max(0.0, 1 - square)))
        a, b = self.a, self.b
        return min(
            (a[0] - x) ** 2 + (a[1] - y) ** 2 + (a[2] - z) ** 2,
            (b[0] - x) ** 2 + (b[1] - y) ** 2 + (b[2] - z) ** 2,
        )

    def crosses(self, other: Arc, margin: float = 0.0) -> bool:
        """True if two arcs have a place in common that is no end of either.

        Parameters
        ----------
        margin
            How far [rad] the ends of each are at least from the great circle of the other.
        """
        c, d = dot(self.left, other.a), dot(self.left, other.b)
        if c * d >= 0 or min(abs(c), abs(d)) < margin:
            return False
        a, b = dot(other.left, self.a), dot(other.left, self.b)
        # Each parts the ends of the other; of the two places of the great circles, it is the same one.
        return a * b < 0 and c * b > 0 and min(abs(a), abs(b)) >= margin

    def between(self, other: Arc) -> float:
        """The square of the straight distance of two arcs; 0 where they cross."""
        if self.crosses(other):
            return 0.0
        return min(
            self.nearness(other.a), self.nearness(other.b), other.nearness(self.a), other.nearness(self.b)
        )


def angle_of(square: float) -> float:
    """The angle [rad] of two directions whose straight distance has this square."""
    return 2 * math.asin(min(1.0, math.sqrt(square) / 2))
