"""A FITS file read from its beginning to its end, plain or compressed, in little memory."""

from __future__ import annotations

import bz2
import hashlib
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol

from app.cards import CARD, Cards
from app.ingest.errors import FileRejected

BLOCK = 2880
"""Bytes of a FITS block (FITS 4.0 section 3.1)."""

_HEADER_BLOCKS = 10_000
_END = b"END" + b" " * (CARD - 3)
_PIECE = 1 << 18
_LARGEST = 1 << 60
_SUFFIXES = (".fits", ".fit", ".fts", ".fz")
_COMPRESSED = (".gz", ".bz2")


def is_fits_name(name: str) -> bool:
    """True for the name of a file that should be FITS, by its suffix."""
    lower = name.lower()
    for suffix in _COMPRESSED:
        lower = lower.removesuffix(suffix)
    return lower.endswith(_SUFFIXES)


def sha256_of(path: Path) -> str:
    """The SHA-256 checksum of a file as it is on the disk, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Data:
    """The data of an HDU, to be read once and in order."""

    def __init__(self, source: _Source, size: int, place: str) -> None:
        self.size = size
        """Bytes of the data, without padding."""
        self._source = source
        self._left = size
        self._place = place

    def read(self, count: int) -> bytes:
        """The next bytes of the data.

        Raises
        ------
        FileRejected
            Raised if the file ends before them.
        """
        data = self._source.read(min(count, self._left))
        self._left -= len(data)
        if len(data) < count:
            self._fail()
        return data

    def finish(self) -> None:
        """Pass the rest of the data and its padding.

        Raises
        ------
        FileRejected
            Raised if the file ends within the data; that the padding is cut is no harm.
        """
        self._left -= self._source.skip(self._left)
        if self._left:
            self._fail()
        self._source.skip(-self.size % BLOCK)

    def _fail(self) -> None:
        there = self.size - self._left
        raise FileRejected(
            f"It is truncated: {self._place} should have {self.size} bytes of data, but the file ends after "
            f"{there} of them."
        )


class Hdu(Data):
    """A header and, until the next one is asked for, its data."""

    def __init__(self, number: int, cards: Cards, begin: int, source: _Source, place: str) -> None:
        self.number = number
        """0 for the primary."""
        self.cards = cards
        self.name = cards.text("EXTNAME")
        self.begin = begin
        """First byte of the data in the file, after decompression."""
        size = _data_size(cards, place)
        super().__init__(source, size, f"{place} ({self.name})" if self.name else place)


class FitsFile:
    """A FITS file, to be gone through once.

    Raises
    ------
    FileRejected
        Raised, then or while it is gone through, if it is no FITS file or not a whole one.
    """

    def __init__(self, path: Path) -> None:
        self.remainder = ""
        """What was found behind the last extension, if it is more than padding; a sentence, else empty."""
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise FileRejected(f"It cannot be read: {error.strerror}.") from error
        try:
            self._source = _source(self._file)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> FitsFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def hdus(self) -> Iterator[Hdu]:
        """Each header with its data, in order."""
        number = begin = 0
        while True:
            place = f"extension {number}" if number else "the primary HDU"
            block = self._header(number, place)
            if block is None:
                return
            begin += len(block)
            hdu = Hdu(number, Cards(block), begin, self._source, place)
            yield hdu
            hdu.finish()
            begin += hdu.size + -hdu.size % BLOCK
            number += 1

    def data(self, begin: int, size: int) -> Data:
        """Data whose place is known; instead of :meth:`hdus`."""
        self._source.skip(begin)
        return Data(self._source, size, "its table")

    def _header(self, number: int, place: str) -> bytes | None:
        block = self._source.read(BLOCK)
        if number == 0:
            _check_beginning(block)
        elif not block.startswith(b"XTENSION"):
            # FITS 4.0 section 3.5: what follows the last extension is no business of a reader, but that a
            # compressed stream is whole shows at its end.
            self._source.skip(_LARGEST)
            if block.strip(b"\0 \n\r"):
                self.remainder = (
                    f"what follows extension {number - 1} is no extension (XTENSION) and is left out"
                )
            return None
        blocks = [block]
        while not _has_end(blocks[-1]):
            block = self._source.read(BLOCK)
            if not block:
                raise FileRejected(f"It is truncated: the header of {place} has no END.")
            if len(blocks) >= _HEADER_BLOCKS:
                raise FileRejected(
                    f"The header of {place} has more than {_HEADER_BLOCKS * BLOCK // CARD} cards and no END."
                )
            blocks.append(block)
        if len(blocks[-1]) < BLOCK:
            raise FileRejected(f"It is truncated: it ends within the header of {place}.")
        return b"".join(blocks)


def _has_end(block: bytes) -> bool:
    position = block.find(_END)
    while position >= 0:
        if position % CARD == 0:
            return True
        position = block.find(_END, position + 1)
    return False


def _check_beginning(block: bytes) -> None:
    if not block:
        raise FileRejected("It is empty.")
    if not block.startswith(b"SIMPLE  ="):
        shown = block[:12].decode("ascii", "backslashreplace")
        raise FileRejected(
            f'It is not a FITS file: it begins with "{shown}", and FITS begins with "SIMPLE  =".'
        )


def _data_size(cards: Cards, place: str) -> int:
    """Bytes of an HDU's data (FITS 4.0 section 4.4.1.1, equation 2)."""
    axes = cards.integer("NAXIS")
    bitpix = cards.integer("BITPIX")
    if axes is None or bitpix is None or not 0 <= axes <= 999 or abs(bitpix) not in (8, 16, 32, 64):
        raise FileRejected(
            f'The header of {place} does not say how large its data are: BITPIX is "{cards.text("BITPIX")}" '
            f'and NAXIS is "{cards.text("NAXIS")}".'
        )
    if axes == 0:
        return 0
    lengths = [cards.integer(f"NAXIS{axis}") for axis in range(1, axes + 1)]
    if lengths[0] == 0 and cards.is_true("GROUPS"):
        lengths = lengths[1:]
    parameters, groups = cards.integer("PCOUNT"), cards.integer("GCOUNT")
    counts = [*lengths, 0 if parameters is None else parameters, 1 if groups is None else groups]
    if any(count is None or count < 0 for count in counts):
        raise FileRejected(f"The header of {place} has an NAXISn, PCOUNT or GCOUNT that is no length.")
    whole = math.prod(length or 0 for length in lengths)
    size = abs(bitpix) // 8 * (counts[-1] or 0) * ((counts[-2] or 0) + whole)
    if size > _LARGEST:
        raise FileRejected(f"The header of {place} claims {size} bytes of data.")
    return size


