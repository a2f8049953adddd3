"""Connections that wait for the next query, and the end of those that broke."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.engines.hiveserver2.cleaner import Cleaner
from app.engines.hiveserver2.connection import Connection, Operation

LOG = logging.getLogger("gammahub.hiveserver2")

_TRUSTED = 1.0
"""A connection that was in use so shortly before is not asked whether it is alive [s]."""
_IDLE = 300.0
"""A connection that nobody wanted for so long is closed [s]."""


@dataclass(frozen=True, slots=True)
class _Idle:
    connection: Connection
    since: float


class Pool:
    """Connections of one kind. How many there may be is for its user to bound.

    Parameters
    ----------
    connect
        Makes a connection, or raises ConnectionLost.
    planning
        Age that a statement must have before it is cancelled [s].
    """

    def __init__(self, connect: Callable[[], Connection], *, planning: float) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._idle: list[_Idle] = []
        self._cleaner = Cleaner(self.take, self.give, planning=planning)
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
            idle.connection.abandon()
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
        self._cleaner.add(connection, operation)

    def close(self) -> None:
        """Close those that wait; others are closed when they are given back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        self._cleaner.close()
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
