"""Parquet, with what VOParquet 1.0 (IVOA Note, 2025) or the fields of the schema say of its columns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from app.errors import UploadError
from app.uploads.field import Field
from app.uploads.intake import Intake
from app.uploads.pages import Pages, check_pages
from app.uploads.table import RawTable
from app.uploads.texts import nan_as_null
from app.uploads.votable import read_fields

MEDIA_TYPES = ("application/vnd.apache.parquet", "application/parquet", "application/x-parquet")
_MAGIC = b"PAR1"
_CONTENT = b"IVOA.VOTable-Parquet.content"
_BATCH = 16_384
_PRIMITIVES: dict[pa.DataType, str] = {
    pa.bool_(): "boolean",
    pa.uint8(): "unsignedByte",
    pa.int8(): "short",
    pa.int16(): "short",
    pa.uint16(): "int",
    pa.int32(): "int",
    pa.uint32(): "long",
    pa.int64(): "long",
    pa.uint64(): "long",
    pa.float16(): "float",
    pa.float32(): "float",
    pa.float64(): "double",
}


def is_parquet(head: bytes) -> bool:
    """True for the beginning of a Parquet file."""
    return head.startswith(_MAGIC)


def read_parquet(content: BinaryIO, intake: Intake) -> RawTable:
    """The table of a Parquet file.

    Raises
    ------
    app.errors.UploadError
        Raised if it is damaged, or a column is of a type that VOTable has no word for.
    app.errors.RequestTooLarge
        Raised if it has more rows, columns or bytes than the limits allow.
    """
    try:
        file = parquet.ParquetFile(pa.PythonFile(content, mode="r"))
        intake.check_columns(len(file.schema_arrow))
        intake.check_rows(file.metadata.num_rows)
        pages = check_pages(content, file.metadata, intake)
        return _read(content, file.schema_arrow, file.metadata, pages, intake)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise intake.fault(f"It is not a whole Parquet file: {str(error).splitlines()[0][:200]}.") from error


def _read(
    content: BinaryIO, schema: pa.Schema, metadata: parquet.FileMetaData, pages: Pages, intake: Intake
) -> RawTable:
    fields = [_field(schema.field(number), intake) for number in range(len(schema))]
    if not fields:
        raise intake.fault("It has no columns, and so nothing that a query could name.")
    per_batch, texts = _BATCH, []
    if pages.repeats:
        # No dictionary can be made of such texts; but so few of any are no longer than the limit.
        per_batch = max(1, min(_BATCH, intake.limits.nbytes // max(pages.largest, 1)))
    else:
        # Texts stay a dictionary until it is known how long they are when it is written out.
        texts = [name for name, type_ in zip(schema.names, schema.types, strict=True) if _is_bytes(type_)]
    content.seek(0)
    file = parquet.ParquetFile(pa.PythonFile(content, mode="r"), read_dictionary=texts)
    columns: list[list[pa.Array]] = [[] for _ in fields]
    size, rows = 0, 0
    for batch in file.iter_batches(per_batch, use_threads=False):
        for number, (field, array) in enumerate(zip(fields, batch.columns, strict=True)):
            size += _written_size(array)
            intake.check_bytes(size // 2)
            columns[number].append(_values(array, field, intake, first_row=rows))
        rows += batch.num_rows
        intake.check_rows(rows)
    described = _described(fields, metadata, intake)
    arrays = (
        pa.chunked_array(chunks, type=RawTable.type_of(field))
        for chunks, field in zip(columns, fields, strict=True)
    )
    return RawTable(tuple(described), tuple(arrays))


def _is_bytes(type_: pa.DataType) -> bool:
    return _is_text(type_) or pa.types.is_binary(type_) or pa.types.is_large_binary(type_)


def _is_text(type_: pa.DataType) -> bool:
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(is_kind(type_) for is_kind in kinds)


def _field(arrow: pa.Field, intake: Intake) -> Field:
    type_ = arrow.type.value_type if pa.types.is_dictionary(arrow.type) else arrow.type
    facts = {key.decode("utf-8", "replace"): value for key, value in (arrow.metadata or {}).items()}
    field = Field(
        name=arrow.name,
        datatype="char",
        arraysize="*",
        unit=_fact(facts, "unit"),
        ucd=_fact(facts, "ucd"),
        utype=_fact(facts, "utype"),
        xtype=_fact(facts, "xtype"),
        description=_fact(facts, "description") or "",
    )
    if _is_text(type_) or pa.types.is_null(type_):
        return field
    if pa.types.is_timestamp(type_) or pa.types.is_date(type_):
        return replace(field, xtype="timestamp")
    if type_ in _PRIMITIVES:
        return replace(field, datatype=_PRIMITIVES[type_], arraysize=None)
    if pa.types.is_decimal(type_):
        return replace(field, datatype="double", arraysize=None)
    if pa.types.is_binary(type_) or pa.types.is_large_binary(type_) or pa.types.is_fixed_size_binary(type_):
        return replace(field, datatype="unsignedByte", arraysize="*")
    items, lengths = _nested(type_)
    if lengths and items in _PRIMITIVES:
        return replace(field, datatype=_PRIMITIVES[items], arraysize="x".join(lengths))
    raise intake.fault(
        f"its type {type_} is none that VOTable has a word for; leave the column out.", column=arrow.name
    )


def _fact(facts: dict[str, bytes], name: str) -> str | None:
    return facts.get(name, b"").decode("utf-8", "replace").strip() or None


def _nested(type_: pa.DataType) -> tuple[pa.DataType, list[str]]:
    """The type of the items of lists, and lengths as arraysize has them: the last varies the slowest."""
    lengths: list[str] = []
    while pa.types.is_fixed_size_list(type_) or pa.types.is_list(type_) or pa.types.is_large_list(type_):
        fixed = pa.types.is_fixed_size_list(type_) and type_.list_size > 0
        lengths.insert(0, str(type_.list_size) if fixed else "*")
        type_ = type_.value_type
    # Only the outermost length may vary in a VOTable.
    return (type_, lengths) if "*" not in lengths[:-1] else (type_, [])


def _written_size(array: pa.Array) -> int:
    """Bytes of an array whose dictionary is written out."""
    if not pa.types.is_dictionary(array.type) or not _is_bytes(array.type.value_type):
        return int(array.nbytes)
    lengths = pc.binary_length(array.dictionary.cast(pa.large_binary())).fill_null(0)
    return int(pc.sum(lengths.take(array.indices.fill_null(0))).as_py() or 0) if len(lengths) else 0


def _values(array: pa.Array, field: Field, intake: Intake, *, first_row: int) -> pa.Array:
    target = RawTable.type_of(field)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    try:
        return nan_as_null(_converted(array, target))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise intake.fault(
            f"a value behind row {first_row} does not fit into {field.datatype}: {error}.", column=field.name
        ) from error


def _converted(array: pa.Array, target: pa.DataType) -> pa.Array:
    type_ = array.type
    if pa.types.is_timestamp(type_):
        utc = array.cast(pa.timestamp("us", tz=None)) if type_.tz is None else _naive(array)
        return pc.strftime(utc, format="%Y-%m-%dT%H:%M:%S")
    if pa.types.is_date(type_):
        return pc.strftime(array.cast(pa.timestamp("s")), format="%Y-%m-%dT%H:%M:%S")
    if pa.types.is_binary(type_) or pa.types.is_large_binary(type_) or pa.types.is_fixed_size_binary(type_):
        return _bytes(array.cast(pa.large_binary()).cast(pa.binary()))
    if pa.types.is_fixed_size_list(type_) or pa.types.is_list(type_) or pa.types.is_large_list(type_):
        return _flattened(array, target)
    return array.cast(target)


def _naive(array: pa.Array) -> pa.Array:
    """A moment in UTC without its zone."""
    return array.cast(pa.timestamp("us", tz="UTC")).cast(pa.timestamp("us"))


def _bytes(array: pa.Array) -> pa.Array:
    lengths = pc.binary_length(array).fill_null(0).to_numpy()
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    data = b"".join(cell for cell in array.to_pylist() if cell)
    mask = array.is_null() if array.null_count else None
    return pa.ListArray.from_arrays(pa.array(ends), pa.array(np.frombuffer(data, np.uint8)), mask=mask)


def _flattened(array: pa.Array, target: pa.DataType) -> pa.Array:
    """Lists of lists as lists of their items."""
    missing = array.is_null()
    counts: Any = pc.list_value_length(array).fill_null(0).to_numpy().astype(np.int64)
    items = array.flatten()
    while pa.types.is_nested(items.type):
        if items.null_count:
            raise pa.ArrowInvalid("a part of an array is NULL")
        inner = pc.list_value_length(items).to_numpy().astype(np.int64)
        ends = np.concatenate([[0], np.cumsum(inner)])
        borders = np.concatenate([[0], np.cumsum(counts)])
        counts = np.diff(ends[borders])
        items = items.flatten()
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    mask = missing if array.null_count else None
    return pa.ListArray.from_arrays(pa.array(offsets), items.cast(target.value_type), mask=mask)


def _described(fields: list[Field], metadata: parquet.FileMetaData, intake: Intake) -> list[Field]:
    """The fields with what a VOTable in the footer says of them, if it describes them."""
    content = (metadata.metadata or {}).get(_CONTENT)
    if content is None:
        return fields
    try:
        said = {field.name: field for field in read_fields(content, intake)}
    except UploadError:
        # It is an ornament; the table is whole without it.
        return fields
    return [_adorned(field, said.get(field.name)) for field in fields]


def _adorned(field: Field, said: Field | None) -> Field:
    if said is None:
        return field
    fits_in = said.datatype == field.datatype or (said.is_text and field.is_text)
    same_shape = (said.arraysize is None) == (field.arraysize is None)
    return replace(
        field,
        arraysize=said.arraysize if fits_in and same_shape and field.count is None else field.arraysize,
        unit=said.unit or field.unit,
        ucd=said.ucd or field.ucd,
        utype=said.utype or field.utype,
        xtype=said.xtype or field.xtype,
        description=said.description or field.description,
    )
