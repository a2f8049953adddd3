"""Threads that work for an engine, and how much they yield to others.

The operating system shares the processors by thread: one that is nice gets what the others leave, and all
of it if they leave all. A thread without privileges may become nicer and never less so, which is why the
work is not done in the threads that serve requests.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

_T = TypeVar("_T")
_Task = tuple[Callable[[], Any], "Future[Any]"]


class Hand:
    """A thread that does one thing after the other.

    Parameters
    ----------
    niceness
        0 to 19, as in setpriority(2); threads that are started by its work inherit it.
    """

    def __init__(self, niceness: int = 0) -> None:
        self.niceness = niceness
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="engine", daemon=True)
        self._thread.start()

    def do(self, call: Callable[[], _T]) -> _T:
        """What the call gives or raises."""
        future: Future[_T] = Future()
        self._tasks.put((call, future))
        try:
            return future.result()
        finally:
            # An exception holds the frames it came through, and these would hold it.
            del future

    def yield_more(self, niceness: int) -> None:
        """Let it be nicer from now on; from any thread, while it works too."""
        if niceness > self.niceness:
            self.niceness = niceness
            _set_niceness(self._thread.native_id, niceness)

    def dismiss(self) -> None:
        """Let it end when it has done what it does."""
        self._tasks.put(None)

    def _serve(self) -> None:
        if self.niceness:
            _set_niceness(threading.get_native_id(), self.niceness)
        while (task := self._tasks.get()) is not None:
            call, future = task
            try:
                future.set_result(call())
            except BaseException as error:
                future.set_exception(error)
            # The next may be long in coming; nothing of the last one is to be held until then.
            del task, call, future


class Hands:
    """Some threads of one niceness, as many as work at a time.

    Parameters
    ----------
    niceness
        Of each.
    """

    def __init__(self, niceness: int) -> None:
        self._niceness = niceness
        self._idle: list[Hand] = []
        self._lock = threading.Lock()
        self._closed = False

    def take(self) -> Hand:
        """One that is idle, or a new one."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return Hand(self._niceness)

    def give_back(self, hand: Hand) -> None:
        """Keep it for the next, if it is as nice as it was."""
        with self._lock:
            if not self._closed and hand.niceness == self._niceness:
                self._idle.append(hand)
                return
        hand.dismiss()

    def close(self) -> None:
        """Let them end."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for hand in idle:
            hand.dismiss()


def _set_niceness(thread: int | None, niceness: int) -> None:
    # Linux has a niceness of each thread (setpriority(2), "C library/kernel differences"); other systems
    # would set that of the process.
    if sys.platform == "linux" and thread is not None:
        try:
            os.setpriority(os.PRIO_PROCESS, thread, niceness)
        except (ProcessLookupError, PermissionError):
            # It has ended, or the process is nicer already.
            return
