"""kill -9 at every point of the way of a job: the next process finds it completed, or begins it anew."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.uws import Phase
from app.uws.instant import now
from tests.app.uws.place import LIMITS, Place
from tests.support import dying
from tests.support.eventually import PATIENCE, eventually

WHOLE = b"".join(dying.PIECES)
NAME = "a" * 32


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with Place(tmp_path) as place:
        yield place


def kill_at(place: Place, point: str) -> None:
    """Run the jobs of the place in a process that ends at the point."""
    # Each is forked from one that has imported all and has no threads.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.dying"])
    process = context.Process(target=dying.main, args=(place.folder, point))
    process.start()
    process.join(PATIENCE)
    assert process.exitcode == -signal.SIGKILL
    process.close()


def points(*words: str) -> list[str]:
    return [point for point in dying.POINTS if any(word in point for word in words)]


@pytest.mark.parametrize("point", [p for p in dying.POINTS if p not in points("expired", "abort")])
def test_a_job_whose_process_is_killed_is_completed_once_and_whole(place: Place, point: str) -> None:
    name = place.add(NAME)
    inputs = place.files.inputs(name)
    inputs.mkdir(parents=True)
    (inputs / "table").write_bytes(b"kept")
    kill_at(place, point)
    job = place.store.get(name)
    assert job.phase in (Phase.QUEUED, Phase.EXECUTING, Phase.COMPLETED)
    # What is told to be there is whole, whenever one looks.
    assert [place.files.path(job, result).read_bytes() for result in job.results] in ([], [WHOLE])
    completed = job.phase is Phase.COMPLETED
    place.runner({"tap": dying.work})
    job = place.wait(name, Phase.COMPLETED)
    (result,) = job.results
    assert place.files.path(job, result).read_bytes() == WHOLE
    assert job.attempt == (1 if completed or point == "before it is claimed" else 2)
    folder = f"aa/{name}"
    if completed:
        age(place)
        place.runners[-1].stop()
        place.runner({"tap": dying.work})
    eventually(lambda: place.left() == [f"{folder}/inputs/table", f"{folder}/{result.file}"])
    eventually(lambda: not list(place.files.folder(name).glob("run-*")))


@pytest.mark.parametrize("point", ["its first piece written", "its result named"])
def test_a_job_that_is_given_up_leaves_nothing(place: Place, point: str) -> None:
    name = place.add(NAME)
    for _ in range(2):
        kill_at(place, point)
    assert place.left() != []
    place.runner({"tap": dying.work})
    job = place.wait(name, Phase.ERROR)
    assert job.failure.message.startswith("The server process ended while it ran this job, 2 times")
    eventually(lambda: place.left() == [])


def test_a_job_that_fails_after_a_kill_leaves_nothing(place: Place) -> None:
    name = place.add(NAME)
    kill_at(place, "its first piece written")

    def fail(_: object) -> None:
        raise RuntimeError("no")

    place.runner({"tap": fail})
    assert place.wait(name, Phase.ERROR).attempt == 2
    eventually(lambda: place.left() == [])


@pytest.mark.parametrize("point", points("abort"))
def test_an_aborted_job_stays_aborted_and_leaves_nothing(place: Place, point: str) -> None:
    name = place.add(NAME, dying.ENDLESS)
    kill_at(place, point)
    assert place.store.get(name).phase is Phase.ABORTED
    age(place)
    place.runner({"tap": dying.work, dying.ENDLESS: dying.work})
    eventually(lambda: place.left() == [])
    assert place.store.get(name).phase is Phase.ABORTED


@pytest.mark.parametrize("point", points("expired"))
def test_an_expired_job_goes_with_its_files(place: Place, point: str) -> None:
    with_files = place.runner({"tap": dying.work}, LIMITS)
    name = place.add(NAME)
    place.wait(name, Phase.COMPLETED)
    with_files.stop()
    place.store.change(name, phases=tuple(Phase), destruction=now() - timedelta(seconds=1))
    kill_at(place, point)
    assert place.store.get(name) is None
    age(place)
    place.runner({"tap": dying.work})
    eventually(lambda: place.store.expired() == () and not place.files.folder(name).exists())


def age(place: Place) -> None:
    """Let all folders look as if an hour had gone by."""
    for folder in [*place.files.root.glob("??/*/run-*"), *place.files.root.glob("??/*")]:
        os.utime(folder, (0, 0))
