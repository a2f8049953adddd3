"""Makes the simulated archive: a folder of three DL3 collections, whole or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.utils import iers

from datalink.simulation.events import sample_events
from datalink.simulation.gadf import (
    IndexedHdu,
    events_hdu,
    gti_hdu,
    hdu_index_hdu,
    obs_index_hdu,
    pointing_hdu,
    response_hdu,
    write_fits,
)
from datalink.simulation.instruments import MONO, NORTH, SOUTH, Instrument
from datalink.simulation.responses import make_responses, written_responses
from datalink.simulation.schedule import Run, runs_of

DEFAULT_SEED = 20190611

Progress = Callable[[str, int, int], None]
"""Called before each observation and at the end: what is being made, how many are done, how many in all."""


@dataclass(frozen=True, slots=True)
class SimulatedCollection:
    """What an ingest should know of a simulated collection."""

    name: str
    """Name of the collection and of its folder."""
    title: str
    licence: str = "CC0 1.0"
    citation: str = "Simulated data made with GammaHub and Gammapy; nothing need be cited."
    description: str = (
        "Simulated data of an invented instrument, made with Gammapy so that GammaHub can be tried "
        "without any download. Not for science."
    )


COLLECTIONS = tuple(
    SimulatedCollection(instrument.collection, f"Simulated DL3 data: {instrument.title}")
    for instrument in (SOUTH, NORTH, MONO)
)
"""The collections of the archive, in the order in which they are made."""


def simulate_archive(directory: Path, *, seed: int = DEFAULT_SEED, progress: Progress | None = None) -> Path:
    """Simulate the observations of three invented instruments, each a GADF 0.3 data store.

    Parameters
    ----------
    directory
        Folder to make; its parent too, where it is missing. It appears when all of it is written.
    seed
        The same seed gives the same bytes, with the same versions of Gammapy and its libraries.
    progress
        Told how far the work has come.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    FileExistsError
        Raised if the folder is there already, and is not empty.
    """
    directory = directory.absolute()
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise FileExistsError(f"{directory} is not empty; the simulated archive needs a folder of its own")
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{directory.name}-", dir=directory.parent) as scratch:
        made = Path(scratch, "archive")
        # The tables of the Earth's rotation that astropy brings cover the night; none need be fetched.
        with iers.conf.set_temp("auto_download", False):
            _make_archive(made, seed, progress or (lambda *_: None))
        made.replace(directory)
    return directory


def _make_archive(folder: Path, seed: int, progress: Progress) -> None:
    plan = [(instrument, runs_of(instrument)) for instrument in (SOUTH, NORTH, MONO)]
    total = sum(len(runs) for _, runs in plan)
    done = count()
    for (instrument, runs), collection in zip(plan, COLLECTIONS, strict=True):
        store = folder / collection.name
        _make_store(store, instrument, runs, seed, lambda made: progress(made, next(done), total))
        (store / "README.md").write_text(_readme(instrument, collection, runs, seed))
    progress("done", total, total)


def _make_store(
    store: Path, instrument: Instrument, runs: list[Run], seed: int, progress: Callable[[str], None]
) -> None:
    rows: list[IndexedHdu] = []
    event_counts = []
    for run in runs:
        progress(f"{instrument.telescop} {run.obs_id}")
        responses = make_responses(instrument, efficiency=run.efficiency)
        events = sample_events(run, responses, np.random.default_rng([seed, run.obs_id]))
        event_counts.append(len(events))
        observed = [events_hdu(run, events, seed), gti_hdu(run), pointing_hdu(run)]
        written = written_responses(instrument, responses)
        responded = [response_hdu(instrument, response) for response in written.values()]
        own, shared = _files(run)
        for file, hdus in _by_file((own, observed), (shared, responded)).items():
            if not (store / file).exists():
                write_fits(store / file, hdus)
        rows += [
            IndexedHdu(run.obs_id, hdu.name.lower(), hdu.name.lower(), own, hdu.name) for hdu in observed
        ]
        rows += [
            IndexedHdu(run.obs_id, hdu_type, response.tag, shared, hdu.name)
            for (hdu_type, response), hdu in zip(written.items(), responded, strict=True)
        ]
    write_fits(store / "hdu-index.fits.gz", [hdu_index_hdu(instrument, rows, store)])
    write_fits(store / "obs-index.fits.gz", [obs_index_hdu(instrument, runs, event_counts)])


def _files(run: Run) -> tuple[Path, Path]:
    """The file of an observation's events and that of its responses, relative to the store."""
    name, suffix = run.instrument.collection, run.instrument.suffix
    own = Path("data", f"{name}_{run.obs_id:06d}{suffix}")
    return own, Path("irf", f"{name}_irf{suffix}") if run.instrument.shared_responses else own


def _by_file(*parts: tuple[Path, list[fits.BinTableHDU]]) -> dict[Path, list[fits.BinTableHDU]]:
    files: dict[Path, list[fits.BinTableHDU]] = {}
    for file, hdus in parts:
        files.setdefault(file, []).extend(hdus)
    return files


def _readme(instrument: Instrument, collection: SimulatedCollection, runs: list[Run], seed: int) -> str:
    responses = (
        "point-like responses with a directional cut that depends on energy (RAD_MAX)"
        if instrument.is_pointlike
        else "full-enclosure responses: effective area, energy dispersion, point spread function, background"
    )
    targets = ", ".join(dict.fromkeys(run.target.name for run in runs))
    return f"""# {collection.title}

{collection.description}

- Instrument: {instrument.telescop}; no real telescope has its figures.
- Observations: {len(runs)} of one invented night, in wobble mode, on {targets}.
- Responses: {responses}.
- Format: DL3 after GADF 0.3 (gamma-astro-data-formats.readthedocs.io). Every header has SIMULATD = T.
- Column MC_ID of the events: 0 for background, else the number of the source (header keywords MMN00001 ...).
- Seed: {seed}. The same seed gives the same files.

## Licence

{collection.licence}: the simulated data are free for any use.

## How to cite

{collection.citation}
"""
