"""WAIT: requests that are answered when something has changed.

No test looks at how long an answer takes at most. Where one must come before its WAIT is over, that is ten
minutes, and the patience of the client is two.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from app.config import Config
from tests.app.uws.client import ENDLESS, create, phase, read, wait
from tests.support.eventually import PATIENCE, eventually
from tests.support.process import ServerProcess
from tests.support.server import LiveServer

FOREVER = 600
"""GAMMAHUB_JOB_WAIT of the service (conftest): longer than any client here has patience for [s]."""


def timed(http: httpx.Client, url: str, **parameters: object) -> tuple[str, float]:
    begun = time.monotonic()
    job = read(http, url, **parameters)
    return phase(job), time.monotonic() - begun


def waiters(server: LiveServer) -> int:
    return len(server.service.jobs._watch._waiters)


@contextmanager
def as_soon_as_one_waits(server: LiveServer, call: Callable[[], object]) -> Iterator[None]:
    """While the block waits in the service, call this."""

    def act() -> None:
        eventually(lambda: waiters(server), "nobody waits")
        call()

    thread = threading.Thread(target=act)
    thread.start()
    yield
    thread.join()


def test_the_service_as_shipped_keeps_nobody_longer_than_a_minute():
    assert Config().job_wait == 60


def test_a_wait_ends_with_its_time(http):
    seen, seconds = timed(http, create(http), WAIT=1)
    assert seen == "PENDING"
    assert seconds >= 1


@pytest.mark.parametrize("asked", ["-1", "999999999999999999"])
def test_no_wait_is_longer_than_the_service_allows(start, asked):
    with httpx.Client(base_url=start(job_wait=0.5).url, timeout=PATIENCE) as http:
        seen, seconds = timed(http, create(http), WAIT=asked)
    assert seen == "PENDING"
    assert seconds >= 0.5


@pytest.mark.parametrize(
    "guard", ["EXECUTING", "QUEUED", "COMPLETED", "ERROR", "ABORTED", "HELD", "ARCHIVED"]
)
def test_one_who_guards_another_phase_does_not_wait(http, guard):
    assert phase(read(http, create(http), WAIT=FOREVER, PHASE=guard)) == "PENDING"


def test_one_who_guards_this_phase_waits(http):
    seen, seconds = timed(http, create(http), WAIT=1, PHASE="PENDING")
    assert seen == "PENDING"
    assert seconds >= 1


@pytest.mark.parametrize("guard", [{}, {"PHASE": "COMPLETED"}, {"PHASE": "EXECUTING"}])
def test_nobody_waits_for_what_has_ended(http, guard):
    url = create(http, PHASE="RUN")
    wait(http, url)
    assert phase(read(http, url, WAIT=-1, **guard)) == "COMPLETED"


def test_no_wait_and_a_wait_of_nothing_return_at_once(http):
    url = create(http)
    assert phase(read(http, url, WAIT=0)) == "PENDING"
    # A guard without a WAIT keeps nobody.
    assert phase(read(http, url, PHASE="PENDING")) == "PENDING"


@pytest.mark.parametrize("resource", ["phase", "executionduration", "destruction"])
def test_the_resources_of_a_job_wait_too(http, resource):
    url = create(http)
    before = http.get(f"{url}/{resource}").text
    begun = time.monotonic()
    assert http.get(f"{url}/{resource}", params={"WAIT": 1}).text == before
    assert time.monotonic() - begun >= 1


@pytest.mark.parametrize(
    ("command", "left"), [("RUN", "PENDING"), ("ABORT", "PENDING"), ("ABORT", "EXECUTING")]
)
def test_a_change_ends_the_wait(http, jobs, command, left):
    url = create(http, ENDLESS)
    if left == "EXECUTING":
        http.post(f"{url}/phase", data={"PHASE": "RUN"})
        wait(http, url, left)

    def change() -> None:
        httpx.post(f"{url}/phase", data={"PHASE": command}, timeout=PATIENCE)

    with as_soon_as_one_waits(jobs, change):
        assert phase(read(http, url, WAIT=FOREVER, PHASE=left)) != left
    http.delete(url)


def test_a_change_by_another_process_ends_the_wait(http, jobs):
    url = create(http)
    # The store alone is told.
    with as_soon_as_one_waits(jobs, lambda: jobs.service.jobs._store.abort(url.rpartition("/")[2])):
        assert phase(read(http, url, WAIT=FOREVER)) == "ABORTED"


def test_a_deleted_job_is_told_to_who_waits(http, jobs):
    url = create(http)
    with as_soon_as_one_waits(jobs, lambda: httpx.delete(url, timeout=PATIENCE)):
        assert http.get(url, params={"WAIT": FOREVER}).status_code == 404


def test_a_thousand_clients_wait_and_keep_nobody_waiting(new_home):
    """They wait for ten jobs; meanwhile others are answered, and no thread is spent on them."""
    with (
        ServerProcess(new_home, job_wait=FOREVER) as server,
        httpx.Client(base_url=server.url, timeout=PATIENCE) as http,
    ):
        urls = [create(http) for _ in range(10)]
        host, port = server.url.removeprefix("http://").split(":")
        threads, sockets = server.threads, server.sockets

        async def ask(url: str) -> str:
            reader, writer = await asyncio.open_connection(host, int(port))
            path = f"{url.removeprefix(server.url)}/phase?WAIT={FOREVER}"
            request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
            writer.write(request.encode())
            answer = (await reader.read()).decode()
            writer.close()
            return answer.rpartition("\r\n\r\n")[2]

        async def scenario() -> list[str]:
            waiting = [asyncio.create_task(ask(urls[number % 10])) for number in range(1000)]
            await asyncio.to_thread(meanwhile)
            assert not any(task.done() for task in waiting)
            await asyncio.to_thread(abort)
            return [await task for task in waiting]

        def meanwhile() -> None:
            eventually(lambda: server.sockets >= sockets + 1000)
            for _ in range(20):
                assert http.get(f"{urls[0]}/phase").text == "PENDING"
            eventually(is_quiet, "those who wait take the processor")
            # Those of the web server and of the database, however many wait.
            assert server.threads - threads <= 10

        def is_quiet() -> bool:
            used, begun = server.cpu_seconds, time.monotonic()
            time.sleep(0.5)
            return server.cpu_seconds - used < 0.3 * (time.monotonic() - begun)

        def abort() -> None:
            for url in urls:
                http.post(f"{url}/phase", data={"PHASE": "ABORT"})

        assert asyncio.run(scenario()) == ["ABORTED"] * 1000
        eventually(lambda: server.sockets <= sockets + 1)


def test_clients_that_go_are_forgotten(http, jobs):
    url = create(http)
    host, port = jobs.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        path = url.removeprefix(jobs.url)
        connection.sendall(f"GET {path}?WAIT={FOREVER} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        eventually(lambda: waiters(jobs) == 1)
    eventually(lambda: waiters(jobs) == 0)


def test_a_service_that_ends_lets_all_go(start):
    server = start(job_wait=FOREVER)
    with httpx.Client(base_url=server.url, timeout=PATIENCE) as http:
        url = create(http)
        with as_soon_as_one_waits(server, server.service.close):
            assert http.get(url, params={"WAIT": FOREVER}).status_code in (200, 503)
