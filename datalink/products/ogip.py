"""Reduced observations as OGIP spectra, which XSPEC, Sherpa and Gammapy read."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile

from datalink.products.provenance import Provenance

if TYPE_CHECKING:
    from gammapy.datasets import Datasets


def write_ogip(datasets: Datasets, path: Path, provenance: Provenance) -> None:
    """Write a PHA file with its background, ARF and RMF for each dataset, all in a zip.

    Formats: OGIP/92-007 (PHA) and CAL/GEN/92-002 (ARF, RMF). File names in the headers are relative to the
    PHA file.

    Parameters
    ----------
    datasets
        Each named for its collection.
    path
        Of the zip.
    provenance
        It is written into the header of each PHA file, and beside the spectra as YAML.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".ogip-") as place:
        folder = Path(place)
        for dataset in datasets:
            name = folder / f"pha_{dataset.name}.fits"
            dataset.write(name, format="ogip")
            _complete(name, dataset.name, provenance)
        provenance.write(folder / "provenance.yaml")
        with ZipFile(path, "w", ZIP_DEFLATED) as archive:
            for file in sorted(folder.iterdir()):
                archive.write(file, file.name)


def _complete(path: Path, collection: str, provenance: Provenance) -> None:
    """Tell in the header what Gammapy leaves unknown."""
    from astropy.io import fits  # noqa: PLC0415 - only where products are made

    with fits.open(path, mode="update") as hdus:
        header = hdus["SPECTRUM"].header
        header["TELESCOP"] = (collection[:60], "release the events come from")
        for key in ("BACKFILE", "ANCRFILE", "RESPFILE"):
            if key in header:
                header[key] = Path(str(header[key])).name
        provenance.stamp(header)
