"""What a query engine is to the rest of the service: sessions that turn a statement into a stream."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from adql import Catalogue, Dialect, Scan, Statement, Table
from app.lake import Origin
from app.results import ResultStream


@dataclass(frozen=True, slots=True)
class Upload:
    """A table that a user brings to a query."""

    table: Table
    """How the query sees it, in schema TAP_UPLOAD."""
    rows: pa.Table
    """Its rows, in the types of :func:`app.results.arrow_schema`."""


@dataclass(frozen=True, slots=True)
class Extent:
    """So much of a table; None for what is not known."""

    files: int | None = None
    groups: int | None = None
    """Row groups of Parquet, the least that is read."""
    rows: int | None = None
    nbytes: int | None = None
    """On the disk."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a query has to read for one of its references to a table, estimated before it runs."""

    table: str
    """Qualified name."""
    chosen: Extent
    """What is to be read: the index of files has left out the rest."""
    whole: Extent
    """What the table has."""


class Session(Protocol):
    """One query's hold on an engine; closed by its context manager."""

    @property
    def catalogue(self) -> Catalogue:
        """What the query may read: the engine's tables and the uploads of this session."""
        ...

    @property
    def scan(self) -> Scan | None:
        """Chooses the files or partitions behind a table reference; handed to :func:`adql.translate`."""
        ...

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences the user should read with the rows, once the query is translated: what was left out."""
        ...

    @property
    def origins(self) -> tuple[Origin, ...]:
        """The releases whose rows the query reads, once it is translated; by the name of the collection."""
        ...

    def readings(self, statement: Statement) -> tuple[Reading, ...]:
        """What a statement that was translated with :attr:`scan` has to read, uploads left out."""
        ...

    def execute(self, statement: Statement) -> ResultStream:
        """Run a statement; the first batch is ready when this returns.

        Raises
        ------
        app.errors.QueryTimeout
            Raised if the time allowed has passed; also while batches are read.
        app.errors.QueryQueueFull
            Raised if too many queries wait already.
        app.errors.QueryError
            Raised if the engine refuses or breaks, in one of its kinds; also while batches are read.
        """
        ...

    def cancel(self) -> None:
        """Stop the statement that runs or is to run; from any thread, any number of times."""
        ...


class Engine(Protocol):
    """Where queries run."""

    @property
    def dialect(self) -> Dialect:
        """The SQL it understands."""
        ...

    def session(
        self, uploads: Sequence[Upload] = (), *, timeout: float | None = None
    ) -> AbstractContextManager[Session]:
        """A session that sees one consistent state of the tables until it is closed.

        Parameters
        ----------
        uploads
            Tables of this session alone.
        timeout
            Time in which the engine may work for it [s], not counting the time a client takes to read
            and the time in the queue; None for no limit.

        Raises
        ------
        app.errors.EngineUnavailable
            Raised if the engine cannot be reached.
        """
        ...

    def close(self) -> None:
        """Free what the engine holds; running sessions are cancelled."""
        ...
