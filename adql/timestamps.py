"""Times as text: DALI 1.1 section 3.3.3, ``YYYY-MM-DD['T'hh:mm:ss[.SSS]['Z']]``.

Times are compared as texts, which is right as long as all have one form; here is that form.
"""

from __future__ import annotations

import re
from datetime import date

FORM = (
    r"\A[ \t\r\n]*[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"(?:[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::(?:[0-5][0-9]|60)(?:[.][0-9]+)?)?Z?)?[ \t\r\n]*\z"
)
"""What a text must match to be a time, but for the length of the months; RE2 and Java read it alike."""

_FORM = re.compile(FORM.replace(r"\z", r"\Z"))
_PARTS = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?")


def normalised(written: str) -> str | None:
    """The time with three decimals of a second, or more where they are given; None if it is no time."""
    found = _split(written)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction = found
    decimals = (fraction or "").rstrip("0").ljust(3, "0")
    return f"{year}-{month}-{day}T{hour or '00'}:{minute or '00'}:{second or '00'}.{decimals}"


def mjd(written: str) -> float | None:
    """Modified Julian date of a time, as the calendar has it; None if it is no time."""
    found = _split(written)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction = found
    days = date(int(year or 0), int(month or 0), int(day or 0)).toordinal() - _MJD_ZERO
    clock = int(hour or 0) * 3600 + int(minute or 0) * 60 + float(f"{second or 0}.{fraction or 0}")
    return days + clock / 86400


_MJD_ZERO = date(1858, 11, 17).toordinal()


def _split(written: str) -> tuple[str | None, ...] | None:
    if _FORM.match(written) is None:
        return None
    found = _PARTS.match(written.strip())
    assert found is not None
    try:
        date.fromisoformat(written.strip()[:10])
    except ValueError:
        return None
    return found.groups()
