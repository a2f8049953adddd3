"""The embedded engine over one snapshot, for another engine that has given TAP_SCHEMA to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import adql
from adql import Dialect
from app.config import Config
from app.engines.base import Upload
from app.engines.duckdb.database import Database
from app.engines.duckdb.session import DuckDBSession
from app.engines.lanes import Lane, Lanes
from app.engines.served import Served
from app.engines.watchdog import Watchdog
from app.errors import EngineUnavailable


class PinnedEngine:
    """Runs queries on one snapshot.

    Parameters
    ----------
    served
        The snapshot, and what of it is served.
    config
        What all queries together may use.
    """

    dialect: Dialect = adql.DUCKDB

    def __init__(self, served: Served, config: Config) -> None:
        self._database = Database(served, config, None)
        self._watchdog = Watchdog()
        self._lock = threading.Lock()
        self._sessions: set[DuckDBSession] = set()
        self._closed = False
        lane = Lane(config.light_slots, queue_length=config.queue_length, retry_after=5)
        self._lanes = Lanes(lane, lane, 0, float("inf"), 0)

    @contextmanager
    def session(
        self, uploads: Sequence[Upload] = (), *, timeout: float | None = None
    ) -> Iterator[DuckDBSession]:
        """A session; see :class:`app.engines.base.Engine`."""
        session = self._open(uploads, timeout)
        try:
            yield session
        finally:
            session.close()
            with self._lock:
                self._sessions.discard(session)
            self._end_if_done()

    def close(self) -> None:
        """Free it when the last session has ended; no new one begins."""
        with self._lock:
            self._closed = True
        self._end_if_done()

    def _open(self, uploads: Sequence[Upload], timeout: float | None) -> DuckDBSession:
        with self._lock:
            if self._closed:
                raise EngineUnavailable("The service is closing.")
            session = DuckDBSession(
                self._database, self._watchdog, self._lanes, uploads=uploads, timeout=timeout
            )
            self._sessions.add(session)
            return session

    def _end_if_done(self) -> None:
        with self._lock:
            if self._closed and not self._sessions:
                self._database.close()
                self._lanes.close()
                self._watchdog.close()
