"""Delimited text, CSV (RFC 4180) and TSV: a header line, then rows whose types are found from their cells."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from adql.timestamps import FORM
from app.errors import UploadError
from app.uploads.content import head_of, size_of
from app.uploads.field import Field
from app.uploads.intake import Intake
from app.uploads.table import RawTable
from app.uploads.texts import parse

CSV_MEDIA_TYPES = ("text/csv", "application/csv")
TSV_MEDIA_TYPES = ("text/tab-separated-values",)
_LONGEST_HEADER = 1 << 20
_ROWS = 65_536
"""Most rows that are converted at a time."""
_BOM = b"\xef\xbb\xbf"
_WHOLE = r"\A[ \t]*[+-]?[0-9]{1,19}[ \t]*\z"
_REAL = r"\A[ \t]*[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,5})?|(?i:nan|inf|infinity))[ \t]*\z"
_FLAG = r"(?i)\A[ \t]*(?:t|f|true|false)[ \t]*\z"
_KINDS = (
    ("boolean", _FLAG, None),
    ("long", _WHOLE, None),
    ("double", _REAL, None),
    ("char", FORM, "timestamp"),
)
"""Datatype, what all cells of such a column look like, and its xtype; the first that fits is taken."""


def read_csv(content: BinaryIO, intake: Intake) -> RawTable:
    """A table with commas between its cells.

    Raises
    ------
    app.errors.UploadError
        Raised if it has no header, rows of different lengths, or is not UTF-8.
    app.errors.RequestTooLarge
        Raised if it has more rows or columns than the limits allow.
    """
    return _read(content, intake, ",")


def read_tsv(content: BinaryIO, intake: Intake) -> RawTable:
    """A table with tabs between its cells; see :func:`read_csv`."""
    return _read(content, intake, "\t")


def _read(content: BinaryIO, intake: Intake, delimiter: str) -> RawTable:
    names, cells = read_cells(content, intake, delimiter=delimiter)
    fields, columns = [], []
    for number, (name, column) in enumerate(zip(names, cells, strict=True), start=1):
        field, values = _typed(Field(name.strip() or f"column_{number}", "char", "*"), column, intake)
        fields.append(field)
        columns.append(values)
    return RawTable(tuple(fields), tuple(columns))


def read_cells(
    content: BinaryIO, intake: Intake, *, delimiter: str
) -> tuple[list[str], list[pa.ChunkedArray]]:
    """The names in the header line, and the cells below each; NULL where a cell is empty and not quoted."""
    if head_of(content, 3) == _BOM:
        content.read(3)
    names = _header(content, intake, delimiter)
    intake.check_columns(len(names))
    numbers = [str(number) for number in range(len(names))]
    size = size_of(content)
    try:
        table = arrow_csv.read_csv(
            pa.PythonFile(content, mode="r"),
            read_options=arrow_csv.ReadOptions(
                column_names=numbers, block_size=max(size, 1), use_threads=False
            ),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(numbers, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        raise intake.fault(_sentence(str(error))) from error
    # The first row is the header.
    intake.check_rows(table.num_rows - 1)
    return names, table.slice(1).columns


def _header(content: BinaryIO, intake: Intake, delimiter: str) -> list[str]:
    head = head_of(content, _LONGEST_HEADER)
    try:
        lines = io.StringIO(head.decode("utf-8", "ignore"), newline="")
        names = next((row for row in csv.reader(lines, delimiter=delimiter) if row), [])
    except csv.Error as error:
        raise intake.fault(f"Its header line cannot be read: {error}.") from error
    if not names:
        raise intake.fault("It has no header line with the names of its columns.")
    return names


def _sentence(message: str) -> str:
    problem = message.removeprefix("CSV parse error: ").strip()
    if "invalid UTF8" in problem:
        return "It has bytes that are not UTF-8."
    return f"Its rows cannot be read: {problem.splitlines()[0][:200]}."


def _typed(field: Field, cells: pa.ChunkedArray, intake: Intake) -> tuple[Field, pa.ChunkedArray]:
    """A column with the narrowest type that all of its cells have."""
    if cells.null_count == len(cells):
        return field, cells
    for datatype, pattern, xtype in _KINDS:
        if _all_match(cells, pattern):
            typed = Field(field.name, datatype, "*" if datatype == "char" else None, xtype=xtype)
            try:
                return typed, converted(cells, typed, intake)
            except UploadError:
                # Digits that no number has room for.
                continue
    return field, cells


def _all_match(cells: pa.ChunkedArray, pattern: str) -> bool:
    sample = pc.drop_null(cells.slice(0, 1000))
    if not _matches(sample, pattern):
        return False
    return _matches(cells, pattern)


def _matches(cells: pa.ChunkedArray, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(cells, pattern), min_count=0).as_py())


def converted(
    cells: pa.ChunkedArray,
    field: Field,
    intake: Intake,
    convert: Callable[..., pa.Array] = parse,
) -> pa.ChunkedArray:
    """The values that the cells of a column tell."""
    arrays, row = [], 0
    for chunk in cells.chunks:
        for start in range(0, len(chunk), _ROWS):
            intake.check_stopped()
            complaint = intake.complaint(field.name, row + start)
            arrays.append(convert(chunk.slice(start, _ROWS), field, complaint))
        row += len(chunk)
    return pa.chunked_array(arrays, type=RawTable.type_of(field))


def looks_delimited(head: bytes, delimiter: bytes) -> bool:
    """True if the first two lines have as many of a delimiter, and some."""
    lines = [line for line in head.splitlines()[:2] if line.strip()]
    counts = {line.count(delimiter) for line in lines}
    return len(counts) == 1 and counts != {0}
