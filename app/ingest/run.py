"""One ingest, from a path to a new snapshot of the lake."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from adql import Column
from app.ingest.arrivals import Arrival
from app.ingest.columns import EventColumns
from app.ingest.commit import Commit
from app.ingest.describe import OPTIONS, check_options
from app.ingest.discovery import Store, discover
from app.ingest.errors import IngestError
from app.ingest.eventlist import Assignment, EventList
from app.ingest.notes import KnownRelease, read_notes
from app.ingest.plan import PlannedList, plan_release
from app.ingest.report import CollectionReport, Findings, IngestReport, Progress, Silence
from app.ingest.rows import LoadedList, mission_of, pointing_of
from app.ingest.runs import Loaded, Reading, batches_of, load
from app.ingest.scan import FileScan, scan_file
from app.lake import LakeLock, Layout, Release, current_snapshot
from app.lake.durable import make_folder
from app.results import arrow_schema
from vosi import load_catalogue

WORKERS = 2
"""Threads that read and write: the work is in libraries that let go of the interpreter's lock."""


_ODDITIES = (
    ("events without a direction: ra, dec and healpix are NULL", "unplaced"),
    ("events without a time", "untimed"),
    ("events whose energy is no positive number", "unmeasured"),
)
"""What is odd, and what counts it."""


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
    return replace(report, seconds=time.monotonic() - begun)


