"""What stands in for a HiveServer2 behind HTTP, TLS or SASL PLAIN, where only the way in is looked at.

It speaks the Thrift service that PyHive's generated code has, and answers each statement with one row that
holds the statement. Real servers answer queries in ``tests/engines``.
"""

from __future__ import annotations

import base64
import socketserver
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from TCLIService import TCLIService, ttypes
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.transport.TTransport import TMemoryBuffer

DONE = ttypes.TStatus(statusCode=0)
IDENTIFIER = ttypes.THandleIdentifier(guid=b"0" * 16, secret=b"1" * 16)


class _Service:
    """The calls that a query makes."""

    def __init__(self) -> None:
        self.statement: str | None = None

    def OpenSession(self, req: Any) -> Any:
        handle = ttypes.TSessionHandle(IDENTIFIER)
        return ttypes.TOpenSessionResp(
            status=DONE, serverProtocolVersion=req.client_protocol, sessionHandle=handle, configuration={}
        )

    def CloseSession(self, req: Any) -> Any:
        return ttypes.TCloseSessionResp(status=DONE)

    def ExecuteStatement(self, req: Any) -> Any:
        self.statement = req.statement
        handle = ttypes.TOperationHandle(IDENTIFIER, operationType=0, hasResultSet=True)
        return ttypes.TExecuteStatementResp(status=DONE, operationHandle=handle)

    def GetOperationStatus(self, req: Any) -> Any:
        state = ttypes.TOperationState.FINISHED_STATE
        return ttypes.TGetOperationStatusResp(status=DONE, operationState=state)

    def GetResultSetMetadata(self, req: Any) -> Any:
        entry = ttypes.TTypeEntry(primitiveEntry=ttypes.TPrimitiveTypeEntry(ttypes.TTypeId.STRING_TYPE))
        column = ttypes.TColumnDesc("statement", ttypes.TTypeDesc([entry]), 1)
        return ttypes.TGetResultSetMetadataResp(status=DONE, schema=ttypes.TTableSchema([column]))

    def FetchResults(self, req: Any) -> Any:
        values = [] if self.statement is None else [self.statement]
        self.statement = None
        column = ttypes.TColumn(stringVal=ttypes.TStringColumn(values=values, nulls=b""))
        rows = ttypes.TRowSet(startRowOffset=0, rows=[], columns=[column])
        return ttypes.TFetchResultsResp(status=DONE, hasMoreRows=False, results=rows)

    def CloseOperation(self, req: Any) -> Any:
        return ttypes.TCloseOperationResp(status=DONE)


def _answer(processor: Any, message: bytes) -> bytes:
    reply = TMemoryBuffer()
    processor.process(TBinaryProtocol(TMemoryBuffer(message)), TBinaryProtocol(reply))
    return bytes(reply.getvalue())


@contextmanager
def http_server(user: str, password: str, certificate: ssl.SSLContext | None = None) -> Iterator[int]:
    """A port that answers POSTs to /cliservice of one user, over TLS if there is a certificate."""
    processor = TCLIService.Processor(_Service())
    wanted = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            message = self.rfile.read(int(self.headers["Content-Length"]))
            status = 200 if self.path == "/cliservice" else 404
            if self.headers["Authorization"] != wanted:
                status = 401
            body = _answer(processor, message) if status == 200 else b""
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        if certificate is not None:
            server.socket = certificate.wrap_socket(server.socket, server_side=True)
        with _serving(server):
            yield server.server_address[1]


@contextmanager
def sasl_server(user: str, password: str, certificate: ssl.SSLContext | None = None) -> Iterator[int]:
    """A port that lets one user in by SASL PLAIN, as hive.server2.authentication=LDAP does."""
    processor = TCLIService.Processor(_Service())

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            try:
                if self._lets_in():
                    while head := self.rfile.read(4):
                        reply = _answer(processor, self.rfile.read(struct.unpack(">I", head)[0]))
                        self.wfile.write(struct.pack(">I", len(reply)) + reply)
            except (ConnectionError, struct.error):
                pass  # the client has gone

        def _lets_in(self) -> bool:
            parts = []
            for _ in range(2):  # START with the mechanism, OK with the credentials
                _, size = struct.unpack(">BI", self.rfile.read(5))
                parts.append(self.rfile.read(size))
            known = parts[0] == b"PLAIN" and parts[1].split(b"\0")[1:] == [user.encode(), password.encode()]
            message = b"" if known else b"Error validating the login"
            self.wfile.write(struct.pack(">BI", 5 if known else 3, len(message)) + message)
            return known

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        if certificate is not None:
            server.socket = certificate.wrap_socket(server.socket, server_side=True)
        with _serving(server):
            yield server.server_address[1]


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
