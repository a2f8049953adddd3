"""What is to be loaded of a release: its event lists with all that belongs to each, and what can stay."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.cards import to_integer
from app.ingest.discovery import Store
from app.ingest.errors import FileRejected
from app.ingest.fitsfile import sha256_of
from app.ingest.gadf import HduRow, Index, ObsRow, find_file, label_key
from app.ingest.groups import Group, group_rows
from app.ingest.notes import VERSION, KnownList, KnownRelease, Source
from app.ingest.report import Findings
from app.ingest.scan import FileScan, HduScan, Intervals, MeanPointing

Key = tuple[int, str]
"""OBS_ID and event type: what tells the event lists of a collection apart."""

Scanner = Callable[[Sequence[Path]], Mapping[Path, FileScan]]
"""Scans files, several at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """An extension that belongs to an event list."""

    hdu_type: str
    hdu_class: str
    file: FileScan
    hdu: HduScan


@dataclass(frozen=True, slots=True, eq=False)
class PlannedList:
    """An event list that is to be loaded."""

    obs_id: int
    event_type: str
    label: str
    """OBS_ID as the release writes it, or the name of the file."""
    file: FileScan
    hdu: HduScan
    links: tuple[Link, ...]
    """The list itself, its intervals, pointings and responses."""
    row: ObsRow
    """What the observation index tells."""
    group: str
    digest: str

    @property
    def key(self) -> Key:
        return self.obs_id, self.event_type

    @property
    def intervals(self) -> Intervals | None:
        """Its good time intervals."""
        return next((link.hdu.intervals for link in self.links if link.hdu.intervals is not None), None)

    @property
    def pointing(self) -> MeanPointing | None:
        """Its table of pointings."""
        return next((link.hdu.pointing for link in self.links if link.hdu.pointing is not None), None)


@dataclass(slots=True, eq=False)
class ReleasePlan:
    """What becomes of a release."""

    store: Store
    new: list[PlannedList] = field(default_factory=list)
    kept: list[KnownList] = field(default_factory=list)
    """Lists of which nothing has changed, or whose file can no more be read."""
    gone: list[KnownList] = field(default_factory=list)
    """Lists whose file is gone, or that their file has no more."""
    sources: dict[str, Source] = field(default_factory=dict)
    """The files that the lake describes from now on, by their place below the root."""

    @property
    def dropped(self) -> frozenset[Key]:
        """Lists whose events leave the lake: those gone, and those loaded anew."""
        return frozenset((*(known.key for known in self.gone), *(planned.key for planned in self.new)))


def plan_release(store: Store, known: KnownRelease, scan: Scanner, findings: Findings) -> ReleasePlan:
    """What is to be loaded of a release, and what of it the lake has already.

    Parameters
    ----------
    known
        What the lake has of the collection.
    scan
        Reads headers.
    """
    return _Planner(store, known, scan, findings).plan()


