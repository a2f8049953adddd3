"""What can be asked of jobs: made, seen, changed, started, stopped, removed."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from app.errors import (
    JobConflict,
    JobNotFound,
    QueryQueueFull,
    TooManyJobs,
    UsageError,
)
from app.uws.files import JobFiles
from app.uws.inputs import Incoming
from app.uws.instant import format_instant, now, parse_instant
from app.uws.job import Job, JobLine, Result, Values
from app.uws.phase import Phase
from app.uws.room import InputRoom
from app.uws.runner import Runner
from app.uws.store import JobStore
from app.uws.terms import Client, Terms
from app.uws.values import check_values, last_value, merge
from app.uws.watch import PhaseWatch

CONTROLS = frozenset({"PHASE", "ACTION", "DESTRUCTION", "EXECUTIONDURATION", "WAIT"})
"""Parameters that are of UWS and not of the job."""
_LISTED = 1000
"""Most jobs of a list."""
_PAUSE = 0.25
"""How much later than it could be one who waits is told that a job has begun [s]."""
_TRIES = 10
"""How often parameters are merged with those that another request sets at the same time."""
_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_NUMBER = re.compile(r"\s*\+?(\d{1,18})\s*", re.ASCII)


class Jobs:
    """The jobs, to those who ask for them.

    A name of a job cannot be guessed, and is the right to see and change it: anonymous clients have no
    other, and many (STILTS among them) send nothing else. A list has only the jobs of its owner.

    Parameters
    ----------
    store, files
        The jobs and what they make.
    runner
        Who runs them.
    terms
        What they are granted.
    """

    def __init__(
        self, store: JobStore, files: JobFiles, runner: Runner, watch: PhaseWatch, *, terms: Terms
    ) -> None:
        self.terms = terms
        self.files = files
        self.threads = watch.threads
        self._store = store
        self._runner = runner
        self._watch = watch
        self._room = InputRoom(store, files, terms)

    def start(self) -> None:
        """Begin to run jobs."""
        self._runner.start()

    def close(self) -> None:
        """Stop what runs, to be begun anew by the next process, and let go those who wait."""
        self._watch.close()
        self._runner.stop()
        self._store.close()

    def create(
        self,
        kind: str,
        parameters: Values,
        controls: Mapping[str, str],
        client: Client,
        *,
        base_url: str,
        files: Sequence[Incoming] = (),
    ) -> Job:
        """Make a job; with PHASE=RUN it is started (UWS 1.1 section 2.2.3.1, TAP 1.1 section 2.2.2).

        Parameters
        ----------
        kind
            Which work it is.
        parameters
            What the work is to do.
        controls
            Values of PHASE, DESTRUCTION and EXECUTIONDURATION, where they are given.
        client
            Who asks.
        base_url
            Where the service is, for the result to say.
        files
            Values of parameters that are files; copies are kept with the job.

        Raises
        ------
        UsageError
            Raised if a value is wrong.
        QueryQueueFull
            Raised if too many jobs wait, or this client has too many.
        JobsUnavailable
            Raised if there is no room for the files.
        """
        check_values(parameters, most=self.terms.characters)
        starts = "PHASE" in controls
        if starts and controls["PHASE"].strip().upper() != "RUN":
            raise UsageError(f'PHASE "{controls["PHASE"][:40]}" of a new job; it is RUN or left out.')
        created = now()
        job = Job(
            id=secrets.token_hex(16),
            kind=kind,
            phase=Phase.QUEUED if starts else Phase.PENDING,
            created=created,
            destruction=self._destruction(controls.get("DESTRUCTION"), created),
            duration=self._duration(controls.get("EXECUTIONDURATION")),
            parameters=parameters,
            run_id=last_value(parameters, "RUNID"),
            owner=client.owner,
            share=client.share,
            base_url=base_url,
            queued=created if starts else None,
        )
        self._make_room(client, starts=starts)
        try:
            with self._room.taken(job.id, (), files) as inputs:
                self._store.create(replace(job, inputs=inputs))
        except BaseException:
            self.files.remove(job.id)
            raise
        if starts:
            self._runner.wake()
        return job

    def get(self, id_: str) -> Job:
        """A job.

        Raises
        ------
        JobNotFound
            Raised if there is none of that name.
        """
        job = self._store.get(id_) if _ID.fullmatch(id_) else None
        if job is None:
            raise _not_found(id_)
        return job

    def recent(
        self, client: Client, *, phases: Collection[str] = (), after: str | None, last: str | None
    ) -> tuple[JobLine, ...]:
        """The jobs of a client, the newest first (UWS 1.1 section 2.2.2.1).

        Parameters
        ----------
        client
            Who asks; one who has no jobs gets none.
        phases, after, last
            Values of PHASE, AFTER and LAST.

        Raises
        ------
        UsageError
            Raised if one is wrong.
        """
        wanted = [read_phase(text) for text in phases]
        since = None if after is None else _instant("AFTER", after)
        most = _LISTED if last is None else min(_number("LAST", last), _LISTED)
        if client.owner is None or most == 0:
            return ()
        return self._store.recent(client.owner, phases=wanted, after=since, most=most)

    def queued_before(self, job: Job) -> int:
        """How many jobs have waited longer."""
        return self._store.count_before(job)

    def act(
        self,
        id_: str,
        controls: Mapping[str, str],
        parameters: Values = (),
        files: Sequence[Incoming] = (),
    ) -> bool:
        """Do what a POST to a job asks; False if the job is gone then.

        Raises
        ------
        JobNotFound, JobConflict, UsageError, QueryQueueFull
            Raised if it cannot be done.
        """
        action = controls.get("ACTION", "").strip().upper()
        if action == "DELETE":
            self.delete(id_)
            return False
        if action:
            raise UsageError(f'Unknown ACTION "{action[:40]}"; it is DELETE.')
        if parameters or files:
            self.set_parameters(id_, parameters, files)
        if "DESTRUCTION" in controls:
            self.set_destruction(id_, controls["DESTRUCTION"])
        if "EXECUTIONDURATION" in controls:
            self.set_duration(id_, controls["EXECUTIONDURATION"])
        if "PHASE" in controls:
            self.set_phase(id_, controls["PHASE"])
        return True

    def set_phase(self, id_: str, text: str) -> None:
        """Start or stop a job: PHASE=RUN or PHASE=ABORT (UWS 1.1 sections 2.2.3.5 and 2.2.3.6).

        To start one that is started, and to stop one that has ended, does nothing.
        """
        command = text.strip().upper()
        if command == "RUN":
            self._start(self.get(id_))
        elif command == "ABORT":
            self.get(id_)
            if self._store.abort(id_):
                self._runner.cancel(id_)
                self._watch.tell(id_)
        else:
            raise UsageError(f'Unknown PHASE "{text[:40]}"; it is RUN or ABORT.')

    def set_destruction(self, id_: str, text: str) -> None:
        """Keep a job as long as DESTRUCTION says, up to the longest time allowed (section 2.2.3.3)."""
        job = self.get(id_)
        destruction = self._destruction(text, job.created)
        if not self._store.change(id_, phases=tuple(Phase), destruction=destruction):
            raise _not_found(id_)

    def set_duration(self, id_: str, text: str) -> None:
        """Let a job run as long as EXECUTIONDURATION says, up to the longest time (section 2.2.3.4)."""
        job, duration = self.get(id_), self._duration(text)
        phases = (Phase.PENDING, Phase.QUEUED)
        if not self._store.change(job.id, phases=phases, duration=duration):
            raise _too_late(self.get(id_), "EXECUTIONDURATION can be set before it runs")

    def set_parameters(self, id_: str, parameters: Values, files: Sequence[Incoming] = ()) -> None:
        """Give a pending job other values of these parameters; none where all are empty (section 2.1.11).

        Of an accumulating one the values are added to those that are there, unless one of them is empty.
        """
        for _ in range(_TRIES):
            job = self.get(id_)
            if job.phase is not Phase.PENDING:
                raise _too_late(job, "parameters can be set while it is PENDING")
            if self._has_set(job, parameters, files):
                return
        raise JobConflict("Other requests set parameters of the job at the same time.", hint="Try again.")

    def _has_set(self, job: Job, parameters: Values, files: Sequence[Incoming]) -> bool:
        """Set the parameters, if the job has those that it had when it was read."""
        merged, replaced = merge(
            job.parameters,
            parameters,
            files=[file.name for file in files],
            accumulating=self.terms.accumulating,
        )
        check_values(merged, most=self.terms.characters)
        remaining = tuple(one for one in job.inputs if one.name.upper() not in replaced)
        with self._room.taken(job.id, remaining, files) as inputs:
            changed = self._store.set_parameters(job, merged, inputs, run_id=last_value(merged, "RUNID"))
        # Of those that have no place, these or those; who reads the job has one list or the other.
        self.files.drop(job.id, set(job.inputs if changed else inputs) - set(remaining))
        return changed

    def delete(self, id_: str) -> None:
        """Stop a job, and remove it and all that it made (UWS 1.1 section 2.2.3.2)."""
        self.get(id_)
        self._store.delete(id_)
        self._runner.cancel(id_)
        self.files.remove(id_)
        self._watch.tell(id_)

    def file(self, job: Job, name: str) -> tuple[Result, Path]:
        """A result and its file.

        Raises
        ------
        JobNotFound
            Raised if there is none of that name.
        """
        result = job.result(name)
        if result is None:
            raise JobNotFound(
                f'The job has no result "{name[:40]}"; its phase is {job.phase}.',
                hint=None if job.phase.is_active else "Its error resource tells why, if it failed.",
            )
        path = self.files.path(job, result)
        if not path.is_file():
            raise JobNotFound(f'The file of the result "{result.id}" is gone.')
        return result, path

    async def wait(self, job: Job, *, seconds: float) -> None:
        """Return when the job has left the phase it was in, or the time is over.

        That a job has begun is told a little later than it could be: most end at once then, and a client
        who is told of the beginning pauses before it asks again (pyvo for a second or more).
        """
        if job.phase.is_active and seconds > 0:
            await self._watch.wait(job.id, job.phase, seconds=seconds)
            if job.phase is not Phase.EXECUTING:
                await self._watch.wait(job.id, Phase.EXECUTING, seconds=min(seconds, _PAUSE))

    def patience(self, text: str | None) -> float:
        """Time that WAIT asks for, at most the longest [s]; a negative number asks for the longest.

        Raises
        ------
        UsageError
            Raised if it is no whole number.
        """
        if text is None:
            return 0.0
        if re.fullmatch(r"\s*-\d{1,18}\s*", text, re.ASCII):
            return self.terms.wait
        return min(float(_number("WAIT", text)), self.terms.wait)

    def _start(self, job: Job) -> None:
        if job.phase in (Phase.QUEUED, Phase.EXECUTING):
            return
        if job.phase is not Phase.PENDING:
            raise _too_late(job, "only a PENDING job can be started")
        if self._store.count_waiting() >= self.terms.queue:
            raise self._full()
        if self._store.enqueue(job.id):
            self._runner.wake()
            self._watch.tell(job.id)

    def _make_room(self, client: Client, *, starts: bool) -> None:
        if self._store.count_of(client.share) >= self.terms.per_client:
            raise TooManyJobs(
                f"You have {self.terms.per_client} jobs that have not ended.",
                retry_after=60,
                hint="Start, abort or delete some of them.",
            )
        if starts and self._store.count_waiting() >= self.terms.queue:
            raise self._full()

    def _full(self) -> QueryQueueFull:
        return QueryQueueFull(
            f"The service is busy: {self.terms.queue} jobs wait.", retry_after=60, hint="Try again in 60 s."
        )

    def _destruction(self, text: str | None, created: datetime) -> datetime:
        if text is None:
            seconds = min(self.terms.retention, self.terms.hard_retention)
            return created + timedelta(seconds=seconds)
        wanted = _instant("DESTRUCTION", text)
        if wanted <= now():
            raise UsageError(
                f"DESTRUCTION {format_instant(wanted)} is in the past.", hint="To remove the job, DELETE it."
            )
        return min(wanted, created + timedelta(seconds=self.terms.hard_retention))

    def _duration(self, text: str | None) -> int:
        if text is None:
            return min(self.terms.duration, self.terms.hard_duration)
        # 0 asks for no limit (UWS 1.1 section 2.1.4), and gets what there is.
        return min(_number("EXECUTIONDURATION", text) or self.terms.hard_duration, self.terms.hard_duration)


def read_phase(text: str) -> Phase:
    """The phase of that name.

    Raises
    ------
    UsageError
        Raised if there is none.
    """
    try:
        return Phase(text.strip())
    except ValueError:
        raise UsageError(f'Unknown PHASE "{text[:40]}"; there are {", ".join(Phase)}.') from None


def _instant(name: str, text: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError as error:
        raise UsageError(f"{name}: {error}.") from error


def _number(name: str, text: str) -> int:
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise UsageError(f'{name} "{text[:40]}" is not a whole number from 0 up.')
    return int(match[1])


def _not_found(id_: str) -> JobNotFound:
    return JobNotFound(
        f'There is no job "{id_[:64]}".', hint="It was deleted, or its destruction has come, or it never was."
    )


def _too_late(job: Job, rule: str) -> JobConflict:
    return JobConflict(f"The phase of the job is {job.phase}; {rule}.", hint="Make a new job.")
