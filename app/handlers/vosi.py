"""VOSI 1.1: what the service is, whether it is well, and what tables it has."""

from __future__ import annotations

from typing import Literal, cast

from anyio import to_thread
from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.dependencies import BaseUrlDependency, ParametersDependency, ServiceDependency
from app.errors import UsageError
from app.factory import Service
from app.services.description import describe
from app.services.health import check
from vosi import availability_document, capabilities_document, table_document, tables_document

router = APIRouter(prefix="/tap")
beside = APIRouter()
"""For the services beside TAP, whose clients look for capabilities below their own address."""

_XML = "application/xml"
_READ = ["GET", "HEAD"]


@beside.api_route("/sia/capabilities", methods=_READ)
@beside.api_route("/soda/capabilities", methods=_READ)
@beside.api_route("/datalink/capabilities", methods=_READ)
@router.api_route("/capabilities", methods=_READ)
async def capabilities(service: ServiceDependency, base_url: BaseUrlDependency) -> Response:
    """What the service can do (VOSI 1.1 section 2.1, TAPRegExt 1.0)."""
    description = describe(service.config, base_url)
    return _xml(await to_thread.run_sync(capabilities_document, description))


@beside.api_route("/sia/availability", methods=_READ)
@beside.api_route("/soda/availability", methods=_READ)
@beside.api_route("/datalink/availability", methods=_READ)
@router.api_route("/availability", methods=_READ)
async def availability(service: ServiceDependency) -> Response:
    """Whether it answers queries; one is asked (VOSI 1.1 section 2.2)."""
    health = await to_thread.run_sync(check, service.queries)
    return _xml(availability_document(available=health.available, up_since=service.started, note=health.note))


@router.api_route("/tables", methods=_READ)
async def tables(service: ServiceDependency, parameters: ParametersDependency) -> Response:
    """All tables; ``detail=min`` leaves their columns out (VOSI 1.1 section 2.3)."""
    detail = (parameters.one("DETAIL") or "max").strip().lower()
    if detail not in ("min", "max"):
        raise UsageError(f'Unknown detail "{detail[:40]}"; it is min or max.')
    return _xml(await to_thread.run_sync(_tables, service, cast(Literal["min", "max"], detail)))


@router.api_route("/tables/{name}", methods=_READ)
async def table(service: ServiceDependency, name: str) -> Response:
    """One table and its columns (VOSI 1.1 section 2.3.2)."""
    document = await to_thread.run_sync(_table, service, name)
    if document is None:
        raise HTTPException(404, f'There is no table "{name[:80]}"; /tap/tables lists those there are.')
    return _xml(document)


def _tables(service: Service, detail: Literal["min", "max"]) -> bytes:
    with service.engine.session() as session:
        return tables_document(session.catalogue, detail=detail)


def _table(service: Service, name: str) -> bytes | None:
    with service.engine.session() as session:
        if name not in session.catalogue:
            return None
        return table_document(session.catalogue.table(name))


def _xml(content: bytes) -> Response:
    return Response(content, media_type=_XML, headers={"cache-control": "no-cache"})
