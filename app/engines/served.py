"""What of a snapshot is served, and how much of it a query has to read: the same on every engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from adql import Catalogue, Restriction, Schema, Table
from app.engines.base import Extent, Reading, Upload
from app.lake import Selection, Snapshot
from vosi import load_catalogue

EVENTS = "dl3.events"

_NOTHING = Selection(files=(), bounds=None, groups=0, nrows=0, nbytes=0)


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
        self.catalogue = _catalogue(snapshot, self.events.nrows)


class Choice:
    """What the references of one query to the events have to read.

    Parameters
    ----------
    served
        What there is.
    """

    def __init__(self, served: Served) -> None:
        self._served = served
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

    def select(self, restriction: Restriction) -> Selection | None:
        """The files that one more reference has to read; None if nothing is known of the files."""
        served = self._served
        if served.snapshot is None:
            return None
        selection = served.snapshot.files.select(restriction, restricted=served.restricted)
        self.readings.append(Reading(EVENTS, _extent(selection), _extent(served.events)))
        if served.withheld:
            everything = served.snapshot.files.select(restriction, restricted=True).files
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


def _catalogue(snapshot: Snapshot | None, events: int) -> Catalogue:
    if snapshot is None:
        return load_catalogue()
    return load_catalogue(snapshot.event_columns, {**snapshot.nrows, EVENTS: events})
