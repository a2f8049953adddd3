"""What data the service has, for people."""

from __future__ import annotations

from dataclasses import dataclass

from app.services.query import Queries

_QUERY = """
    SELECT collection, title, facility, licence, rights, simulated, n_observations, n_events
    FROM dl3.collections ORDER BY collection
"""
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Holding:
    """One collection, as dl3.collections describes it."""

    collection: str
    title: str | None
    facility: str | None
    licence: str | None
    rights: str | None
    simulated: int | None
    n_observations: int | None
    n_events: int | None


def list_holdings(queries: Queries) -> tuple[Holding, ...]:
    """The collections, by name.

    Raises
    ------
    app.errors.ServiceError
        Raised if the engine does not answer.
    """
    rows = queries.table(_QUERY, _MOST).to_pylist()
    return tuple(Holding(**row) for row in rows)
