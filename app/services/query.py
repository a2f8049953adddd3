"""A query from its text to the bytes of its result."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version

import pyarrow as pa

import adql
from adql import Catalogue, Column, ast
from adql.limits import Limits
from app.config import Config
from app.engines.base import Engine, Session
from app.errors import QueryQueueFull, QueryTimeout
from app.formats import Choice, Fits, Info, Provenance, Spool, Writer
from app.lake import Origin
from app.results import ResultStream, limited
from app.services.origin import PROTOCOL, origin_infos, request_url
from app.uploads import LoadedUploads, UploadLoader, UploadSource
from datalink import ServiceDescriptor, linking_column, links_descriptor
from vosi import Site, sited

LOG = logging.getLogger("gammahub.query")


@dataclass(frozen=True, slots=True)
class Query:
    """What a client asks."""

    text: str
    """ADQL."""
    choice: Choice
    """Format of the result."""
    maxrec: int | None = None
    """MAXREC of the request; None where it has none."""
    base_url: str = ""
    """Where the service is, for the result to say."""
    timeout: float | None = None
    """Time the engine may work for it [s]; that of synchronous queries, if none is given."""
    uploads: tuple[UploadSource, ...] = ()
    """Tables that it brings."""
    ucds: Mapping[str, str] = field(default_factory=dict)
    """Column of the result -> the UCD that it is to have, where an older standard asks for one."""
    services: tuple[ServiceDescriptor, ...] = ()
    """Services that the result is to tell of, beside that for links."""

    @property
    def root_url(self) -> str:
        """Where all services are."""
        return self.base_url.removesuffix("/tap")


class Queries:
    """The query path: ADQL, limits and a format in; chunks of bytes out."""

    def __init__(self, engine: Engine, config: Config) -> None:
        self.engine = engine
        self.config = config
        self.limits = Limits(length=config.query_length)
        self.uploads = UploadLoader(config)
        self._spool = Spool(config.scratch, most=config.spool_limit)
        self._places = threading.BoundedSemaphore(config.open_queries)

    def start(self, query: Query, loaded: LoadedUploads | None = None) -> QueryRun:
        """A run of the query that begins to work when its first chunk is asked for.

        Parameters
        ----------
        query
            What is asked.
        loaded
            Its tables, if they are loaded already; they stay so until the run is closed.

        Raises
        ------
        QueryQueueFull
            Raised if too many runs are open.
        """
        if not self._places.acquire(blocking=False):
            raise QueryQueueFull(
                f"The service is busy: {self.config.open_queries} queries are open.",
                retry_after=10,
                hint="Try again in 10 s.",
            )
        return QueryRun(self, query, loaded, release=self._places.release)

    def row_limit(self, text: str, maxrec: int | None) -> int:
        """Most rows of a result.

        An explicit MAXREC holds, and without one an explicit TOP, each up to the hard limit; else
        the default does (TAP 1.1 section 2.7.4 leaves the default and the hard limit to the service).
        """
        if maxrec is None:
            maxrec = max(self.config.default_maxrec, _top(text, self.limits) or 0)
        return min(maxrec, self.config.hard_maxrec)

    def catalogue(self, session: Session, base_url: str = "") -> Catalogue:
        """What a session may read, with views that name this service.

        Parameters
        ----------
        base_url
            Root of the service as the client sees it; that of the settings, if it is not known.
        """
        site = Site(base_url or self.config.own_url, self.config.authority, self.config.hea_terms)
        return sited(session.catalogue, site)

    def result(self, session: Session, text: str, maxrec: int, *, base_url: str = "") -> ResultStream:
        """The result of a query in a session, cut after ``maxrec`` rows; 0 gives its columns only.

        Parameters
        ----------
        base_url
            Root of the service as the client sees it.

        Raises
        ------
        adql.AdqlError
            Raised if the query is refused.
        app.errors.QueryError
            Raised if it does not end well; also while batches are read.
        """
        statement = adql.translate(
            text,
            self.catalogue(session, base_url),
            self.engine.dialect,
            maxrec=maxrec,
            scan=session.scan,
            limits=self.limits,
        )
        if maxrec == 0:
            return limited(ResultStream(statement.columns, iter(())), 0)
        return limited(session.execute(statement), maxrec)

    def table(self, text: str, maxrec: int, *, timeout: float | None = None, base_url: str = "") -> pa.Table:
        """The whole result of a query that is known to be small.

        Parameters
        ----------
        text
            ADQL.
        maxrec
            Most rows.
        timeout
            Time for it [s]; that of synchronous queries, if none is given.
        base_url
            Root of the service as the client sees it.

        Raises
        ------
        adql.AdqlError, app.errors.ServiceError
            Raised if the query is refused or does not end well.
        """
        with self.engine.session(timeout=timeout or self.config.sync_timeout) as session:
            result = self.result(session, text, maxrec, base_url=base_url)
            return pa.Table.from_batches(result.batches, schema=result.schema)

    def writer(self, query: Query) -> Writer:
        """Who writes the result of a query, with the disk space that the service has for it."""
        writer = query.choice.writer
        return replace(writer, spool=self._spool) if isinstance(writer, Fits) else writer

    def provenance(
        self,
        query: Query,
        maxrec: int,
        *,
        remarks: Sequence[str] = (),
        origins: Sequence[Origin] = (),
        columns: Sequence[Column] = (),
    ) -> Provenance:
        """What a result says of itself (IVOA Note "Data Origin in the VO"), and what of its rows.

        If one of its columns names datasets, it says how to get their links (DataLink 1.1 section 4).

        Parameters
        ----------
        query
            What was asked.
        maxrec
            Most rows of the result.
        remarks
            Sentences that the user should read with the rows.
        origins
            The releases that the rows are of.
        columns
            Those of the result.
        """
        infos = [
            Info("server_software", f"GammaHub/{version('gammahub')}", "Software that answered"),
            Info("request_date", datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "When it was asked, UTC"),
            Info("query", query.text, "The ADQL query"),
            Info("maxrec", str(maxrec), "Most rows this result could have"),
        ]
        contact = self.config.contact_email or self.config.contact_name
        stated = {
            "publisher": (self.config.publisher, "Who publishes the service"),
            "contact": (contact, "Whom to ask"),
            "service_url": (query.base_url, "Where it was asked"),
            "service_protocol": (PROTOCOL if query.base_url else "", "How it was asked"),
            "request": (self._request(query), "Asks the same again"),
        }
        infos[1:1] = [Info(name, value, meaning) for name, (value, meaning) in stated.items() if value]
        infos += origin_infos(origins)
        infos += [Info("warning", remark) for remark in remarks]
        return Provenance(tuple(infos), services=(*query.services, *self._linking(columns, query.root_url)))

    def _linking(self, columns: Sequence[Column], root_url: str) -> tuple[ServiceDescriptor, ...]:
        column = linking_column(columns)
        return () if column is None else (links_descriptor(root_url or self.config.own_url, column),)

    def _request(self, query: Query) -> str:
        if not query.base_url or query.uploads:
            return ""
        return request_url(query.base_url, query.text) or ""


class QueryRun:
    """One query on its way.

    One thread at a time asks for chunks; any thread may cancel. It must be closed.
    """

    def __init__(
        self, queries: Queries, query: Query, loaded: LoadedUploads | None, *, release: Callable[[], None]
    ) -> None:
        self.query = query
        self._loaded = loaded
        self._queries = queries
        self._release = release
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._cancelled = False
        self._closed = False
        self._chunks = self._work()
        self.maxrec = 0
        """Most rows of the result; known with the first chunk."""
        self.rows = 0
        """Rows so far."""
        self.overflowed = False
        """True if rows were left out; known after the last chunk."""
        self.origins: tuple[Origin, ...] = ()
        """The releases that it has rows of; known with the first chunk."""

    def next_chunk(self) -> bytes | None:
        """The next chunk of the result; None after the last.

        Raises
        ------
        adql.AdqlError, app.errors.ServiceError
            Raised if the query is refused or does not end well.
        """
        return next(self._chunks, None)

    def cancel(self) -> None:
        """Stop the work; the thread that waits for a chunk gets a QueryCancelled."""
        with self._lock:
            self._cancelled = True
            if self._session is not None:
                self._session.cancel()

    def close(self) -> None:
        """Free what the run holds; after the thread that asks for chunks is back."""
        if not self._closed:
            self._closed = True
            self._chunks.close()
            self._release()

    def _work(self) -> Generator[bytes, None, None]:
        queries, query = self._queries, self.query
        begun = time.monotonic()
        LOG.debug("query %r", query.text)
        maxrec = self.maxrec = queries.row_limit(query.text, query.maxrec)
        with (
            self._tables() as loaded,
            queries.engine.session(
                loaded.tables, timeout=query.timeout or queries.config.sync_timeout
            ) as session,
        ):
            self._hold(session)
            try:
                with self._advice():
                    result = queries.result(session, query.text, maxrec, base_url=query.root_url)
                columns = tuple(replace(c, ucd=query.ucds.get(c.name, c.ucd)) for c in result.columns)
                counted = replace(result, columns=columns, batches=self._count(result.batches))
                remarks = (*loaded.remarks, *session.remarks)
                self.origins = session.origins
                provenance = queries.provenance(
                    query, maxrec, remarks=remarks, origins=self.origins, columns=columns
                )
                yield from queries.writer(query).write(counted, provenance)
                self.overflowed = result.overflowed
            finally:
                self._hold(None)
        LOG.info(
            "query done rows=%d overflow=%s seconds=%.3f characters=%d",
            self.rows,
            result.overflowed,
            time.monotonic() - begun,
            len(query.text),
        )

    @contextmanager
    def _advice(self) -> Iterator[None]:
        """Who asks for too much at once is told that there are jobs."""
        try:
            yield
        except QueryTimeout as error:
            if self.query.timeout is not None or not self.query.base_url:
                raise
            seconds = min(self._queries.config.async_timeout, self._queries.config.hard_async_timeout)
            job = (
                f"Or run it as a job, by POST to {self.query.base_url}/async: it may take {seconds} s there."
            )
            raise QueryTimeout(error.message, hint=" ".join(filter(None, (error.hint, job)))) from error

    @contextmanager
    def _tables(self) -> Iterator[LoadedUploads]:
        """The tables of the query, which may take as long to read as the engine may work."""
        if self._loaded is not None:
            yield self._loaded
            return
        config, sources = self._queries.config, self.query.uploads
        seconds = self.query.timeout or config.sync_timeout
        fetching = config.upload_timeout * sum(source.url is not None for source in sources)
        until = time.monotonic() + seconds + fetching

        def stopped() -> bool:
            if time.monotonic() > until:
                raise QueryTimeout(
                    f"The uploaded tables were not read within the {seconds:g} s that it may take.",
                    hint="Send fewer rows or columns, or a binary format: FITS, Parquet or BINARY2.",
                )
            return self._cancelled

        with ExitStack() as stack:
            with self._advice():
                loaded = stack.enter_context(self._queries.uploads.load(sources, stopped=stopped))
            yield loaded

    def _count(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with self._advice():
            for batch in batches:
                self.rows += batch.num_rows
                yield batch

    def _hold(self, session: Session | None) -> None:
        with self._lock:
            self._session = session
            if session is not None and self._cancelled:
                session.cancel()


def _top(text: str, limits: Limits) -> int | None:
    body = adql.parse(text, limits=limits).body
    return body.top if isinstance(body, ast.Select) else None
