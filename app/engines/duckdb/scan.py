"""Which event files a query reads."""

from __future__ import annotations

from collections.abc import Sequence

from adql import Restriction, Table
from app.engines.base import Extent, Reading, Upload
from app.engines.duckdb.database import COLLECTIONS, EVENTS, NO_EVENTS, SCHEMA, Database
from app.engines.duckdb.sql import identifier, read_files
from app.engines.positions import NearbyPositions
from app.lake import Part, Selection, collections_within


class LakeScan:
    """Chooses the event files a table reference needs; see :class:`adql.Scan`."""

    def __init__(self, database: Database, uploads: Sequence[Upload]) -> None:
        self._database = database
        self._uploads = {
            upload.table.qualified.lower(): upload_name(number) for number, upload in enumerate(uploads)
        }
        self._positions = NearbyPositions(database.snapshot, uploads)
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
        files = snapshot.files
        selection = files.select(
            restriction, restricted=self._database.restricted, positioned=self._positions.of
        )
        self.readings.append(Reading(EVENTS, extent(selection), extent(self._database.served)))
        self.collections.update(selection.collections)
        if self._database.withheld:
            everything = files.select(restriction, restricted=True, positioned=self._positions.of).files
            self.withheld.update(self._database.withheld.get(path, "") for path in everything)
            self.withheld.discard("")
        if not selection.files:
            return NO_EVENTS
        if selection.parts is None:
            return read_files(selection.files)
        return f"({' UNION ALL '.join(map(_between, selection.parts))})"

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


def _between(part: Part) -> str:
    return f"SELECT * FROM {read_files(part.files)} WHERE healpix BETWEEN {part.low} AND {part.high}"


def upload_name(number: int) -> str:
    """The name under which a session's connection knows an upload; no name of a query can be it."""
    return f"upload {number}"
