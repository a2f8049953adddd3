"""What a user is told of a fault of a HiveServer2."""

from __future__ import annotations

import re

from app.engines.hiveserver2.connection import ConnectionLost, OutOfTime, Refused
from app.errors import (
    EngineUnavailable,
    QueryCancelled,
    QueryDataError,
    QueryFailed,
    QueryTimeout,
    QueryTooLarge,
    ServiceError,
)

_KINDS: tuple[tuple[re.Pattern[str], type[ServiceError], str, str], ...] = tuple(
    (re.compile(pattern), kind, message, hint)
    for pattern, kind, message, hint in (
        (
            r"DIVIDE_BY_ZERO|[Dd]ivision by zero|/ by zero",
            QueryDataError,
            "A division by zero.",
            "Exclude zero by a condition, or divide by NULLIF(x, 0).",
        ),
        (
            r"ARITHMETIC_OVERFLOW|NUMERIC_VALUE_OUT_OF_RANGE|CAST_OVERFLOW|[Oo]verflow",
            QueryDataError,
            "A value cannot be computed: it is out of the range of its type.",
            "CAST the expression to a wider type, such as DOUBLE PRECISION.",
        ),
        (
            r"CAST_INVALID_INPUT|INVALID_FRACTION_OF_SECOND|CANNOT_PARSE",
            QueryDataError,
            "A value cannot be computed: a text is not of the form that the query asks.",
            "Exclude such texts by a condition.",
        ),
        (
            r"OutOfMemory|Java heap space|GC overhead|maxResultSize|Container killed.*memory|"
            r"No space left on device",
            QueryTooLarge,
            "The query needs more memory than there is for it.",
            "Ask for less at a time: fewer columns to sort or group by, or a condition on the rows.",
        ),
        (
            r"TABLE_OR_VIEW_NOT_FOUND|Table not found|SCHEMA_NOT_FOUND|Database does not exist|"
            r"Input path does not exist|PATH_NOT_FOUND|FileNotFoundException",
            EngineUnavailable,
            "The tables of the service are not where the engine looks for them.",
            "Its operator can mend this by: gammahub lake register.",
        ),
    )
)
"""What is in the server's words -> what that is, and sentences for the user; the first that fits counts."""


def explained(error: ConnectionLost | Refused, timeout: float | None) -> ServiceError:
    """The error that a user is shown; the server's own words are for the log.

    Parameters
    ----------
    error
        What the server or the connection did.
    timeout
        Time that the query was given [s].
    """
    if isinstance(error, ConnectionLost):
        return EngineUnavailable(
            "The connection to the engine broke while the query ran; the query is lost.",
            hint="Try again: the engine may have been restarted.",
        )
    if isinstance(error, OutOfTime):
        return out_of_time(timeout)
    for pattern, kind, message, hint in _KINDS:
        if pattern.search(error.message):
            return kind(message, hint=hint)
    return QueryFailed("The engine could not run the query.", hint="This is a fault of the service.")


def out_of_time(timeout: float | None) -> QueryTimeout:
    """That the time of a query is over."""
    allowed = f" the {timeout:g} s it may take" if timeout is not None else " the time that the engine allows"
    return QueryTimeout(
        f"The query was stopped after{allowed}.",
        hint="Ask for less: a smaller region, fewer rows, or TOP to try it out first.",
    )


def stopped() -> QueryCancelled:
    """That somebody stopped the query."""
    return QueryCancelled("The query was stopped.")
