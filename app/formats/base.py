"""What a writer of results is: it turns a stream of Arrow batches into a stream of bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from app.errors import ServiceError
from app.results import ResultStream
from datalink import ServiceDescriptor


class Info(NamedTuple):
    """One statement about a result: an INFO of VOTable, a piece of metadata elsewhere."""

    name: str
    """Where the IVOA Note "Data Origin in the VO" has a word, that word: query, request_date,
    server_software, publisher, citation, rights, rights_uri, reference_url ..."""
    value: str
    description: str = ""
    """For the reader; may be empty."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a result comes from: what the writers say about it before its rows."""

    infos: tuple[Info, ...] = ()
    """In the order in which they are to be written."""
    name: str = "result"
    """Name of the TABLE (VOTable) or table extension (FITS)."""
    description: str = ""
    """One sentence about the result as a whole; may be empty."""
    services: tuple[ServiceDescriptor, ...] = ()
    """Services that can be called with what is in the rows; only VOTable has a place for them."""


class Writer(Protocol):
    """A serialisation of results.

    A writer has no state: one instance serves all requests, from any thread.
    """

    @property
    def media_type(self) -> str:
        """Media type of what it writes, with the parameters that tell its variants apart."""
        ...

    @property
    def extension(self) -> str:
        """Usual extension of file names, without the dot."""
        ...

    @property
    def tells_status(self) -> bool:
        """True if the document itself says that rows were left out, or that the query failed after its
        rows began. Where it is False the transport has to: a job by its phase, HTTP by a broken transfer.
        """
        ...

    def write(self, result: ResultStream, provenance: Provenance) -> Iterator[bytes]:
        """The document in chunks of about a megabyte, in constant memory.

        The first chunk comes with the first batch. An exception that the batches raise instead of it
        is raised before any chunk. After that, a writer that ``tells_status`` first yields the end of a
        well-formed document that tells of the exception; every writer then raises it again. So
        a job learns of it by the exception, and a synchronous response that has sent the end of the
        document swallows it.
        """
        ...


def told(fault: Exception) -> str:
    """What a document may say of a fault that ended it: words meant for the user, never inner ones."""
    if isinstance(fault, ServiceError):
        return fault.message if fault.hint is None else f"{fault.message} {fault.hint}"
    return "The service failed after the first rows were sent; the rows above are right, but not all."


def status_after(result: ResultStream, *, rows: int, fault: Exception | None) -> Info | None:
    """The status that follows the rows, in the words of DALI 1.1 section 4.4; None after a whole result.

    Parameters
    ----------
    result
        Its batches are used up, or have raised the fault.
    rows
        How many rows were written.
    fault
        What ended the rows early.
    """
    if fault is not None:
        return Info("QUERY_STATUS", "ERROR", told(fault))
    if result.overflowed:
        return Info("QUERY_STATUS", "OVERFLOW", f"More rows were found than the {rows} that are here.")
    return None
