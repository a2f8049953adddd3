"""One run of a job, as the work that is done for it sees it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from itertools import pairwise
from typing import Any, Protocol

from app.errors import JobsUnavailable, QueryCancelled, QueryTooLarge
from app.uws.files import JobFiles, ResultFile
from app.uws.job import Job, Result

_LOOK = 64 * 2**20
"""Bytes between two looks at the room that is left for results."""


class End(Enum):
    """Why a run is stopped."""

    OVERDUE = "the time that the job may run is over"
    LOST = "the job was aborted, deleted, or given to another process"
    CLOSING = "the server ends"


class Run:
    """One run of a job. Its work is done by one thread; any thread may stop it.

    Parameters
    ----------
    job
        The job, as it was claimed.
    files
        Where its results go.
    most
        Bytes that its results may have.
    room
        Gives the bytes that are left for results of all jobs.
    """

    def __init__(self, job: Job, files: JobFiles, *, most: int, room: Callable[[], int]) -> None:
        self.job = job
        self.end: End | None = None
        """Why it was stopped; None while it is not."""
        self.results: list[Result] = []
        self._files = files
        self._most = most
        self._room = room
        self._size = 0
        self._unlooked = _LOOK
        self._lock = threading.Lock()
        self._stop: Callable[[], None] | None = None
        self._begun = time.monotonic()
        self._facts: dict[str, Any] = {}
        self._steps: list[tuple[str, float]] = []

    @property
    def seconds(self) -> float:
        """Time since it began [s]."""
        return time.monotonic() - self._begun

    @property
    def written(self) -> int:
        """Bytes of its results so far."""
        return self._size

    @property
    def progress(self) -> Mapping[str, Any]:
        """What is to be told of it: the facts, and when each step began [s]."""
        with self._lock:
            steps = [*self._steps, ("", self.seconds)]
            lasted = [
                {"name": name, "seconds": round(following - begun, 3)}
                for (name, begun), (_, following) in pairwise(steps)
            ]
            return {**self._facts, "bytes": self._size, "steps": lasted}

    def step(self, name: str) -> None:
        """A part of the work begins; the one before it has ended."""
        with self._lock:
            self._steps.append((name, self.seconds))

    def tell(self, **facts: Any) -> None:
        """Facts for jobInfo: numbers, texts, truth values."""
        with self._lock:
            self._facts.update(facts)

    def stop(self, end: End) -> None:
        """Stop the work; from any thread, any number of times, the first of which counts."""
        with self._lock:
            if self.end is not None:
                return
            self.end = end
            call = self._stop
        if call is not None:
            call()

    @contextmanager
    def stopped_by(self, call: Callable[[], None]) -> Iterator[None]:
        """While the block runs, a stop calls this, from another thread; at once if it has come already."""
        with self._lock:
            self._stop = call
            stopped = self.end is not None
        if stopped:
            call()
        try:
            yield
        finally:
            with self._lock:
                self._stop = None

    def check(self) -> None:
        """Raise if the run was stopped.

        Raises
        ------
        QueryCancelled
            Raised if it was.
        """
        if self.end is not None:
            raise QueryCancelled(f"The job was stopped, as {self.end.value}.")

    @contextmanager
    def result(
        self, id_: str, *, media_type: str, extension: str, headers: Callable[[], Mapping[str, str]]
    ) -> Iterator[ResultFile]:
        """A result to be written; it counts if the block ends well.

        Parameters
        ----------
        id_
            Its name in the list of results, also the beginning of the names of its file.
        media_type, extension
            Of the file.
        headers
            Gives, when the file is whole, what HTTP is to say of it beside its type and size.
        """
        job = self.job
        name = f"{id_}-{(job.run or '')[:12]}.{extension}"
        file = ResultFile(self._files.workspace(job), name, count=self._count)
        try:
            yield file
            self.check()
            digest = file.finish()
        finally:
            file.close()
        self.results.append(
            Result(
                id=id_,
                file=name,
                media_type=media_type,
                size=file.size,
                digest=digest,
                download_name=f"gammahub-{job.id[:8]}-{id_}.{extension}",
                headers=tuple(headers().items()),
            )
        )

    def _count(self, nbytes: int) -> None:
        self.check()
        self._size += nbytes
        if self._size > self._most:
            raise QueryTooLarge(
                f"The result is larger than the {self._most} bytes that a job may store.",
                hint="Ask for fewer rows or columns, or in several jobs.",
            )
        self._unlooked += nbytes
        if self._unlooked > _LOOK:
            self._unlooked = 0
            if self._room() < 0:
                raise JobsUnavailable(
                    "There is no room for the results of more jobs.",
                    hint="Delete jobs that are no longer needed, or try again later.",
                )


class Work(Protocol):
    """What is done for jobs of one kind."""

    def __call__(self, run: Run) -> None:
        """Do it: write results by :meth:`Run.result`, tell of it by :meth:`Run.step` and :meth:`Run.tell`.

        Raises
        ------
        Exception
            Raised if the job is to fail; the user is told what the runner's ``explain`` makes of it.
        """
        ...
