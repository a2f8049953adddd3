"""Disk space for results that must be known to their end before their first byte is sent."""

from __future__ import annotations

import errno
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from app.errors import QueryQueueFull, QueryTooLarge

_AGAIN = 30
"""When to try again if there is no room [s]."""
_HINT = "Ask for a format that is sent as it comes, such as VOTable or Parquet, or for fewer rows."


class Spool:
    """Temporary files, all of them together of bounded size.

    They have no names, so that nothing is left of them however the process ends.

    Parameters
    ----------
    folder
        Where they are; made when the first is needed. That of the system, if none is given.
    most
        Bytes of all together; None for no bound.
    """

    def __init__(self, folder: Path | None = None, *, most: int | None = None) -> None:
        self._folder = folder
        self._most = most
        self._taken = 0
        self._lock = threading.Lock()

    @contextmanager
    def file(self) -> Iterator[SpoolFile]:
        """An empty file that is gone after the block."""
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self._folder) as content:
            file = SpoolFile(self, content)
            try:
                yield file
            finally:
                with self._lock:
                    self._taken -= file.size

    def take(self, nbytes: int, *, has: int) -> None:
        """Let a file that has so many bytes have more.

        Raises
        ------
        QueryTooLarge
            Raised if it alone would have more than all may have.
        QueryQueueFull
            Raised if all together would.
        """
        with self._lock:
            if self._most is not None and self._taken + nbytes > self._most:
                if has + nbytes > self._most:
                    raise QueryTooLarge(
                        f"The result needs more than the {self._most} bytes of disk that it may take before "
                        "its first row is sent.",
                        hint=_HINT,
                    )
                raise no_room()
            self._taken += nbytes


class SpoolFile:
    """One of the files."""

    def __init__(self, spool: Spool, content: BinaryIO) -> None:
        self.content = content
        """To be written, then read."""
        self.size = 0
        """Bytes that have been accounted for."""
        self._spool = spool

    def account(self) -> None:
        """Say that it has been written up to where it stands now.

        Raises
        ------
        QueryTooLarge, QueryQueueFull
            Raised if that is more than it may have.
        """
        more = self.content.tell() - self.size
        self._spool.take(more, has=self.size)
        self.size += more

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Tell in words of ours that the disk is full.

        Raises
        ------
        QueryQueueFull
            Raised if it is.
        """
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise no_room() from error
            raise


def no_room() -> QueryQueueFull:
    """What is told where others take the space."""
    return QueryQueueFull(
        "The service is busy: its disk has no room for one more result that is counted before it is sent.",
        retry_after=_AGAIN,
        hint=_HINT,
    )
