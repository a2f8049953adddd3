"""Files that come with a job: values of its parameters that are no texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class Input:
    """A file that is kept with its job, as long as that."""

    name: str
    """Name of the parameter."""
    file: str
    """Name of the file among the inputs of the job, which we have chosen."""
    size: int
    """Bytes."""
    media_type: str = ""
    """As the client says; empty if it does not."""
    file_name: str = ""
    """What the client calls it; never a path of ours."""


class Incoming(Protocol):
    """A file on its way in."""

    @property
    def name(self) -> str:
        """Name of the parameter."""

    @property
    def content(self) -> BinaryIO:
        """At its beginning."""

    @property
    def size(self) -> int:
        """Bytes."""

    @property
    def media_type(self) -> str:
        """As the client says; empty if it does not."""

    @property
    def file_name(self) -> str:
        """What the client calls it."""
