"""The parameters of a request, or of a job that was made by one.

DALI 1.1 section 3: names in any case, repeats kept, files beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from app.errors import UsageError


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file in a multipart form."""

    name: str
    """Name of the part, case kept."""
    file_name: str
    """What the client calls it."""
    content: BinaryIO
    """At its beginning; gone when the request has been answered."""
    size: int
    """Bytes."""
    media_type: str = ""
    """As the client says; empty if it does not."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of a request."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Name in upper case -> values in the order they came: first the query string, then the body."""
    files: tuple[SentFile, ...] = ()
    """Files of a multipart form."""

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a parameter, the empty ones left out."""
        return tuple(value for value in self.values.get(name.upper(), ()) if value.strip())

    def one(self, *names: str) -> str | None:
        """The value of a parameter that may be given once, under its name or an older one.

        Raises
        ------
        UsageError
            Raised if two different values are given.
        """
        for name in names:
            distinct = dict.fromkeys(self.all(name))
            if len(distinct) > 1:
                shown = " and ".join(f'"{value[:40]}"' for value in list(distinct)[:2])
                raise UsageError(f"{name} is given more than once, as {shown}; give it once.")
            if distinct:
                return next(iter(distinct))
        return None
