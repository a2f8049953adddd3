"""The files of the releases by name: only those that an ingest has seen can be had."""

from __future__ import annotations

import os
import re
import stat
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from app.archive.headers import BLOCK, hdu_places, open_plain
from app.cards import CARD
from app.config import Config
from app.errors import FileForbidden, FileNotThere
from app.lake import Release, Snapshot, current_name, current_snapshot

_PIECE = 1 << 18
_DOCUMENT = re.compile(
    r"(readme|licen[cs]e|copying|terms|disclaimer|notice|citation|about)([-_. ].*)?(\.(txt|md|rst|cff))?",
    re.IGNORECASE,
)
_LONGEST_DOCUMENT = 1 << 20


@dataclass(frozen=True, slots=True)
class ShelvedFile:
    """A file of a release."""

    collection: str
    name: str
    """Relative to the root of the release."""
    path: Path
    size: int
    """Bytes."""
    sha256: str
    """Hexadecimal; empty of a document."""
    media_type: str


class Shelf:
    """Finds files, and refuses those that are not to be served.

    Parameters
    ----------
    config
        Where the lake is, and whether restricted collections are served.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._known: dict[str, Mapping[str, tuple[int, str]]] = {}

    def file(self, collection: str, name: str) -> ShelvedFile:
        """A file of a release.

        Parameters
        ----------
        name
            Its place below the root of the release, as ``dl3.hdus`` tells it.

        Raises
        ------
        FileNotThere
            Raised if there is no such file, or another one stands in its place by now.
        FileForbidden
            Raised if files of the collection are not served.
        """
        release = self.release(collection)
        known = self._files(collection).get(name)
        if known is None:
            raise FileNotThere(f'There is no file "{name[:200]}" of the collection {release.collection}.')
        return self._opened(release, name, *known)

    def release(self, collection: str) -> Release:
        """A release whose files may be served.

        Raises
        ------
        FileNotThere
            Raised if there is no such collection.
        FileForbidden
            Raised if its files are not served.
        """
        snapshot = self._current()
        release = None if snapshot is None else snapshot.releases.get(collection)
        if release is None:
            raise FileNotThere(f'There is no collection "{collection[:100]}"; dl3.collections lists all.')
        if release.rights != "public" and not self._config.serve_restricted:
            raise FileForbidden(
                f"The files of {collection} are not served, as its licence forbids it; see dl3.collections."
            )
        return release

    def documents(self, collection: str) -> tuple[ShelvedFile, ...]:
        """Its README, licence and the like, which are to travel with its files."""
        release = self.release(collection)
        if not release.root.is_dir():
            return ()
        found = []
        for path in sorted(release.root.iterdir()):
            if not _DOCUMENT.fullmatch(path.name) or path.suffix.lower() == ".fits":
                continue
            try:
                status = path.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode) and status.st_size <= _LONGEST_DOCUMENT:
                found.append(
                    ShelvedFile(collection, path.name, path, status.st_size, "", "text/plain; charset=utf-8")
                )
        return tuple(found)

    def _opened(self, release: Release, name: str, size: int, sha256: str) -> ShelvedFile:
        home = os.path.realpath(release.root)
        path = os.path.realpath(os.path.join(home, name))  # noqa: PTH118 - realpath gives a str
        gone = FileNotThere(
            f'The file "{name[:200]}" of {release.collection} is not there any more as it was loaded.',
            hint="Its operator should load the release anew.",
        )
        try:
            status = Path(path).stat()
        except OSError as error:
            raise gone from error
        if os.path.commonpath((home, path)) != home or not stat.S_ISREG(status.st_mode):
            raise gone
        if status.st_size != size:
            raise gone
        return ShelvedFile(release.collection, name, Path(path), size, sha256, _media_type(name))

    def _files(self, collection: str) -> Mapping[str, tuple[int, str]]:
        """Name -> size and checksum of each file that has an HDU in the lake."""
        with self._lock:
            snapshot = self._snapshot
            if collection in self._known or snapshot is None:
                return self._known.get(collection, {})
        files: dict[str, tuple[int, str]] = {}
        for file in snapshot.table_files.get("hdus", ()):
            if file.collection == collection:
                rows = pq.read_table(
                    snapshot.lake / file.path,
                    columns=["file_name", "file_size", "file_sha256"],
                    partitioning=None,
                )
                columns = (rows[name].to_pylist() for name in rows.column_names)
                files.update({name: (size, sha256) for name, size, sha256 in zip(*columns, strict=True)})
        with self._lock:
            if snapshot is self._snapshot:
                self._known[collection] = files
        return files

    def _current(self) -> Snapshot | None:
        name = current_name(self._config.lake)
        with self._lock:
            if self._snapshot is not None and self._snapshot.name == name:
                return self._snapshot
        snapshot = current_snapshot(self._config.lake)
        with self._lock:
            self._snapshot = snapshot
            self._known = {}
        return snapshot


def single_hdu(file: ShelvedFile, wanted: str) -> Iterator[bytes]:
    """One extension of a file, byte for byte, behind an empty primary HDU.

    Parameters
    ----------
    wanted
        EXTNAME in any case, or number of the extension.

    Raises
    ------
    FileNotThere
        Raised if the file has no such extension, before the first piece.
    """
    with open_plain(file.path) as source:
        for place in hdu_places(source):
            if wanted.strip().upper() == place.name.upper() or wanted.strip() == str(place.number):
                break
        else:
            raise FileNotThere(f'The file "{file.name}" has no extension "{wanted[:80]}".')
        if place.number:
            yield _primary()
        source.seek(place.begin)
        left = place.end - place.begin
        while left > 0:
            piece = source.read(min(_PIECE, left))
            if not piece:
                break
            left -= len(piece)
            yield piece


def _primary() -> bytes:
    """An empty primary HDU (FITS 4.0 section 4.4.1.1)."""
    cards = (
        "SIMPLE  =                    T",
        "BITPIX  =                    8",
        "NAXIS   =                    0",
    )
    extended = (*cards, "EXTEND  =                    T", "END")
    return "".join(card.ljust(CARD) for card in extended).ljust(BLOCK).encode("ascii")


def _media_type(name: str) -> str:
    if name.lower().endswith(".gz"):
        return "application/gzip"
    return "application/x-bzip2" if name.lower().endswith(".bz2") else "application/fits"
