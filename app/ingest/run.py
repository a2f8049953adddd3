"""One ingest, from a path to a new snapshot of the lake."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from adql import Column
from app.ingest.columns import EventColumns
from app.ingest.describe import OPTIONS, check_options, collection_row, documents_of, fingerprint, rights_of
from app.ingest.discovery import Store, discover
from app.ingest.errors import IngestError
from app.ingest.eventlist import Assignment, EventList
from app.ingest.notes import KnownList, KnownRelease, Source, read_notes, to_tables
from app.ingest.plan import PlannedList, ReleasePlan, plan_release
from app.ingest.report import CollectionReport, Findings, IngestReport, Progress, Silence
from app.ingest.rows import LoadedList, gti_table, hdu_rows, mission_of, observation_rows, pointing_of
from app.ingest.runs import Loaded, Reading, batches_of, load
from app.ingest.scan import FileScan, scan_file
from app.ingest.smalltables import PER_COLLECTION, TARGETS, SmallTables
from app.ingest.targets import Sighting, find_targets
from app.ingest.tiles import kept_rows
from app.ingest.tilings import Tiling
from app.lake import (
    FileRecord,
    LakeLock,
    Layout,
    Release,
    Snapshot,
    TableFile,
    current_snapshot,
    publish,
    sweep,
)
from app.lake.durable import make_folder, move_whole
from app.results import arrow_schema
from vosi import load_catalogue

WORKERS = 2
"""Threads that read and write: the work is in libraries that let go of the interpreter's lock."""


def ingest(
    path: Path,
    *,
    lake: Path,
    collection: str | None = None,
    title: str | None = None,
    licence: str | None = None,
    citation: str | None = None,
    rights: str | None = None,
    progress: Progress | None = None,
    workers: int = WORKERS,
) -> IngestReport:
    """Load what lies at a path into the lake.

    Files that did not change since they were loaded are passed over; a changed one replaces its event list.
    Whatever happens, readers of the lake see its old state or its new one. No FITS file is ever written.

    Parameters
    ----------
    path
        A FITS file, a folder of them, a GADF data store, or a folder of any of these.
    lake
        Folder of the lake; made if it is not there.
    collection
        Name of the release, if there is one only; else releases are named after their folders.
    title, licence, citation
        What is told of the release, if there is one only; else what its README and the like tell. It stands
        in later ingests, until it is said anew; an empty text takes it back.
    rights
        ``public`` or ``metadata``; else what the licence lets be inferred.
    progress
        Who watches.
    workers
        Threads.

    Raises
    ------
    IngestError
        Raised if there is nothing to load, or an option is wrong; the lake is as it was.
    app.lake.LakeBusy
        Raised if another ingest writes to the lake.
    app.lake.LakeError
        Raised if the lake is damaged.
    """
    begun = time.monotonic()
    options = check_options(dict(zip(OPTIONS, (title, licence, citation, rights), strict=True)))
    with LakeLock(lake), ExitStack() as stack:
        staging = _staging(Layout(lake))
        stack.callback(shutil.rmtree, staging, ignore_errors=True)
        run = _Run(lake, staging, progress or Silence(), workers)
        report = run.load(path, collection, options)
    return _timed(report, time.monotonic() - begun)


@dataclass(slots=True, eq=False)
class _Release:
    """A release on its way into the lake."""

    store: Store
    plan: ReleasePlan
    known: KnownRelease
    options: dict[str, str]
    assignments: dict[tuple[int, str], tuple[Assignment, ...]] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    runs: list[Path] = field(default_factory=list)
    loaded: list[LoadedList] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.store.name

    @property
    def is_changed(self) -> bool:
        """True if rows of events come or go."""
        return bool(self.loaded or self.plan.gone)


