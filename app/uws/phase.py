"""The phases of a job (UWS 1.1 section 2.1.3)."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """Where a job is on its way.

    ::

        PENDING --RUN--> QUEUED --claimed--> EXECUTING --> COMPLETED
           |               |  ^                  |     --> ERROR
           |               |  +-- process ended -+
           +----ABORT------+--------ABORT--------+--time over--> ABORTED

    A job that ran when its process ended goes back to QUEUED. HELD, SUSPENDED and UNKNOWN are never set,
    nor is ARCHIVED: at its destruction nothing of a job is kept. They may be asked for in the job list.
    """

    PENDING = "PENDING"
    QUEUED = "QUEUED"
    EXECUTING = "EXECUTING"
    COMPLETED = "COMPLETED"
    ERROR = "ERROR"
    ABORTED = "ABORTED"
    UNKNOWN = "UNKNOWN"
    HELD = "HELD"
    SUSPENDED = "SUSPENDED"
    ARCHIVED = "ARCHIVED"

    @property
    def is_active(self) -> bool:
        """True if the phase will change, so that waiting for it makes sense."""
        return self in ACTIVE


ACTIVE = frozenset({Phase.PENDING, Phase.QUEUED, Phase.EXECUTING})
"""Phases that a job leaves (UWS 1.1 section 2.2.1.1 on blocking)."""
