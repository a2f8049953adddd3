from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.engines.lanes import Lane
from app.errors import QueryCancelled, QueryQueueFull

NEVER = threading.Event()


def test_no_more_work_at_a_time_than_there_are_slots():
    lane = Lane(3, queue_length=100, retry_after=5)
    working, most, lock = 0, 0, threading.Lock()

    def work(_: int) -> None:
        nonlocal working, most
        with lane.turn(newcomer=True, patience=10, left=NEVER):
            with lock:
                working += 1
                most = max(most, working)
            time.sleep(0.005)
            with lock:
                working -= 1

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(work, range(60)))
    assert most == 3
    assert working == 0


def occupied(lane: Lane) -> tuple[threading.Thread, threading.Event]:
    """A thread that holds one slot until the event is set."""
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with lane.turn(newcomer=True, patience=10, left=NEVER):
            held.set()
            release.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(5)
    return thread, release


def test_newcomer_is_refused_when_the_queue_is_full():
    lane = Lane(1, queue_length=0, retry_after=7)
    thread, release = occupied(lane)
    with pytest.raises(QueryQueueFull) as caught, lane.turn(newcomer=True, patience=10, left=NEVER):
        pass
    assert caught.value.retry_after == 7
    release.set()
    thread.join()


def test_query_that_has_worked_before_may_wait_though_the_queue_is_full():
    lane = Lane(1, queue_length=0, retry_after=7)
    thread, release = occupied(lane)
    threading.Timer(0.1, release.set).start()
    with lane.turn(newcomer=False, patience=10, left=NEVER):
        pass
    thread.join()


def test_wait_ends_when_patience_does():
    lane = Lane(1, queue_length=5, retry_after=7)
    thread, release = occupied(lane)
    with pytest.raises(QueryQueueFull), lane.turn(newcomer=True, patience=0.1, left=NEVER):
        pass
    release.set()
    thread.join()


def test_one_who_has_left_waits_no_longer_and_keeps_no_place():
    lane = Lane(1, queue_length=1, retry_after=7)
    thread, release = occupied(lane)
    left = threading.Event()
    threading.Timer(0.05, left.set).start()
    with pytest.raises(QueryCancelled), lane.turn(newcomer=True, patience=10, left=left):
        pass
    release.set()
    thread.join()
    with lane.turn(newcomer=True, patience=1, left=NEVER):
        pass


def test_first_come_first_served():
    lane = Lane(1, queue_length=10, retry_after=7)
    thread, release = occupied(lane)
    order: list[int] = []

    def come(number: int) -> None:
        with lane.turn(newcomer=True, patience=10, left=NEVER):
            order.append(number)

    threads = []
    for number in range(5):
        threads.append(threading.Thread(target=come, args=(number,)))
        threads[-1].start()
        time.sleep(0.03)
    release.set()
    for waiting in (*threads, thread):
        waiting.join()
    assert order == [0, 1, 2, 3, 4]


def test_slot_is_free_again_after_a_fault():
    lane = Lane(1, queue_length=0, retry_after=7)
    with pytest.raises(RuntimeError), lane.turn(newcomer=True, patience=1, left=NEVER):
        raise RuntimeError
    with lane.turn(newcomer=True, patience=1, left=NEVER):
        pass
