"""The files of a product."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FITS, ECSV, VOTABLE = "application/fits", "application/x-ecsv", "application/x-votable+xml"
JSON, YAML, ZIP = "application/json", "application/yaml", "application/zip"
PNG, SVG, PYTHON = "image/png", "image/svg+xml", "text/x-python"


@dataclass(frozen=True, slots=True)
class ProductFile:
    """One file of a product."""

    path: Path
    media_type: str
    name: str
    """What it is, in a word or two that fit a URL, such as ``flux-points``: the same for every run."""
    description: str
    """What it is, in a sentence."""


class ProductFiles:
    """The files of one product, in the order they are made.

    Parameters
    ----------
    directory
        Where they lie.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.made: list[ProductFile] = []
        """All so far."""

    def new(self, name: str, file_name: str, media_type: str, description: str) -> Path:
        """The path of a file that is about to be written; for the rest see :class:`ProductFile`."""
        path = self._directory / file_name
        self.made.append(ProductFile(path, media_type, name, description))
        return path

    def write_json(self, file_name: str, description: str, facts: dict[str, Any]) -> None:
        """Write what was found as JSON, named ``result``."""
        text = json.dumps(facts, ensure_ascii=False, indent=1)
        self.new("result", file_name, JSON, description).write_text(text, encoding="utf-8")

    def figure(self, stem: str, description: str) -> tuple[Path, Path]:
        """The paths of a figure, PNG and SVG."""
        return (
            self.new("figure", f"{stem}.png", PNG, description),
            self.new("figure-svg", f"{stem}.svg", SVG, f"{description}, SVG"),
        )
