"""One session of a HiveServer2: statements, their states and their rows as Arrow."""

from __future__ import annotations

import http.client
import re
import struct
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from pyhive import hive
from pyhive.exc import Error as PyHiveError
from TCLIService import ttypes
from thrift.Thrift import TException

from app.engines.hiveserver2.address import Address
from app.engines.hiveserver2.transport import PATIENCE, Link, open_transport
from app.engines.hiveserver2.wire import Reader, ServerFault, WireError, read_rows

_T = TypeVar("_T")

_STATE = ttypes.TOperationState
_WORKS = (_STATE.INITIALIZED_STATE, _STATE.PENDING_STATE, _STATE.RUNNING_STATE)
_LOST = (
    OSError,
    EOFError,
    RecursionError,
    TException,
    WireError,
    struct.error,
    http.client.HTTPException,
    pa.ArrowException,
)
_NAMES = ttypes.TTypeId._VALUES_TO_NAMES
_LITTLE = 10_000
"""Rows of an answer that is known to be small, fetched at a time."""


class ConnectionLost(Exception):
    """The server has gone, or the talk with it went wrong; the connection is of no use any more."""


class Refused(Exception):
    """The server will not or cannot run a statement.

    Parameters
    ----------
    message
        Its words.
    state
        SQLSTATE, if it tells one.
    """

    def __init__(self, message: str, state: str | None = None) -> None:
        self.message = message
        self.state = state
        super().__init__(message)


class OutOfTime(Refused):
    """The server has ended the statement as its time was over."""


class Stopped(Refused):
    """The statement was cancelled on the server."""


