"""Whether the service works, found by asking it."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from adql import AdqlError
from app.errors import QueryQueueFull, ServiceError
from app.services.query import Queries

LOG = logging.getLogger("gammahub.health")

PROBE = "SELECT collection FROM dl3.collections"
"""Reads a file of the lake through the whole query path; Hive needs no job for it."""
_MOST = 10_000
_PATIENCE = 10.0
"""A service that takes longer than this for the probe is busy [s]."""


@dataclass(frozen=True, slots=True)
class Health:
    """What a check found."""

    available: bool
    note: str
    """One sentence."""


def check(queries: Queries) -> Health:
    """The health of the query path: a query is run, and its answer looked at."""
    try:
        count = queries.table(PROBE, _MOST, timeout=_PATIENCE).num_rows
    except QueryQueueFull as error:
        return Health(True, error.message)
    except (AdqlError, ServiceError) as error:
        LOG.error("the check of the service failed: %s", error, exc_info=error)
        return Health(False, "Queries are not answered at present.")
    if not count:
        return Health(True, "The service works, but no data have been loaded yet.")
    return Health(True, f"Queries are answered; {count} collection{'' if count == 1 else 's'} are served.")
