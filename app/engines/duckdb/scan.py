"""Which event files a query reads."""

from __future__ import annotations

from collections.abc import Sequence

from adql import Restriction, Table
from app.engines.base import Upload
from app.engines.duckdb.database import NO_EVENTS
from app.engines.duckdb.sql import identifier, read_files
from app.engines.served import EVENTS, Choice, Served
from app.lake import Part


class LakeScan:
    """Chooses the event files a table reference needs; see :class:`adql.Scan`."""

    def __init__(self, served: Served, uploads: Sequence[Upload]) -> None:
        self.choice = Choice(served, uploads)
        self._uploads = {
            upload.table.qualified.lower(): upload_name(number) for number, upload in enumerate(uploads)
        }

    def __call__(self, table: Table, restriction: Restriction) -> str | None:
        """SQL in place of the table."""
        uploaded = self._uploads.get(table.qualified.lower())
        if uploaded is not None:
            return identifier(uploaded)
        if table.qualified != EVENTS:
            self.choice.note(table, restriction)
            return None
        selection = self.choice.select(restriction)
        if selection is None:
            return None
        if not selection.files:
            return NO_EVENTS
        if selection.parts is None:
            return read_files(selection.files)
        return f"({' UNION ALL '.join(map(_between, selection.parts))})"


def _between(part: Part) -> str:
    return f"SELECT * FROM {read_files(part.files)} WHERE healpix BETWEEN {part.low} AND {part.high}"


def upload_name(number: int) -> str:
    """The name under which a session's connection knows an upload; no name of a query can be it."""
    return f"upload {number}"
