"""A release on its way into the lake."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from app.ingest.discovery import Store
from app.ingest.eventlist import Assignment
from app.ingest.notes import KnownList, KnownRelease
from app.ingest.plan import PlannedList, ReleasePlan
from app.ingest.rows import LoadedList
from app.ingest.tiles import kept_rows


@dataclass(slots=True, eq=False)
class Arrival:
    """What is planned and done with a release, step by step."""

    store: Store
    plan: ReleasePlan
    known: KnownRelease
    """What the lake had of it."""
    options: dict[str, str]
    """What the operator says of it."""
    columns: dict[str, str] = field(default_factory=dict)
    """Instrument column as its files have it -> name in ``dl3.events``."""
    assignments: dict[tuple[int, str], tuple[Assignment, ...]] = field(default_factory=dict)
    """Where the instrument columns of each new list go."""
    runs: list[Path] = field(default_factory=list)
    """Its new events."""
    loaded: list[LoadedList] = field(default_factory=list)
    """Its new lists."""

    @property
    def name(self) -> str:
        """The name of the collection."""
        return self.store.name

    @property
    def is_changed(self) -> bool:
        """True if rows of events come or go."""
        return bool(self.loaded or self.plan.gone)

    @property
    def has_lists(self) -> bool:
        """True if there is something to describe."""
        return bool(self.loaded or self.plan.kept)

    def settle(self) -> None:
        """Take the lists that could not be read for what they are: not new, and old ones stay."""
        good = {id(loaded.planned) for loaded in self.loaded}
        failed = [planned for planned in self.plan.new if id(planned) not in good]
        self.plan.new = [planned for planned in self.plan.new if id(planned) in good]
        before = {known.key: known for known in self.known.lists}
        for planned in failed:
            source = self.store.relative(planned.file.path)
            if source in self.plan.sources:
                self.plan.sources[source] = replace(self.plan.sources[source], is_faulty=True)
            if planned.key in before:
                self.plan.kept.append(before[planned.key])

    def lists(self) -> list[KnownList]:
        """Every list that the lake has of it from now on."""
        return [*self.plan.kept, *(self._known(planned) for planned in self.plan.new)]

    def _known(self, planned: PlannedList) -> KnownList:
        return KnownList(
            obs_id=planned.obs_id,
            event_type=planned.event_type,
            label=planned.label,
            source=self.store.relative(planned.file.path),
            files=tuple(sorted({self.store.relative(link.file.path) for link in planned.links})),
            group=planned.group,
            digest=planned.digest,
            alias=alias_of(planned),
            simulated=planned.hdu.facts is not None and planned.hdu.facts.simulated,
        )

    def merged(self, old: pa.Table | None, new: pa.Table) -> pa.Table:
        """Rows of a table: old ones of the lists that stay, and new ones, in the order of the lists."""
        rows = new if old is None else pa.concat_tables([kept_rows(old, self.plan.dropped), new])
        order = [name for name in ("obs_id", "event_type", "gti_row") if name in rows.column_names]
        return rows.sort_by([(name, "ascending") for name in order])


def alias_of(planned: PlannedList) -> str:
    """Another name of a list's target, by the observation index."""
    value = planned.row.get("TARGET_NAME")
    return value if isinstance(value, str) else ""
