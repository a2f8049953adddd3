"""Images of observations, parts of them (SODA 1.0), pictures, and the search for them (SIA 2.0)."""

from __future__ import annotations

from pathlib import Path

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.responses import FileResponse, Response

from app.dependencies import BaseUrlDependency, ParametersDependency, ServiceDependency
from app.responses import MAXREC_HEADER, ResultResponse, fetch_first_chunk
from app.services.cutouts import cut_image
from app.services.sia import read_image_query

router = APIRouter()

_READ = ["GET", "HEAD"]
_KEPT = {"cache-control": "public, max-age=3600"}


@router.api_route("/images/{dataset:path}/{kind}.fits", methods=_READ)
async def get_image(dataset: str, kind: str, service: ServiceDependency) -> Response:
    """An image of an observation, made when it is first asked for."""
    path = await to_thread.run_sync(service.images.image, dataset, kind, limiter=service.threads)
    return _file(path, "image/fits")


@router.api_route("/previews/{dataset:path}.png", methods=_READ)
async def get_picture(dataset: str, service: ServiceDependency) -> Response:
    """A picture of an observation, made when it is first asked for."""
    path = await to_thread.run_sync(service.images.picture, dataset, limiter=service.threads)
    return _file(path, "image/png")


def _file(path: Path, media_type: str) -> Response:
    return FileResponse(path, media_type=media_type, headers=_KEPT, stat_result=path.stat())


@router.api_route("/soda/sync", methods=["GET", "POST"])
async def cut(parameters: ParametersDependency, service: ServiceDependency) -> Response:
    """A part of an image; 204 if it has no pixel there (SODA 1.0 section 2.1)."""
    authority = service.config.authority
    content = await to_thread.run_sync(
        cut_image, service.images, parameters, authority, limiter=service.threads
    )
    if content is None:
        return Response(status_code=204)
    return Response(content, media_type="image/fits", headers=_KEPT)


@router.api_route("/sia/query", methods=["GET", "POST"])
async def query(
    request: Request,
    parameters: ParametersDependency,
    service: ServiceDependency,
    base_url: BaseUrlDependency,
) -> Response:
    """Images that meet all parameters (SIA 2.0 section 2)."""
    asked = read_image_query(parameters, base_url=base_url, accept=request.headers.get("accept"))
    run = service.queries.start(asked)
    first = await fetch_first_chunk(run, request.receive, service.threads)
    headers = {"content-type": asked.choice.content_type, "cache-control": "no-cache"}
    if not asked.choice.writer.tells_status:
        headers[MAXREC_HEADER] = str(run.maxrec)
    return ResultResponse(
        run, first, threads=service.threads, timeout=service.config.transfer_timeout, headers=headers
    )
