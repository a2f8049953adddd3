"""From what a request names to tables that a query can read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import pyarrow as pa

from adql import Table
from app.config import Config
from app.engines.base import Upload
from app.errors import UsageError
from app.results import arrow_schema
from app.uploads.budget import Account, MemoryBudget
from app.uploads.columns import name_columns
from app.uploads.content import size_of, unpacked
from app.uploads.fetch import fetch
from app.uploads.formats import format_of
from app.uploads.intake import Intake
from app.uploads.limits import UploadLimits
from app.uploads.parameter import Part, UploadSource

SCHEMA = "TAP_UPLOAD"
"""Where queries find uploaded tables (TAP 1.1 section 2.7.6)."""
Results = Callable[[str, str], Part]
"""Gives the file of a result of a job; raises a UsageError if there is none."""
_WORK = 2
"""While a table is read, about that many times its bytes are held."""


@dataclass(frozen=True, slots=True)
class LoadedUploads:
    """The tables of a request."""

    tables: tuple[Upload, ...] = ()
    remarks: tuple[str, ...] = ()
    """Sentences the user should read with the rows: what is other than in the files."""


class UploadLoader:
    """Loads the tables of requests, within the limits of the operator.

    Parameters
    ----------
    config
        The settings.
    """

    def __init__(self, config: Config) -> None:
        self.limits = UploadLimits.of(config)
        self.budget = MemoryBudget(int(config.upload_memory))
        self.results: Results | None = None
        """Where results of jobs are, if there are any."""

    @contextmanager
    def gathered(
        self, sources: Sequence[UploadSource], *, stopped: Callable[[], bool]
    ) -> Iterator[tuple[UploadSource, ...]]:
        """The same tables, those that are named by a URL fetched, until the block is left.

        Parameters
        ----------
        sources
            What a request names.
        stopped
            Asked now and then: True when nobody waits for the tables any more.

        Raises
        ------
        app.errors.UploadError, app.errors.RequestTooLarge, app.errors.QueryCancelled
            Raised as by :meth:`load`.
        """
        with ExitStack() as stack:
            parts = [
                self._part(source, Intake(source.name, self.limits, stopped), stack) for source in sources
            ]
            yield tuple(
                replace(source, part=part, url=None, result=None)
                for source, part in zip(sources, parts, strict=True)
            )

    @contextmanager
    def load(
        self, sources: Sequence[UploadSource], *, stopped: Callable[[], bool]
    ) -> Iterator[LoadedUploads]:
        """The tables of a request, until the block is left.

        Parameters
        ----------
        sources
            What it names; their files are read from where they stand, and left there again.
        stopped
            Asked now and then: True when nobody waits for the tables any more; it may raise, too.

        Raises
        ------
        app.errors.UploadError
            Raised if a table cannot be had or read.
        app.errors.RequestTooLarge
            Raised if a table is beyond the limits.
        app.errors.QueryQueueFull
            Raised if there is no memory for it now.
        app.errors.QueryCancelled
            Raised if nobody waits.
        """
        if not sources:
            yield LoadedUploads()
            return
        with self.budget.account() as account:
            tables: list[Upload] = []
            remarks: list[str] = []
            for source in sources:
                intake = Intake(source.name, self.limits, stopped)
                upload, said = self._load(source, intake, account)
                tables.append(upload)
                remarks += said
            yield LoadedUploads(tuple(tables), tuple(remarks))

    def _load(self, source: UploadSource, intake: Intake, account: Account) -> tuple[Upload, Sequence[str]]:
        before = account.held
        with ExitStack() as stack:
            part = self._part(source, intake, stack)
            account.set(before + _WORK * size_of(part.content))
            place = part.content.tell()
            stack.callback(part.content.seek, place)
            content = stack.enter_context(unpacked(part.content, intake))
            account.set(before + _WORK * size_of(content))
            raw = format_of(part, content, intake).read(content, intake)
        named = name_columns(raw, intake)
        schema = arrow_schema(named.columns)
        rows = pa.Table.from_arrays(list(named.values), schema=schema)
        account.set(before + rows.nbytes)
        table = Table(SCHEMA, source.name, named.columns, description=raw.description, nrows=rows.num_rows)
        return Upload(table, rows), named.remarks

    def _part(self, source: UploadSource, intake: Intake, stack: ExitStack) -> Part:
        """The file of a table; one that is made for it is open until the stack is closed."""
        if source.part is not None:
            return source.part
        if source.result is not None and self.results is not None:
            try:
                part = self.results(*source.result)
            except UsageError as error:
                raise intake.fault(error.message, hint=error.hint) from error
        else:
            assert source.url is not None
            part = fetch(source.url, intake)
        stack.enter_context(part.content)
        return part
