"""The neck of the service: which parts there are, and in which order they are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import anyio

from app.archive import Shelf
from app.config import Config
from app.engines import duckdb, hiveserver2
from app.engines.base import Engine
from app.engines.served import Served
from app.errors import EngineUnavailable
from app.faults import explain_failure
from app.lake import LakeLock, current_snapshot
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


def make_hiveserver2(config: Config) -> Engine:
    """Hive or Spark behind a HiveServer2, as the settings name it.

    Raises
    ------
    EngineUnavailable
        Raised if the settings name none.
    """
    return hiveserver2.HiveServer2Engine(
        config,
        engine_address(config),
        hiveserver2.FLAVOURS[engine_scheme(config)],
        lambda served: duckdb.PinnedEngine(served, config),
    )


ENGINES: Mapping[str, Callable[[Config], Engine]] = {
    "duckdb": duckdb.DuckDBEngine,
    **dict.fromkeys(hiveserver2.FLAVOURS, make_hiveserver2),
}
"""Scheme of Config.engine_url -> the engine, made of the settings."""


def engine_scheme(config: Config) -> str:
    """The kind of engine that the settings name."""
    return config.engine_url.partition(":")[0].lower()


def engine_address(config: Config) -> hiveserver2.Address:
    """The HiveServer2 that the settings name.

    Raises
    ------
    EngineUnavailable
        Raised if its URL is none, or its password cannot be read.
    """
    password = config.engine_password.get_secret_value() if config.engine_password else None
    try:
        if config.engine_password_file is not None:
            password = config.engine_password_file.read_text("utf-8").strip("\r\n")
        return hiveserver2.Address.from_url(config.engine_url, password)
    except (OSError, UnicodeDecodeError) as error:
        raise EngineUnavailable(f"The password of the engine cannot be read: {error}.") from error
    except hiveserver2.AddressError as error:
        raise EngineUnavailable(str(error)) from error


def register_lake(
    config: Config, progress: Callable[[str, int, int], None] = lambda what, done, total: None
) -> hiveserver2.RegisterReport:
    """Make or mend the tables of the lake's present snapshot on the engine that the settings name.

    Parameters
    ----------
    config
        The settings.
    progress
        Is told what is done, how much of it, and how much there is.

    Raises
    ------
    EngineUnavailable
        Raised if the engine needs no tables, cannot be reached, or does not make them.
    app.lake.LakeError, app.lake.LakeBusy
        Raised if the lake cannot be read, or somebody writes to it.
    """
    flavour = hiveserver2.FLAVOURS.get(engine_scheme(config))
    if flavour is None:
        raise EngineUnavailable(
            f'The engine "{engine_scheme(config)}:" reads the lake as it is; tables are registered with '
            f"{' and '.join(f'{name}:' for name in hiveserver2.FLAVOURS)} (GAMMAHUB_ENGINE_URL)."
        )
    address = engine_address(config)
    with LakeLock(config.lake):
        served = Served(current_snapshot(config.lake), restricted=config.serve_restricted)
        try:
            connection = hiveserver2.Connection(
                address, hiveserver2.session_settings(flavour, address.settings)
            )
            try:
                return hiveserver2.register(
                    connection,
                    served,
                    hiveserver2.Names(flavour.dialect, address.database),
                    flavour.dialect,
                    hiveserver2.Storage.of(config.home, config.engine_home_url),
                    progress,
                )
            finally:
                connection.close()
        except hiveserver2.ConnectionLost as error:
            raise EngineUnavailable(f"The engine cannot be reached: {error}.") from error
        except (hiveserver2.Refused, hiveserver2.RegisterError) as error:
            raise EngineUnavailable(f"The tables cannot be registered: {error}") from error


def make_engine(config: Config) -> Engine:
    """The engine that the settings name.

    Raises
    ------
    EngineUnavailable
        Raised if there is no engine of that name.
    """
    scheme = engine_scheme(config)
    if scheme not in ENGINES:
        known = ", ".join(f"{name}:" for name in ENGINES)
        raise EngineUnavailable(f'No engine "{scheme}:" for GAMMAHUB_ENGINE_URL; known are {known}.')
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