class _Source(Protocol):
    """Bytes in order."""

    def read(self, count: int) -> bytes:
        """The next bytes; fewer only at the end of the file."""
        ...

    def skip(self, count: int) -> int:
        """Pass bytes; how many there were."""
        ...


def _source(file: BinaryIO) -> _Source:
    magic = file.read(3)
    file.seek(0)
    if magic[:2] == b"\x1f\x8b":
        return _Compressed(file, "gzip")
    if magic == b"BZh":
        return _Compressed(file, "bzip2")
    if magic[:2] == b"\x1f\x9d":
        raise FileRejected(
            "It is compressed with the Unix compress program; gzip or no compression is right."
        )
    return _Plain(file)


class _Plain:
    """A file that is not compressed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = file.seek(0, 2)
        file.seek(0)

    def read(self, count: int) -> bytes:
        return self._file.read(min(count, self._size))

    def skip(self, count: int) -> int:
        here = self._file.tell()
        there = min(count, max(self._size - here, 0))
        self._file.seek(here + there)
        return there


class _Compressed:
    """A compressed file, one or several members, of which a piece at a time is in memory."""

    def __init__(self, file: BinaryIO, kind: str) -> None:
        self._file = file
        self._kind = kind
        self._member: zlib._Decompress | bz2.BZ2Decompressor | None = None
        self._raw = b""
        self._ready = b""
        self._begun = False

    def read(self, count: int) -> bytes:
        pieces: list[bytes] = []
        wanted = count
        while wanted:
            if not self._ready:
                self._ready = self._piece(max(wanted, BLOCK))
                if not self._ready:
                    break
            pieces.append(self._ready[:wanted])
            self._ready = self._ready[wanted:]
            wanted -= len(pieces[-1])
        return b"".join(pieces)

    def skip(self, count: int) -> int:
        left = count
        while left:
            passed = len(self.read(min(left, _PIECE)))
            if not passed:
                break
            left -= passed
        return count - left

    def _piece(self, wanted: int) -> bytes:
        """Some decompressed bytes; none at the end of the file."""
        size = min(wanted, 4 * _PIECE)
        while True:
            if self._member is None and not self._next_member():
                return b""
            data = self._decompress(size)
            if data:
                return data

    def _next_member(self) -> bool:
        if not self._raw:
            self._raw = self._file.read(_PIECE)
        # Zeros may pad a gzip file (gzip(1)); they and the end of the file are no member.
        self._raw = self._raw.lstrip(b"\0") if self._begun else self._raw
        if not self._raw:
            return False
        if self._begun and not self._raw.startswith((b"\x1f\x8b", b"BZh", b"\x1f", b"B")):
            return False
        self._member = zlib.decompressobj(31) if self._kind == "gzip" else bz2.BZ2Decompressor()
        self._begun = True
        return True

    def _decompress(self, size: int) -> bytes:
        member = self._member
        assert member is not None
        try:
            if isinstance(member, bz2.BZ2Decompressor):
                if not self._raw and member.needs_input:
                    self._refill()
                data = member.decompress(self._raw, size)
                self._raw = member.unused_data if member.eof else b""
            else:
                if not self._raw:
                    self._refill()
                data = member.decompress(self._raw, size)
                self._raw = member.unused_data if member.eof else member.unconsumed_tail
        except (zlib.error, OSError, EOFError) as error:
            raise FileRejected(f"Its {self._kind} compression is damaged: {error}.") from error
        if member.eof:
            self._member = None
        return data

    def _refill(self) -> None:
        self._raw = self._file.read(_PIECE)
        if not self._raw:
            raise FileRejected(f"It is truncated: the {self._kind} stream ends before its end mark.")
