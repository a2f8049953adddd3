"""The web application: the service behind its handlers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match, Route

from app.compression import Gzip
from app.config import Config
from app.factory import Service, make_service
from app.handlers import conesearch, datalink, files, images, metrics, pages, tap, uws, vosi
from app.middleware import FaultTeller, Forwarded, Journal, PlainPaths
from app.responses import MAXREC_HEADER
from app.services.health import check
from app.services.jobs import OVERFLOW_HEADER
from app.services.origin import COLLECTIONS_HEADER

HANDLERS = (tap, uws, vosi, datalink, files, images, conesearch, metrics, pages)
"""What answers requests; the first that knows a path counts."""


def create_app(config: Config | None = None) -> FastAPI:
    """The application, with a service made of the settings; of the environment's, if none are given.

    Raises
    ------
    app.errors.EngineUnavailable
        Raised if the engine cannot be reached.
    """
    settings = config or Config()
    return assemble(make_service(settings))


def assemble(service: Service) -> FastAPI:
    """The application around a service, which it closes when it ends."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # A first query builds the parser and reads the first footers, so that no user waits for that.
        await to_thread.run_sync(check, service.queries)
        await to_thread.run_sync(service.jobs.start)
        yield
        await to_thread.run_sync(service.close)

    app = FastAPI(
        title=service.config.title, lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.router.redirect_slashes = False
    app.state.service = service
    for handler in HANDLERS:
        app.include_router(handler.router)
    app.include_router(uws.bundles)
    app.include_router(vosi.beside)
    app.add_exception_handler(HTTPException, _tell_plainly)
    # The last to be added is the first that a request meets.
    app.add_middleware(FaultTeller)
    app.add_middleware(Gzip)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"],
        allow_headers=["*"],
        expose_headers=[
            *("Location", "Retry-After", "Content-Disposition", "X-Request-Id"),
            *("Accept-Ranges", "Content-Range", "ETag", "Sunset", MAXREC_HEADER, OVERFLOW_HEADER),
            *("Link", "Allow", COLLECTIONS_HEADER),
        ],
        max_age=86400,
    )
    app.add_middleware(PlainPaths)
    app.add_middleware(Forwarded, trusted=service.config.forwarded_allow_ips)
    app.add_middleware(Journal)
    return app


async def _tell_plainly(request: Request, error: Exception) -> Response:
    """A path or a method that there is not: plain text, as no VO client expects a document there."""
    assert isinstance(error, HTTPException)
    path = request.url.path
    sentences = {
        404: f"There is nothing at {path}. The TAP service is at /tap, its tables at /tap/tables.",
        405: f"{path} does not take {request.method}.",
    }
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers = {"allow": ", ".join(_allowed(request))}
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=headers)
    text = sentences.get(error.status_code, str(error.detail))
    return PlainTextResponse(f"{text}\n", status_code=error.status_code, headers=headers)


def _allowed(request: Request) -> list[str]:
    """The methods that a path takes; the router tells those of one of its routes."""
    scope = {**request.scope, "method": "OPTIONS"}
    routes = [route for handler in HANDLERS for route in handler.router.routes if isinstance(route, Route)]
    methods = {"OPTIONS"}
    for route in routes:
        if route.matches(scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    return sorted(methods)
