"""Writes simulated observations as a GADF 0.3 data store: event lists, responses and the two index tables."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.table import Table
from gammapy.irf import IRF
from gammapy.irf.io import IRF_DL3_HDU_SPECIFICATION

from datalink.simulation.events import Events
from datalink.simulation.headers import (
    GADF,
    REMARK,
    SIMULATED,
    Cards,
    clock_cards,
    horizontal_pointing,
    instrument_cards,
    observation_cards,
)
from datalink.simulation.instruments import Instrument
from datalink.simulation.schedule import Run
from datalink.simulation.sky import SOURCES

POINTING_STEP = 60.0
"""Time between rows of the pointing table [s]."""
OBS_INDEX_UNITS = {
    **dict.fromkeys(("RA_OBJ", "DEC_OBJ", "RA_PNT", "DEC_PNT", "ALT_PNT", "AZ_PNT", "ZEN_PNT"), u.deg),
    **dict.fromkeys(("TSTART", "TSTOP", "ONTIME", "LIVETIME"), u.s),
}


@dataclass(frozen=True, slots=True)
class IndexedHdu:
    """A row of the HDU index."""

    obs_id: int
    hdu_type: str
    hdu_class: str
    file: Path
    """Relative to the folder of the store."""
    hdu_name: str


def events_hdu(run: Run, events: Events, seed: int) -> fits.BinTableHDU:
    """The EVENTS extension (GADF 0.3, "EVENTS")."""
    table = Table(
        {
            "EVENT_ID": np.arange(1, len(events) + 1, dtype=np.int64),
            "TIME": u.Quantity(run.tstart + events.time, "s"),
            "RA": u.Quantity(events.ra, "deg"),
            "DEC": u.Quantity(events.dec, "deg"),
            "ENERGY": u.Quantity(events.energy.astype(np.float32), "TeV"),
            "MC_ID": events.mc_id.astype(np.int16),
        }
    )
    names = ["background", *(source.name for source in SOURCES)]
    cards: Cards = {"HDUCLAS1": "EVENTS", "HDUCLAS2": "ACCEPTED", **observation_cards(run)}
    cards |= {**clock_cards(run.instrument), "EV_CLASS": "SIMULATED", "SEED": seed, "NMCIDS": len(names)}
    for number, name in enumerate(names):
        cards |= {f"MID{number:05d}": number, f"MMN{number:05d}": name}
    return _hdu("EVENTS", table, run.instrument, cards)


def gti_hdu(run: Run) -> fits.BinTableHDU:
    """The GTI extension (GADF 0.3, "GTI")."""
    starts, stops = run.tstart + run.good_intervals.T
    table = Table({"START": u.Quantity(starts, "s"), "STOP": u.Quantity(stops, "s")})
    cards: Cards = {"HDUCLAS1": "GTI", "OBS_ID": run.obs_id, **clock_cards(run.instrument)}
    return _hdu("GTI", table, run.instrument, cards)


def pointing_hdu(run: Run) -> fits.BinTableHDU:
    """The POINTING extension (GADF 0.3, "POINTING"): one place on the sky, moving over the horizon."""
    elapsed = np.append(np.arange(0, run.duration, POINTING_STEP), run.duration)
    horizon = horizontal_pointing(run, elapsed)
    table = Table(
        {
            "TIME": u.Quantity(run.tstart + elapsed, "s"),
            "RA_PNT": u.Quantity(np.full(len(elapsed), run.pointing.ra.deg), "deg"),
            "DEC_PNT": u.Quantity(np.full(len(elapsed), run.pointing.dec.deg), "deg"),
            "ALT_PNT": horizon.alt.to("deg"),
            "AZ_PNT": horizon.az.to("deg"),
        }
    )
    cards: Cards = {"HDUCLAS1": "POINTING", "OBS_ID": run.obs_id, **clock_cards(run.instrument)}
    return _hdu("POINTING", table, run.instrument, cards)


def response_hdu(instrument: Instrument, response: IRF) -> fits.BinTableHDU:
    """The extension of a response function (GADF 0.3, "IACT IRFs")."""
    specification = IRF_DL3_HDU_SPECIFICATION[response.tag]
    table = response.to_table(format="gadf-dl3")
    table.meta.clear()
    for name in table.colnames:
        table[name] = table[name].astype(np.float32)
    enclosure = "POINT-LIKE" if instrument.is_pointlike else "FULL-ENCLOSURE"
    cards: Cards = {**specification["mandatory_keywords"], "HDUCLAS3": enclosure}
    if response.tag == "aeff_2d":
        low, high = instrument.safe_energies.to_value("TeV")
        cards |= {"LO_THRES": low, "HI_THRES": high}
    return _hdu(specification["extname"], table, instrument, cards)


def obs_index_hdu(
    instrument: Instrument, runs: Sequence[Run], event_counts: Sequence[int]
) -> fits.BinTableHDU:
    """The observation index table (GADF 0.3, "Observation index table")."""
    rows = [_obs_index_row(run, count) for run, count in zip(runs, event_counts, strict=True)]
    table = Table(rows=rows, names=list(rows[0]))
    for name, unit in OBS_INDEX_UNITS.items():
        table[name].unit = unit
    cards: Cards = {"HDUCLAS1": "INDEX", "HDUCLAS2": "OBS", **clock_cards(instrument)}
    return _hdu("OBS_INDEX", table, instrument, cards)


def _obs_index_row(run: Run, event_count: int) -> Cards:
    cards = observation_cards(run)
    start_date, start_time = str(cards["DATE-OBS"]).split("T")
    end_date, end_time = str(cards["DATE-END"]).split("T")
    taken = ("OBS_ID", "OBS_MODE", "OBJECT", "RA_OBJ", "DEC_OBJ", "RA_PNT", "DEC_PNT", "ALT_PNT", "AZ_PNT")
    times = ("TSTART", "TSTOP", "ONTIME", "LIVETIME", "DEADC")
    return {
        **{name: cards[name] for name in taken},
        "ZEN_PNT": 90.0 - float(cards["ALT_PNT"]),
        **{name: cards[name] for name in times},
        "DATE-OBS": start_date,
        "TIME-OBS": start_time,
        "DATE-END": end_date,
        "TIME-END": end_time,
        "N_TELS": len(run.instrument.tellist),
        "TELLIST": run.instrument.telescope_list,
        "QUALITY": 0,
        "EVENT_COUNT": event_count,
    }


def hdu_index_hdu(instrument: Instrument, hdus: Iterable[IndexedHdu], folder: Path) -> fits.BinTableHDU:
    """The HDU index table (GADF 0.3, "HDU index table")."""
    rows = [
        {
            "OBS_ID": hdu.obs_id,
            "HDU_TYPE": hdu.hdu_type,
            "HDU_CLASS": hdu.hdu_class,
            "FILE_DIR": hdu.file.parent.as_posix(),
            "FILE_NAME": hdu.file.name,
            "HDU_NAME": hdu.hdu_name,
            "SIZE": (folder / hdu.file).stat().st_size,
        }
        for hdu in hdus
    ]
    table = Table(rows=rows, names=list(rows[0]))
    return _hdu("HDU_INDEX", table, instrument, {"HDUCLAS1": "INDEX", "HDUCLAS2": "HDU"})


def write_fits(path: Path, hdus: Iterable[fits.BinTableHDU]) -> None:
    """Write extensions behind an empty primary header; compressed where the name ends with ``.gz``.

    The bytes depend on nothing but the content: no date of writing is in them.
    """
    primary = fits.PrimaryHDU()
    _put(primary.header, SIMULATED)
    written = BytesIO()
    fits.HDUList([primary, *hdus]).writeto(written)
    content = written.getvalue()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, compresslevel=6, mtime=0) if path.suffix == ".gz" else content)


def _hdu(name: str, table: Table, instrument: Instrument, cards: Cards) -> fits.BinTableHDU:
    hdu = fits.BinTableHDU(table, name=name)
    _put(hdu.header, {**cards, **GADF, **instrument_cards(instrument)})
    return hdu


def _put(header: fits.Header, cards: Cards) -> None:
    for name, value in cards.items():
        header[name] = value
    header["COMMENT"] = REMARK