class _Run:
    def __init__(self, lake: Path, staging: Path, progress: Progress, workers: int) -> None:
        self._layout = Layout(lake)
        self._staging = staging
        self._progress = progress
        self._workers = max(workers, 1)
        self._findings = Findings()
        self._previous = current_snapshot(lake)
        self._catalogue = load_catalogue()
        self._tables = SmallTables(self._catalogue, self._layout, staging, self._previous)
        self._moves: list[tuple[Path, Path]] = []

    def load(self, path: Path, collection: str | None, options: dict[str, str]) -> IngestReport:
        stores = discover(path, collection, self._findings)
        if len(stores) > 1 and options.keys() - {"rights"}:
            raise IngestError(
                f"{path} holds {len(stores)} releases; a title, licence or citation is said of one at a time."
            )
        notes = read_notes(None if self._previous is None else self._previous.folder)
        releases = [self._plan(store, notes.get(store.name, KnownRelease()), options) for store in stores]
        columns = EventColumns(() if self._previous is None else self._previous.event_columns)
        for release in releases:
            self._assign(release, columns)
        self._read(releases, columns.columns)
        for release in releases:
            self._settle(release)
        return self._commit(releases, columns.columns, notes)

    def _plan(self, store: Store, known: KnownRelease, options: dict[str, str]) -> _Release:
        before = None if self._previous is None else self._previous.releases.get(store.name)
        if before is not None and before.root != store.root:
            self._check_moved(store, before, known)
        plan = plan_release(store, known, self._scanner(store.name), self._findings)
        standing = {} if before is None else dict(before.options)
        said = {name: value for name, value in {**standing, **options}.items() if value}
        return _Release(store, plan, known, said, columns={} if before is None else dict(before.columns))

    def _check_moved(self, store: Store, before: Release, known: KnownRelease) -> None:
        """Refuse to take another release for one that moved."""
        if not any((store.root / name).is_file() for name in known.sources):
            raise IngestError(
                f"A collection {store.name} is in the lake, loaded from {before.root}, and none of its files "
                f"is in {store.root}: give the other release another name (option collection)."
            )
        self._findings.note(f"{store.name}: it was loaded from {before.root} before, now from {store.root}.")

    def _scanner(self, name: str) -> Callable[[Sequence[Path]], Mapping[Path, FileScan]]:
        def scan(paths: Sequence[Path]) -> Mapping[Path, FileScan]:
            if not paths:
                return {}
            self._progress.begin(len(paths), f"{name}: reading headers (files)")
            found: dict[Path, FileScan] = {}
            with ThreadPoolExecutor(self._workers) as pool:
                for path, scanned in zip(paths, pool.map(scan_file, paths), strict=True):
                    found[path] = scanned
                    self._progress.advance()
            self._progress.end()
            return found

        return scan

    def _assign(self, release: _Release, columns: EventColumns) -> None:
        """Give the instrument columns their places, and tell what had to be assumed of the lists."""
        remarks: dict[str, list[str]] = {}
        for planned in release.plan.new:
            roles = planned.hdu.roles
            assert roles is not None
            places, release.columns, units = columns.assign(roles.others, release.columns, release.name)
            release.assignments[planned.key] = places
            linked = (
                remark for link in planned.links for remark in link.hdu.remarks if link.hdu.kind != "events"
            )
            own = planned.hdu.remarks if mission_of(planned) is None else _without_reference(planned)
            for remark in (*own, *linked, *units):
                remarks.setdefault(remark, []).append(planned.label)
        for remark, labels in remarks.items():
            self._warn(release, remark, labels)

    def _warn(self, release: _Release, remark: str, labels: Sequence[str]) -> None:
        which = (
            f"observation {labels[0]}"
            if len(labels) == 1
            else f"{len(labels)} observations, {labels[0]} first"
        )
        self._findings.warn(f"{release.name}: {remark} ({which}).")

    def _read(self, releases: Sequence[_Release], columns: tuple[Column, ...]) -> None:
        """Read all new event lists, and put them down as sorted runs."""
        jobs: list[tuple[_Release, list[PlannedList], pa.Schema, str]] = []
        for number, release in enumerate(releases):
            schema = self._run_schema(release, columns)
            lists = release.plan.new
            sizes = [_shape_rows(planned) for planned in lists]
            for batch in batches_of(sizes):
                jobs.append(
                    (release, [lists[place] for place in batch], schema, f"{number:03d}-{batch.start:07d}")
                )
        if not jobs:
            return
        self._progress.begin(sum(_shape_rows(p) for _, lists, _, _ in jobs for p in lists), "Reading events")
        with ThreadPoolExecutor(self._workers) as pool:
            done = pool.map(lambda job: self._load_job(*job), jobs)
            for (release, lists, _, _), loaded in zip(jobs, done, strict=True):
                release.runs += loaded.runs
                self._take(release, lists, loaded)
                self._progress.advance(sum(_shape_rows(planned) for planned in lists))
        self._progress.end()

    def _run_schema(self, release: _Release, columns: tuple[Column, ...]) -> pa.Schema:
        fixed = self._catalogue.table("dl3.events").columns
        used = {place.name for places in release.assignments.values() for place in places}
        return arrow_schema(
            [column for column in fixed if column.name != "collection"]
            + [column for column in columns if column.name in used]
        )

    def _load_job(
        self, release: _Release, lists: Sequence[PlannedList], schema: pa.Schema, name: str
    ) -> Loaded:
        readings = [_reading(planned, release.assignments[planned.key]) for planned in lists]
        return load(readings, schema, self._staging, name)

    def _take(self, release: _Release, lists: Sequence[PlannedList], loaded: Loaded) -> None:
        for planned, statistics, fault in zip(lists, loaded.statistics, loaded.faults, strict=True):
            if statistics is None:
                self._findings.reject(str(planned.file.path), fault)
            else:
                release.loaded.append(LoadedList(planned, statistics))

    def _settle(self, release: _Release) -> None:
        """Forget the lists that could not be read, and tell what is odd in those that could."""
        good = {id(loaded.planned) for loaded in release.loaded}
        failed = [planned for planned in release.plan.new if id(planned) not in good]
        release.plan.new = [planned for planned in release.plan.new if id(planned) in good]
        known = {known.key: known for known in release.known.lists}
        for planned in failed:
            if planned.key in known:
                release.plan.kept.append(known[planned.key])
        for what, counter in (
            ("events without a direction: ra, dec and healpix are NULL", "unplaced"),
            ("events without a time", "untimed"),
            ("events whose energy is no positive number", "unmeasured"),
        ):
            odd = Counter(
                {loaded.planned.label: getattr(loaded.statistics, counter) for loaded in release.loaded}
            )
            odd = Counter({label: count for label, count in odd.items() if count})
            if odd:
                self._warn(release, f"there are {odd.total()} {what}", list(odd))

    def _commit(
        self, releases: Sequence[_Release], columns: tuple[Column, ...], notes: Mapping[str, KnownRelease]
    ) -> IngestReport:
        previous = self._previous
        alive = [release for release in releases if self._is_alive(release)]
        observations = self._observations(alive)
        rows, targets = self._targets(observations, alive, notes)
        described = {release.name: self._describe(release, observations[release.name]) for release in alive}
        reports = tuple(self._report(release, described[release.name][0]) for release in alive)
        loaded_events = sum(loaded.statistics.nrows for release in alive for loaded in release.loaded)
        fresh = {loaded.planned.file.path: loaded.planned.file.nbytes for r in alive for loaded in r.loaded}
        snapshot = None
        if self._is_news(alive, described):
            tiling = Tiling(
                self._catalogue, columns, previous, self._layout, self._staging, self._progress, self._workers
            )
            records = tiling.retile({r.name: (r.runs, r.plan.dropped) for r in alive if r.is_changed})
            self._moves += tiling.moves
            snapshot = self._snapshot(alive, columns, records, observations, described, rows, targets)
            self._publish(snapshot, alive, notes)
        return IngestReport(
            collections=reports,
            warnings=tuple(self._findings.warnings),
            notes=tuple(self._findings.notes),
            rejected=tuple(self._findings.rejected),
            snapshot=None if snapshot is None else snapshot.name,
            loaded_events=loaded_events,
            loaded_bytes=sum(fresh.values()),
        )

    def _is_alive(self, release: _Release) -> bool:
        """Whether there is something to describe: a release without any event list is left as it was."""
        if release.loaded or release.plan.kept:
            return True
        if release.known.lists:
            self._findings.note(
                f"{release.name}: there are no event lists in {release.store.root} any more; what the lake "
                "has of it stays."
            )
        elif not self._findings.rejected:
            self._findings.reject(str(release.store.root), "There is no event list in it.")
        return False

    def _observations(self, alive: Sequence[_Release]) -> dict[str, pa.Table]:
        """Rows of ``dl3.observations`` of every collection, still without targets for the new ones."""
        tables: dict[str, pa.Table] = {}
        names = () if self._previous is None else tuple(self._previous.releases)
        for name in names:
            tables[name] = self._tables.read("observations", name)
        for release in alive:
            files = [release.store.relative(loaded.planned.file.path) for loaded in release.loaded]
            new = self._tables.from_rows(
                "observations", observation_rows(release.loaded, release.name, files)
            )
            tables[release.name] = _merged(tables.get(release.name), new, release)
        return tables

    def _targets(
        self, observations: dict[str, pa.Table], alive: Sequence[_Release], notes: Mapping[str, KnownRelease]
    ) -> tuple[pa.Table, frozenset[str]]:
        """Rows of ``dl3.targets``; names of targets put into ``observations``, and whose have changed."""
        aliases = {
            (name, *known.key): known.alias for name, release in notes.items() for known in release.lists
        }
        for release in alive:
            for loaded in release.loaded:
                aliases[release.name, *loaded.planned.key] = _alias(loaded.planned)
        names = sorted(observations)
        sightings = [_sighting(row, aliases) for name in names for row in observations[name].to_pylist()]
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

    def _describe(self, release: _Release, observations: pa.Table) -> tuple[dict[str, Any], str]:
        told = documents_of(release.store)
        rights = rights_of(release.name, told, release.options, self._findings)
        simulated = any(known.simulated for known in self._known_lists(release))
        sizes = [source.nbytes for source in release.plan.sources.values()]
        row = collection_row(
            release.name, told, release.options, rights, observations, simulated=simulated, sizes=sizes
        )
        return row, fingerprint(row, str(release.store.root))

    def _is_news(
        self, alive: Sequence[_Release], described: Mapping[str, tuple[dict[str, Any], str]]
    ) -> bool:
        if any(release.is_changed for release in alive):
            return True
        known = {} if self._previous is None else self._previous.releases
        return any(r.name not in known or known[r.name].described != described[r.name][1] for r in alive)

    def _snapshot(
        self,
        alive: Sequence[_Release],
        columns: tuple[Column, ...],
        records: tuple[FileRecord, ...],
        observations: Mapping[str, pa.Table],
        described: Mapping[str, tuple[dict[str, Any], str]],
        targets: pa.Table,
        renamed: frozenset[str],
    ) -> Snapshot:
        previous = self._previous
        files: dict[str, dict[str | None, TableFile]] = {table: {} for table in (*PER_COLLECTION, TARGETS)}
        if previous is not None:
            for table, known in previous.table_files.items():
                files[table] = {file.collection: file for file in known}
        for release in alive:
            row = {**described[release.name][0], "ingested": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"}
            self._put(files, "collections", self._tables.from_rows("collections", [row]), release.name)
            if release.is_changed:
                self._put_parts(files, release)
        for name in {*renamed, *(release.name for release in alive if release.is_changed)}:
            self._put(files, "observations", observations[name], name)
        self._put(files, TARGETS, targets, None)
        releases = dict(() if previous is None else previous.releases)
        releases.update({release.name: _release(release, *described[release.name]) for release in alive})
        return Snapshot.make(
            self._layout.root,
            event_columns=columns,
            table_files={table: tuple(found.values()) for table, found in files.items()},
            releases=dict(sorted(releases.items())),
            records=records,
        )

    def _put_parts(self, files: dict[str, dict[str | None, TableFile]], release: _Release) -> None:
        paths = {link.file.path for loaded in release.loaded for link in loaded.planned.links}
        relative = {path: release.store.relative(path) for path in paths}
        new = {
            "gtis": gti_table(release.loaded, release.name, self._tables.schema("gtis")),
            "hdus": self._tables.from_rows("hdus", hdu_rows(release.loaded, release.name, relative)),
        }
        for table, rows in new.items():
            self._put(
                files, table, _merged(self._tables.read(table, release.name), rows, release), release.name
            )

    def _put(
        self,
        files: dict[str, dict[str | None, TableFile]],
        table: str,
        rows: pa.Table,
        collection: str | None,
    ) -> None:
        file, written = self._tables.write(table, rows, collection)
        files[table][collection] = file
        self._moves.append((written, self._layout.root / file.path))

    def _publish(
        self, snapshot: Snapshot, alive: Sequence[_Release], notes: Mapping[str, KnownRelease]
    ) -> None:
        kept: dict[str, tuple[list[Source], list[KnownList]]] = {
            name: (list(known.sources.values()), list(known.lists)) for name, known in notes.items()
        }
        for release in alive:
            kept[release.name] = (list(release.plan.sources.values()), self._known_lists(release))
        for written, target in self._moves:
            move_whole(written, target)
        publish(snapshot, self._staging, to_tables(kept))
        sweep(snapshot, self._previous)

    def _known_lists(self, release: _Release) -> list[KnownList]:
        new = [
            KnownList(
                obs_id=planned.obs_id,
                event_type=planned.event_type,
                label=planned.label,
                source=release.store.relative(planned.file.path),
                files=tuple(sorted({release.store.relative(link.file.path) for link in planned.links})),
                group=planned.group,
                digest=planned.digest,
                alias=_alias(planned),
                simulated=planned.hdu.facts is not None and planned.hdu.facts.simulated,
            )
            for planned in release.plan.new
        ]
        return [*release.plan.kept, *new]

    def _report(self, release: _Release, row: Mapping[str, Any]) -> CollectionReport:
        before = {known.key for known in release.known.lists}
        replaced = sum(loaded.planned.key in before for loaded in release.loaded)
        return CollectionReport(
            collection=release.name,
            rights=row["rights"],
            files=row["n_files"],
            observations=row["n_observations"],
            events=row["n_events"],
            bytes=row["n_bytes"],
            added=len(release.loaded) - replaced,
            replaced=replaced,
            removed=len(release.plan.gone),
            unchanged=len(release.plan.kept),
        )


def _staging(layout: Layout) -> Path:
    """A fresh scratch folder; those of ingests that died are swept away, as the lock is ours."""
    if layout.staging.is_dir():
        shutil.rmtree(layout.staging)
    folder = layout.staging / f"{os.getpid()}-{secrets.token_hex(4)}"
    make_folder(folder)
    return folder


def _timed(report: IngestReport, seconds: float) -> IngestReport:
    return IngestReport(
        **{name: getattr(report, name) for name in IngestReport.__slots__ if name != "seconds"},
        seconds=seconds,
    )


def _shape_rows(planned: PlannedList) -> int:
    return 0 if planned.hdu.shape is None else planned.hdu.shape.nrows


def _reading(planned: PlannedList, assignments: tuple[Assignment, ...]) -> Reading:
    hdu = planned.hdu
    assert hdu.shape is not None and hdu.roles is not None
    events = EventList(
        planned.file.path,
        planned.file.mtime_ns,
        hdu.begin,
        hdu.shape,
        hdu.roles,
        mission_of(planned),
        planned.obs_id,
        planned.event_type,
        assignments,
    )
    return Reading(events, *pointing_of(planned))


def _without_reference(planned: PlannedList) -> list[str]:
    """Remarks on an event list whose reference of time is found elsewhere than in its header."""
    facts = planned.hdu.facts
    found = facts is not None and facts.mission is not None
    return [remark for remark in planned.hdu.remarks if found or "MJDREFI" not in remark]


def _alias(planned: PlannedList) -> str:
    value = planned.row.get("TARGET_NAME")
    return value if isinstance(value, str) else ""


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


def _merged(old: pa.Table | None, new: pa.Table, release: _Release) -> pa.Table:
    """Old rows of the lists that stay, and new ones, in the order of the lists."""
    kept = new if old is None else pa.concat_tables([kept_rows(old, release.plan.dropped), new])
    order = [(name, "ascending") for name in ("obs_id", "event_type", "gti_row") if name in kept.column_names]
    return kept.sort_by(order)


def _release(release: _Release, row: Mapping[str, Any], described: str) -> Release:
    return Release(
        collection=release.name,
        root=release.store.root,
        rights=row["rights"],
        nevents=row["n_events"],
        options=release.options,
        columns=release.columns,
        described=described,
    )
