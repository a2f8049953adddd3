"""The neck of the service: which parts there are, and in which order they are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import anyio

from app.archive import Shelf
from app.config import Config
from app.engines import duckdb
from app.engines.base import Engine
from app.errors import EngineUnavailable
from app.faults import explain_failure
from app.services.bundle_jobs import BUNDLE, BundleWork
from app.services.bundles import Bundles
from app.services.images import Images
from app.services.jobs import ACCUMULATING, TAP, QueryWork, ResultsOfJobs
from app.services.query import Queries
from app.uws import JobFiles, Jobs, JobStore, Limits, PhaseWatch, Presence, Runner, Terms, Work

_REQUESTS = 8
"""Threads in which the database of the jobs is asked for requests; each takes milliseconds."""
_OTHER_PARAMETERS = 20_000
"""Characters of the parameters of a job beside its query."""


@dataclass(frozen=True)
class Service:
    """The parts of a running service."""

    config: Config
    engine: Engine
    queries: Queries
    jobs: Jobs
    shelf: Shelf
    bundles: Bundles
    images: Images
    threads: anyio.CapacityLimiter
    """The threads in which queries work; those of the web server stay free for short requests."""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def close(self) -> None:
        """Stop what runs and free what is held; from any thread, also more than once."""
        self.jobs.close()
        self.images.close()
        self.engine.close()


ENGINES = {"duckdb": duckdb.DuckDBEngine}
"""Scheme of Config.engine_url -> the engine, made of the settings."""


def make_engine(config: Config) -> Engine:
    """The engine that the settings name.

    Raises
    ------
    EngineUnavailable
        Raised if there is no engine of that name.
    """
    scheme = config.engine_url.partition(":")[0]
    if scheme not in ENGINES:
        known = ", ".join(f"{name}:" for name in ENGINES)
        raise EngineUnavailable(
            f'No engine for GAMMAHUB_ENGINE_URL="{config.engine_url}"; known are {known}.'
        )
    return ENGINES[scheme](config)


def make_service(config: Config) -> Service:
    """Every part of the service, ready to be asked.

    Raises
    ------
    EngineUnavailable
        Raised if the engine cannot be reached.
    JobsUnavailable
        Raised if the database of the jobs cannot be opened.
    """
    engine = make_engine(config)
    try:
        queries = Queries(engine, config)
        shelf = Shelf(config)
        bundles = Bundles(queries, shelf)
        files = JobFiles(config.jobs)
        jobs = make_jobs(config, files, {TAP: QueryWork(queries, files), BUNDLE: BundleWork(bundles)})
        queries.uploads.results = ResultsOfJobs(jobs)
    except BaseException:
        engine.close()
        raise
    images = Images(queries, shelf, config)
    threads = anyio.CapacityLimiter(config.open_queries)
    return Service(config, engine, queries, jobs, shelf, bundles, images, threads)


def make_jobs(config: Config, files: JobFiles, works: Mapping[str, Work]) -> Jobs:
    """The jobs of the service, not yet running.

    Parameters
    ----------
    config
        The settings.
    files
        What the jobs have and make.
    works
        Kind of job -> what is done for it.

    Raises
    ------
    JobsUnavailable
        Raised if their database cannot be opened.
    """
    store = JobStore(config.jobs_url or f"sqlite:///{config.state / 'jobs.sqlite'}")
    watch = PhaseWatch(store.phases, threads=anyio.CapacityLimiter(_REQUESTS))
    limits = Limits(
        slots=config.job_slots,
        lease=config.job_lease,
        job_bytes=config.job_bytes,
        jobs_bytes=config.jobs_bytes,
    )
    terms = Terms(
        duration=config.async_timeout,
        hard_duration=config.hard_async_timeout,
        retention=config.job_retention,
        hard_retention=config.hard_job_retention,
        queue=config.job_queue,
        per_client=config.jobs_per_client,
        characters=config.query_length + _OTHER_PARAMETERS,
        wait=config.job_wait,
        inputs=config.upload_tables,
        input_bytes=config.upload_bytes + config.request_bytes,
        stored_bytes=config.jobs_bytes,
        accumulating=ACCUMULATING,
    )
    runner = Runner(
        store,
        files,
        works,
        limits=limits,
        explain=explain_failure,
        changed=watch.tell,
        presence=lambda: Presence(config.state / "processes"),
    )
    return Jobs(store, files, runner, watch, terms=terms)