class _Run:
    def __init__(self, lake: Path, staging: Path, progress: Progress, workers: int) -> None:
        self._layout = Layout(lake)
        self._staging = staging
        self._progress = progress
        self._workers = max(workers, 1)
        self._findings = Findings()
        self._previous = current_snapshot(lake)
        self._catalogue = load_catalogue()

    def load(self, path: Path, collection: str | None, options: dict[str, str]) -> IngestReport:
        stores = discover(path, collection, self._findings)
        if len(stores) > 1 and options.keys() - {"rights"}:
            raise IngestError(
                f"{path} holds {len(stores)} releases; a title, licence or citation is said of one at a time."
            )
        notes = read_notes(None if self._previous is None else self._previous.folder)
        arrivals = [self._plan(store, notes.get(store.name, KnownRelease()), options) for store in stores]
        columns = EventColumns(() if self._previous is None else self._previous.event_columns)
        for arrival in arrivals:
            self._assign(arrival, columns)
        self._read(arrivals, columns.columns)
        for arrival in arrivals:
            arrival.settle()
            self._tell_oddities(arrival)
        good = self._check_lists(arrivals)
        commit = Commit(self._catalogue, self._layout, self._previous, notes, self._staging, self._findings)
        reports, name = commit.commit(good, columns.columns, self._progress, self._workers)
        return self._report(good, reports, name)

    def _report(
        self, arrivals: Sequence[Arrival], reports: tuple[CollectionReport, ...], name: str | None
    ) -> IngestReport:
        loaded = [loaded for arrival in arrivals for loaded in arrival.loaded]
        sizes = {one.planned.file.path: one.planned.file.nbytes for one in loaded}
        return IngestReport(
            collections=reports,
            warnings=tuple(self._findings.warnings),
            notes=tuple(self._findings.notes),
            rejected=tuple(self._findings.rejected),
            snapshot=name,
            loaded_events=sum(one.statistics.nrows for one in loaded),
            loaded_bytes=sum(sizes.values()),
        )

    def _plan(self, store: Store, known: KnownRelease, options: dict[str, str]) -> Arrival:
        before = None if self._previous is None else self._previous.releases.get(store.name)
        if before is not None and before.root != store.root:
            self._check_moved(store, before, known)
        plan = plan_release(store, known, self._scanner(store.name), self._findings)
        standing = {} if before is None else dict(before.options)
        said = {name: value for name, value in {**standing, **options}.items() if value}
        return Arrival(store, plan, known, said, columns={} if before is None else dict(before.columns))

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

    def _assign(self, arrival: Arrival, columns: EventColumns) -> None:
        """Give the instrument columns their places, and tell what had to be assumed of the lists."""
        remarks: dict[str, list[str]] = {}
        for planned in arrival.plan.new:
            roles = planned.hdu.roles
            assert roles is not None
            places, arrival.columns, units = columns.assign(roles.others, arrival.columns, arrival.name)
            arrival.assignments[planned.key] = places
            linked = (
                remark for link in planned.links for remark in link.hdu.remarks if link.hdu.kind != "events"
            )
            own = planned.hdu.remarks if mission_of(planned) is None else _without_reference(planned)
            for remark in (*own, *linked, *units):
                remarks.setdefault(remark, []).append(planned.label)
        for remark, labels in remarks.items():
            self._warn(arrival, remark, labels)

    def _warn(self, arrival: Arrival, remark: str, labels: Sequence[str]) -> None:
        which = (
            f"observation {labels[0]}"
            if len(labels) == 1
            else f"{len(labels)} observations, {labels[0]} first"
        )
        self._findings.warn(f"{arrival.name}: {remark} ({which}).")

    def _read(self, arrivals: Sequence[Arrival], columns: tuple[Column, ...]) -> None:
        """Read all new event lists, and put them down as sorted runs."""
        jobs: list[tuple[Arrival, list[PlannedList], pa.Schema, str]] = []
        for number, arrival in enumerate(arrivals):
            schema = self._run_schema(arrival, columns)
            lists = arrival.plan.new
            sizes = [_shape_rows(planned) for planned in lists]
            for batch in batches_of(sizes):
                jobs.append(
                    (arrival, [lists[place] for place in batch], schema, f"{number:03d}-{batch.start:07d}")
                )
        if not jobs:
            return
        self._check_room(
            sum(_row_bytes(schema) * _shape_rows(p) for _, lists, schema, _ in jobs for p in lists)
        )
        self._progress.begin(sum(_shape_rows(p) for _, lists, _, _ in jobs for p in lists), "Reading events")
        with ThreadPoolExecutor(self._workers) as pool:
            done = pool.map(lambda job: self._load_job(*job), jobs)
            for (arrival, lists, _, _), loaded in zip(jobs, done, strict=True):
                arrival.runs += loaded.runs
                self._take(arrival, lists, loaded)
                self._progress.advance(sum(_shape_rows(planned) for planned in lists))
        self._progress.end()

    def _check_room(self, nbytes: int) -> None:
        """Refuse what the disk cannot hold: the events lie there twice for a while."""
        needed, free = 2 * nbytes, shutil.disk_usage(self._staging).free
        if needed > free:
            raise IngestError(
                f"There is no room for these events in {self._layout.root}: {needed / 1e9:.1f} GB are needed "
                f"and {free / 1e9:.1f} GB are free."
            )

    def _run_schema(self, arrival: Arrival, columns: tuple[Column, ...]) -> pa.Schema:
        fixed = self._catalogue.table("dl3.events").columns
        used = {place.name for places in arrival.assignments.values() for place in places}
        return arrow_schema(
            [column for column in fixed if column.name != "collection"]
            + [column for column in columns if column.name in used]
        )

    def _load_job(
        self, arrival: Arrival, lists: Sequence[PlannedList], schema: pa.Schema, name: str
    ) -> Loaded:
        readings = [_reading(planned, arrival.assignments[planned.key]) for planned in lists]
        return load(readings, schema, self._staging, name)

    def _take(self, arrival: Arrival, lists: Sequence[PlannedList], loaded: Loaded) -> None:
        for planned, statistics, fault in zip(lists, loaded.statistics, loaded.faults, strict=True):
            if statistics is None:
                self._findings.reject(str(planned.file.path), fault)
            else:
                arrival.loaded.append(LoadedList(planned, statistics))

    def _tell_oddities(self, arrival: Arrival) -> None:
        """Tell what is odd in the events that were read."""
        for what, counter in _ODDITIES:
            counts = {loaded.planned.label: getattr(loaded.statistics, counter) for loaded in arrival.loaded}
            odd = {label: count for label, count in counts.items() if count}
            if odd:
                self._warn(arrival, f"there are {sum(odd.values())} {what}", list(odd))

    def _check_lists(self, arrivals: Sequence[Arrival]) -> list[Arrival]:
        """The releases with an event list; one without any is told, and left as it was."""
        for arrival in arrivals:
            if arrival.has_lists:
                continue
            root = arrival.store.root
            if arrival.known.lists:
                self._findings.note(
                    f"{arrival.name}: there are no event lists in {root} any more; what the lake has of it "
                    "stays."
                )
            elif len(arrivals) == 1 and not self._findings.rejected:
                self._findings.reject(str(root), "There is no event list in it.")
            else:
                self._findings.warn(f"{arrival.name}: there is no event list in {root}; it is left out.")
        return [arrival for arrival in arrivals if arrival.has_lists]


def _staging(layout: Layout) -> Path:
    """A fresh scratch folder; those of ingests that died are swept away, as the lock is ours."""
    if layout.staging.is_dir():
        shutil.rmtree(layout.staging)
    folder = layout.staging / f"{os.getpid()}-{secrets.token_hex(4)}"
    make_folder(folder)
    return folder


def _shape_rows(planned: PlannedList) -> int:
    return 0 if planned.hdu.shape is None else planned.hdu.shape.nrows


def _row_bytes(schema: pa.Schema) -> int:
    """About the bytes of an event before it is compressed."""
    fixed = [field.type.bit_width for field in schema if pa.types.is_primitive(field.type)]
    return int(sum(fixed) // 8 + 16 * (len(schema) - len(fixed)))


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
