"""Bundles: observations, or the events that a query selects, as a GADF data store in one file."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.archive import EventCut, Member, Shelf, ShelvedFile, TimeCut, selected_file, tar_stream, zip_stream
from app.archive.index import hdu_index, observation_index
from app.errors import FileNotThere, UsageError
from app.services.bundle_request import ZIP, BundleRequest
from app.services.query import Queries
from datalink import DataLinkFault, read_identifier

Places = NDArray[np.int64]
Key = tuple[str, int, str]
"""Collection, OBS_ID and event type."""

_MOST_DATASETS = 100_000
_MOST_EVENTS = 20_000_000
_MOST_ROWS = 5_000_000
_BATCH = 500
_HELD = 16 * 2**20
"""Bytes of a file with selected events that stay in memory; larger ones go to the disk meanwhile."""
_SUFFIX = re.compile(r"\.(gz|bz2)$", re.IGNORECASE)


@dataclass(slots=True)
class Bundle:
    """What a bundle holds."""

    observations: dict[Key, Mapping[str, Any]]
    """Rows of dl3.observations."""
    hdus: dict[Key, list[Mapping[str, Any]]]
    """Rows of dl3.hdus."""
    collections: dict[str, Mapping[str, Any]]
    """Rows of dl3.collections."""
    rows: dict[Key, Places] | None = None
    """Rows of each event list that were selected; None for all."""
    spans: dict[Key, tuple[float, float]] = field(default_factory=dict)
    """[s], mission time to which the intervals are cut."""


class Bundles:
    """Makes bundles.

    Parameters
    ----------
    queries
        Tells what there is.
    shelf
        Has the files.
    """

    def __init__(self, queries: Queries, shelf: Shelf) -> None:
        self.queries = queries
        self.shelf = shelf

    def stream(self, request: BundleRequest, *, timeout: float | None = None) -> Iterator[bytes]:
        """The bundle in pieces.

        Raises
        ------
        adql.AdqlError, app.errors.ServiceError
            Raised if there is no such bundle; before the first piece.
        """
        bundle = self.plan(request, timeout=timeout)
        members = self._members(request, bundle)
        now = int(time.time())
        if request.media_type == ZIP:
            date = time.gmtime(now)[:6]
            return zip_stream(members, date=date)
        return tar_stream(members, mtime=now)

    def plan(self, request: BundleRequest, *, timeout: float | None = None) -> Bundle:
        """What the bundle holds; nothing of a collection whose files are not served."""
        ask = partial(self._ask, timeout=timeout)
        if request.query is not None:
            keys, rows = self._selected(request.query, timeout)
        else:
            keys, rows = self._named(request, ask), None
        if not keys:
            raise UsageError("No dataset was selected: the bundle would be empty.")
        if len(keys) > _MOST_DATASETS:
            raise UsageError(f"A bundle has {_MOST_DATASETS:,} datasets at most, not {len(keys):,}.")
        for collection in sorted({key[0] for key in keys}):
            self.shelf.release(collection)
        if request.conditions:
            rows = self._rows_of(keys, request.conditions, timeout)
        bundle = Bundle({}, {}, {}, rows)
        for first in range(0, len(keys), _BATCH):
            where = _where(keys[first : first + _BATCH])
            for row in ask(f"SELECT * FROM dl3.observations WHERE {where}"):
                bundle.observations[_key(row)] = row
            for row in ask(f"SELECT * FROM dl3.hdus WHERE {where}"):
                bundle.hdus.setdefault(_key(row), []).append(row)
            if request.span is not None:
                self._find_spans(bundle, ask(f"SELECT * FROM dl3.gtis WHERE {where}"), request.span)
        names = ", ".join(_literal(name) for name in sorted({key[0] for key in bundle.observations}))
        if not names:
            raise FileNotThere("None of these datasets is there.")
        rows_ = ask(f"SELECT * FROM dl3.collections WHERE collection IN ({names})")
        bundle.collections = {row["collection"]: row for row in rows_}
        return bundle

    def _ask(self, text: str, *, timeout: float | None) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.queries.table(text, _MOST_ROWS, timeout=timeout).to_pylist()
        return rows

    def _named(self, request: BundleRequest, ask: Callable[[str], list[dict[str, Any]]]) -> list[Key]:
        names, numbers = [], []
        for id_ in request.ids:
            try:
                name = read_identifier(id_, self.queries.config.authority)
            except DataLinkFault as fault:
                raise UsageError(fault.text) from fault
            if name.dataset_id:
                names.append(name.dataset_id)
            else:
                numbers.append(name.obs_id)
        found: dict[Key, str] = {}
        for first in range(0, max(len(names), len(numbers)), _BATCH):
            some, others = names[first : first + _BATCH], numbers[first : first + _BATCH]
            parts = [f"dataset_id IN ({', '.join(map(_literal, some))})"] if some else []
            parts += [f"obs_id IN ({', '.join(map(str, others))})"] if others else []
            columns = "collection, obs_id, event_type, dataset_id"
            rows = ask(f"SELECT {columns} FROM dl3.observations WHERE {' OR '.join(parts)}")
            found.update({_key(row): row["dataset_id"] for row in rows})
        known = {*found.values(), *(str(key[1]) for key in found)}
        for wanted in (*names, *map(str, numbers)):
            if wanted not in known:
                raise FileNotThere(f'There is no dataset "{wanted[:200]}".')
        return sorted(found)

    def _selected(self, query: str, timeout: float | None) -> tuple[list[Key], dict[Key, Places] | None]:
        """Datasets that a query selects, and the rows of their events if it selects events."""
        with self.queries.engine.session(timeout=timeout or self.queries.config.sync_timeout) as session:
            result = self.queries.result(session, query, _MOST_EVENTS)
            names = [column.name.lower() for column in result.columns]
            keys: dict[Key, None] = {}
            rows: dict[Key, list[Places]] = {}
            for batch in result.batches:
                for key, places in self._parted(batch.rename_columns(names)):
                    keys[key] = None
                    if places is not None:
                        rows.setdefault(key, []).append(places)
            if result.overflowed:
                raise UsageError(
                    f"The query selects more than the {_MOST_EVENTS:,} rows that a bundle may have."
                )
        if not rows:
            return sorted(keys), None
        return sorted(rows), {key: np.unique(np.concatenate(found)) for key, found in rows.items()}

    def _parted(self, batch: pa.RecordBatch) -> Iterator[tuple[Key, Places | None]]:
        names = batch.schema.names
        if {"collection", "obs_id"} <= set(names):
            collections, numbers = batch["collection"], batch["obs_id"]
            types = batch["event_type"] if "event_type" in names else None
        else:
            named = next((name for name in names if name in ("obs_publisher_did", "dataset_id")), None)
            if named is None:
                raise UsageError(
                    "A query for a bundle selects collection and obs_id, or obs_publisher_did, or "
                    "dataset_id; with collection, obs_id and event_row of dl3.events it selects events."
                )
            for text in batch[named].to_pylist():
                if text is not None:
                    name = read_identifier(text, self.queries.config.authority)
                    yield (name.collection or "", name.obs_id, name.event_type), None
            return
        table = pa.table({"c": collections, "o": numbers.cast(pa.int64())})
        table = table.append_column("t", types if types is not None else pa.repeat("", batch.num_rows))
        if "event_row" in names:
            table = table.append_column("r", batch["event_row"].cast(pa.int64()))
            grouped = table.group_by(["c", "o", "t"]).aggregate([("r", "list")])
            for c, o, t, places in zip(*(grouped[name] for name in ("c", "o", "t", "r_list")), strict=True):
                yield (c.as_py(), o.as_py(), t.as_py() or ""), places.values.to_numpy(zero_copy_only=False)
            return
        for c, o, t in zip(*table.group_by(["c", "o", "t"]).aggregate([]).to_pydict().values(), strict=True):
            yield (c, o, t or ""), None

    def _rows_of(
        self, keys: Sequence[Key], conditions: Sequence[str], timeout: float | None
    ) -> dict[Key, Places]:
        """Rows of events that meet conditions, of each dataset."""
        found: dict[Key, Places] = {key: np.zeros(0, dtype=np.int64) for key in keys}
        for first in range(0, len(keys), _BATCH):
            where = _where(keys[first : first + _BATCH])
            query = (
                "SELECT collection, obs_id, event_type, event_row FROM dl3.events "
                f"WHERE ({where}) AND {' AND '.join(conditions)}"
            )
            found.update(self._selected(query, timeout)[1] or {})
        return found

    def _find_spans(
        self, bundle: Bundle, gtis: Sequence[Mapping[str, Any]], span: tuple[float, float]
    ) -> None:
        """The time in mission seconds of each dataset, counted from its first interval."""
        for row in gtis:
            start, mjd = row["gti_start"], row["gti_start_mjd"]
            if mjd is not None and start is not None and _key(row) not in bundle.spans:
                low, high = (start + (end - mjd) * 86_400.0 for end in span)
                bundle.spans[_key(row)] = (low, high)

    def _members(self, request: BundleRequest, bundle: Bundle) -> Iterator[Member]:
        history = (
            f"GammaHub {version('gammahub')} selected events of this list:",
            *(request.told or ((f"ADQL: {' '.join(request.query.split())}",) if request.query else ())),
        )
        cuts = self._cuts(bundle, history)
        yield from self._texts(request, bundle)
        for store, keys in _stores(bundle.observations).items():
            rows = [self._index_row(bundle, key) for key in keys]
            yield _text_member(_within(store, "obs-index.fits.gz"), observation_index(rows))
            lines = [line for key in keys for line in _hdu_lines(bundle, key, store, cuts)]
            yield _text_member(_within(store, "hdu-index.fits.gz"), hdu_index(lines))
        seen: set[tuple[str, str]] = set()
        for rows_ in bundle.hdus.values():
            for row in rows_:
                place = (row["collection"], row["file_name"])
                if place in seen:
                    continue
                seen.add(place)
                file = self.shelf.file(*place)
                yield _cut_member(file, *cuts[place]) if place in cuts else _file_member(file)

    def _index_row(self, bundle: Bundle, key: Key) -> Mapping[str, Any]:
        row = dict(bundle.observations[key])
        if bundle.rows is not None:
            row["event_count"] = int(bundle.rows[key].size) if key in bundle.rows else 0
        return row

    def _cuts(
        self, bundle: Bundle, history: tuple[str, ...]
    ) -> dict[tuple[str, str], tuple[list[EventCut], list[TimeCut]]]:
        """File -> what of it is selected; of all event lists in it."""
        cuts: dict[tuple[str, str], tuple[list[EventCut], list[TimeCut]]] = {}
        if bundle.rows is None:
            return cuts
        for key, rows in bundle.hdus.items():
            for row in rows:
                place = (row["collection"], row["file_name"])
                if row["hdu_type"] == "events":
                    chosen = bundle.rows.get(key, np.zeros(0, dtype=np.int64))
                    cuts.setdefault(place, ([], []))[0].append(EventCut(row["hdu_number"], chosen, history))
                elif row["hdu_type"] == "gti" and key in bundle.spans:
                    cut = TimeCut(row["hdu_number"], *bundle.spans[key], history)
                    cuts.setdefault(place, ([], []))[1].append(cut)
        return cuts

    def _texts(self, request: BundleRequest, bundle: Bundle) -> Iterator[Member]:
        yield _text_member("README.txt", _readme(request, bundle).encode())
        for name, row in sorted(bundle.collections.items()):
            yield _text_member(f"{name}/TERMS.txt", terms_text(row).encode())
            for document in self.shelf.documents(name):
                yield replace(_file_member(document), name=f"{name}/{document.name}")


def collection_terms(queries: Queries, collection: str) -> str:
    """Licence, citation and acknowledgement of a collection, for people.

    Raises
    ------
    FileNotThere
        Raised if there is no such collection.
    """
    rows = queries.table(
        f"SELECT * FROM dl3.collections WHERE collection = {_literal(collection)}", 1
    ).to_pylist()
    if not rows:
        raise FileNotThere(f'There is no collection "{collection[:100]}"; dl3.collections lists all.')
    return terms_text(rows[0])


def terms_text(row: Mapping[str, Any]) -> str:
    """Licence, citation and acknowledgement of a collection, for people.

    Parameters
    ----------
    row
        Its row of dl3.collections.
    """
    facts = {
        "Collection": row["collection"],
        "Title": row["title"],
        "Facility": row["facility"],
        "Licence": row["licence"],
        "Licence text": row["licence_url"],
        "Citation and acknowledgement": row["citation"],
        "Home page": row["reference_url"],
    }
    return "".join(f"{name}: {value or 'not stated'}\n" for name, value in facts.items())


def _readme(request: BundleRequest, bundle: Bundle) -> str:
    stores = _stores(bundle.observations)
    lines = [
        "A bundle of DL3 data (GADF, https://gamma-astro-data-formats.readthedocs.io), made by GammaHub "
        f"{version('gammahub')}.",
        f"{len(bundle.observations)} event lists of {', '.join(sorted(bundle.collections))}. The terms of "
        "each release are in its folder; they go with every copy.",
        "",
        "    from gammapy.data import DataStore",
        *(f'    store = DataStore.from_dir("{store or "."}")' for store in stores),
        "",
    ]
    if bundle.rows is not None:
        lines += ["Events were selected, as the HISTORY of each event list tells:", *request.told]
        lines += [request.query] if request.query else []
        lines += ["Exposures are those of the whole observations, but for the time that was selected.", ""]
    return "\n".join(lines)


def _stores(observations: Mapping[Key, Mapping[str, Any]]) -> dict[str, list[Key]]:
    """Folder of an index -> its event lists: one for all, if no two of them share an OBS_ID."""
    keys = sorted(observations)
    if len({key[1] for key in keys}) == len(keys):
        return {"": keys}
    stores: dict[str, list[Key]] = {}
    for key in keys:
        kind = re.sub(r"[^A-Za-z0-9._-]+", "-", key[2])
        stores.setdefault(f"store-{key[0]}{f'-{kind}' if kind else ''}", []).append(key)
    return stores


def _hdu_lines(
    bundle: Bundle, key: Key, store: str, cuts: Mapping[tuple[str, str], Any]
) -> Iterator[dict[str, Any]]:
    for row in bundle.hdus.get(key, ()):
        place = (row["collection"], row["file_name"])
        path = bundle_path(*place, is_cut=place in cuts)
        folder, _, name = os.path.relpath(path, store or ".").replace(os.sep, "/").rpartition("/")
        yield {
            "OBS_ID": key[1],
            "HDU_TYPE": row["hdu_type"],
            "HDU_CLASS": row["hdu_class"],
            "FILE_DIR": folder or ".",
            "FILE_NAME": name,
            "HDU_NAME": row["hdu_name"] or "",
            "SIZE": row["file_size"] or -1,
        }


def bundle_path(collection: str, name: str, *, is_cut: bool) -> str:
    """Where a file is in a bundle: as in its release; one that was cut is not compressed any more."""
    return f"{collection}/{_SUFFIX.sub('', name) if is_cut else name}"


def _file_member(file: ShelvedFile) -> Member:
    def pieces() -> Iterator[bytes]:
        with file.path.open("rb") as source:
            while piece := source.read(1 << 18):
                yield piece

    return Member(bundle_path(file.collection, file.name, is_cut=False), file.size, pieces)


def _cut_member(file: ShelvedFile, events: Sequence[EventCut], times: Sequence[TimeCut]) -> Member:
    held = tempfile.SpooledTemporaryFile(max_size=_HELD)  # noqa: SIM115 - closed when it was sent
    size = 0
    for piece in selected_file(file, events, times):
        held.write(piece)
        size += len(piece)

    def pieces() -> Iterable[bytes]:
        with held:
            held.seek(0)
            while piece := held.read(1 << 18):
                yield piece

    return Member(bundle_path(file.collection, file.name, is_cut=True), size, pieces)


def _text_member(name: str, content: bytes) -> Member:
    return Member(name, len(content), lambda: (content,))


def _within(store: str, name: str) -> str:
    return f"{store}/{name}" if store else name


def _key(row: Mapping[str, Any]) -> Key:
    return row["collection"], row["obs_id"], row["event_type"] or ""


def _where(keys: Sequence[Key]) -> str:
    """A condition that holds for some datasets."""
    groups: dict[tuple[str, str], list[int]] = {}
    for collection, obs_id, event_type in keys:
        groups.setdefault((collection, event_type), []).append(obs_id)
    return " OR ".join(
        f"(collection = {_literal(collection)} AND event_type = {_literal(event_type)} "
        f"AND obs_id IN ({', '.join(map(str, numbers))}))"
        for (collection, event_type), numbers in groups.items()
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
