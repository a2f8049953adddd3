"""Queries as jobs: what is done for a job of kind ``tap``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from app.errors import QueryQueueFull
from app.services.parameters import Parameters
from app.services.plan import Plan, plan_query
from app.services.query import Queries, Query, QueryRun
from app.services.request import read_query
from app.uws import Job, Run

TAP = "tap"
"""Kind of the jobs that are TAP queries."""
RESULT = "result"
"""Name of their result (TAP 1.1 section 2.4)."""
OVERFLOW_HEADER = "X-GammaHub-Overflow"
"""``true`` if rows were left out of a result, which not every format can say itself; else ``false``."""

_AGAIN = 0.5
"""Time between two tries to get a place among the queries that are open [s]."""


def query_of(queries: Queries, job: Job) -> Query:
    """The query that the parameters of a job mean.

    Raises
    ------
    app.errors.UsageError
        Raised if one is missing, wrong or not offered.
    """
    values: dict[str, tuple[str, ...]] = {}
    for name, value in job.parameters:
        values[name.upper()] = (*values.get(name.upper(), ()), value)
    query = read_query(
        Parameters(values), accept=None, base_url=f"{job.base_url}/tap", limits=queries.uploads.limits
    )
    return replace(query, timeout=float(job.duration))


def plan_of(queries: Queries, job: Job) -> Plan:
    """How the query of a job is run, or was, or would be now.

    Raises
    ------
    adql.AdqlError, app.errors.ServiceError
        Raised if the query is refused.
    """
    return _plan(queries, query_of(queries, job))


def _plan(queries: Queries, query: Query) -> Plan:
    maxrec = queries.row_limit(query.text, query.maxrec)
    with (
        queries.uploads.load(query.uploads, stopped=lambda: False) as loaded,
        queries.engine.session(loaded.tables) as session,
    ):
        return plan_query(queries, session, query.text, maxrec=maxrec)


class QueryWork:
    """Runs the query of a job and writes its result; see :class:`app.uws.Work`.

    Parameters
    ----------
    queries
        The query path.
    """

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def __call__(self, run: Run) -> None:
        """Do it."""
        run.step("plan")
        query = query_of(self._queries, run.job)
        plan = _plan(self._queries, query)
        run.tell(sql=plan.sql, maxrec=plan.maxrec)
        if plan.rows is not None:
            run.tell(rowsToRead=plan.rows, bytesToRead=plan.nbytes)
        while not self._has_run(run, query):
            # Jobs wait as long as they may run; only clients who are there are told to come back.
            run.step("wait")
            time.sleep(_AGAIN)
            run.check()

    def _has_run(self, run: Run, query: Query) -> bool:
        """Run the query; False if there was no place for it."""
        try:
            query_run = self._queries.start(query)
        except QueryQueueFull:
            return False
        try:
            with run.stopped_by(query_run.cancel):
                run.step("execute")
                try:
                    first = query_run.next_chunk()
                except QueryQueueFull:
                    return False
                self._write(run, query_run, first)
        finally:
            query_run.close()
        return True

    def _write(self, run: Run, query_run: QueryRun, chunk: bytes | None) -> None:
        choice = query_run.query.choice

        def headers() -> Mapping[str, str]:
            return {OVERFLOW_HEADER: str(query_run.overflowed).lower()}

        with run.result(
            RESULT, media_type=choice.content_type, extension=choice.writer.extension, headers=headers
        ) as file:
            run.step("write")
            while chunk is not None:
                file.write(chunk)
                run.tell(rows=query_run.rows)
                chunk = query_run.next_chunk()
            run.tell(rows=query_run.rows, overflow=query_run.overflowed)
            run.step("store")
