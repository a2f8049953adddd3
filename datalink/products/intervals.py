"""The time intervals of a light curve."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from datalink.products.gather import Gathered, Outcome

if TYPE_CHECKING:
    from gammapy.datasets import SpectrumDatasetOnOff

TimeBins = Literal["run", "night", "gti", "width"]
"""``run``: each observation; ``night``: noon to noon; ``gti``: each good time interval; ``width``: bins."""

_TOUCH = 1e-9
"""Intervals that are closer than this touch [d]: far below the resolution of any clock here."""
MOST = 5000
"""Most intervals of a light curve."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A time interval, and which observations have live time in it."""

    start: float
    """[MJD, UTC]"""
    stop: float
    """[MJD, UTC]"""
    observations: tuple[int, ...]
    """Numbers of the datasets."""
    is_whole: bool
    """Whether all the live time of these observations lies in it."""


def intervals_of(gathered: Gathered, bins: TimeBins, width: float) -> list[Interval]:
    """Divide the live time of observations.

    Parameters
    ----------
    gathered
        The observations.
    bins
        How.
    width
        Width of the bins if ``bins`` is ``width``; they begin with the first observation [d].

    Returns
    -------
    intervals : list of Interval
        By rising start; those without live time are left out.
    """
    spans = [_spans(dataset) for dataset in gathered.datasets]
    if bins == "run":
        return [
            Interval(part[0, 0], part[-1, 1], (number,), True)
            for number, part in sorted(enumerate(spans), key=lambda item: item[1][0, 0])
        ]
    if bins == "night":
        nights: dict[int, list[int]] = {}
        for number, outcome in enumerate(gathered.used):
            nights.setdefault(_night(spans[number], outcome), []).append(number)
        return sorted(
            (_whole(spans, numbers) for numbers in nights.values()), key=lambda interval: interval.start
        )
    edges = _good(spans) if bins == "gti" else _equal(spans, width)
    return list(_cut(spans, edges))


def _spans(dataset: SpectrumDatasetOnOff) -> np.ndarray:
    """Begin and end of the good time intervals, shape (n, 2) [MJD, UTC]."""
    spans = np.stack([dataset.gti.time_start.utc.mjd, dataset.gti.time_stop.utc.mjd], axis=1)
    return spans[np.argsort(spans[:, 0])]


def _night(spans: np.ndarray, outcome: Outcome) -> int:
    """The day on whose noon the night began, at the place of the telescope where it is known."""
    return math.floor(float(spans[0, 0]) + outcome.longitude / 360.0 - 0.5)


def _whole(spans: list[np.ndarray], numbers: Iterable[int]) -> Interval:
    chosen = tuple(numbers)
    start = min(spans[number][0, 0] for number in chosen)
    stop = max(spans[number][:, 1].max() for number in chosen)
    return Interval(float(start), float(stop), chosen, True)


def _good(spans: list[np.ndarray]) -> list[tuple[float, float]]:
    """Good time intervals of all instruments, those that overlap being joined."""
    joined: list[list[float]] = []
    for start, stop in sorted(map(tuple, np.concatenate(spans))):
        if joined and start < joined[-1][1] - _TOUCH:
            joined[-1][1] = max(joined[-1][1], stop)
        else:
            joined.append([start, stop])
    return [(start, stop) for start, stop in joined]


def _equal(spans: list[np.ndarray], width: float) -> list[tuple[float, float]]:
    every = np.concatenate(spans)
    first = float(every[:, 0].min())
    numbers = {
        number
        for start, stop in every
        for number in range(
            math.floor((start - first) / width + _TOUCH),
            min(math.ceil((stop - first) / width - _TOUCH), math.floor((start - first) / width) + MOST + 1),
        )
    }
    return [(first + number * width, first + (number + 1) * width) for number in sorted(numbers)[: MOST + 1]]


def _cut(spans: list[np.ndarray], edges: list[tuple[float, float]]) -> Iterator[Interval]:
    for start, stop in edges:
        inside = [
            number
            for number, part in enumerate(spans)
            if ((part[:, 0] < stop - _TOUCH) & (part[:, 1] > start + _TOUCH)).any()
        ]
        if inside:
            whole = all(
                spans[number][0, 0] >= start - _TOUCH and spans[number][:, 1].max() <= stop + _TOUCH
                for number in inside
            )
            yield Interval(start, stop, tuple(inside), whole)
