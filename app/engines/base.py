"""What a query engine is to the rest of the service: sessions that turn a statement into a stream."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

import pyarrow as pa

from adql import Catalogue, Dialect, Scan, Statement
from app.results import ResultStream


class Session(Protocol):
    """One query's hold on an engine; closed by its context manager."""

    catalogue: Catalogue
    """What the query may read: the engine's tables and the uploads of this session."""
    scan: Scan | None
    """Chooses the files or partitions behind a table reference; handed to :func:`adql.translate`."""

    def execute(self, statement: Statement) -> ResultStream:
        """Run a statement; the first batch is ready when this returns.

        Raises
        ------
        app.errors.QueryTimeout
            Raised if the configured time has passed; also while batches are read.
        app.errors.QueryFailed
            Raised if the engine refuses or breaks; also while batches are read.
        """
        ...

    def cancel(self) -> None:
        """Stop the statement that runs; from any thread, any number of times."""
        ...


class Engine(Protocol):
    """Where queries run."""

    dialect: Dialect

    def session(self, uploads: Mapping[str, pa.Table] | None = None) -> AbstractContextManager[Session]:
        """A session that sees one consistent state of the tables until it is closed."""
        ...

    def close(self) -> None:
        """Free what the engine holds; running sessions are cancelled."""
        ...
