"""Waiting for jobs to change their phase, without a thread for each that waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from anyio import CapacityLimiter, to_thread

from app.errors import JobsUnavailable
from app.uws.phase import Phase

_LOOK = 0.25
"""Time between two looks at the phases of the jobs waited for, as other processes may change them [s]."""


@dataclass(eq=False, slots=True)
class _Waiter:
    job: str
    phase: Phase
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class PhaseWatch:
    """Those that wait. However many they are, one query at a time asks for the phases of all their jobs.

    Parameters
    ----------
    phases
        Gives the phase of each of the jobs that is there.
    threads
        Where it is called, and whatever else of the database a request wants.
    """

    def __init__(
        self, phases: Callable[[Collection[str]], Mapping[str, Phase]], *, threads: CapacityLimiter
    ) -> None:
        self._phases = phases
        self.threads = threads
        """Threads in which the database is asked for requests; each takes milliseconds."""
        self._waiters: set[_Waiter] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self._closed = False

    async def wait(self, job: str, phase: Phase, *, seconds: float) -> None:
        """Return when the job is no longer in that phase, is gone, or the time is over."""
        if self._closed:
            return
        waiter = _Waiter(job, phase)
        self._waiters.add(waiter)
        try:
            self._look_after(asyncio.get_running_loop())
            async with asyncio.timeout(seconds):
                await waiter.changed.wait()
        except TimeoutError:
            return
        finally:
            self._waiters.discard(waiter)

    def tell(self, job: str) -> None:
        """A job has changed; from any thread."""
        if any(waiter.job == job for waiter in tuple(self._waiters)):
            self._call(self._news.set)

    def close(self) -> None:
        """Let all go who wait; from any thread."""
        self._closed = True
        self._call(self._release)

    def _call(self, call: Callable[[], None]) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(call)

    def _release(self) -> None:
        for waiter in self._waiters:
            waiter.changed.set()
        self._news.set()

    def _look_after(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not loop:
            self._loop, self._news = loop, asyncio.Event()
            self._looking = None
        if self._looking is None or self._looking.done():
            self._looking = loop.create_task(self._look())
        # One who has just come may have read the phase before it changed.
        self._news.set()

    async def _look(self) -> None:
        while self._waiters and not self._closed:
            self._news.clear()
            jobs = {waiter.job for waiter in self._waiters if not waiter.changed.is_set()}
            try:
                phases = await to_thread.run_sync(self._phases, jobs, limiter=self.threads)
            except JobsUnavailable:
                # Those who wait ask again themselves in the end.
                phases = {waiter.job: waiter.phase for waiter in self._waiters}
            for waiter in self._waiters:
                if waiter.job in jobs and phases.get(waiter.job) is not waiter.phase:
                    waiter.changed.set()
            try:
                async with asyncio.timeout(_LOOK):
                    await self._news.wait()
            except TimeoutError:
                continue
