"""The lake: immutable Parquet files, the snapshot that names the present ones, and their index."""

from app.lake.cover import ORDER
from app.lake.index import FileIndex, FileRecord, Part, RowGroup, Selection, collections_within
from app.lake.layout import Layout
from app.lake.lock import LakeBusy, LakeLock
from app.lake.neighbourhood import Positions
from app.lake.origins import Origin, read_origins
from app.lake.snapshot import (
    LakeError,
    Release,
    Snapshot,
    TableFile,
    current_name,
    current_snapshot,
    publish,
    sweep,
)

__all__ = [
    "ORDER",
    "FileIndex",
    "FileRecord",
    "LakeBusy",
    "LakeError",
    "LakeLock",
    "Layout",
    "Origin",
    "Part",
    "Positions",
    "Release",
    "RowGroup",
    "Selection",
    "Snapshot",
    "TableFile",
    "collections_within",
    "current_name",
    "current_snapshot",
    "publish",
    "read_origins",
    "sweep",
]
