from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.engines.hands import Hand
from app.engines.lanes import Lane
from app.errors import QueryCancelled, QueryQueueFull
from tests.support.eventually import eventually

NEVER = threading.Event()
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="threads have a niceness on Linux alone")


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


def niceness(thread: int) -> int:
    """As the system tells it (proc(5), field 19 of stat)."""
    stat = Path(f"/proc/self/task/{thread}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[16])


@pytest.fixture
def lanes() -> Iterator[tuple[Lane, Lane]]:
    """A light lane and a nicer heavy one, of one slot each and no queue."""
    pair = (
        Lane(1, queue_length=0, retry_after=5),
        Lane(1, queue_length=0, retry_after=5, niceness=7),
    )
    yield pair
    for lane in pair:
        lane.hands.close()


def is_free(lane: Lane) -> bool:
    try:
        with lane.turn(newcomer=True, patience=0, left=NEVER):
            return True
    except QueryQueueFull:
        return False


def test_one_that_moves_frees_its_slot_and_takes_one_there(lanes):
    light, heavy = lanes
    with light.turn(newcomer=True, patience=10, left=NEVER) as turn:
        assert not is_free(light)
        turn.move(heavy, most=0)
        assert is_free(light)
        assert not is_free(heavy)
        # Once is enough.
        turn.move(heavy, most=0)
    assert is_free(light)
    assert is_free(heavy)


def test_so_many_may_move_beyond_the_slots_and_the_next_stay_where_they_are(lanes):
    light, heavy = lanes
    with ExitStack() as stack:
        for _ in range(3):
            turn = stack.enter_context(light.turn(newcomer=True, patience=10, left=NEVER))
            turn.move(heavy, most=2)
        assert is_free(light)
        last = stack.enter_context(light.turn(newcomer=True, patience=10, left=NEVER))
        last.move(heavy, most=2)
        assert not is_free(light)
        assert not is_free(heavy)
    assert is_free(light)
    assert is_free(heavy)


@LINUX
def test_one_that_moves_yields_from_then_on_and_its_thread_is_not_used_again(lanes):
    light, heavy = lanes
    with light.turn(newcomer=True, patience=10, left=NEVER) as turn:
        thread = turn.do(threading.get_native_id)
        assert niceness(thread) == 0
        turn.move(heavy, most=0)
        assert turn.do(lambda: niceness(threading.get_native_id())) == 7
    with light.turn(newcomer=True, patience=10, left=NEVER) as turn:
        assert turn.do(lambda: niceness(threading.get_native_id())) == 0
    with heavy.turn(newcomer=True, patience=10, left=NEVER) as turn:
        assert turn.do(lambda: niceness(threading.get_native_id())) == 7


@LINUX
def test_a_thread_inherits_the_niceness_of_the_one_that_starts_it():
    """So do those of DuckDB."""
    hand = Hand(5)

    def start_another() -> int:
        other = Hand()
        try:
            return other.do(lambda: niceness(threading.get_native_id()))
        finally:
            other.dismiss()

    try:
        assert hand.do(start_another) == 5
    finally:
        hand.dismiss()


def test_a_fault_reaches_the_one_who_asked_and_the_thread_goes_on():
    hand = Hand()
    with pytest.raises(RuntimeError, match="no"):
        hand.do(lambda: (_ for _ in ()).throw(RuntimeError("no")))
    assert hand.do(lambda: 5) == 5
    hand.dismiss()
    eventually(lambda: not hand._thread.is_alive())
