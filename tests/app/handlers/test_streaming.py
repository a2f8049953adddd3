"""Long queries: limits of time, clients that go, many at once, faults amid the rows."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from astropy.io.votable import parse as parse_votable

from app.config import Config
from tests.app.handlers.test_tap import fault, infos
from tests.support.eventually import PATIENCE, eventually
from tests.support.server import LiveServer, serve

ENDLESS = """
    SELECT COUNT(*) AS n FROM dl3.events AS a, dl3.events AS b, dl3.events AS c
    WHERE a.energy + b.energy + c.energy < 0
"""
LONG = "SELECT a.ra, a.dec, b.energy FROM dl3.events AS a, dl3.events AS b"
SLOW = "SELECT a.ra, b.ra AS other FROM dl3.events AS a, dl3.events AS b WHERE SIN(a.ra * b.dec) > 0.9999"
"""Its first rows come at once, its last after many seconds."""
SHORT = "SELECT TOP 3 ra FROM dl3.events"


@pytest.fixture(scope="module")
def hasty(small_home: Path) -> Iterator[LiveServer]:
    """A service that gives a query one second, and runs few at a time."""
    config = Config(
        home=small_home, sync_timeout=1.0, light_slots=2, heavy_slots=1, queue_length=4, open_queries=12
    )
    with serve(config) as server:
        yield server


def running(server: LiveServer) -> int:
    """Sessions that are open in the engine."""
    return len(server.service.engine._sessions)


@contextmanager
def sent(server: LiveServer, query: str) -> Iterator[socket.socket]:
    """A client that has sent a query, and goes when the block is left."""
    body = urlencode({"QUERY": query}).encode()
    with socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1]))) as connection:
        connection.sendall(
            b"POST /tap/sync HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
        )
        yield connection


def test_query_beyond_its_time_is_408_and_the_service_lives_on(hasty):
    answer = httpx.post(f"{hasty.tap}/sync", data={"QUERY": ENDLESS}, timeout=PATIENCE)
    assert "1 s" in fault(answer, 408)
    assert httpx.get(f"{hasty.tap}/sync", params={"QUERY": SHORT}, timeout=PATIENCE).status_code == 200
    eventually(lambda: running(hasty) == 0)


def test_time_that_ends_amid_the_rows_is_told_in_a_document_that_stays_well_formed(hasty):
    answer = httpx.post(f"{hasty.tap}/sync", data={"QUERY": SLOW, "MAXREC": "20000000"}, timeout=PATIENCE)
    assert answer.status_code == 200
    statuses = [(value, text) for name, value, text in infos(answer) if name == "QUERY_STATUS"]
    assert [value for value, _ in statuses] == ["OK", "ERROR"]
    assert "1 s" in statuses[1][1]
    assert answer.content.count(b"<?xml") == 1


def test_csv_that_ends_early_is_broken_off_not_whole(hasty):
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.post(
            f"{hasty.tap}/sync", data={"QUERY": SLOW, "MAXREC": "20000000", "FORMAT": "csv"}, timeout=PATIENCE
        )


def test_client_that_goes_before_the_first_row_stops_its_query(live):
    with sent(live, ENDLESS):
        eventually(lambda: running(live) == 1)
    eventually(lambda: running(live) == 0)


def test_client_that_goes_amid_the_rows_stops_its_query(live):
    with httpx.stream(
        "POST", f"{live.tap}/sync", data={"QUERY": LONG, "MAXREC": "20000000"}, timeout=PATIENCE
    ) as answer:
        stream = answer.iter_raw()
        for _ in range(3):
            next(stream)
        assert running(live) == 1
    eventually(lambda: running(live) == 0)


def test_rows_are_sent_before_the_last_is_known(live):
    with httpx.stream(
        "POST", f"{live.tap}/sync", data={"QUERY": LONG, "MAXREC": "20000000"}, timeout=PATIENCE
    ) as answer:
        size = 0
        for chunk in answer.iter_raw():
            size += len(chunk)
            if size > 2_000_000:
                break
        # Of more than 600 MB.
        assert running(live) == 1
    eventually(lambda: running(live) == 0)


def test_client_that_takes_its_time_is_not_cut_off(hasty):
    rows = 150_000
    with httpx.stream(
        "POST",
        f"{hasty.tap}/sync",
        data={"QUERY": LONG, "MAXREC": str(rows), "FORMAT": "votable"},
        timeout=PATIENCE,
    ) as answer:
        content = io.BytesIO()
        begun = time.monotonic()
        for chunk in answer.iter_bytes(262_144):
            content.write(chunk)
            time.sleep(0.1)
    assert time.monotonic() - begun > 1.5
    content.seek(0)
    assert len(parse_votable(content).get_first_table().array) == rows


def test_clients_that_read_nothing_hold_no_slot(small_home):
    config = Config(home=small_home, light_slots=1, heavy_slots=1)
    with serve(config) as server, ExitStack() as stack:
        for format_ in ("votable", "csv", "json", "arrow"):
            asked = {"QUERY": LONG, "MAXREC": "20000000", "FORMAT": format_}
            answer = stack.enter_context(
                httpx.stream("POST", f"{server.tap}/sync", data=asked, timeout=PATIENCE)
            )
            assert answer.status_code == 200
        short = httpx.get(f"{server.tap}/sync", params={"QUERY": SHORT}, timeout=PATIENCE)
        assert short.status_code == 200
        assert running(server) >= 4
        stack.close()
        eventually(lambda: running(server) == 0)


def test_queries_that_read_little_and_work_long_keep_nobody_waiting(small_home):
    """Each is light by what it reads; after a while it counts as what it is."""
    config = Config(home=small_home, light_slots=1, heavy_slots=1, light_seconds=0.1)
    with serve(config) as server, ExitStack() as stack:
        for number in range(2):
            stack.enter_context(sent(server, ENDLESS))
            eventually(lambda n=number: running(server) == n + 1)
            short = httpx.get(f"{server.tap}/sync", params={"QUERY": SHORT}, timeout=PATIENCE)
            assert short.status_code == 200
            eventually(lambda n=number: running(server) == n + 1)
        stack.close()
        eventually(lambda: running(server) == 0)


def test_client_that_reads_too_slowly_is_let_go_at_last(small_home):
    """A kilobyte a second: the result would take a week."""
    config = Config(home=small_home, transfer_timeout=1.5)
    asked = {"QUERY": LONG, "MAXREC": "20000000", "FORMAT": "csv"}
    with (
        serve(config) as server,
        httpx.stream("POST", f"{server.tap}/sync", data=asked, timeout=PATIENCE) as answer,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        for number, _ in enumerate(answer.iter_raw(100)):
            if running(server) > 0 and number % 10 == 0:
                time.sleep(1)
    assert running(server) == 0


def test_sixteen_clients_at_once_all_get_their_rows(live):
    queries = {
        number: (
            "SELECT event_row, energy FROM dl3.events "
            f"WHERE collection = 'crab-a' AND event_row < {number * 900}"
        )
        for number in range(1, 17)
    }

    def ask(number: int) -> int:
        with httpx.Client(timeout=PATIENCE) as http:
            total = 0
            for _ in range(4):
                answer = http.post(f"{live.tap}/sync", data={"QUERY": queries[number], "FORMAT": "csv"})
                assert answer.status_code == 200
                lines = answer.text.splitlines()[1:]
                assert {int(line.split(",")[0]) for line in lines} == set(range(number * 900))
                total += len(lines)
            return total

    with ThreadPoolExecutor(16) as pool:
        totals = list(pool.map(ask, queries))
    assert totals == [4 * number * 900 for number in queries]


def test_more_than_may_wait_are_told_when_to_come_back(hasty):
    def ask(_: int) -> httpx.Response:
        return httpx.post(f"{hasty.tap}/sync", data={"QUERY": ENDLESS}, timeout=PATIENCE)

    answers: list[httpx.Response] = []

    def both_are_told() -> bool:
        with ThreadPoolExecutor(24) as pool:
            answers.extend(pool.map(ask, range(24)))
        return len({answer.status_code for answer in answers}) > 1

    # On a slow machine they may not all come at once.
    eventually(both_are_told)
    assert {answer.status_code for answer in answers} == {408, 503}
    for answer in answers:
        if answer.status_code == 503:
            assert "busy" in fault(answer, 503)
            assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert httpx.get(f"{hasty.tap}/sync", params={"QUERY": SHORT}, timeout=PATIENCE).status_code == 200
    eventually(lambda: running(hasty) == 0)


def test_metadata_are_told_while_all_slots_are_taken(hasty):
    stop = threading.Event()

    def keep_busy() -> None:
        while not stop.is_set():
            httpx.post(f"{hasty.tap}/sync", data={"QUERY": ENDLESS}, timeout=PATIENCE)

    threads = [threading.Thread(target=keep_busy) for _ in range(6)]
    for thread in threads:
        thread.start()
    try:
        eventually(lambda: running(hasty) >= 3)
        for path in ("capabilities", "tables", "tables/dl3.events"):
            assert httpx.get(f"{hasty.tap}/{path}", timeout=PATIENCE).status_code == 200
        answer = httpx.get(f"{hasty.tap}/availability", timeout=PATIENCE)
        assert "true" in answer.text
    finally:
        stop.set()
        for thread in threads:
            thread.join()
