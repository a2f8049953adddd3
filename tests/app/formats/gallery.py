"""Results of every type, with every kind of odd value, in batches of odd sizes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from adql import Column, ColumnType
from app.errors import QueryTimeout
from app.formats import Info, Provenance
from app.results import ResultStream, arrow_schema, limited

NAN, INF = math.nan, math.inf


def column(
    name: str, datatype: str, arraysize: str | None = None, xtype: str | None = None, **facts: Any
) -> Column:
    return Column(name, ColumnType(datatype, arraysize, xtype), **facts)


SCALARS: dict[Column, list[Any]] = {
    column("flag", "boolean"): [True, False, None, True, None],
    column("octet", "unsignedByte"): [0, 255, None, 7, 128],
    column("small", "short", description="a < b & c > d"): [-32767, 32767, None, 0, -1],
    column("whole", "int", unit="s"): [-(2**31) + 1, 2**31 - 1, None, 0, 42],
    column("large", "long", ucd="meta.id;meta.main"): [-(2**63) + 1, 2**63 - 1, None, 20131103103, 0],
    column("single", "float", unit="TeV", ucd="em.energy"): [
        0.10000000149011612,
        -3.4028234663852886e38,
        None,
        NAN,
        INF,
    ],
    column("double", "double", utype="x:y.z"): [0.1, 1.7976931348623157e308, None, NAN, -INF],
    column("tiny", "double"): [5e-324, 1e-7, 123456789012345.6, -0.0, 1e22],
}
"""Columns of one number or boolean and their values; NULL is the third."""

TEXTS: dict[Column, list[Any]] = {
    column("text", "char", "*"): ["plain", "a<b && c>d ]]>", None, "", " tab\tquote\"comma,' "],
    column("word", "char", "7"): ["HESS", "VERITAS", None, "", "a"],
    column("name", "unicodeChar", "*"): ["Größe", "★ MAGIC", None, "", "line\nbreak 😀"],
    column("mark", "unicodeChar", "4"): ["é", "abcd", None, "", "😀😀"],
    column("when", "char", "*", "timestamp"): [
        "2013-11-04T20:00:00",
        "2004-02-29T23:59:59.999",
        None,
        "",
        "1970-01-01T00:00:00",
    ],
}

ARRAYS: dict[Column, list[Any]] = {
    column("point", "double", "2", "point", ucd="pos.eq"): [
        [83.63, 22.01],
        [0.0, -90.0],
        None,
        [359.999, 90.0],
        [1.5, 2.5],
    ],
    column("octets", "unsignedByte", "*"): [[0, 255], [], None, [1], [2, 3, 4]],
    column("pair", "short", "2"): [[1, -1], [32767, -32767], None, [0, 0], [5, 6]],
    column("wholes", "int", "*"): [[1, 2, 3], [], None, [-(2**31) + 1], [2**31 - 1, 0]],
    column("larges", "long", "5*"): [[2**63 - 1], [], None, [1, 2, 3, 4, 5], [-1]],
    column("singles", "float", "*"): [[0.5, -1.5], [], None, [2.25], [1e10, 0.0009765625]],
    column("doubles", "double", "3"): [
        [0.1, 0.2, 0.3],
        [1e300, -1e300, 0.0],
        None,
        [1.0, 2.0, 3.0],
        [4.0, 5.0, 6.0],
    ],
    column("flags", "boolean", "*"): [[True, False], [], None, [True], [False, False, False]],
}

GALLERY = {**SCALARS, **TEXTS, **ARRAYS}
REPEATS = 7


@dataclass(frozen=True)
class Sample:
    """Columns, their rows as plain Python, and one batch of them."""

    columns: tuple[Column, ...]
    rows: list[tuple[Any, ...]]
    batch: pa.RecordBatch

    @classmethod
    def of(cls, values: dict[Column, list[Any]], repeats: int = REPEATS) -> Sample:
        columns = tuple(values)
        schema = arrow_schema(columns)
        cells = [cell * repeats for cell in values.values()]
        arrays = [pa.array(cell, field.type) for cell, field in zip(cells, schema, strict=True)]
        return cls(columns, list(zip(*cells, strict=True)), pa.RecordBatch.from_arrays(arrays, schema=schema))

    def stream(self, *sizes: int) -> ResultStream:
        """The rows in slices of these sizes, the rest in one, none of them starting where a buffer does."""
        return ResultStream(self.columns, cut(shifted(self.batch), sizes))


def shifted(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same rows as a slice at offset 3 of larger buffers."""
    before = [batch.slice(0, 1)] * 3
    padded = pa.concat_batches([*before, batch, batch.slice(0, 2)])
    return padded.slice(sum(part.num_rows for part in before), batch.num_rows)


def cut(batch: pa.RecordBatch, sizes: Sequence[int]) -> Iterator[pa.RecordBatch]:
    start = 0
    for size in sizes:
        yield batch.slice(start, size)
        start += size
    yield batch.slice(start)


def failing(sample: Sample, good: int, fault: Exception | None = None) -> ResultStream:
    """Batches of five rows, and a fault after so many of them."""

    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(good):
            yield sample.batch.slice(number * 5, 5)
        raise fault or QueryTimeout("The query took longer than 60 s & was <stopped>.", hint="Ask for less.")

    return ResultStream(sample.columns, batches())


def written(writer: Any, result: ResultStream, *infos: Info) -> bytes:
    return b"".join(writer.write(result, Provenance(infos)))


def until_fault(chunks: Iterator[bytes]) -> tuple[bytes, Exception]:
    """What a writer gives before it raises, and what it raises."""
    kept = []
    while True:
        try:
            kept.append(next(chunks))
        except StopIteration:
            raise AssertionError("the writer did not raise") from None
        except Exception as fault:
            return b"".join(kept), fault


def truncated(sample: Sample, maxrec: int) -> ResultStream:
    return limited(sample.stream(), maxrec)
