"""What becomes of an exception: one table of statuses, and the documents that tell the user."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass

from adql import AdqlError, LimitError
from app.errors import (
    EngineUnavailable,
    FileForbidden,
    FileNotThere,
    JobConflict,
    JobNotFound,
    JobsUnavailable,
    QueryCancelled,
    QueryError,
    QueryFailed,
    QueryQueueFull,
    QueryTimeout,
    RequestTimeout,
    RequestTooLarge,
    ServiceError,
    TooManyJobs,
    UnreadableCoding,
    UsageError,
)
from app.formats import Info, Provenance
from app.formats.votable import error_document
from app.uws import Failure

LOG = logging.getLogger("gammahub.faults")

STATUS: tuple[tuple[type[Exception], int], ...] = (
    (LimitError, 413),
    (AdqlError, 400),
    (RequestTooLarge, 413),
    (RequestTimeout, 408),
    (UnreadableCoding, 415),
    (JobNotFound, 404),
    (FileNotThere, 404),
    (FileForbidden, 403),
    (JobConflict, 409),
    (UsageError, 400),
    (QueryTimeout, 408),
    (QueryCancelled, 503),
    (QueryFailed, 500),
    (QueryError, 400),
    (TooManyJobs, 429),
    (QueryQueueFull, 503),
    (JobsUnavailable, 503),
    (EngineUnavailable, 503),
)
"""Class of exception -> HTTP status; the first that fits counts. What is not here is our fault: 500."""

_RETRY_AFTER = 30
"""When to try again where the exception does not say [s]."""
_PROBLEM = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Fault:
    """An exception as it may be told to a user."""

    status: int
    """HTTP status."""
    message: str
    """One sentence or several."""
    code: str
    """What kind it is, for programs: the name of the exception's class."""
    hint: str | None = None
    line: int | None = None
    """Place in the query, from 1."""
    column: int | None = None
    excerpt: str = ""
    """Line of the query with a caret below the place."""
    retry_after: int | None = None
    """When to try again [s]."""

    @property
    def text(self) -> str:
        """All of it as a text of several lines."""
        where = "" if self.line is None else f"At line {self.line}, column {self.column}:"
        return "\n".join(part for part in (self.message, where, self.excerpt, self.hint) if part)


def explain(error: Exception, request_id: str) -> Fault:
    """What a user is told of an exception; ours is logged with its cause, a user's is not.

    Parameters
    ----------
    error
        Any exception.
    request_id
        By which an operator finds the log of an inner fault.
    """
    status = next((status for kind, status in STATUS if isinstance(error, kind)), 500)
    if status >= 500 and not isinstance(error, QueryQueueFull | QueryCancelled):
        LOG.error("%s", error, exc_info=error)
    if isinstance(error, AdqlError):
        return _explain_adql(error, status)
    if isinstance(error, ServiceError):
        code, retry_after = type(error).__name__, _retry_after(error, status)
        return Fault(status, error.message, code, hint=error.hint, retry_after=retry_after)
    hint = f"Tell its operator: request {request_id}."
    return Fault(status, "The service failed; this is its own fault.", "InternalError", hint=hint)


def _explain_adql(error: AdqlError, status: int) -> Fault:
    position = error.position
    return Fault(
        status,
        error.message,
        type(error).__name__,
        line=position.line if position else None,
        column=position.column if position else None,
        excerpt=error.excerpt(),
    )


def _retry_after(error: ServiceError, status: int) -> int | None:
    if isinstance(error, QueryQueueFull):
        return error.retry_after
    return _RETRY_AFTER if status == 503 else None


def explain_failure(error: Exception, job: str) -> Failure:
    """What the user of a job is told of the exception that ended it.

    Parameters
    ----------
    error
        Any exception.
    job
        Name of the job.
    """
    fault = explain(error, f"of job {job}")
    content, _ = document(fault)
    return Failure(
        fault.text,
        transient=fault.status == 503,
        document=content.decode(),
        aborts=isinstance(error, QueryTimeout),
    )


def document(fault: Fault, *, accept: str = "") -> tuple[bytes, str]:
    """The fault as a document, and its media type.

    A VOTable with QUERY_STATUS=ERROR (DALI 1.1 section 4.2), or problem details (RFC 9457) for who
    accepts just those.
    """
    if _PROBLEM in accept.lower():
        problem = {
            "type": "about:blank",
            "title": fault.message,
            "status": fault.status,
            "detail": fault.text,
            "code": fault.code,
            "hint": fault.hint,
            "line": fault.line,
            "column": fault.column,
            "retry_after": fault.retry_after,
        }
        kept = {name: value for name, value in problem.items() if value is not None}
        return json.dumps(kept).encode(), _PROBLEM
    facts = {
        "error_code": fault.code,
        "error_line": fault.line,
        "error_column": fault.column,
        "error_hint": fault.hint,
        "error_retry_after": fault.retry_after,
    }
    infos = tuple(Info(name, str(value)) for name, value in facts.items() if value is not None)
    return error_document(fault.text, Provenance(infos)), "application/x-votable+xml"
