"""The rows of BINARY and BINARY2 (VOTable 1.5 sections 5.3 and 5.4) from a stream of bytes."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import pyarrow as pa

from app.uploads.field import Field
from app.uploads.intake import Intake
from app.uploads.items import WIDTHS, Bytes, Counts, Flags, cell_bytes, decode

_COUNT = struct.Struct(">i")
_ROWS = 65_536
"""Most rows of a batch."""


@dataclass(frozen=True, slots=True)
class _Cells:
    """Where the cells of a column are in a block of rows."""

    starts: Counts
    counts: Counts
    """Items of each."""
    sizes: Counts
    """Bytes of each."""


class Records:
    """Takes pieces of a stream and gives batches of whole rows.

    Parameters
    ----------
    fields
        The columns.
    masked
        True for BINARY2, whose rows begin with a mask of their NULLs.
    intake
        What complains.
    """

    def __init__(self, fields: Sequence[Field], intake: Intake, *, masked: bool) -> None:
        self._fields = fields
        self._intake = intake
        self._mask_bytes = math.ceil(len(fields) / 8) if masked else 0
        self._pieces: list[bytes] = []
        self._block = b""
        self._rows = 0
        self._wanted = 1
        fixed = [None if f.count is None else cell_bytes(f.datatype, f.count) for f in fields]
        self._fixed = fixed
        self._size = None if None in fixed else self._mask_bytes + sum(size or 0 for size in fixed)
        intake.check_bytes(self._mask_bytes + sum(size or 0 for size in fixed))

    def feed(self, piece: bytes) -> Iterator[pa.RecordBatch]:
        """The rows that are whole with this piece."""
        self._pieces.append(piece)
        if sum(map(len, self._pieces)) < self._wanted:
            return
        self._block = b"".join(self._pieces)
        while len(self._block) >= self._wanted:
            found = self._locate_alike() if self._size is not None else self._locate_varying()
            if not found.rows:
                break
            yield self._decode(found)
            self._block = self._block[found.end :]
        self._pieces = [self._block] if self._block else []

    def finish(self) -> None:
        """Make sure that nothing is left over.

        Raises
        ------
        app.errors.UploadError
            Raised if the stream ended within a row.
        """
        if any(self._pieces):
            raise self._intake.fault(
                f"The stream ends within row {self._rows + 1}: it is cut off, or its fields are other than "
                "those that are declared."
            )

    def _locate_alike(self) -> _Located:
        """Rows that are all of one size."""
        assert self._size is not None
        self._wanted = max(self._size, 1)
        rows = min(len(self._block) // self._wanted, _ROWS) if self._size else 0
        starts = np.arange(rows, dtype=np.int64) * self._size
        cells = []
        for field, size, offset in zip(self._fields, self._fixed, self._offsets(), strict=True):
            assert size is not None and field.count is not None
            cells.append(_Cells(starts + offset, np.full(rows, field.count), np.full(rows, size)))
        return _Located(rows, rows * self._size, starts, cells)

    def _offsets(self) -> Iterator[int]:
        """Places of cells in rows that are all of one size."""
        return accumulate((size or 0 for size in self._fixed[:-1]), initial=self._mask_bytes)

    def _locate_varying(self) -> _Located:
        """Rows with cells that begin with the number of their items.

        Where a row begins is known only when the one before it has been walked through; this walk goes
        from count to count, and nothing else is done row by row.
        """
        steps, tail = self._steps()
        block, end, unpack = self._block, len(self._block), _COUNT.unpack_from
        starts: list[int] = []
        places: list[int] = []
        counts: list[int] = []
        place = 0
        self._wanted = 1
        while len(starts) < _ROWS:
            at = place
            for skip, width in steps:
                at += skip
                if at + 4 > end:
                    break
                (count,) = unpack(block, at)
                if count < 0:
                    raise self._negative(len(starts), count)
                at += 4
                places.append(at)
                counts.append(count)
                at += count * width if width else (count + 7) // 8
            else:
                at += tail
                if at <= end:
                    starts.append(place)
                    place = at
                    continue
            self._wanted = at - place + 4
            self._intake.check_bytes(self._wanted)
            break
        rows = len(starts)
        table = np.array([places[: rows * len(steps)], counts[: rows * len(steps)]], np.int64)
        found = table.reshape(2, rows, len(steps))
        begins = np.array(starts, np.int64)
        return _Located(rows, place, begins, self._varying_cells(begins, found[0], found[1]))

    def _steps(self) -> tuple[list[tuple[int, int]], int]:
        """For each count in a row: bytes before it, bytes of an item (0 for bits); and bytes at the end."""
        steps = []
        skip = self._mask_bytes
        for field, size in zip(self._fields, self._fixed, strict=True):
            if size is None:
                steps.append((skip, WIDTHS.get(field.datatype, 0)))
                skip = 0
            else:
                skip += size
        return steps, skip

    def _varying_cells(self, starts: Counts, places: Counts, counts: Counts) -> list[_Cells]:
        cells = []
        at = starts + self._mask_bytes
        number = 0
        for field, size in zip(self._fields, self._fixed, strict=True):
            if size is not None:
                assert field.count is not None
                cells.append(_Cells(at, np.full(len(at), field.count), np.full(len(at), size)))
                at = at + size
                continue
            here, many = places[:, number], counts[:, number]
            sizes = cell_bytes(field.datatype, many)
            cells.append(_Cells(here, many, sizes))
            at = here + sizes
            number += 1
        return cells

    def _negative(self, row: int, count: int) -> Exception:
        return self._intake.fault(
            f"a cell of variable size has {count} items; the rows are damaged, or the fields are other than "
            "those that are declared.",
            row=self._rows + row + 1,
        )

    def _decode(self, found: _Located) -> pa.RecordBatch:
        block = np.frombuffer(self._block, np.uint8)
        masks = self._masks(block, found.starts)
        arrays = []
        for number, (field, cells) in enumerate(zip(self._fields, found.cells, strict=True)):
            complain = self._intake.complaint(field.name, self._rows)
            missing = None if masks is None else masks[:, number]
            data = _gathered(self._block, block, cells)
            arrays.append(decode(data, cells.counts, field, missing=missing, complain=complain))
        self._rows += found.rows
        self._intake.check_rows(self._rows)
        return pa.RecordBatch.from_arrays(arrays, [str(number) for number in range(len(arrays))])

    def _masks(self, block: Bytes, starts: Counts) -> Flags | None:
        if not self._mask_bytes:
            return None
        windows = np.lib.stride_tricks.sliding_window_view(block, self._mask_bytes)
        return np.unpackbits(windows[starts], axis=1).view(np.bool_)


@dataclass(frozen=True, slots=True)
class _Located:
    """Whole rows at the beginning of a block."""

    rows: int
    end: int
    """Bytes of them."""
    starts: Counts
    cells: list[_Cells]


def _gathered(raw: bytes, block: Bytes, cells: _Cells) -> Bytes:
    """The bytes of the cells one after the other."""
    rows = len(cells.starts)
    if not rows or not cells.sizes.any():
        return np.empty(0, np.uint8)
    size = int(cells.sizes[0])
    if (cells.sizes == size).all():
        windows = np.lib.stride_tricks.sliding_window_view(block, size)
        return np.ascontiguousarray(windows[cells.starts]).reshape(-1)
    return joined(raw, cells.starts, cells.starts + cells.sizes)


def joined(raw: bytes, starts: Counts, ends: Counts) -> Bytes:
    """The bytes between places that rise: Arrow copies each second value of a column over the whole."""
    kept = pieces(raw, starts, ends)
    offsets = np.frombuffer(kept.buffers()[1], np.int32, len(kept) + 1, kept.offset * 4)
    return np.frombuffer(kept.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]


def pieces(raw: bytes, starts: Counts, ends: Counts) -> pa.BinaryArray:
    """What is between places that rise, as a column; what lies between two of them is left out."""
    borders = np.empty(2 * len(starts), np.int32)
    borders[0::2] = starts
    borders[1::2] = ends
    buffers = [None, pa.py_buffer(borders), pa.py_buffer(raw)]
    everything = pa.Array.from_buffers(pa.binary(), max(len(borders) - 1, 0), buffers)
    return everything.take(pa.array(np.arange(0, len(borders), 2)))
