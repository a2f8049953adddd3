"""The jobs in a database, which several server processes may share.

Why no library for the queue: those that are well kept either need a broker beside the database (Celery,
Dramatiq, RQ, arq, taskiq: Redis or RabbitMQ) or know PostgreSQL only (Procrastinate, PgQueuer); Huey and
litequeue, which know SQLite, have no leases. Above all, each keeps a state of its own for what
UWS calls the phase: a job would stand in two stores, and every kill between two writes would leave them
apart. Here the row that UWS tells of is the place in the queue. What a queue needs beside that is four
conditional updates: claim, beat, finish, take over. Each names the phase and the run that it expects, so
that of two processes one wins and the other learns that it has lost.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    CursorResult,
    Engine,
    Row,
    and_,
    create_engine,
    delete,
    event,
    func,
    insert,
    make_url,
    or_,
    select,
    update,
)
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from app.errors import JobsUnavailable
from app.lake.durable import make_folder
from app.uws.inputs import Input
from app.uws.instant import now
from app.uws.job import Failure, Job, JobLine, Result, Values
from app.uws.phase import ACTIVE, Phase
from app.uws.tables import JOBS, NewerTables, migrate

_BUSY = 20.0
"""Longest wait for another writer of the same database [s]."""
_AGAIN = 0.02
"""Time between two tries at what does not wait by itself [s]."""
_CONNECT = 10
"""Longest time to reach a database server [s]."""
_MANY = 500
"""Names in one IN (...)."""


class JobStore:
    """The jobs.

    Parameters
    ----------
    url
        Database, as SQLAlchemy writes it. SQLite is for processes of one machine, on a disk of its own:
        its write-ahead log does not work over a network file system.

    Raises
    ------
    JobsUnavailable
        Raised if it cannot be opened; by every method, if it does not answer.
    """

    def __init__(self, url: str) -> None:
        try:
            self._engine = _open(make_url(url))
        except (ArgumentError, ModuleNotFoundError, ValueError) as error:
            raise JobsUnavailable(
                f'GAMMAHUB_JOBS_URL="{url[:80]}" is no database: {error}.',
                hint="Right are sqlite:////folder/jobs.sqlite and postgresql://user@host/name.",
            ) from error
        except OSError as error:
            raise JobsUnavailable(f"The database of the jobs cannot be made: {error}.") from error
        try:
            with self._write() as connection:
                migrate(connection)
        except NewerTables as error:
            self.close()
            raise JobsUnavailable(f"{error}") from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def create(self, job: Job) -> None:
        """Add a job."""
        with self._write() as connection:
            connection.execute(insert(JOBS).values(_row(job)))

    def get(self, id_: str) -> Job | None:
        """The job of that name, if it is there and its destruction is to come."""
        with self._read() as connection:
            row = connection.execute(select(JOBS).where(JOBS.c.id == id_, _present())).one_or_none()
        return None if row is None else _job(row)

    def phases(self, ids: Collection[str]) -> Mapping[str, Phase]:
        """The phase of each of these jobs that is there."""
        found: dict[str, Phase] = {}
        names = list(ids)
        with self._read() as connection:
            for start in range(0, len(names), _MANY):
                part = names[start : start + _MANY]
                statement = select(JOBS.c.id, JOBS.c.phase).where(JOBS.c.id.in_(part), _present())
                found.update((row.id, Phase(row.phase)) for row in connection.execute(statement))
        return found

    def recent(
        self, owner: str, *, phases: Collection[Phase] = (), after: datetime | None = None, most: int
    ) -> tuple[JobLine, ...]:
        """The newest jobs of an owner, the newest first.

        Parameters
        ----------
        owner
            Key of the owner.
        phases
            Jobs in these phases only; none for all.
        after
            Jobs that were created later than this.
        most
            How many at most.
        """
        wanted = [JOBS.c.owner == owner, _present()]
        if phases:
            wanted.append(JOBS.c.phase.in_(list(phases)))
        if after is not None:
            wanted.append(JOBS.c.created > _ms(after))
        statement = (
            select(JOBS.c.id, JOBS.c.phase, JOBS.c.created, JOBS.c.run_id)
            .where(*wanted)
            .order_by(JOBS.c.created.desc(), JOBS.c.id)
            .limit(most)
        )
        with self._read() as connection:
            rows = connection.execute(statement).all()
        return tuple(JobLine(row.id, Phase(row.phase), _instant(row.created), row.run_id) for row in rows)

    def count_waiting(self) -> int:
        """How many jobs are queued."""
        return self._count(JOBS.c.phase == Phase.QUEUED)

    def count_of(self, share: str) -> int:
        """How many jobs of one share have not ended."""
        return self._count(JOBS.c.phase.in_(list(ACTIVE)), JOBS.c.share == share, _present())

    def count_before(self, job: Job) -> int:
        """How many jobs were queued before this one and wait still."""
        if job.queued is None:
            return 0
        return self._count(JOBS.c.phase == Phase.QUEUED, JOBS.c.queued < _ms(job.queued))

    def stored_bytes(self) -> int:
        """Bytes of all results, and of all that came with jobs."""
        total = func.coalesce(func.sum(JOBS.c.size + JOBS.c.input_bytes), 0)
        with self._read() as connection:
            return int(connection.execute(select(total)).scalar_one())

    def change(self, id_: str, *, phases: Collection[Phase], **values: Any) -> bool:
        """Set columns of a job that is in one of these phases; False if it is not.

        Parameters
        ----------
        values
            Any of ``destruction``, ``duration``.
        """
        row = {name: _VALUES[name](value) if name in _VALUES else value for name, value in values.items()}
        return self._update(and_(JOBS.c.id == id_, JOBS.c.phase.in_(list(phases)), _present()), row)

    def set_parameters(
        self, was: Job, parameters: Values, inputs: Collection[Input], *, run_id: str | None
    ) -> bool:
        """Give a pending job other parameters; False if it is pending no more, or has others than it had."""
        old, row = _parameter_values(was.parameters, was.inputs), _parameter_values(parameters, inputs)
        unchanged = (JOBS.c[name] == value for name, value in old.items())
        return self._update(
            and_(JOBS.c.id == was.id, JOBS.c.phase == Phase.PENDING, *unchanged, _present()),
            {**row, "run_id": run_id},
        )

    def enqueue(self, id_: str) -> bool:
        """Let a pending job wait for its run; False if it is not pending."""
        return self._update(
            and_(JOBS.c.id == id_, JOBS.c.phase == Phase.PENDING, _present()),
            {"phase": Phase.QUEUED, "queued": _ms(now())},
        )

    def abort(self, id_: str) -> bool:
        """End a job that has not ended; False if it has. Who runs it learns of it by its next beat."""
        return self._update(
            and_(JOBS.c.id == id_, JOBS.c.phase.in_(list(ACTIVE)), _present()),
            {"phase": Phase.ABORTED, "ended": _ms(now()), "run": None, "lease": None, "share": ""},
        )

    def delete(self, id_: str) -> bool:
        """Forget a job; False if it is not there."""
        with self._write() as connection:
            return connection.execute(delete(JOBS).where(JOBS.c.id == id_)).rowcount == 1

    def expired(self, most: int = 100) -> tuple[str, ...]:
        """Names of jobs whose destruction has come."""
        statement = select(JOBS.c.id).where(JOBS.c.destruction <= _ms(now())).limit(most)
        with self._read() as connection:
            return tuple(connection.execute(statement).scalars())

    def has_waiting(self) -> bool:
        """True if a job is queued."""
        with self._read() as connection:
            statement = select(JOBS.c.id).where(JOBS.c.phase == Phase.QUEUED).limit(1)
            return connection.execute(statement).first() is not None

    def claim(self, worker: str, *, kinds: Collection[str], lease: timedelta) -> Job | None:
        """Begin the next job: of the share with the fewest that run, the one that waits longest.

        Parameters
        ----------
        worker
            Name of this process.
        kinds
            Kinds of jobs that it can do.
        lease
            How long the job is this process' own without a further beat.
        """
        busy = (
            select(JOBS.c.share, func.count().label("n"))
            .where(JOBS.c.phase == Phase.EXECUTING)
            .group_by(JOBS.c.share)
            .subquery()
        )
        following = (
            select(JOBS.c.id)
            .outerjoin(busy, busy.c.share == JOBS.c.share)
            .where(JOBS.c.phase == Phase.QUEUED, JOBS.c.kind.in_(list(kinds)), _present())
            .order_by(func.coalesce(busy.c.n, 0), JOBS.c.queued, JOBS.c.id)
            .limit(1)
            .with_for_update(of=JOBS, skip_locked=True)
        )
        begun = now()
        with self._write() as connection:
            id_ = connection.execute(following).scalar_one_or_none()
            if id_ is None:
                return None
            taken = connection.execute(
                update(JOBS)
                .where(JOBS.c.id == id_, JOBS.c.phase == Phase.QUEUED)
                .values(
                    phase=Phase.EXECUTING,
                    started=_ms(begun),
                    attempt=JOBS.c.attempt + 1,
                    run=secrets.token_hex(16),
                    worker=worker,
                    lease=_ms(begun + lease),
                    progress="{}",
                )
            )
            if taken.rowcount != 1:
                return None
            return _job(connection.execute(select(JOBS).where(JOBS.c.id == id_)).one())

    def beat(self, run: str, *, lease: timedelta, progress: Mapping[str, Any]) -> bool:
        """Keep a run and tell of it; False if it was lost: its job aborted, deleted or given to another."""
        return self._update(_runs(run), {"lease": _ms(now() + lease), "progress": json.dumps(progress)})

    def alive(self, runs: Collection[str]) -> frozenset[str]:
        """Those of the runs that have not been lost."""
        with self._read() as connection:
            statement = select(JOBS.c.run).where(
                JOBS.c.run.in_(list(runs)), JOBS.c.phase == Phase.EXECUTING, _present()
            )
            return frozenset(connection.execute(statement).scalars())

    def complete(self, run: str, results: tuple[Result, ...], *, progress: Mapping[str, Any]) -> bool:
        """End a run with its results; False if it was lost, so that they count for nothing."""
        return self._update(
            _runs(run),
            {
                **_ended(Phase.COMPLETED),
                "results": json.dumps([asdict(result) for result in results]),
                "size": sum(result.size for result in results),
                "progress": json.dumps(progress),
            },
        )

    def fail(self, run: str, failure: Failure, *, progress: Mapping[str, Any]) -> bool:
        """End a run without results, in ERROR or ABORTED; False if it was lost."""
        return self._update(
            _runs(run),
            {
                **_ended(Phase.ABORTED if failure.aborts else Phase.ERROR),
                "failure": json.dumps(asdict(failure)),
                "progress": json.dumps(progress),
            },
        )

    def give_back(self, run: str) -> bool:
        """Put the job of a run back into the queue, as if it had not begun."""
        return self._update(_runs(run), {**_WAITING, "attempt": JOBS.c.attempt - 1})

    def workers(self) -> frozenset[str]:
        """Names of the processes that run jobs, dead ones too."""
        with self._read() as connection:
            statement = select(JOBS.c.worker).where(JOBS.c.phase == Phase.EXECUTING).distinct()
            return frozenset(name for name in connection.execute(statement).scalars() if name)

    def take_over(self, dead: Collection[str], *, attempts: int, failure: Failure) -> tuple[str, ...]:
        """Take the jobs of dead processes from them: to begin anew, or to fail if they often were.

        Parameters
        ----------
        dead
            Processes known to have ended; of the others a lease that has run out tells it.
        attempts
            How often a job is begun before it fails.
        failure
            What is told of one that fails.

        Returns
        -------
        tuple of str
            The jobs.
        """
        moment = _ms(now())
        lost = and_(
            JOBS.c.phase == Phase.EXECUTING, or_(JOBS.c.worker.in_(list(dead)), JOBS.c.lease <= moment)
        )
        given_up = {**_ended(Phase.ERROR), "failure": json.dumps(asdict(failure))}
        with self._write() as connection:
            ids = tuple(connection.execute(select(JOBS.c.id).where(lost).with_for_update()).scalars())
            if ids:
                connection.execute(update(JOBS).where(lost, JOBS.c.attempt >= attempts).values(given_up))
                connection.execute(update(JOBS).where(lost).values(_WAITING))
        return ids

    def _count(self, *wanted: ColumnElement[bool]) -> int:
        with self._read() as connection:
            return int(connection.execute(select(func.count()).select_from(JOBS).where(*wanted)).scalar_one())

    def _update(self, where: ColumnElement[bool], values: Mapping[str, Any]) -> bool:
        with self._write() as connection:
            result: CursorResult[Any] = connection.execute(update(JOBS).where(where).values(dict(values)))
            return result.rowcount == 1

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with _answering(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with (
            _answering(),
            self._engine.connect().execution_options(writes=True) as connection,
            connection.begin(),
        ):
            yield connection


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise JobsUnavailable("The database of the jobs does not answer.") from error


def _open(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        patience = {"connect_timeout": _CONNECT} if url.get_backend_name() == "postgresql" else {}
        return create_engine(url, connect_args=patience, pool_pre_ping=True, pool_size=8, max_overflow=16)
    if url.database:
        make_folder(Path(url.database).absolute().parent)
    engine = create_engine(url, connect_args={"timeout": _BUSY}, pool_size=8, max_overflow=16)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _: object) -> None:
    # Transactions begin where _begin_sqlite says so, not where the driver thinks best.
    connection.isolation_level = None
    _use_wal(connection)
    connection.execute("PRAGMA synchronous = FULL")


def _use_wal(connection: Any) -> None:
    """Have the file keep a write-ahead log.

    SQLite does not wait for others here, whatever its time-out, and processes that start together find the
    file new together.
    """
    until = time.monotonic() + _BUSY
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(_AGAIN)


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and then writes would fail if another wrote meanwhile.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _present() -> ColumnElement[bool]:
    return JOBS.c.destruction > _ms(now())


def _runs(run: str) -> ColumnElement[bool]:
    return and_(JOBS.c.run == run, JOBS.c.phase == Phase.EXECUTING)


_WAITING: Mapping[str, Any] = {
    "phase": Phase.QUEUED,
    "started": None,
    "run": None,
    "worker": None,
    "lease": None,
    "progress": "{}",
}


def _ended(phase: Phase) -> dict[str, Any]:
    """What an ended job has; with whom it shared the queue is forgotten, as it names the client."""
    return {"phase": phase, "ended": _ms(now()), "run": None, "lease": None, "share": ""}


def _ms(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(milliseconds=1)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _instant(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _optional(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else _instant(milliseconds)


_VALUES: Mapping[str, Callable[[Any], Any]] = {"destruction": _ms}
"""Column -> how its value is stored, where that is not as it is."""


def _parameter_values(parameters: Values, inputs: Collection[Input]) -> dict[str, Any]:
    return {
        "parameters": json.dumps(parameters),
        "inputs": json.dumps([asdict(one) for one in inputs]),
        "input_bytes": sum(one.size for one in inputs),
    }


def _row(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "kind": job.kind,
        "phase": job.phase,
        "created": _ms(job.created),
        "destruction": _ms(job.destruction),
        "duration": job.duration,
        **_parameter_values(job.parameters, job.inputs),
        "run_id": job.run_id,
        "owner": job.owner,
        "share": job.share,
        "base_url": job.base_url,
        "queued": None if job.queued is None else _ms(job.queued),
        "attempt": 0,
        "results": "[]",
        "size": 0,
        "progress": "{}",
    }


def _job(row: Row[Any]) -> Job:
    parameters: Values = tuple((name, value) for name, value in json.loads(row.parameters))
    failure = None if row.failure is None else Failure(**json.loads(row.failure))
    return Job(
        id=row.id,
        kind=row.kind,
        phase=Phase(row.phase),
        created=_instant(row.created),
        destruction=_instant(row.destruction),
        duration=row.duration,
        parameters=parameters,
        inputs=tuple(Input(**stored) for stored in json.loads(row.inputs)),
        run_id=row.run_id,
        owner=row.owner,
        share=row.share,
        base_url=row.base_url,
        queued=_optional(row.queued),
        started=_optional(row.started),
        ended=_optional(row.ended),
        attempt=row.attempt,
        run=row.run,
        results=tuple(_result(stored) for stored in json.loads(row.results)),
        failure=failure,
        progress=json.loads(row.progress),
    )


def _result(stored: Mapping[str, Any]) -> Result:
    result = Result(**stored)
    return replace(result, headers=tuple((name, value) for name, value in result.headers))
