"""A result as a stream of Arrow batches: its types, its limit, and the two brought together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from adql import Column, ColumnType
from app.errors import ValueRangeError

_PRIMITIVES: dict[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "unsignedByte": pa.uint8(),
    "short": pa.int16(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "char": pa.string(),
    "unicodeChar": pa.string(),
}


def arrow_type(column_type: ColumnType) -> pa.DataType:
    """The Arrow type in which values of a column travel from Parquet and engines to the writers.

    A text of any length and xtype (timestamps too, as ISO 8601 text) is a string; an array of
    numbers is a list of its primitive.

    Raises
    ------
    ValueError
        Raised if the datatype is not one of VOTable 1.5 section 2.1 that GammaHub serves.
    """
    primitive = _PRIMITIVES.get(column_type.datatype)
    if primitive is None:
        known = ", ".join(_PRIMITIVES)
        raise ValueError(f'No Arrow type for the datatype "{column_type.datatype}"; there is one for {known}')
    if column_type.datatype in ("char", "unicodeChar") or column_type.arraysize is None:
        return primitive
    return pa.list_(primitive)


def arrow_schema(columns: Sequence[Column]) -> pa.Schema:
    """The Arrow schema of a table or result with these columns, every field nullable."""
    return pa.schema([pa.field(column.name, arrow_type(column.type)) for column in columns])


@dataclass(slots=True)
class Overflow:
    """Whether a result was cut; written while its batches flow, right after the last of them."""

    reached: bool = False


@dataclass(frozen=True, slots=True)
class ResultStream:
    """A result as it arrives."""

    columns: tuple[Column, ...]
    """What the fields are, in order."""
    batches: Iterator[pa.RecordBatch]
    """Batches whose fields have the types of :func:`arrow_schema`; read once. Iteration raises the
    :class:`app.errors.QueryError` that ends the query, if one does. A generator: ``close`` it to stop."""
    overflow: Overflow = field(default_factory=Overflow)
    """Set by :func:`limited`."""

    @property
    def overflowed(self) -> bool:
        """True if rows were left out; to be asked after the last batch."""
        return self.overflow.reached

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the batches."""
        return arrow_schema(self.columns)


def limited(result: ResultStream, maxrec: int) -> ResultStream:
    """The first rows of a result, and whether there were more.

    Parameters
    ----------
    result
        A result of which the engine was asked for up to ``maxrec + 1`` rows.
    maxrec
        Most rows to pass on. 0 passes none and tells overflow without reading (TAP 1.1 section
        2.7.4, DALI 1.1 section 3.4.4.1).

    Returns
    -------
    ResultStream
        Its ``overflowed`` is right once its batches are used up.
    """
    overflow = Overflow()
    return ResultStream(result.columns, _first_rows(result.batches, maxrec, overflow), overflow)


def _first_rows(
    batches: Iterator[pa.RecordBatch], maxrec: int, overflow: Overflow
) -> Iterator[pa.RecordBatch]:
    left = maxrec
    try:
        if maxrec == 0:
            overflow.reached = True
            return
        for batch in batches:
            if batch.num_rows > left:
                overflow.reached = True
                if left:
                    yield batch.slice(0, left)
                return
            left -= batch.num_rows
            if batch.num_rows:
                yield batch
    finally:
        close = getattr(batches, "close", None)
        if close is not None:
            close()


def conform(batch: pa.RecordBatch, columns: Sequence[Column]) -> pa.RecordBatch:
    """A batch of an engine in the exact names and types of the columns.

    Engines answer in types of their own: sums as 128-bit integers or decimals, counts as long,
    moments as timestamps. Each becomes the declared type; nothing is rounded or wrapped in silence,
    except a double that is declared a float.

    Raises
    ------
    ValueRangeError
        Raised if a value does not fit the declared type.
    """
    schema = arrow_schema(columns)
    if batch.schema.equals(schema):
        return batch
    arrays = [
        _cast(array, target.type, column)
        for array, target, column in zip(batch.columns, schema, columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _cast(array: pa.Array, target: pa.DataType, column: Column) -> pa.Array:
    if array.type == target:
        return array
    try:
        if pa.types.is_timestamp(array.type) and target == pa.string():
            return pc.strftime(array, format="%Y-%m-%dT%H:%M:%S")
        if pa.types.is_boolean(array.type) and not pa.types.is_boolean(target):
            return array.cast(pa.uint8()).cast(target)
        return array.cast(target)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ValueRangeError(
            f'A value of the column "{column.name}" does not fit its type {column.type}.',
            hint="CAST the expression to a wider type, such as DOUBLE PRECISION.",
        ) from error
