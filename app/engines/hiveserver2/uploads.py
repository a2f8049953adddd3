"""Tables that a user brings, laid where the engine can read them, for one query."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from adql import Column, Dialect
from app.engines.base import Upload
from app.engines.hiveserver2.flavour import Flavour
from app.engines.hiveserver2.names import Names
from app.engines.hiveserver2.storage import Storage

_GROUP_ROWS = 200_000


class Uploads:
    """The uploaded tables of one query as temporary tables of its session.

    Parameters
    ----------
    uploads
        The tables.
    flavour
        Who reads them.
    names
        The database for them.
    folder
        Where their files may lie; made when there are any.
    storage
        How the engine calls places.
    """

    def __init__(
        self, uploads: Sequence[Upload], flavour: Flavour, names: Names, folder: Path, storage: Storage
    ) -> None:
        self._uploads = uploads
        self._flavour = flavour
        self._storage = storage
        self._dialect = flavour.dialect
        self._token = secrets.token_hex(8)
        self._folder = folder / f"upload-{self._token}"
        self._names = {
            number: flavour.temporary_name.format(
                database=names.database,
                name=self._dialect.identifier(f"upload_{self._token}_{number}"),
            )
            for number in range(len(uploads))
        }

    @property
    def sources(self) -> dict[str, str]:
        """Qualified name of a table, in lower case -> what stands for it in a query."""
        return {
            upload.table.qualified.lower(): self._source(number, upload.table.columns)
            for number, upload in enumerate(self._uploads)
        }

    def statements(self) -> list[str]:
        """Write the files; the statements that make tables of them."""
        made = []
        for number, upload in enumerate(self._uploads):
            place = self._folder / str(number)
            place.mkdir(parents=True)
            plain = upload.rows.rename_columns([f"c{n}" for n in range(upload.rows.num_columns)])
            pq.write_table(plain, place / "rows.parquet", compression="zstd", row_group_size=_GROUP_ROWS)
            columns = ", ".join(
                f"c{n} {self._dialect.type(column.type)}" for n, column in enumerate(upload.table.columns)
            )
            made.append(
                self._flavour.temporary.format(
                    name=self._names[number],
                    columns=columns,
                    location=self._dialect.text(self._storage.url(place)),
                )
            )
        return made

    def close(self) -> None:
        """Remove the files."""
        if self._uploads:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _source(self, number: int, columns: Sequence[Column]) -> str:
        """Columns go by numbers on the engine: it would not take every name a user can think of."""
        items = ", ".join(
            f"c{n} AS {self._dialect.identifier(column.name)}" for n, column in enumerate(columns)
        )
        return f"(SELECT {items} FROM {self._names[number]})"


def column_types(dialect: Dialect, columns: Sequence[Column]) -> str:
    """Names and types of columns, as CREATE TABLE takes them."""
    return ", ".join(f"{dialect.identifier(column.name)} {dialect.type(column.type)}" for column in columns)
