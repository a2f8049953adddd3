"""Queries as jobs: what is done for a job of kind ``tap``.

A table that comes with the request is kept with the job. One that is named by its URL is fetched when the
job runs, and not when it is made: until then its parameters may change; a request for a job is answered
at once, however slow the other server is; the time counts as that of the job, and can be aborted; and what
goes wrong is the error of the job. TAP 1.1 section 2.7.6 leaves it open.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from app.errors import QueryQueueFull, UploadError
from app.services.origin import origin_headers
from app.services.parameters import Parameters, SentFile
from app.services.plan import Plan, plan_query
from app.services.query import Queries, Query, QueryRun
from app.services.request import PARAMETERS, read_query
from app.uploads import LoadedUploads, Part
from app.uws import Job, JobFiles, Jobs, Run

TAP = "tap"
"""Kind of the jobs that are TAP queries."""
RESULT = "result"
"""Name of their result (TAP 1.1 section 2.4)."""
ACCUMULATING = frozenset({"UPLOAD"})
"""Each UPLOAD makes more tables (TAP 1.1 section 2.7.6)."""
OVERFLOW_HEADER = "X-GammaHub-Overflow"
"""``true`` if rows were left out of a result, which not every format can say itself; else ``false``."""

_AGAIN = 0.5
"""Time between two tries to get a place among the queries that are open [s]."""
_PARAM = re.compile(r",\s*param:([^;,\s]+)", re.IGNORECASE)


def with_tables_as_files(parameters: Parameters) -> Parameters:
    """The parameters with a file for each field that UPLOAD names: a table is no parameter to be told."""
    named = {name.upper() for value in parameters.all("UPLOAD") for name in _PARAM.findall(value)}
    named = (named - PARAMETERS) & parameters.values.keys()
    if not named:
        return parameters
    contents = {name: parameters.values[name][-1].encode() for name in named}
    files = (SentFile(name, "", io.BytesIO(content), len(content)) for name, content in contents.items())
    values = {name: values for name, values in parameters.values.items() if name not in named}
    return Parameters(values, (*parameters.files, *files))


@contextmanager
def opened_query(queries: Queries, files: JobFiles, job: Job) -> Iterator[Query]:
    """The query that the parameters of a job mean, its files open until the block is left.

    Raises
    ------
    app.errors.UsageError
        Raised if a parameter is missing, wrong or not offered.
    """
    values: dict[str, tuple[str, ...]] = {}
    for name, value in job.parameters:
        values[name.upper()] = (*values.get(name.upper(), ()), value)
    with ExitStack() as stack:
        parameters = Parameters(values, tuple(_opened(files, job, stack)))
        limits = queries.uploads.limits
        query = read_query(parameters, accept=None, base_url=f"{job.base_url}/tap", limits=limits)
        yield replace(query, timeout=float(job.duration))


def _opened(files: JobFiles, job: Job, stack: ExitStack) -> Iterator[SentFile]:
    for one in job.inputs:
        try:
            content = stack.enter_context(files.input(job.id, one).open("rb"))
        except OSError as error:
            raise UploadError(f'The file "{one.name[:60]}" that came with the job is gone.') from error
        yield SentFile(one.name, one.file_name, content, one.size, one.media_type)


def plan_of(queries: Queries, files: JobFiles, job: Job) -> Plan:
    """How the query of a job is run, or was, or would be now.

    Raises
    ------
    adql.AdqlError, app.errors.ServiceError
        Raised if the query is refused.
    """
    with (
        opened_query(queries, files, job) as query,
        queries.uploads.load(query.uploads, stopped=lambda: False) as loaded,
    ):
        return _plan(queries, query, loaded)


def _plan(queries: Queries, query: Query, loaded: LoadedUploads) -> Plan:
    maxrec = queries.row_limit(query.text, query.maxrec)
    with queries.engine.session(loaded.tables) as session:
        return plan_query(queries, session, query.text, maxrec=maxrec)


class ResultsOfJobs:
    """Gives what jobs have made to queries that UPLOAD it; see :attr:`app.uploads.UploadLoader.results`."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def __call__(self, id_: str, name: str) -> Part:
        """The file of a result, open."""
        result, path = self._jobs.file(self._jobs.get(id_), name)
        return Part(path.open("rb"), result.media_type, result.download_name)


class QueryWork:
    """Runs the query of a job and writes its result; see :class:`app.uws.Work`.

    Parameters
    ----------
    queries
        The query path.
    files
        What came with the jobs.
    """

    def __init__(self, queries: Queries, files: JobFiles) -> None:
        self._queries = queries
        self._files = files

    def __call__(self, run: Run) -> None:
        """Do it."""
        stopped = _stopped(run)
        with opened_query(self._queries, self._files, run.job) as asked:
            if any(source.url for source in asked.uploads):
                run.step("fetch")
            with self._queries.uploads.gathered(asked.uploads, stopped=stopped) as sources:
                query = replace(asked, uploads=sources)
                while not self._has_run(run, query, stopped):
                    # Jobs wait as long as they may run; only clients who are there are told to come back.
                    run.step("wait")
                    time.sleep(_AGAIN)
                    run.check()

    def _has_run(self, run: Run, query: Query, stopped: Callable[[], bool]) -> bool:
        """Run the query; False if there was no place for it, or for its tables."""
        queries = self._queries
        try:
            if query.uploads:
                run.step("load")
            with queries.uploads.load(query.uploads, stopped=stopped) as loaded:
                run.step("plan")
                plan = _plan(queries, query, loaded)
                run.tell(sql=plan.sql, maxrec=plan.maxrec)
                if plan.rows is not None:
                    run.tell(rowsToRead=plan.rows, bytesToRead=plan.nbytes)
                self._run(run, queries.start(query, loaded))
        except QueryQueueFull:
            return False
        return True

    def _run(self, run: Run, query_run: QueryRun) -> None:
        try:
            with run.stopped_by(query_run.cancel):
                run.step("execute")
                self._write(run, query_run, query_run.next_chunk())
        finally:
            query_run.close()

    def _write(self, run: Run, query_run: QueryRun, chunk: bytes | None) -> None:
        choice = query_run.query.choice

        def headers() -> Mapping[str, str]:
            told = origin_headers(query_run.origins)
            return {OVERFLOW_HEADER: str(query_run.overflowed).lower(), **told}

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


def _stopped(run: Run) -> Callable[[], bool]:
    return lambda: run.end is not None
