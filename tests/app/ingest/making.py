"""Makes DL3 files and releases for the tests, with astropy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table

HEADER: Mapping[str, Any] = {
    "HDUCLASS": "GADF",
    "HDUDOC": "https://gamma-astro-data-formats.readthedocs.io",
    "HDUVERS": "0.3",
    "HDUCLAS1": "EVENTS",
    "TELESCOP": "TESTEL",
    "INSTRUME": "ONE",
    "OBJECT": "Crab",
    "RA_OBJ": 83.6287,
    "DEC_OBJ": 22.0147,
    "RA_PNT": 83.63,
    "DEC_PNT": 22.51,
    "MJDREFI": 51910,
    "MJDREFF": 0.000742870370370241,
    "TIMEUNIT": "s",
    "TIMESYS": "TT",
    "TIMEREF": "LOCAL",
    "TSTART": 333778852.0,
    "TSTOP": 333780052.0,
    "ONTIME": 1200.0,
    "LIVETIME": 1100.0,
    "DEADC": 1100.0 / 1200.0,
    "RADESYS": "ICRS",
    "EQUINOX": 2000.0,
}

UNITS = {"TIME": "s", "RA": "deg", "DEC": "deg", "ENERGY": "TeV"}


def columns_of(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Random events around the Crab nebula, in the columns that GADF asks for."""
    random = np.random.default_rng(seed)
    return {
        "EVENT_ID": np.arange(count, dtype=np.int64) * 7 + 1,
        "TIME": np.sort(random.uniform(333778852.0, 333780052.0, count)),
        "RA": random.normal(83.63, 1.0, count).astype(np.float32),
        "DEC": random.normal(22.01, 1.0, count).astype(np.float32),
        "ENERGY": (0.1 * random.pareto(1.7, count) + 0.1).astype(np.float32),
    }


def events_hdu(
    columns: Mapping[str, Any] | None = None,
    *,
    units: Mapping[str, str] | None = None,
    name: str = "EVENTS",
    **header: Any,
) -> fits.BinTableHDU:
    """An EVENTS extension; a keyword given as None is left out (``DATE_OBS`` means ``DATE-OBS``)."""
    table = dict(columns_of(50) if columns is None else columns)
    known = {**UNITS, **(units or {})}
    made = [
        value if isinstance(value, fits.Column) else _column(key, np.asarray(value), known.get(key))
        for key, value in table.items()
    ]
    hdu = fits.BinTableHDU.from_columns(made, name=name)
    for key, value in {**HEADER, **header}.items():
        if value is not None:
            hdu.header[key] = value
    return hdu


def _column(name: str, values: np.ndarray, unit: str | None) -> fits.Column:
    codes = {"f4": "E", "f8": "D", "i2": "I", "i4": "J", "i8": "K", "u1": "B", "b1": "L"}
    if values.dtype.kind in "US":
        texts = np.char.encode(values, "utf-8") if values.dtype.kind == "U" else values
        return fits.Column(name=name, format=f"{texts.dtype.itemsize}A", array=texts, unit=unit)
    code = codes[values.dtype.str[1:]]
    size = int(np.prod(values.shape[1:], dtype=int))
    return fits.Column(name=name, format=f"{size if size > 1 else ''}{code}", array=values, unit=unit)


def gti_hdu(
    starts: Sequence[float] = (333778852.0,), stops: Sequence[float] = (333780052.0,), **header: Any
) -> Any:
    """A GTI extension."""
    hdu = fits.BinTableHDU.from_columns(
        [
            fits.Column("START", "D", array=np.asarray(starts, dtype=float), unit="s"),
            fits.Column("STOP", "D", array=np.asarray(stops, dtype=float), unit="s"),
        ],
        name="GTI",
    )
    for key in ("HDUCLASS", "HDUVERS", "MJDREFI", "MJDREFF", "TIMEUNIT", "TIMESYS", "TIMEREF"):
        hdu.header[key] = HEADER[key]
    hdu.header["HDUCLAS1"] = "GTI"
    for key, value in header.items():
        hdu.header[key] = value
    return hdu


def response_hdu(kind: str = "EFF_AREA", form: str = "AEFF_2D", *, name: str = "AEFF", **header: Any) -> Any:
    """An instrument response; its numbers do not matter."""
    hdu = fits.BinTableHDU.from_columns(
        [fits.Column("EFFAREA", "6E", array=np.ones((1, 6)), unit="m2")], name=name
    )
    hdu.header.update({"HDUCLASS": "GADF", "HDUCLAS1": "RESPONSE", "HDUCLAS2": kind, "HDUCLAS4": form})
    hdu.header["HDUCLAS3"] = "FULL-ENCLOSURE"
    for key, value in header.items():
        hdu.header[key] = value
    return hdu


def write(path: Path, *hdus: Any) -> Path:
    """A FITS file with a primary HDU and these."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path, overwrite=True)
    return path


def observation(path: Path, obs_id: Any = 1, *, count: int = 50, **header: Any) -> Path:
    """A file with events, intervals and an effective area."""
    seed = obs_id if isinstance(obs_id, int) else 0
    return write(
        path, events_hdu(columns_of(count, seed), OBS_ID=obs_id, **header), gti_hdu(), response_hdu()
    )


HDU_TYPES = (("events", "events", "EVENTS"), ("gti", "gti", "GTI"), ("aeff", "aeff_2d", "AEFF"))


def hdu_index(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """An HDU index; columns as the rows have them."""
    return _index(path, rows, "HDU_INDEX", "HDU")


def obs_index(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """An observation index."""
    return _index(path, rows, "OBS_INDEX", "OBS")


def _index(path: Path, rows: Sequence[Mapping[str, Any]], name: str, kind: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    hdu = fits.table_to_hdu(Table(rows=[dict(row) for row in rows]))
    hdu.header.update({"HDUCLASS": "GADF", "HDUCLAS1": "INDEX", "HDUCLAS2": kind, "EXTNAME": name})
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
    return path


def index_rows(obs_id: Any, file: str, folder: str = "", **more: Any) -> list[dict[str, Any]]:
    """The rows of an HDU index for a file that :func:`observation` makes."""
    return [
        {
            "OBS_ID": obs_id,
            "HDU_TYPE": hdu_type,
            "HDU_CLASS": hdu_class,
            "FILE_DIR": folder,
            "FILE_NAME": file,
            "HDU_NAME": name,
            **more,
        }
        for hdu_type, hdu_class, name in HDU_TYPES
    ]


def store(root: Path, *obs_ids: int, folder: str = "data", count: int = 50) -> Path:
    """A GADF data store with both indices."""
    rows: list[dict[str, Any]] = []
    for obs_id in obs_ids:
        observation(root / folder / f"run_{obs_id}.fits.gz", obs_id, count=count)
        rows += index_rows(obs_id, f"run_{obs_id}.fits.gz", folder)
    hdu_index(root / "hdu-index.fits.gz", rows)
    obs_index(root / "obs-index.fits.gz", [{"OBS_ID": obs_id, "QUALITY": 0} for obs_id in obs_ids])
    return root
