"""The parameters of a job: which are fit to be told again, and what becomes of them when more come."""

from __future__ import annotations

import re
from collections.abc import Collection

from app.errors import RequestTooLarge, UsageError
from app.uws.job import Values

# XML 1.0 section 2.2, production Char: what a job document could not say.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def check_values(parameters: Values, *, most: int) -> None:
    """Refuse parameters that are longer than ``most`` characters together, or that no text can hold.

    Raises
    ------
    RequestTooLarge, UsageError
        Raised if they are.
    """
    size = sum(len(name) + len(value) for name, value in parameters)
    if size > most:
        raise RequestTooLarge(f"The parameters of the job have {size} characters; {most} are allowed.")
    for name, value in parameters:
        forbidden = _NOT_XML.search(name + value)
        if forbidden is not None:
            shown = _NOT_XML.sub("?", name[:40])
            code = f"U+{ord(forbidden[0]):04X}"
            raise UsageError(f"The parameter {shown} has the character {code}, which no text can hold.")


def merge(
    there: Values, coming: Values, *, files: Collection[str] = (), accumulating: Collection[str] = ()
) -> tuple[Values, frozenset[str]]:
    """The parameters of a job when more have come, and the names of which nothing before has stayed.

    Parameters
    ----------
    there, coming
        An empty value takes away those of its name.
    files
        Names of files that come too; a file takes the place of all values of its name.
    accumulating
        Names, in upper case, of parameters whose values join those that are there.

    Returns
    -------
    parameters
        The merged ones; of an accumulating one each value once.
    replaced
        Names in upper case.
    """
    emptied = {name.upper() for name, value in coming if not value}
    joining = set(accumulating) - emptied
    replaced = {name.upper() for name, _ in coming if name.upper() not in joining}
    replaced |= {name.upper() for name in files}
    kept = [pair for pair in there if pair[0].upper() not in replaced]
    new = [pair for pair in coming if pair[1] and not (pair in kept and pair[0].upper() in joining)]
    return (*kept, *new), frozenset(replaced)


def last_value(parameters: Values, name: str) -> str | None:
    """The last value of a parameter, if there is one."""
    values = [value for key, value in parameters if key.upper() == name and value]
    return values[-1] if values else None
