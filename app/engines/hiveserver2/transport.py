"""Thrift over sockets that another thread can shut, with TLS, SASL and HTTP."""

from __future__ import annotations

import base64
import http.client
import math
import socket
import ssl
import threading
import time
from contextlib import suppress
from io import BytesIO

from pyhive import hive
from thrift.transport.THttpClient import THttpClient
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TBufferedTransport, TTransportBase, TTransportException
from thrift_sasl import TSaslClientTransport

from app.engines.hiveserver2.address import Address

PATIENCE = 20.0
"""Longest silence of a server while it is asked for what it has at hand [s]."""
_LOOK = 0.1
"""Time between two looks at whether one who waits is to be free [s]."""
_BUFFER = 1 << 18
_KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}
"""So a host that vanished is found out within two minutes, however long a query works in silence."""


class Link:
    """The socket of a connection, whatever lies above it.

    Parameters
    ----------
    address
        Where to connect to.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._socket: socket.socket | None = None
        self._timeout: float | None = PATIENCE
        self._context = _tls(address) if address.tls else None
        self._is_interrupted = threading.Event()

    def open(self) -> socket.socket:
        """Connect.

        Raises
        ------
        OSError
            Raised if nobody answers, or not whom we trust.
        """
        plain = socket.create_connection((self._address.host, self._address.port), timeout=PATIENCE)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name, value in _KEEPALIVE.items():
                if hasattr(socket, name):
                    plain.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
            if self._context is not None:
                plain = self._context.wrap_socket(plain, server_hostname=self._address.host)
            plain.settimeout(self._pause)
        except BaseException:
            plain.close()
            raise
        self._socket = plain
        return plain

    def expect(self, timeout: float | None) -> None:
        """How long the server may be silent from now on [s]; None for as long as it likes."""
        self._timeout = timeout
        if self._socket is not None:
            self._socket.settimeout(self._pause)

    def read(self, size: int) -> bytes:
        """Some bytes of the server, once there are some; none if it has gone.

        Raises
        ------
        OSError
            Raised if it is silent for too long, or the talk is interrupted.
        """
        assert self._socket is not None
        until = math.inf if self._timeout is None else time.monotonic() + self._timeout
        while True:
            if self._is_interrupted.is_set():
                raise InterruptedError("the talk with the server was broken off")
            try:
                return self._socket.recv(size)
            except TimeoutError:
                if time.monotonic() >= until:
                    raise

    def write(self, data: bytes) -> None:
        """Send bytes.

        Raises
        ------
        OSError
            Raised if the server takes none for too long, or has gone.
        """
        assert self._socket is not None
        self._socket.settimeout(PATIENCE)
        try:
            self._socket.sendall(data)
        finally:
            self._socket.settimeout(self._pause)

    def interrupt(self) -> None:
        """End the talk, from any thread: one who waits for the server is free.

        Over HTTP the connection is shut. Else it stays, as with it the server would end the session, and
        that may be too early: see :mod:`app.engines.hiveserver2.cleaner`.
        """
        self._is_interrupted.set()
        if self._address.http_path is not None and self._socket is not None:
            with suppress(OSError):  # it is shut already
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Free it; when nobody waits any more."""
        if self._socket is not None:
            self._socket.close()

    @property
    def _pause(self) -> float | None:
        """Longest time in one call of the socket [s]."""
        if self._address.http_path is not None:
            return self._timeout
        return _LOOK if self._timeout is None else min(_LOOK, self._timeout)


class _Socket(TSocket):  # type: ignore[misc]  # thrift has no types
    """Thrift's socket over a link."""

    def __init__(self, link: Link, address: Address) -> None:
        super().__init__(address.host, address.port)
        self._link = link

    def open(self) -> None:
        self.handle = self._link.open()

    def read(self, size: int) -> bytes:
        data = self._link.read(size)
        if not data:
            raise TTransportException(TTransportException.END_OF_FILE, "the server has closed the connection")
        return data

    def write(self, data: bytes) -> None:
        self._link.write(data)


class _Http(TTransportBase):  # type: ignore[misc]
    """Thrift in the bodies of HTTP requests, one connection for all of them."""

    def __init__(self, link: Link, address: Address, headers: dict[str, str]) -> None:
        self._link = link
        self._address = address
        self._headers = {"Content-Type": "application/x-thrift", **headers}
        self._request = BytesIO()
        self._client: http.client.HTTPConnection | None = None
        self._reply: http.client.HTTPResponse | None = None

    def isOpen(self) -> bool:  # noqa: N802  # thrift's name
        return self._client is not None

    def open(self) -> None:
        self._client = _Client(self._link, self._address)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = None

    def read(self, size: int) -> bytes:
        if self._reply is None:
            raise TTransportException(TTransportException.NOT_OPEN, "there is no reply to read")
        return self._reply.read(size)

    def write(self, data: bytes) -> None:
        self._request.write(data)

    def flush(self) -> None:
        body, self._request = self._request.getvalue(), BytesIO()
        if self._client is None:
            raise TTransportException(TTransportException.NOT_OPEN, "not connected")
        if self._reply is not None:
            self._reply.read()
        path = "/" + (self._address.http_path or "").strip("/")
        self._client.request("POST", path, body, self._headers)
        self._reply = self._client.getresponse()
        if self._reply.status != 200:
            raise TTransportException(
                TTransportException.UNKNOWN, f"HTTP {self._reply.status} {self._reply.reason}"
            )
        cookie = self._reply.getheader("Set-Cookie")
        if cookie is not None:
            self._headers["Cookie"] = cookie.partition(";")[0]


class _Client(http.client.HTTPConnection):
    """HTTP over a link."""

    def __init__(self, link: Link, address: Address) -> None:
        super().__init__(address.host, address.port)
        self._link = link

    def connect(self) -> None:
        self.sock = self._link.open()


def open_transport(link: Link, address: Address) -> TTransportBase:
    """The transport that an address asks for, over a link; not yet open."""
    if address.http_path is not None:
        return _Http(link, address, _http_headers(address))
    plain = _Socket(link, address)
    if address.auth == "NOSASL":
        return TBufferedTransport(plain, rbuf_size=_BUFFER)
    mechanism = "GSSAPI" if address.auth == "KERBEROS" else "PLAIN"
    return TSaslClientTransport(
        lambda: hive.get_installed_sasl(
            host=address.host,
            sasl_auth=mechanism,
            service=address.service,
            username=address.user,
            # With auth NONE it may be anything but empty.
            password=address.password or "x",
        ),
        mechanism,
        plain,
    )


def _http_headers(address: Address) -> dict[str, str]:
    if address.auth == "KERBEROS":
        bearer = THttpClient(f"http://{address.host}/")
        hive.Connection._set_kerberos_header(bearer, address.service, address.host)
        return dict(bearer._THttpClient__custom_headers)
    credentials = f"{address.user}:{address.password or 'x'}".encode()
    return {"Authorization": f"Basic {base64.b64encode(credentials).decode('ascii')}"}


def _tls(address: Address) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=address.authorities)
    if not address.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
