"""What those who ask for jobs are granted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Terms:
    """What jobs are granted."""

    duration: int
    """Time that a job may run if it does not ask [s]."""
    hard_duration: int
    """Longest time that it may run [s]."""
    retention: int
    """Time from creation to destruction, if it does not ask [s]."""
    hard_retention: int
    """Longest such time [s]."""
    queue: int
    """Jobs that may wait."""
    per_client: int
    """Jobs of one client that may not have ended."""
    characters: int
    """Most characters of the parameters of a job."""
    wait: float
    """Longest time that a request may wait for a change [s]."""
    inputs: int
    """Files that a job may bring."""
    input_bytes: int
    """Bytes of the files of one job."""
    stored_bytes: int
    """Bytes of all files and results of all jobs."""
    accumulating: frozenset[str] = frozenset()
    """Names, in upper case, of parameters of which further values join those that are there."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks."""

    owner: str | None = None
    """Key of the owner, as :attr:`app.uws.Job.owner`."""
    share: str = ""
    """With whom the client shares a place in the queue: those of one address."""
