"""An engine that dies in the middle of a query, and comes back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from app.config import Config
from app.factory import register_lake
from tests.conftest import JDK_PACKAGE, find_java
from tests.engines.conftest import engine_url
from tests.engines.test_service import ENDLESS, ask, wait_until_available
from tests.support.realhive.server import HiveServer
from tests.support.server import serve
from tests.support.sparkserver import SparkServer

COUNT = "SELECT collection, n_events FROM dl3.collections"


@pytest.fixture(
    params=[
        pytest.param(HiveServer, marks=pytest.mark.hive),
        pytest.param(SparkServer, marks=pytest.mark.spark),
    ]
)
def mortal(
    request: pytest.FixtureRequest, tmp_path: Path, pytestconfig: pytest.Config
) -> Iterator[HiveServer | SparkServer]:
    """A server of this test alone, which is not yet there."""
    commands = find_java()
    if commands is None or find_spec("pyspark") is None:
        pytest.skip(f"no Java with a compiler (apt-get install {JDK_PACKAGE}), or no pyspark")
    work = tmp_path / "server"
    if request.param is HiveServer:
        kept = getattr(pytestconfig, "cache", None)
        yield HiveServer(*commands, cache=kept.mkdir("realhive") if kept else tmp_path / "classes", work=work)
    else:
        yield SparkServer(work)


def test_queries_that_ran_are_lost_with_a_word_and_the_next_are_answered(
    mortal: HiveServer | SparkServer, lake_home: Path
) -> None:
    with mortal:
        config = Config(home=lake_home, engine_url=engine_url(mortal), sync_timeout=200)
        config = config.model_copy(update={"jobs_url": f"sqlite:///{mortal.work}/jobs.sqlite"})
        register_lake(config)
        with serve(config) as live:
            assert ask(live, QUERY=COUNT).status_code == 200
            answers: list[httpx.Response] = []
            waiting = threading.Thread(target=lambda: answers.append(ask(live, QUERY=ENDLESS)))
            waiting.start()
            while not live.service.engine.working:
                waiting.join(0.05)
            mortal.process.kill()
            waiting.join(60)
            assert not waiting.is_alive()
            assert answers[0].status_code == 503
            assert "lost" in answers[0].text
            assert int(answers[0].headers["retry-after"]) > 0

            down = ask(live, QUERY=COUNT)
            assert (down.status_code, "cannot be reached" in down.text) == (503, True)
            assert ">false<" in httpx.get(f"{live.tap}/availability", timeout=60).text
            # What the service says of itself does not need the engine.
            assert ask(live, QUERY="SELECT table_name FROM tap_schema.tables").status_code == 200

            mortal.__exit__(None, None, None)
            mortal.__enter__()
            # The Hive of the tests keeps its tables in memory.
            register_lake(config)
            assert ask(live, QUERY=COUNT).status_code == 200
            wait_until_available(live)
