"""Numbers for Prometheus."""

from __future__ import annotations

from importlib.metadata import version

from anyio import to_thread
from fastapi import APIRouter
from starlette.responses import Response

from app.dependencies import ServiceDependency
from app.errors import JobsUnavailable
from app.factory import Service, engine_scheme
from app.services.meter import exposition

router = APIRouter()


@router.api_route("/metrics", methods=["GET", "HEAD"])
async def metrics(service: ServiceDependency) -> Response:
    """What the service has done since it was started, in Prometheus' text format."""
    text = await to_thread.run_sync(_text, service)
    return Response(text, media_type="text/plain; version=0.0.4", headers={"cache-control": "no-store"})


def _text(service: Service) -> str:
    try:
        waiting = service.jobs.waiting
    except JobsUnavailable:
        waiting = None
    return exposition(
        service.queries.meter.read(),
        waiting_jobs=waiting,
        version=version("gammahub"),
        engine=engine_scheme(service.config),
    )
