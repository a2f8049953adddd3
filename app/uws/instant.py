"""Instants as UWS and DALI write them: ISO 8601 in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_FORM = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?Z?)?)?)?", re.ASCII
)


def now() -> datetime:
    """The present instant, in whole milliseconds as it is stored and told."""
    instant = datetime.now(UTC)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def format_instant(instant: datetime) -> str:
    """``2026-01-31T12:34:56.789Z`` (UWS 1.1 section 2.2.2: UTC, with a trailing Z).

    Examples
    --------
    >>> format_instant(datetime(2026, 1, 31, 12, tzinfo=UTC))
    '2026-01-31T12:00:00.000Z'
    """
    return f"{instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def parse_instant(text: str) -> datetime:
    """The instant that a text names; a year, month, day or minute stands for its beginning.

    DALI 1.1 section 3.3.3: ``YYYY-MM-DD['T'hh:mm:ss[.SSS]['Z']]``, always UTC, no other zone.

    Raises
    ------
    ValueError
        Raised with a sentence for the user if it names none.

    Examples
    --------
    >>> parse_instant("2026-01-31T12:00Z").isoformat()
    '2026-01-31T12:00:00+00:00'
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise _wrong(text)
    year, month, day, hour, minute, second, fraction = match.groups()
    try:
        instant = datetime(
            int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), tzinfo=UTC
        )
        # A leap second is the first of the next minute.
        if int(second or 0) > 60:
            raise _wrong(text)
        instant += timedelta(seconds=int(second or 0))
    except (ValueError, OverflowError) as error:
        raise _wrong(text) from error
    milliseconds = int((fraction or "0").ljust(3, "0")[:3])
    return instant.replace(microsecond=milliseconds * 1000)


def _wrong(text: str) -> ValueError:
    return ValueError(f'"{text[:40]}" is no instant; write it in UTC as 2026-01-31T12:00:00Z')
