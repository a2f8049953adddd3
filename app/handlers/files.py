"""Files of the releases as they are, parts of them, and bundles."""

from __future__ import annotations

import base64

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.responses import FileResponse, PlainTextResponse, Response

from app.archive import ShelvedFile, single_hdu
from app.dependencies import ParametersDependency, ServiceDependency
from app.errors import FileNotThere, UsageError
from app.factory import Service
from app.responses import stream_chunks
from app.services.bundle_request import BundleRequest, read_bundle_request
from app.services.bundles import collection_terms

router = APIRouter()

_READ = ["GET", "HEAD"]


@router.api_route("/files/{collection}/{name:path}", methods=_READ)
async def get_file(
    collection: str, name: str, request: Request, parameters: ParametersDependency, service: ServiceDependency
) -> Response:
    """A file of a release, byte for byte; HDU asks for one of its extensions."""
    file = await to_thread.run_sync(service.shelf.file, collection, name)
    wanted = parameters.one("HDU")
    if wanted is not None:
        headers = {"content-type": "application/fits", "cache-control": "no-cache"}
        return await stream_chunks(single_hdu(file, wanted), service.threads, headers=headers)
    headers = _headers(file)
    if _matches(request.headers.get("if-none-match", ""), headers["etag"]):
        return Response(status_code=304, headers=headers)
    return FileResponse(file.path, headers=headers, stat_result=file.path.stat())


def _headers(file: ShelvedFile) -> dict[str, str]:
    checksum = base64.b64encode(bytes.fromhex(file.sha256)).decode()
    return {
        "content-type": file.media_type,
        "etag": f'"{file.sha256}"',
        # RFC 9530 section 3: of the file as a whole, also where a part of it is sent.
        "repr-digest": f"sha-256=:{checksum}:",
        "cache-control": "public, no-cache, no-transform",
    }


def _matches(if_none_match: str, etag: str) -> bool:
    """RFC 9110 section 13.1.2."""
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag in tags


@router.api_route("/terms/{collection}.txt", methods=_READ)
async def get_terms(collection: str, service: ServiceDependency) -> Response:
    """Licence and citation of a release."""
    text = await to_thread.run_sync(collection_terms, service.queries, collection)
    return PlainTextResponse(text)


@router.get("/bundles/{name:path}")
async def get_bundle(name: str, parameters: ParametersDependency, service: ServiceDependency) -> Response:
    """The bundle of one dataset: ``/bundles/<dataset_id>.tar`` or ``.zip``."""
    stem, _, suffix = name.rpartition(".")
    if not stem or suffix.lower() not in ("tar", "zip"):
        raise FileNotThere(
            f'There is no bundle "{name[:200]}"; its name is that of a dataset and .tar or .zip.'
        )
    values = {**parameters.values, "ID": (stem,), "RESPONSEFORMAT": (suffix,)}
    return await _bundle(service, read_bundle_request(type(parameters)(values)))


@router.api_route("/bundle", methods=["GET", "POST"])
async def make_bundle(parameters: ParametersDependency, service: ServiceDependency) -> Response:
    """A bundle of the datasets that ID names or QUERY selects, or of some of their events."""
    if parameters.files:
        raise UsageError("A bundle takes no files.")
    return await _bundle(service, read_bundle_request(parameters))


async def _bundle(service: Service, request: BundleRequest) -> Response:
    chunks = await to_thread.run_sync(service.bundles.stream, request, limiter=service.threads)
    headers = {
        "content-type": request.media_type,
        "content-disposition": f'attachment; filename="gammahub-bundle.{request.extension}"',
        "cache-control": "no-cache",
    }
    return await stream_chunks(chunks, service.threads, headers=headers)
