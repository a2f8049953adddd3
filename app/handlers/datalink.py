"""DataLink 1.1: the links of datasets."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from app.dependencies import BaseUrlDependency, ParametersDependency, ServiceDependency
from app.errors import UsageError
from app.formats import choose_format
from app.formats.votable import Serialization, VOTable
from app.responses import stream_chunks
from app.services.links import links_table

router = APIRouter(prefix="/datalink")

_CONTENT = "application/x-votable+xml;content=datalink"


@router.api_route("/links", methods=["GET", "POST"])
async def links(
    parameters: ParametersDependency, service: ServiceDependency, base_url: BaseUrlDependency
) -> Response:
    """The links of each dataset that ID names (DataLink 1.1 section 2)."""
    writer = _writer(parameters.one("RESPONSEFORMAT"))
    ids = tuple(dict.fromkeys(parameters.all("ID")))
    result, provenance = links_table(service.queries, ids, base_url)
    return await stream_chunks(
        writer.write(result, provenance), service.threads, headers={"content-type": _CONTENT}
    )


def _writer(asked: str | None) -> VOTable:
    """The serialisation that is asked for; TABLEDATA if none is (DataLink 1.1 section 3.3)."""
    wanted = (asked or "").replace("content=datalink", "").replace(" ", "").rstrip(";").replace(";;", ";")
    if not wanted or wanted.lower() in ("application/x-votable+xml", "application/x-votable xml", "votable"):
        return VOTable(Serialization.TABLEDATA)
    writer = choose_format(wanted).writer
    if not isinstance(writer, VOTable):
        raise UsageError(f'Links come as VOTable, not as "{wanted[:60]}".')
    return writer
