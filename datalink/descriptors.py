"""Service descriptors: how to call a service with what stands in a table (DataLink 1.1 section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adql import Column

DATALINK = "ivo://ivoa.net/std/DataLink#links-1.1"
SODA_SYNC = "ivo://ivoa.net/std/SODA#sync-1.0"


@dataclass(frozen=True, slots=True)
class InputParameter:
    """A parameter of a service; with neither value nor reference, one for the user to give."""

    name: str
    datatype: str = "char"
    arraysize: str | None = "*"
    xtype: str | None = None
    unit: str | None = None
    ucd: str | None = None
    value: str = ""
    """Fixed value."""
    ref: str | None = None
    """Column of the table whose cell is the value."""
    low: str | None = None
    """Least value that makes sense."""
    high: str | None = None
    """Greatest such value."""
    options: tuple[str, ...] = ()
    """The only values, if they are few."""
    description: str = ""


@dataclass(frozen=True, slots=True)
class ServiceDescriptor:
    """A service and its parameters."""

    id: str
    """XML ID, by which ``service_def`` names it."""
    access_url: str
    parameters: tuple[InputParameter, ...]
    name: str = ""
    description: str = ""
    standard_id: str | None = None
    content_type: str | None = None
    describes_itself: bool = False
    """True if it is the service that gave the document."""


def links_descriptor(base_url: str, column: str) -> ServiceDescriptor:
    """How to ask for the links of the datasets that a column of a table names.

    Parameters
    ----------
    base_url
        Root of the service.
    column
        Name of the column.
    """
    return ServiceDescriptor(
        id="datalink",
        name="datalink",
        description="The links of a dataset: its files, responses, bundles, images",
        access_url=f"{base_url}/datalink/links",
        standard_id=DATALINK,
        content_type="application/x-votable+xml;content=datalink",
        parameters=(InputParameter("ID", ref=column, ucd="meta.id;meta.main"),),
    )


def linking_column(columns: Sequence[Column]) -> str | None:
    """The column of a result whose values are identifiers of datasets; None if none is.

    Publisher DIDs come first, then names of our datasets, then numbers of observations.
    """
    for is_one in (_is_did, _is_dataset_name, _is_observation):
        found = next((column.name for column in columns if is_one(column)), None)
        if found is not None:
            return found
    return None


def _is_did(column: Column) -> bool:
    utype = (column.utype or "").lower()
    named = column.name.lower().endswith("publisher_did") and column.ucd is not None
    return utype.endswith("curation.publisherdid") or (named and column.ucd != "meta.number")


def _is_dataset_name(column: Column) -> bool:
    return column.ucd == "meta.id;meta.dataset"


def _is_observation(column: Column) -> bool:
    utype = (column.utype or "").lower()
    return utype.endswith("dataid.observationid") or column.ucd == "meta.id;obs"


ID = InputParameter("ID", ref="ID", ucd="meta.id;meta.main")
CIRCLE = InputParameter(
    "CIRCLE", "double", "3", "circle", "deg", "pos.outline;obs", description="Centre and radius, ICRS"
)
POLYGON = InputParameter(
    "POLYGON", "double", "*", "polygon", "deg", "pos.outline;obs", description="Corners, ICRS"
)
BAND = InputParameter(
    "BAND", "double", "2", "interval", "m", "em.wl;stat.interval", description="Wavelengths from and to"
)
ENERGY = InputParameter(
    "ENERGY", "double", "2", "interval", "TeV", "em.energy;stat.interval", description="Energies from and to"
)
TIME = InputParameter(
    "TIME", "double", "2", "interval", "d", "time.interval;obs.exposure", description="MJD in UTC from and to"
)


def event_selection(base_url: str) -> ServiceDescriptor:
    """How to get a bundle with a selection of the events of a dataset."""
    return ServiceDescriptor(
        id="events",
        name="events",
        description="A GADF bundle with the events in a circle, of an energy range, of a time",
        access_url=f"{base_url}/bundle",
        content_type="application/x-tar",
        parameters=(ID, CIRCLE, ENERGY, BAND, TIME),
    )


def image_cutout(base_url: str) -> ServiceDescriptor:
    """How to get a part of an image (SODA 1.0)."""
    return ServiceDescriptor(
        id="soda",
        name="soda",
        description="A part of an image",
        access_url=f"{base_url}/soda/sync",
        standard_id=SODA_SYNC,
        content_type="image/fits",
        parameters=(ID, CIRCLE, POLYGON),
    )
