"""Images and pictures of observations: made when they are first asked for, and kept."""

from __future__ import annotations

import hashlib
import io
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures import TimeoutError as WorkTimeout
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from app.archive import Shelf
from app.archive.index import hdu_index, observation_index
from app.config import Config
from app.errors import FileNotThere, FileUnreadable, QueryTimeout
from app.lake.durable import write_whole
from app.services.query import Queries
from datalink.fieldmaps import FieldJob, make_maps
from datalink.grids import Grid
from datalink.pictures import Picture, draw

Reals = NDArray[np.float64]

KINDS: Mapping[str, tuple[str, str]] = {
    "counts": ("ct", "Counts"),
    "exposure": ("m2 s", "Exposure, averaged over energy by a power law of index 2.7"),
    "background": ("ct", "Expected background"),
    "excess": ("ct", "Counts less the expected background"),
    "significance": ("", "Significance of the excess within 0.1 deg (Cash statistic)"),
    "flux": ("cm-2 s-1", "Flux within 0.1 deg: excess divided by exposure, energy dispersion left out"),
}
"""Kind of image -> unit, and what it is."""

_GAMMAPY = tuple(kind for kind in KINDS if kind != "counts")
_VERSION = 1
"""To be raised where the same observation would give other images."""
_BINS = 40
_EVENTS_QUERY = """
    SELECT ra, dec, energy FROM dl3.events
    WHERE collection = {collection} AND obs_id = {obs_id} AND event_type = {event_type} AND ra IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Field:
    """An observation as images need to know it."""

    row: Mapping[str, Any]
    """Its row of dl3.observations, with target_ra and target_dec of dl3.targets."""
    hdus: tuple[Mapping[str, Any], ...]
    """Its rows of dl3.hdus."""

    @property
    def grid(self) -> Grid:
        """The pixels of its images."""
        return Grid.of_field(self.row["fov_ra"], self.row["fov_dec"], self.row["fov_radius"] or 0.0)

    @property
    def energies(self) -> tuple[float, float]:
        """Safe range of energies [TeV]; without one, that of the events."""
        low = self.row["energy_lo_safe"] or self.row["min_energy"] or 0.1
        high = self.row["energy_hi_safe"] or self.row["max_energy"] or 100.0
        return (low, high) if high > low else (low, low * 1.001)

    @property
    def key(self) -> str:
        """Changes where its images would."""
        facts = [_VERSION, version("gammapy"), sorted(self.row.items(), key=str)]
        facts += [sorted(hdu.items(), key=str) for hdu in self.hdus]
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:24]


class Images:
    """Makes images and pictures, and keeps them.

    Parameters
    ----------
    queries
        Tells of observations and events.
    shelf
        Has the files.
    config
        Where to keep what was made, and how much of it.
    """

    def __init__(self, queries: Queries, shelf: Shelf, config: Config) -> None:
        self._queries, self._shelf, self._config = queries, shelf, config
        self._folder = config.home / "images"
        self._lock = threading.Lock()
        self._making: dict[str, threading.Lock] = {}
        self._workers: ProcessPoolExecutor | None = None

    def close(self) -> None:
        """End the process that works."""
        with self._lock:
            workers, self._workers = self._workers, None
        if workers is not None:
            processes = list((workers._processes or {}).values())
            workers.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                process.terminate()

    def image(self, dataset_id: str, kind: str) -> Path:
        """A FITS file with an image of an observation.

        Parameters
        ----------
        dataset_id
            As dl3.observations has it.
        kind
            One of :data:`KINDS`.

        Raises
        ------
        FileNotThere
            Raised if there is no such observation, or no such image of it.
        app.errors.ServiceError
            Raised if it cannot be made, or may not be served.
        """
        field = self._field(dataset_id)
        if kind not in self._kinds(field):
            raise FileNotThere(f'There is no image "{kind[:40]}" of {dataset_id[:200]}.')
        path = self._path(field, f"{kind}.fits")
        with self._one_at_a_time(path.name):
            if not path.exists():
                self._make_counts(field) if kind == "counts" else self._make_maps(field)
        path.touch()
        return path

    def picture(self, dataset_id: str) -> Path:
        """A PNG with the counts and energies of an observation.

        Raises
        ------
        FileNotThere
            Raised if there is no such observation.
        """
        field = self._field(dataset_id)
        path = self._path(field, "preview.png")
        with self._one_at_a_time(path.name):
            if not path.exists():
                self._put(path, draw(self._picture(field)))
        path.touch()
        return path

    def _kinds(self, field: Field) -> frozenset[str]:
        row = field.row
        query = (
            f"SELECT product FROM dl3.products WHERE collection = {_literal(row['collection'])} AND "
            f"obs_id = {row['obs_id']} AND event_type = {_literal(row['event_type'])} "
            "AND product_class = 'image'"
        )
        return frozenset(self._queries.table(query, 100)["product"].to_pylist())

    def _field(self, dataset_id: str) -> Field:
        rows = self._queries.table(
            "SELECT o.*, t.target_ra, t.target_dec FROM dl3.observations AS o "
            "LEFT OUTER JOIN dl3.targets AS t "
            f"ON o.target_name = t.target_name WHERE o.dataset_id = {_literal(dataset_id)}",
            1,
        ).to_pylist()
        if not rows or rows[0]["fov_ra"] is None:
            raise FileNotThere(f'There is no observation "{dataset_id[:200]}" with a place on the sky.')
        (row,) = rows
        self._shelf.release(row["collection"])
        hdus = self._queries.table(
            f"SELECT * FROM dl3.hdus WHERE collection = {_literal(row['collection'])} "
            f"AND obs_id = {row['obs_id']} AND event_type = {_literal(row['event_type'])} "
            "ORDER BY hdu_type, hdu_class",
            1000,
        ).to_pylist()
        return Field(row, tuple(hdus))

    def _make_counts(self, field: Field) -> None:
        grid = field.grid
        counts = grid.empty()
        for ra, dec, _ in self._events(field):
            grid.add(counts, ra, dec)
        self._write(field, {"counts": counts.astype(np.float32)}, None)

    def _make_maps(self, field: Field) -> None:
        grid, energies = field.grid, field.energies
        counts = grid.empty()
        for ra, dec, energy in self._events(field):
            good = (energy >= energies[0]) & (energy <= energies[1])
            grid.add(counts, ra[good], dec[good])
        release = self._shelf.release(field.row["collection"])
        for hdu in field.hdus:
            self._shelf.file(field.row["collection"], hdu["file_name"])
        job = FieldJob(
            grid,
            energies,
            str(release.root),
            observation_index([field.row]),
            hdu_index([_index_line(hdu) for hdu in field.hdus]),
            field.row["obs_id"],
            counts,
            _GAMMAPY,
        )
        self._write(field, self._worked(job), energies)

    def _worked(self, job: FieldJob) -> Mapping[str, NDArray[np.float32]]:
        seconds = self._config.sync_timeout
        try:
            return self._pool().submit(make_maps, job).result(timeout=seconds)
        except WorkTimeout:
            self.close()
            raise QueryTimeout(
                f"The image was not ready within {seconds:g} s.", hint="Ask for it once more later."
            ) from None
        except BrokenProcessPool as error:
            self.close()
            raise FileUnreadable(
                "The image could not be made: the process that makes it has died."
            ) from error
        except Exception as error:
            raise FileUnreadable("The image could not be made of these files.") from error

    def _pool(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._workers is None:
                self._workers = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
            return self._workers

    def _events(self, field: Field) -> Iterator[tuple[Reals, Reals, Reals]]:
        """Directions [deg] and energies [TeV] of the events, some at a time."""
        row = field.row
        query = _EVENTS_QUERY.format(
            collection=_literal(row["collection"]),
            obs_id=row["obs_id"],
            event_type=_literal(row["event_type"]),
        )
        with self._queries.engine.session(timeout=self._config.sync_timeout) as session:
            for batch in self._queries.result(session, query, self._config.hard_maxrec).batches:
                ra, dec, energy = (
                    batch[name].to_numpy(zero_copy_only=False) for name in ("ra", "dec", "energy")
                )
                yield ra, dec, np.nan_to_num(energy.astype(np.float64))

    def _picture(self, field: Field) -> Picture:
        row, grid = field.row, field.grid
        counts = grid.empty()
        low, high = row["min_energy"] or 0.1, row["max_energy"] or 100.0
        edges = np.geomspace(low, max(high, low * 1.01), _BINS + 1)
        edges[-1] *= 1 + 1e-12
        energies = np.zeros(_BINS)
        for ra, dec, energy in self._events(field):
            grid.add(counts, ra, dec)
            energies += np.histogram(energy, edges)[0]
        facts = [f"{row['event_count']:,} events", row["collection"]]
        if row["livetime"] is not None:
            facts.insert(1, f"{row['livetime'] / 60:.1f} min live")
        pointed, placed = row["ra_pnt"] is not None, row["target_ra"] is not None
        return Picture(
            title=row["obs_title"] or row["dataset_id"],
            subtitle="  |  ".join(facts),
            grid=grid,
            counts=counts,
            edges=edges,
            energies=energies,
            pointing=(row["ra_pnt"], row["dec_pnt"]) if pointed else None,
            target=(row["target_name"], row["target_ra"], row["target_dec"]) if placed else None,
        )

    def _write(
        self,
        field: Field,
        images: Mapping[str, NDArray[np.float32]],
        energies: tuple[float, float] | None,
    ) -> None:
        for kind, image in images.items():
            written = io.BytesIO()
            fits.PrimaryHDU(image, _header(field, kind, energies)).writeto(written)
            self._put(self._path(field, f"{kind}.fits"), written.getvalue())

    def _path(self, field: Field, name: str) -> Path:
        return self._folder / f"{field.key}-{name}"

    def _put(self, path: Path, content: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
        self._make_room()

    def _make_room(self) -> None:
        """Drop what was not asked for longest, where there is too much."""
        files = []
        for path in self._folder.iterdir():
            try:
                status = path.stat()
            except OSError:
                continue
            files.append((status.st_mtime, status.st_size, path))
        excess = sum(size for _, size, _ in files) - int(self._config.image_bytes)
        for _, size, path in sorted(files, key=lambda file: file[0]):
            if excess <= 0:
                break
            path.unlink(missing_ok=True)
            excess -= size

    def _one_at_a_time(self, name: str) -> threading.Lock:
        """What many ask for at once is made once."""
        place = name.split("-", 1)[0]
        with self._lock:
            if len(self._making) > 10_000:
                self._making = {key: lock for key, lock in self._making.items() if lock.locked()}
            return self._making.setdefault(place, threading.Lock())


def _index_line(hdu: Mapping[str, Any]) -> dict[str, Any]:
    folder, _, name = hdu["file_name"].rpartition("/")
    return {
        "OBS_ID": hdu["obs_id"],
        "HDU_TYPE": hdu["hdu_type"],
        "HDU_CLASS": hdu["hdu_class"],
        "FILE_DIR": folder or ".",
        "FILE_NAME": name,
        "HDU_NAME": hdu["hdu_name"] or "",
        "SIZE": hdu["file_size"] or -1,
    }


def _header(field: Field, kind: str, energies: tuple[float, float] | None) -> fits.Header:
    row = field.row
    unit, what = KINDS[kind]
    header = field.grid.header()
    cards: Sequence[tuple[str, Any, str]] = (
        ("BUNIT", unit, "unit of the values"),
        ("IMTYPE", kind, what[:40]),
        ("OBJECT", row["target_name"] or row["object"], ""),
        ("TELESCOP", row["facility_name"], ""),
        ("INSTRUME", row["instrument_name"], ""),
        ("OBS_ID", str(row["obs_id"]), ""),
        ("RELEASE", row["collection"], "data release"),
        ("DATE-OBS", row["date_obs"], "start, UTC"),
        ("DATE-END", row["date_end"], "end, UTC"),
        ("TIMESYS", "UTC", ""),
        ("LIVETIME", row["livetime"], "[s]"),
        ("E_MIN", None if energies is None else energies[0], "[TeV]"),
        ("E_MAX", None if energies is None else energies[1], "[TeV]"),
        ("CREATOR", f"GammaHub {version('gammahub')}", ""),
    )
    for key, value, comment in cards:
        if value is not None and not (isinstance(value, float) and not math.isfinite(value)):
            plain = value.encode("ascii", "replace").decode() if isinstance(value, str) else value
            header[key] = (plain, comment)
    header["HISTORY"] = what
    if kind != "counts":
        header["HISTORY"] = f"Made with Gammapy {version('gammapy')}."
    return header


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
