"""Where each file of the lake lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROWS = "rows.parquet"
"""Name of every file of rows."""

UNPLACED = (-1, -1)
"""The tile (norder, npix) of events that have no position."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders and files of a lake.

    Each Parquet file has a folder of its own, for what Hive can read is a folder with all that is in it.

    ::

        current                          one line: the name of the current snapshot
        lock                             held by the one ingest that may write
        snapshots/<name>/manifest.json   what the snapshot holds; files.parquet: its event files
        events/collection=<c>/norder=<k>/npix=<p>/<unique>/rows.parquet
        <table>/collection=<c>/<unique>/rows.parquet
        targets/<unique>/rows.parquet
        staging/<id>/                    scratch of one ingest
    """

    root: Path

    @property
    def current(self) -> Path:
        return self.root / "current"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def snapshots(self) -> Path:
        return self.root / "snapshots"

    @property
    def staging(self) -> Path:
        return self.root / "staging"

    def snapshot(self, name: str) -> Path:
        """The folder of one snapshot."""
        return self.snapshots / name

    def tile(self, collection: str, norder: int, npix: int) -> Path:
        """The folder of the event files of one sky tile of a collection."""
        return self.root / "events" / f"collection={collection}" / f"norder={norder}" / f"npix={npix}"

    def table(self, table: str, collection: str | None) -> Path:
        """The folder of the files of another table; of one collection where the table is split by it."""
        folder = self.root / table
        return folder if collection is None else folder / f"collection={collection}"

    def relative(self, path: Path) -> str:
        """A path of the lake as its manifest writes it."""
        return path.relative_to(self.root).as_posix()
