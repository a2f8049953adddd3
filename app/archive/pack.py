"""Files as one stream, tar or zip, in little memory."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

_PIECE = 1 << 18


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a bundle."""

    name: str
    """Path within the bundle, with forward slashes."""
    size: int
    """Bytes that its pieces have together."""
    pieces: Callable[[], Iterable[bytes]]
    """Gives its content; called when its turn has come."""


def tar_stream(members: Iterable[Member], *, mtime: int) -> Iterator[bytes]:
    """A tar file (POSIX.1-2001).

    Parameters
    ----------
    mtime
        Time of change of each member, seconds since 1970.

    Raises
    ------
    ValueError
        Raised if a member has not as many bytes as it says.
    """
    total = 0
    for member in members:
        info = tarfile.TarInfo(member.name)
        info.size, info.mtime, info.mode = member.size, mtime, 0o644
        header = info.tobuf(tarfile.PAX_FORMAT)
        yield header
        total += len(header)
        written = 0
        for piece in member.pieces():
            written += len(piece)
            yield piece
        if written != member.size:
            raise ValueError(f"{member.name} has {written} bytes, not {member.size}.")
        padding = bytes(-written % tarfile.BLOCKSIZE)
        yield padding
        total += written + len(padding)
    yield bytes(2 * tarfile.BLOCKSIZE + -(total + 2 * tarfile.BLOCKSIZE) % tarfile.RECORDSIZE)


class _Sink(io.RawIOBase):
    """Takes what a zip file is made of, and gives it away again; it cannot be sought in."""

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        """Take a piece."""
        self._held.append(bytes(piece))
        return len(piece)

    def taken(self) -> bytes:
        """What was written since."""
        held, self._held = self._held, []
        return b"".join(held)


def zip_stream(members: Iterable[Member], *, date: tuple[int, int, int, int, int, int]) -> Iterator[bytes]:
    """A zip file, members compressed unless they are already.

    Parameters
    ----------
    date
        Time of change of each member.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w") as archive:
        for member in members:
            info = zipfile.ZipInfo(member.name, date_time=date)
            packed = member.name.endswith((".gz", ".bz2"))
            info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            with archive.open(info, "w", force_zip64=True) as target:
                for piece in member.pieces():
                    target.write(piece)
                    yield sink.taken()
            yield sink.taken()
    yield sink.taken()
