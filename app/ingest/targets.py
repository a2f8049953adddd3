"""The objects that were observed: one name and one place for each, whatever releases call it.

Observations belong together by place: OBJECT is spelled as each release likes (H.E.S.S. writes MSH 15-52 in
three ways, MAGIC writes CrabNebula), while RA_OBJ and DEC_OBJ agree. Where a release has a name and no place
(FACT), the name decides, if the pointing is near. A name that no release gives a place to is placed in the
middle of its pointings, if those lie together, as the positions of a wobble do.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.ingest.frames import separation

NEAR = 0.2
"""Observations within this [deg] share a target."""
_WOBBLE = 2.0
"""Pointings of a name that lie within this [deg] of their middle place it there."""
_IN_VIEW = 5.0
"""A name counts for a target if the pointing is within this [deg] of it."""

_NO_NAME = re.compile(
    r"(off[-_ ]?(data|run|runs|source|observations?|region)?|none|unknown|undefined|undef|n/?a|nan|null"
    r"|custom|test|no[-_ ]?(object|target|name)|object|target|field|dark|background|blank|sky|(.*\b)?survey"
    r")?[-_ .\d]*",
    re.IGNORECASE,
)
"""What files write where there is no object."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """An observation, as far as its target goes."""

    collection: str
    object: str
    alias: str
    """Another name, of the observation index; more careful than ``object`` where there is one."""
    ra_obj: float | None
    dec_obj: float | None
    ra_pnt: float | None
    dec_pnt: float | None
    livetime: float | None


@dataclass(slots=True)
class _Target:
    ra: float
    dec: float
    names: Counter[str] = field(default_factory=Counter)
    careful: Counter[str] = field(default_factory=Counter)
    by_collection: dict[str, set[str]] = field(default_factory=dict)
    members: list[int] = field(default_factory=list)

    def add(self, place: int, sighting: Sighting) -> None:
        self.members.append(place)
        for name, counter in ((sighting.object, self.names), (sighting.alias, self.careful)):
            if is_name(name):
                counter[name] += 1
                self.by_collection.setdefault(name, set()).add(sighting.collection)

    def call_by_place(self, sightings: Sequence[Sighting]) -> None:
        """Give a nameless object the name of its place, unless all that is known is that it is none."""
        silent = [sightings[place] for place in self.members]
        if not self.names and not self.careful and any(not s.object and not s.alias for s in silent):
            self.names[_place_name(self.ra, self.dec)] += 1
            self.by_collection[_place_name(self.ra, self.dec)] = {silent[0].collection}

    @property
    def spellings(self) -> list[str]:
        """All names, the best one first."""
        every = dict.fromkeys((*self.careful, *self.names))

        def rank(name: str) -> tuple[Any, ...]:
            alike = sum(1 for other in every if _folded(other) == _folded(name))
            widely = len(
                {c for other in every if _folded(other) == _folded(name) for c in self.by_collection[other]}
            )
            # "PKS 2155-304 (flare)" says more than the name of the object.
            plainly = "(" in name or name == name.lower()
            return (-widely, -alike, plainly, -self.careful[name], -self.names[name], len(name), name)

        return sorted(every, key=rank)


def is_name(text: str) -> bool:
    """True for a text that names an object: not empty, not a word for none."""
    return bool(text.strip()) and _NO_NAME.fullmatch(text.strip()) is None


def find_targets(sightings: Sequence[Sighting]) -> tuple[list[dict[str, Any]], list[str | None]]:
    """Rows of ``dl3.targets``, and for each observation the name of its target.

    An observation has none if nothing tells what it was of: no name, or one like "off", without a place.
    """
    targets = _by_place(sightings)
    _by_name(sightings, targets)
    for target in targets:
        target.call_by_place(sightings)
    named = _names([target for target in targets if target.spellings])
    of_each: list[str | None] = [None] * len(sightings)
    rows: list[dict[str, Any]] = []
    for name, target in named:
        members = [sightings[place] for place in target.members]
        for place in target.members:
            of_each[place] = name
        rows.append(
            {
                "target_name": name,
                "target_ra": target.ra,
                "target_dec": target.dec,
                "aliases": "; ".join(other for other in target.spellings if other != name) or None,
                "target_observations": len(members),
                "n_collections": len({member.collection for member in members}),
                "target_livetime": sum(member.livetime or 0.0 for member in members),
            }
        )
    return sorted(rows, key=lambda row: str(row["target_name"])), of_each


def _by_place(sightings: Sequence[Sighting]) -> list[_Target]:
    """Targets where releases say that an object is; the place that most observations have stands."""
    at: dict[tuple[float, float], list[int]] = {}
    for place, sighting in enumerate(sightings):
        if sighting.ra_obj is not None and sighting.dec_obj is not None:
            at.setdefault((round(sighting.ra_obj, 6), round(sighting.dec_obj, 6)), []).append(place)
    targets: list[_Target] = []
    centres: NDArray[np.float64] = np.zeros((0, 2))
    for (ra, dec), places in sorted(at.items(), key=lambda item: (-len(item[1]), item[0])):
        away = separation(centres[:, 0], centres[:, 1], ra, dec)
        if away.size and away.min() <= NEAR:
            target = targets[int(away.argmin())]
        else:
            target = _Target(ra % 360.0, dec)
            targets.append(target)
            centres = np.vstack([centres, [ra, dec]])
        for place in places:
            target.add(place, sightings[place])
    return targets


def _by_name(sightings: Sequence[Sighting], targets: list[_Target]) -> None:
    """Observations that have a name and no place."""
    known: dict[str, list[_Target]] = {}
    for target in targets:
        for name in dict.fromkeys(_folded(name) for name in target.spellings):
            known.setdefault(name, []).append(target)
    left: dict[str, list[int]] = {}
    for place, sighting in enumerate(sightings):
        if sighting.ra_obj is not None and sighting.dec_obj is not None:
            continue
        names = [name for name in (sighting.alias, sighting.object) if is_name(name)]
        alike = [t for name in names for t in known.get(_folded(name), ()) if _in_view(sighting, t)]
        if alike:
            alike[0].add(place, sighting)
        elif names:
            left.setdefault(_folded(names[0]), []).append(place)
    for places in left.values():
        middle = _middle([sightings[place] for place in places])
        if middle is None:
            continue
        target = _Target(*middle)
        targets.append(target)
        for place in places:
            target.add(place, sightings[place])


def _in_view(sighting: Sighting, target: _Target) -> bool:
    if sighting.ra_pnt is None or sighting.dec_pnt is None:
        return True
    away = separation(np.array([sighting.ra_pnt]), np.array([sighting.dec_pnt]), target.ra, target.dec)
    return bool(away[0] <= _IN_VIEW)


def _middle(sightings: Sequence[Sighting]) -> tuple[float, float] | None:
    """The middle of pointings that lie together; each direction counts once."""
    pointed = {
        (round(s.ra_pnt, 4), round(s.dec_pnt, 4))
        for s in sightings
        if s.ra_pnt is not None and s.dec_pnt is not None
    }
    if not pointed:
        return None
    ra, dec = np.radians(np.array(sorted(pointed))).T
    x, y, z = (np.cos(dec) * np.cos(ra)).mean(), (np.cos(dec) * np.sin(ra)).mean(), np.sin(dec).mean()
    if math.sqrt(x * x + y * y + z * z) < 0.5:
        return None
    middle = math.degrees(math.atan2(y, x)) % 360.0, math.degrees(math.atan2(z, math.hypot(x, y)))
    away = separation(np.degrees(ra), np.degrees(dec), *middle)
    return middle if away.max() <= _WOBBLE else None


def _names(targets: Iterable[_Target]) -> list[tuple[str, _Target]]:
    """A name for each target, no two alike: a namesake gets its place behind."""
    taken: dict[str, None] = {}
    named: list[tuple[str, _Target]] = []
    for target in sorted(targets, key=lambda target: (-len(target.members), target.ra, target.dec)):
        best = target.spellings[0]
        name = next((name for name in target.spellings if name.lower() not in taken), None)
        if name is None:
            name = f"{best} ({target.ra:.2f}{target.dec:+.2f})"
        taken[name.lower()] = None
        named.append((name, target))
    return named


def _place_name(ra: float, dec: float) -> str:
    """J0534+2200, cut and not rounded, as the IAU names sources by their places."""
    hours, degrees = ra / 15.0, abs(dec)
    minutes = int(hours % 1 * 60), int(degrees % 1 * 60)
    return f"J{int(hours):02d}{minutes[0]:02d}{'-' if dec < 0 else '+'}{int(degrees):02d}{minutes[1]:02d}"


def _folded(name: str) -> str:
    """A name as far as spelling does not matter: CrabNebula, Crab nebula."""
    plain = re.sub(r"\(.*?\)|[^a-z0-9+.-]", "", name.lower())
    return plain.removesuffix("nebula") or plain
