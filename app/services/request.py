"""What the parameters of a TAP request mean (TAP 1.1 section 2.7), be it synchronous or a job."""

from __future__ import annotations

import io
import re

from app.errors import UsageError
from app.formats import choose_format
from app.services.parameters import Parameters
from app.services.query import Query
from app.uploads import Part, UploadLimits, UploadSource, read_sources, with_results

PARAMETERS = frozenset("REQUEST LANG QUERY RESPONSEFORMAT FORMAT MAXREC RUNID UPLOAD".split())
"""What a request means by its own names, and so no name of a part that holds a table."""
LANGUAGES = ("ADQL", "ADQL-2.0", "ADQL-2.1")
"""Values of LANG (TAP 1.1 section 2.7.1), case ignored; where it is missing, ADQL is meant."""

_INTEGER = re.compile(r"\s*\+?\d{1,30}\s*", re.ASCII)


def read_query(parameters: Parameters, *, accept: str | None, base_url: str, limits: UploadLimits) -> Query:
    """The query that parameters mean.

    Parameters
    ----------
    parameters
        Of the request or the job.
    accept
        The header of that name, which chooses the format where no parameter does.
    base_url
        Where the service is.
    limits
        Which tables it may bring.

    Raises
    ------
    UsageError
        Raised if one is missing, wrong or not offered.
    """
    request = parameters.one("REQUEST")
    if request is not None and request.strip().lower() != "doquery":
        raise UsageError(f'Unknown REQUEST "{request[:40]}"; it is doQuery or left out.')
    language = parameters.one("LANG")
    if language is not None and language.strip().upper() not in LANGUAGES:
        raise UsageError(f'Unknown LANG "{language[:40]}"; known are {", ".join(LANGUAGES)}.')
    text = parameters.one("QUERY")
    if text is None:
        raise UsageError("QUERY is missing; give an ADQL query, such as SELECT * FROM tap_schema.tables.")
    choice = choose_format(parameters.one("RESPONSEFORMAT", "FORMAT"), accept=accept)
    return Query(
        text,
        choice,
        maxrec=_maxrec(parameters.one("MAXREC")),
        base_url=base_url,
        uploads=with_results(_uploads(parameters, limits), base_url),
    )


def _uploads(parameters: Parameters, limits: UploadLimits) -> tuple[UploadSource, ...]:
    values = parameters.all("UPLOAD")
    if not values:
        return ()
    # A part without a filename looks like any other parameter.
    fields = {name: Part(io.BytesIO(given[-1].encode())) for name, given in parameters.values.items()}
    files = {sent.name: Part(sent.content, sent.media_type, sent.file_name) for sent in parameters.files}
    return read_sources(values, {**fields, **files}, limits)


def _maxrec(text: str | None) -> int | None:
    if text is None:
        return None
    if not _INTEGER.fullmatch(text):
        raise UsageError(f'MAXREC "{text[:40]}" is not a whole number from 0 up.')
    return int(text)
