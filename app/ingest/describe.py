"""The row of ``dl3.collections`` that a release makes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from app.ingest.discovery import Store
from app.ingest.documents import Told, read_documents
from app.ingest.errors import IngestError
from app.ingest.report import Findings
from app.ingest.rights import METADATA, RIGHTS, forbidding_sentence

OPTIONS = ("title", "licence", "citation", "rights")
"""What an operator can say of a collection; it stands until said anew, and an empty text takes it back."""


def check_options(options: Mapping[str, str | None]) -> dict[str, str]:
    """What the operator says, without what he does not.

    Raises
    ------
    IngestError
        Raised if the rights are none.
    """
    said = {name: value.strip() for name, value in options.items() if value is not None}
    if said.get("rights") not in (None, "", *RIGHTS):
        raise IngestError(f'The rights "{said["rights"]}" are not known; {" or ".join(RIGHTS)} is right.')
    return said


def documents_of(store: Store) -> Told:
    """What the texts of a release tell: those in its root, else those beside its index."""
    told = read_documents(store.root, store.root)
    if told == Told() and store.indices:
        told = read_documents(store.indices[0].folder, store.root)
    return told


def rights_of(name: str, told: Told, options: Mapping[str, str], findings: Findings) -> str:
    """The rights of a collection: the operator's word, else what its licence lets be inferred."""
    if options.get("rights"):
        return options["rights"]
    forbidden = forbidding_sentence(options["licence"]) if options.get("licence") else told.forbidden_by
    if forbidden:
        findings.warn(
            f'{name}: its events and files are not served, as its terms say: "{forbidden}" (the option '
            "rights overrules this)."
        )
        return METADATA
    return told.rights if not options.get("licence") else RIGHTS[0]


def collection_row(
    name: str,
    told: Told,
    options: Mapping[str, str],
    rights: str,
    observations: pa.Table,
    *,
    simulated: bool,
    sizes: Sequence[int],
) -> dict[str, Any]:
    """The row, without ``ingested``.

    Parameters
    ----------
    observations
        Its rows of ``dl3.observations``.
    simulated
        Whether some event list says that it is simulated.
    sizes
        Bytes of each of its files.
    """
    said_licence = options.get("licence")
    telescopes = _distinct(observations["telescope"])
    return {
        "collection": name,
        "title": options.get("title") or told.title or name,
        "description": told.description,
        "facility": telescopes,
        "instruments": _distinct(observations["instrument"]),
        "simulated": 1 if simulated else 0 if telescopes else None,
        "licence": said_licence or told.licence,
        "licence_url": None if said_licence else told.licence_url,
        "citation": options.get("citation") or told.citation,
        "reference_url": told.reference_url,
        "rights": rights,
        "gadf_versions": _distinct(observations["gadf_version"]),
        "n_observations": observations.num_rows,
        "n_events": pc.sum(observations["event_count"]).as_py() or 0,
        "n_files": len(sizes),
        "n_bytes": sum(sizes),
        "first_mjd": pc.min(observations["start_mjd"]).as_py(),
        "last_mjd": pc.max(observations["stop_mjd"]).as_py(),
        "total_livetime": pc.sum(observations["livetime"]).as_py(),
        "lowest_energy": pc.min(observations["min_energy"]).as_py(),
        "highest_energy": pc.max(observations["max_energy"]).as_py(),
    }


def fingerprint(row: Mapping[str, Any], root: str) -> str:
    """Tells whether what is said of a collection has changed."""
    return hashlib.sha256(json.dumps([root, sorted(row.items())]).encode()).hexdigest()


def _distinct(column: pa.ChunkedArray) -> str | None:
    return "; ".join(sorted(value for value in pc.unique(column).to_pylist() if value)) or None
