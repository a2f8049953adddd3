"""Values of parameters as DALI and its services write them: intervals, circles, ranges, polygons."""

from __future__ import annotations

import math
from collections.abc import Sequence

from app.errors import UsageError

Interval = tuple[float, float]

_POSITIVE = ("+inf", "inf", "+infinity", "infinity")
_NEGATIVE = ("-inf", "-infinity")


def read_number(name: str, word: str) -> float:
    """A number, or the end of an open interval.

    Raises
    ------
    UsageError
        Raised if it is none.
    """
    low = word.lower()
    if low in _POSITIVE or low in _NEGATIVE:
        return math.inf if low in _POSITIVE else -math.inf
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if math.isnan(value) or "_" in word:
        raise UsageError(f'{name}: "{word[:40]}" is not a number.')
    return value


def read_interval(name: str, text: str) -> Interval:
    """Two numbers, the lower first, or one that is both (DALI 1.1 section 3.3.2, SIA 2.0 section 2.1).

    Raises
    ------
    UsageError
        Raised if it is none of these.
    """
    numbers = [read_number(name, word) for word in text.split()]
    if len(numbers) == 1:
        numbers *= 2
    if len(numbers) != 2:
        raise UsageError(f'{name} "{text[:60]}" is not one number or two.')
    if numbers[0] > numbers[1]:
        raise UsageError(f'{name} "{text[:60]}": an interval begins with its lower end.')
    return numbers[0], numbers[1]


def read_circle(name: str, text: str) -> tuple[float, float, float]:
    """Right ascension, declination and radius [deg].

    Raises
    ------
    UsageError
        Raised if it is no circle.
    """
    numbers = _finite(name, text, 3)
    _check_place(name, numbers[0], numbers[1])
    if not 0 <= numbers[2] <= 180:
        raise UsageError(f"{name}: a radius is an angle from 0 to 180 degrees, not {numbers[2]:g}.")
    return numbers[0], numbers[1], numbers[2]


def read_polygon(name: str, text: str) -> tuple[tuple[float, float], ...]:
    """Three corners or more (ra, dec) [deg].

    Raises
    ------
    UsageError
        Raised if it is no polygon.
    """
    numbers = _finite(name, text, None)
    if len(numbers) < 6 or len(numbers) % 2:
        raise UsageError(f"{name} has three corners or more, each right ascension and declination [deg].")
    corners = tuple(zip(numbers[::2], numbers[1::2], strict=True))
    for ra, dec in corners:
        _check_place(name, ra, dec)
    return corners


def read_range(name: str, text: str) -> tuple[Interval, Interval]:
    """Intervals of right ascension and declination [deg].

    Raises
    ------
    UsageError
        Raised if they are none.
    """
    words = text.split()
    if len(words) != 4:
        raise UsageError(f'{name} "{text[:60]}": a RANGE has four numbers.')
    return read_interval(name, " ".join(words[:2])), read_interval(name, " ".join(words[2:]))


def _finite(name: str, text: str, count: int | None) -> Sequence[float]:
    numbers = [read_number(name, word) for word in text.split()]
    if (count is not None and len(numbers) != count) or not all(map(math.isfinite, numbers)):
        raise UsageError(f'{name} "{text[:60]}" is wrong: it has {count or "pairs of"} finite numbers.')
    return numbers


def _check_place(name: str, ra: float, dec: float) -> None:
    if not (-360 <= ra <= 360 and -90 <= dec <= 90):
        raise UsageError(f"{name}: {ra:g}, {dec:g} is no place: 0 to 360 and -90 to 90 [deg] are right.")
