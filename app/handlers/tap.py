"""TAP 1.1, synchronous: a query in, its result out."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.dependencies import BaseUrlDependency, Parameters, ParametersDependency, ServiceDependency
from app.errors import UsageError
from app.formats import choose_format
from app.responses import MAXREC_HEADER, ResultResponse, fetch_first_chunk
from app.services.query import Query

LANGUAGES = ("ADQL", "ADQL-2.0", "ADQL-2.1")
"""Values of LANG (TAP 1.1 section 2.7.1), case ignored; where it is missing, ADQL is meant."""

router = APIRouter(prefix="/tap")

_INTEGER = re.compile(r"\s*\+?\d{1,30}\s*", re.ASCII)


@router.api_route("/sync", methods=["GET", "POST"])
async def sync(
    request: Request,
    parameters: ParametersDependency,
    service: ServiceDependency,
    base_url: BaseUrlDependency,
) -> Response:
    """Answer a query at once (TAP 1.1 section 2.2)."""
    query = read_query(parameters, accept=request.headers.get("accept"), base_url=f"{base_url}/tap")
    run = service.queries.start(query)
    first = await fetch_first_chunk(run, request.receive, service.threads)
    headers = {"content-type": query.choice.content_type, "cache-control": "no-cache"}
    if not query.choice.writer.tells_status:
        # A text cannot say that rows were left out: one of that many rows may have been cut.
        headers[MAXREC_HEADER] = str(run.maxrec)
    return ResultResponse(
        run,
        first,
        threads=service.threads,
        timeout=service.config.transfer_timeout,
        headers=headers,
    )


def read_query(parameters: Parameters, *, accept: str | None, base_url: str) -> Query:
    """The query that parameters mean.

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
    if parameters.all("UPLOAD"):
        raise UsageError("UPLOAD is not offered yet; leave it out, or give the values in the query itself.")
    text = parameters.one("QUERY")
    if text is None:
        raise UsageError("QUERY is missing; give an ADQL query, such as SELECT * FROM tap_schema.tables.")
    choice = choose_format(parameters.one("RESPONSEFORMAT", "FORMAT"), accept=accept)
    return Query(text, choice, maxrec=_maxrec(parameters.one("MAXREC")), base_url=base_url)


def _maxrec(text: str | None) -> int | None:
    if text is None:
        return None
    if not _INTEGER.fullmatch(text):
        raise UsageError(f'MAXREC "{text[:40]}" is not a whole number from 0 up.')
    return int(text)
