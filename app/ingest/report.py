"""What an ingest tells while it runs and when it has ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


class Progress(Protocol):
    """Who watches an ingest: a progress bar. Called from one thread only."""

    def begin(self, total: int, task: str) -> None:
        """A new piece of work starts.

        Parameters
        ----------
        total
            Its size, in the unit that ``advance`` counts.
        task
            What is done, for the eyes of a person, such as ``Reading headers (files)``.
        """
        ...

    def advance(self, n: int = 1) -> None:
        """So much more is done."""
        ...

    def end(self) -> None:
        """The piece of work has ended."""
        ...


class Silence:
    """Nobody watches."""

    def begin(self, total: int, task: str) -> None:
        """Say nothing."""

    def advance(self, n: int = 1) -> None:
        """Say nothing."""

    def end(self) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True, order=True)
class Rejection:
    """A file that was not loaded, or not all of it."""

    file: str
    """Path as it was found."""
    reason: str
    """One clear sentence."""


@dataclass(frozen=True, slots=True)
class CollectionReport:
    """What became of one collection."""

    collection: str
    rights: str
    """``public``, or ``metadata`` where its licence forbids redistribution."""
    files: int
    """Files of the release that the lake now describes."""
    observations: int
    """Observations (event lists) of the collection in the lake."""
    events: int
    """Events of the collection in the lake."""
    bytes: int
    """Size of those files."""
    added: int
    """Observations that are new."""
    replaced: int
    """Observations whose files have changed."""
    removed: int
    """Observations whose files are gone."""
    unchanged: int
    """Observations that were in the lake already."""


@dataclass(frozen=True, slots=True)
class IngestReport:
    """The end of an ingest."""

    collections: tuple[CollectionReport, ...]
    warnings: tuple[str, ...] = ()
    """What was assumed, mended or left out, in sentences."""
    notes: tuple[str, ...] = ()
    """What was found to be gone or moved since the last ingest, in sentences."""
    rejected: tuple[Rejection, ...] = ()
    snapshot: str | None = None
    """Name of the new snapshot; None if nothing has changed."""
    seconds: float = 0.0
    """Time it took."""
    loaded_events: int = 0
    """Events read in this run."""
    loaded_bytes: int = 0
    """Bytes of the files read in this run."""

    @property
    def files(self) -> int:
        """Files of the releases that the lake now describes."""
        return sum(collection.files for collection in self.collections)

    @property
    def observations(self) -> int:
        """Observations of these collections in the lake."""
        return sum(collection.observations for collection in self.collections)

    @property
    def events(self) -> int:
        """Events of these collections in the lake."""
        return sum(collection.events for collection in self.collections)

    @property
    def bytes(self) -> int:
        """Size of the files."""
        return sum(collection.bytes for collection in self.collections)


@dataclass(slots=True)
class Findings:
    """Gathers what is to be told, while an ingest runs."""

    warnings: dict[str, None] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    rejected: dict[Rejection, None] = field(default_factory=dict)

    def warn(self, sentence: str) -> None:
        """Tell, once, what was assumed, mended or left out."""
        self.warnings[sentence] = None

    def note(self, sentence: str) -> None:
        """Tell, once, what has changed since the last ingest."""
        self.notes[sentence] = None

    def reject(self, file: str, reason: str) -> None:
        """Tell, once, that a file is not loaded."""
        self.rejected[Rejection(file, reason)] = None
