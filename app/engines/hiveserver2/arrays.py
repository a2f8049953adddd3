"""Values that HiveServer2 sends as text, in the types of their columns."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from adql import Column
from app.results import arrow_type, conform


def to_declared(batch: pa.RecordBatch, columns: Sequence[Column]) -> pa.RecordBatch:
    """A batch of a server in the names and types of the columns.

    Raises
    ------
    app.errors.ValueRangeError
        Raised if a value does not fit the declared type.
    """
    arrays = [
        _array(array, arrow_type(column.type)) for array, column in zip(batch.columns, columns, strict=True)
    ]
    return conform(pa.RecordBatch.from_arrays(arrays, [column.name for column in columns]), columns)


def _array(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    """An array comes as ``[1.5,null,NaN]``."""
    if not (pa.types.is_list(kind) and pa.types.is_string(texts.type)):
        return texts
    inner = pc.utf8_trim(texts, "[] ")
    lists = pc.split_pattern(inner, ",")
    items = pc.utf8_trim_whitespace(lists.flatten())
    is_empty = pc.equal(inner, "")
    if pc.any(is_empty).as_py():
        # To split an empty text gives one empty text.
        lengths = pc.if_else(is_empty, 0, pc.list_value_length(lists))
        items = items.filter(pc.not_equal(items, ""))
    else:
        lengths = pc.list_value_length(lists)
    known = pc.if_else(pc.equal(items, "null"), pa.scalar(None, pa.string()), items)
    values = pc.equal(known, "true") if pa.types.is_boolean(kind.value_type) else known.cast(kind.value_type)
    ends = pc.cumulative_sum(pc.fill_null(lengths, 0).cast(pa.int32()))
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends])
    return pa.ListArray.from_arrays(offsets, values, type=kind, mask=pc.is_null(texts))
