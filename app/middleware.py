"""What every request passes on its way in, and every response on its way out."""

from __future__ import annotations

import ipaddress
import logging
import re
import secrets
import time
from contextvars import ContextVar
from importlib.metadata import version
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import RequestTimeout
from app.faults import document, explain

LOG = logging.getLogger("gammahub.access")

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="-")
"""Name of the request that runs, for logs and error messages."""

_SLASHES = re.compile("/{2,}")
_HOST = re.compile(r"[A-Za-z0-9._-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")


_NOTHING_ACTIVE = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""What a page may do that does not say so itself, such as a result as HTML."""


class PlainPaths:
    """Forgives double slashes in a path and one at its end, which clients add when they join URLs."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on the request."""
        if scope["type"] == "http":
            path = _SLASHES.sub("/", scope["path"])
            path = path.rstrip("/") or "/"
            if path != scope["path"]:
                scope = {**scope, "path": path, "raw_path": path.encode()}
        await self.app(scope, receive, send)


class Forwarded:
    """Believes what trusted proxies say of the client: X-Forwarded-For, -Proto, -Host and -Prefix.

    Parameters
    ----------
    app
        What comes next.
    trusted
        Addresses and networks of proxies, separated by commas; ``*`` for all.
    """

    def __init__(self, app: ASGIApp, *, trusted: str) -> None:
        self.app = app
        names = [name.strip() for name in trusted.split(",") if name.strip()]
        self._all = "*" in names
        self._networks = [ipaddress.ip_network(name, strict=False) for name in names if name != "*"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on the request."""
        if scope["type"] == "http" and self._trusts(scope):
            scope = _as_forwarded(scope)
        await self.app(scope, receive, send)

    def _trusts(self, scope: Scope) -> bool:
        if self._all:
            return True
        client = scope.get("client")
        try:
            address = ipaddress.ip_address(client[0]) if client else None
        except ValueError:
            return False
        return address is not None and any(address in network for network in self._networks)


def _as_forwarded(scope: Scope) -> Scope:
    headers = Headers(scope=scope)
    changed = dict(scope)
    scheme = _first(headers, "x-forwarded-proto").lower()
    if scheme in ("http", "https"):
        changed["scheme"] = scheme
    host = _first(headers, "x-forwarded-host")
    if _HOST.fullmatch(host):
        others = [(name, value) for name, value in scope["headers"] if name != b"host"]
        changed["headers"] = [*others, (b"host", host.encode())]
    prefix = _first(headers, "x-forwarded-prefix").rstrip("/")
    if prefix and _PREFIX.fullmatch(prefix):
        changed["root_path"] = prefix
        # Starlette takes the prefix off the path again; proxies differ in whether they have.
        inside = scope["path"] == prefix or scope["path"].startswith(f"{prefix}/")
        changed["path"] = scope["path"] if inside else prefix + scope["path"]
    client = _first(headers, "x-forwarded-for")
    if client:
        changed["client"] = (client[:60], 0)
    return changed


def _first(headers: Headers, name: str) -> str:
    return headers.get(name, "").partition(",")[0].strip()


class Journal:
    """Names each request, says who we are and how not to take an answer, and logs how it ended."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._server = f"GammaHub/{version('gammahub')}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on the request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = secrets.token_hex(6)
        REQUEST_ID.set(request_id)
        begun = time.monotonic()
        status, size = 0, 0

        async def tell(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["server"] = self._server
                headers["x-request-id"] = request_id
                headers["x-content-type-options"] = "nosniff"
                if headers.get("content-type", "").startswith("text/html"):
                    headers.setdefault("content-security-policy", _NOTHING_ACTIVE)
            elif message["type"] == "http.response.body":
                size += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, tell)
        finally:
            client = scope.get("client")
            LOG.info(
                "%s %s status=%d bytes=%d seconds=%.3f client=%s",
                _one_word(scope["method"]),
                _one_word(scope["path"]),
                status,
                size,
                time.monotonic() - begun,
                _one_word(client[0]) if client else "-",
            )


def _one_word(text: str) -> str:
    """A text of a client such that it can neither end a line of the log nor look like another field."""
    return quote(text[:200], safe="/:[]")


class RequestIdFilter(logging.Filter):
    """Gives each record of the log the name of its request."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add it."""
        record.request_id = REQUEST_ID.get()
        return True


class FaultTeller:
    """Turns an exception into the document that tells of it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on the request."""
        begun = False

        async def watch(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except Exception as error:
            if begun or scope["type"] != "http":
                raise
            await _response_to(error, Headers(scope=scope))(scope, receive, send)


def _response_to(error: Exception, headers: Headers) -> Response:
    fault = explain(error, REQUEST_ID.get())
    content, media_type = document(fault, accept=headers.get("accept", ""))
    extra = {"vary": "Accept", "cache-control": "no-store"}
    if fault.retry_after is not None:
        extra["retry-after"] = str(fault.retry_after)
    if isinstance(error, RequestTimeout):
        # The rest of the body may still come; it is not read.
        extra["connection"] = "close"
    return Response(content, fault.status, headers=extra, media_type=media_type)
