"""Times as text: DALI 1.1 section 3.3.3, ``YYYY-MM-DD['T'hh:mm:ss[.SSS]['Z']]``.

Times are compared as texts, which is right as long as both have one form; here is that form.
"""

from __future__ import annotations

import re
from datetime import datetime

_FORM = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)Z?)?")


def normalised(written: str) -> str | None:
    """The time with three decimals of a second, or more where they are given; None if it is no time."""
    found = _FORM.fullmatch(written.strip())
    if found is None:
        return None
    day, clock = found.groups()
    whole, _, fraction = (clock or "00:00:00").partition(".")
    whole = whole if whole.count(":") == 2 else f"{whole}:00"
    try:
        datetime.fromisoformat(f"{day}T{whole.replace(':60', ':59')}")
    except ValueError:
        return None
    return f"{day}T{whole}.{fraction.ljust(3, '0')}"
