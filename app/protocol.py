"""HTTP as the server reads it: the head of a request has bounds of length and time.

A proxy keeps slow and endless clients away; a service that stands alone has to do so itself.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

URL_BYTES = 65_535
"""Most bytes of a URL: httptools counts them in 16 bits."""
HEAD_BYTES = 262_144
"""Most bytes of a URL and the headers together."""
HEAD_SECONDS = 20.0
"""Time in which they must have come, from the first byte of them or the opening of the connection [s]."""

_REASONS: Final = {408: "Request Timeout", 414: "URI Too Long", 431: "Request Header Fields Too Large"}


class BoundedHttp(HttpToolsProtocol):
    """The protocol of uvicorn, with bounds on what it reads before a request is one."""

    head_seconds = HEAD_SECONDS
    _bytes = 0
    _in_head = True
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._in_head:
            self._bytes += len(data)
            if self._timer is None:
                self._expect_head()
        super().data_received(data)
        if self._in_head and self._bytes > HEAD_BYTES and not self.transport.is_closing():
            if self.headers:
                self._refuse(431, f"The headers are longer than the {HEAD_BYTES:,} bytes allowed.")
            else:
                self._refuse_url()

    def on_message_begin(self) -> None:
        """A request begins, perhaps in the middle of what came."""
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        """Its head has come."""
        if len(self.url) > URL_BYTES:
            self._refuse_url()
            raise ValueError("ends the parsing")
        self._in_head = False
        self._bytes = 0
        self._stop_waiting()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of it has come; what follows is another one."""
        super().on_message_complete()
        self._in_head = True

    def send_400_response(self, msg: str) -> None:
        """Tell that it is no HTTP, unless more has been told."""
        if not self.transport.is_closing():
            super().send_400_response(msg)

    def _expect_head(self) -> None:
        self._timer = self.loop.call_later(self.head_seconds, self._refuse_slowness)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse_slowness(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if self._is_answering:
            self._expect_head()
        elif self._bytes:
            self._refuse(408, f"The request has not come within {self.head_seconds:g} s.")
        else:
            self.transport.close()

    def _refuse_url(self) -> None:
        self._refuse(414, f"The URL is longer than the {URL_BYTES:,} bytes allowed; send the query by POST.")

    @property
    def _is_answering(self) -> bool:
        """True while the answer to the request before is on its way."""
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, status: int, sentence: str) -> None:
        """Tell why in plain text, and close the connection."""
        self._stop_waiting()
        if self._is_answering:
            self.transport.close()
            return
        body = f"{sentence}\n".encode()
        head = (
            f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: text/plain; charset=utf-8\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


SETTINGS: Final[dict[str, Any]] = {
    "http": BoundedHttp,
    "ws": "none",
    "access_log": False,
    "log_config": None,
    # The service tells its own name, and reads X-Forwarded headers itself.
    "server_header": False,
    "proxy_headers": False,
}
"""How uvicorn is to serve the application."""
