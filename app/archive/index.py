"""The two index tables of a GADF data store, made for a bundle (GADF 0.3, Data storage)."""

from __future__ import annotations

import gzip
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.time import Time

_COLUMNS: tuple[tuple[str, str, str, str | None], ...] = (
    ("OBS_ID", "obs_id", "K", None),
    ("OBS_MODE", "obs_mode", "A", None),
    ("OBJECT", "object", "A", None),
    ("RA_OBJ", "ra_obj", "D", "deg"),
    ("DEC_OBJ", "dec_obj", "D", "deg"),
    ("RA_PNT", "fov_ra", "D", "deg"),
    ("DEC_PNT", "fov_dec", "D", "deg"),
    ("GLON_PNT", "glon_pnt", "D", "deg"),
    ("GLAT_PNT", "glat_pnt", "D", "deg"),
    ("ALT_PNT", "alt_pnt", "D", "deg"),
    ("AZ_PNT", "az_pnt", "D", "deg"),
    ("ZEN_PNT", "zen_pnt", "D", "deg"),
    ("ONTIME", "ontime", "D", "s"),
    ("LIVETIME", "livetime", "D", "s"),
    ("DEADC", "deadc", "D", None),
    ("TSTART", "tstart", "D", "s"),
    ("TSTOP", "tstop", "D", "s"),
    ("DATE-OBS", "date_obs", "A", None),
    ("DATE-END", "date_end", "A", None),
    ("N_TELS", "n_tels", "J", None),
    ("TELLIST", "tellist", "A", None),
    ("QUALITY", "quality", "J", None),
    ("EVENT_COUNT", "event_count", "K", None),
    ("TELESCOP", "telescope", "A", None),
    ("INSTRUME", "instrument", "A", None),
)
"""Column, its source in dl3.observations, FITS format, unit."""
_DEFAULTS: Mapping[str, Any] = {"OBS_MODE": "POINTING", "N_TELS": 0, "QUALITY": 0, "EVENT_COUNT": 0}
_COMMON_REFERENCE = (51910, 7.428703703703703e-4, "TT")
"""MJDREFI, MJDREFF and TIMESYS for observations that count from different days: that of Fermi and H.E.S.S."""


def observation_index(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """``obs-index.fits.gz`` for rows of dl3.observations."""
    day, fraction, scale, times = _times(rows)
    columns = []
    for name, source, form, unit in _COLUMNS:
        values = times[name] if name in times else [row.get(source) for row in rows]
        columns.append(_column(name, form, unit, values))
    cards = {
        "HDUCLAS1": "INDEX",
        "HDUCLAS2": "OBS",
        "MJDREFI": day,
        "MJDREFF": fraction,
        "TIMEUNIT": "s",
        "TIMESYS": scale,
        "TIMEREF": "LOCAL",
    }
    return _written("OBS_INDEX", columns, cards)


def hdu_index(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """``hdu-index.fits.gz``.

    Parameters
    ----------
    rows
        Each with OBS_ID, HDU_TYPE, HDU_CLASS, FILE_DIR, FILE_NAME, HDU_NAME and SIZE.
    """
    forms = {"OBS_ID": "K", "SIZE": "K"}
    names = ("OBS_ID", "HDU_TYPE", "HDU_CLASS", "FILE_DIR", "FILE_NAME", "HDU_NAME", "SIZE")
    columns = [_column(name, forms.get(name, "A"), None, [row[name] for row in rows]) for name in names]
    return _written("HDU_INDEX", columns, {"HDUCLAS1": "INDEX", "HDUCLAS2": "HDU"})


def _times(rows: Sequence[Mapping[str, Any]]) -> tuple[int, float, str, Mapping[str, list[Any]]]:
    """Reference of the times, and TSTART and TSTOP in it; as the releases have them, if they have one."""
    references = {(row.get("mjdref"), row.get("timesys")) for row in rows}
    if len(references) == 1:
        ((mjdref, scale),) = references
        if mjdref is not None and scale in ("TT", "UTC", "TAI", "TDB"):
            return int(mjdref), float(mjdref - int(mjdref)), scale, {}
    day, fraction, scale = _COMMON_REFERENCE
    zero = Time(day, fraction, format="mjd", scale=scale.lower())
    times: dict[str, list[Any]] = {}
    for name, source in (("TSTART", "start_mjd"), ("TSTOP", "stop_mjd")):
        mjd = np.array([row[source] if row[source] is not None else np.nan for row in rows], dtype=float)
        known = np.isfinite(mjd)
        seconds = np.zeros(mjd.shape)
        if known.any():
            seconds[known] = (Time(mjd[known], format="mjd", scale="utc") - zero).to_value("s")
        times[name] = [float(second) for second in seconds]
    return day, fraction, scale, times


def _column(name: str, form: str, unit: str | None, values: Sequence[Any]) -> fits.Column:
    if form == "A":
        texts = [str(_DEFAULTS.get(name, "") if value is None else value) for value in values]
        plain = [text.encode("ascii", "replace").decode() for text in texts]
        return fits.Column(name, f"{max([1, *map(len, plain)])}A", array=plain)
    missing = _DEFAULTS.get(name, np.nan if form == "D" else -1)
    kind = {"D": "f8", "K": "i8", "J": "i4"}[form]
    array = np.array([missing if value is None else value for value in values], dtype=kind)
    return fits.Column(name, form, unit=unit, array=array)


def _written(name: str, columns: Sequence[fits.Column], cards: Mapping[str, Any]) -> bytes:
    table = fits.BinTableHDU.from_columns(columns, name=name)
    for key, value in {"HDUDOC": "https://gamma-astro-data-formats.readthedocs.io", "HDUVERS": "0.3"}.items():
        table.header[key] = value
    table.header["HDUCLASS"] = "GADF"
    table.header.update(cards)
    written = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(written)
    return gzip.compress(written.getvalue(), compresslevel=6, mtime=0)
