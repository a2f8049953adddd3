"""A table fetched by its URL: only from where it may be, only so much of it, and only for so long."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

import httpcore

from app.errors import UploadError
from app.uploads.addresses import Address, is_allowed, resolve
from app.uploads.intake import Intake, shown
from app.uploads.parameter import Part

_MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_IN_MEMORY = 1 << 20
_LOOK = 0.25
"""Time between two looks whether anyone still waits [s]."""
_PORTS = {"http": 80, "https": 443}
_ACCEPT = "application/x-votable+xml, application/vnd.apache.parquet, application/fits, text/csv, */*;q=0.5"


def fetch(url: str, intake: Intake) -> Part:
    """What is at a URL, in a temporary file at its beginning.

    Each host is resolved once; the connection goes to the address that was checked, and so it does after
    a redirect. No proxy is asked, no cookie or password sent.

    Raises
    ------
    app.errors.UploadError
        Raised if it may not be fetched, is not there, or does not come in time.
    app.errors.RequestTooLarge
        Raised if it is longer than the limit.
    """
    deadline = time.monotonic() + intake.limits.timeout
    backend = _GuardedBackend(intake, deadline)
    with httpcore.ConnectionPool(network_backend=backend, http2=False, retries=0) as pool:
        for _ in range(_MOST_REDIRECTS + 1):
            with (
                _told(url, intake),
                pool.stream("GET", _request_url(url), headers=_headers(url)) as response,
            ):
                location = _location(response)
                if location is None:
                    return _received(response, url, intake)
            url = _checked(urljoin(url, location), intake)
    raise intake.fault(f"It is behind more than {_MOST_REDIRECTS} redirects, at last to {shown(url)}.")


def _headers(url: str) -> dict[bytes | str, bytes | str]:
    host = urlsplit(url).netloc.rpartition("@")[2]
    return {"Host": host, "Accept": _ACCEPT, "Accept-Encoding": "gzip, identity", "User-Agent": "GammaHub"}


def _request_url(url: str) -> str:
    """The URL as a request can have it: ASCII, without user and fragment."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].encode("idna" if not parts.netloc.isascii() else "ascii").decode()
    path = quote(parts.path or "/", safe="/%:=&?~#+!$,;'@()*[]-._")
    query = quote(parts.query, safe="/%:=&?~#+!$,;'@()*[]-._")
    return urlunsplit((parts.scheme.lower(), host, path, query, ""))


def _location(response: httpcore.Response) -> str | None:
    if response.status not in _REDIRECTS:
        return None
    values = [value for name, value in response.headers if name.lower() == b"location"]
    return values[0].decode("latin-1") if values else None


def _checked(url: str, intake: Intake) -> str:
    """A URL that a server named."""
    try:
        parts = urlsplit(url)
        whole = parts.scheme.lower() in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        whole = False
    if not whole:
        raise intake.fault(f"It is redirected to {shown(url)}, which is no http or https URL.")
    return url


def _received(response: httpcore.Response, url: str, intake: Intake) -> Part:
    if response.status != 200:
        raise intake.fault(f"{shown(url)} answers with the status {response.status} instead of a table.")
    headers = {name.lower(): value.decode("latin-1") for name, value in response.headers}
    encoding = headers.get(b"content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip", ""):
        # What is compressed with gzip is unpacked by what it begins with.
        raise intake.fault(f"{shown(url)} answers in the encoding {shown(encoding)}; gzip is understood.")
    announced = headers.get(b"content-length", "")
    if announced.isdecimal() and len(announced) < 20:
        intake.check_bytes(int(announced))
    content = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 (the caller's to close)
    try:
        size = 0
        for piece in response.iter_stream():
            size += len(piece)
            intake.check_bytes(size)
            content.write(piece)
    except BaseException:
        content.close()
        raise
    content.seek(0)
    path = urlsplit(url).path
    return Part(cast(BinaryIO, content), headers.get(b"content-type", ""), path.rpartition("/")[2])


@contextlib.contextmanager
def _told(url: str, intake: Intake) -> Iterator[None]:
    """Tell the user what went wrong on the way to a server."""
    try:
        yield
    except httpcore.TimeoutException as error:
        raise intake.fault(
            f"{shown(url)} has not sent the table within {intake.limits.timeout:g} s."
        ) from error
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
        raise intake.fault(f"{shown(url)} cannot be fetched: {error or type(error).__name__}.") from error
    except (UnicodeError, OSError) as error:
        raise intake.fault(f"{shown(url)} cannot be fetched: {error}.") from error


class _Refused(UploadError):
    """The address of a host is not one to connect to."""


class _GuardedBackend(httpcore.NetworkBackend):
    """Connects to addresses that were checked, and to nothing when the time is over."""

    def __init__(self, intake: Intake, deadline: float) -> None:
        self._intake = intake
        self._deadline = deadline
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: object = None,
    ) -> httpcore.NetworkStream:
        """A connection to the first address of the host that answers."""
        fault: Exception | None = None
        for address in self._addresses(host, port):
            left = _left(self._deadline)
            try:
                stream = self._sockets.connect_tcp(str(address), port, timeout=min(left, 10.0))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                fault = error
                continue
            return _HastyStream(stream, self._intake, self._deadline)
        raise fault or httpcore.ConnectError("no address")

    def _addresses(self, host: str, port: int) -> list[Address]:
        try:
            addresses = resolve(host, port)
        except OSError as error:
            raise httpcore.ConnectError(f"the host {host} is not known") from error
        allowed = [address for address in addresses if is_allowed(address, self._intake.limits.networks)]
        if not allowed:
            raise self._intake.fault(
                f"The host {shown(host)} is not on the public network, from which alone tables are fetched.",
                hint="Send the table with the request: UPLOAD=name,param:part.",
            )
        return allowed


@dataclass
class _HastyStream(httpcore.NetworkStream):
    """A connection of which every step ends at one moment, however slowly bytes come."""

    stream: httpcore.NetworkStream
    intake: Intake
    deadline: float

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """The next bytes."""
        while True:
            self.intake.check_stopped()
            patience = min(_left(self.deadline), _LOOK)
            try:
                return self.stream.read(max_bytes, timeout=patience)
            except httpcore.ReadTimeout:
                # Nothing has come, and nothing is lost.
                continue

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes."""
        self.stream.write(buffer, timeout=_left(self.deadline))

    def close(self) -> None:
        """End the connection."""
        self.stream.close()

    def start_tls(
        self, ssl_context: object, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """The same connection, encrypted; the certificate must be that of the host in the URL."""
        stream = self.stream.start_tls(ssl_context, server_hostname, _left(self.deadline))  # type: ignore[arg-type]
        return _HastyStream(stream, self.intake, self.deadline)

    def get_extra_info(self, info: str) -> object:
        """Facts about the connection."""
        return self.stream.get_extra_info(info)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the time is over")
    return left
