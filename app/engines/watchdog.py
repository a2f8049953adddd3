"""One thread that tells queries when their time is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

_REPEAT = 0.05
"""Time between two alarms of a watch that is overdue [s]."""


class Watch:
    """A call under watch: from ``with`` to its end, the alarm rings if the deadline passes.

    It rings again and again until the call has ended, as an interrupt that comes before an engine has
    begun to work is lost.
    """

    def __init__(self, watchdog: Watchdog, deadline: float, alarm: Callable[[], None]) -> None:
        self._watchdog = watchdog
        self.deadline = deadline
        self.alarm = alarm

    def __enter__(self) -> Watch:
        self._watchdog.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watchdog.remove(self)

    def ring(self) -> None:
        """Let the deadline be now."""
        self._watchdog.expedite(self)


class Watchdog:
    """Rings the alarms of the watches that are overdue.

    An alarm is short and does not raise. It never rings after its watch has ended.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watches: set[Watch] = set()
        self._wakes = float("inf")
        self._thread: threading.Thread | None = None
        self._closed = False

    def watch(self, seconds: float, alarm: Callable[[], None]) -> Watch:
        """A watch whose time starts now; infinity for one that only :meth:`Watch.ring` sets off."""
        return Watch(self, time.monotonic() + seconds, alarm)

    def add(self, watch: Watch) -> None:
        """Begin to watch."""
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
                self._thread.start()
            self._watches.add(watch)
            if watch.deadline < self._wakes:
                self._changed.notify()

    def remove(self, watch: Watch) -> None:
        """End a watch; if its alarm rings at this moment, wait for it."""
        with self._changed:
            self._watches.discard(watch)

    def expedite(self, watch: Watch) -> None:
        """Set off the alarm of a watch, if it has not ended."""
        with self._changed:
            watch.deadline = float("-inf")
            self._changed.notify()

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                self._wakes = self._ring_overdue()
                endless = self._wakes == float("inf")
                self._changed.wait(None if endless else max(0.0, self._wakes - time.monotonic()))

    def _ring_overdue(self) -> float:
        """Ring; when to look again. In a function, so that the thread holds no watch while it waits."""
        now = time.monotonic()
        for watch in self._watches:
            if watch.deadline <= now:
                watch.alarm()
                watch.deadline = now + _REPEAT
        return min((watch.deadline for watch in self._watches), default=float("inf"))
