"""Text columns in other encodings, a whole column at a time.

A column of text is one buffer of UTF-8 and the places where its values begin. The buffer is recoded in one
call; each new place follows from the old one, as the first byte of a character tells how many bytes it
becomes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from app.errors import ValueRangeError

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int32]

_LARGEST = 2**31 - 1
"""Most bytes of an Arrow array of text."""
REPLACEMENT = "\ufffd"
"""Stands for what cannot be told (Unicode 16 section 5.22)."""


def _widths(one: int, latin: int, two: int, three: int, four: int) -> npt.NDArray[np.uint8]:
    """New size of a character by its first UTF-8 byte; 0 for the bytes that continue one."""
    table = np.zeros(256, np.uint8)
    table[:0x80] = one
    table[0xC2:0xC4] = latin
    table[0xC4:0xE0] = two
    table[0xE0:0xF0] = three
    table[0xF0:] = four
    return table


_UTF16_WIDTHS = _widths(2, 2, 2, 2, 4)
_ESCAPED_WIDTHS = _widths(1, len(r"\xe9"), len(r"\u0416"), len(r"\u2605"), len(r"\U0001f600"))
_XML_SPECIAL = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))
_XML_ILLEGAL = "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x{fffe}\\x{ffff}]"
"""What XML 1.0 section 2.2 does not allow, surrogates apart: those are no valid UTF-8 either."""


def text_buffers(text: pa.Array) -> tuple[Offsets, Bytes]:
    """Where the values of a column without NULLs begin and end, and its bytes.

    Parameters
    ----------
    text
        A string or binary array of n values, of which one may be a slice of another.

    Returns
    -------
    offsets, data
        n + 1 places in ``data``, of which the first need not be 0.
    """
    buffers = text.buffers()
    offsets = np.frombuffer(buffers[1], np.int32, len(text) + 1, text.offset * 4)
    data = np.frombuffer(buffers[2], np.uint8) if buffers[2] is not None else np.empty(0, np.uint8)
    return offsets, data


def binary_array(offsets: Offsets, data: Bytes) -> pa.Array:
    """A binary array over such buffers, without a copy."""
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers)


def offsets_of(ends: npt.NDArray[np.int64]) -> Offsets:
    """Places of values as Arrow holds them.

    Raises
    ------
    ValueRangeError
        Raised if they are too large for that.
    """
    if ends[-1] > _LARGEST:
        raise ValueRangeError(f"A value takes {ends[-1]} bytes; the most is {_LARGEST}.")
    return ends.astype(np.int32)


def is_ascii(text: pa.Array) -> bool:
    """True if no value of a column without NULLs leaves ASCII."""
    offsets, data = text_buffers(text)
    used = data[offsets[0] : offsets[-1]]
    return not used.size or bool(used.max() < 0x80)


def valid_text(text: pa.Array) -> pa.Array:
    """The column with REPLACEMENT for bytes that are not UTF-8, among them lone surrogates."""
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        cells = text.view(pa.binary()).to_pylist()
        repaired = [cell if cell is None else cell.decode("utf-8", "replace") for cell in cells]
        return pa.array(repaired, pa.string())
    return text


def ascii_escaped(text: pa.Array) -> pa.Array:
    r"""A column without NULLs in ASCII, other characters as ``\xe9``, ``\u2605`` or ``\U0001f600``."""
    return _recoded(text, lambda part: part.encode("ascii", "backslashreplace"), _ESCAPED_WIDTHS)


def utf16(text: pa.Array) -> pa.Array:
    """A column without NULLs in UTF-16, big-endian."""
    offsets, data = text_buffers(text)
    if is_ascii(text):
        used = data[offsets[0] : offsets[-1]]
        wide = np.zeros((used.size, 2), np.uint8)
        wide[:, 1] = used
        return binary_array((offsets - offsets[0]) * np.int32(2), wide.reshape(-1))
    return _recoded(text, lambda part: part.encode("utf-16-be"), _UTF16_WIDTHS)


def xml_escaped(text: pa.Array, *, illegal: str = REPLACEMENT) -> pa.Array:
    """The column as the text of XML elements (XML 1.0 sections 2.2, 2.4 and 2.11).

    Parameters
    ----------
    text
        A string array; NULL stays NULL.
    illegal
        Stands for characters that XML does not know. Markup and carriage returns become references.
    """
    if not len(text):
        return text
    offsets, data = text_buffers(text)
    used = data[offsets[0] : offsets[-1]]
    if not used.size:
        return text
    if used.max() >= 0x80:
        text = valid_text(text)
    if used.min() < 0x20 or used.max() >= 0xEF:
        text = pc.replace_substring_regex(text, _XML_ILLEGAL, illegal)
    haystack = used.tobytes()
    for character, reference in _XML_SPECIAL:
        if character.encode() in haystack:
            text = pc.replace_substring(text, character, reference)
    return pc.replace_substring(text, "\r", "&#13;") if b"\r" in haystack else text


def json_quoted(text: pa.Array) -> pa.Array:
    """The column as strings of JSON (RFC 8259 section 7); NULL stays NULL."""
    text = valid_text(text)
    offsets, data = text_buffers(text)
    controls = np.flatnonzero(np.bincount(data[offsets[0] : offsets[-1]], minlength=0x20)[:0x20])
    escapes = {"\\": "\\\\", '"': '\\"', **{chr(code): f"\\u{code:04x}" for code in controls}}
    for character, escape in escapes.items():
        text = pc.replace_substring(text, character, escape)
    return pc.binary_join_element_wise('"', text, '"', "")


def legible(text: str) -> str:
    """A single text that XML can hold."""
    return "".join(c if _is_legal(ord(c)) else REPLACEMENT for c in text)


def _is_legal(code: int) -> bool:
    if code < 0x20:
        return code in (9, 10, 13)
    return not (0xD800 <= code < 0xE000 or code in (0xFFFE, 0xFFFF))


def _recoded(text: pa.Array, encode: Callable[[str], bytes], widths: npt.NDArray[np.uint8]) -> pa.Array:
    offsets, data = text_buffers(valid_text(text))
    used = data[offsets[0] : offsets[-1]]
    places = np.zeros(used.size + 1, np.int64)
    np.cumsum(widths[used], out=places[1:])
    recoded = encode(used.tobytes().decode("utf-8"))
    return binary_array(offsets_of(places[offsets - offsets[0]]), np.frombuffer(recoded, np.uint8))
