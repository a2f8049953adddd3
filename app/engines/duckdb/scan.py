"""Which event files a query reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from adql import Restriction, Table
from app.engines.base import Upload
from app.engines.duckdb.database import NO_EVENTS
from app.engines.duckdb.sql import identifier, read_files
from app.engines.served import EVENTS, Choice, Served
from app.lake import Selection


class LakeScan:
    """Chooses the event files a table reference needs; see :class:`adql.Scan`."""

    def __init__(self, served: Served, uploads: Sequence[Upload]) -> None:
        self.choice = Choice(served)
        self._uploads = {
            upload.table.qualified.lower(): upload_name(number) for number, upload in enumerate(uploads)
        }

    def __call__(self, table: Table, restriction: Restriction) -> str | None:
        """SQL in place of the table."""
        uploaded = self._uploads.get(table.qualified.lower())
        if uploaded is not None:
            return identifier(uploaded)
        if table.qualified != EVENTS:
            return None
        selection = self.choice.select(restriction)
        if selection is None:
            return None
        if not selection.files:
            return NO_EVENTS
        if selection.bounds is None:
            return read_files(selection.files)
        return f"({' UNION ALL '.join(_within_bounds(selection))})"


def _within_bounds(selection: Selection) -> Iterator[str]:
    """A SELECT for each group of files whose bounds on ``healpix`` are no further apart than they are wide.

    A region across the border of two base pixels lies at two ends of the numbers: one pair of bounds
    for both would let every row group between pass. One SELECT a file would cost 1.5 ms each.
    """
    assert selection.bounds is not None
    pairs = sorted(zip(selection.bounds, selection.files, strict=True))
    files, low, high = [pairs[0][1]], *pairs[0][0]
    for (least, greatest), file in pairs[1:]:
        if least - high > (high - low) + (greatest - least):
            yield _between(files, low, high)
            files, low, high = [], least, greatest
        files.append(file)
        high = max(high, greatest)
    yield _between(files, low, high)


def _between(files: Sequence[Path], low: int, high: int) -> str:
    return f"SELECT * FROM {read_files(files)} WHERE healpix BETWEEN {low} AND {high}"


def upload_name(number: int) -> str:
    """The name under which a session's connection knows an upload; no name of a query can be it."""
    return f"upload {number}"
