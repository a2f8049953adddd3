"""The engine: the tables that are registered with a HiveServer2, and the sessions on them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from adql import Dialect
from app.config import Config
from app.engines.base import Engine, Upload
from app.engines.hiveserver2.address import Address
from app.engines.hiveserver2.connection import Connection, ConnectionLost, Refused
from app.engines.hiveserver2.flavour import Flavour, session_settings
from app.engines.hiveserver2.names import Names, event_numbers
from app.engines.hiveserver2.pool import Pool
from app.engines.hiveserver2.register import is_registered
from app.engines.hiveserver2.session import HiveServer2Session, Parts, Tables
from app.engines.hiveserver2.storage import Storage
from app.engines.lanes import Lane
from app.engines.scratch import Scratch
from app.engines.served import Served
from app.engines.watchdog import Watchdog
from app.errors import EngineUnavailable
from app.lake import LakeError, Snapshot, current_name, snapshot_names

LOG = logging.getLogger("gammahub.hiveserver2")

_LOOK_AGAIN = 5.0
"""Time between two looks at whether the newest snapshot has been registered [s]."""

Embed = Callable[[Served], Engine]
"""Makes the engine that answers for TAP_SCHEMA of what is served."""


class HiveServer2Engine:
    """Runs queries on the newest snapshot that is registered with a HiveServer2.

    The server need not be there when this is made: it is asked when the first session is opened.

    Parameters
    ----------
    config
        Where the lake is, and how many queries may run.
    address
        Where the server is.
    flavour
        What it is.
    embed
        Makes the engine for TAP_SCHEMA.
    """

    def __init__(self, config: Config, address: Address, flavour: Flavour, embed: Embed) -> None:
        self._config = config
        self._embed = embed
        self.dialect: Dialect = flavour.dialect
        settings = session_settings(flavour, address.settings)
        self._scratch = Scratch(config.scratch)
        self._parts = Parts(
            flavour=flavour,
            pool=Pool(lambda: Connection(address, settings), planning=flavour.planning),
            lane=Lane(config.engine_connections, queue_length=config.queue_length, retry_after=30),
            watchdog=Watchdog(),
            names=Names(flavour.dialect, address.database),
            storage=Storage.of(config.home, config.engine_home_url),
            scratch=self._scratch.path,
        )
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._looked = float("-inf")
        self._sessions: set[HiveServer2Session] = set()
        self._tables: Tables | None = None
        self._closed = False

    @contextmanager
    def session(
        self, uploads: Sequence[Upload] = (), *, timeout: float | None = None
    ) -> Iterator[HiveServer2Session]:
        """A session; see :class:`app.engines.base.Engine`."""
        tables = self._present()
        session = HiveServer2Session(self._parts, tables, uploads=uploads, timeout=timeout)
        with self._lock:
            self._sessions.add(session)
        try:
            yield session
        finally:
            with self._lock:
                self._sessions.discard(session)
            session.close()

    @property
    def working(self) -> int:
        """Queries that the server has begun and whose rows are not all read."""
        with self._lock:
            return sum(session.is_on_server for session in self._sessions)

    def close(self) -> None:
        """Free what the engine holds; running sessions are cancelled."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            sessions = tuple(self._sessions)
            tables, self._tables = self._tables, None
        for session in sessions:
            session.cancel()
        self._parts.pool.close()
        if tables is not None:
            tables.embedded.close()
        if not sessions:
            self._parts.watchdog.close()
        self._parts.lane.hands.close()
        self._scratch.close()

    def _present(self) -> Tables:
        """The newest registered snapshot; looked for if there is a new one, by one thread at a time."""
        present = self._tables
        if self._closed:
            raise EngineUnavailable("The service is closing.")
        try:
            name = current_name(self._config.lake)
            if present is not None and (present.served.name == name or self._is_too_soon()):
                return present
            if not self._looking.acquire(blocking=present is None):
                assert present is not None
                return present
            try:
                return self._look(name)
            finally:
                self._looked = time.monotonic()
                self._looking.release()
        except (LakeError, OSError, ConnectionLost, Refused) as error:
            if present is None:
                raise EngineUnavailable(
                    "The engine cannot be reached at present.", hint="Try again in a while."
                ) from error
            LOG.error("the new snapshot of the lake cannot be served, the old one stays: %s", error)
            return present

    def _is_too_soon(self) -> bool:
        return time.monotonic() - self._looked < _LOOK_AGAIN

    def _look(self, newest: str | None) -> Tables:
        present = self._tables
        if present is not None and present.served.name == newest:
            return present
        connection = self._parts.pool.take()
        try:
            found = next(
                (
                    name
                    for name in snapshot_names(self._config.lake)
                    if is_registered(connection, self._parts.names, name)
                ),
                None,
            )
        except ConnectionLost:
            connection.abandon()
            raise
        except BaseException:
            connection.close()
            raise
        self._parts.pool.give(connection)
        if found is None:
            raise EngineUnavailable(
                "The engine has no tables of this service yet.",
                hint="Its operator can make them by: gammahub ingest, then gammahub lake register.",
            )
        if found != newest:
            LOG.warning("snapshot %s is not registered with the engine: run gammahub lake register", newest)
        if present is not None and present.served.name == found:
            return present
        tables = self._tables_of(Snapshot.read(self._config.lake, found))
        with self._lock:
            self._tables = tables
        LOG.info("snapshot %s is served", found)
        return tables

    def _tables_of(self, snapshot: Snapshot) -> Tables:
        served = Served(snapshot, restricted=self._config.serve_restricted)
        return Tables(served, event_numbers(snapshot), self._embed(served))
