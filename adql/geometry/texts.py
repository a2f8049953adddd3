"""Geometries written in texts: STC-S, DALI and the frames they name."""

from __future__ import annotations

from adql.core import Expr, Op
from adql.errors import BindError
from adql.geometry.shapes import FLAVOURS, REFERENCE_PLACES
from adql.types import CIRCLE, POINT, POLYGON, ColumnType
from adql.values import number

_SHAPES: dict[str, tuple[str, ColumnType, tuple[int, int | None]]] = {
    "CIRCLE": ("circle", CIRCLE, (3, 3)),
    "POLYGON": ("polygon", POLYGON, (6, None)),
    "BOX": ("box", POLYGON, (4, 4)),
    "POINT": ("point", POINT, (2, 2)),
    "POSITION": ("point", POINT, (2, 2)),
}
_SIZES = {
    "circle": "longitude, latitude and radius",
    "polygon": "longitude and latitude of three corners or more",
    "box": "longitude, latitude, width and height",
    "point": "longitude and latitude",
}
_LONGEST = 200_000


def read_region(written: str) -> Op:
    """The geometry that a text describes: ``CIRCLE ICRS 83.6 22.0 2.5`` or ``circle 83.6 22.0 2.5``.

    STC-S (IVOA Note 2009-10-30) of one shape in ICRS, or DALI 1.2 section 3.3.8 (shape).

    Raises
    ------
    BindError
        Raised if it is no such text; tells the word that does not fit.
    """
    words = written[:_LONGEST].replace("(", " ( ").replace(")", " ) ").split()
    if not words:
        raise BindError("A region is a text such as 'CIRCLE ICRS 83.6 22.0 2.5'; this one is empty.")
    kind = words[0].upper()
    if kind not in _SHAPES:
        raise BindError(f"A region begins with CIRCLE, POLYGON, BOX or POSITION, not with {words[0][:30]!r}.")
    return _made(kind, numbers_in(_without_frame(words[1:])), written)


def read_dali(kind: str, written: str) -> Op:
    """The point, circle or polygon of a DALI text, which is its numbers (DALI 1.1 section 3.3).

    Raises
    ------
    BindError
        Raised if they are not that many numbers.
    """
    return _made(kind.upper(), numbers_in(written[:_LONGEST].split()), written)


def _without_frame(words: list[str]) -> list[str]:
    rest = words
    if rest and rest[0][:1].isalpha():
        if rest[0].upper() != "ICRS":
            raise BindError(
                f"The frame {rest[0][:30]!r} of a region is not offered: positions here are ICRS. "
                "ivo_geom_transform converts positions."
            )
        rest = rest[1:]
        if rest and rest[0].upper() in REFERENCE_PLACES:
            rest = rest[1:]
        if rest and rest[0].upper() in FLAVOURS:
            rest = rest[1:]
    if len(rest) > 1 and [word.upper() for word in rest[-2:]] == ["UNIT", "DEG"]:
        rest = rest[:-2]
    return rest


def numbers_in(words: list[str]) -> list[float]:
    """Words as numbers.

    Raises
    ------
    BindError
        Raised with the first word that is none.
    """
    found = []
    for word in words:
        try:
            value = float(word)
        except ValueError:
            raise BindError(f"{word[:30]!r} in a region or geometry is not a number.") from None
        if not abs(value) < 1e9:
            raise BindError(f"{word[:30]!r} in a region or geometry is not an angle in degrees.")
        found.append(value)
    return found


def _made(kind: str, numbers: list[float], written: str) -> Op:
    name, type_, (least, most) = _SHAPES[kind]
    if (
        len(numbers) < least
        or (most is not None and len(numbers) > most)
        or (most is None and len(numbers) % 2)
    ):
        raise BindError(
            f"{written[:60]!r}: a {kind} takes {_SIZES[name]} [deg]; {len(numbers)} numbers were given."
        )
    args: tuple[Expr, ...] = tuple(map(number, numbers))
    return Op(type_, name, args)
