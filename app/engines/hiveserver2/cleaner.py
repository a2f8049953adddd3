"""Ends on the server what queries that were broken off have left there."""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from app.engines.hiveserver2.connection import Connection, ConnectionLost, Operation

LOG = logging.getLogger("gammahub.hiveserver2")

SETTLING = 10.0
"""Time between the cancellation of a statement and the end of its session [s].

Spark forgets a cancellation that comes while it plans: the job that it then begins would run to its end,
were it not that the end of the session cancels it once more.
"""


@dataclass(order=True, slots=True)
class _Grave:
    """A connection that was broken off."""

    due: float
    number: int
    connection: Connection = field(compare=False)
    operation: Any | None = field(compare=False)
    is_cancelled: bool = field(default=False, compare=False)


class Cleaner:
    """One thread that cancels statements and ends sessions, over connections that work.

    Parameters
    ----------
    take, give
        Get a connection, or raise ConnectionLost; put it back.
    planning
        Age that a statement must have before it is cancelled [s]; see
        :attr:`app.engines.hiveserver2.flavour.Flavour.planning`.
    """

    def __init__(
        self, take: Callable[[], Connection], give: Callable[[Connection], None], *, planning: float
    ) -> None:
        self._planning = planning
        self._take = take
        self._give = give
        self._changed = threading.Condition()
        self._graves: list[_Grave] = []
        self._count = 0
        self._thread: threading.Thread | None = None
        self._closed = False

    def add(self, connection: Connection, operation: Operation | None) -> None:
        """Take over a connection that is of no use any more; the thread that used it is back."""
        now = time.monotonic()
        due = max(now, (operation.begun if operation else now) + self._planning)
        with self._changed:
            self._count += 1
            handle = operation.handle if operation else None
            heapq.heappush(self._graves, _Grave(due, self._count, connection, handle))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="hiveserver2-cleaner", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """End all that is left, soon."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(10)

    def _run(self) -> None:
        while (grave := self._next()) is not None:
            try:
                self._bury(grave)
            except ConnectionLost as error:
                # With the server its sessions have gone.
                LOG.info("a broken connection could not be ended on the server: %s", error)
                grave.connection.abandon()

    def _next(self) -> _Grave | None:
        """The next that is due; None when all is over."""
        with self._changed:
            while True:
                if self._graves:
                    rest = self._graves[0].due - time.monotonic()
                    if rest <= 0 or self._closed:
                        return heapq.heappop(self._graves)
                elif self._closed:
                    return None
                self._changed.wait(rest if self._graves else None)

    def _bury(self, grave: _Grave) -> None:
        connection = self._take()
        try:
            if not grave.is_cancelled and grave.operation is not None:
                connection.cancel_other(grave.operation)
                grave.is_cancelled = True
                grave.due = time.monotonic() + SETTLING
                with self._changed:
                    heapq.heappush(self._graves, grave)
            else:
                connection.close_other(grave.connection.handle)
                grave.connection.abandon()
        except ConnectionLost:
            connection.abandon()
            raise
        self._give(connection)