class _Planner:
    def __init__(self, store: Store, known: KnownRelease, scan: Scanner, findings: Findings) -> None:
        self._store = store
        self._known = known
        self._scan = scan
        self._findings = findings
        self._plan = ReleasePlan(store)
        self._files: dict[tuple[Path, str, str], Path | None] = {}
        self._unchanged: dict[Path, bool] = {}
        self._places: dict[Path, FileScan] = {}
        self._owners: dict[Key, str] = {}
        self._faulty: set[str] = set()

    def plan(self) -> ReleasePlan:
        indexed = [index for index in self._store.indices if index.hdus]
        if indexed:
            self._indexed(group_rows(indexed))
        else:
            self._loose()
        self._settle()
        for name in self._faulty & self._plan.sources.keys():
            self._plan.sources[name] = replace(self._plan.sources[name], is_faulty=True)
        for index in self._store.indices:
            for file in index.files:
                self._remember(Path(os.path.realpath(file)))
        return self._plan

    def _indexed(self, groups: Mapping[tuple[str, str], Group]) -> None:
        waiting: list[tuple[str, str, Group, list[tuple[HduRow, Path]]]] = []
        for key, group in groups.items():
            found = self._resolved(group)
            if not any(row.hdu_type == "events" for row, _ in found):
                if not any(row.hdu_type == "events" for _, row in group.rows):
                    self._findings.warn(
                        f"{self._store.name}: the index lists no events for observation {_shown(key)}; "
                        "it is left out."
                    )
                continue
            name = json.dumps(key)
            digest = _digest(
                [(*_cells(row), self._store.relative(path)) for row, path in found], self._row(group)
            )
            if not self._keep(name, digest, [path for _, path in found]):
                waiting.append((name, digest, group, found))
        files = [path for _, _, _, found in waiting for _, path in found]
        self._read(files)
        for name, digest, group, found in waiting:
            self._add_group(name, digest, group, found)

    def _resolved(self, group: Group) -> list[tuple[HduRow, Path]]:
        found = [(row, self._find(index, row)) for index, row in group.rows]
        return [(row, path) for row, path in found if path is not None]

    def _find(self, index: Index, row: HduRow) -> Path | None:
        written = (index.base, row.folder, row.file)
        if written not in self._files:
            try:
                self._files[written] = find_file(index, row, self._store.root)
            except FileRejected as error:
                self._files[written] = None
                self._findings.reject(index.place(row), f"{index.files[0].name} lists it. {error}")
        return self._files[written]

    def _row(self, group: Group) -> ObsRow:
        return group.index.observations.get(label_key(group.rows[0][1].label), {})

    def _keep(self, name: str, digest: str, files: Iterable[Path]) -> bool:
        """Keep a list of the lake, if nothing of it has changed."""
        known = self._known.by_group.get(name)
        if known is None or known.digest != digest or not all(self._is_unchanged(file) for file in files):
            return False
        self._retain(known)
        return True

    def _retain(self, known: KnownList) -> None:
        self._plan.kept.append(known)
        self._owners[known.key] = known.source
        for name in known.files:
            if name in self._known.sources:
                self._plan.sources[name] = self._known.sources[name]

    def _is_unchanged(self, path: Path) -> bool:
        if path not in self._unchanged:
            self._unchanged[path] = self._compare(path)
        return self._unchanged[path]

    def _compare(self, path: Path) -> bool:
        """By size and time; where the time alone differs, by checksum."""
        source = self._known.sources.get(self._store.relative(path))
        if source is None or source.version != VERSION:
            return False
        try:
            status = path.stat()
            if status.st_size != source.nbytes:
                return False
            return status.st_mtime_ns == source.mtime_ns or sha256_of(path) == source.sha256
        except OSError:
            return False

    def _read(self, files: Iterable[Path]) -> None:
        wanted = [file for file in dict.fromkeys(files) if file not in self._places]
        self._places.update(self._scan(wanted))
        for file in wanted:
            scanned = self._places[file]
            if scanned.fault:
                self._findings.reject(str(file), scanned.fault)
            else:
                self._remember_scan(scanned)
            if scanned.remainder:
                self._findings.warn(f"{self._store.name}: {self._store.relative(file)}: {scanned.remainder}.")

    def _remember_scan(self, scanned: FileScan) -> None:
        name = self._store.relative(scanned.path)
        self._plan.sources[name] = Source(name, scanned.nbytes, scanned.mtime_ns, scanned.sha256, VERSION)

    def _remember(self, path: Path) -> None:
        """Note a file that is read whenever the release is."""
        try:
            name = self._store.relative(path)
            status = path.stat()
            known = self._known.sources.get(name)
            if known is not None and (known.nbytes, known.mtime_ns) == (status.st_size, status.st_mtime_ns):
                self._plan.sources[name] = known
            else:
                checksum = sha256_of(path)
                self._plan.sources[name] = Source(name, status.st_size, status.st_mtime_ns, checksum, VERSION)
        except (OSError, ValueError):
            return

    def _add_group(self, name: str, digest: str, group: Group, found: Sequence[tuple[HduRow, Path]]) -> None:
        row, path = next((row, path) for row, path in found if row.hdu_type == "events")
        file = self._places[path]
        if file.fault:
            return
        hdu = _list_of(file, row)
        if hdu is None:
            there = ", ".join(repr(known.name) for known in file.hdus if known.name) or "none"
            self._reject(
                file, f'The index says that its extension "{row.hdu}" is an event list; it has {there}.'
            )
            return
        links = self._links(found, file, hdu)
        self._add(file, hdu, links, row.label, row.event_type, self._row(group), name, digest)

    def _links(self, found: Sequence[tuple[HduRow, Path]], file: FileScan, events: HduScan) -> list[Link]:
        links = [Link("events", "events", file, events)]
        for row, path in found:
            if row.hdu_type == "events":
                continue
            scanned = self._places[path]
            if scanned.fault:
                continue
            kind = row.hdu_type if row.hdu_type in ("gti", "pointing") else "response"
            near = _belonging(file, events) if scanned is file and len(file.event_lists) > 1 else []
            hdu = _named(near, row.hdu) or scanned.hdu(row.hdu, kind)
            if hdu is None:
                self._findings.warn(
                    f"{self._store.name}: the index lists an extension {row.hdu or row.hdu_type} in "
                    f"{self._store.relative(path)}, which has none; it is left out."
                )
                continue
            links.append(Link(row.hdu_type, row.hdu_class, scanned, hdu))
        for kind in ("gti", "pointing"):
            if not any(link.hdu_type == kind for link in links):
                links += [
                    Link(kind, kind, file, hdu) for hdu in _belonging(file, events) if hdu.kind == kind
                ][:1]
        return _once(links)

    def _loose(self) -> None:
        rows = {key: row for index in self._store.indices for key, row in index.observations.items()}
        by_source: dict[str, list[KnownList]] = {}
        for known in self._known.lists:
            by_source.setdefault(known.source, []).append(known)
        waiting: list[Path] = []
        for path in self._store.loose:
            name = self._store.relative(path)
            lists = by_source.get(name, [])
            rows_stand = all(
                known.digest == _digest([], rows.get(label_key(known.label), {})) for known in lists
            )
            if not self._is_unchanged(path) or not rows_stand or self._known.sources[name].is_faulty:
                waiting.append(path)
                continue
            self._plan.sources[name] = self._known.sources[name]
            for known in lists:
                self._retain(known)
        self._read(waiting)
        for path in waiting:
            self._add_file(self._places[path], rows)
        self._tell_idle([self._places[path] for path in waiting])

    def _tell_idle(self, files: Sequence[FileScan]) -> None:
        """Tell which files hold nothing to load."""
        idle = [
            self._store.relative(file.path)
            for file in files
            if not file.fault and all(hdu.kind == "other" for hdu in file.hdus)
        ]
        if idle and len(idle) < len(files):
            shown = ", ".join(idle[:3]) + (f" and {len(idle) - 3} more" if len(idle) > 3 else "")
            self._findings.warn(f"{self._store.name}: there is no event list in {shown}.")

    def _add_file(self, file: FileScan, rows: Mapping[str, ObsRow]) -> None:
        if file.fault:
            return
        lists = file.event_lists
        if not lists and any(hdu.kind == "response" for hdu in file.hdus):
            self._findings.warn(
                f"{self._store.name}: the responses in {self._store.relative(file.path)} belong to no event "
                "list, as no index says to which."
            )
        for hdu in lists:
            links = [Link("events", "events", file, hdu)]
            links += [Link(h.hdu_type, h.hdu_class, file, h) for h in _belonging(file, hdu) if h.hdu_type]
            label = "" if hdu.facts is None else hdu.facts.obs_label
            event_type = "" if hdu.facts is None else hdu.facts.event_type
            alike = [other for other in lists if other.facts is not None and other.facts.obs_label == label]
            if not event_type and len(alike) > 1 and len({other.name for other in alike}) == len(alike):
                event_type = hdu.name.lower()
            row = rows.get(label_key(label), {})
            name = json.dumps((self._store.relative(file.path), hdu.number))
            if not self._keep(name, _digest([], row), [file.path]):
                self._add(file, hdu, _once(links), label, event_type, row, name, _digest([], row))

    def _add(
        self,
        file: FileScan,
        hdu: HduScan,
        links: Sequence[Link],
        label: str,
        event_type: str,
        row: ObsRow,
        group: str,
        digest: str,
    ) -> None:
        if hdu.fault or hdu.facts is None:
            self._reject(file, hdu.fault)
            return
        written = hdu.facts.obs_label
        numbers = [number for text in (label, written) if (number := to_integer(text)) is not None]
        if len(numbers) == 2 and numbers[0] != numbers[1]:
            self._findings.warn(
                f"{self._store.name}: {self._store.relative(file.path)} says that it is observation "
                f"{written}, but the index says {label}; the index is believed."
            )
        place = self._store.relative(file.path)
        name = written or label
        text = label or written or (place if len(file.event_lists) == 1 else f"{place}#{hdu.number}")
        obs_id = numbers[0] if numbers else _number(text)
        key = (obs_id, event_type)
        owner = f"{place}#{hdu.number}"
        first = self._owners.get(key)
        if first is not None:
            if first != owner:
                what = f"observation {name or obs_id}" + (f", event type {event_type}" if event_type else "")
                self._reject(
                    file,
                    f"It is a second event list of {what}, which {first.partition('#')[0]} is already; "
                    "OBS_ID (with EVENT_TYPE) must be unique in a release.",
                )
            return
        self._owners[key] = owner
        self._plan.new.append(
            PlannedList(
                obs_id, event_type, name or Path(place).name, file, hdu, tuple(links), row, group, digest
            )
        )

    def _reject(self, file: FileScan, reason: str) -> None:
        """Tell that a list is not loaded, and that this is to be told again."""
        self._findings.reject(str(file.path), reason)
        self._faulty.add(self._store.relative(file.path))

    def _settle(self) -> None:
        """What becomes of the lists that the lake has and that were met no more."""
        here = {known.key for known in self._plan.kept} | {planned.key for planned in self._plan.new}
        broken = {self._store.relative(path) for path, scanned in self._places.items() if _is_broken(scanned)}
        for known in self._known.lists:
            if known.key in here:
                continue
            if known.source in broken:
                self._retain(known)
                self._findings.note(
                    f"{self._store.name}: {known.source} can no more be read; what was loaded of it before "
                    "stays."
                )
            else:
                self._plan.gone.append(known)
                self._findings.note(
                    f"{self._store.name}: observation {known.label} ({known.source}) is gone from the "
                    "release and from the lake."
                )


