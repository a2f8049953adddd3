"""By what an observation is found: its identifier and title, its place on the sky, its time coverage.

All texts here go into ``ivoa.obscore``; commas in them become semicolons, as clients split its rows at them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
from astropy.time import Time
from numpy.typing import NDArray

from app.ingest.quiet import quiet

Reals = NDArray[np.float64]
Longs = NDArray[np.int64]

SECOND_ORDER = 41
"""Order of the cells of a time coverage: 2**20 microseconds each (MOC 2.0 section 3.2)."""
_MAX_ORDER = 61
_LONGEST = 4000
"""Characters of a time coverage, beyond which cells are made wider."""
_STEP, _COARSEST = 2, 21
"""Orders by which they are, and the one at which that ends: cells of 13 days."""
_DAY = 86_400_000_000
"""Microseconds."""
_LATEST = 2_400_000.0
"""[d] as MJD; the last microsecond that a map can hold is in the year 141 427."""
_DECIMALS = 6


def dataset_id(collection: str, obs_id: int, event_type: str) -> str:
    """What follows ``?`` in the publisher DID of an event list, safe in a URL as it is."""
    return "/".join([collection, str(obs_id), *([quote(event_type, safe="")] if event_type else [])])


def discovery_facts(row: Mapping[str, Any], field: tuple[float | None, float | None]) -> dict[str, Any]:
    """Columns of ``dl3.observations`` that follow from others of the same row.

    Parameters
    ----------
    row
        The columns that are known.
    field
        Centre of the field of view, ICRS [deg].
    """
    telescope = _plain(row["telescope"])
    instrument = _plain(row["instrument"]) or telescope
    ra, dec = field
    return {
        "dataset_id": dataset_id(row["collection"], row["obs_id"], row["event_type"]),
        "obs_title": _title(row, telescope or instrument),
        "facility_name": telescope or instrument or "unknown",
        "instrument_name": instrument or "unknown",
        "fov_ra": ra,
        "fov_dec": dec,
        "footprint": footprint(ra, dec, row["fov_radius"]),
    }


def footprint(ra: float | None, dec: float | None, radius: float | None) -> str | None:
    """The field of view as STC-S (TAP 1.0 section 6); None where it is not known.

    Parameters
    ----------
    ra, dec
        Centre, ICRS [deg].
    radius
        [deg]; None, of a list without events, counts as 0.
    """
    if ra is None or dec is None:
        return None
    return f"CIRCLE ICRS {_decimal(ra)} {_decimal(dec)} {_decimal(radius or 0.0)}"


def time_coverage(first: Longs, last: Longs) -> str | None:
    """A coverage map of time, to cells of a second, wider ones where that would be a long text.

    Parameters
    ----------
    first, last
        Intervals in time as :func:`coverage_time` gives it; those that have no time, or end before they
        begin, are left out.

    Returns
    -------
    str or None
        The map as text; None of no intervals.
    """
    inside = (first >= 0) & (last >= first)
    if not inside.any():
        return None
    order, text = SECOND_ORDER, ""
    while not text or (len(text) > _LONGEST and order > _COARSEST):
        order -= _STEP if text else 0
        shift = _MAX_ORDER - order
        cells = _cells(_joined(first[inside] >> shift, last[inside] >> shift), order)
        text = " ".join(f"{order}/{' '.join(runs)}" for order, runs in sorted(cells.items()))
    return text


def coverage_time(mjd: Reals) -> Longs:
    """Microseconds since JD 0, in the scale TCB (MOC 2.0 section 3.2), here at the observatory.

    Parameters
    ----------
    mjd
        MJD in UTC.

    Returns
    -------
    numpy.ndarray
        -1 where there is no time, or none that a map can hold.
    """
    result = np.full(mjd.shape, -1, dtype=np.int64)
    good = np.isfinite(mjd) & (np.abs(mjd) < _LATEST)
    if good.any():
        with quiet():
            tcb = Time(mjd[good], format="mjd", scale="utc").tcb
        whole = np.floor(tcb.jd1)
        rest = (tcb.jd1 - whole) + tcb.jd2
        result[good] = whole.astype(np.int64) * _DAY + np.floor(rest * _DAY).astype(np.int64)
    return result


def _joined(first: Longs, last: Longs) -> list[tuple[int, int]]:
    """Runs of cells in order, those that touch made one."""
    runs: list[tuple[int, int]] = []
    for low, high in sorted(zip(first.tolist(), last.tolist(), strict=True)):
        if runs and low <= runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], max(runs[-1][1], high))
        else:
            runs.append((low, high))
    return runs


def _cells(runs: Sequence[tuple[int, int]], order: int) -> dict[int, list[str]]:
    """Order -> runs of cells, each as coarse as it can be (MOC 2.0 section 4.3.2)."""
    found: dict[int, list[str]] = {}
    for low, high in runs:
        _cover(found, low, high + 1, order)
    return found


def _cover(found: dict[int, list[str]], low: int, end: int, order: int) -> None:
    level = 0
    by_level: list[tuple[int, int, int]] = []
    while low < end and level < order:
        if low & 1:
            by_level.append((level, low, low))
            low += 1
        if end & 1 and low < end:
            end -= 1
            by_level.append((level, end, end))
        low, end, level = low >> 1, end >> 1, level + 1
    if low < end:
        by_level.append((level, low, end - 1))
    for step, first, last in sorted(by_level):
        text = str(first) if first == last else f"{first}-{last}"
        found.setdefault(order - step, []).append(text)


def _title(row: Mapping[str, Any], telescope: str) -> str:
    words = [telescope, "observation", _plain(row["obs_label"]) or str(row["obs_id"])]
    if row["event_type"]:
        words.append(f"({_plain(row['event_type'])})")
    if row["object"]:
        words += ["of", _plain(row["object"])]
    if row["date_obs"]:
        words += ["on", row["date_obs"][:10]]
    return " ".join(filter(None, words))


def _plain(text: str | None) -> str:
    return " ".join((text or "").replace(",", ";").split())


def _decimal(value: float) -> str:
    """A number without an exponent, to a hundredth of an arcsecond or closer."""
    text = f"{value:.{_DECIMALS}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" or not math.isfinite(value) else text
