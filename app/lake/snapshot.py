"""A snapshot: one consistent state of all tables, which stays while others come and go."""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from adql import Column, ColumnType
from app.lake.durable import make_folder, move_whole, sync_file, write_whole
from app.lake.index import FileIndex, FileRecord, check_disjoint, to_records, to_table
from app.lake.layout import Layout

FORMAT = 1
"""Version of the manifest."""

EVENTS = "events"

_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}")


class LakeError(Exception):
    """The lake cannot be read: damaged, or written by another version."""


@dataclass(frozen=True, slots=True)
class TableFile:
    """A file of a table other than events."""

    path: str
    """Relative to the lake, with forward slashes."""
    nrows: int
    collection: str | None = None
    """The collection whose rows it holds; None if it holds those of all."""


@dataclass(frozen=True, slots=True)
class Release:
    """What the lake keeps of a collection apart from its row in ``dl3.collections``."""

    collection: str
    root: Path
    """Folder (or the one file) that it was loaded from."""
    rights: str
    """``public``, or ``metadata`` where its rows and files are not served."""
    nevents: int
    options: Mapping[str, str] = field(default_factory=dict)
    """What the operator said of it, such as its title; it stands until said anew."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """For the ingest: instrument column as the files have it -> name in ``dl3.events``."""
    described: str = ""
    """For the ingest: fingerprint of what is told of it."""


@dataclass(frozen=True)
class Snapshot:
    """A state of the lake: its files never change, and are there while it is the present or the last one."""

    name: str
    lake: Path
    created: str
    """ISO 8601, UTC."""
    event_columns: tuple[Column, ...]
    """Instrument columns, which follow the fixed ones of ``dl3.events``; every event file has all of them."""
    table_files: Mapping[str, tuple[TableFile, ...]]
    """Name of a table of schema dl3 (not events) -> its files."""
    releases: Mapping[str, Release]
    """By the name of the collection."""
    index: pa.Table = field(repr=False, compare=False)
    """``files.parquet``: what is known of the event files."""
    files: FileIndex = field(repr=False, compare=False)
    """The event files, to choose from."""

    @cached_property
    def records(self) -> tuple[FileRecord, ...]:
        """The event files, in rising order of collection and place."""
        return tuple(to_records(self.index))

    @property
    def rights(self) -> Mapping[str, str]:
        """``public`` or ``metadata``, by collection."""
        return {name: release.rights for name, release in self.releases.items()}

    @property
    def tables(self) -> Mapping[str, tuple[Path, ...]]:
        """Name of a table of schema dl3 -> its Parquet files; of events, those whose rows are served.

        ``files.select(restricted=True)`` gives those of every collection.
        """
        others = {
            name: tuple(self.lake / file.path for file in files) for name, files in self.table_files.items()
        }
        return {**others, EVENTS: self.files.select().files}

    @property
    def nrows(self) -> Mapping[str, int]:
        """Rows by qualified name of the table; of ``dl3.events``, those that are served."""
        counts = {
            f"dl3.{name}": sum(file.nrows for file in files) for name, files in self.table_files.items()
        }
        counts[f"dl3.{EVENTS}"] = self.files.select().nrows
        return counts

    @property
    def folder(self) -> Path:
        """Where the snapshot is described."""
        return Layout(self.lake).snapshot(self.name)

    @classmethod
    def make(
        cls,
        lake: Path,
        *,
        event_columns: tuple[Column, ...],
        table_files: Mapping[str, tuple[TableFile, ...]],
        releases: Mapping[str, Release],
        records: tuple[FileRecord, ...],
    ) -> Snapshot:
        """A new snapshot, not yet published."""
        now = datetime.now(UTC)
        return cls._build(
            lake,
            name=f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}",
            created=f"{now:%Y-%m-%dT%H:%M:%S}",
            event_columns=event_columns,
            table_files=table_files,
            releases=releases,
            index=to_table(records),
        )

    @classmethod
    def _build(cls, lake: Path, *, releases: Mapping[str, Release], index: pa.Table, **rest: Any) -> Snapshot:
        rights = {name: release.rights for name, release in releases.items()}
        files = FileIndex.from_table(index, lake, rights)
        return cls(lake=lake, releases=releases, index=index, files=files, **rest)

    @classmethod
    def read(cls, lake: Path, name: str) -> Snapshot:
        """The snapshot of that name.

        Raises
        ------
        FileNotFoundError
            Raised if it is gone.
        LakeError
            Raised if it is damaged, or written by another version of GammaHub.
        """
        folder = Layout(lake).snapshot(name)
        try:
            manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
            if manifest["format"] != FORMAT:
                raise LakeError(
                    f"The lake {lake} has format {manifest['format']}, but this GammaHub reads format "
                    f"{FORMAT}: load the data anew into an empty folder."
                )
            return cls._build(
                lake,
                name=name,
                created=manifest["created"],
                event_columns=tuple(_to_column(column) for column in manifest["event_columns"]),
                table_files={
                    table: tuple(TableFile(**file) for file in files)
                    for table, files in manifest["tables"].items()
                },
                releases={
                    collection: Release(**{**release, "root": Path(release["root"])})
                    for collection, release in manifest["releases"].items()
                },
                index=pq.read_table(folder / "files.parquet"),
            )
        except (AttributeError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
            raise LakeError(f"The snapshot {folder} is damaged: {error}.") from error

    def manifest(self) -> str:
        """The text of ``manifest.json``."""
        return json.dumps(
            {
                "format": FORMAT,
                "name": self.name,
                "created": self.created,
                "event_columns": [_from_column(column) for column in self.event_columns],
                "tables": {
                    table: [asdict(file) for file in files] for table, files in self.table_files.items()
                },
                "releases": {
                    collection: {**_plain(release), "root": str(release.root)}
                    for collection, release in self.releases.items()
                },
            },
            indent=1,
            ensure_ascii=False,
        )

    def paths(self) -> frozenset[str]:
        """Every file that the snapshot needs, relative to the lake."""
        tables = (file.path for files in self.table_files.values() for file in files)
        return frozenset((*tables, *self.index["path"].to_pylist()))


def current_name(lake: Path) -> str | None:
    """The name of the present snapshot; None if the lake is empty. Cheap enough to be asked for each query.

    Raises
    ------
    LakeError
        Raised if what stands there is no name.
    """
    try:
        name = Layout(lake).current.read_text("ascii").strip()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        name = ""
    if not _NAME.fullmatch(name):
        raise LakeError(f"{Layout(lake).current} does not name a snapshot.")
    return name


def current_snapshot(lake: Path) -> Snapshot | None:
    """The present state of the lake; None if nothing was loaded yet.

    Raises
    ------
    LakeError
        Raised if it is damaged, or written by another version of GammaHub.
    """
    for _ in range(5):
        name = current_name(lake)
        if name is None:
            return None
        try:
            return Snapshot.read(lake, name)
        except FileNotFoundError:
            continue  # two ingests have ended since its name was read
    raise LakeError(f"The snapshot {name} is named by {Layout(lake).current}, but it is not there.")


def snapshot_names(lake: Path) -> tuple[str, ...]:
    """The snapshots whose files are there: the present one, then those before it.

    Raises
    ------
    LakeError
        Raised if the present one cannot be told.
    """
    present = current_name(lake)
    if present is None:
        return ()
    others = sorted((folder.name for folder in Layout(lake).snapshots.iterdir()), reverse=True)
    # A later one than the present is on its way.
    return (present, *(name for name in others if name < present and _NAME.fullmatch(name)))


def publish(snapshot: Snapshot, staging: Path, notes: Mapping[str, pa.Table]) -> None:
    """Make a snapshot the present one; its Parquet files are in the lake already.

    Whatever happens before the last step, readers see the old state; after it, the new one.

    Parameters
    ----------
    staging
        Scratch folder on the same file system.
    notes
        Tables of the ingest's own that go with the snapshot: name -> table.
    """
    check_disjoint(snapshot.records)
    layout = Layout(snapshot.lake)
    folder = staging / snapshot.name
    folder.mkdir()
    (folder / "manifest.json").write_text(snapshot.manifest(), "utf-8")
    for name, table in {"files": snapshot.index, **notes}.items():
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
    for file in folder.iterdir():
        sync_file(file)
    make_folder(layout.snapshots)
    move_whole(folder, layout.snapshot(snapshot.name))
    write_whole(layout.current, f"{snapshot.name}\n".encode("ascii"))


def sweep(present: Snapshot | None, previous: Snapshot | None) -> None:
    """Delete what neither of two snapshots needs; only the holder of the lock may."""
    keepers = [snapshot for snapshot in (present, previous) if snapshot is not None]
    if not keepers:
        return
    layout = Layout(keepers[0].lake)
    needed = frozenset().union(*(snapshot.paths() for snapshot in keepers))
    for file in sorted(layout.root.rglob("*.parquet")):
        inside = file.relative_to(layout.root)
        if inside.parts[0] not in ("snapshots", "staging") and inside.as_posix() not in needed:
            file.unlink()
            _remove_empty(file.parent, layout.root)
    names = {snapshot.name for snapshot in keepers}
    for folder in layout.snapshots.iterdir():
        if folder.name not in names:
            shutil.rmtree(folder)


def _remove_empty(folder: Path, root: Path) -> None:
    while folder != root and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _plain(release: Release) -> dict[str, Any]:
    return {**asdict(release), "options": dict(release.options), "columns": dict(release.columns)}


def _from_column(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "datatype": column.type.datatype,
        "arraysize": column.type.arraysize,
        "xtype": column.type.xtype,
        "description": column.description,
        "unit": column.unit,
        "ucd": column.ucd,
    }


def _to_column(written: Mapping[str, Any]) -> Column:
    return Column(
        name=written["name"],
        type=ColumnType(written["datatype"], written["arraysize"], written["xtype"]),
        description=written["description"],
        unit=written["unit"],
        ucd=written["ucd"],
    )
