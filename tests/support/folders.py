"""Data stores as they lie in a folder, found by their own hdu-index: an archive for products."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits

from datalink.products.inputs import Hdu, ObservationFiles, Terms
from datalink.products.parameters import ProductParameters
from datalink.products.settings import Exclusion, Position


def observations_in(folder: Path) -> list[ObservationFiles]:
    """The observations of a GADF data store whose files lie below its folder, by rising number."""
    (index,) = folder.glob("hdu-index*")
    table = fits.getdata(index, 1)
    found: dict[int, list[Hdu]] = {}
    for row in table:
        path = (folder / str(row["FILE_DIR"]).strip() / str(row["FILE_NAME"]).strip()).resolve()
        hdu = Hdu(
            str(row["HDU_TYPE"]).strip(), str(row["HDU_CLASS"]).strip(), path, str(row["HDU_NAME"]).strip()
        )
        found.setdefault(int(np.asarray(row["OBS_ID"])), []).append(hdu)
    return [ObservationFiles(folder.name, obs_id, "", tuple(hdus)) for obs_id, hdus in sorted(found.items())]


class Folders:
    """An archive of data stores in folders."""

    def __init__(self, *folders: Path, sources: Sequence[Exclusion] = ()) -> None:
        self.found = [files for folder in folders for files in observations_in(folder)]
        self._sources = sources

    def observations(self, parameters: ProductParameters) -> Sequence[ObservationFiles]:
        """Those of the collections and numbers that were asked for."""
        return [
            files
            for files in self.found
            if (not parameters.collections or files.collection in parameters.collections)
            and (not parameters.obs_ids or files.obs_id in parameters.obs_ids)
        ]

    def sources(self, position: Position, radius: float) -> Sequence[Exclusion]:
        """Those that were given."""
        return self._sources

    def terms(self, collections: Sequence[str]) -> Sequence[Terms]:
        """Terms that tests can find again."""
        return [
            Terms(name, f"Title of {name}", f"Licence of {name}", f"Citation of {name}")
            for name in collections
        ]
