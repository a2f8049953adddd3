"""What may go wrong in the service, apart from the language (adql.errors) and the ingest.

::

    ServiceError                a request could not be served
    +-- UsageError              the request is wrong: a parameter, a format, a value
    |   +-- RequestTooLarge     more bytes or parameters than the service takes
    |   +-- RequestTimeout      the client sends its request too slowly
    |   +-- UnreadableCoding    the body has a coding that is not taken off here
    |   +-- JobNotFound         there is no such job, or no such part of it
    |   +-- JobConflict         the phase of the job forbids it
    |   +-- UploadError         an uploaded table cannot be had or read
    |   +-- FileNotThere        there is no such file, or no more
    |   +-- FileForbidden       the licence of the file forbids that it is served
    +-- FileUnreadable          a file of a release is not what it was when it was loaded
    +-- QueryError              the query was understood and did not end well
    |   +-- QueryDataError      a value cannot be computed as the query asks
    |   |   +-- ValueRangeError a value of the result does not fit the type of its column
    |   +-- QueryTimeout        the time allowed has passed
    |   +-- QueryCancelled      the client, or the end of the service, stopped it
    |   +-- QueryTooLarge       it needs more memory or scratch space than one query may have
    |   +-- QueryFailed         the engine refused or broke; ours to mend
    +-- QueryQueueFull          too many queries run or wait; to be tried again
    |   +-- TooManyJobs         this client has too many jobs that have not ended
    +-- JobsUnavailable         the database of the jobs does not answer
    +-- EngineUnavailable       the engine cannot be reached or has no tables

:mod:`app.faults` says which HTTP status and document each of them becomes.
"""

from __future__ import annotations


class ServiceError(Exception):
    """A request could not be served.

    Parameters
    ----------
    message
        One sentence for the user: what was wrong, with the value, and what would be right.
    hint
        What else may help, in one sentence; None where nothing does.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)


class UsageError(ServiceError):
    """The request is wrong: a parameter, a format, a value."""


class RequestTooLarge(UsageError):
    """More bytes or parameters than the service takes."""


class RequestTimeout(UsageError):
    """The client sends its request too slowly."""


class UnreadableCoding(UsageError):
    """The body of the request has a coding, such as gzip, that is not taken off here."""


class UploadError(UsageError):
    """An uploaded table cannot be had or read; the sentence names the table, and row and column if it can."""


class JobNotFound(UsageError):
    """There is no such job, or no such part of it."""


class JobConflict(UsageError):
    """The phase of the job forbids what is asked."""


class FileNotThere(UsageError):
    """There is no such file, or no more."""


class FileForbidden(UsageError):
    """The licence of the file forbids that it is served."""


class FileUnreadable(ServiceError):
    """A file of a release is not what it was when it was loaded."""


class QueryError(ServiceError):
    """The query was understood and did not end well."""


class QueryDataError(QueryError):
    """A value cannot be computed as the query asks: a division by zero, a text that is no number."""


class ValueRangeError(QueryDataError):
    """A value of the result does not fit the type of its column."""


class QueryTimeout(QueryError):
    """The time allowed has passed."""


class QueryCancelled(QueryError):
    """The client, or the end of the service, stopped the query."""


class QueryTooLarge(QueryError):
    """The query needs more memory or scratch space than one query may have."""


class QueryFailed(QueryError):
    """The engine refused or broke; the cause is for the log, not for the user."""


class QueryQueueFull(ServiceError):
    """Too many queries run or wait.

    Parameters
    ----------
    message
        One sentence for the user.
    retry_after
        When to try again [s].
    """

    def __init__(self, message: str, *, retry_after: int, hint: str | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message, hint=hint)


class TooManyJobs(QueryQueueFull):
    """The client has too many jobs that have not ended."""


class JobsUnavailable(ServiceError):
    """The database of the jobs does not answer."""


class EngineUnavailable(ServiceError):
    """The engine cannot be reached or has no tables."""
