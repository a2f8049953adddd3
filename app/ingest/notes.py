"""What an ingest remembers of the releases, for the next one: kept beside the snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

VERSION = 1
"""To be raised where the same files would be loaded in another way: then all are loaded anew."""

SOURCES, LISTS = "sources", "lists"
"""Names of the two tables of notes."""

_SOURCES = pa.schema(
    [
        ("collection", pa.string()),
        ("name", pa.string()),
        ("nbytes", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("sha256", pa.string()),
        ("version", pa.int32()),
        ("is_faulty", pa.bool_()),
    ]
)
_LISTS = pa.schema(
    [
        ("collection", pa.string()),
        ("obs_id", pa.int64()),
        ("event_type", pa.string()),
        ("label", pa.string()),
        ("source", pa.string()),
        ("files", pa.list_(pa.string())),
        ("group", pa.string()),
        ("digest", pa.string()),
        ("alias", pa.string()),
        ("simulated", pa.bool_()),
    ]
)


@dataclass(frozen=True, slots=True)
class Source:
    """A file of a release as it was when it was read."""

    name: str
    """Its place below the root."""
    nbytes: int
    mtime_ns: int
    sha256: str
    version: int
    is_faulty: bool = False
    """True if something in it was rejected, which is to be told again."""


@dataclass(frozen=True, slots=True)
class KnownList:
    """An event list that is in the lake."""

    obs_id: int
    event_type: str
    label: str
    source: str
    """The file of the list."""
    files: tuple[str, ...]
    """All the files that its rows come from."""
    group: str
    """What the release calls it."""
    digest: str
    """Fingerprint of what the indices say of it."""
    alias: str
    """Another name of its target, which the observation index has."""
    simulated: bool

    @property
    def key(self) -> tuple[int, str]:
        return self.obs_id, self.event_type


@dataclass(frozen=True)
class KnownRelease:
    """What is remembered of a collection."""

    sources: Mapping[str, Source] = field(default_factory=dict)
    lists: Sequence[KnownList] = ()

    @cached_property
    def by_group(self) -> Mapping[str, KnownList]:
        """The lists by what the release calls them."""
        return {known.group: known for known in self.lists}


def read_notes(folder: Path | None) -> dict[str, KnownRelease]:
    """The notes that lie in the folder of a snapshot, by collection; empty without one."""
    if folder is None:
        return {}
    sources: dict[str, dict[str, Source]] = {}
    for row in pq.read_table(folder / f"{SOURCES}.parquet").to_pylist():
        collection = row.pop("collection")
        sources.setdefault(collection, {})[row["name"]] = Source(**row)
    lists: dict[str, list[KnownList]] = {}
    for row in pq.read_table(folder / f"{LISTS}.parquet").to_pylist():
        collection = row.pop("collection")
        lists.setdefault(collection, []).append(KnownList(**{**row, "files": tuple(row["files"])}))
    return {name: KnownRelease(sources.get(name, {}), lists.get(name, [])) for name in {*sources, *lists}}


def to_tables(releases: Mapping[str, tuple[Iterable[Source], Iterable[KnownList]]]) -> dict[str, pa.Table]:
    """The notes as tables, for :func:`app.lake.publish`."""
    sources = [
        {"collection": name, **{f: getattr(source, f) for f in Source.__slots__}}
        for name, (found, _) in sorted(releases.items())
        for source in sorted(found, key=lambda source: source.name)
    ]
    lists = [
        {"collection": name, **{f: getattr(known, f) for f in KnownList.__slots__}}
        for name, (_, found) in sorted(releases.items())
        for known in sorted(found, key=lambda known: known.key)
    ]
    return {
        SOURCES: pa.Table.from_pylist(sources, schema=_SOURCES),
        LISTS: pa.Table.from_pylist(lists, schema=_LISTS),
    }
