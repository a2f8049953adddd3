"""Runs jobs: a number of threads that take them from the store, and two that look after them."""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from app.errors import JobsUnavailable, QueryError, QueryTimeout, ServiceError
from app.uws.files import JobFiles
from app.uws.job import Failure, Job
from app.uws.presence import Presence
from app.uws.run import End, Run, Work
from app.uws.store import JobStore

LOG = logging.getLogger("gammahub.jobs")

ATTEMPTS = 2
"""How often a job is begun whose process ends while it runs: the job itself may be what ends it."""
_LOOK = 0.2
"""Time between two looks at deadlines, and about that at jobs which were aborted elsewhere [s]."""
_WAITING = 1.0
"""Time between two looks for jobs that were queued by another process [s]."""
_SWEEP = 10.0
"""Time between two looks for jobs whose destruction has come [s]."""
_STRAYS = 3600.0
"""Time between two looks for folders without a job [s]."""
_PATIENCE = 30.0
"""How long the end of a run is offered to a database that does not answer [s]."""
_FAREWELL = 10.0
"""How long runs that were stopped may take to end when the server does [s]."""

Explain = Callable[[Exception, str], Failure]
"""What the user is told of an exception that ended the job of that name."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What jobs may use."""

    slots: int
    """How many run at a time in this process."""
    lease: float
    """How long the jobs of a process that gives no sign of life are left to it [s]."""
    job_bytes: int
    """Bytes of the results of one job."""
    jobs_bytes: int
    """Bytes of the results of all jobs together."""


