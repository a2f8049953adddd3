"""An empty lake, and a way to ask what is in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.ingest import IngestReport, ingest
from app.lake import current_snapshot


class Lake:
    """A lake of a test."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def load(self, path: Path, **options: Any) -> IngestReport:
        """Ingest."""
        return ingest(path, lake=self.root, **options)

    def table(self, name: str) -> pa.Table:
        """All rows of a table, of restricted collections too."""
        snapshot = current_snapshot(self.root)
        assert snapshot is not None
        files = snapshot.files.select(restricted=True).files if name == "events" else snapshot.tables[name]
        return pa.concat_tables([pq.read_table(file, partitioning=None) for file in files])

    def rows(self, name: str, *order: str) -> list[dict[str, Any]]:
        """All rows of a table, in an order."""
        table = self.table(name)
        keys = order or [
            k for k in ("collection", "obs_id", "event_type", "event_row") if k in table.column_names
        ]
        return table.sort_by([(key, "ascending") for key in keys]).to_pylist()

    def one(self, name: str) -> dict[str, Any]:
        """The only row of a table."""
        (row,) = self.rows(name)
        return row


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "home" / "lake")


@pytest.fixture
def reject(lake: Lake) -> Callable[[Path], str]:
    """Ingests a path of which nothing can be loaded, and gives the one reason."""

    def reason(path: Path) -> str:
        report = lake.load(path)
        (rejection,) = report.rejected
        assert report.events == 0
        return rejection.reason

    return reason
