"""A live GammaHub on a free port, to be asked as the world would ask it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from app.config import Config
from app.factory import Service
from app.main import create_app
from app.protocol import SETTINGS
from tests.support.eventually import PATIENCE


@dataclass(frozen=True)
class LiveServer:
    """A service that answers."""

    url: str
    """Root, without a slash at its end."""
    service: Service

    @property
    def tap(self) -> str:
        """URL of the TAP service."""
        return f"{self.url}/tap"


@contextmanager
def serve(config: Config) -> Iterator[LiveServer]:
    """Serve in a thread of this process until the block is left."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    app = create_app(config)
    server = uvicorn.Server(uvicorn.Config(app, **SETTINGS))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        until = time.monotonic() + PATIENCE
        while not server.started:
            if not thread.is_alive() or time.monotonic() > until:
                raise RuntimeError("the server has not started")
            time.sleep(0.01)
        yield LiveServer(f"http://127.0.0.1:{port}", app.state.service)
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        listener.close()
