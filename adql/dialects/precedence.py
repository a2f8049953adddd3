"""Which brackets an operation needs where it stands.

Engines take long over brackets in brackets: the parser of Spark reads each to its end before it knows what it
is, and again for each that encloses it.
"""

from __future__ import annotations

import re
from functools import lru_cache

OPEN, OR, AND, PREDICATE, SUM, PRODUCT, ATOM = range(7)
"""How tightly a place holds what stands in it: from any expression to one that nothing can tear apart."""

LEVELS = {
    **dict.fromkeys(("eq", "ne", "lt", "le", "gt", "ge", "is_null"), PREDICATE),
    **dict.fromkeys(("add", "sub"), SUM),
    **dict.fromkeys(("mul", "div", "mod"), PRODUCT),
}
"""Name of an operation that is written between its arguments, within brackets -> how tightly it binds, on
every engine alike; all bind to the left."""

_OPENS = re.compile(r"(?:^|[(\[]|, |\b(?:WHEN|THEN|ELSE) )$")
_CLOSES = re.compile(r"(?:$|[)\],]| (?:AS|THEN|WHEN|ELSE|END)\b)")
_COMPARED = r" (?:=|<>|<=?|>=?) "


@lru_cache(maxsize=4096)
def slots(template: str, name: str) -> tuple[int, ...]:
    """How tightly each place of a template holds its argument.

    Parameters
    ----------
    template
        SQL with ``{0}``, ``{1}``; an argument may occur more than once.
    name
        The operation that it writes.
    """
    level = LEVELS.get(name)
    inner = template[1:-1] if level is not None and template.startswith("(") else template
    found: dict[int, int] = {}
    for place in re.finditer(r"\{(\d)\}", inner):
        number = int(place[1])
        held = _held(inner[: place.start()], inner[place.end() :], level)
        found[number] = max(found.get(number, OPEN), held)
    return tuple(found.get(number, OPEN) for number in range(max(found, default=-1) + 1))


def _held(before: str, after: str, level: int | None) -> int:
    if after.startswith(" IS NULL"):
        return ATOM  # to Hive, a + b IS NULL is a + (b IS NULL)
    if level is not None and before == "" and after:
        return SUM if level == PREDICATE else level
    if level is not None and after == "":
        return SUM if level == PREDICATE else level + 1
    opens, closes = _OPENS.search(before), _CLOSES.match(after)
    if opens and closes:
        return OPEN
    if (opens and re.match(_COMPARED, after)) or (closes and re.search(f"{_COMPARED}$", before)):
        return SUM
    return ATOM


def bare(sql: str, level: int, held: int) -> str:
    """An operation without the brackets around it, where it stands safely without."""
    return sql[1:-1] if held <= level and sql.startswith("(") else sql
