"""Streams cut to size: batches small enough for the cache, chunks large enough to send.

Measured: blocks of about a megabyte let the allocator reuse its pages, and each chunk of a synchronous
response costs a hop between threads, so that chunks under 256 kB are wasteful.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import pyarrow as pa
from pybase64 import b64encode

BLOCK = 768 * 1024
"""Aim for the bytes of one slice of a batch; its base64 text is a megabyte."""
CHUNK = 1024 * 1024
"""Least number of bytes of a chunk, the first and the last one apart."""


def sliced(batches: Iterable[pa.RecordBatch], *, row_bytes: int = 0) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of about a block of memory: small ones joined, large ones cut.

    No batch is larger than two blocks, save of a single row, and none is empty. The first rows come at
    once. If the batches raise an exception, the rows that were held back come before it.

    Parameters
    ----------
    batches
        Of any size.
    row_bytes
        What a row becomes at least, where this may be more than it takes in Arrow's memory.
    """
    least = 1
    held: list[pa.RecordBatch] = []
    size = 0
    iterator = iter(batches)
    while True:
        try:
            batch = next(iterator)
        except StopIteration:
            break
        except Exception:
            yield from _joined(held, row_bytes)
            raise
        if size and size + batch.nbytes > 2 * BLOCK:
            yield from _joined(held, row_bytes)
            held, size = [], 0
        held.append(batch)
        size += batch.nbytes
        if size >= least:
            yield from _joined(held, row_bytes)
            held, size, least = [], 0, BLOCK
    yield from _joined(held, row_bytes)


def _joined(held: Sequence[pa.RecordBatch], row_bytes: int) -> Iterator[pa.RecordBatch]:
    full = [batch for batch in held if batch.num_rows]
    if full:
        yield from _cut(full[0] if len(full) == 1 else pa.concat_batches(full), row_bytes)


def _cut(batch: pa.RecordBatch, row_bytes: int) -> Iterator[pa.RecordBatch]:
    size = max(batch.nbytes, batch.num_rows * row_bytes)
    rows = batch.num_rows
    if size <= 2 * BLOCK or rows == 1:
        yield batch
        return
    step = max(1, rows * BLOCK // size)
    step -= step % 3 if step > 3 else 0  # rows of one size then need no rest carried in base64
    for start in range(0, rows, step):
        yield from _cut(batch.slice(start, step), row_bytes)


def begun(head: bytes, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """A document as chunks: its head with the first piece, then the others gathered.

    An exception that comes instead of the first piece is raised before anything is yielded, while the
    answer to a request may still be an error.
    """
    iterator = iter(pieces)
    yield head + next(iterator, b"")
    yield from gathered(iterator)


def closed(
    head: bytes, pieces: Iterable[bytes], *, tail: Callable[[Exception | None], bytes]
) -> Iterator[bytes]:
    """A document as chunks, brought to its end also where the pieces end in an exception.

    Parameters
    ----------
    head
        What stands before the first piece.
    pieces
        An exception before the first is raised at once; a later one after the tail.
    tail
        The end of the document after all pieces, or after this exception.
    """
    yield from begun(head, _ended(pieces, tail))


def _ended(pieces: Iterable[bytes], tail: Callable[[Exception | None], bytes]) -> Iterator[bytes]:
    iterator = iter(pieces)
    any_yet = False
    while True:
        try:
            piece = next(iterator)
        except StopIteration:
            break
        except Exception as fault:
            if any_yet:
                yield tail(fault)
            raise
        any_yet = True
        yield piece
    yield tail(None)


def gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in chunks that are worth sending.

    If the pieces raise an exception, what was held back is yielded first.
    """
    held: list[bytes] = []
    size = 0
    iterator = iter(pieces)
    while True:
        try:
            piece = next(iterator)
        except StopIteration:
            break
        except Exception:
            if held:
                yield b"".join(held)
            raise
        held.append(piece)
        size += len(piece)
        if size >= CHUNK:
            yield b"".join(held)
            held.clear()
            size = 0
    if held:
        yield b"".join(held)


def base64_encoded(blocks: Iterable[memoryview]) -> Iterator[bytes]:
    """One base64 text of all the bytes, a piece for each block.

    Each block is used up before the next one is asked for. If the blocks raise an exception, the
    text of those that came is brought to its end first.
    """
    rest = b""
    iterator = iter(blocks)
    while True:
        try:
            block = next(iterator)
        except StopIteration:
            break
        except Exception:
            if rest:
                yield b64encode(rest)
            raise
        missing = -len(rest) % 3
        head = rest + bytes(block[:missing])
        body = block[missing:]
        whole = len(body) // 3 * 3
        if len(head) % 3:
            rest = head
            continue
        rest = bytes(body[whole:])
        if head:
            yield b64encode(head)
        if whole:
            yield b64encode(body[:whole])
    if rest:
        yield b64encode(rest)
