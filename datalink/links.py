"""The links of a dataset (DataLink 1.1 section 3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass

from adql import Column, ColumnType
from datalink.faults import DataLinkFault

_TEXT = ColumnType("char", "*")

LINK_COLUMNS: tuple[Column, ...] = (
    Column("ID", _TEXT, "Identifier that was asked for", ucd="meta.id;meta.main"),
    Column("access_url", _TEXT, "URL of the data", ucd="meta.ref.url"),
    Column("service_def", _TEXT, "Descriptor of the service that gives them", ucd="meta.ref"),
    Column("error_message", _TEXT, "Why there is no link", ucd="meta.code.error"),
    Column("description", _TEXT, "What the link leads to", ucd="meta.note"),
    Column("semantics", _TEXT, "How it relates to the dataset", ucd="meta.code"),
    Column("content_type", _TEXT, "Media type", ucd="meta.code.mime"),
    Column("content_length", ColumnType("long"), "Size", unit="byte", ucd="phys.size;meta.file"),
    Column("content_qualifier", _TEXT, "Kind of data product", ucd="meta.code"),
    Column("local_semantics", _TEXT, "Our own word for the relation", ucd="meta.id.assoc"),
    Column("link_auth", _TEXT, "Whether one has to log in: false, optional or true", ucd="meta.code"),
    Column("link_authorized", ColumnType("boolean"), "Whether this client may follow it", ucd="meta.code"),
)
"""The columns of a links document, in order (DataLink 1.1 table 1)."""

_DESCRIPTIONS = {
    "event-list": "Event list",
    "event-bundle": "GADF bundle that Gammapy opens: events, good time intervals, responses, licence",
    "aeff": "Effective area",
    "edisp": "Energy dispersion",
    "psf": "Point spread function",
    "bkgrate": "Background rate",
    "rad_max": "Radius of the cut on direction",
    "counts": "Image of the counts",
    "exposure": "Image of the exposure",
    "background": "Image of the expected background",
    "excess": "Image of the excess of counts over background",
    "significance": "Image of the significance",
    "flux": "Image of the flux",
}


@dataclass(frozen=True, slots=True)
class Product:
    """Something that can be had of an observation, as ``dl3.products`` describes it."""

    kind: str
    """Its column product, such as ``psf``."""
    family: str
    """Its column product_class: event, bundle, response or image."""
    did: str
    """What follows the authority in its publisher DID."""
    url: str
    media_type: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Linked:
    """An observation and all that can be had of it."""

    dataset_id: str
    title: str
    products: tuple[Product, ...]
    preview_url: str
    terms_url: str
    """Licence and citation."""
    reference_url: str | None
    forbidden: str = ""
    """Why its files are not served; empty if they are."""


@dataclass(frozen=True, slots=True)
class Link:
    """A row of a links document."""

    id: str
    access_url: str | None = None
    service_def: str | None = None
    error_message: str | None = None
    description: str | None = None
    semantics: str = "#this"
    content_type: str | None = None
    content_length: int | None = None
    content_qualifier: str | None = None
    local_semantics: str | None = None
    link_auth: str | None = None
    link_authorized: bool | None = None

    @property
    def cells(self) -> tuple[str | int | bool | None, ...]:
        """Its values in the order of :data:`LINK_COLUMNS`."""
        return astuple(self)


def fault_link(id_: str, fault: DataLinkFault) -> Link:
    """The row that says why there are no links."""
    return Link(id_, error_message=fault.text, semantics="#this")


def links_for(id_: str, linked: Linked, this: str) -> Iterator[Link]:
    """The links of one product of an observation.

    Parameters
    ----------
    id_
        The identifier as the client wrote it.
    linked
        The observation.
    this
        The product that is meant: part of its DID, such as ``counts``; empty for the event list.
    """
    products = sorted(linked.products, key=lambda product: not _is_meant(product, this))
    is_list = not this
    for product in products:
        if _is_meant(product, this):
            yield _link(id_, linked, product, "#this")
            if product.family == "image":
                yield _service(id_, linked, "soda", "Part of the image", "image/fits", product.kind)
        elif semantics := _relation(product, is_list=is_list):
            yield _link(id_, linked, product, semantics)
    if is_list:
        yield _service(
            id_,
            linked,
            "events",
            "Bundle with a selection of the events",
            "application/x-tar",
            "event-bundle",
        )
    yield Link(
        id_,
        access_url=linked.preview_url,
        description=f"Picture of {linked.title}",
        semantics="#preview",
        content_type="image/png",
    )
    yield Link(
        id_,
        access_url=linked.terms_url,
        description="Licence, citation and acknowledgement",
        semantics="#documentation",
        content_type="text/plain",
    )
    if linked.reference_url:
        yield Link(
            id_,
            access_url=linked.reference_url,
            description="Home page of the release",
            semantics="#documentation",
            content_type="text/html",
        )


def _is_meant(product: Product, this: str) -> bool:
    return product.did.partition("?")[0] == ("dl3" if not this else f"dl3/{this}")


def _relation(product: Product, *, is_list: bool) -> str | None:
    """What another product is to the one that is meant; None if nothing."""
    if is_list:
        return {"response": "#calibration", "bundle": "#package", "image": "#derivation"}.get(product.family)
    return {"event": "#progenitor", "response": "#calibration", "bundle": "#package"}.get(product.family)


def _link(id_: str, linked: Linked, product: Product, semantics: str) -> Link:
    what = f"{_DESCRIPTIONS.get(product.kind, product.kind)}: {linked.title}"
    if linked.forbidden:
        message = f"DefaultFault: {linked.forbidden}"
        return Link(id_, error_message=message, description=what, semantics=semantics)
    return Link(
        id_,
        access_url=product.url,
        description=what,
        semantics=semantics,
        content_type=product.media_type,
        content_length=product.size,
        content_qualifier=product.kind,
    )


def _service(id_: str, linked: Linked, service: str, what: str, media_type: str, kind: str) -> Link:
    if linked.forbidden:
        return Link(
            id_, error_message=f"DefaultFault: {linked.forbidden}", description=what, semantics="#proc"
        )
    return Link(
        id_,
        service_def=service,
        description=f"{what}: {linked.title}",
        semantics="#proc" if service == "events" else "#cutout",
        content_type=media_type,
        content_qualifier=kind,
    )


def product_names(products: Sequence[Product]) -> frozenset[str]:
    """What may follow ``dl3/`` in a DID of these."""
    return frozenset(product.did.partition("?")[0].removeprefix("dl3").lstrip("/") for product in products)
