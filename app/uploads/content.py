"""The content of an uploaded table: unpacked within its limit, and recognised."""

from __future__ import annotations

import io
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, BinaryIO, cast

from app.uploads.intake import Intake

PIECE = 1 << 20
"""Bytes that are read at a time."""
_IN_MEMORY = 1 << 20
_GZIP = b"\x1f\x8b"
_WRAPPED = 3
"""A file that a server compresses on its way may have been compressed before."""
_OTHERS = {
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"PK\x03\x04": "ZIP",
    b"\x1f\x9d": "compress",
}


@contextmanager
def unpacked(content: BinaryIO, intake: Intake) -> Iterator[BinaryIO]:
    """The content from where it stands, without gzip, as a file that can be sought.

    Raises
    ------
    app.errors.RequestTooLarge
        Raised if it is longer than the limit once it is unpacked; no more than that is ever held.
    app.errors.UploadError
        Raised if it is cut off, or compressed otherwise.
    """
    with ExitStack() as stack:
        for _ in range(_WRAPPED):
            if head_of(content, len(_GZIP)) != _GZIP:
                break
            plain = stack.enter_context(tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY))
            _gunzip(content, plain, intake)
            content = cast(BinaryIO, plain)
        intake.check_bytes(size_of(content))
        head = head_of(content, max(map(len, _OTHERS)))
        for magic, name in _OTHERS.items():
            if head.startswith(magic):
                raise intake.fault(f"It is compressed with {name}; gzip is understood, or no compression.")
        yield content


def _gunzip(packed: BinaryIO, plain: IO[bytes], intake: Intake) -> None:
    size = 0
    for piece in _gunzipped(packed, intake):
        size += len(piece)
        intake.check_bytes(size)
        plain.write(piece)
    plain.seek(0)


def head_of(content: BinaryIO, count: int) -> bytes:
    """The first bytes of what is still to be read."""
    place = content.tell()
    head = content.read(count)
    content.seek(place)
    return head


def size_of(content: BinaryIO) -> int:
    """Bytes that are still to be read."""
    place = content.tell()
    end = content.seek(0, io.SEEK_END)
    content.seek(place)
    return end - place


def _gunzipped(content: BinaryIO, intake: Intake) -> Iterator[bytes]:
    """The members of a gzip file (RFC 1952) one after the other, in pieces of bounded size."""
    waiting = content.read(PIECE)
    while waiting:
        unpack = zlib.decompressobj(wbits=31)
        while not unpack.eof:
            intake.check_stopped()
            try:
                piece = unpack.decompress(waiting, PIECE)
            except zlib.error as error:
                raise intake.fault("Its gzip compression is damaged.") from error
            waiting = unpack.unconsumed_tail
            if not waiting and not unpack.eof:
                waiting = content.read(PIECE)
                if not waiting and not piece:
                    raise intake.fault("It is cut off: its gzip compression does not end.")
            yield piece
        waiting = unpack.unused_data.lstrip(b"\0") or content.read(PIECE).lstrip(b"\0")
