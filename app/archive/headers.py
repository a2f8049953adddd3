"""Where the HDUs of a FITS file lie, and header cards written anew."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from app.cards import CARD, Cards
from app.errors import FileUnreadable

BLOCK = 2880
"""Bytes of a FITS block (FITS 4.0 section 3.1)."""
_MOST_BLOCKS = 10_000


@dataclass(frozen=True, slots=True)
class HduPlace:
    """An HDU in a file, after decompression."""

    number: int
    name: str
    cards: Cards
    header: bytes
    """With its padding."""
    begin: int
    """First byte of the header."""
    size: int
    """Bytes of the data without padding."""

    @property
    def data(self) -> int:
        """First byte of the data."""
        return self.begin + len(self.header)

    @property
    def end(self) -> int:
        """First byte behind the padding of the data."""
        return self.data + self.size + -self.size % BLOCK


def open_plain(path: Path) -> BinaryIO:
    """The file, decompressed by its first bytes; it can be sought in.

    Raises
    ------
    OSError
        Raised if it cannot be opened.
    """
    with path.open("rb") as file:
        magic = file.read(3)
    if magic[:2] == b"\x1f\x8b":
        return cast(BinaryIO, gzip.open(path, "rb"))
    if magic == b"BZh":
        return cast(BinaryIO, bz2.open(path, "rb"))
    return path.open("rb")


def hdu_places(file: BinaryIO) -> Iterator[HduPlace]:
    """Each HDU of a file, in order.

    Raises
    ------
    FileUnreadable
        Raised if a header has no end.
    """
    begin = number = 0
    while True:
        file.seek(begin)
        header = _header(file)
        if not header:
            return
        cards = Cards(header)
        size = _data_size(cards)
        place = HduPlace(number, cards.text("EXTNAME"), cards, header, begin, size)
        yield place
        begin, number = place.end, number + 1


def _header(file: BinaryIO) -> bytes:
    header = b""
    for _ in range(_MOST_BLOCKS):
        block = file.read(BLOCK)
        if len(block) < BLOCK:
            return b""
        header += block
        if any(block[at : at + CARD].rstrip() == b"END" for at in range(0, BLOCK, CARD)):
            return header
    raise FileUnreadable("A header of the file has no end.")


def _data_size(cards: Cards) -> int:
    """FITS 4.0 section 4.4.1."""
    axes = [cards.integer(f"NAXIS{axis}") or 0 for axis in range(1, (cards.integer("NAXIS") or 0) + 1)]
    if not axes:
        return 0
    if cards.is_true("GROUPS") and axes[0] == 0:
        axes = axes[1:]
    count = 1
    for length in axes:
        count *= length
    bits = abs(cards.integer("BITPIX") or 8)
    return bits // 8 * (cards.integer("GCOUNT") or 1) * ((cards.integer("PCOUNT") or 0) + count)


def rewritten(
    header: bytes,
    values: Mapping[str, int | float | str],
    *,
    without: Sequence[str] = (),
    history: Sequence[str] = (),
) -> bytes:
    """A header with other values of some of its keywords, without some of them, and with lines of HISTORY.

    Parameters
    ----------
    values
        Keyword -> value; one that the header lacks is left out.
    without
        Keywords whose cards go.
    history
        Lines; what is not printable ASCII becomes ``?``, and long lines are folded.
    """
    cards = [header[at : at + CARD] for at in range(0, len(header), CARD)]
    end = next(at for at, card in enumerate(cards) if card.rstrip() == b"END")
    kept: list[bytes] = []
    for card in cards[:end]:
        key = card[:8].rstrip().decode("latin-1").upper()
        if key in values and card[8:10] == b"= ":
            kept.append(_card(key, values[key]))
        elif key not in without:
            kept.append(card)
    kept += [_history(line[at : at + 70]) for line in history for at in range(0, max(len(line), 1), 70)]
    text = b"".join([*kept, b"END".ljust(CARD)])
    return text + b" " * (-len(text) % BLOCK)


def _card(key: str, value: int | float | str) -> bytes:
    if isinstance(value, str):
        quoted = "'" + value.replace("'", "''").ljust(8) + "'"
        return f"{key:<8}= {quoted:<20}"[:CARD].ljust(CARD).encode("ascii", "replace")
    written = str(value) if isinstance(value, int) else repr(float(value)).upper()
    return f"{key:<8}= {written:>20}".ljust(CARD).encode("ascii")


def _history(line: str) -> bytes:
    plain = "".join(letter if " " <= letter <= "~" else "?" for letter in line)
    return f"HISTORY {plain}".ljust(CARD).encode("ascii")
