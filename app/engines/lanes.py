"""Lanes: how many queries work at a time, and who waits.

An engine shares its processors evenly among all that run, so that one small query beside four scans
takes five times as long. Small queries therefore have a lane of their own, whose threads go before those
of the other. How much a query reads is known before it runs; what it makes of that, such as a join of
each with each, is not: one that works for long in the small lane is moved to the other. A slot is held
while the engine works and not while a client reads, so that slow clients keep nobody waiting.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from app.engines.hands import Hand, Hands
from app.errors import QueryCancelled, QueryQueueFull

_T = TypeVar("_T")

_LOOK = 0.2
"""Time between two looks at whether one who waits has gone [s]."""


class Lane:
    """A number of slots and a queue before them, first come, first served.

    Parameters
    ----------
    slots
        How many may work at a time.
    queue_length
        How many newcomers may wait; more are refused.
    retry_after
        What one who is refused is told [s].
    niceness
        How much its threads yield to others, 0 to 19.
    """

    def __init__(self, slots: int, *, queue_length: int, retry_after: int, niceness: int = 0) -> None:
        self.niceness = niceness
        self.hands = Hands(niceness)
        self._slots = slots
        self._queue_length = queue_length
        self._retry_after = retry_after
        self._free = slots
        self._queue: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, *, newcomer: bool, patience: float, left: threading.Event) -> Iterator[Turn]:
        """Hold a slot, after waiting for it.

        Parameters
        ----------
        newcomer
            False for a query that has worked before: it may always wait.
        patience
            Longest wait [s].
        left
            Set, from any thread, if the one who waits has gone.

        Raises
        ------
        QueryQueueFull
            Raised if there is no room to wait, or the wait was too long.
        QueryCancelled
            Raised if the one who waits has gone.
        """
        self._enter(newcomer, patience, left)
        turn = Turn(self)
        try:
            yield turn
        finally:
            turn.end()

    def leave(self) -> None:
        """A slot is free."""
        with self._changed:
            self._free += 1
            self._changed.notify_all()

    def squeeze_in(self, most: int) -> bool:
        """Take a slot without waiting, though none is free; False if so many have done that already."""
        with self._changed:
            if self._free <= -most:
                return False
            self._free -= 1
            return True

    def _enter(self, newcomer: bool, patience: float, left: threading.Event) -> None:
        with self._changed:
            if self._free > 0 and not self._queue:
                self._free -= 1
                return
            if newcomer and len(self._queue) >= self._queue_length:
                raise self._full(f"{self._slots} queries run and {len(self._queue)} wait")
            ticket = object()
            self._queue.append(ticket)
            try:
                self._wait(ticket, time.monotonic() + patience, left)
                self._free -= 1
            finally:
                self._queue.remove(ticket)
                self._changed.notify_all()

    def _wait(self, ticket: object, until: float, left: threading.Event) -> None:
        while not (self._free > 0 and self._queue[0] is ticket):
            if left.is_set():
                raise QueryCancelled("The query was stopped while it waited for its turn.")
            rest = until - time.monotonic()
            if rest <= 0:
                raise self._full("no query before this one ended in time")
            self._changed.wait(min(rest, _LOOK))

    def _full(self, why: str) -> QueryQueueFull:
        return QueryQueueFull(
            f"The service is busy: {why}.",
            retry_after=self._retry_after,
            hint=f"Try again in {self._retry_after} s.",
        )


class Turn:
    """A slot that is held, and the thread that works there."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        """Where the slot is."""
        self._niceness = lane.niceness
        self._hands = lane.hands
        self._hand: Hand | None = None
        self._lock = threading.Lock()
        self._ended = False

    def do(self, call: Callable[[], _T]) -> _T:
        """What the call gives or raises, in the thread of this slot."""
        with self._lock:
            if self._hand is None:
                self._hand = self._hands.take()
            hand = self._hand
            hand.yield_more(self._niceness)
        return hand.do(call)

    def move(self, lane: Lane, *, most: int) -> None:
        """Go on in another lane; from any thread, while the call runs.

        Parameters
        ----------
        lane
            Whose niceness it gets at once.
        most
            So many may be there beyond its slots; one who comes then stays in the slot that it has.
        """
        with self._lock:
            if self._ended or self.lane is lane:
                return
            self._niceness = lane.niceness
            if self._hand is not None:
                self._hand.yield_more(lane.niceness)
            if lane.squeeze_in(most):
                self.lane.leave()
                self.lane = lane

    def end(self) -> None:
        """Free the slot."""
        with self._lock:
            self._ended = True
        if self._hand is not None:
            self._hands.give_back(self._hand)
        self.lane.leave()


@dataclass(frozen=True, slots=True)
class Lanes:
    """The two lanes of an engine."""

    light: Lane
    heavy: Lane
    light_bytes: int
    """A query that reads at most so many bytes is a light one,"""
    light_seconds: float
    """until it has worked so long [s]."""
    borrowed: int
    """So many that were light ones may be in the heavy lane beyond its slots."""

    def choose(self, nbytes: int) -> Lane:
        """The lane of a query that has so many bytes to read."""
        return self.light if nbytes <= self.light_bytes else self.heavy

    def close(self) -> None:
        """End the threads."""
        self.light.hands.close()
        self.heavy.hands.close()
