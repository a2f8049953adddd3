"""How the engine calls the files that we both see."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Storage:
    """A folder of ours, and its URL for the engine."""

    home: Path
    """The folder, as this machine has it."""
    root: str
    """Its URL for Hadoop, without a slash at its end."""

    @classmethod
    def of(cls, home: Path, root: str | None) -> Storage:
        """The storage below the home of the service.

        Parameters
        ----------
        home
            Folder of all state.
        root
            Its URL for the engine; that of a local file, if none is given.
        """
        return cls(home, (root or f"file:{home}").rstrip("/"))

    def url(self, path: Path) -> str:
        """The URL of a file or folder below home.

        Hadoop takes a URL of a file as it stands, no character escaped.
        """
        return f"{self.root}/{path.relative_to(self.home).as_posix()}"
