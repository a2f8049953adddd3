"""What the README says to type works: each of its blocks is run against a service with the simulated data."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config import Config
from app.ingest import ingest
from tests.support.server import LiveServer, serve

README = (Path(__file__).resolve().parent.parent / "README.md").read_text()
ADDRESS = "http://127.0.0.1:8000"


def blocks(heading: str) -> list[str]:
    """The indented blocks of a section, without their indent."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = re.findall(r"(?:^    .*\n(?:\n(?=    ))?)+", section, re.MULTILINE)
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in found]


@pytest.fixture(scope="module")
def server(simulated_archive, tmp_path_factory) -> Iterator[LiveServer]:
    config = Config(home=tmp_path_factory.mktemp("home"))
    assert not ingest(simulated_archive, lake=config.lake).rejected
    with serve(config) as live:
        yield live


def run(command: str) -> str:
    """Standard output of a shell command of the README."""
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def commands(server: LiveServer, program: str) -> list[str]:
    """The shell commands of the first query's section that begin with a program."""
    if shutil.which(program) is None:
        pytest.skip(f"no {program} on this machine")
    lines = blocks("A first query")[1].replace(ADDRESS, server.url).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith(program)]


def test_the_first_query_finds_events_of_the_crab_like_source(server):
    found: dict[str, object] = {}
    exec(blocks("A first query")[0].replace(ADDRESS, server.url), found)
    events = found["events"]
    assert set(events["collection"]) == {"sim-south", "sim-north", "sim-mono"}
    assert min(events["energy"]) > 1
    assert list(events["energy"]) == sorted(events["energy"], reverse=True)


@pytest.mark.stilts
def test_the_query_with_stilts_gives_observations(server, stilts):
    [command] = commands(server, "stilts")
    lines = run(command).splitlines()
    assert len(lines) == 1 + 10
    assert "obs_id" in lines[0]


def test_the_query_with_curl_gives_csv(server):
    [command] = commands(server, "curl")
    lines = run(command).splitlines()
    assert lines[0] == "collection,n_observations,n_events"
    assert sorted(line.split(",")[0] for line in lines[1:]) == ["sim-mono", "sim-north", "sim-south"]


def test_own_data_are_loaded_and_found(simulated_archive, tmp_path, monkeypatch):
    monkeypatch.setenv("GAMMAHUB_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    folder = shlex.quote(str(simulated_archive / "sim-mono"))
    script = blocks("Your own data")[0].replace("FOLDER", folder).replace(".venv/bin/", "")
    load, query = script.splitlines()
    run(load)
    assert run(query).splitlines()[0] == "collection,n_events"
    assert "Our release,CC-BY-4.0" in run("gammahub query 'SELECT title, licence FROM dl3.collections'")