class Connection:
    """A session of a HiveServer2, for one thread at a time; any may shut it.

    Parameters
    ----------
    address
        Where the server is.
    settings
        Settings of the session.

    Raises
    ------
    ConnectionLost
        Raised if there is no server, or it lets us not in.
    """

    def __init__(self, address: Address, settings: Mapping[str, str]) -> None:
        self._link = Link(address)
        transport = open_transport(self._link, address)
        try:
            self._hive = hive.Connection(
                thrift_transport=transport, username=address.user, configuration=dict(settings)
            )
        except (*_LOST, PyHiveError, AssertionError) as error:
            self._link.close()
            raise ConnectionLost(f"{address.spoken}: {_words(error)}") from error
        self._client = self._hive.client
        self._reader = Reader(transport)
        self.is_clean = True
        """False if the session has seen what the next query must not."""

    @property
    def handle(self) -> Any:
        """What the server knows the session by."""
        return self._hive.sessionHandle

    def execute(self, sql: str, *, timeout: float | None) -> Operation:
        """Begin a statement.

        Parameters
        ----------
        sql
            One statement.
        timeout
            Time after which the server is to end it [s]; None for none.

        Raises
        ------
        Refused
            Raised if the server refuses it; some do so only when asked for its state.
        ConnectionLost
            Raised if the server has gone.
        """
        request = ttypes.TExecuteStatementReq(
            self.handle, sql, runAsync=True, queryTimeout=0 if timeout is None else max(1, int(timeout))
        )
        response = self.call(lambda: self._client.ExecuteStatement(request))
        return Operation(self, response.operationHandle)

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a statement that has few.

        Raises
        ------
        Refused, ConnectionLost
            Raised as by :meth:`execute`.
        """
        self._link.expect(None)
        operation = self.execute(sql, timeout=None)
        try:
            operation.wait()
            rows: list[tuple[Any, ...]] = []
            while operation.has_rows and (batch := operation.fetch(_LITTLE)) is not None:
                rows += zip(*(column.to_pylist() for column in batch.columns), strict=True)
            return rows
        finally:
            operation.close()

    def is_alive(self) -> bool:
        """True if the server still knows the session."""
        self._link.expect(PATIENCE)
        request = ttypes.TGetInfoReq(self.handle, ttypes.TGetInfoType.CLI_SERVER_NAME)
        try:
            self.call(lambda: self._client.GetInfo(request))
        except (ConnectionLost, Refused):
            return False
        return True

    def expect(self, timeout: float | None) -> None:
        """How long the server may be silent from now on [s]; None for as long as it likes."""
        self._link.expect(timeout)

    def cancel_other(self, operation: Any) -> None:
        """Cancel a statement of another connection, if it is still there."""
        request = ttypes.TCancelOperationReq(operationHandle=operation)
        self._end_other(lambda: self._client.CancelOperation(request))

    def close_other(self, session: Any) -> None:
        """End the session of another connection with all its statements, if it is still there."""
        request = ttypes.TCloseSessionReq(sessionHandle=session)
        self._end_other(lambda: self._client.CloseSession(request))

    def _end_other(self, request: Callable[[], Any]) -> None:
        self._link.expect(PATIENCE)
        with suppress(Refused):  # it is gone already
            self.call(request)

    def interrupt(self) -> None:
        """Break it off, from any thread; a call that waits raises ConnectionLost.

        The session stays as it is: hand the connection to the pool, to be discarded.
        """
        self._link.interrupt()

    def close(self) -> None:
        """End the session; silent if the server has gone."""
        self._link.expect(PATIENCE)
        with suppress(*_LOST, PyHiveError):
            self._hive.close()
        self._link.close()

    def abandon(self) -> None:
        """Free what this side holds, and tell the server nothing."""
        self._link.close()

    def call(self, request: Callable[[], _T]) -> _T:
        """What the server answers to a request.

        Raises
        ------
        Refused, ConnectionLost
            Raised as by :meth:`execute`.
        """
        try:
            response = request()
        except (ServerFault, PyHiveError) as error:
            raise Refused(_words(error), getattr(error, "state", None)) from error
        except _LOST as error:
            raise ConnectionLost(_words(error)) from error
        status = getattr(response, "status", None)
        if status is not None and status.statusCode not in (0, 1):
            raise Refused(status.errorMessage or "; ".join(status.infoMessages or ()), status.sqlState)
        return response

    def fetch(self, operation: Any, rows: int) -> list[pa.Array]:
        """The next rows of an operation, as the wire has them."""
        request = ttypes.TFetchResultsReq(operation, ttypes.TFetchOrientation.FETCH_NEXT, rows)

        def ask() -> list[pa.Array]:
            self._client.send_FetchResults(request)
            return read_rows(self._reader)

        return self.call(ask)

    def status(self, operation: Any) -> Any:
        """The state of an operation; the server answers when it changes, or after a while."""
        request = ttypes.TGetOperationStatusReq(operationHandle=operation)
        return self.call(lambda: self._client.GetOperationStatus(request))

    def types(self, operation: Any) -> list[pa.DataType]:
        """The Arrow types of the columns of an operation."""
        request = ttypes.TGetResultSetMetadataReq(operation)
        schema = self.call(lambda: self._client.GetResultSetMetadata(request)).schema
        return [_arrow_type(column.typeDesc) for column in schema.columns]

    def close_operation(self, operation: Any) -> None:
        """Free what the server holds for an operation; one that works is stopped."""
        self.call(lambda: self._client.CloseOperation(ttypes.TCloseOperationReq(operation)))


class Operation:
    """A statement that a server runs."""

    def __init__(self, connection: Connection, handle: Any) -> None:
        self._connection = connection
        self.handle = handle
        self.begun = time.monotonic()
        self._types: list[pa.DataType] | None = None

    @property
    def has_rows(self) -> bool:
        """True for a query, false for a command."""
        return bool(self.handle.hasResultSet)

    def wait(self) -> None:
        """Wait until its rows can be fetched.

        Raises
        ------
        Refused, ConnectionLost
            Raised if it does not end well, in one of the kinds of Refused.
        """
        while (status := self._connection.status(self.handle)).operationState in _WORKS:
            pass
        state = status.operationState
        if state == _STATE.FINISHED_STATE:
            return
        message = status.errorMessage or _STATE._VALUES_TO_NAMES.get(state, str(state))
        kinds = {_STATE.TIMEDOUT_STATE: OutOfTime, _STATE.CANCELED_STATE: Stopped}
        raise kinds.get(state, Refused)(message, status.sqlState)

    def fetch(self, rows: int) -> pa.RecordBatch | None:
        """The next rows; None after the last.

        Raises
        ------
        Refused, ConnectionLost
            Raised if the statement breaks while it is read.
        """
        if self._types is None:
            self._types = self._connection.types(self.handle)
        columns = self._connection.fetch(self.handle, rows)
        if not columns or len(columns[0]) == 0:
            return None
        if len(columns) != len(self._types):
            raise ConnectionLost(f"{len(columns)} columns came and {len(self._types)} were told")
        arrays = [_typed(array, kind) for array, kind in zip(columns, self._types, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, [str(number) for number in range(len(arrays))])

    def close(self) -> None:
        """Free what the server holds for it; silent if that cannot be done."""
        try:
            self._connection.close_operation(self.handle)
        except (ConnectionLost, Refused):
            self._connection.is_clean = False


_TYPES = {
    "BOOLEAN_TYPE": pa.bool_(),
    "TINYINT_TYPE": pa.int8(),
    "SMALLINT_TYPE": pa.int16(),
    "INT_TYPE": pa.int32(),
    "BIGINT_TYPE": pa.int64(),
    "FLOAT_TYPE": pa.float32(),
    "DOUBLE_TYPE": pa.float64(),
    "BINARY_TYPE": pa.binary(),
    "TIMESTAMP_TYPE": pa.timestamp("us"),
}


def _arrow_type(description: Any) -> pa.DataType:
    """The type of a column; what has parts comes as text, and so do dates and decimals."""
    entry = description.types[0].primitiveEntry
    return pa.string() if entry is None else _TYPES.get(_NAMES[entry.type], pa.string())


def _typed(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if array.type == kind:
        return array
    if pa.types.is_timestamp(kind):
        # Some servers give nine digits of a second.
        return pc.utf8_slice_codeunits(array, 0, 26).cast(kind)
    return array.cast(kind)


_SECRET = re.compile(r"(?i)(authorization|password)\S*\s*[:=]\s*\S+")


def _words(error: BaseException) -> str:
    """What an exception of the drivers says, in one line and without secrets."""
    response = error.args[0] if error.args else None
    status = getattr(response, "status", None)
    message = getattr(status, "errorMessage", None) or getattr(error, "message", None) or str(error)
    return _SECRET.sub(r"\1", " ".join(str(message).split()))[:2000] or type(error).__name__