def _is_broken(scanned: FileScan) -> bool:
    return bool(scanned.fault) or any(hdu.fault for hdu in scanned.event_lists)


def _list_of(file: FileScan, row: HduRow) -> HduScan | None:
    """The event list that a row of an HDU index names; where several share a name, that of its OBS_ID."""
    alike = [hdu for hdu in file.event_lists if hdu.name.upper() == row.hdu.strip().upper()]
    if len(alike) > 1:
        mine = [
            hdu
            for hdu in alike
            if hdu.facts is not None and label_key(hdu.facts.obs_label) == label_key(row.label)
        ]
        return (mine or alike)[0]
    found = file.hdu(row.hdu, "events")
    return found if found is not None and found.kind == "events" else None


def _named(hdus: Sequence[HduScan], name: str) -> HduScan | None:
    return next((hdu for hdu in hdus if hdu.name.upper() == name.strip().upper()), None)


def _belonging(file: FileScan, events: HduScan) -> list[HduScan]:
    """The extensions that go with an event list of a file: those up to the next list, or else all."""
    others = [hdu for hdu in file.hdus if hdu.kind not in ("events", "other")]
    later = [hdu.number for hdu in file.event_lists if hdu.number > events.number]
    end = min(later, default=1 << 30)
    mine = [hdu for hdu in others if events.number < hdu.number < end]
    return mine or others


def _once(links: Sequence[Link]) -> list[Link]:
    """One extension of each type and class: the first."""
    kept: dict[tuple[str, str], Link] = {}
    for link in links:
        kept.setdefault((link.hdu_type, link.hdu_class), link)
    return list(kept.values())


def _cells(row: HduRow) -> tuple[str, ...]:
    return row.label, row.event_type, row.hdu_type, row.hdu_class, row.hdu


def _digest(rows: Sequence[tuple[str, ...]], observation: ObsRow) -> str:
    """A fingerprint of what indices say of an event list."""
    told = json.dumps([VERSION, sorted(rows), sorted(observation.items())], default=str)
    return hashlib.sha256(told.encode()).hexdigest()


def _number(text: str) -> int:
    """A number for an observation that has none: the same whenever its text is, below 2**52."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big") >> 12


def _shown(key: tuple[str, str]) -> str:
    label, event_type = key
    return f"{label} ({event_type})" if event_type else label
