"""HiveServer2's columns as Arrow: the reply to FetchResults is read in blocks, not in values.

The generated code of Thrift makes a Python object of each value, and PyHive a tuple of each row: 3 s for a
million rows of five columns. The reply is columnar already (TRowSet of HIVE_CLI_SERVICE_PROTOCOL_V6 on):
numbers follow each other in big-endian order and need only be turned round.

Binary protocol: https://github.com/apache/thrift/blob/master/doc/specs/thrift-binary-protocol.md;
structures: TCLIService.thrift of Hive.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from thrift.transport.TTransport import CReadableTransport

_AHEAD = 1 << 20
_LARGEST = 1 << 30
"""No text, list or column has as many bytes; a larger size is a damaged reply."""

_WIDTHS = {2: 1, 3: 1, 4: 8, 6: 2, 8: 4, 10: 8}
"""Thrift's types of fixed size -> bytes."""
_STOP, _STRING, _STRUCT, _MAP, _SET, _LIST = 0, 11, 12, 13, 14, 15

_BOOL, _BYTE, _TEXT, _BINARY = 1, 2, 7, 8
_NUMBERS: Mapping[int, tuple[np.dtype[Any], pa.DataType]] = {
    3: (np.dtype(">i2"), pa.int16()),
    4: (np.dtype(">i4"), pa.int32()),
    5: (np.dtype(">i8"), pa.int64()),
    6: (np.dtype(">f8"), pa.float64()),
}
"""Field of the union TColumn -> how its values are written, and their type."""

_UNIONS = frozenset((_BOOL, _BYTE, _TEXT, _BINARY, *_NUMBERS))

_RUN = 32
"""From so many texts of one length on they are read together."""


class WireError(Exception):
    """The reply is not what HiveServer2 sends."""


class ServerFault(Exception):
    """The server tells of a fault in place of rows.

    Parameters
    ----------
    message
        The server's words.
    state
        SQLSTATE, if it tells one.
    """

    def __init__(self, message: str, state: str | None = None) -> None:
        self.message = message
        self.state = state
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class _Texts:
    """Values of any length, one after the other."""

    offsets: NDArray[np.int32]
    data: NDArray[np.uint8]


