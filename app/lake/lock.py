"""One writer at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType

from app.lake.durable import make_folder
from app.lake.layout import Layout


class LakeBusy(Exception):
    """Another ingest writes to this lake."""


class LakeLock:
    """Holds the right to write to a lake; the operating system frees it when the process ends.

    Parameters
    ----------
    lake
        Folder of the lake; made if it is not there.

    Raises
    ------
    LakeBusy
        Raised on entry if another process, or another thread of this one, holds the lock.
    """

    def __init__(self, lake: Path) -> None:
        self._path = Layout(lake).lock
        self._descriptor: int | None = None

    def __enter__(self) -> LakeLock:
        make_folder(self._path.parent)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise LakeBusy(
                f"Process {holder} is loading data into {self._path.parent}; try again when it has finished."
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
