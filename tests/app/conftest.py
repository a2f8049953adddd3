"""A lake of known rows, and a live service over it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.config import Config
from tests.support.server import LiveServer, serve
from tests.support.small_lake import SmallRelease, make_lake

RELEASES = (
    SmallRelease("crab-a", n_events=20_000, radius=3.0),
    SmallRelease("crab-b", n_events=3_000, radius=0.5),
    SmallRelease("pole", ra=10.0, dec=90.0, n_events=2_000),
    SmallRelease("seam", ra=0.0, dec=-5.0, n_events=2_000),
    SmallRelease("closed", ra=40.0, dec=10.0, n_events=500, rights="metadata", licence="All rights reserved"),
)


@pytest.fixture(scope="session")
def small_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose lake holds RELEASES; no test changes it."""
    home = tmp_path_factory.mktemp("home")
    make_lake(home, RELEASES)
    return home


@pytest.fixture(scope="session")
def live(small_home: Path) -> Iterator[LiveServer]:
    """A live service with the settings as shipped."""
    with serve(Config(home=small_home)) as server:
        yield server


@pytest.fixture
def client(live: LiveServer) -> Iterator[httpx.Client]:
    """A plain HTTP client of the live service."""
    with httpx.Client(base_url=live.url, timeout=60) as http:
        yield http
