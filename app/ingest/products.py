"""The rows of ``dl3.products``: what can be had of each event list, and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from app.ingest.discoverable import dataset_id
from app.ingest.plan import Link
from app.ingest.rows import LoadedList

Row = dict[str, Any]

RESPONSES = {"aeff": "aeff", "edisp": "edisp", "psf": "psf", "bkg": "bkgrate", "rad_max": "rad_max"}
"""GADF HDU type -> its term in the IVOA vocabulary response-type, which has none for rad_max."""

IMAGES: Mapping[str, tuple[str, ...]] = {
    "counts": (),
    "exposure": ("aeff",),
    "background": ("bkg",),
    "excess": ("bkg",),
    "significance": ("bkg",),
    "flux": ("aeff", "edisp", "bkg"),
}
"""Kind of image -> HDU types of the responses that it needs."""

FITS_FORMAT = "image/fits"
GADF_FORMAT = "application/x-fits-gadf"
OGIP_FORMAT = "application/x-fits-ogip"
TAR_FORMAT = "application/x-tar"


def product_rows(lists: Sequence[LoadedList], collection: str, relative: Mapping[Any, str]) -> list[Row]:
    """Rows of ``dl3.products``.

    Parameters
    ----------
    relative
        Path of a file -> its place below the root.
    """
    return [row for loaded in lists for row in _of_list(loaded, collection, relative)]


def _of_list(loaded: LoadedList, collection: str, relative: Mapping[Any, str]) -> Iterator[Row]:
    planned = loaded.planned
    key = {"collection": collection, "obs_id": planned.obs_id, "event_type": planned.event_type}
    name = dataset_id(collection, planned.obs_id, planned.event_type)
    gadf = planned.hdu.facts is not None and (
        bool(planned.hdu.facts.gadf_version) or any(link.hdu_type in RESPONSES for link in planned.links)
    )
    file_format = GADF_FORMAT if gadf else OGIP_FORMAT

    def file_row(link: Link, product: str, kind: str, did: str) -> Row:
        return {
            **key,
            "product": product,
            "product_class": kind,
            "product_did": did,
            "product_path": f"files/{collection}/{quote(relative[link.file.path])}",
            "product_format": file_format,
            "product_size": link.file.nbytes,
        }

    def made_row(product: str, kind: str, path: str, format_: str) -> Row:
        return {
            **key,
            "product": product,
            "product_class": kind,
            "product_did": f"dl3/{product}?{name}",
            "product_path": path,
            "product_format": format_,
        }

    events = next(link for link in planned.links if link.hdu_type == "events")
    yield file_row(events, "event-list", "event", f"dl3?{name}")
    yield made_row("event-bundle", "bundle", f"bundles/{name}.tar", TAR_FORMAT)
    seen: set[str] = set()
    for link in planned.links:
        term = RESPONSES.get(link.hdu_type)
        if term is not None:
            suffix = term if term not in seen else f"{term}-{quote(link.hdu_class, safe='')}"
            if suffix not in seen:
                seen.add(suffix)
                yield file_row(link, term, "response", f"dl3/{suffix}?{name}")
    there = {link.hdu_type for link in planned.links}
    if loaded.statistics.nrows > loaded.statistics.unplaced:
        for kind, needed in IMAGES.items():
            if there.issuperset(needed):
                yield made_row(kind, "image", f"images/{name}/{kind}.fits", FITS_FORMAT)
