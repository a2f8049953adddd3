"""Event lists with some of their events: rows byte for byte, and what was selected told in the header."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from app.archive.headers import BLOCK, HduPlace, hdu_places, open_plain, rewritten
from app.archive.shelf import ShelvedFile
from app.errors import FileUnreadable

Places = NDArray[np.int64]
_PIECE = 1 << 20
_CHECKSUMS = ("CHECKSUM", "DATASUM")


@dataclass(frozen=True, slots=True, eq=False)
class EventCut:
    """Which rows of a table stay."""

    hdu: int
    """Number of the extension."""
    rows: Places
    """Rows from 0, in rising order."""
    history: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class TimeCut:
    """A table of good time intervals that is cut to a time."""

    hdu: int
    low: float
    """[s], mission time."""
    high: float
    history: tuple[str, ...] = ()


def selected_file(
    file: ShelvedFile, events: Sequence[EventCut], times: Sequence[TimeCut] = ()
) -> Iterator[bytes]:
    """The file, uncompressed, with a part of the rows of some of its tables; all else byte for byte.

    Raises
    ------
    FileUnreadable
        Raised if the file is not whole, or a table is not where it was.
    """
    cuts = {cut.hdu: cut for cut in events}
    spans = {cut.hdu: cut for cut in times}
    with open_plain(file.path) as source:
        for place in hdu_places(source):
            if place.number in cuts:
                yield from _with_rows(source, place, cuts[place.number].rows, cuts[place.number].history)
            elif place.number in spans:
                yield from _within(source, place, spans[place.number])
            else:
                yield from _copied(source, place.begin, place.end - place.begin)


def _copied(source: BinaryIO, begin: int, size: int) -> Iterator[bytes]:
    source.seek(begin)
    while size > 0:
        piece = source.read(min(_PIECE, size))
        if not piece:
            raise FileUnreadable("The file ends too early.")
        size -= len(piece)
        yield piece


def _shape(place: HduPlace) -> tuple[int, int]:
    width, count = place.cards.integer("NAXIS1"), place.cards.integer("NAXIS2")
    if not width or count is None or place.cards.text("XTENSION").upper() != "BINTABLE":
        raise FileUnreadable(f"The extension {place.number} is no table any more.")
    return width, count


def _with_rows(source: BinaryIO, place: HduPlace, rows: Places, history: Sequence[str]) -> Iterator[bytes]:
    width, count = _shape(place)
    rows = rows[(rows >= 0) & (rows < count)]
    heap = place.size - width * count
    told = (*history, f"{rows.size} of {count} rows of this table were selected.")
    # The heap stays: what rows refer to is where it was, counted from the end of the rows (FITS 7.3.5).
    values: dict[str, int | float | str] = {"NAXIS2": int(rows.size)}
    if place.cards.integer("THEAP") is not None:
        values["THEAP"] = (place.cards.integer("THEAP") or 0) - width * (count - int(rows.size))
    yield rewritten(place.header, values, without=_CHECKSUMS, history=told)
    step = max(_PIECE // width, 1)
    for first in range(0, count, step):
        low, high = np.searchsorted(rows, (first, first + step))
        if low == high:
            continue
        source.seek(place.data + first * width)
        held = source.read(min(step, count - first) * width)
        if len(held) < min(step, count - first) * width:
            raise FileUnreadable("The file ends too early.")
        table = np.frombuffer(held, dtype=np.dtype((np.void, width)))
        yield table[rows[low:high] - first].tobytes()
    yield from _copied(source, place.data + width * count, heap)
    yield bytes(-(width * int(rows.size) + heap) % BLOCK)


def _within(source: BinaryIO, place: HduPlace, cut: TimeCut) -> Iterator[bytes]:
    """The intervals as far as they are in a time."""
    width, count = _shape(place)
    source.seek(place.data)
    table = np.frombuffer(source.read(width * count), dtype=np.uint8).reshape(count, width).copy()
    offsets = [_offset(place, name) for name in ("START", "STOP")]
    start, stop = (
        table[:, at : at + 8].copy().view(">f8")[:, 0] if at is not None else None for at in offsets
    )
    if start is None or stop is None:
        yield from _copied(source, place.begin, place.end - place.begin)
        return
    start, stop = np.maximum(start, cut.low), np.minimum(stop, cut.high)
    kept = stop > start
    for at, values in zip(offsets, (start, stop), strict=True):
        assert at is not None
        table[:, at : at + 8] = values.astype(">f8")[:, None].view(np.uint8).reshape(count, 8)
    content = table[kept].tobytes()
    told = (*cut.history, f"{int(kept.sum())} of {count} intervals remain, cut to the selected time.")
    yield rewritten(place.header, {"NAXIS2": int(kept.sum())}, without=_CHECKSUMS, history=told)
    yield content
    yield bytes(-len(content) % BLOCK)


_BYTES = {
    "L": 1,
    "X": 1,
    "B": 1,
    "I": 2,
    "J": 4,
    "K": 8,
    "A": 1,
    "E": 4,
    "D": 8,
    "C": 8,
    "M": 16,
    "P": 8,
    "Q": 16,
}


def _offset(place: HduPlace, wanted: str) -> int | None:
    """Where in a row a column of one double begins; None if there is none."""
    at = 0
    for number in range(1, (place.cards.integer("TFIELDS") or 0) + 1):
        form = place.cards.text(f"TFORM{number}").strip().upper()
        digits = form[: len(form) - len(form.lstrip("0123456789"))]
        code = form[len(digits) : len(digits) + 1]
        repeat = int(digits or 1)
        if place.cards.text(f"TTYPE{number}").strip().upper() == wanted:
            return at if (code, repeat) == ("D", 1) else None
        at += (repeat + 7) // 8 if code == "X" else repeat * _BYTES.get(code, 0)
    return None
