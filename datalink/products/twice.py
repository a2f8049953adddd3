"""Runs that several releases hold: their events must not be counted twice."""

from __future__ import annotations

from collections.abc import Sequence

from datalink.products.inputs import ObservationFiles

_PART = 0.5
"""Part of the shorter of two observations that both share if they are the same run."""


def repeated(observations: Sequence[ObservationFiles]) -> dict[int, ObservationFiles]:
    """Find observations that another release holds too.

    Two observations of one telescope, from different collections, are the same run if they overlap in time by
    more than half: a telescope points at one thing at a time. Of the same run the one with most responses
    stays, and where that is equal the first.

    Parameters
    ----------
    observations
        All that were chosen.

    Returns
    -------
    repeats : dict
        Number of each that is to be left out -> the one that stays.
    """
    found: dict[int, ObservationFiles] = {}
    by_telescope: dict[str, list[int]] = {}
    for number, each in enumerate(observations):
        if each.telescope and each.stop > each.start > 0:
            by_telescope.setdefault(each.telescope.casefold(), []).append(number)
    for numbers in by_telescope.values():
        kept: list[int] = []
        for number in sorted(numbers, key=lambda number: (-len(observations[number].hdus), number)):
            each = observations[number]
            same = next((other for other in kept if _is_same(observations[other], each)), None)
            if same is None:
                kept.append(number)
            else:
                found[number] = observations[same]
    return found


def _is_same(one: ObservationFiles, other: ObservationFiles) -> bool:
    if one.collection == other.collection:
        return False
    shared = min(one.stop, other.stop) - max(one.start, other.start)
    return shared > _PART * min(one.stop - one.start, other.stop - other.start)
