"""Simple Cone Search 1.03 over events and observations."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.dependencies import BaseUrlDependency, ParametersDependency, ServiceDependency
from app.errors import UsageError
from app.formats import Info
from app.formats.votable import message_document
from app.responses import ResultResponse, fetch_first_chunk
from app.services.conesearch import read_cone_query

router = APIRouter(prefix="/scs")


@router.api_route("/{table}", methods=["GET", "POST"])
async def search(
    table: str,
    request: Request,
    parameters: ParametersDependency,
    service: ServiceDependency,
    base_url: BaseUrlDependency,
) -> Response:
    """Rows in a circle; what is wrong with a request is told in a document (SCS 1.03 section 2.3)."""
    try:
        query = read_cone_query(table, parameters, base_url=base_url)
    except UsageError as error:
        content = message_document(Info("Error", error.message))
        return Response(content, media_type="text/xml", headers={"cache-control": "no-cache"})
    run = service.queries.start(query)
    first = await fetch_first_chunk(run, request.receive, service.threads)
    return ResultResponse(
        run,
        first,
        threads=service.threads,
        timeout=service.config.transfer_timeout,
        headers={"content-type": query.choice.content_type, "cache-control": "no-cache"},
    )
