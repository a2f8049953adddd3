"""A process that runs a job and ends at a point of its way as a power cut ends it: kill -9."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from app.faults import explain_failure
from app.uws import JobFiles, JobStore, Limits, Presence, Run, Runner
from app.uws.files import ResultFile
from tests.support.eventually import PATIENCE

PIECES = (b"first,", b"second,", b"third")
"""What the job writes."""
ENDLESS = "endless"
"""Kind of a job that writes one piece, aborts itself as another process would, and ends when it is told."""


def work(run: Run) -> None:
    """Write the pieces."""
    with run.result("result", media_type="text/csv", extension="csv", headers=dict) as file:
        for piece in PIECES:
            file.write(piece)


def die(*_: object, **__: object) -> None:
    """What no process survives."""
    os.kill(os.getpid(), signal.SIGKILL)


def dying(method: Callable[..., Any], *, after: bool) -> Callable[..., Any]:
    """The method, with death before or after it."""

    def call(*arguments: Any, **named: Any) -> None:
        if after:
            method(*arguments, **named)
        die()

    return call


POINTS: Mapping[str, tuple[str, str, bool]] = {
    "before it is claimed": ("store", "claim", False),
    "claimed": ("store", "claim", True),
    "its folder made": ("files", "workspace", True),
    "its first piece written": ("file", "write", True),
    "its result whole without its name": ("file", "finish", False),
    "its result named": ("file", "finish", True),
    "before its completion is written": ("store", "complete", False),
    "completed": ("store", "complete", True),
    "before its folder is tidied": ("files", "keep_only", False),
    "tidied": ("files", "clear", True),
    "its abort noticed": ("files", "discard", False),
    "its abort tidied": ("files", "discard", True),
    "before an expired one is forgotten": ("store", "delete", False),
    "an expired one forgotten": ("store", "delete", True),
    "an expired one removed": ("files", "remove", True),
}
"""Point -> object, method, and whether it is after it."""


def main(folder: Path, point: str) -> None:
    """Run the jobs of a folder, which has their database and their files; die at the point."""
    store, files = JobStore(f"sqlite:///{folder / 'jobs.sqlite'}"), JobFiles(folder / "jobs")
    what, name, after = POINTS[point]
    if what != "file" and name != "keep_only":
        owner = {"store": store, "files": files}[what]
        setattr(owner, name, dying(getattr(owner, name), after=after))
    elif what == "file":
        setattr(ResultFile, name, dying(getattr(ResultFile, name), after=after))

    def completing(run: Run) -> None:
        work(run)
        if name == "keep_only":
            # Not that before the run begins.
            setattr(files, name, die)

    def endless(run: Run) -> None:
        run.result("result", media_type="text/csv", extension="csv", headers=dict)
        ended = threading.Event()
        with run.stopped_by(ended.set):
            store.abort(run.job.id)
            ended.wait()
        run.check()

    runner = Runner(
        store,
        files,
        {"tap": completing, ENDLESS: endless},
        limits=Limits(slots=1, lease=600.0, job_bytes=10_000, jobs_bytes=50_000),
        explain=explain_failure,
        changed=lambda _: None,
        presence=lambda: Presence(folder / "processes"),
    )
    runner.start()
    threading.Event().wait(PATIENCE)
