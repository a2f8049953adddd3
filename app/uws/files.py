"""The files that jobs make: whole or absent, and gone with their job."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from app.lake.durable import make_folder, sync_folder
from app.uws.inputs import Incoming, Input
from app.uws.job import Job, Result

_INPUTS = "inputs"
_RUN = "run-"
_PIECE = 2**20
"""Bytes that are copied at a time."""
_STRAY = 3600.0
"""Age from which a folder without a job is a leftover, and not that of a job being made, and that of a run
whose job has ended not one being cleared [s]."""


class JobFiles:
    """The folder of all jobs, with one folder for each.

    Parameters
    ----------
    root
        Made when the first job needs it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, id_: str) -> Path:
        """Folder of a job."""
        return self.root / id_[:2] / id_

    def path(self, job: Job, result: Result) -> Path:
        """File of a result."""
        return self.folder(job.id) / result.file

    def inputs(self, id_: str) -> Path:
        """Folder of what came with a job, such as uploaded tables; it stays as long as the job. Not made."""
        return self.folder(id_) / _INPUTS

    def input(self, id_: str, one: Input) -> Path:
        """File of an input."""
        return self.inputs(id_) / one.file

    def take(self, id_: str, incoming: Incoming) -> Input:
        """Keep a file with a job, under a name of ours; it is on the disk when this returns."""
        folder, name = self.inputs(id_), secrets.token_hex(16)
        incoming.content.seek(0)
        make_folder(folder)
        with (folder / name).open("wb") as file:
            shutil.copyfileobj(incoming.content, file, _PIECE)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        sync_folder(folder)
        return Input(incoming.name, name, size, incoming.media_type, incoming.file_name)

    def drop(self, id_: str, inputs: Collection[Input]) -> None:
        """Remove inputs that the job has no longer."""
        for one in inputs:
            self.input(id_, one).unlink(missing_ok=True)

    def workspace(self, job: Job) -> Path:
        """Folder of one run of a job, for it to work in; made."""
        path = self._workspace(job)
        make_folder(path)
        return path

    def clear(self, job: Job) -> None:
        """Remove what a run has left in its workspace."""
        shutil.rmtree(self._workspace(job), ignore_errors=True)

    def remove(self, id_: str) -> None:
        """Remove all that a job made."""
        shutil.rmtree(self.folder(id_), ignore_errors=True)

    def keep_only(self, job: Job, results: Collection[Result]) -> None:
        """Remove what earlier runs of the job have left."""
        kept = {_INPUTS, *(result.file for result in results)}
        folder = self.folder(job.id)
        for path in list(folder.iterdir()) if folder.is_dir() else ():
            if path.name not in kept:
                _remove(path)

    def discard(self, job: Job, results: Collection[Result]) -> None:
        """Remove the results of a run that was lost."""
        for result in results:
            self.path(job, result).unlink(missing_ok=True)

    def strays(self) -> Iterator[str]:
        """Names of jobs that have a folder which nobody has touched for an hour."""
        return (folder.name for folder in _untouched(self.root.glob("??/*")))

    def remains(self) -> Iterator[str]:
        """Names of jobs of which a run has left what nobody has touched for an hour."""
        return (folder.parent.name for folder in _untouched(self.root.glob(f"??/*/{_RUN}*")))

    def _workspace(self, job: Job) -> Path:
        return self.folder(job.id) / f"{_RUN}{job.run}"


class ResultFile:
    """A result that is being written: it gets its name when it is whole and on the disk.

    Parameters
    ----------
    workspace
        Folder of the run, on the same file system as that of its job.
    name
        Of the finished file, in the folder above.
    count
        Called with the bytes of each piece before it is written; may raise.
    """

    def __init__(self, workspace: Path, name: str, *, count: Callable[[int], None]) -> None:
        self._part = workspace / f"{name}.part"
        self._final = workspace.parent / name
        self._count = count
        self._file: BinaryIO = self._part.open("wb")
        self._hash = hashlib.blake2b(digest_size=16)
        self.size = 0
        """Bytes so far."""

    def write(self, piece: bytes) -> None:
        """Add to it."""
        self._count(len(piece))
        self._file.write(piece)
        self._hash.update(piece)
        self.size += len(piece)

    def finish(self) -> str:
        """Bring it to the disk and give it its name.

        Returns
        -------
        str
            Digest of its content.
        """
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.rename(self._final)
        sync_folder(self._final.parent)
        return self._hash.hexdigest()

    def close(self) -> None:
        """Let go of it; without :meth:`finish` before, it is gone with its workspace."""
        self._file.close()


def _untouched(paths: Iterable[Path]) -> Iterator[Path]:
    before = time.time() - _STRAY
    for path in paths:
        try:
            if path.stat().st_mtime < before:
                yield path
        except OSError:
            continue


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
