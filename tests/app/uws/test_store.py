"""The store keeps jobs, and gives each to one worker; on SQLite and on PostgreSQL."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import create_engine, text

from app.errors import JobsUnavailable
from app.uws import Failure, Input, Job, JobStore, Phase, Result
from app.uws.instant import now
from app.uws.tables import STEPS

LEASE = timedelta(seconds=30)
PAST = timedelta(seconds=-1)
FAILURE = Failure("It went wrong: \u2620", transient=True, document="<VOTABLE/>")
RESULT = Result("result", "result-1.csv", "text/csv", 12, "abc", "r.csv", (("X-Name", "value"),))
INPUT = Input("t", "0123abcd", 1000, "application/x-votable+xml", "mine \u2620.vot")
KINDS = ("tap",)


def make(name: str, **facts: object) -> Job:
    created = now()
    job = Job(
        id=name,
        kind="tap",
        phase=Phase.QUEUED,
        created=created,
        destruction=created + timedelta(days=1),
        duration=600,
        queued=created,
    )
    return replace(job, **facts)


def test_a_job_comes_back_as_it_was(store):
    job = make(
        "a",
        parameters=(("QUERY", "SELECT '\U0001f600\t\u00e9'\n"), ("UPLOAD", "a"), ("UPLOAD", "b")),
        run_id="mine & <yours>",
        owner="me",
        share="192.0.2.1",
        base_url="http://x/y",
        inputs=(INPUT,),
    )
    store.create(job)
    assert store.get("a") == job
    assert store.get("b") is None


def test_a_run_ends_with_results(store):
    store.create(make("a"))
    job = store.claim("w", kinds=KINDS, lease=LEASE)
    assert (job.id, job.phase, job.attempt) == ("a", Phase.EXECUTING, 1)
    assert store.complete(job.run, (RESULT,), progress={"rows": 5})
    done = store.get("a")
    assert (done.phase, done.results, done.progress) == (Phase.COMPLETED, (RESULT,), {"rows": 5})
    assert job.created <= job.started <= done.ended
    assert store.stored_bytes() == 12


@pytest.mark.parametrize(("aborts", "phase"), [(False, Phase.ERROR), (True, Phase.ABORTED)])
def test_a_run_fails_with_a_reason(store, aborts, phase):
    store.create(make("a", share="192.0.2.1"))
    job = store.claim("w", kinds=KINDS, lease=LEASE)
    failure = replace(FAILURE, aborts=aborts)
    assert store.fail(job.run, failure, progress={})
    failed = store.get("a")
    assert (failed.phase, failed.failure, failed.results) == (phase, failure, ())
    # Whose address it was is no longer known.
    assert failed.share == ""


def test_many_workers_get_each_job_once(store):
    names = {f"job {number}" for number in range(60)}
    for name in sorted(names):
        store.create(make(name))
    begin = threading.Barrier(6)

    def work(worker: int) -> list[str]:
        begin.wait()
        got = []
        while (job := store.claim(f"w{worker}", kinds=KINDS, lease=LEASE)) is not None:
            got.append(job.id)
            assert store.complete(job.run, (), progress={})
        return got

    with ThreadPoolExecutor(6) as pool:
        got = [name for names in pool.map(work, range(6)) for name in names]
    # A claim may find its job taken and come back empty, so that some may be left.
    while (job := store.claim("last", kinds=KINDS, lease=LEASE)) is not None:
        got.append(job.id)
    assert sorted(got) == sorted(names)


def test_the_queue_is_fair_between_clients(store):
    """One who queues a hundred jobs does not keep the next client waiting for all of them."""
    first = now()
    for number in range(5):
        queued = first + timedelta(milliseconds=number)
        store.create(make(f"many {number}", share="a", queued=queued))
    store.create(make("single", share="b", queued=first + timedelta(seconds=1)))
    order = [store.claim("w", kinds=KINDS, lease=LEASE).id for _ in range(6)]
    assert order == ["many 0", "single", "many 1", "many 2", "many 3", "many 4"]


def test_only_jobs_of_a_known_kind_are_claimed(store):
    store.create(make("a", kind="spectrum"))
    assert store.claim("w", kinds=KINDS, lease=LEASE) is None
    assert store.claim("w", kinds=("spectrum", "tap"), lease=LEASE).id == "a"


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.QUEUED, Phase.EXECUTING])
def test_an_active_job_is_aborted_and_its_run_lost(store, phase):
    store.create(make("a", phase=Phase.PENDING if phase is Phase.PENDING else Phase.QUEUED))
    job = store.claim("w", kinds=KINDS, lease=LEASE) if phase is Phase.EXECUTING else None
    assert store.abort("a")
    assert store.get("a").phase is Phase.ABORTED
    assert store.get("a").ended is not None
    assert not store.abort("a")
    if job is not None:
        assert not store.alive([job.run])
        assert not store.beat(job.run, lease=LEASE, progress={})
        assert not store.complete(job.run, (RESULT,), progress={})
        assert not store.fail(job.run, FAILURE, progress={})
    assert store.get("a").phase is Phase.ABORTED


def test_an_ended_job_is_not_aborted(store):
    store.create(make("a"))
    store.complete(store.claim("w", kinds=KINDS, lease=LEASE).run, (), progress={})
    assert not store.abort("a")
    assert store.get("a").phase is Phase.COMPLETED


def test_a_run_whose_lease_is_over_is_taken_over_once_and_then_fails(store):
    store.create(make("a"))
    first = store.claim("w", kinds=KINDS, lease=PAST)
    assert store.take_over((), attempts=2, failure=FAILURE) == ("a",)
    assert store.get("a").phase is Phase.QUEUED
    second = store.claim("v", kinds=KINDS, lease=PAST)
    assert second.attempt == 2
    # The first worker comes back to life: what it says counts for nothing.
    assert not store.complete(first.run, (RESULT,), progress={})
    assert store.take_over((), attempts=2, failure=FAILURE) == ("a",)
    assert (store.get("a").phase, store.get("a").failure) == (Phase.ERROR, FAILURE)


def test_a_live_run_is_left_alone_and_one_of_a_dead_worker_is_not(store):
    for name in "ab":
        store.create(make(name))
    runs = {store.claim(worker, kinds=KINDS, lease=LEASE).id: worker for worker in ("dead", "alive")}
    assert store.workers() == {"dead", "alive"}
    taken = store.take_over(["dead", "unknown"], attempts=2, failure=FAILURE)
    assert [runs[name] for name in taken] == ["dead"]


def test_a_beat_keeps_a_run(store):
    store.create(make("a"))
    job = store.claim("w", kinds=KINDS, lease=PAST)
    assert store.beat(job.run, lease=LEASE, progress={"rows": 3})
    assert store.take_over((), attempts=2, failure=FAILURE) == ()
    assert store.get("a").progress == {"rows": 3}
    assert store.alive([job.run, "other"]) == {job.run}


def test_a_job_that_is_given_back_has_not_been_tried(store):
    store.create(make("a"))
    assert store.give_back(store.claim("w", kinds=KINDS, lease=LEASE).run)
    job = store.get("a")
    assert (job.phase, job.attempt, job.started) == (Phase.QUEUED, 0, None)


def test_a_job_is_gone_when_its_destruction_has_come(store):
    store.create(make("a", owner="me", destruction=now() - timedelta(seconds=1)))
    store.create(make("b", owner="me"))
    assert store.get("a") is None
    assert store.phases(["a", "b"]) == {"b": Phase.QUEUED}
    assert [line.id for line in store.recent("me", most=10)] == ["b"]
    assert store.claim("w", kinds=KINDS, lease=LEASE).id == "b"
    assert not store.abort("a")
    assert store.expired() == ("a",)
    assert store.delete("a")
    assert not store.delete("a")


def test_the_list_has_the_jobs_of_its_owner_the_newest_first(store):
    start = now() - timedelta(hours=1)
    for number in range(5):
        created = start + timedelta(minutes=number)
        store.create(make(f"{number}", owner="me" if number else "other", created=created))
    store.abort("3")
    names = [line.id for line in store.recent("me", most=10)]
    assert names == ["4", "3", "2", "1"]
    assert [line.id for line in store.recent("me", most=2)] == ["4", "3"]
    assert [line.id for line in store.recent("me", phases=[Phase.ABORTED, Phase.ERROR], most=9)] == ["3"]
    after = store.recent("me", after=start + timedelta(minutes=2), most=9)
    assert [line.id for line in after] == ["4", "3"]
    assert store.recent("nobody", most=9) == ()


def test_counts(store):
    for number, share in enumerate("aab"):
        store.create(make(f"{number}", share=share, queued=now() + timedelta(seconds=number)))
    store.create(make("p", share="b", phase=Phase.PENDING, queued=None))
    assert store.count_waiting() == 3
    assert [store.count_of(share) for share in "abc"] == [2, 2, 0]
    assert [store.count_before(store.get(name)) for name in "012p"] == [0, 1, 2, 0]
    assert store.has_waiting()


def test_a_change_is_for_jobs_of_these_phases_only(store):
    store.create(make("a"))
    assert not store.change("a", phases=[Phase.PENDING], duration=5)
    assert store.get("a").duration == 600
    assert store.change("a", phases=[Phase.QUEUED], duration=5)
    assert store.get("a").duration == 5


def test_parameters_are_set_where_nobody_else_has_set_them(store):
    store.create(make("a", phase=Phase.PENDING, parameters=(("QUERY", "x"),)))
    first, second = store.get("a"), store.get("a")
    assert store.set_parameters(first, (("QUERY", "y"),), (INPUT,), run_id="r")
    assert not store.set_parameters(second, (("QUERY", "z"),), (), run_id=None)
    job = store.get("a")
    assert (job.parameters, job.inputs, job.run_id) == ((("QUERY", "y"),), (INPUT,), "r")
    store.enqueue("a")
    assert not store.set_parameters(job, (), (), run_id=None)


def test_what_came_with_a_job_is_counted_as_stored(store):
    store.create(make("a", inputs=(INPUT, INPUT)))
    assert store.stored_bytes() == 2000
    store.complete(store.claim("w", kinds=KINDS, lease=LEASE).run, (RESULT,), progress={})
    assert store.stored_bytes() == 2012


def test_tables_of_the_first_version_are_brought_to_the_present_one(database_url, store):
    """As they were before jobs had inputs."""
    store.create(make("a", parameters=(("QUERY", "x"),)))
    engine = create_engine(database_url)
    with engine.begin() as connection:
        for name in ("inputs", "input_bytes"):
            connection.execute(text(f"ALTER TABLE jobs DROP COLUMN {name}"))
        connection.execute(text("UPDATE jobs_version SET version = 1"))
    engine.dispose()
    newer = JobStore(database_url)
    assert newer.get("a").parameters == (("QUERY", "x"),)
    assert newer.get("a").inputs == ()
    newer.create(make("b", inputs=(INPUT,)))
    assert newer.get("b").inputs == (INPUT,)
    newer.close()


def test_two_processes_may_make_the_tables_at_once(database_url):
    begin = threading.Barrier(4)

    def open_it(_: int) -> JobStore:
        begin.wait()
        return JobStore(database_url)

    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(open_it, range(4)))
    stores[0].create(make("a"))
    assert all(store.get("a") is not None for store in stores)
    for store in stores:
        store.close()


def test_a_new_file_that_another_process_writes_is_waited_for(tmp_path):
    path = tmp_path / "jobs.sqlite"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE t (x)")
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.5, lambda: other.execute("COMMIT")).start()
    store = JobStore(f"sqlite:///{path}")
    store.create(make("a"))
    assert store.get("a") is not None
    store.close()
    other.close()


def test_jobs_outlive_the_process(database_url):
    first = JobStore(database_url)
    first.create(make("a"))
    first.close()
    second = JobStore(database_url)
    assert second.get("a") is not None
    second.close()


def test_tables_of_a_newer_version_are_refused(database_url, store):
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE jobs_version SET version = {len(STEPS) + 1}"))
    engine.dispose()
    with pytest.raises(JobsUnavailable, match=f"has version {len(STEPS) + 1} and this GammaHub knows"):
        JobStore(database_url)


def test_a_database_server_that_was_restarted_is_asked_anew(postgres_database):
    """Its connections are gone, as those of the pool find when they are next used."""
    store = JobStore(postgres_database)
    store.create(make("restarted"))
    engine = create_engine(postgres_database)
    with engine.begin() as connection:
        ended = connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        ).all()
        assert ended
    engine.dispose()
    assert store.get("restarted") is not None
    assert store.delete("restarted")
    store.close()


@pytest.mark.parametrize(
    "url",
    [
        *("nonsense", "oracle+none://x/y", "sqlite:////proc/nothing/here/jobs.sqlite"),
        "postgresql+psycopg://nobody@127.0.0.1:1/none",
    ],
)
def test_a_database_that_cannot_be_had_is_told(url):
    with pytest.raises(JobsUnavailable):
        JobStore(url)


def test_a_broken_file_is_told_and_kept(tmp_path):
    path = tmp_path / "jobs.sqlite"
    path.write_bytes(b"this is no database" * 1000)
    with pytest.raises(JobsUnavailable):
        JobStore(f"sqlite:///{path}")
    assert path.read_bytes().startswith(b"this is no database")
