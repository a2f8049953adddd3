"""Whether a server process of this machine lives still."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import socket
from collections.abc import Iterable
from pathlib import Path

from app.lake.durable import make_folder

_NAME = re.compile(r"\d+-[0-9a-f]{12}", re.ASCII)
"""What follows the name of the machine in that of a process."""


class Presence:
    """A lock that the operating system frees when the process ends, however it ends.

    The leases of jobs tell of a process that has died, too, but later. They are for processes of other
    machines, whose locks a shared folder may not show.

    Parameters
    ----------
    folder
        Where processes that share jobs keep their locks; made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._machine = f"{socket.gethostname()[:60]}-"
        self.name = f"{self._machine}{os.getpid()}-{secrets.token_hex(6)}"
        """Name of this process, never used before."""
        self._folder = folder
        make_folder(folder)
        self._descriptor = _open(self._path(self.name))
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def dead(self, names: Iterable[str]) -> frozenset[str]:
        """Those of other processes that are known to have ended."""
        return frozenset(name for name in names if name != self.name and self._has_ended(name))

    def close(self) -> None:
        """Be gone."""
        self._path(self.name).unlink(missing_ok=True)
        os.close(self._descriptor)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.lock"

    def _has_ended(self, name: str) -> bool:
        if not _NAME.fullmatch(name.removeprefix(self._machine)) or not self._path(name).is_file():
            return False
        descriptor = _open(self._path(name))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True

    def sweep(self) -> None:
        """Remove the locks of processes that have ended and run no job."""
        for path in self._folder.glob("*.lock"):
            if path.stem != self.name and self._has_ended(path.stem):
                path.unlink(missing_ok=True)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
