"""What Prometheus reads of the service."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.config import Config
from tests.support.server import LiveServer, serve


@pytest.fixture
def fresh(small_home: Path, tmp_path: Path) -> Iterator[LiveServer]:
    """A service that nobody has asked anything."""
    with serve(Config(home=small_home, jobs_url=f"sqlite:///{tmp_path}/jobs.sqlite")) as server:
        yield server


def numbers(server: LiveServer) -> dict[str, float]:
    """The samples, by name and labels; each line is of the text format's grammar."""
    answer = httpx.get(f"{server.url}/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = {}
    for line in answer.text.splitlines():
        if not line.startswith("#"):
            match = re.fullmatch(r'([a-z_]+(?:\{(?:[a-z]+="[^"\\\n]*",?)+\})?) ([0-9.e+-]+)', line)
            assert match, line
            found[match[1]] = float(match[2])
        else:
            assert re.fullmatch(r"# (HELP [a-z_]+ .+|TYPE [a-z_]+ (counter|gauge|histogram))", line)
    assert answer.text.endswith("\n")
    return found


def ask(server: LiveServer, query: str) -> httpx.Response:
    return httpx.post(f"{server.tap}/sync", data={"QUERY": query, "LANG": "ADQL", "FORMAT": "csv"})


def test_queries_are_counted_by_how_they_ended(fresh: LiveServer) -> None:
    before = numbers(fresh)
    answer = ask(fresh, "SELECT TOP 7 ra FROM dl3.events")
    ask(fresh, "SELECT nonesuch FROM dl3.events")
    after = numbers(fresh)
    gained = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    assert gained.pop("gammahub_rows_total") == 7
    assert gained.pop("gammahub_bytes_total") == len(answer.content)
    assert gained.pop('gammahub_queries_total{outcome="done"}') == 1
    assert gained.pop('gammahub_queries_total{outcome="refused"}') == 1
    assert gained.pop("gammahub_query_seconds_count") == 2
    assert gained.pop('gammahub_query_seconds_bucket{le="+Inf"}') == 2
    assert gained.pop("gammahub_query_seconds_sum") > 0
    assert all(name.startswith("gammahub_query_seconds_bucket") for name in gained)
    assert (after["gammahub_open_queries"], after["gammahub_engine_up"]) == (0, 1)


def test_bins_hold_all_that_took_less(fresh: LiveServer) -> None:
    ask(fresh, "SELECT TOP 1 ra FROM dl3.events")
    bins = [
        value for name, value in numbers(fresh).items() if name.startswith("gammahub_query_seconds_bucket")
    ]
    assert bins == sorted(bins)
    assert bins[-1] == 1


def test_no_text_of_a_query_is_told(fresh: LiveServer) -> None:
    ask(fresh, "SELECT TOP 1 ra AS very_secret FROM dl3.events")
    assert "very_secret" not in httpx.get(f"{fresh.url}/metrics").text
