"""A web server with the manners, good and bad, that those of the world have."""

from __future__ import annotations

import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.eventually import PATIENCE


@dataclass
class Answer:
    """What a path answers."""

    content: bytes = b""
    content_type: str | None = "application/octet-stream"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False
    """Send the headers, and then nothing."""
    endless: bool = False
    """Send the content again and again, without announcing a length."""
    drip: float | None = None
    """Send a byte each so many seconds [s]."""
    length: int | None = None
    """The length to announce, if it is a lie."""


class WebServer:
    """Serves ``answers`` on a free port of this machine, while the block lasts.

    Parameters
    ----------
    context
        For https, if it is to speak that.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._scheme = "http" if context is None else "https"
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        """Paths that were asked for."""
        self.headers: list[dict[str, str]] = []
        """Of each request, with names in lower case."""
        self.has_been_asked = threading.Event()
        self.has_been_left = threading.Event()
        """Set when a client has hung up before it had everything."""
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        # A client that hangs up before it has said anything is none to print a traceback for.
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Without a slash at its end."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def __enter__(self) -> WebServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.asked.append(self.path)
                owner.headers.append({name.lower(): value for name, value in self.headers.items()})
                owner.has_been_asked.set()
                answer = owner.answers.get(self.path, Answer(b"not here", "text/plain", 404))
                try:
                    self._send(answer)
                except OSError:
                    owner.has_been_left.set()

            def _send(self, answer: Answer) -> None:
                self.send_response(answer.status)
                if answer.content_type is not None:
                    self.send_header("Content-Type", answer.content_type)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if not (answer.endless or answer.hang):
                    length = len(answer.content) if answer.length is None else answer.length
                    self.send_header("Content-Length", str(length))
                self.end_headers()
                if answer.hang:
                    self._wait_until_left()
                elif answer.drip is not None:
                    for place in range(len(answer.content)):
                        self.wfile.write(answer.content[place : place + 1])
                        if owner._closing.wait(answer.drip):
                            return
                else:
                    self.wfile.write(answer.content)
                while answer.endless and not owner._closing.is_set():
                    self.wfile.write(answer.content)

            def _wait_until_left(self) -> None:
                self.connection.settimeout(0.1)
                while not owner._closing.is_set():
                    try:
                        if not self.connection.recv(1):
                            owner.has_been_left.set()
                            return
                    except TimeoutError:
                        continue

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
