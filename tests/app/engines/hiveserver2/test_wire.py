"""The reply to FetchResults, as Thrift's own code writes it, becomes the Arrow columns it holds."""

from __future__ import annotations

import struct
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from TCLIService import ttypes
from TCLIService.TCLIService import FetchResults_result
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TApplicationException, TMessageType
from thrift.transport.TTransport import TMemoryBuffer

from app.engines.hiveserver2.wire import Reader, ServerFault, WireError, read_rows

WHOLE = st.integers(-(2**63), 2**63 - 1)
KINDS: dict[str, tuple[Any, Any, st.SearchStrategy[Any], pa.DataType]] = {
    "boolVal": (ttypes.TBoolColumn, False, st.booleans(), pa.bool_()),
    "byteVal": (ttypes.TByteColumn, 0, st.integers(-128, 127), pa.int8()),
    "i16Val": (ttypes.TI16Column, 0, st.integers(-(2**15), 2**15 - 1), pa.int16()),
    "i32Val": (ttypes.TI32Column, 0, st.integers(-(2**31), 2**31 - 1), pa.int32()),
    "i64Val": (ttypes.TI64Column, 0, WHOLE, pa.int64()),
    "doubleVal": (ttypes.TDoubleColumn, 0.0, st.floats(allow_nan=False), pa.float64()),
    "stringVal": (ttypes.TStringColumn, "", st.text(st.characters(codec="utf-8"), max_size=40), pa.string()),
    "binaryVal": (ttypes.TBinaryColumn, b"", st.binary(max_size=40), pa.binary()),
}


def written(result: Any, *, kind: int = TMessageType.REPLY) -> bytes:
    """A message in Thrift's binary protocol."""
    buffer = TMemoryBuffer()
    protocol = TBinaryProtocol(buffer)
    protocol.writeMessageBegin("FetchResults", kind, 7)
    result.write(protocol)
    protocol.writeMessageEnd()
    return buffer.getvalue()


def reply(columns: list[Any], code: int = 0, **status: Any) -> bytes:
    """A reply with these columns."""
    response = ttypes.TFetchResultsResp(
        status=ttypes.TStatus(statusCode=code, **status),
        hasMoreRows=False,
        results=ttypes.TRowSet(startRowOffset=0, rows=[], columns=columns),
    )
    return written(FetchResults_result(success=response))


def column(kind: str, values: list[Any]) -> Any:
    """A column with None for its nulls, whose bits are set from the least on."""
    make, blank, _, _ = KINDS[kind]
    bits = sum(1 << number for number, value in enumerate(values) if value is None)
    nulls = bits.to_bytes((len(values) + 7) // 8, "little")
    plain = [blank if value is None else value for value in values]
    return ttypes.TColumn(**{kind: make(values=plain, nulls=nulls)})


def read(message: bytes) -> list[pa.Array]:
    return read_rows(Reader(TMemoryBuffer(message)))


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(max_examples=40)
def test_every_kind_of_column_comes_through(kind: str, data: st.DataObject) -> None:
    _, _, values, type_ = KINDS[kind]
    wanted = data.draw(st.lists(st.none() | values, max_size=100))
    (found,) = read(reply([column(kind, wanted)]))
    found.validate(full=True)
    assert found.type == type_
    assert found.to_pylist() == wanted


def test_columns_stay_beside_one_another() -> None:
    values = {"i64Val": [1, None, 3], "stringVal": ["a", "", None], "doubleVal": [0.5, float("inf"), None]}
    found = read(reply([column(kind, cells) for kind, cells in values.items()]))
    assert [array.to_pylist() for array in found] == list(values.values())


@pytest.mark.parametrize("lengths", [[3] * 5000, [0] * 5000, [*range(300), *[7] * 300, *range(300, 0, -1)]])
def test_texts_of_one_length_and_of_many(lengths: list[int]) -> None:
    texts = [chr(97 + number % 26) * length for number, length in enumerate(lengths)]
    (found,) = read(reply([column("stringVal", texts)]))
    assert found.to_pylist() == texts


def test_a_text_longer_than_what_is_read_ahead() -> None:
    texts = ["a", "b" * 3_000_000, "c"]
    (found,) = read(reply([column("stringVal", texts)]))
    assert found.to_pylist() == texts


def test_a_fault_of_the_server_is_told_in_its_words() -> None:
    with pytest.raises(ServerFault, match="no such handle") as caught:
        read(reply([], code=3, errorMessage="no such handle", sqlState="42000"))
    assert caught.value.state == "42000"


def test_a_request_that_the_server_does_not_know_is_a_fault() -> None:
    error = TApplicationException(TApplicationException.UNKNOWN_METHOD, "Invalid method name")
    with pytest.raises(ServerFault, match="Invalid method name"):
        read(written(error, kind=TMessageType.EXCEPTION))


WHOLE_REPLY = reply(
    [column("i32Val", [1, None]), column("stringVal", ["ä", None]), column("boolVal", [True])]
)


@given(end=st.integers(0, len(WHOLE_REPLY) - 1))
def test_a_reply_that_ends_too_early_is_told(end: int) -> None:
    with pytest.raises(EOFError):
        read(WHOLE_REPLY[:end])


@given(at=st.integers(0, len(WHOLE_REPLY) - 1), value=st.integers(0, 255))
@settings(max_examples=500)
def test_a_damaged_reply_is_an_error_of_a_known_kind(at: int, value: int) -> None:
    damaged = WHOLE_REPLY[:at] + bytes([value]) + WHOLE_REPLY[at + 1 :]
    try:
        for array in read(damaged):
            array.validate(full=True)
    except (EOFError, WireError, ServerFault, pa.ArrowInvalid, struct.error):
        pass
