"""A job: what UWS tells of it, and what it takes to run it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.uws.inputs import Input
from app.uws.phase import Phase

Values = tuple[tuple[str, str], ...]
"""Parameters as pairs (name, value), in the order they came; a name may come several times."""


@dataclass(frozen=True, slots=True)
class Result:
    """A file that a job made."""

    id: str
    """Name in the list of results; of a query it is ``result`` (TAP 1.1 section 2.4)."""
    file: str
    """Name of the file in the folder of the job."""
    media_type: str
    size: int
    """Bytes."""
    digest: str
    """Of the content; hexadecimal, the ground of its ETag."""
    download_name: str
    """What a browser calls the file."""
    headers: tuple[tuple[str, str], ...] = ()
    """What HTTP is to say of it beside these."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job did not complete."""

    message: str
    """For the user."""
    transient: bool = False
    """True if the same job may well succeed another time (UWS 1.1: errorSummary type)."""
    document: str = ""
    """The error document (DALI 1.1 section 4.4.2); empty if the message says all."""
    aborts: bool = False
    """True if the job used more than it may, and so ends in ABORTED (UWS 1.1 section 2.1.3)."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stood when it was read."""

    id: str
    """Cannot be guessed: who knows it may see and change the job."""
    kind: str
    """Which work it is: ``tap``."""
    phase: Phase
    created: datetime
    destruction: datetime
    """When it will be removed with all it made."""
    duration: int
    """Longest time that it may run [s]."""
    parameters: Values = ()
    inputs: tuple[Input, ...] = ()
    """Files that came with it."""
    run_id: str | None = None
    owner: str | None = None
    """Key of the owner, by which jobs are listed; None for one who cannot be told."""
    share: str = ""
    """With whom it shares a place in the queue."""
    base_url: str = ""
    """Where the service was when the job was made."""
    queued: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    attempt: int = 0
    """How many times it was begun."""
    run: str | None = None
    """Secret of the process that runs it; what comes from another is ignored."""
    results: tuple[Result, ...] = ()
    failure: Failure | None = None
    progress: Mapping[str, Any] = field(default_factory=dict)
    """What is told of its run in jobInfo."""

    def values(self, name: str) -> tuple[str, ...]:
        """The values of a parameter, its name in any case."""
        return tuple(value for key, value in self.parameters if key.upper() == name.upper())

    def input(self, name: str) -> Input | None:
        """The file of that name, in any case if there is none that is spelled so."""
        alike = [one for one in self.inputs if one.name.upper() == name.upper()]
        return next((one for one in alike if one.name == name), alike[0] if alike else None)

    def result(self, id_: str) -> Result | None:
        """The result of that name."""
        return next((result for result in self.results if result.id == id_), None)


@dataclass(frozen=True, slots=True)
class JobLine:
    """A job in the list of jobs."""

    id: str
    phase: Phase
    created: datetime
    run_id: str | None
