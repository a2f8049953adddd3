"""A result on its way to a client: errors before the first byte, and an end when the client goes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping

import anyio
from anyio import to_thread
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.faults import explain
from app.middleware import REQUEST_ID
from app.services.query import QueryRun

MAXREC_HEADER = "X-GammaHub-Maxrec"
"""Most rows of a result in a format that cannot tell by itself whether it was cut."""

LOG = logging.getLogger("gammahub.responses")


async def fetch_first_chunk(run: QueryRun, receive: Receive, threads: anyio.CapacityLimiter) -> bytes:
    """The first bytes of a result, so that whatever goes wrong before them still has a status.

    If the client goes meanwhile, the query is stopped.

    Raises
    ------
    adql.AdqlError, app.errors.ServiceError
        Raised if the query is refused or does not end well.
    """
    fault: Exception | None = None
    chunk: bytes | None = b""
    async with anyio.create_task_group() as group:
        group.start_soon(_cancel_when_gone, receive, run.cancel)
        try:
            chunk = await to_thread.run_sync(run.next_chunk, limiter=threads)
        except Exception as error:
            # Not through the group, which would wrap it.
            fault = error
        group.cancel_scope.cancel()
    if fault is not None:
        await _close(run, threads)
        raise fault
    return chunk or b""


async def _cancel_when_gone(receive: Receive, cancel: Callable[[], None]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    cancel()


async def _close(run: QueryRun, threads: anyio.CapacityLimiter) -> None:
    with anyio.CancelScope(shield=True):
        await to_thread.run_sync(run.close, limiter=threads)


class ResultResponse(Response):
    """A result that is sent as it arrives.

    A fault after the first byte ends the document where the format has a word for it (the writer has
    sent that already), else the transfer is broken off, so that no client takes it for whole.

    Parameters
    ----------
    run
        The query, of which the first chunk has been fetched.
    first
        That chunk.
    threads
        Threads to wait for chunks in.
    timeout
        Longest time to the last byte [s].
    """

    def __init__(
        self,
        run: QueryRun,
        first: bytes,
        *,
        threads: anyio.CapacityLimiter,
        timeout: float,
        headers: Mapping[str, str],
    ) -> None:
        self.run = run
        self.first = first
        self.threads = threads
        self.timeout = timeout
        self.status_code = 200
        self.background = None
        self.init_headers(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the result."""
        try:
            async with anyio.create_task_group() as group:
                stop = self._stopper(group.cancel_scope)
                group.start_soon(_cancel_when_gone, receive, stop)
                group.start_soon(_call_later, self.timeout, stop)
                await self._send(send)
                group.cancel_scope.cancel()
        finally:
            await _close(self.run, self.threads)

    def _stopper(self, scope: anyio.CancelScope) -> Callable[[], None]:
        def stop() -> None:
            self.run.cancel()
            scope.cancel()

        return stop

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        chunk: bytes | None = self.first
        while chunk is not None:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            try:
                chunk = await to_thread.run_sync(self.run.next_chunk, limiter=self.threads)
            except Exception as error:
                LOG.info("the result ended early: %s", explain(error, REQUEST_ID.get()).message)
                if not self.run.query.choice.writer.tells_status:
                    return
                break
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _call_later(seconds: float, call: Callable[[], None]) -> None:
    await anyio.sleep(seconds)
    call()


async def stream_chunks(
    chunks: Iterator[bytes],
    threads: anyio.CapacityLimiter,
    *,
    headers: Mapping[str, str],
    status: int = 200,
) -> Response:
    """A response of chunks as they come, the first of which is waited for: a fault before it has a status.

    Parameters
    ----------
    chunks
        Asked for in threads; closed when the response has ended, however it did.
    threads
        Threads to wait in.

    Raises
    ------
    Exception
        Raised is what the first chunk raises.
    """
    first = await to_thread.run_sync(next, chunks, b"", limiter=threads)
    return _Chunks(first, chunks, threads, headers=headers, status=status)


class _Chunks(Response):
    def __init__(
        self,
        first: bytes,
        chunks: Iterator[bytes],
        threads: anyio.CapacityLimiter,
        *,
        headers: Mapping[str, str],
        status: int,
    ) -> None:
        self.first = first
        self.chunks = chunks
        self.threads = threads
        self.status_code = status
        self.background = None
        self.init_headers(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, until it or the client ends."""
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(_cancel_when_gone, receive, group.cancel_scope.cancel)
                await self._send(send)
                group.cancel_scope.cancel()
        finally:
            close = getattr(self.chunks, "close", None)
            if close is not None:
                with anyio.CancelScope(shield=True):
                    await to_thread.run_sync(close, limiter=self.threads)

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        chunk: bytes | None = self.first
        while chunk is not None:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            try:
                chunk = await to_thread.run_sync(next, self.chunks, None, limiter=self.threads)
            except Exception as error:
                LOG.info("the response ended early: %s", explain(error, REQUEST_ID.get()).message)
                return
        await send({"type": "http.response.body", "body": b"", "more_body": False})
