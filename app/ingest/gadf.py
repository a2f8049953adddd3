"""The index tables of a GADF data store, and the way from their rows to files.

GADF 0.2 and 0.3, Data storage: an observation index (OBS_ID and what is known of the observation) and an HDU
index (OBS_ID, HDU_TYPE, HDU_CLASS, FILE_DIR, FILE_NAME, HDU_NAME). What a table is, is told by its columns:
there are releases whose HDU index says HDUCLAS2=OBS.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.cards import to_integer
from app.ingest.cells import values
from app.ingest.errors import FileRejected
from app.ingest.fitsfile import FitsFile, Hdu
from app.ingest.table import TableShape

_LARGEST = 1 << 29
"""Bytes of the largest index table that is read."""

INDEX_NAME = re.compile(
    r"(?:obs|hdu|observations?)?[-_. ]?index(?P<variant>[^/]*?)\.(?:fits|fit|fts)(?:\.gz|\.bz2)?",
    re.IGNORECASE,
)
"""Names of index files: ``obs-index.fits.gz``, ``hdu-index-table-NN-Crab.fits.gz``."""

_WANTED = (
    "TELESCOP",
    "INSTRUME",
    "RA_PNT",
    "DEC_PNT",
    "ALT_PNT",
    "AZ_PNT",
    "ZEN_PNT",
    "OBJECT",
    "RA_OBJ",
    "DEC_OBJ",
    "TARGET_NAME",
    "OBS_MODE",
    "ONTIME",
    "LIVETIME",
    "DEADC",
    "N_TELS",
    "TELLIST",
    "QUALITY",
    "MUONEFF",
    "SAFE_ENERGY_LO",
    "SAFE_ENERGY_HI",
)
"""Columns of an observation index that stand in where the header of an event list is silent. Times do not:
some releases have them in 32 bits, seconds away from those of the event lists."""

_HDU_COLUMNS = ("OBS_ID", "EVENT_TYPE", "HDU_TYPE", "HDU_CLASS", "FILE_DIR", "FILE_NAME", "HDU_NAME")
_KNOWN = frozenset((*_WANTED, *_HDU_COLUMNS))

Value = str | float | int | None
ObsRow = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class HduRow:
    """One row of an HDU index."""

    label: str
    """OBS_ID, as text."""
    event_type: str
    hdu_type: str
    hdu_class: str
    folder: str
    file: str
    hdu: str

    @property
    def key(self) -> tuple[str, str]:
        """What tells one event list from another: observation and event type."""
        return label_key(self.label), self.event_type


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """An HDU index with the observation index that goes with it; either may be empty."""

    folder: Path
    variant: str
    """What the file's name has after ``index``."""
    base: Path
    """Folder that FILE_DIR starts from."""
    hdus: tuple[HduRow, ...]
    observations: Mapping[str, ObsRow]
    """:func:`label_key` of OBS_ID -> row."""
    files: tuple[Path, ...]

    def place(self, row: HduRow) -> str:
        """The path that a row names, without dots, links not followed."""
        folder, file = row.folder.strip(), row.file.strip()
        start = "" if file.startswith("/") or folder.startswith("/") else f"{self.base}/"
        return os.path.normpath(file if file.startswith("/") else f"{start}{folder}/{file}")


def label_key(label: str) -> str:
    """One writing for one observation: ``00123`` and ``123`` are the same."""
    number = to_integer(label)
    return label if number is None else str(number)


def is_index_name(name: str) -> bool:
    """True for the name of an index file."""
    return INDEX_NAME.fullmatch(name) is not None


def read_indices(folder: Path, names: list[str]) -> tuple[list[Index], list[tuple[Path, str]]]:
    """The indices in one folder, one for each HDU index.

    Parameters
    ----------
    names
        The index files in it.

    Returns
    -------
    tuple
        The indices, and each file that could not be read with the reason.
    """
    hdus: list[tuple[Path, str, Path, list[HduRow]]] = []
    observations: list[tuple[Path, str, dict[str, ObsRow]]] = []
    faults: list[tuple[Path, str]] = []
    for name in sorted(names):
        path = folder / name
        match = INDEX_NAME.fullmatch(name)
        variant = match.group("variant").lower() if match else ""
        try:
            tables = _read(path)
        except FileRejected as error:
            faults.append((path, str(error)))
            continue
        hdus += [(path, variant, base, rows) for base, rows in tables.hdus]
        observations += [(path, variant, rows) for rows in tables.observations]
    if not hdus:
        rows = {key: row for _, _, found in observations for key, row in found.items()}
        files = tuple(path for path, _, _ in observations)
        return ([Index(folder, "", folder, (), rows, files)] if files else []), faults
    return [
        Index(folder, variant, base, tuple(rows), *_companions(path, variant, observations))
        for path, variant, base, rows in hdus
    ], faults


