"""Connections that wait for the next query, and the end of those that broke."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import Full, Queue
from typing import Any

from app.engines.hiveserver2.connection import Connection, ConnectionLost, Operation

LOG = logging.getLogger("gammahub.hiveserver2")

_TRUSTED = 1.0
"""A connection that was in use so shortly before is not asked whether it is alive [s]."""
_IDLE = 300.0
"""A connection that nobody wanted for so long is closed [s]."""
_MOST_GRAVES = 1000


@dataclass(frozen=True, slots=True)
class _Idle:
    connection: Connection
    since: float


@dataclass(frozen=True, slots=True)
class _Grave:
    """What a broken connection has left on the server."""

    session: Any
    operation: Any | None


class Pool:
    """Connections of one kind. How many there may be is for its user to bound.

    Parameters
    ----------
    connect
        Makes a connection, or raises ConnectionLost.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._idle: list[_Idle] = []
        self._graves: Queue[_Grave | None] = Queue(_MOST_GRAVES)
        self._digger: threading.Thread | None = None
        self._closed = False

    def take(self) -> Connection:
        """A connection that works; give it back, or discard it.

        Raises
        ------
        ConnectionLost
            Raised if there is no server, or it lets us not in.
        """
        while (idle := self._pop()) is not None:
            if time.monotonic() - idle.since < _TRUSTED or idle.connection.is_alive():
                return idle.connection
            idle.connection.shut()
            LOG.info("a connection has died while nobody used it")
        return self._connect()

    def give(self, connection: Connection) -> None:
        """Put a connection back; one that is not clean is closed."""
        with self._lock:
            kept = connection.is_clean and not self._closed
            if kept:
                self._idle.append(_Idle(connection, time.monotonic()))
        if not kept:
            connection.close()

    def discard(self, connection: Connection, operation: Operation | None) -> None:
        """Break a connection off; what it has left on the server is ended in the background."""
        connection.shut()
        grave = _Grave(connection.handle, operation.handle if operation else None)
        with self._lock:
            if self._closed:
                return
            if self._digger is None:
                self._digger = threading.Thread(target=self._dig, name="hiveserver2-cleaner", daemon=True)
                self._digger.start()
        try:
            self._graves.put_nowait(grave)
        except Full:
            LOG.warning("too many broken connections; the server has to find out by itself")

    def close(self) -> None:
        """Close those that wait; others are closed when they are given back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            digger = self._digger
        if digger is not None:
            self._graves.put(None)
            digger.join(5)
        for each in idle:
            each.connection.close()

    def _pop(self) -> _Idle | None:
        """The one that was used last; those that nobody wants any more are closed."""
        with self._lock:
            until = time.monotonic() - _IDLE
            old = [idle for idle in self._idle if idle.since < until]
            self._idle = [idle for idle in self._idle if idle.since >= until]
            found = self._idle.pop() if self._idle else None
        for idle in old:
            idle.connection.close()
        return found

    def _dig(self) -> None:
        while (grave := self._graves.get()) is not None:
            try:
                connection = self.take()
                connection.bury(grave.session, grave.operation)
                self.give(connection)
            except ConnectionLost as error:
                # With the server its sessions have gone.
                LOG.info("a broken connection could not be ended on the server: %s", error)
