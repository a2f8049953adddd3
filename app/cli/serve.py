"""gammahub serve: the service on a port."""

from __future__ import annotations

import asyncio
import errno
import logging.config
import socket
from contextlib import suppress
from typing import Annotated, Any

import typer
import uvicorn

from app.cli.terminal import FAILED, OUT, command_name, complain, plain_errors, read_config
from app.config import Config
from app.factory import Service
from app.lake import LakeError, current_name
from app.main import create_app
from app.protocol import SETTINGS

_GRACE = 3
"""Time that queries have to end when the server is stopped [s]."""
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - names what an operator may have chosen
"""Address that listens to all -> one that a client on this machine can use."""


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen at; GAMMAHUB_HOST.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="TCP port; GAMMAHUB_PORT.")] = None,
) -> None:
    """Serve the tables at hand as a TAP service."""
    config = read_config(host=host, port=port)
    with plain_errors(LakeError), _listen(config) as listener:
        logging.config.dictConfig(_logging(config.log_level))
        app = create_app(config)
        _greet(config, listener)
        server = _Server(
            uvicorn.Config(app, timeout_graceful_shutdown=2 * _GRACE, **SETTINGS),
            app.state.service,
        )
        # Ctrl-C is how a server is meant to end; it has ended in good order when this comes.
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
    if not server.started:
        raise typer.Exit(FAILED)


class _Server(uvicorn.Server):
    """Gives queries that run a short while to end when it is to stop, then cancels them."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, wait for what runs, and stop it at last."""
        loop = asyncio.get_running_loop()
        # In a thread, as those who wait are let go by the loop.
        timer = loop.call_later(_GRACE, loop.run_in_executor, None, self._service.close)
        try:
            await super().shutdown(sockets)
        finally:
            timer.cancel()


def _listen(config: Config) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        return socket.create_server((config.host, config.port), family=family, backlog=512)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            other = config.port + 1
            complain(
                f"Port {config.port} of {config.host} is in use, perhaps by another GammaHub. Stop that, or "
                f"choose another port: make run PORT={other}, or {command_name()} serve --port {other}."
            )
        else:
            complain(f"Cannot listen at {config.host} port {config.port}: {error.strerror or error}.")
        raise typer.Exit(FAILED) from error


def _greet(config: Config, listener: socket.socket) -> None:
    command = command_name()
    url = config.base_url or _url(config.host, listener.getsockname()[1])
    OUT.print(f"\n[bold]{config.title}[/] serves [link={url}/]{url}/[/link]")
    OUT.print(f"TAP service: {url}/tap\n", markup=False)
    OUT.print("A first query (pip install pyvo):\n", markup=False)
    OUT.print(
        "    import pyvo\n"
        f'    tap = pyvo.dal.TAPService("{url}/tap")\n'
        '    print(tap.search("SELECT TOP 5 * FROM dl3.events").to_table())\n',
        markup=False,
    )
    if current_name(config.lake) is None:
        OUT.print(f"No data have been loaded yet. Simulated data to try it:  {command} demo", markup=False)
    OUT.print(
        f"Your own DL3 data:  {command} ingest FOLDER  (while it runs, too). Ctrl-C ends.\n", markup=False
    )


def _url(host: str, port: int) -> str:
    return f"http://{_EVERYWHERE.get(host, f'[{host}]' if ':' in host else host)}:{port}"


def _logging(level: str) -> dict[str, Any]:
    """One line a record, on standard error, with the name of the request that it belongs to."""
    own, others = level.upper(), max(level.upper(), "WARNING", key=logging.getLevelNamesMapping().__getitem__)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request": {"()": "app.middleware.RequestIdFilter"}},
        "formatters": {
            "line": {"format": "%(asctime)s %(levelname)s %(name)s request=%(request_id)s %(message)s"}
        },
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["request"]}
        },
        "root": {"level": others, "handlers": ["stderr"]},
        "loggers": {"gammahub": {"level": own}},
    }
