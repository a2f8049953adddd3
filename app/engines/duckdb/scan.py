"""Which event files a query reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from adql import Restriction, Table
from app.engines.base import Extent, Reading, Upload
from app.engines.duckdb.database import COLLECTIONS, EVENTS, NO_EVENTS, SCHEMA, Database
from app.engines.duckdb.sql import identifier, read_files
from app.lake import Selection, collections_within


class LakeScan:
    """Chooses the event files a table reference needs; see :class:`adql.Scan`."""

    def __init__(self, database: Database, uploads: Sequence[Upload]) -> None:
        self._database = database
        self._uploads = {
            upload.table.qualified.lower(): upload_name(number) for number, upload in enumerate(uploads)
        }
        self.readings: list[Reading] = []
        """What each reference to the events so far has to read."""
        self.withheld: set[str] = set()
        """Collections that may have rows the query asks for, which are not served."""

        self.collections: set[str] = set()
        """Collections whose rows the references so far can have."""

    @property
    def nbytes(self) -> int:
        """Bytes that the references so far have to read."""
        return sum(reading.chosen.nbytes or 0 for reading in self.readings)

    def __call__(self, table: Table, restriction: Restriction) -> str | None:
        """SQL in place of the table."""
        uploaded = self._uploads.get(table.qualified.lower())
        if uploaded is not None:
            return identifier(uploaded)
        snapshot = self._database.snapshot
        if snapshot is None:
            return None
        if table.qualified != EVENTS:
            self._read(table, restriction)
            return None
        selection = snapshot.files.select(restriction, restricted=self._database.restricted)
        self.readings.append(Reading(EVENTS, extent(selection), extent(self._database.served)))
        self.collections.update(selection.collections)
        if self._database.withheld:
            everything = snapshot.files.select(restriction, restricted=True).files
            self.withheld.update(self._database.withheld.get(path, "") for path in everything)
            self.withheld.discard("")
        if not selection.files:
            return NO_EVENTS
        if selection.bounds is None:
            return read_files(selection.files)
        return f"({' UNION ALL '.join(_within_bounds(selection))})"

    def _read(self, table: Table, restriction: Restriction) -> None:
        """Note the collections that a small table has rows of; ``dl3.collections`` itself tells its own."""
        if table.schema != SCHEMA or table.qualified == COLLECTIONS:
            return
        origins = self._database.origins
        known = any(column.name == "collection" for column in table.columns)
        self.collections.update(collections_within(origins, restriction) if known else origins)


def extent(selection: Selection) -> Extent:
    """The same as an engine tells it."""
    return Extent(len(selection.files), selection.groups, selection.nrows, selection.nbytes)


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
