"""A live service over a lake that a test can know, for the clients of the world to ask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.config import Config
from app.ingest import ingest
from app.lake import Snapshot
from tests.support.server import LiveServer, serve
from tests.support.small_lake import SmallRelease, make_lake

RELEASES = (
    SmallRelease("crab", ra=83.63, dec=22.01),
    SmallRelease("wrap", ra=0.1, dec=-60.0, n_events=500, n_observations=3),
)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a service with these releases in its lake."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def snapshot(home: Path) -> Snapshot:
    """The lake of the live service."""
    return make_lake(home, RELEASES)


@pytest.fixture(scope="session")
def server(home: Path, snapshot: Snapshot) -> Iterator[LiveServer]:
    """A live service over that lake."""
    with serve(Config(home=home, default_maxrec=100_000)) as live:
        yield live


@pytest.fixture(scope="session")
def real_server(dl3_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A live service over all real collections."""
    with _serve_all_of(dl3_root, tmp_path_factory.mktemp("real")) as live:
        yield live


@pytest.fixture(scope="session")
def simulated_server(
    simulated_archive: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """A live service over the simulated archive."""
    with _serve_all_of(simulated_archive, tmp_path_factory.mktemp("simulated-home")) as live:
        yield live


@contextmanager
def _serve_all_of(folder: Path, home: Path) -> Iterator[LiveServer]:
    config = Config(home=home, hard_maxrec=10_000_000)
    assert not ingest(folder, lake=config.lake).rejected
    with serve(config) as live:
        yield live