class Reader:
    """Reads Thrift's binary protocol from a transport, ahead of what is asked for where that is safe.

    Parameters
    ----------
    transport
        A Thrift transport; one reply at a time is on its way.
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._holds_frames = isinstance(transport, CReadableTransport)
        self.bytes = b""
        self.at = 0

    def need(self, size: int) -> None:
        """Have so many bytes at hand.

        Raises
        ------
        EOFError
            Raised if the server has gone.
        """
        have = len(self.bytes) - self.at
        if have >= size:
            return
        if size > _LARGEST:
            raise WireError(f"A value of {size} bytes.")
        parts = [self.bytes[self.at :]] if have else []
        while have < size:
            chunk = self._more(size - have)
            if not chunk:
                raise EOFError("the server has gone")
            parts.append(chunk)
            have += len(chunk)
        self.bytes, self.at = b"".join(parts), 0

    def raw(self, size: int) -> bytes:
        """So many bytes."""
        if size < 0:
            raise WireError(f"A size of {size}.")
        self.need(size)
        self.at += size
        return self.bytes[self.at - size : self.at]

    def number(self, form: str) -> int:
        """A number, by its form in :mod:`struct`."""
        return int(struct.unpack(form, self.raw(struct.calcsize(form)))[0])

    def text(self) -> bytes:
        """A text or binary value."""
        return self.raw(self.number(">i"))

    def fields(self) -> Iterator[tuple[int, int]]:
        """Type and number of each field of a structure; the caller reads its value."""
        while (kind := self.number(">b")) != _STOP:
            yield kind, self.number(">h")

    def skip(self, kind: int) -> None:
        """Pass over a value."""
        if kind in _WIDTHS:
            self.raw(_WIDTHS[kind])
        elif kind == _STRING:
            self.text()
        elif kind == _STRUCT:
            for inner, _ in self.fields():
                self.skip(inner)
        elif kind in (_LIST, _SET):
            inner, count = self.items()
            for _ in range(count):
                self.skip(inner)
        elif kind == _MAP:
            key, value, count = self.number(">b"), self.number(">b"), self.number(">i")
            for _ in range(count):
                self.skip(key)
                self.skip(value)
        else:
            raise WireError(f"A value of the unknown type {kind}.")

    def items(self) -> tuple[int, int]:
        """Type and number of the items of a list."""
        kind, count = self.number(">b"), self.number(">i")
        if not 0 <= count <= _LARGEST:
            raise WireError(f"A list of {count} items.")
        return kind, count

    def _more(self, missing: int) -> bytes:
        if self._holds_frames:
            # To ask SASL for more than its frame has would wait for a frame that does not come.
            held = self._transport.cstringio_buf.read()
            return held or bytes(self._transport.cstringio_refill(b"", missing).read())
        return bytes(self._transport.read(max(missing, _AHEAD)))


def read_rows(reader: Reader) -> list[pa.Array]:
    """The columns of a reply to FetchResults, in the types of the wire; no rows after the last.

    Raises
    ------
    ServerFault
        Raised if the server sends a fault instead.
    WireError, EOFError
        Raised if the reply is damaged, or ends too early.
    """
    if _begin(reader) == 3:
        raise ServerFault(_application_fault(reader))
    columns: list[pa.Array] = []
    for kind, number in reader.fields():
        if number != 0 or kind != _STRUCT:
            reader.skip(kind)
            continue
        for inner, part in reader.fields():
            if part == 1:
                _status(reader)
            elif part == 3:
                columns = _row_set(reader)
            else:
                reader.skip(inner)
    return columns


def _begin(reader: Reader) -> int:
    """Reads the head of a message: its type is 2 for a reply, 3 for an exception."""
    version = reader.number(">i")
    if version < 0:
        reader.text()
        kind = version & 0xFF
    else:
        reader.raw(version)
        kind = reader.number(">b")
    reader.number(">i")
    return kind


def _application_fault(reader: Reader) -> str:
    message = "The server could not read the request."
    for kind, number in reader.fields():
        if number == 1 and kind == _STRING:
            message = reader.text().decode("utf-8", "replace")
        else:
            reader.skip(kind)
    return message


def _status(reader: Reader) -> None:
    """TStatus: code, what happened (a list), SQLSTATE, code of the fault, message."""
    code, state, messages = 0, None, []
    for kind, number in reader.fields():
        if number == 1:
            code = reader.number(">i")
        elif number in (3, 5) and kind == _STRING:
            word = reader.text().decode("utf-8", "replace")
            if number == 3:
                state = word
            else:
                messages.append(word)
        else:
            reader.skip(kind)
    if code not in (0, 1):
        raise ServerFault("; ".join(messages) or f"status {code}", state)


def _row_set(reader: Reader) -> list[pa.Array]:
    columns: list[pa.Array] = []
    for kind, number in reader.fields():
        if number == 3 and kind == _LIST:
            _, count = reader.items()
            columns = [_column(reader) for _ in range(count)]
        else:
            reader.skip(kind)
    return columns


def _column(reader: Reader) -> pa.Array:
    """TColumn, a union: one field, whose structure has the values and the bits of those that are null."""
    column: pa.Array | None = None
    for _, union in reader.fields():
        if union not in _UNIONS:
            raise WireError(f"A column of the unknown kind {union}.")
        values: _Texts | bytes = _Texts(np.zeros(1, np.int32), np.empty(0, np.uint8))
        if union not in (_TEXT, _BINARY):
            values = b""
        count, nulls = 0, b""
        for kind, number in reader.fields():
            if number == 1 and kind == _LIST:
                _, count = reader.items()
                values = _values(reader, union, count)
            elif number == 2 and kind == _STRING:
                nulls = reader.text()
            else:
                reader.skip(kind)
        column = _to_arrow(union, values, count, _validity(nulls, count))
    if column is None:
        raise WireError("A column without values.")
    return column


def _values(reader: Reader, union: int, count: int) -> _Texts | bytes:
    if union in (_BOOL, _BYTE):
        return reader.raw(count)
    if union in _NUMBERS:
        return reader.raw(count * _NUMBERS[union][0].itemsize)
    return _texts(reader, count)


def _texts(reader: Reader, count: int) -> _Texts:
    """Values that each have their length before them: runs of one length at once, others one by one."""
    lengths = np.empty(count, np.int32)
    chunks: list[NDArray[np.uint8]] = []
    done = 0
    while done < count:
        reader.need(4)
        (length,) = struct.unpack_from(">i", reader.bytes, reader.at)
        if not 0 <= length <= _LARGEST:
            raise WireError(f"A text of {length} bytes.")
        reader.need(4 + length)
        block = _run(reader, length, count - done)
        if block.shape[0] >= _RUN:
            lengths[done : done + block.shape[0]] = length
            chunks.append(block[:, 4:].reshape(-1))
            reader.at += block.size
            done += block.shape[0]
        else:
            done = _singles(reader, lengths, done, chunks)
    offsets = np.zeros(count + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    if offsets[-1] > _LARGEST:
        raise WireError(f"A column of {offsets[-1]} bytes.")
    return _Texts(offsets.astype(np.int32), np.concatenate(chunks) if chunks else np.empty(0, np.uint8))


def _run(reader: Reader, length: int, most: int) -> NDArray[np.uint8]:
    """The values at hand, from the next on, that have one length: one a line, with their lengths."""
    width = 4 + length
    held = min(most, (len(reader.bytes) - reader.at) // width)
    block = np.frombuffer(reader.bytes, np.uint8, held * width, reader.at).reshape(held, width)
    heads = np.ascontiguousarray(block[:, :4]).view(">i4")[:, 0]
    others = np.flatnonzero(heads != length)
    return block[: others[0]] if others.size else block


def _singles(reader: Reader, lengths: NDArray[np.int32], done: int, chunks: list[NDArray[np.uint8]]) -> int:
    """Reads values at hand one by one, a few hundred; gives how many are read in all."""
    data, unpack = reader.bytes, struct.Struct(">i").unpack_from
    begin = at = reader.at
    starts = []
    until = min(len(lengths), done + 512)
    while done < until and at + 4 <= len(data):
        (length,) = unpack(data, at)
        if not 0 <= length <= _LARGEST:
            raise WireError(f"A text of {length} bytes.")
        if at + 4 + length > len(data):
            break
        starts.append(at - begin)
        lengths[done] = length
        at += 4 + length
        done += 1
    kept = np.ones(at - begin, bool)
    for step in range(4):
        kept[np.asarray(starts, np.int64) + step] = False
    chunks.append(np.frombuffer(data, np.uint8, at - begin, begin)[kept])
    reader.at = at
    return done


def _validity(nulls: bytes, count: int) -> pa.Buffer | None:
    """Arrow's bits, which are set for values, of HiveServer2's, which are set for nulls."""
    bits = np.zeros((count + 7) // 8, np.uint8)
    told = np.frombuffer(nulls, np.uint8)[: bits.size]
    bits[: told.size] = told
    return pa.py_buffer(~bits) if bits.any() else None


def _to_arrow(union: int, values: _Texts | bytes, count: int, validity: pa.Buffer | None) -> pa.Array:
    if isinstance(values, _Texts):
        buffers = [validity, pa.py_buffer(values.offsets), pa.py_buffer(values.data)]
        array = pa.Array.from_buffers(pa.binary(), count, buffers)
        return array if union == _BINARY else array.cast(pa.string())
    if union == _BOOL:
        bits = np.packbits(np.frombuffer(values, np.uint8) != 0, bitorder="little")
        return pa.Array.from_buffers(pa.bool_(), count, [validity, pa.py_buffer(bits)])
    if union == _BYTE:
        return pa.Array.from_buffers(pa.int8(), count, [validity, pa.py_buffer(values)])
    form, kind = _NUMBERS[union]
    turned = np.frombuffer(values, form).astype(form.newbyteorder("="))
    return pa.Array.from_buffers(kind, count, [validity, pa.py_buffer(turned)])
