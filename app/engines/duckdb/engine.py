"""The engine: the database of the present snapshot, and the sessions on it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import duckdb

import adql
from adql import Dialect
from app.config import Config
from app.engines.base import Upload
from app.engines.duckdb.database import Database
from app.engines.duckdb.session import DuckDBSession
from app.engines.lanes import Lane, Lanes
from app.engines.scratch import Scratch
from app.engines.watchdog import Watchdog
from app.errors import EngineUnavailable
from app.lake import LakeError, current_name, current_snapshot

LOG = logging.getLogger("gammahub.duckdb")


class DuckDBEngine:
    """Runs queries on the present state of the lake.

    Parameters
    ----------
    config
        Where the lake is, and what all queries together may use.

    Raises
    ------
    EngineUnavailable
        Raised if the lake cannot be read.
    """

    dialect: Dialect = adql.DUCKDB

    def __init__(self, config: Config) -> None:
        self._config = config
        self._watchdog = Watchdog()
        self._lanes = Lanes(
            light=Lane(config.light_slots, queue_length=config.queue_length, retry_after=5),
            heavy=Lane(
                config.heavy_slots,
                queue_length=config.queue_length,
                retry_after=30,
                niceness=config.heavy_niceness,
            ),
            light_bytes=config.light_bytes,
            light_seconds=config.light_seconds,
            borrowed=config.light_slots,
        )
        self._scratch = Scratch(config.scratch) if config.scratch_limit else None
        self._lock = threading.Lock()
        self._building = threading.Lock()
        self._sessions: set[DuckDBSession] = set()
        self._database: Database | None = None
        self._closed = False
        try:
            self._refresh()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def session(
        self, uploads: Sequence[Upload] = (), *, timeout: float | None = None
    ) -> Iterator[DuckDBSession]:
        """A session; see :class:`app.engines.base.Engine`."""
        database = self._hold()
        try:
            session = DuckDBSession(database, self._watchdog, self._lanes, uploads=uploads, timeout=timeout)
            with self._lock:
                self._sessions.add(session)
            try:
                yield session
            finally:
                with self._lock:
                    self._sessions.discard(session)
                session.close()
        finally:
            self._let_go(database)

    def close(self) -> None:
        """Free what the engine holds; running sessions are cancelled."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            sessions = tuple(self._sessions)
            database, self._database = self._database, None
            idle = database is not None and database.retire()
        for session in sessions:
            session.cancel()
        if database is not None and idle:
            database.close()
        self._lanes.close()
        if not sessions:
            self._watchdog.close()
        if self._scratch is not None:
            self._scratch.close()

    def _hold(self) -> Database:
        """The database of the present snapshot, kept open until it is let go."""
        self._refresh()
        with self._lock:
            if self._database is None:
                raise EngineUnavailable("The service is closing.")
            self._database.users += 1
            return self._database

    def _let_go(self, database: Database) -> None:
        with self._lock:
            database.users -= 1
            idle = database.retired and database.users == 0
        if idle:
            database.close()

    def _refresh(self) -> None:
        """Notice a new snapshot; while one thread makes its database, others go on with the old one."""
        present = self._database
        if self._closed:
            return
        try:
            if present is not None and current_name(self._config.lake) == present.name:
                return
            if not self._building.acquire(blocking=present is None):
                return
            try:
                self._replace()
            finally:
                self._building.release()
        except (LakeError, OSError, duckdb.Error) as error:
            if present is None:
                raise EngineUnavailable(f"The lake cannot be read: {error}") from error
            LOG.error("the new snapshot of the lake cannot be read, the old one stays", exc_info=error)

    def _replace(self) -> None:
        snapshot = current_snapshot(self._config.lake)
        name = snapshot.name if snapshot else None
        with self._lock:
            old = self._database
        if old is not None and old.name == name:
            return
        database = Database(snapshot, self._config, self._scratch)
        with self._lock:
            if self._closed:
                old = database
            else:
                self._database = database
            idle = old is not None and old.retire()
        if old is not None and idle:
            old.close()
        LOG.info("snapshot %s is served", name or "(empty lake)")
