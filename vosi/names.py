"""Names as a query writes them."""

from __future__ import annotations

import re

from adql.words import RESERVED_WORDS

_REGULAR = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def is_regular(name: str) -> bool:
    """True for a name that a query may write without quotes (ADQL 2.1 section 2.1.3)."""
    return _REGULAR.fullmatch(name) is not None and name.upper() not in RESERVED_WORDS


def written_name(name: str) -> str:
    """A name as a query has to write it: in double quotes where ADQL asks for them.

    So column_name of TAP_SCHEMA has it (TAP 1.1 section 4.3) and the name of a column in a tableset
    (VODataService 1.2 section 3.5.3).
    """
    return name if is_regular(name) else '"' + name.replace('"', '""') + '"'
