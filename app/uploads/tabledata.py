"""The rows of TABLEDATA (VOTable 1.5 section 5.1), block by block and not element by element.

Nearly every writer makes the same few tags: ``<TR>``, ``<TD>``, ``<TD/>`` and their ends. Where a block of
rows has no others, the places of all its cells are found at once, by numpy. Any other markup is left to
an XML parser.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from app.uploads.field import Field
from app.uploads.intake import Intake, shown
from app.uploads.records import pieces
from app.uploads.texts import parse

_TR, _TD, _END_TD, _EMPTY_TD, _END_TR, _OTHER = range(6)
_TAGS = {b"TR>": _TR, b"TD>": _TD, b"TD/>": _EMPTY_TD, b"/TD>": _END_TD, b"/TR>": _END_TR}
"""What stands behind ``<``, and what it is."""
_LONGEST_TAG = max(map(len, _TAGS))
_FOLLOWERS = {
    _TR: (_TD, _EMPTY_TD, _END_TR),
    _TD: (_END_TD,),
    _END_TD: (_TD, _EMPTY_TD, _END_TR),
    _EMPTY_TD: (_TD, _EMPTY_TD, _END_TR),
    _END_TR: (_TR,),
}
_KINDS = 6
_MAY_FOLLOW = np.array([b in _FOLLOWERS.get(a, ()) for a in range(_KINDS) for b in range(_KINDS)])
"""At first * _KINDS + second."""
_ILLEGAL = bytes(code for code in range(32) if code not in b"\t\n\r")
"""Bytes that XML 1.0 section 2.2 does not allow."""
_REFERENCE = re.compile(
    r"&(?:#(?P<decimal>[0-9]{1,8})|#x(?P<hexadecimal>[0-9A-Fa-f]{1,8})|(?P<name>\w{1,10}));?"
)
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


@dataclass(frozen=True, slots=True)
class Cells:
    """Places of the cells in a block of rows."""

    starts: npt.NDArray[np.int64]
    """Shape (rows, columns)."""
    ends: npt.NDArray[np.int64]


def locate(block: bytes, ncolumns: int) -> Cells | None:
    """Where the cells of whole rows are; None if there is markup in the block that is not expected.

    Rows with a wrong number of cells are left to who can tell which it is, too.
    """
    data = np.frombuffer(block, np.uint8)
    opens = np.flatnonzero(data == ord("<"))
    if not opens.size:
        return Cells(np.empty((0, ncolumns), np.int64), np.empty((0, ncolumns), np.int64))
    if len(block.translate(None, _ILLEGAL)) != len(block):
        return None
    kinds = _kinds(block, opens)
    pairs = kinds[:-1] * np.uint8(_KINDS) + kinds[1:]
    if kinds[0] != _TR or kinds[-1] != _END_TR or not _MAY_FOLLOW[pairs].all():
        return None
    is_cell = (kinds == _TD) | (kinds == _EMPTY_TD)
    which = np.flatnonzero(is_cell)
    row_ends = np.flatnonzero(kinds == _END_TR)
    counts = np.diff(np.searchsorted(which, row_ends), prepend=0)
    if (counts != ncolumns).any():
        return None
    starts = opens[which] + len("<TD>")
    # An end tag follows <TD>; of <TD/> nothing is kept.
    ends = np.where(kinds[which] == _TD, opens[np.minimum(which + 1, opens.size - 1)], starts)
    return Cells(starts.reshape(-1, ncolumns), ends.reshape(-1, ncolumns))


def _kinds(block: bytes, opens: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    padded = np.frombuffer(block + b"\0" * _LONGEST_TAG, np.uint8)
    behind = np.lib.stride_tricks.sliding_window_view(padded, _LONGEST_TAG)[opens + 1]
    words = np.ascontiguousarray(behind).view(">u4")[:, 0]
    kinds = np.full(opens.size, _OTHER, np.uint8)
    for tag, kind in _TAGS.items():
        shift = np.uint32(8 * (_LONGEST_TAG - len(tag)))
        kinds[(words >> shift) == int.from_bytes(tag, "big")] = kind
    return kinds


def columns_of(
    block: bytes, cells: Cells, fields: Sequence[Field], intake: Intake, *, first_row: int
) -> pa.RecordBatch:
    """The values of the cells.

    Raises
    ------
    app.errors.UploadError
        Raised for a cell that is not of the type of its column, or not XML.
    """
    is_ascii = block.isascii()
    arrays = []
    for number, field in enumerate(fields):
        raw = pieces(block, cells.starts[:, number], cells.ends[:, number])
        text = raw.view(pa.string()) if is_ascii else _checked(raw, field, intake)
        if b"\r" in block:
            # XML 1.0 section 2.11.
            text = pc.replace_substring_regex(text, "\r\n?", "\n")
        if b"&" in block:
            text = _resolved(text, field, intake, first_row)
        arrays.append(parse(text, field, intake.complaint(field.name, first_row)))
    return pa.RecordBatch.from_arrays(arrays, [str(number) for number in range(len(arrays))])


def _checked(raw: pa.BinaryArray, field: Field, intake: Intake) -> pa.StringArray:
    try:
        return raw.cast(pa.string())
    except pa.ArrowInvalid as error:
        raise intake.fault("It has bytes that are not UTF-8.", column=field.name) from error


def _resolved(text: pa.StringArray, field: Field, intake: Intake, first_row: int) -> pa.StringArray:
    """The cells with characters for the references to them (XML 1.0 section 4.1)."""
    marked = pc.match_substring(text, "&")
    if not pc.any(marked).as_py():
        return text
    rows = np.flatnonzero(marked.to_numpy(zero_copy_only=False))
    complain = intake.complaint(field.name, first_row)

    def character(match: re.Match[str]) -> str:
        name = match["name"]
        if name is not None:
            found = _ENTITIES.get(name)
        else:
            code = int(match["decimal"] or match["hexadecimal"], 10 if match["decimal"] else 16)
            found = chr(code) if _is_character(code) else None
        if found is None or not match[0].endswith(";"):
            raise complain(row, f"the reference {shown(match[0])} means nothing in XML.")
        return found

    resolved = []
    for row, cell in zip(rows.tolist(), pc.filter(text, marked).to_pylist(), strict=True):
        if cell.count("&") != len(_REFERENCE.findall(cell)):
            raise complain(row, f'{shown(cell)} has a bare "&", which XML writes as "&amp;".')
        resolved.append(_REFERENCE.sub(character, cell))
    return pc.replace_with_mask(text, marked, pa.array(resolved, pa.string()))


def _is_character(code: int) -> bool:
    """XML 1.0 section 2.2."""
    return code in (9, 10, 13) or (
        0x20 <= code <= 0x10FFFF and not 0xD800 <= code < 0xE000 and code not in (0xFFFE, 0xFFFF)
    )
