"""WAIT: requests that are answered when something has changed."""

from __future__ import annotations

import asyncio
import threading
import time

import httpx
import pytest

from tests.app.uws.client import ENDLESS, create, phase, read, wait
from tests.support.process import ServerProcess

SERVER_WAIT = 2.0
"""GAMMAHUB_JOB_WAIT of the service (conftest)."""


def timed(http: httpx.Client, url: str, **parameters: object) -> tuple[str, float]:
    begun = time.monotonic()
    job = read(http, url, **parameters)
    return phase(job), time.monotonic() - begun


def test_a_wait_ends_with_its_time(http):
    url = create(http)
    seen, seconds = timed(http, url, WAIT=1)
    assert seen == "PENDING"
    assert 1 <= seconds < 2


@pytest.mark.parametrize("asked", ["-1", "999999999999999999"])
def test_no_wait_is_longer_than_the_service_allows(http, asked):
    seen, seconds = timed(http, create(http), WAIT=asked)
    assert seen == "PENDING"
    assert SERVER_WAIT <= seconds < SERVER_WAIT + 1


@pytest.mark.parametrize(
    "guard", ["EXECUTING", "QUEUED", "COMPLETED", "ERROR", "ABORTED", "HELD", "ARCHIVED"]
)
def test_one_who_guards_another_phase_does_not_wait(http, guard):
    seen, seconds = timed(http, create(http), WAIT=3, PHASE=guard)
    assert seen == "PENDING"
    assert seconds < 0.5


def test_one_who_guards_this_phase_waits(http):
    seen, seconds = timed(http, create(http), WAIT=1, PHASE="PENDING")
    assert seen == "PENDING"
    assert seconds >= 1


def test_nobody_waits_for_what_has_ended(http):
    url = create(http, PHASE="RUN")
    wait(http, url)
    for parameters in ({"WAIT": 3}, {"WAIT": -1, "PHASE": "COMPLETED"}):
        seen, seconds = timed(http, url, **parameters)
        assert seen == "COMPLETED"
        assert seconds < 0.5


def test_no_wait_and_a_wait_of_nothing_return_at_once(http):
    url = create(http)
    assert timed(http, url, WAIT=0)[1] < 0.5
    assert timed(http, url, PHASE="PENDING")[1] < 0.5


def test_the_phase_resource_waits_too(http):
    url = create(http)
    begun = time.monotonic()
    assert http.get(f"{url}/phase", params={"WAIT": 1}).text == "PENDING"
    assert time.monotonic() - begun >= 1


def test_a_change_ends_the_wait(http, jobs):
    """Each change is seen in a small part of the time that was asked for."""
    url = create(http, ENDLESS)
    for data, left in ({"PHASE": "RUN"}, "PENDING"), ({"PHASE": "ABORT"}, "EXECUTING"):
        if left == "EXECUTING":
            wait(http, url, left)
        timer = threading.Timer(0.3, httpx.post, [f"{url}/phase"], {"data": data})
        timer.start()
        seen, seconds = timed(http, url, WAIT=3, PHASE=left)
        timer.join()
        assert seen != left
        assert 0.2 < seconds < 1.5


def test_a_change_by_another_process_ends_the_wait(http, jobs):
    url = create(http)
    # The store alone is told.
    timer = threading.Timer(0.3, jobs.service.jobs._store.abort, [url.rpartition("/")[2]])
    timer.start()
    seen, seconds = timed(http, url, WAIT=3)
    timer.join()
    assert seen == "ABORTED"
    assert 0.2 < seconds < 1.5


def test_a_deleted_job_is_told_to_who_waits(http):
    url = create(http)
    timer = threading.Timer(0.3, httpx.delete, [url])
    timer.start()
    begun = time.monotonic()
    assert http.get(url, params={"WAIT": 3}).status_code == 404
    timer.join()
    assert time.monotonic() - begun < 1.5


def test_a_thousand_clients_wait_and_keep_nobody_waiting(new_home):
    """They wait for ten jobs; meanwhile others are answered at once, and no thread is spent on them."""
    with ServerProcess(new_home) as server, httpx.Client(base_url=server.url, timeout=30) as http:
        urls = [create(http) for _ in range(10)]
        host, port = server.url.removeprefix("http://").split(":")
        threads = server.threads

        async def ask(url: str) -> str:
            reader, writer = await asyncio.open_connection(host, int(port))
            path = url.removeprefix(server.url)
            request = f"GET {path}/phase?WAIT=60 HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
            writer.write(request.encode())
            answer = (await reader.read()).decode()
            writer.close()
            return answer.rpartition("\r\n\r\n")[2]

        async def scenario() -> tuple[list[str], float]:
            waiting = [asyncio.create_task(ask(urls[number % 10])) for number in range(1000)]
            await asyncio.sleep(3)
            await asyncio.to_thread(meanwhile)
            assert not any(task.done() for task in waiting)
            begun = time.monotonic()
            await asyncio.to_thread(abort)
            answers = [await task for task in waiting]
            return answers, time.monotonic() - begun

        def meanwhile() -> None:
            used = server.cpu_seconds
            begun = time.monotonic()
            for _ in range(20):
                asked = time.monotonic()
                assert http.get(f"{urls[0]}/phase").text == "PENDING"
                assert time.monotonic() - asked < 0.5
            time.sleep(1)
            # Those of the web server and of the database, however many wait.
            assert server.threads - threads <= 10
            assert server.cpu_seconds - used < 0.3 * (time.monotonic() - begun)

        def abort() -> None:
            for url in urls:
                http.post(f"{url}/phase", data={"PHASE": "ABORT"})

        answers, seconds = asyncio.run(scenario())
    assert answers == ["ABORTED"] * 1000
    assert seconds < 5


def test_clients_that_go_are_forgotten(http, jobs):
    url = create(http)
    with httpx.Client(timeout=0.3) as hasty, pytest.raises(httpx.ReadTimeout):
        hasty.get(url, params={"WAIT": 3})
    until = time.monotonic() + 1.5
    while jobs.service.jobs._watch._waiters:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_service_that_ends_lets_all_go(start):
    server = start()
    with httpx.Client(base_url=server.url) as http:
        url = create(http)
    timer = threading.Timer(0.5, server.service.close)
    timer.start()
    begun = time.monotonic()
    answer = httpx.get(url, params={"WAIT": 60}, timeout=30)
    timer.join()
    assert time.monotonic() - begun < 5
    assert answer.status_code in (200, 503)