def find_file(index: Index, row: HduRow, root: Path) -> Path:
    """The file that a row of an HDU index names.

    Returns
    -------
    pathlib.Path
        Its real place: links followed, below the root.

    Raises
    ------
    FileRejected
        Raised if there is no such file, or it lies outside the root.
    """
    return inside(index.base / row.folder.strip() / row.file.strip(), root)


def inside(path: Path, root: Path) -> Path:
    """The real place of a file, if it is a plain one below a root.

    A name that is missing with ``.gz`` or without is found the other way.

    Raises
    ------
    FileRejected
        Raised if there is no such file, or it lies outside the root.
    """
    home = os.path.realpath(root)
    try:
        real = os.path.realpath(path)
        other = real.removesuffix(".gz") if real.endswith(".gz") else f"{real}.gz"
        found = next((name for name in (real, other) if os.path.lexists(name)), real)
        found = os.path.realpath(found)
        if os.path.commonpath((home, found)) != home:
            raise FileRejected(_escape(home, found))
        status = Path(found).stat()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise FileRejected(f"It is not there: {reason}.") from error
    if not stat.S_ISREG(status.st_mode):
        raise FileRejected("It is not a plain file.")
    return Path(found)


def _escape(home: str, found: str) -> str:
    shared = os.path.commonpath((home, found))
    cure = f" If {shared} is the release, load that." if len(Path(shared).parts) > 1 else ""
    return f"It lies outside the release: it leads to {found}, and no file outside {home} is read.{cure}"


@dataclass(frozen=True, slots=True, eq=False)
class _Tables:
    hdus: list[tuple[Path, list[HduRow]]]
    observations: list[dict[str, ObsRow]]


def _read(path: Path) -> _Tables:
    found = _Tables([], [])
    with FitsFile(path) as file:
        for hdu in file.hdus():
            if not hdu.cards.text("XTENSION").upper().startswith("BINTABLE"):
                continue
            columns = _columns(hdu)
            if "FILE_NAME" in columns and "HDU_TYPE" in columns and "OBS_ID" in columns:
                found.hdus.append((_base(path, hdu), _hdu_rows(columns)))
            elif "OBS_ID" in columns:
                found.observations.append(_obs_rows(columns))
    if not found.hdus and not found.observations:
        raise FileRejected("It is no index: no table in it has OBS_ID, nor HDU_TYPE and FILE_NAME.")
    return found


def _columns(hdu: Hdu) -> dict[str, list[object]]:
    """The columns that we know, by their names in upper case."""
    shape = TableShape.of(hdu.cards)
    if shape.size > _LARGEST:
        raise FileRejected(f"Its index table has {shape.size} bytes; at most {_LARGEST} are read.")
    rows = shape.rows(hdu.read(shape.nrows * shape.row_bytes))
    columns: dict[str, list[object]] = {}
    for column in shape.columns:
        name = column.name.upper()
        if name in _KNOWN and name not in columns and not column.descriptor:
            columns[name] = values(column, rows).to_pylist()
    return columns


def _base(path: Path, hdu: Hdu) -> Path:
    """BASE_DIR (GADF, HDU index), where there is such a folder; else that of the index."""
    written = hdu.cards.said("BASE_DIR")
    if not written:
        return path.parent
    given = path.parent / written
    try:
        return given if given.is_dir() else path.parent
    except (OSError, ValueError):
        return path.parent


def _hdu_rows(columns: Mapping[str, list[object]]) -> list[HduRow]:
    count = len(columns["FILE_NAME"])
    blank: list[object] = [""] * count
    parts = [[_text(value) for value in columns.get(name, blank)] for name in _HDU_COLUMNS]
    return [
        HduRow(label, event_type, hdu_type.lower(), hdu_class.lower() or hdu_type.lower(), folder, file, hdu)
        for label, event_type, hdu_type, hdu_class, folder, file, hdu in zip(*parts, strict=True)
    ]


def _obs_rows(columns: Mapping[str, list[object]]) -> dict[str, ObsRow]:
    wanted = [name for name in _WANTED if name in columns]
    rows: dict[str, ObsRow] = {}
    for place, label in enumerate(columns["OBS_ID"]):
        key = label_key(_text(label))
        if key not in rows:
            rows[key] = {name: _value(columns[name][place]) for name in wanted}
    return rows


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _value(value: object) -> Value:
    if isinstance(value, str):
        return value.strip() or None
    return value if isinstance(value, int | float) else None


def _companions(
    path: Path, variant: str, observations: list[tuple[Path, str, dict[str, ObsRow]]]
) -> tuple[dict[str, ObsRow], tuple[Path, ...]]:
    """The observation index that goes with an HDU index: of the same variant, else all there are."""
    alike = [found for found in observations if found[1] == variant] or observations
    rows = {key: row for _, _, found in alike for key, row in found.items()}
    return rows, (path, *(companion for companion, _, _ in alike if companion != path))
