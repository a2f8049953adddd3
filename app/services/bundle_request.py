"""What a bundle is to hold, from the parameters of a request or a job."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.errors import UsageError
from app.services.parameters import Parameters

TAR, ZIP = "application/x-tar", "application/zip"
_FORMATS = {"tar": TAR, TAR: TAR, "zip": ZIP, ZIP: ZIP}
_HC = 1.239841984332e-18
"""TeV m."""


@dataclass(frozen=True, slots=True)
class BundleRequest:
    """What a bundle is to hold."""

    ids: tuple[str, ...] = ()
    """Identifiers of datasets."""
    query: str | None = None
    """ADQL that selects observations or events."""
    conditions: tuple[str, ...] = ()
    """ADQL conditions on dl3.events."""
    told: tuple[str, ...] = ()
    """What was selected, for the headers."""
    span: tuple[float, float] | None = None
    """MJD in UTC to which the good time intervals are cut."""
    media_type: str = TAR

    @property
    def extension(self) -> str:
        """Of the file."""
        return "zip" if self.media_type == ZIP else "tar"


def read_bundle_request(parameters: Parameters) -> BundleRequest:
    """The bundle that parameters ask for.

    Raises
    ------
    UsageError
        Raised if one is missing or wrong.
    """
    ids, query = parameters.all("ID"), parameters.one("QUERY")
    if bool(ids) == bool(query):
        raise UsageError("Give ID, once for each dataset, or QUERY, an ADQL query that selects them.")
    wanted = (parameters.one("RESPONSEFORMAT", "FORMAT") or "tar").strip().lower()
    if wanted not in _FORMATS:
        raise UsageError(f'A bundle comes as tar or zip, not as "{wanted[:40]}".')
    request = BundleRequest(tuple(dict.fromkeys(ids)), query, media_type=_FORMATS[wanted])
    conditions, told = [], []
    for name, read in _SELECTIONS.items():
        text = parameters.one(name)
        if text is not None:
            condition, span = read(_numbers(name, text))
            conditions.append(condition)
            told.append(f"{name} {' '.join(text.split())}")
            if name == "TIME":
                request = replace(request, span=span)
    if query is not None and conditions:
        raise UsageError("CIRCLE, ENERGY, BAND and TIME go with ID; a QUERY says by itself what it selects.")
    return replace(request, conditions=tuple(conditions), told=tuple(told))


def _numbers(name: str, text: str) -> list[float]:
    words = text.split()
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = []
    count = 3 if name == "CIRCLE" else 2
    if len(numbers) != count or any(np.isnan(number) for number in numbers):
        what = (
            "right ascension, declination and radius [deg]" if count == 3 else "two numbers, or -Inf or +Inf"
        )
        raise UsageError(f'{name} "{text[:60]}" is wrong: it is {what}, with blanks between.')
    return numbers


Selection = tuple[str, tuple[float, float]]


def _circle(numbers: Sequence[float]) -> Selection:
    ra, dec, radius = numbers
    if not (np.isfinite(numbers).all() and abs(dec) <= 90 and 0 <= radius <= 180):
        raise UsageError("CIRCLE needs a declination from -90 to 90 and a radius from 0 to 180 [deg].")
    return f"1 = CONTAINS(POINT(ra, dec), CIRCLE({ra!r}, {dec!r}, {radius!r}))", (0.0, 0.0)


def _between(column: str, low: float, high: float) -> Selection:
    if low > high:
        raise UsageError(f"An interval begins with its lower end: {low:g} is above {high:g}.")
    parts = [f"{column} >= {low!r}"] if np.isfinite(low) else []
    parts += [f"{column} <= {high!r}"] if np.isfinite(high) else []
    return " AND ".join(parts) or f"{column} IS NOT NULL", (low, high)


def _energy(numbers: Sequence[float]) -> Selection:
    return _between("energy", numbers[0], numbers[1])


def _band(numbers: Sequence[float]) -> Selection:
    low, high = numbers
    if low > high:
        raise UsageError(f"An interval begins with its lower end: {low:g} is above {high:g}.")
    return _between("energy", _HC / high if high > 0 else 0.0, _HC / low if low > 0 else np.inf)


def _time(numbers: Sequence[float]) -> Selection:
    return _between("event_mjd", numbers[0], numbers[1])


_SELECTIONS: Mapping[str, Callable[[Sequence[float]], Selection]] = {
    "CIRCLE": _circle,
    "ENERGY": _energy,
    "BAND": _band,
    "TIME": _time,
}
"""Parameter -> condition on dl3.events, and the ends of the interval."""
