"""Databases for jobs, and services whose jobs are their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from lxml import etree
from sqlalchemy import create_engine, text

from app.config import Config
from app.uws import JobStore
from tests.support import ivoa_schemas
from tests.support.eventually import PATIENCE
from tests.support.postgres import missing, postgres
from tests.support.server import LiveServer, serve


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A database of a real PostgreSQL."""
    if why := missing():
        pytest.skip(why)
    with postgres() as url:
        yield url


@pytest.fixture
def postgres_database(postgres_url: str) -> str:
    """The same without tables."""
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS jobs, jobs_version"))
    engine.dispose()
    return postgres_url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state' / 'jobs.sqlite'}"
    return str(request.getfixturevalue("postgres_database"))


@pytest.fixture
def store(database_url: str) -> Iterator[JobStore]:
    """A store without jobs."""
    store = JobStore(database_url)
    yield store
    store.close()


@pytest.fixture
def new_home(small_home: Path, tmp_path: Path) -> Path:
    """A home with the lake of small_home and no jobs."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "lake").symlink_to(small_home / "lake", target_is_directory=True)
    return home


@pytest.fixture
def start(new_home: Path) -> Iterator[Callable[..., LiveServer]]:
    """Start a service over new_home with these settings."""
    with ExitStack() as stack:

        def call(**settings: object) -> LiveServer:
            return stack.enter_context(serve(Config(home=new_home, **settings)))

        yield call


@pytest.fixture(scope="session")
def uws_schema() -> etree.XMLSchema:
    """The schema of UWS 1.1, with those it stands on."""
    if why := ivoa_schemas.missing():
        pytest.skip(why)
    return ivoa_schemas.load_schema()


@pytest.fixture(scope="session")
def jobs(small_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A live service whose requests may wait for ten minutes."""
    home = tmp_path_factory.mktemp("jobs")
    (home / "lake").symlink_to(small_home / "lake", target_is_directory=True)
    with serve(Config(home=home, job_wait=600)) as server:
        yield server


@pytest.fixture
def http(jobs: LiveServer) -> Iterator[httpx.Client]:
    """A client with cookies of its own, that follows no redirect unasked."""
    with httpx.Client(base_url=jobs.url, timeout=PATIENCE) as client:
        yield client
