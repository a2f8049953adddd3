"""Where jobs are made and run: a store, a folder and runners, with no service around them."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from app.faults import explain_failure
from app.uws import Job, JobFiles, JobStore, Limits, Phase, Presence, Runner
from app.uws.instant import now
from tests.support.eventually import PATIENCE

LIMITS = Limits(slots=2, lease=30.0, job_bytes=10_000, jobs_bytes=50_000)


class Place:
    """Where jobs are made and run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = JobStore(f"sqlite:///{folder / 'jobs.sqlite'}")
        self.files = JobFiles(folder / "jobs")
        self.changed: list[str] = []
        self.runners: list[Runner] = []

    def runner(self, works: dict, limits: Limits = LIMITS) -> Runner:
        runner = Runner(
            self.store,
            self.files,
            works,
            limits=limits,
            explain=explain_failure,
            changed=self.changed.append,
            presence=lambda: Presence(self.folder / "processes"),
        )
        self.runners.append(runner)
        runner.start()
        return runner

    def add(self, name: str = "a" * 32, kind: str = "tap", **facts: object) -> str:
        created = now()
        job = Job(
            id=name,
            kind=kind,
            phase=Phase.QUEUED,
            created=created,
            destruction=created + timedelta(days=1),
            duration=600,
            queued=created,
        )
        self.store.create(replace(job, **facts))
        for runner in self.runners:
            runner.wake()
        return name

    def wait(self, name: str, *phases: Phase) -> Job:
        until = time.monotonic() + PATIENCE
        while True:
            job = self.store.get(name)
            if job is not None and job.phase in phases:
                return job
            assert time.monotonic() < until, f"the job is {job and job.phase}"
            time.sleep(0.01)

    def left(self) -> list[str]:
        """Every file of a job."""
        return sorted(
            p.relative_to(self.files.root).as_posix() for p in self.files.root.rglob("*") if p.is_file()
        )

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        for runner in self.runners:
            runner.stop()
        self.store.close()
