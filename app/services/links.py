"""The links of datasets, from the tables that describe what can be had of each observation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from app.formats import Info, Provenance
from app.results import ResultStream, arrow_schema
from app.services.query import Queries
from datalink import (
    LINK_COLUMNS,
    DataLinkFault,
    DatasetName,
    Link,
    Linked,
    NotFoundFault,
    Product,
    event_selection,
    fault_link,
    image_cutout,
    links_for,
    read_identifier,
)
from datalink.descriptors import DATALINK

_BATCH = 200
"""Identifiers that are looked up together."""
_MOST_ROWS = 1_000_000

_QUERY = """
    SELECT o.dataset_id, o.obs_id, o.collection, o.obs_title, p.product, p.product_class, p.product_did,
        p.product_path, p.product_format, p.product_size, c.rights, c.reference_url
    FROM dl3.products AS p
    JOIN dl3.observations AS o
        ON p.collection = o.collection AND p.obs_id = o.obs_id AND p.event_type = o.event_type
    JOIN dl3.collections AS c ON c.collection = o.collection
    WHERE {condition} ORDER BY o.collection, o.obs_id, o.event_type
"""


def links_table(queries: Queries, ids: Sequence[str], base_url: str) -> tuple[ResultStream, Provenance]:
    """The links of datasets as a table, rows of one identifier together and in the order of the identifiers.

    Parameters
    ----------
    ids
        As the client wrote them.
    base_url
        Root of the service as the client sees it.
    """
    batches = (
        _batch(find_links(queries, ids[first : first + _BATCH], base_url))
        for first in range(0, len(ids), _BATCH)
    )
    provenance = Provenance(
        (Info("standardID", DATALINK),),
        name="links",
        services=(event_selection(base_url), image_cutout(base_url)),
    )
    return ResultStream(LINK_COLUMNS, batches), provenance


def _batch(links: Iterator[Link]) -> pa.RecordBatch:
    schema = arrow_schema(LINK_COLUMNS)
    columns = list(zip(*(link.cells for link in links), strict=True)) or [()] * len(schema)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def find_links(queries: Queries, ids: Sequence[str], base_url: str) -> Iterator[Link]:
    """The links of some datasets; a fault of an identifier is told in a row of it.

    Raises
    ------
    app.errors.ServiceError
        Raised if the engine does not answer.
    """
    names: dict[str, DatasetName | DataLinkFault] = {}
    for id_ in ids:
        try:
            names[id_] = read_identifier(id_, queries.config.authority)
        except DataLinkFault as fault:
            names[id_] = fault
    known = find_linked(queries, [name for name in names.values() if isinstance(name, DatasetName)], base_url)
    for id_ in ids:
        name = names[id_]
        if isinstance(name, DataLinkFault):
            yield fault_link(id_, name)
            continue
        yield from _links_of(id_, name, known)


def _links_of(id_: str, name: DatasetName, known: Mapping[str, Sequence[Linked]]) -> Iterator[Link]:
    found = known.get(name.dataset_id or str(name.obs_id), ())
    if not found:
        yield fault_link(id_, NotFoundFault(f'There is no dataset "{id_.strip()[:200]}".'))
    for linked in found:
        this = f"dl3/{name.product}" if name.product else "dl3"
        if any(product.did.partition("?")[0] == this for product in linked.products):
            yield from links_for(id_, linked, name.product)
        else:
            what = f'There is no product "{name.product[:80]}" of {linked.dataset_id}.'
            yield fault_link(id_, NotFoundFault(what))


def find_linked(
    queries: Queries, names: Sequence[DatasetName], base_url: str
) -> Mapping[str, Sequence[Linked]]:
    """What can be had of observations, by ``dataset_id`` and, for who asks for any collection, by number."""
    condition = _condition(names)
    if not condition:
        return {}
    rows = queries.table(_QUERY.format(condition=condition), _MOST_ROWS, base_url=base_url).to_pylist()
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["dataset_id"], []).append(row)
    found: dict[str, list[Linked]] = {}
    for dataset_id, products in groups.items():
        linked = _linked(queries, products, base_url)
        found[dataset_id] = [linked]
        found.setdefault(str(products[0]["obs_id"]), []).append(linked)
    return found


def _condition(names: Sequence[DatasetName]) -> str:
    named = sorted({name.dataset_id for name in names if name.dataset_id})
    numbers = sorted({name.obs_id for name in names if not name.dataset_id})
    parts = []
    if named:
        parts.append(f"o.dataset_id IN ({', '.join(map(_literal, named))})")
    if numbers:
        parts.append(f"o.obs_id IN ({', '.join(map(str, numbers))})")
    return " OR ".join(parts)


def _linked(queries: Queries, rows: Sequence[Mapping[str, Any]], base_url: str) -> Linked:
    first = rows[0]
    products = tuple(
        Product(
            row["product"],
            row["product_class"],
            row["product_did"],
            f"{base_url}/{row['product_path']}",
            row["product_format"],
            row["product_size"],
        )
        for row in rows
    )
    collection = first["collection"]
    return Linked(
        first["dataset_id"],
        first["obs_title"] or first["dataset_id"],
        products,
        preview_url=f"{base_url}/previews/{first['dataset_id']}.png",
        terms_url=f"{base_url}/terms/{quote(collection)}.txt",
        reference_url=first["reference_url"],
        forbidden=forbidden(queries, collection, first["rights"]),
    )


def forbidden(queries: Queries, collection: str, rights: str | None) -> str:
    """Why files of a collection are not served; empty if they are."""
    if rights == "public" or queries.config.serve_restricted:
        return ""
    return f"The files of {collection} are not served, as its licence forbids it; see dl3.collections."


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
