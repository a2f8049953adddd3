"""What every test may ask for: the real data and the foreign tools, or a plain word that they are not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

from app.config import Config
from app.ingest import ingest
from tests.support.realhive.server import HiveServer
from tests.support.server import LiveServer, serve

REPOSITORY = Path(__file__).resolve().parent.parent
JDK_PACKAGE = "openjdk-17-jdk-headless"

settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("new", deadline=None, print_blob=True)
settings.load_profile("same")
# The suite draws the same examples each time, so that a change is judged and not the day;
# `pytest --hypothesis-profile=new` goes and looks for others.


def find_dl3() -> Path | None:
    """The folder of real DL3 collections: GAMMAHUB_DL3, else ``shared/dl3`` beside the repository."""
    named = os.environ.get("GAMMAHUB_DL3")
    root = Path(named) if named else REPOSITORY.parent / "shared" / "dl3"
    return root.resolve() if root.is_dir() else None


def find_java() -> tuple[str, str] | None:
    """The Java virtual machine and compiler, where both are on the path."""
    java, javac = shutil.which("java"), shutil.which("javac")
    return (java, javac) if java and javac else None


def pytest_report_header() -> list[str]:
    """Tell what of the world is here, so that a skip is no surprise."""
    java = find_java()
    found = {
        "real DL3 data": (find_dl3(), "tests marked real are skipped; set GAMMAHUB_DL3"),
        "STILTS": (shutil.which("stilts"), "tests marked stilts are skipped; apt-get install stilts"),
        "Java": (java and java[0], f"tests marked hive and spark are skipped; apt-get install {JDK_PACKAGE}"),
        "pyspark": (find_spec("pyspark"), "tests marked hive and spark are skipped; pip install .[spark]"),
    }
    return [f"{name}: {'found' if where else f'NOT FOUND ({cure})'}" for name, (where, cure) in found.items()]


@pytest.fixture(scope="session")
def dl3_root() -> Path:
    """The folder of real DL3 collections."""
    root = find_dl3()
    if root is None:
        named = os.environ.get("GAMMAHUB_DL3")
        pytest.skip(
            f"no real data: GAMMAHUB_DL3 names {named}, which is not a folder"
            if named
            else "no real data: GAMMAHUB_DL3 is not set, and there is no shared/dl3 beside the repository"
        )
    return root


@pytest.fixture(scope="session")
def stilts() -> str:
    """The command that runs STILTS."""
    command = shutil.which("stilts")
    if command is None:
        pytest.skip("no STILTS: apt-get install stilts")
    return command


@pytest.fixture(scope="session")
def hive_server(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[HiveServer]:
    """A real HiveServer2 (Apache Hive 2.3) on a free port of this machine, for the whole session."""
    commands = find_java()
    if commands is None:
        pytest.skip(f"no Java with a compiler: apt-get install {JDK_PACKAGE}")
    if find_spec("pyspark") is None:
        pytest.skip("no pyspark, whose jars hold Hive: pip install .[spark]")
    kept = getattr(pytestconfig, "cache", None)  # pytest may be told to keep nothing
    cache = kept.mkdir("realhive") if kept else tmp_path_factory.mktemp("classes")
    with HiveServer(*commands, cache=cache, work=tmp_path_factory.mktemp("hive")) as server:
        yield server


@pytest.fixture(scope="session")
def simulated_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The simulated archive: three GADF data stores in a folder; read only."""
    from datalink.simulation import simulate_archive  # noqa: PLC0415 - it imports Gammapy

    return simulate_archive(tmp_path_factory.mktemp("simulated") / "archive")


@pytest.fixture(scope="session")
def archive_home(simulated_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose lake holds the simulated archive; no test changes it."""
    home = tmp_path_factory.mktemp("archive")
    assert not ingest(simulated_archive, lake=home / "lake").rejected
    return home


@pytest.fixture(scope="session")
def archive(archive_home: Path) -> Iterator[LiveServer]:
    """A live service over the simulated archive."""
    with serve(Config(home=archive_home)) as live:
        yield live


@pytest.fixture(scope="session")
def real_home(dl3_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose lake holds the real collections; no test changes it."""
    home = tmp_path_factory.mktemp("collections")
    assert not ingest(dl3_root, lake=home / "lake").rejected
    return home
