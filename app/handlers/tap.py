"""TAP 1.1, synchronous: a query in, its result out."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.dependencies import BaseUrlDependency, ParametersDependency, ServiceDependency
from app.responses import MAXREC_HEADER, ResultResponse, fetch_first_chunk
from app.services.origin import origin_headers
from app.services.request import read_query

router = APIRouter(prefix="/tap")


@router.api_route("/sync", methods=["GET", "POST"])
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
    run = service.queries.start(query)
    first = await fetch_first_chunk(run, request.receive, service.threads)
    headers = {
        "content-type": query.choice.content_type,
        "cache-control": "no-cache",
        **origin_headers(run.origins),
    }
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
