"""What of a snapshot is served, and how much of it a query has to read: the same on every engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from adql import Catalogue, Restriction, Schema, Table
from app.engines.base import Extent, Reading, Upload
from app.engines.positions import NearbyPositions
from app.lake import LakeError, Origin, Selection, Snapshot, collections_within, read_origins
from vosi import load_catalogue

SCHEMA = "dl3"
EVENTS = "dl3.events"
COLLECTIONS = "dl3.collections"

_NOTHING = Selection(files=(), parts=None, groups=0, nrows=0, nbytes=0)


class Served:
    """The tables of a snapshot as queries see them.

    Parameters
    ----------
    snapshot
        A state of the lake; None for an empty one.
    restricted
        Serve the events too whose licence forbids redistribution.
    """

    def __init__(self, snapshot: Snapshot | None, *, restricted: bool) -> None:
        self.snapshot = snapshot
        self.name = snapshot.name if snapshot else None
        self.restricted = restricted
        self.events = snapshot.files.select(restricted=restricted) if snapshot else _NOTHING
        """All event files within reach."""
        self.withheld = {} if snapshot is None or restricted else _withheld(snapshot)
        """The event files whose rows are not served, and the collection of each."""
        self.origins = {} if snapshot is None else _origins(snapshot)
        """Every release, by the name of the collection."""
        self.catalogue = _catalogue(snapshot, self.events.nrows)


class Choice:
    """What the references of one query to the events have to read.

    Parameters
    ----------
    served
        What there is.
    uploads
        Tables of the query.
    """

    def __init__(self, served: Served, uploads: Sequence[Upload] = ()) -> None:
        self._served = served
        self._positions = NearbyPositions(served.snapshot, uploads)
        self._collections: set[str] = set()
        self.readings: list[Reading] = []
        """What each reference so far has to read."""
        self._withheld: set[str] = set()

    @property
    def nbytes(self) -> int:
        """Bytes that the references so far have to read."""
        return sum(reading.chosen.nbytes or 0 for reading in self.readings)

    @property
    def remarks(self) -> tuple[str, ...]:
        """That rows which the query asks for may be among those that are not served."""
        if not self._withheld:
            return ()
        names = ", ".join(sorted(self._withheld))
        return (f"Events of {names} are not served, as the licence forbids it; see dl3.collections.",)

    @property
    def origins(self) -> tuple[Origin, ...]:
        """The releases whose rows the references so far can have."""
        return tuple(origin for name, origin in self._served.origins.items() if name in self._collections)

    def note(self, table: Table, restriction: Restriction) -> None:
        """Note the collections that a small table has rows of; ``dl3.collections`` itself tells its own."""
        if table.schema != SCHEMA or table.qualified == COLLECTIONS:
            return
        origins = self._served.origins
        known = any(column.name == "collection" for column in table.columns)
        self._collections.update(collections_within(origins, restriction) if known else origins)

    def select(self, restriction: Restriction) -> Selection | None:
        """The files that one more reference has to read; None if nothing is known of the files."""
        served = self._served
        if served.snapshot is None:
            return None
        files, positioned = served.snapshot.files, self._positions.of
        selection = files.select(restriction, restricted=served.restricted, positioned=positioned)
        self.readings.append(Reading(EVENTS, _extent(selection), _extent(served.events)))
        self._collections.update(selection.collections)
        if served.withheld:
            everything = files.select(restriction, restricted=True, positioned=positioned).files
            self._withheld.update(served.withheld.get(path, "") for path in everything)
            self._withheld.discard("")
        return selection


def with_uploads(catalogue: Catalogue, uploads: Sequence[Upload]) -> Catalogue:
    """The catalogue with the tables that a user brings."""
    schemas: dict[str, list[Table]] = {}
    for upload in uploads:
        schemas.setdefault(upload.table.schema, []).append(upload.table)
    for name, tables in schemas.items():
        catalogue = catalogue.with_schema(Schema(name, tuple(tables)))
    return catalogue


def _extent(selection: Selection) -> Extent:
    return Extent(len(selection.files), selection.groups, selection.nrows, selection.nbytes)


def _withheld(snapshot: Snapshot) -> Mapping[Path, str]:
    index = snapshot.files
    files = zip(index.paths, index.collections, index.public, strict=True)
    return {path: collection for path, collection, public in files if not public}


def _origins(snapshot: Snapshot) -> Mapping[str, Origin]:
    try:
        return read_origins(snapshot.tables.get("collections", ()))
    except pa.ArrowException as error:
        raise LakeError(f"dl3.collections cannot be read: {error}") from error


def _catalogue(snapshot: Snapshot | None, events: int) -> Catalogue:
    if snapshot is None:
        return load_catalogue()
    return load_catalogue(snapshot.event_columns, {**snapshot.nrows, EVENTS: events})
