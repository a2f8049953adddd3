"""TAP 1.1, synchronous: a query in, its result out."""

from __future__ import annotations

from dataclasses import replace

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.responses import Response

from app.dependencies import BaseUrlDependency, ParametersDependency, ServiceDependency
from app.responses import MAXREC_HEADER, ResultResponse, fetch_first_chunk
from app.services.origin import origin_headers
from app.services.request import read_query

router = APIRouter(prefix="/tap")


@router.api_route("/sync", methods=["GET", "HEAD", "POST"])
async def sync(
    request: Request,
    parameters: ParametersDependency,
    service: ServiceDependency,
    base_url: BaseUrlDependency,
) -> Response:
    """Answer a query at once (TAP 1.1 section 2.2)."""
    query = read_query(
        parameters,
        accept=request.headers.get("accept"),
        base_url=f"{base_url}/tap",
        limits=service.queries.uploads.limits,
    )
    maxrec = None
    if request.method == "HEAD":
        # Headers need the columns and no row.
        limit = service.queries.row_limit
        maxrec = await to_thread.run_sync(limit, query.text, query.maxrec, limiter=service.threads)
        query = replace(query, maxrec=0)
    run = service.queries.start(query)
    first = await fetch_first_chunk(run, request.receive, service.threads)
    headers = {
        "content-type": query.choice.content_type,
        "cache-control": "no-cache",
        "vary": "Accept",
        **origin_headers(run.origins),
    }
    if not query.choice.writer.tells_status:
        # A text cannot say that rows were left out: one of that many rows may have been cut.
        headers[MAXREC_HEADER] = str(run.maxrec if maxrec is None else maxrec)
    return ResultResponse(
        run,
        first,
        threads=service.threads,
        timeout=service.config.transfer_timeout,
        headers=headers,
    )
