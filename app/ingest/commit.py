"""The end of an ingest: all tables in a new snapshot, or in the one there is, if nothing has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from adql import Catalogue, Column
from app.ingest.arrivals import Arrival, alias_of
from app.ingest.describe import collection_row, documents_of, fingerprint, rights_of
from app.ingest.notes import KnownList, KnownRelease, Source, to_tables
from app.ingest.products import product_rows
from app.ingest.report import CollectionReport, Findings, Progress
from app.ingest.rows import gti_table, hdu_rows, observation_rows
from app.ingest.smalltables import PER_COLLECTION, TARGETS, SmallTables
from app.ingest.targets import Sighting, find_targets
from app.ingest.tilings import Tiling
from app.lake import FileRecord, Layout, Release, Snapshot, TableFile, publish, sweep
from app.lake.durable import move_whole

_SEEN = (
    "collection",
    "obs_id",
    "event_type",
    "object",
    "ra_obj",
    "dec_obj",
    "ra_pnt",
    "dec_pnt",
    "livetime",
)
"""Columns of ``dl3.observations`` by which targets are found."""

Files = dict[str, dict[str | None, TableFile]]
"""Table -> collection -> file."""


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """A release as it is told."""

    row: Mapping[str, Any]
    """Its row of ``dl3.collections``, without ``ingested``."""
    fingerprint: str


class Commit:
    """Brings what was read into the lake, in one step.

    Parameters
    ----------
    previous
        The present state; None for an empty lake.
    staging
        Where files are written before they have their places.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        layout: Layout,
        previous: Snapshot | None,
        notes: Mapping[str, KnownRelease],
        staging: Path,
        findings: Findings,
    ) -> None:
        self._catalogue, self._layout, self._previous = catalogue, layout, previous
        self._notes, self._staging, self._findings = notes, staging, findings
        self._tables = SmallTables(catalogue, layout, staging, previous)
        self._moves: list[tuple[Path, Path]] = []

    def commit(
        self, arrivals: Sequence[Arrival], columns: tuple[Column, ...], progress: Progress, workers: int
    ) -> tuple[tuple[CollectionReport, ...], str | None]:
        """What became of each release, and the name of the new snapshot; None if nothing has changed.

        Parameters
        ----------
        columns
            Instrument columns of all releases.
        """
        observations = self._observations(arrivals)
        targets, renamed = self._targets(observations, arrivals)
        told = {arrival.name: self._describe(arrival, observations[arrival.name]) for arrival in arrivals}
        reports = tuple(_report(arrival, told[arrival.name].row) for arrival in arrivals)
        if not self._is_news(arrivals, told):
            return reports, None
        tiling = Tiling(
            self._catalogue, columns, self._previous, self._layout, self._staging, progress, workers
        )
        records = tiling.retile({a.name: (a.runs, a.plan.dropped) for a in arrivals if a.is_changed})
        self._moves += tiling.moves
        files = self._files(arrivals, told, observations, renamed)
        self._put(files, TARGETS, targets, None)
        snapshot = self._snapshot(arrivals, told, columns, files, records)
        self._publish(snapshot, arrivals)
        return reports, snapshot.name

    def _observations(self, arrivals: Sequence[Arrival]) -> dict[str, pa.Table]:
        """Rows of ``dl3.observations`` of every collection, still without targets for the new ones."""
        tables: dict[str, pa.Table] = {}
        names = () if self._previous is None else tuple(self._previous.releases)
        for name in names:
            tables[name] = self._tables.read("observations", name)
        for arrival in arrivals:
            files = [arrival.store.relative(loaded.planned.file.path) for loaded in arrival.loaded]
            new = self._tables.from_rows(
                "observations", observation_rows(arrival.loaded, arrival.name, files)
            )
            tables[arrival.name] = arrival.merged(tables.get(arrival.name), new)
        return tables

    def _targets(
        self, observations: dict[str, pa.Table], arrivals: Sequence[Arrival]
    ) -> tuple[pa.Table, frozenset[str]]:
        """Rows of ``dl3.targets``; names of targets put into ``observations``, and whose have changed."""
        aliases = {
            (name, *known.key): known.alias
            for name, release in self._notes.items()
            for known in release.lists
        }
        for arrival in arrivals:
            for loaded in arrival.loaded:
                aliases[arrival.name, *loaded.planned.key] = alias_of(loaded.planned)
        names = sorted(observations)
        sightings = [
            _sighting(row, aliases) for name in names for row in observations[name].select(_SEEN).to_pylist()
        ]
        rows, of_each = find_targets(sightings)
        changed: set[str] = set()
        first = 0
        for name in names:
            table = observations[name]
            mine = pa.chunked_array([pa.array(of_each[first : first + table.num_rows], pa.string())])
            first += table.num_rows
            place = table.schema.get_field_index("target_name")
            if table.column(place).to_pylist() != mine.to_pylist():
                observations[name] = table.set_column(place, table.schema.field(place), mine)
                changed.add(name)
        return self._tables.from_rows(TARGETS, rows), frozenset(changed)

    def _describe(self, arrival: Arrival, observations: pa.Table) -> Described:
        told = documents_of(arrival.store)
        row = collection_row(
            arrival.name,
            told,
            arrival.options,
            rights_of(arrival.name, told, arrival.options, self._findings),
            observations,
            simulated=any(known.simulated for known in arrival.lists()),
            sizes=[source.nbytes for source in arrival.plan.sources.values()],
        )
        return Described(row, fingerprint(row, str(arrival.store.root)))

    def _is_news(self, arrivals: Sequence[Arrival], told: Mapping[str, Described]) -> bool:
        if any(arrival.is_changed for arrival in arrivals):
            return True
        known = {} if self._previous is None else self._previous.releases
        return any(
            arrival.name not in known or known[arrival.name].described != told[arrival.name].fingerprint
            for arrival in arrivals
        )

    def _files(
        self,
        arrivals: Sequence[Arrival],
        told: Mapping[str, Described],
        observations: Mapping[str, pa.Table],
        renamed: frozenset[str],
    ) -> Files:
        """The files of all tables but events, those that change written anew."""
        files: Files = {table: {} for table in (*PER_COLLECTION, TARGETS)}
        if self._previous is not None:
            for table, known in self._previous.table_files.items():
                files[table] = {file.collection: file for file in known}
        for arrival in arrivals:
            row = {**told[arrival.name].row, "ingested": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"}
            self._put(files, "collections", self._tables.from_rows("collections", [row]), arrival.name)
            if arrival.is_changed:
                self._put_parts(files, arrival)
        for name in {*renamed, *(arrival.name for arrival in arrivals if arrival.is_changed)}:
            self._put(files, "observations", observations[name], name)
        return files

    def _put_parts(self, files: Files, arrival: Arrival) -> None:
        paths = {link.file.path for loaded in arrival.loaded for link in loaded.planned.links}
        relative = {path: arrival.store.relative(path) for path in paths}
        new = {
            "gtis": gti_table(arrival.loaded, arrival.name, self._tables.schema("gtis")),
            "hdus": self._tables.from_rows("hdus", hdu_rows(arrival.loaded, arrival.name, relative)),
            "products": self._tables.from_rows(
                "products", product_rows(arrival.loaded, arrival.name, relative)
            ),
        }
        for table, rows in new.items():
            old = self._tables.read(table, arrival.name)
            self._put(files, table, arrival.merged(old, rows), arrival.name)

    def _put(self, files: Files, table: str, rows: pa.Table, collection: str | None) -> None:
        file, written = self._tables.write(table, rows, collection)
        files[table][collection] = file
        self._moves.append((written, self._layout.root / file.path))

    def _snapshot(
        self,
        arrivals: Sequence[Arrival],
        told: Mapping[str, Described],
        columns: tuple[Column, ...],
        files: Files,
        records: tuple[FileRecord, ...],
    ) -> Snapshot:
        releases = dict(() if self._previous is None else self._previous.releases)
        releases.update({arrival.name: _release(arrival, told[arrival.name]) for arrival in arrivals})
        return Snapshot.make(
            self._layout.root,
            event_columns=columns,
            table_files={table: tuple(found.values()) for table, found in files.items()},
            releases=dict(sorted(releases.items())),
            records=records,
        )

    def _publish(self, snapshot: Snapshot, arrivals: Sequence[Arrival]) -> None:
        kept: dict[str, tuple[list[Source], list[KnownList]]] = {
            name: (list(known.sources.values()), list(known.lists)) for name, known in self._notes.items()
        }
        for arrival in arrivals:
            kept[arrival.name] = (list(arrival.plan.sources.values()), arrival.lists())
        for written, target in self._moves:
            move_whole(written, target)
        publish(snapshot, self._staging, to_tables(kept))
        sweep(snapshot, self._previous)


def _release(arrival: Arrival, told: Described) -> Release:
    return Release(
        collection=arrival.name,
        root=arrival.store.root,
        rights=told.row["rights"],
        nevents=told.row["n_events"],
        options=arrival.options,
        columns=arrival.columns,
        described=told.fingerprint,
    )


def _report(arrival: Arrival, row: Mapping[str, Any]) -> CollectionReport:
    before = {known.key for known in arrival.known.lists}
    replaced = sum(loaded.planned.key in before for loaded in arrival.loaded)
    return CollectionReport(
        collection=arrival.name,
        rights=row["rights"],
        files=row["n_files"],
        observations=row["n_observations"],
        events=row["n_events"],
        bytes=row["n_bytes"],
        added=len(arrival.loaded) - replaced,
        replaced=replaced,
        removed=len(arrival.plan.gone),
        unchanged=len(arrival.plan.kept),
    )


def _sighting(row: Mapping[str, Any], aliases: Mapping[tuple[str, int, str], str]) -> Sighting:
    return Sighting(
        collection=row["collection"],
        object=row["object"] or "",
        alias=aliases.get((row["collection"], row["obs_id"], row["event_type"]), ""),
        ra_obj=row["ra_obj"],
        dec_obj=row["dec_obj"],
        ra_pnt=row["ra_pnt"],
        dec_pnt=row["dec_pnt"],
        livetime=row["livetime"],
    )
