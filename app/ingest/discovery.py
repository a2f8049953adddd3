"""Which releases lie below a folder."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.ingest.errors import FileRejected, IngestError
from app.ingest.fitsfile import is_fits_name
from app.ingest.gadf import Index, inside, is_index_name, read_indices
from app.ingest.report import Findings

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Names of collections: they are names of folders in the lake, and parts of identifiers."""

_DOCUMENT = re.compile(r"(readme|licen[cs]e|copying|citation)([-_. ].*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """One release, not yet read."""

    name: str
    """The name of its collection."""
    root: Path
    """Folder that its files do not leave."""
    indices: tuple[Index, ...]
    loose: tuple[Path, ...]
    """FITS files that no index lists, where there is no HDU index; real places, in order."""

    home: str = field(init=False)
    """The root's real place."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "home", os.path.realpath(self.root))

    def relative(self, path: Path) -> str:
        """The place of a file (a real one) below the root, with forward slashes.

        Raises
        ------
        ValueError
            Raised if it is not below the root.
        """
        above = self.home.rstrip(os.sep) + os.sep
        if not str(path).startswith(above):
            raise ValueError(f"{path} is not below {self.home}")
        return str(path)[len(above) :].replace(os.sep, "/")


def discover(path: Path, collection: str | None, findings: Findings) -> list[Store]:
    """The releases at a path: a file, a folder of files, a GADF data store, or a folder of any of these.

    An index makes a release: of the folder it lies in, or of the lowest folder above (but not above the
    path) that holds every file it names by ``..``. Folders of event lists without an index are a release
    each, unless event lists, a README or a licence lie in the path itself, which is then one.

    Parameters
    ----------
    collection
        Name for the one release there is.

    Raises
    ------
    IngestError
        Raised if there is no such path, nothing in it, or a name for several releases.
    """
    if collection is not None and not NAME.fullmatch(collection):
        raise IngestError(
            f'"{collection}" cannot be the name of a collection: up to 64 letters, digits, ".", "_", "-" are '
            "right, the first a letter or digit."
        )
    root = path.expanduser().absolute()
    if not _is_text(str(root)):
        raise IngestError(f"The name of {str(root)!r} is not UTF-8.")
    if ".." in root.parts:
        root = Path(os.path.realpath(root))
    if root.is_file():
        return [Store(collection or slug(_stem(root)), root.parent, (), (Path(os.path.realpath(root)),))]
    if not root.is_dir():
        raise IngestError(f"There is no file or folder {root}.")
    return _in_folder(root, collection, findings)


def slug(name: str) -> str:
    """A name of a folder as the name of a collection."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-._")[:64].rstrip("-._") or "collection"


def _stem(path: Path) -> str:
    name = path.name
    for suffix in (".gz", ".bz2", ".fits", ".fit", ".fts", ".fz"):
        name = name.removesuffix(suffix)
    return re.sub(r"\.fits$", "", name)


def _in_folder(root: Path, collection: str | None, findings: Findings) -> list[Store]:
    tree = list(_walk(root, findings))
    indices: list[Index] = []
    for folder, names in tree:
        listed = [name for name in names if is_index_name(name)]
        found, faults = read_indices(folder, listed) if listed else ([], [])
        indices += found
        for file, reason in faults:
            findings.reject(str(file), reason)
    roots = _roots(indices, root)
    stores = _indexed(indices, roots, root)
    if collection is not None and len(stores) > 1:
        raise _one_name(collection, stores, root)
    loose = _loose_files(
        tree, [store.root for store in stores if any(i.hdus for i in store.indices)], root, findings
    )
    stores = [_with_loose(store, loose) for store in stores]
    kept = [file for file in loose if not any(file in store.loose for store in stores)]
    alone = not stores and len({file.relative_to(os.path.realpath(root)).parts[0] for file in kept}) == 1
    whole = collection is not None or _is_one_release(root, kept)
    stores += _bare(kept, root, whole=whole or (alone and not _has_documented_child(root, kept)))
    if not stores:
        raise IngestError(f"There are no FITS files in {root}.")
    return _named(stores, root, collection)


def _walk(root: Path, findings: Findings) -> Iterator[tuple[Path, list[str]]]:
    """Folders and the names of the files in them, in order; links are followed inside the root, once."""
    home = os.path.realpath(root)
    seen: set[tuple[int, int]] = set()
    waiting = [root]
    while waiting:
        folder = waiting.pop(0)
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            findings.reject(str(folder), f"The folder cannot be read: {error.strerror}.")
            continue
        files: list[str] = []
        below: list[Path] = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if not _is_text(entry.name):
                findings.reject(ascii(entry.path), "Its name is not UTF-8.")
                continue
            if not _is_folder(entry):
                files.append(entry.name)
            elif os.path.commonpath((home, os.path.realpath(entry.path))) == home:
                below.append(folder / entry.name)
            else:
                target = os.path.realpath(entry.path)
                findings.reject(entry.path, f"It is a link to {target}, outside {home}, and is not followed.")
        yield folder, files
        waiting = [*below, *waiting]


def _is_text(name: str) -> bool:
    """False for a name with bytes that are no UTF-8, which Python carries as lone surrogates."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _roots(indices: Sequence[Index], top: Path) -> list[Path]:
    """For each index, the lowest folder that holds it and all the files it names."""
    folders = {index.folder for index in indices}
    return [_lowest(index, [f for f in folders if _foreign(f, index.folder)], top) for index in indices]


def _foreign(other: Path, folder: Path) -> bool:
    """True for the folder of an index that has nothing to do with this one."""
    return not other.is_relative_to(folder) and not folder.is_relative_to(other)


def _lowest(index: Index, others: Sequence[Path], top: Path) -> Path:
    home, lowest = os.path.realpath(top), os.path.realpath(index.folder)
    taken = [os.path.realpath(other) for other in others]
    for place in dict.fromkeys(Path(row.folder.strip(), row.file.strip()).parent for row in index.hdus):
        target = _real(index.base / place)
        if target is None or os.path.commonpath((home, target)) != home:
            continue
        # What lies in the folder of another index belongs to that release.
        if any(os.path.commonpath((other, target)) == other for other in taken):
            continue
        lowest = os.path.commonpath((lowest, target))
    return top / os.path.relpath(lowest, home)


def _real(path: Path) -> str | None:
    """Where a path leads; None if it cannot be one, as with a NUL in it."""
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return None


def _indexed(indices: Sequence[Index], roots: Sequence[Path], top: Path) -> list[Store]:
    by_root: dict[Path, list[Index]] = {}
    for index, root in zip(indices, roots, strict=True):
        by_root.setdefault(Path(os.path.normpath(root)), []).append(index)
    stores: list[Store] = []
    for root, together in sorted(by_root.items()):
        above = [other for other in by_root if other != root and root.is_relative_to(other)]
        # A folder whose index is a part of the one above it is no release of its own.
        if above and all(
            _is_listed(index, [i for other in above for i in by_root[other]]) for index in together
        ):
            continue
        if _contradict(together):
            stores += [Store(_variant_name(root, index, top), root, (index,), ()) for index in together]
        else:
            stores.append(Store(slug(root.name), root, tuple(together), ()))
    return stores


def _is_listed(index: Index, others: Sequence[Index]) -> bool:
    mine = _event_files([index])
    theirs = _event_files(others)
    return bool(mine) and all(file in theirs.get(key, ()) for key, files in mine.items() for file in files)


def _contradict(indices: Sequence[Index]) -> bool:
    """True if one index names another file for an event list than another index does."""
    alone = [_event_files([index]) for index in indices]
    together: dict[tuple[str, str], set[str]] = {}
    for files in alone:
        for key, names in files.items():
            known = together.setdefault(key, set(names))
            if known != names:
                return True
    return False


def _event_files(indices: Sequence[Index]) -> dict[tuple[str, str], set[str]]:
    files: dict[tuple[str, str], set[str]] = {}
    for index in indices:
        for row in index.hdus:
            if row.hdu_type == "events":
                files.setdefault(row.key, set()).add(f"{index.place(row)}[{row.hdu.upper()}]")
    return files


def _variant_name(root: Path, index: Index, top: Path) -> str:
    place = os.path.relpath(index.folder, root)
    parts = [root.name, "" if place == "." else place.replace(os.sep, "-"), index.variant.strip("-_. ")]
    return slug("-".join(part for part in parts if part))


def _loose_files(
    tree: Sequence[tuple[Path, list[str]]], listed: Sequence[Path], top: Path, findings: Findings
) -> list[Path]:
    """FITS files in no folder that has an HDU index, links followed."""
    found: dict[Path, None] = {}
    for folder, names in tree:
        if any(folder.is_relative_to(root) for root in listed):
            continue
        for name in names:
            if not is_fits_name(name) or is_index_name(name):
                continue
            try:
                found[inside(folder / name, top)] = None
            except FileRejected as error:
                findings.reject(str(folder / name), str(error))
    return list(found)


def _with_loose(store: Store, loose: Sequence[Path]) -> Store:
    """A release that has an observation index alone, with the files below it."""
    if any(index.hdus for index in store.indices):
        return store
    home = Path(os.path.realpath(store.root))
    return Store(
        store.name, store.root, store.indices, tuple(file for file in loose if file.is_relative_to(home))
    )


def _is_one_release(root: Path, files: Sequence[Path]) -> bool:
    home = Path(os.path.realpath(root))
    return any(file.parent == home for file in files) or _has_document(root)


def _has_document(folder: Path) -> bool:
    return any(_DOCUMENT.fullmatch(entry.stem) for entry in folder.iterdir())


def _has_documented_child(root: Path, files: Sequence[Path]) -> bool:
    home = Path(os.path.realpath(root))
    return any(_has_document(home / file.relative_to(home).parts[0]) for file in files[:1])


def _bare(files: Sequence[Path], root: Path, *, whole: bool) -> list[Store]:
    if not files:
        return []
    if whole:
        return [Store(slug(root.name), root, (), tuple(files))]
    home = Path(os.path.realpath(root))
    by_folder: dict[str, list[Path]] = {}
    for file in files:
        by_folder.setdefault(file.relative_to(home).parts[0], []).append(file)
    return [Store(slug(name), root / name, (), tuple(found)) for name, found in by_folder.items()]


def _named(stores: Sequence[Store], top: Path, collection: str | None) -> list[Store]:
    """The releases with names of their own: where folders are namesakes, with the folders above."""
    if collection is not None and len(stores) == 1:
        store = stores[0]
        return [Store(collection, store.root, store.indices, store.loose)]
    if collection is not None:
        raise _one_name(collection, stores, top)
    names = [store.name for store in stores]
    named: list[Store] = []
    taken: set[str] = set()
    for store in stores:
        name = store.name
        if names.count(name) > 1:
            name = slug(os.path.relpath(store.root, top).replace(os.sep, "-")) or name
        number = 2
        while name in taken:
            name = f"{store.name[:60]}-{number}"
            number += 1
        taken.add(name)
        named.append(Store(name, store.root, store.indices, store.loose))
    return named


def _one_name(collection: str, stores: Sequence[Store], root: Path) -> IngestError:
    names = ", ".join(store.name for store in stores)
    return IngestError(
        f'{root} holds {len(stores)} releases ({names}), so they cannot all be named "{collection}". '
        "Load them one by one, or without a name."
    )
