"""Columns as queries see them: each with a name of its own and a type that all of its values have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from adql import Column, ColumnType
from adql.timestamps import FORM
from app.formats.characters import is_ascii, utf16
from app.results import arrow_type
from app.uploads.field import Field
from app.uploads.intake import Intake, shown
from app.uploads.positions import POINT, to_points
from app.uploads.table import RawTable

_LONGEST_NAME = 128
_OLD_XTYPES = {"adql:timestamp": "timestamp", "iso8601": "timestamp"}
"""TAP 1.0 section 2.5, and what astropy writes."""
_SIZES = {"interval": (2,), "point": (2,), "circle": (3,)}
"""Numbers of a value of each xtype (DALI 1.1 section 3.3)."""
_DATE = len("2004-03-26")
_PARTS = (
    r"\A[ \t\r\n]*(?P<date>.{10})(?:[T ](?P<hour>..):(?P<minute>..)"
    r"(?::(?P<second>..)(?:[.](?P<fraction>[0-9]+))?)?Z?)?[ \t\r\n]*\z"
)


@dataclass(frozen=True, slots=True)
class NamedColumns:
    """The columns of an uploaded table."""

    columns: tuple[Column, ...]
    values: tuple[pa.ChunkedArray, ...]
    """One a column, of its :func:`app.results.arrow_type`."""
    remarks: tuple[str, ...]
    """What is other than in the file."""


def name_columns(table: RawTable, intake: Intake) -> NamedColumns:
    """The columns of a table, their names unique in any case, and their types true.

    A fixed arraysize that a value does not keep to becomes ``*``, a ``char`` that is not ASCII a
    ``unicodeChar``, and an xtype that the values do not have is dropped.
    """
    names = unique_names([field.name for field in table.fields])
    columns, values, remarks = [], [], []
    for field, name, data in zip(table.fields, names, table.columns, strict=True):
        type_, cells, remark = _settled(field, data)
        columns.append(
            Column(
                name,
                type_,
                description=field.description,
                unit=field.unit,
                ucd=field.ucd,
                utype=field.utype,
                coosys=field.coosys,
                timesys=field.timesys,
            )
        )
        values.append(cells)
        if name != field.name:
            remarks.append(
                f"Column {shown(field.name)} of TAP_UPLOAD.{intake.table} is called {shown(name)} here."
            )
        if remark:
            remarks.append(f"Column {shown(name)} of TAP_UPLOAD.{intake.table} {remark}")
    return NamedColumns(tuple(columns), tuple(values), tuple(remarks))


def unique_names(names: Sequence[str]) -> list[str]:
    """The names, each but the first of several that differ in case at most with a number behind it."""
    plain = [_legible(name) or f"column_{number}" for number, name in enumerate(names, start=1)]
    taken = {name.lower() for name in plain}
    used: set[str] = set()
    unique = []
    for name in plain:
        candidate, number = name, 1
        while candidate.lower() in used or (number > 1 and candidate.lower() in taken):
            number += 1
            candidate = f"{name}_{number}"
        used.add(candidate.lower())
        unique.append(candidate)
    return unique


def _legible(name: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())[:_LONGEST_NAME].strip()


def _settled(field: Field, values: pa.ChunkedArray) -> tuple[ColumnType, pa.ChunkedArray, str]:
    """The type that all values have, the values in it, and what is to be said about that."""
    type_ = field.type
    xtype = _OLD_XTYPES.get((type_.xtype or "").lower(), type_.xtype)
    type_ = replace(type_, xtype=xtype)
    if not field.is_text:
        return _numbers(type_, values)
    type_ = _text_type(type_, values)
    if type_.is_timestamp:
        return _timestamps(type_, values)
    if (xtype or "").lower() == "adql:point" and (points := to_points(values)) is not None:
        return POINT, points, "is a point of two numbers here, and no text."
    if xtype in _SIZES or xtype == "polygon":
        return replace(type_, xtype=None), values, f"has no xtype {xtype} here: that is an array of numbers."
    return type_, values, ""


def _numbers(type_: ColumnType, values: pa.ChunkedArray) -> tuple[ColumnType, pa.ChunkedArray, str]:
    lengths = _lengths(values)
    if type_.arraysize and not type_.arraysize.endswith("*"):
        size = Field("", type_.datatype, type_.arraysize).count
        if lengths - {size}:
            type_ = replace(type_, arraysize="*")
    if type_.xtype is None:
        return type_, values, ""
    if _is_of_xtype(type_, lengths):
        return type_, _without_nowhere(values), ""
    remark = f"has no xtype {type_.xtype} here, which its values are not of."
    return replace(type_, xtype=None), values, remark


def _lengths(values: pa.ChunkedArray) -> set[int]:
    """How many items the lists of a column have; none for other columns."""
    if not pa.types.is_list(values.type):
        return set()
    return {length for length in pc.unique(pc.list_value_length(values)).to_pylist() if length is not None}


def _without_nowhere(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values of an xtype with NULL for those of which every number is NaN (DALI 1.1 section 3.3)."""
    if not pa.types.is_list(values.type) or not pa.types.is_floating(values.type.value_type):
        return values
    return pa.chunked_array([_masked_nowhere(chunk) for chunk in values.chunks], type=values.type)


