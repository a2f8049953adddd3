"""The runner takes jobs, does what is to be done, and leaves nothing behind."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.errors import QueryCancelled, QueryDataError
from app.uws import Phase, Presence, Run
from app.uws.instant import now
from tests.app.uws.place import LIMITS, Place
from tests.support.eventually import PATIENCE, eventually


def write(run: Run, content: bytes = b"content") -> None:
    with run.result("result", media_type="text/csv", extension="csv", headers=lambda: {"X-A": "1"}) as file:
        file.write(content)


class Endless:
    """Work that does not end, unless it is told to."""

    def __init__(self) -> None:
        self.stopped = threading.Event()

    def __call__(self, run: Run) -> None:
        with run.stopped_by(self.stopped.set):
            self.stopped.wait(2 * PATIENCE)
        raise QueryCancelled("stopped")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with Place(tmp_path) as place:
        yield place


def test_a_job_runs_and_its_result_is_whole(place):
    def work(run: Run) -> None:
        run.step("one")
        run.tell(rows=3)
        run.step("two")
        write(run, b"abc")

    place.runner({"tap": work})
    job = place.wait(place.add(), Phase.COMPLETED)
    (result,) = job.results
    assert place.files.path(job, result).read_bytes() == b"abc"
    assert (result.size, result.media_type, result.headers) == (3, "text/csv", (("X-A", "1"),))
    assert job.progress["rows"] == 3
    assert job.progress["bytes"] == 3
    assert [step["name"] for step in job.progress["steps"]] == ["one", "two"]
    eventually(lambda: len(place.left()) == 1)
    assert place.changed[0] == job.id


def test_an_exception_of_the_user_is_told_and_one_of_ours_is_not(place, caplog):
    def ours(run: Run) -> None:
        raise RuntimeError("secret")

    def theirs(run: Run) -> None:
        write(run)
        raise QueryDataError("A division by zero.", hint="Do not.")

    place.runner({"ours": ours, "theirs": theirs})
    failed = place.wait(place.add("1" * 32, "theirs"), Phase.ERROR)
    assert failed.failure.message == "A division by zero.\nDo not."
    assert not failed.failure.transient
    assert 'value="ERROR"' in failed.failure.document
    broken = place.wait(place.add("2" * 32, "ours"), Phase.ERROR)
    assert "secret" not in broken.failure.message + broken.failure.document
    assert "2" * 32 in broken.failure.message
    assert "secret" in caplog.text
    eventually(lambda: place.left() == [])


def test_a_job_that_runs_too_long_is_aborted_with_a_sentence(place):
    work = Endless()
    place.runner({"tap": work})
    job = place.wait(place.add(duration=1), Phase.ABORTED)
    assert work.stopped.is_set()
    assert "after the 1 s that it may run" in job.failure.message
    assert (job.ended - job.started).total_seconds() >= 1


@pytest.mark.parametrize("how", ["abort", "delete"])
def test_a_job_that_another_process_aborts_or_deletes_stops(place, how):
    work = Endless()
    place.runner({"tap": work})
    name = place.add()
    place.wait(name, Phase.EXECUTING)
    # The store alone is told, as by another process.
    assert getattr(place.store, how)(name)
    assert work.stopped.wait(PATIENCE)
    eventually(lambda: place.left() == [])


def test_a_job_that_expires_while_it_runs_is_stopped_and_removed(place):
    work = Endless()
    place.runner({"tap": work})
    name = place.add()
    place.wait(name, Phase.EXECUTING)
    place.store.change(name, phases=tuple(Phase), destruction=now())
    assert work.stopped.wait(PATIENCE)
    eventually(lambda: place.store.get(name) is None)


def test_expired_jobs_and_their_files_are_swept(place):
    done = place.runner({"tap": write})
    name = place.add()
    job = place.wait(name, Phase.COMPLETED)
    folder = place.files.folder(name)
    assert folder.is_dir()
    done.stop()
    place.store.change(name, phases=tuple(Phase), destruction=now() - timedelta(seconds=1))
    assert place.store.expired() == (name,)
    place.runner({"tap": write})
    eventually(lambda: place.store.expired() == ())
    eventually(lambda: not folder.exists())
    assert job.id == name


def test_folders_without_a_job_are_swept_when_they_are_old(place):
    old, young = place.files.folder("0" * 32), place.files.folder("1" * 32)
    kept = place.files.folder(place.add("2" * 32, phase=Phase.PENDING))
    for folder in (old, young, kept):
        folder.mkdir(parents=True)
        (folder / "file").touch()
    for folder in (old, kept):
        os.utime(folder, (0, 0))
    place.runner({"tap": write})
    eventually(lambda: not old.exists())
    assert young.is_dir()
    assert kept.is_dir()


def test_jobs_go_back_into_the_queue_when_the_server_stops(place):
    work = Endless()
    runner = place.runner({"tap": work})
    name = place.add()
    place.wait(name, Phase.EXECUTING)
    runner.stop()
    assert work.stopped.is_set()
    job = place.store.get(name)
    assert (job.phase, job.attempt) == (Phase.QUEUED, 0)
    assert place.left() == []
    assert list((place.folder / "processes").iterdir()) == []
    place.runner({"tap": write})
    assert place.wait(name, Phase.COMPLETED).attempt == 1


def test_no_more_jobs_run_at_a_time_than_there_are_slots(place):
    work, running, most = threading.Event(), [], []

    def count(run: Run) -> None:
        running.append(run)
        most.append(len(running))
        work.wait(PATIENCE)
        running.remove(run)

    for number in range(5):
        place.add(f"{number}" * 32)
    place.runner({"tap": count})
    eventually(lambda: len(most) == 2)
    time.sleep(0.2)
    assert len(most) == 2
    work.set()
    for number in range(5):
        place.wait(f"{number}" * 32, Phase.COMPLETED)
    assert max(most) == 2


@pytest.mark.parametrize(("content", "sentence"), [(10_001, "larger than the 10000 bytes"), (10_000, None)])
def test_a_result_may_have_so_many_bytes(place, content, sentence):
    place.runner({"tap": lambda run: write(run, b"x" * content)})
    job = place.wait(place.add(), Phase.ERROR, Phase.COMPLETED)
    assert (job.phase is Phase.COMPLETED) == (sentence is None)
    if sentence is not None:
        assert sentence in job.failure.message
        eventually(lambda: place.left() == [])


def test_all_results_together_may_have_so_many_bytes(place):
    place.runner({"tap": lambda run: write(run, b"x" * 9000)}, replace(LIMITS, jobs_bytes=10_000))
    place.wait(place.add("1" * 32), Phase.COMPLETED)
    job = place.wait(place.add("2" * 32), Phase.ERROR)
    assert "no room for the results" in job.failure.message
    assert job.failure.transient


def test_a_full_disk_is_told_as_such(place):
    def full(run: Run) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/secret/path")

    place.runner({"tap": full})
    job = place.wait(place.add(), Phase.ERROR)
    assert "no room on the disk" in job.failure.message
    assert "secret" not in job.failure.message
    assert job.failure.transient


def test_what_a_dead_process_has_left_is_begun_anew_and_its_files_go(place):
    name = place.add()
    claimed = place.store.claim("gone", kinds=("tap",), lease=timedelta(seconds=0.5))
    part = place.files.workspace(claimed) / "result.csv.part"
    part.write_bytes(b"half")
    place.runner({"tap": write}, replace(LIMITS, lease=1.0))
    job = place.wait(name, Phase.COMPLETED)
    assert job.attempt == 2
    eventually(lambda: len(place.left()) == 1)
    assert not part.exists()


def test_inputs_of_a_job_stay_as_long_as_the_job(place):
    name = place.add()
    inputs = place.files.inputs(name)
    inputs.mkdir(parents=True)
    (inputs / "t.vot").touch()
    place.runner({"tap": write})
    place.wait(name, Phase.COMPLETED)
    eventually(lambda: len(place.left()) == 2)
    assert (inputs / "t.vot").exists()


def test_a_process_that_lives_is_not_taken_for_dead(tmp_path):
    one, other = Presence(tmp_path), Presence(tmp_path)
    assert one.dead([one.name, other.name, "unknown", "../escape"]) == frozenset()
    name = other.name
    # What the system does when a process ends: its descriptors are closed, the file stays.
    os.close(other._descriptor)
    assert one.dead([one.name, name]) == {name}
    one.sweep()
    assert [path.stem for path in tmp_path.iterdir()] == [one.name]
    one.close()
    assert list(tmp_path.iterdir()) == []
