"""The observations of the lake, with the files they came from: what products are made of."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from numpy.typing import NDArray

from app.lake import Snapshot
from datalink.products.errors import ProductError
from datalink.products.inputs import Hdu, ObservationFiles, Terms
from datalink.products.parameters import ProductParameters
from datalink.products.settings import Exclusion, Position

PUBLIC = "public"
EXCLUDED = 0.3
"""Radius about a known source from which no background is taken [deg]."""
_NAMED = 20
"""Names that a message tells."""


class LakeArchive:
    """Observations of one snapshot of the lake; see :class:`datalink.products.base.Archive`.

    Parameters
    ----------
    snapshot
        The state of the lake.
    restricted
        Whether collections are served whose licence forbids redistribution.
    """

    def __init__(self, snapshot: Snapshot, *, restricted: bool) -> None:
        self._snapshot = snapshot
        self._restricted = restricted

    def find_source(self, name: str) -> tuple[str, Position]:
        """The name and the position of a target of the observations; case and spaces do not matter.

        Raises
        ------
        datalink.products.errors.ProductError
            Raised if there is none of that name; the message tells names that are like it.
        """
        rows = self._read("targets", "target_name", "target_ra", "target_dec", "aliases").to_pylist()
        names: dict[str, dict[str, Any]] = {}
        for row in rows:
            for each in (row["target_name"], *(row["aliases"] or "").split("#")):
                if each and row["target_ra"] is not None:
                    names.setdefault(_plain(each), row)
        found = names.get(_plain(name))
        if found is not None:
            return found["target_name"], Position(found["target_ra"], found["target_dec"])
        likely = get_close_matches(_plain(name), names, n=3, cutoff=0.6)
        known = [names[each]["target_name"] for each in likely] or sorted(
            {row["target_name"] for row in names.values()}
        )[:_NAMED]
        raise ProductError(
            f'no observation has a target named "{name}"; '
            + (
                f"there are {', '.join(dict.fromkeys(known))}"
                if known
                else "no target has a name and a position"
            )
            + ". Or give the position"
        )

    def observations(self, parameters: ProductParameters) -> Sequence[ObservationFiles]:
        """See :class:`datalink.products.base.Archive`."""
        rows = self._read(
            "observations",
            *(
                "collection",
                "obs_id",
                "event_type",
                "target_name",
                "telescope",
                "ra_pnt",
                "dec_pnt",
                "start_mjd",
                "stop_mjd",
            ),
        )
        self._check_collections(parameters.collections)
        near = _within(rows, parameters)
        if not near.num_rows:
            raise ProductError(self._none(rows, parameters))
        hdus = self._hdus(near)
        return [
            ObservationFiles(
                row["collection"],
                row["obs_id"],
                row["event_type"] or "",
                hdus.get((row["collection"], row["obs_id"], row["event_type"] or ""), ()),
                row["target_name"] or "",
                row["telescope"] or "",
                row["start_mjd"] or 0.0,
                row["stop_mjd"] or 0.0,
            )
            for row in near.sort_by([("start_mjd", "ascending")]).to_pylist()
        ]

    def sources(self, position: Position, radius: float) -> Sequence[Exclusion]:
        """See :class:`datalink.products.base.Archive`."""
        rows = self._read("targets", "target_ra", "target_dec")
        rows = rows.filter(pc.and_(rows["target_ra"].is_valid(), rows["target_dec"].is_valid()))
        distance = _distances(rows["target_ra"], rows["target_dec"], position)
        chosen = rows.filter(pa.array(distance < radius)).to_pylist()
        return [Exclusion(Position(row["target_ra"], row["target_dec"]), EXCLUDED) for row in chosen]

    def terms(self, collections: Sequence[str]) -> Sequence[Terms]:
        """See :class:`datalink.products.base.Archive`."""
        rows = self._read("collections", "collection", "title", "licence", "citation").to_pylist()
        by_name = {row["collection"]: {name: value or "" for name, value in row.items()} for row in rows}
        return [Terms(**by_name[name]) for name in collections if name in by_name]

    @property
    def _served(self) -> frozenset[str]:
        return frozenset(
            name for name, right in self._snapshot.rights.items() if self._restricted or right == PUBLIC
        )

    def _check_collections(self, asked: Sequence[str]) -> None:
        for name in asked:
            if name not in self._snapshot.releases:
                known = ", ".join(sorted(self._served))
                raise ProductError(f'there is no collection "{name}"; there are {known}')
            if name not in self._served:
                raise ProductError(f'the licence of "{name}" does not let its events be used here')

    def _none(self, rows: pa.Table, parameters: ProductParameters) -> str:
        served = rows.filter(pc.is_in(rows["collection"], pa.array(sorted(self._served), pa.string())))
        distance = _distances(served["ra_pnt"], served["dec_pnt"], parameters.position)
        nearest = np.nanmin(distance) if np.isfinite(distance).any() else None
        told = (
            "" if nearest is None else f"; the nearest of all {served.num_rows} points {nearest:.2f} deg away"
        )
        return (
            f"no observation points within {parameters.max_offset:g} deg of {parameters.title} and is of the "
            f"collections, numbers and times asked for{told}"
        )

    def _hdus(self, observations: pa.Table) -> dict[tuple[str, int, str], tuple[Hdu, ...]]:
        collections = sorted(set(observations["collection"].to_pylist()))
        rows = self._read(
            "hdus",
            *(
                "collection",
                "obs_id",
                "event_type",
                "hdu_type",
                "hdu_class",
                "file_name",
                "hdu_name",
                "file_sha256",
            ),
            where=ds.field("collection").isin(collections)
            & ds.field("obs_id").isin(observations["obs_id"].unique().to_pylist()),
        )
        found: dict[tuple[str, int, str], tuple[Hdu, ...]] = {}
        for row in rows.to_pylist():
            key = (row["collection"], row["obs_id"], row["event_type"] or "")
            root = self._snapshot.releases[row["collection"]].root
            path = _inside(root, row["file_name"])
            if path is not None:
                hdu = Hdu(
                    row["hdu_type"], row["hdu_class"], path, row["hdu_name"] or "", row["file_sha256"] or ""
                )
                found[key] = (*found.get(key, ()), hdu)
        return found

    def _read(self, table: str, *columns: str, where: ds.Expression | None = None) -> pa.Table:
        paths = [str(path) for path in self._snapshot.tables.get(table, ())]
        if not paths:
            return pa.table({name: pa.nulls(0) for name in columns})
        rows = ds.dataset(paths, format="parquet").to_table(columns=list(columns), filter=where)
        if table == "observations":
            served = pc.is_in(rows["collection"], pa.array(sorted(self._served), pa.string()))
            rows = rows.filter(served)
        return rows


def _within(rows: pa.Table, parameters: ProductParameters) -> pa.Table:
    """Those that the parameters choose."""
    chosen = _distances(rows["ra_pnt"], rows["dec_pnt"], parameters.position) <= parameters.max_offset
    if parameters.collections:
        chosen &= _in(rows["collection"], parameters.collections)
    if parameters.obs_ids:
        chosen &= _in(rows["obs_id"], parameters.obs_ids)
    if parameters.time_min is not None:
        chosen &= _numbers(rows["stop_mjd"]) > parameters.time_min
    if parameters.time_max is not None:
        chosen &= _numbers(rows["start_mjd"]) < parameters.time_max
    return rows.filter(pa.array(chosen))


def _in(column: pa.ChunkedArray, values: Sequence[Any]) -> NDArray[np.bool_]:
    found = pc.is_in(column, pa.array(values, column.type)).to_numpy()
    return np.asarray(found, dtype=bool)


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=float)


def _distances(ra: pa.ChunkedArray, dec: pa.ChunkedArray, position: Position) -> NDArray[np.float64]:
    """Angular distances [deg], NaN where a position is not known (haversine formula)."""
    lon, lat = np.radians(_numbers(ra)), np.radians(_numbers(dec))
    here_lon, here_lat = np.radians(position.ra), np.radians(position.dec)
    half = (
        np.sin((lat - here_lat) / 2) ** 2 + np.cos(lat) * np.cos(here_lat) * np.sin((lon - here_lon) / 2) ** 2
    )
    return np.asarray(np.degrees(2 * np.arcsin(np.sqrt(np.clip(half, 0, 1)))), dtype=float)


def _plain(name: str) -> str:
    """A name without case, spaces, hyphens and underscores."""
    return re.sub(r"[\s_\-]+", "", unicodedata.normalize("NFKC", name).casefold())


def _inside(root: Path, file_name: str) -> Path | None:
    """The file of a release; None if the name leads out of its folder."""
    base = root if root.is_dir() else root.parent
    path = (base / file_name).resolve()
    return path if path.is_relative_to(base.resolve()) else None
