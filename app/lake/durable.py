"""Writing so that a file is whole or absent, whatever happens to the process or the machine."""

from __future__ import annotations

import os
from pathlib import Path


def sync_file(path: Path) -> None:
    """Bring what was written to a file to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Bring the names in a folder to the disk."""
    sync_file(path)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, each name brought to the disk."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(exist_ok=True)
    sync_folder(path.parent)


def write_whole(path: Path, content: bytes) -> None:
    """Put a file in the place of another: readers see the old one or the new one, never a part."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync_folder(path.parent)


def move_whole(source: Path, target: Path) -> None:
    """Give a finished file or folder its name in the lake."""
    if source.is_file():
        sync_file(source)
    make_folder(target.parent)
    source.rename(target)
    sync_folder(target.parent)