def _masked_nowhere(chunk: pa.ListArray) -> pa.ListArray:
    owners = pc.list_parent_indices(chunk)
    numbers = owners.filter(pc.is_finite(chunk.flatten()).fill_null(False))
    known = pc.is_in(pa.array(np.arange(len(chunk))), numbers.cast(pa.int64()))
    return pc.if_else(known, chunk, pa.scalar(None, chunk.type))


def _is_of_xtype(type_: ColumnType, lengths: set[int]) -> bool:
    if type_.xtype in _SIZES:
        return type_.datatype in ("float", "double") and lengths <= set(_SIZES[type_.xtype])
    if type_.xtype == "polygon":
        even = all(length % 2 == 0 and length >= 6 for length in lengths)
        return type_.datatype in ("float", "double") and even
    return type_.xtype not in ("timestamp", "moc", "region", "shape")


def _text_type(type_: ColumnType, values: pa.ChunkedArray) -> ColumnType:
    """The type, wide enough in alphabet and length."""
    datatype, longest = type_.datatype, 0
    fixed = type_.arraysize is None or not type_.arraysize.endswith("*")
    for chunk in values.chunks:
        text = chunk.fill_null("")
        if is_ascii(text):
            longest = max(longest, pc.max(pc.binary_length(text)).as_py() or 0)
        else:
            datatype = "unicodeChar"
            if fixed:
                longest = max(longest, (pc.max(pc.binary_length(utf16(text))).as_py() or 0) // 2)
    size = Field("", datatype, type_.arraysize).count
    arraysize = "*" if size is not None and longest > size else type_.arraysize
    return ColumnType(datatype, arraysize, type_.xtype)


def _timestamps(type_: ColumnType, values: pa.ChunkedArray) -> tuple[ColumnType, pa.ChunkedArray, str]:
    """Times in the one form that :mod:`adql.timestamps` compares; or texts, if one is no time."""
    values = pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)
    wrong = _not_times(values)
    if wrong is not None:
        row, text = wrong
        remark = f"is a text here and not a timestamp: row {row} has {shown(text)}, not YYYY-MM-DDThh:mm:ss."
        return replace(type_, xtype=None), values, remark
    chunks = [_normalised(chunk) for chunk in values.chunks]
    return replace(type_, arraysize="*"), pa.chunked_array(chunks, type=arrow_type(type_)), ""


def _not_times(values: pa.ChunkedArray) -> tuple[int, str] | None:
    """The first row, from 1, that is not a time, and what it has."""
    for row, good in _rows_of_times(values):
        bad = pc.invert(pc.fill_null(good, True))
        if pc.any(bad).as_py():
            index = row + pc.index(bad, True).as_py()
            return index + 1, values[index].as_py()
    return None


def _rows_of_times(values: pa.ChunkedArray) -> Iterator[tuple[int, pa.Array]]:
    row = 0
    for chunk in values.chunks:
        good = pc.match_substring_regex(chunk, FORM)
        if pc.all(good, min_count=0).as_py():
            days = pc.utf8_slice_codeunits(pc.utf8_ltrim_whitespace(chunk), 0, _DATE)
            good = _are_days(days)
        yield row, good
        row += len(chunk)


def _are_days(days: pa.StringArray) -> pa.Array:
    """Whether each is a day of the calendar, which 2021-02-30 is not."""
    try:
        days.cast(pa.date32())
    except pa.ArrowInvalid:
        moments = pc.strptime(days, format="%Y-%m-%d", unit="s", error_is_null=True)
        return pc.equal(pc.strftime(moments, format="%Y-%m-%d"), days).fill_null(False)
    return pc.is_valid(pc.fill_null(days, ""))


def _normalised(times: pa.StringArray) -> pa.StringArray:
    parts = pc.extract_regex(times, _PARTS)
    date, hour, minute, second, fraction = (
        pc.struct_field(parts, name) for name in ("date", "hour", "minute", "second", "fraction")
    )
    hour, minute, second = (_or_zeros(part) for part in (hour, minute, second))
    decimals = pc.utf8_rpad(pc.utf8_rtrim(fraction.fill_null(""), "0"), 3, "0")
    joined = pc.binary_join_element_wise(date, "T", hour, ":", minute, ":", second, ".", decimals, "")
    return pc.if_else(pc.is_null(times), pa.scalar(None, pa.string()), joined)


def _or_zeros(part: pa.StringArray) -> pa.StringArray:
    return pc.if_else(pc.equal(part.fill_null(""), ""), "00", part)