class Runner:
    """The runs of this process.

    Parameters
    ----------
    store, files
        The jobs and what they make.
    works
        Kind of job -> what is done for it.
    limits
        What jobs may use.
    explain
        Puts exceptions in words.
    changed
        Called, from any thread, with the name of a job whose phase has changed.
    presence
        Makes the sign of life of this process.
    """

    def __init__(
        self,
        store: JobStore,
        files: JobFiles,
        works: Mapping[str, Work],
        *,
        limits: Limits,
        explain: Explain,
        changed: Callable[[str], None],
        presence: Callable[[], Presence],
    ) -> None:
        self._store = store
        self._files = files
        self._works = works
        self._limits = limits
        self._explain = explain
        self._changed = changed
        self._make_presence = presence
        self._presence: Presence | None = None
        self._lease = timedelta(seconds=limits.lease)
        self._runs: dict[str, Run] = {}
        self._signal = threading.Condition()
        self._signals = 0
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Lock()

    def start(self) -> None:
        """Begin to run jobs; those that dead processes have left are taken over first."""
        if self._threads:
            return
        self._presence = self._make_presence()
        with _going_on("taking over the jobs of dead processes"):
            self._take_over()
        calls = [self._serve] * self._limits.slots + [self._keep, self._sweep]
        self._threads = [
            threading.Thread(target=call, name=f"job-{number}", daemon=True)
            for number, call in enumerate(calls)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop the runs, whose jobs go back into the queue, and end the threads."""
        self._closing.set()
        self.wake()
        for run in self._present():
            run.stop(End.CLOSING)
        until = time.monotonic() + _FAREWELL
        with self._stopping:
            for thread in self._threads:
                thread.join(max(0.0, until - time.monotonic()))
            if self._presence is not None and not any(thread.is_alive() for thread in self._threads):
                self._presence.close()
                self._presence = None

    def wake(self) -> None:
        """A job was queued."""
        with self._signal:
            self._signals += 1
            self._signal.notify_all()

    def cancel(self, id_: str) -> None:
        """A job was aborted or deleted: stop its run at once, if it is here."""
        for run in self._present():
            if run.job.id == id_:
                run.stop(End.LOST)

    def _present(self) -> list[Run]:
        with self._signal:
            return list(self._runs.values())

    # The threads that run jobs.

    def _serve(self) -> None:
        while not self._closing.is_set():
            heard = self._signals
            job = None
            with _going_on("claiming a job"):
                job = self._claim()
            if job is None:
                self._rest(heard)
            else:
                with _going_on(f"running job {job.id}"):
                    self._run(job)

    def _rest(self, heard: int) -> None:
        with self._signal:
            # The keeper wakes us for jobs of other processes; the time is for the case that it fails.
            self._signal.wait_for(lambda: self._signals != heard, timeout=5 * _WAITING)

    def _claim(self) -> Job | None:
        assert self._presence is not None
        return self._store.claim(self._presence.name, kinds=tuple(self._works), lease=self._lease)

    def _run(self, job: Job) -> None:
        assert job.run is not None
        run = Run(job, self._files, most=self._limits.job_bytes, room=self._room)
        with self._signal:
            self._runs[job.run] = run
            closing = self._closing.is_set()
        if closing:
            run.stop(End.CLOSING)
        self._changed(job.id)
        LOG.info("job %s begins, attempt %d", job.id, job.attempt)
        try:
            # Of an attempt whose process has ended; had it not, it would find that it has lost the job.
            self._files.keep_only(job, ())
            self._works[job.kind](run)
            run.check()
        except Exception as error:
            self._fail(run, error)
        else:
            self._complete(run)
        finally:
            with self._signal:
                del self._runs[job.run]
            self._files.clear(job)
            self._changed(job.id)

    def _complete(self, run: Run) -> None:
        job, results = run.job, tuple(run.results)
        assert job.run is not None
        token = job.run
        if self._settle(lambda: self._store.complete(token, results, progress=run.progress)):
            self._files.keep_only(job, results)
            LOG.info("job %s completed in %.3f s, bytes=%d", job.id, run.seconds, run.written)
        else:
            self._forget(run)

    def _fail(self, run: Run, error: Exception) -> None:
        job = run.job
        assert job.run is not None
        token = job.run
        self._files.discard(job, run.results)
        if run.end is End.LOST:
            self._forget(run)
            return
        if run.end is End.CLOSING:
            LOG.info("job %s goes back into the queue", job.id)
            self._settle(lambda: self._store.give_back(token))
            return
        failure = self._explain(self._reason(run, error), job.id)
        LOG.info("job %s failed after %.3f s: %s", job.id, run.seconds, type(error).__name__)
        if not self._settle(lambda: self._store.fail(token, failure, progress=run.progress)):
            self._forget(run)

    def _reason(self, run: Run, error: Exception) -> Exception:
        if run.end is End.OVERDUE or isinstance(error, QueryTimeout):
            return QueryTimeout(
                f"The job was stopped after the {run.job.duration} s that it may run.",
                hint="Give it more by EXECUTIONDURATION before it runs, or ask for less.",
            )
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return JobsUnavailable("There is no room on the disk for the result.", hint="Try again later.")
        return error

    def _forget(self, run: Run) -> None:
        """Leave nothing of a run that counts for nothing, nor of its job if that is gone."""
        LOG.info("job %s was aborted, deleted or taken over", run.job.id)
        self._files.discard(run.job, run.results)
        if self._store.get(run.job.id) is None:
            self._files.remove(run.job.id)

    def _settle(self, write: Callable[[], bool]) -> bool:
        """Write the end of a run, again and again if the database does not answer.

        If it never does, the lease of the job runs out and another process begins it anew.
        """
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                return write()
            except JobsUnavailable:
                if time.monotonic() > until:
                    raise
                LOG.warning("the end of a job could not be written, once more", exc_info=True)
                time.sleep(1)

    def _room(self) -> int:
        written = sum(run.written for run in self._present())
        return self._limits.jobs_bytes - self._store.stored_bytes() - written

    # The thread that looks after the runs.

    def _keep(self) -> None:
        clock = _Clock()
        while not self._closing.wait(_LOOK):
            for run in self._present():
                if run.seconds > run.job.duration:
                    run.stop(End.OVERDUE)
            with _going_on("looking after the jobs"):
                self._drop_lost()
                if clock.has_come("waiting", _WAITING) and self._store.has_waiting():
                    self.wake()
                if clock.has_come("beat", min(2.0, self._limits.lease / 4)):
                    self._beat()
                if clock.has_come("take over", min(5.0, self._limits.lease / 3)):
                    self._take_over()

    def _drop_lost(self) -> None:
        runs = {run.job.run: run for run in self._present() if run.job.run and run.end is None}
        if not runs:
            return
        alive = self._store.alive(tuple(runs))
        for token, run in runs.items():
            if token not in alive:
                run.stop(End.LOST)

    def _beat(self) -> None:
        for run in self._present():
            if run.job.run and run.end is None:
                self._store.beat(run.job.run, lease=self._lease, progress=run.progress)

    def _take_over(self) -> None:
        assert self._presence is not None
        dead = self._presence.dead(self._store.workers())
        failure = self._explain(_given_up(), "")
        taken = self._store.take_over(dead, attempts=ATTEMPTS, failure=failure)
        for id_ in taken:
            LOG.warning("job %s was left by a process that has ended", id_)
            self._changed(id_)
            self._tidy(id_)
        if taken:
            self.wake()

    # The thread that removes what has expired.

    def _sweep(self) -> None:
        clock = _Clock()
        while True:
            with _going_on("removing expired jobs"):
                for id_ in self._store.expired():
                    self._remove(id_)
            if clock.has_come("strays", _STRAYS):
                with _going_on("removing what is left of jobs"):
                    self._remove_strays()
            if self._closing.wait(_SWEEP):
                return

    def _remove(self, id_: str) -> None:
        self._store.delete(id_)
        self.cancel(id_)
        self._files.remove(id_)
        self._changed(id_)
        LOG.info("job %s has expired", id_)

    def _remove_strays(self) -> None:
        if self._presence is not None:
            self._presence.sweep()
        strays = tuple(self._files.strays())
        for id_ in set(strays) - set(self._store.phases(strays)):
            self._files.remove(id_)
        for id_ in set(self._files.remains()):
            self._tidy(id_)

    def _tidy(self, id_: str) -> None:
        """Leave nothing of a job that has ended but its results."""
        job = self._store.get(id_)
        if job is not None and not job.phase.is_active:
            self._files.keep_only(job, job.results)


def _given_up() -> Exception:
    return QueryError(
        f"The server process ended while it ran this job, {ATTEMPTS} times; it is not begun again.",
        hint="If it asks for very much, ask for less.",
    )


class _Clock:
    """Tells when it is time again."""

    def __init__(self) -> None:
        self._next: dict[str, float] = {}

    def has_come(self, what: str, every: float) -> bool:
        """True once in so many seconds, and the first time."""
        moment = time.monotonic()
        if moment < self._next.get(what, 0.0):
            return False
        self._next[what] = moment + every
        return True


@contextmanager
def _going_on(doing: str) -> Iterator[None]:
    """Log what goes wrong, and go on: a thread that ends would be missed later than a line in the log."""
    try:
        yield
    except ServiceError as error:
        LOG.error("%s: %s", doing, error, exc_info=error)
        time.sleep(1)
    except Exception:
        LOG.exception("%s", doing)
        time.sleep(1)
