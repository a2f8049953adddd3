from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from app.engines.watchdog import Watchdog


@pytest.fixture
def watchdog() -> Iterator[Watchdog]:
    watchdog = Watchdog()
    yield watchdog
    watchdog.close()


def test_alarm_rings_when_the_deadline_passes(watchdog):
    rang = threading.Event()
    begun = time.monotonic()
    with watchdog.watch(0.1, rang.set):
        assert rang.wait(5)
    assert time.monotonic() - begun >= 0.1


def test_alarm_rings_again_until_the_watch_ends(watchdog):
    rings: list[float] = []
    with watchdog.watch(0.0, lambda: rings.append(time.monotonic())):
        time.sleep(0.3)
    count = len(rings)
    assert count >= 3
    time.sleep(0.15)
    assert len(rings) == count


def test_watch_that_ends_in_time_never_rings(watchdog):
    rings: list[int] = []
    with watchdog.watch(0.1, lambda: rings.append(1)):
        pass
    time.sleep(0.25)
    assert not rings


def test_endless_watch_rings_when_it_is_told_to(watchdog):
    rang = threading.Event()
    with watchdog.watch(float("inf"), rang.set) as watch:
        assert not rang.wait(0.1)
        watch.ring()
        assert rang.wait(5)


def test_later_watch_does_not_delay_an_earlier_one(watchdog):
    first, second = threading.Event(), threading.Event()
    with watchdog.watch(60, second.set), watchdog.watch(0.05, first.set):
        assert first.wait(5)
    assert not second.is_set()
