"""A table as it was read from a file, before it gets the names and types that queries see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from app.results import arrow_type
from app.uploads.field import Field


@dataclass(frozen=True, slots=True)
class RawTable:
    """Columns as the file describes them, and their values."""

    fields: tuple[Field, ...]
    columns: tuple[pa.ChunkedArray, ...]
    """One a field, of its :meth:`type_of`."""
    description: str = ""

    @classmethod
    def of(
        cls, fields: Sequence[Field], batches: Sequence[pa.RecordBatch], description: str = ""
    ) -> RawTable:
        """The table of these batches, whose columns go by their places."""
        columns = tuple(
            pa.chunked_array([batch.column(number) for batch in batches], type=cls.type_of(field))
            for number, field in enumerate(fields)
        )
        return cls(tuple(fields), columns, description)

    @staticmethod
    def type_of(field: Field) -> pa.DataType:
        """The Arrow type of the values of a field."""
        return arrow_type(field.type)
