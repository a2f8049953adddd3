"""Room for the files that come with jobs."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from app.errors import JobsUnavailable, RequestTooLarge
from app.uws.files import JobFiles
from app.uws.inputs import Incoming, Input
from app.uws.store import JobStore
from app.uws.terms import Terms
from app.uws.values import check_values


class InputRoom:
    """Takes files that come with jobs, as many and as large ones as there is room for.

    Parameters
    ----------
    store, files
        The jobs and what they have.
    terms
        What they are granted.
    """

    def __init__(self, store: JobStore, files: JobFiles, terms: Terms) -> None:
        self._store = store
        self._files = files
        self._terms = terms

    @contextmanager
    def taken(
        self, id_: str, there: tuple[Input, ...], coming: Sequence[Incoming]
    ) -> Iterator[tuple[Input, ...]]:
        """The files of a job with those that come, which are gone again if the block does not end well.

        Parameters
        ----------
        id_
            The job.
        there
            The files that it keeps.
        coming
            Those that come.

        Raises
        ------
        RequestTooLarge, UsageError
            Raised if the job may not have them.
        JobsUnavailable
            Raised if there is no room for them now.
        """
        self._check(there, coming)
        taken: list[Input] = []
        try:
            taken.extend(self._files.take(id_, file) for file in coming)
            yield (*there, *taken)
        except BaseException as error:
            self._files.drop(id_, taken)
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise JobsUnavailable("There is no room on the disk for what came with the job.") from error
            raise

    def _check(self, there: Sequence[Input], coming: Sequence[Incoming]) -> None:
        if not coming:
            return
        names = tuple((file.name, file.file_name + file.media_type) for file in coming)
        check_values(names, most=self._terms.characters)
        number, most = len(there) + len(coming), self._terms.inputs
        if number > most:
            raise RequestTooLarge(
                f"The job has {number} files; a job may bring {most}."
                if most
                else "The request has a file, and jobs may bring none on this service; leave it out."
            )
        size = sum(file.size for file in coming)
        if sum(one.size for one in there) + size > self._terms.input_bytes:
            raise RequestTooLarge(
                f"The files of the job have more than the {self._terms.input_bytes:,} bytes allowed."
            )
        if self._store.stored_bytes() + size > self._terms.stored_bytes:
            raise JobsUnavailable(
                "There is no room for what comes with more jobs.",
                hint="Delete jobs that are no longer needed, or try again later.",
            )
