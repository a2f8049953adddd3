"""A small lake with rows that a test can know: made by hand, through the lake's own publishing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import astropy.units as u
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import lonlat_to_healpix

from adql import Column, ColumnType
from app.lake import ROWS, FileRecord, Layout, RowGroup, Snapshot, TableFile, publish
from app.lake.snapshot import Release
from app.results import arrow_schema
from vosi import load_catalogue

MUONEFF = Column("hillas_width", ColumnType("float"), description="Width of the image", unit="deg")


@dataclass(frozen=True)
class SmallRelease:
    """A collection of the small lake: events on a disc around a place."""

    collection: str
    ra: float = 83.63
    dec: float = 22.01
    radius: float = 2.0
    n_events: int = 1000
    n_observations: int = 2
    rights: str = "public"
    title: str = "A release made for tests"
    licence: str = "CC-BY-4.0"
    licence_url: str | None = None
    citation: str | None = None
    reference_url: str | None = None
    group_rows: int = 1_000_000
    """Rows of a row group of Parquet."""


def make_lake(
    home: Path,
    releases: Sequence[SmallRelease],
    *,
    event_columns: tuple[Column, ...] = (MUONEFF,),
    seed: int = 1,
) -> Snapshot:
    """Publish a snapshot with these releases in ``home/lake``, in the place of the one before."""
    lake = home / "lake"
    catalogue = load_catalogue(event_columns)
    random = np.random.default_rng(seed)
    unique = f"{random.integers(2**60):x}"
    records, files = (
        [],
        {"collections": [], "observations": [], "gtis": [], "hdus": [], "products": [], "targets": []},
    )
    for release in releases:
        events = _events(release, random)
        path = Layout(lake).tile(release.collection, 0, 0) / unique / ROWS
        columns = catalogue.table("dl3.events").columns
        records.append(_write_events(lake, path, events, columns, release.group_rows))
        for name, rows in {
            "collections": _collection(release),
            "observations": _observations(release),
            "products": _products(release),
        }.items():
            table = _full(rows, catalogue.table(f"dl3.{name}").columns)
            path = Layout(lake).table(name, release.collection) / unique / ROWS
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table, path)
            files[name].append(
                TableFile(path.relative_to(lake).as_posix(), table.num_rows, release.collection)
            )
    snapshot = Snapshot.make(
        lake,
        event_columns=event_columns,
        table_files={name: tuple(found) for name, found in files.items()},
        releases={
            release.collection: Release(release.collection, lake, release.rights, release.n_events)
            for release in releases
        },
        records=tuple(records),
    )
    staging = lake / "staging" / unique
    staging.mkdir(parents=True, exist_ok=True)
    publish(snapshot, staging, {})
    return snapshot


def _events(release: SmallRelease, random: np.random.Generator) -> Mapping[str, np.ndarray]:
    n = release.n_events
    angle, distance = random.uniform(0, 2 * np.pi, n), release.radius * np.sqrt(random.uniform(0, 1, n))
    dec = np.clip(release.dec + distance * np.sin(angle), -90, 90)
    ra = (release.ra + distance * np.cos(angle) / np.cos(np.radians(dec))) % 360
    healpix = lonlat_to_healpix(Longitude(ra, u.deg), Latitude(dec, u.deg), depth=12).astype(np.int32)
    order = np.argsort(healpix)
    row = np.arange(n)
    mjd = 55000 + row / max(n, 1)
    return {
        "collection": np.full(n, release.collection),
        "obs_id": (row % release.n_observations) + 1,
        "event_id": row * 10,
        "event_time": (mjd - 51544.5) * 86400,
        "event_mjd": mjd,
        "ra": ra[order],
        "dec": dec[order],
        "energy": 10 ** random.uniform(-1, 2, n),
        "event_type": np.full(n, ""),
        "event_row": row,
        "healpix": healpix[order],
        "hillas_width": random.uniform(0, 1, n).astype(np.float32),
    }


def _write_events(
    lake: Path, path: Path, events: Mapping[str, np.ndarray], columns: Sequence[Column], group_rows: int
) -> FileRecord:
    table = pa.table({name: pa.array(values) for name, values in events.items()}).select(
        [column.name for column in columns]
    )
    table = table.cast(arrow_schema(columns))
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, compression="zstd", row_group_size=group_rows)
    obs_ids = sorted(set(events["obs_id"].tolist()))
    healpix = events["healpix"]
    return FileRecord(
        path=path.relative_to(lake).as_posix(),
        collection=str(events["collection"][0]),
        norder=0,
        npix=0,
        nrows=len(healpix),
        nbytes=path.stat().st_size,
        ranges={
            name: (float(events[name].min()), float(events[name].max()))
            for name in ("healpix", "ra", "dec", "energy", "event_time", "event_mjd")
        },
        obs_id=tuple(obs_ids),
        obs_mjd=tuple(
            (
                float(events["event_mjd"][events["obs_id"] == obs_id].min()),
                float(events["event_mjd"][events["obs_id"] == obs_id].max()),
            )
            for obs_id in obs_ids
        ),
        groups=tuple(
            RowGroup(len(part), int(part.min()), int(part.max()))
            for part in (healpix[i : i + group_rows] for i in range(0, len(healpix), group_rows))
        ),
    )


def _collection(release: SmallRelease) -> list[dict[str, object]]:
    return [
        {
            "collection": release.collection,
            "title": release.title,
            "facility": "TEST",
            "simulated": 1,
            "licence": release.licence,
            "licence_url": release.licence_url,
            "citation": release.citation,
            "reference_url": release.reference_url,
            "rights": release.rights,
            "n_observations": release.n_observations,
            "n_events": release.n_events,
        }
    ]


def _observations(release: SmallRelease) -> list[dict[str, object]]:
    return [
        {
            "collection": release.collection,
            "obs_id": number + 1,
            "event_type": "",
            "object": "Crab",
            "ra_pnt": release.ra,
            "dec_pnt": release.dec,
            "livetime": 1680.0,
            "start_mjd": 55000.0 + number,
            "stop_mjd": 55000.02 + number,
            "min_energy": 0.1,
            "max_energy": 100.0,
            "energy_lo_safe": 0.2,
            "event_count": release.n_events // release.n_observations,
            "fov_radius": release.radius,
            "fov_ra": release.ra,
            "fov_dec": release.dec,
            "footprint": f"CIRCLE ICRS {release.ra:g} {release.dec:g} {release.radius:g}",
            "time_coverage": f"27/{12_076_000 + number}",
            "dataset_id": f"{release.collection}/{number + 1}",
            "obs_title": f"TEST observation {number + 1} of Crab",
            "facility_name": "TEST",
            "instrument_name": "camera",
        }
        for number in range(release.n_observations)
    ]


def _products(release: SmallRelease) -> list[dict[str, object]]:
    made = {
        "event-list": ("event", "dl3", f"files/{release.collection}/run-%d.fits", 28800),
        "event-bundle": ("bundle", "dl3/event-bundle", f"bundles/{release.collection}/%d.tar", None),
        "psf": ("response", "dl3/psf", f"files/{release.collection}/run-%d.fits", 28800),
        "counts": ("image", "dl3/counts", f"images/{release.collection}/%d/counts.fits", None),
    }
    return [
        {
            "collection": release.collection,
            "obs_id": number,
            "event_type": "",
            "product": product,
            "product_class": kind,
            "product_did": f"{did}?{release.collection}/{number}",
            "product_path": path % number,
            "product_format": "application/x-fits-gadf" if kind != "image" else "image/fits",
            "product_size": size,
        }
        for number in range(1, release.n_observations + 1)
        for product, (kind, did, path, size) in made.items()
    ]


def _full(rows: list[dict[str, object]], columns: Sequence[Column]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=arrow_schema(columns))
