"""What every test may ask for: the real data and the foreign tools, or a plain word that they are not here."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent



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
    pyspark = find_spec("pyspark")
    return [
        f"real DL3 data: {find_dl3() or 'none: tests marked real are skipped (set GAMMAHUB_DL3)'}",
        f"STILTS: {shutil.which('stilts') or 'none: tests marked stilts are skipped (apt-get install stilts)'}",
        f"Java: {(find_java() or ['none: tests marked hive and spark are skipped (openjdk-17-jdk-headless)'])[0]}",
        f"pyspark: {'found' if pyspark else 'none: tests marked hive and spark are skipped (the spark extra)'}",
    ]


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
