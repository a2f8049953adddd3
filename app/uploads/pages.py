"""The pages of a Parquet file: what they become when they are unpacked, whatever the footer says of it.

A page is unpacked as a whole, to the size in its own header, before anyone could count; so the headers are
read first, in the compact protocol of Thrift (apache/parquet-format, ``parquet.thrift``: PageHeader).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from pyarrow import parquet

from app.uploads.intake import Intake

_BITS = {"BOOLEAN": 1, "INT32": 32, "INT64": 64, "INT96": 96, "FLOAT": 32, "DOUBLE": 64}
"""Bits of a value, by physical type; a text has a byte at least."""
_DELTA_BYTE_ARRAY = 7
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_DEEPEST = 8
_LOOK = 4096
"""Pages between two looks whether anyone still waits."""
# Fields of PageHeader, and of DataPageHeader and DataPageHeaderV2 in it.
_UNPACKED, _PACKED, _DATA, _DATA_2 = 2, 3, 5, 8
_VALUES, _ENCODING, _ENCODING_2 = 1, 2, 4


@dataclass(frozen=True, slots=True)
class Pages:
    """What is to be known of the pages of a file."""

    largest: int
    """Bytes of the largest one."""
    repeats: bool
    """True if texts are written as what they share with the one before: each may be as long as its page."""


def check_pages(content: BinaryIO, metadata: parquet.FileMetaData, intake: Intake) -> Pages:
    """Refuse a file whose pages or values are longer than the limit, all together.

    Raises
    ------
    app.errors.RequestTooLarge
        Raised if they are.
    ValueError
        Raised if a header of a page cannot be read.
    """
    size, largest, count, repeats = 0, 0, 0, False
    for chunk, bits in _chunks(metadata):
        for page in _pages(content, chunk):
            values, encoding = _data_of(page)
            unpacked = page.get(_UNPACKED, 0)
            if unpacked < 0 or values < 0:
                raise ValueError("a page has a negative size")
            size += max(unpacked, values * bits // 8)
            largest = max(largest, unpacked)
            repeats = repeats or encoding == _DELTA_BYTE_ARRAY
            intake.check_bytes(size)
            count += 1
            if count % _LOOK == 0:
                intake.check_stopped()
    return Pages(largest, repeats)


def _chunks(metadata: parquet.FileMetaData) -> Iterator[tuple[Any, int]]:
    """The columns of each row group, and how many bits a value of them has at least."""
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for number in range(row_group.num_columns):
            chunk = row_group.column(number)
            if chunk.physical_type == "FIXED_LEN_BYTE_ARRAY":
                yield chunk, 8 * max(metadata.schema.column(number).length, 1)
            else:
                yield chunk, _BITS.get(chunk.physical_type, 8)


def _pages(content: BinaryIO, chunk: Any) -> Iterator[dict[int, Any]]:
    """The headers of the pages of a column, which stand one behind the other."""
    start = chunk.data_page_offset
    if chunk.has_dictionary_page and 0 < chunk.dictionary_page_offset < start:
        start = chunk.dictionary_page_offset
    if start < 0 or chunk.total_compressed_size < 0:
        raise ValueError("a column begins before the file")
    content.seek(start)
    data = content.read(chunk.total_compressed_size)
    place = 0
    while place < len(data):
        header = _Compact(data, place)
        page = header.struct(_DEEPEST)
        packed = page.get(_PACKED, -1)
        if packed < 0:
            raise ValueError("a page has no size")
        yield page
        place = header.place + packed


def _data_of(page: dict[int, Any]) -> tuple[int, int]:
    """Values of a page of data, and their encoding; none for others."""
    first, second = page.get(_DATA), page.get(_DATA_2)
    if isinstance(first, dict):
        return first.get(_VALUES, 0), first.get(_ENCODING, 0)
    if isinstance(second, dict):
        return second.get(_VALUES, 0), second.get(_ENCODING_2, 0)
    return 0, 0


class _Compact:
    """Reads a struct of the compact protocol of Thrift: its numbers and structs, the rest is passed over.

    Parameters
    ----------
    data
        Where it is.
    place
        Its first byte; when it was read, the byte behind it.
    """

    def __init__(self, data: bytes, place: int) -> None:
        self._data = data
        self.place = place

    def struct(self, depth: int) -> dict[int, Any]:
        """Number of each field -> its value."""
        if not depth:
            raise ValueError("a header of a page is nested too deeply")
        fields: dict[int, Any] = {}
        number = 0
        while kind := self._byte():
            delta, kind = kind >> 4, kind & 15
            number = number + delta if delta else self._zigzag()
            fields[number] = self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (_TRUE, _FALSE):
            return kind == _TRUE
        if kind in (_I16, _I32, _I64):
            return self._zigzag()
        if kind == _STRUCT:
            return self.struct(depth - 1)
        lengths = {_BYTE: 1, _DOUBLE: 8}
        if kind in lengths:
            return self._skip(lengths[kind])
        if kind == _BINARY:
            return self._skip(self._varint())
        raise ValueError(f"a header of a page has a field of type {kind}")

    def _skip(self, count: int) -> None:
        self.place += count

    def _byte(self) -> int:
        if self.place >= len(self._data):
            raise ValueError("a header of a page is cut off")
        self.place += 1
        return self._data[self.place - 1]

    def _varint(self) -> int:
        result = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                return result
        raise ValueError("a number in a header of a page does not end")

    def _zigzag(self) -> int:
        number = self._varint()
        return (number >> 1) ^ -(number & 1)
