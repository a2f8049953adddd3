"""The rows of HDU indices, brought together by event list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.ingest.gadf import HduRow, Index


@dataclass(slots=True, eq=False)
class Group:
    """The rows for one event list."""

    index: Index
    """The index that names it first."""
    rows: list[tuple[Index, HduRow]]
    """Each row with its index."""


def group_rows(indices: Sequence[Index]) -> dict[tuple[str, str], Group]:
    """Rows of HDU indices by event list; what is listed twice is taken once."""
    groups: dict[tuple[str, str], Group] = {}
    seen: set[tuple[tuple[str, str], str, str, str]] = set()
    for index in indices:
        for row in index.hdus:
            line = (row.key, row.hdu_type, index.place(row), row.hdu.upper())
            if line not in seen:
                seen.add(line)
                groups.setdefault(row.key, Group(index, [])).rows.append((index, row))
    return _with_shared(groups)


def _with_shared(groups: dict[tuple[str, str], Group]) -> dict[tuple[str, str], Group]:
    """Give what an observation lists without an event type to each of its event types."""
    by_label: dict[str, list[str]] = {}
    for label, event_type in groups:
        by_label.setdefault(label, []).append(event_type)
    for label, event_types in by_label.items():
        shared = groups.get((label, ""))
        if shared is None or len(event_types) == 1 or any(row.hdu_type == "events" for _, row in shared.rows):
            continue
        del groups[label, ""]
        for event_type in event_types:
            if event_type:
                groups[label, event_type].rows.extend(shared.rows)
    return groups
