"""The keywords of a FITS header, each read when it is asked for."""

from __future__ import annotations

import contextlib
import math
import re

CARD = 80
"""Bytes of a card image (FITS 4.0 section 3.3.1)."""

_VALUE = re.compile(r"\s*(?:'((?:[^']|'')*)'|([^/]*))\s*(?:/(.*))?", re.DOTALL)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[EeDd][+-]?\d+)?")
_SEXAGESIMAL = re.compile(r"([+-]?)(\d+)d(?:(\d+(?:\.\d*)?)m)?(?:(\d+(?:\.\d*)?)s)?", re.IGNORECASE)
_COMMENTARY = ("COMMENT", "HISTORY", "")
_ABSENT = ("", "none", "null", "nan", "n/a", "undef", "undefined")


class Cards:
    """The keywords of one header; where a keyword is repeated, its first value counts.

    FITS 4.0 section 4: fixed and free format, long strings (CONTINUE), HIERARCH. What is not ASCII or is
    malformed is read as far as it makes sense: this is a description of data, not a check of a standard.

    Parameters
    ----------
    block
        The header with its END card, in whole cards.
    """

    def __init__(self, block: bytes) -> None:
        self._raw: dict[str, str] = {}
        self._commentary: list[str] = []
        text = block.decode("latin-1")
        self._text = text
        self._is_plain = text.isascii() and text.isprintable()
        last: str | None = None
        for start in range(0, len(text), CARD):
            card = text[start : start + CARD]
            key = card[:8].rstrip().upper()
            if key == "END":
                break
            if key == "CONTINUE" and last is not None:
                self._raw[last] = _join(self._raw[last], card[8:])
                continue
            last = None
            if key == "HIERARCH" and "=" in card:
                key, _, value = card[8:].partition("=")
                key = key.strip().upper()
            elif card[8:10] == "= " or (card[8:9] == "=" and key not in _COMMENTARY):
                value = card[9:]
            else:
                if key in _COMMENTARY:
                    self._commentary.append(card[8:].rstrip())
                continue
            if key not in self._raw:
                self._raw[key] = value
                last = key

    def __contains__(self, key: str) -> bool:
        return key in self._raw

    def text(self, *keys: str) -> str:
        """The value of the first of the keywords that has one, as text without padding; else empty."""
        for key in keys:
            value = self._parsed(key)[0]
            if value:
                return value
        return ""

    def said(self, *keys: str) -> str:
        """Like :meth:`text`, but words that mean "no value" count as none."""
        for key in keys:
            value = self.text(key)
            if value.lower() not in _ABSENT:
                return value
        return ""

    def number(self, *keys: str) -> float | None:
        """The first of the keywords whose value is a finite number, a quoted one too; else None."""
        for key in keys:
            value = to_number(self.text(key))
            if value is not None:
                return value
        return None

    def integer(self, *keys: str) -> int | None:
        """The first of the keywords whose value is a whole number, a quoted one or 4.0 too; else None."""
        for key in keys:
            value = to_integer(self.text(key))
            if value is not None:
                return value
        return None

    def angle(self, *keys: str) -> float | None:
        """Like :meth:`number` [deg]; ``-67d40m12s`` is read too."""
        for key in keys:
            value = to_angle(self.text(key))
            if value is not None:
                return value
        return None

    def is_true(self, key: str) -> bool:
        """True for a keyword whose value is T."""
        return self.text(key).upper() in ("T", "TRUE")

    def comment(self, key: str) -> str:
        """What stands behind the slash; else empty."""
        return self._parsed(key)[1]

    def mentions(self, pattern: re.Pattern[str]) -> bool:
        """True if a value, or a line of COMMENT or HISTORY, matches a pattern; comments do not count."""
        if not pattern.search(self._text):
            return False
        values = (self.text(key) for key in self._raw)
        return any(pattern.search(value) for value in (*values, *self._commentary))

    def _parsed(self, key: str) -> tuple[str, str]:
        raw = self._raw.get(key)
        if raw is None:
            return "", ""
        value, comment = _parse(raw)
        return (value, comment) if self._is_plain else (_printable(value), _printable(comment))


def to_number(text: str) -> float | None:
    """A finite number that a text writes, in the manner of FITS or of Python; else None."""
    stripped = text.strip()
    if not _NUMBER.fullmatch(stripped):
        return None
    value = float(stripped.replace("D", "E").replace("d", "e"))
    return value if math.isfinite(value) else None


def to_integer(text: str) -> int | None:
    """A whole number that fits a long and that a text writes, 4.0 too; else None."""
    try:
        whole = int(text)
    except ValueError:
        value = to_number(text)
        if value is None or value != int(value):
            return None
        whole = int(value)
    return whole if -(2**63) <= whole < 2**63 else None


def to_angle(text: str) -> float | None:
    """An angle [deg] that a text writes as a number or as ``-67d40m12s``; else None."""
    number = to_number(text)
    if number is not None:
        return number
    match = _SEXAGESIMAL.fullmatch(text.replace(" ", ""))
    if match is None:
        return None
    sign, degrees, minutes, seconds = match.groups()
    size = float(degrees) + float(minutes or 0) / 60 + float(seconds or 0) / 3600
    return -size if sign == "-" else size


def _parse(raw: str) -> tuple[str, str]:
    match = _VALUE.match(raw)
    if match is None:
        return "", ""
    quoted, plain, comment = match.groups()
    value = plain.strip() if quoted is None else quoted.replace("''", "'").rstrip()
    return value, (comment or "").strip()


def _printable(text: str) -> str:
    """The text with the bytes of UTF-8 read as such, and without control characters."""
    with contextlib.suppress(UnicodeDecodeError):
        text = text.encode("latin-1").decode("utf-8")
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()


def _join(raw: str, more: str) -> str:
    """A long string and the CONTINUE card that follows it (FITS 4.0 section 4.2.1.2)."""
    value, comment = _parse(raw)
    addition, remark = _parse(more)
    joined = (value.removesuffix("&") + addition).replace("'", "''")
    return f"'{joined}' / {comment}{' ' if comment and remark else ''}{remark}"
