"""Identifiers of datasets, as clients bring them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from datalink.faults import NotFoundFault, UsageFault

_COLLECTION = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_DATASET = re.compile(rf"({_COLLECTION})/(-?\d{{1,19}})(?:/([^/]+))?", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_RESOURCE = re.compile(r"dl3(?:/([A-Za-z0-9_%.-]{1,80}))?", re.IGNORECASE)
_LONGEST = 1000
_MOST = 2**63


@dataclass(frozen=True, slots=True)
class DatasetName:
    """What an identifier names."""

    obs_id: int
    collection: str | None = None
    """None if any collection is meant: the identifier is a bare number of an observation."""
    event_type: str = ""
    product: str = ""
    """As the publisher DID of a product has it, such as ``counts``; empty for the event list."""

    @property
    def dataset_id(self) -> str:
        """As ``dl3.observations`` has it; empty if any collection is meant."""
        if self.collection is None:
            return ""
        event_type = [quote(self.event_type, safe="")] if self.event_type else []
        return "/".join([self.collection, str(self.obs_id), *event_type])


def read_identifier(text: str, authority: str) -> DatasetName:
    """The dataset that an identifier names.

    Parameters
    ----------
    text
        A publisher DID, ``ivo://<authority>/dl3?<collection>/<obs_id>[/<event_type>]`` or that of a product
        (``.../dl3/<product>?...``); what follows its question mark; or an OBS_ID.
    authority
        IVOA authority identifier of the publisher.

    Raises
    ------
    UsageFault
        Raised if it is none of these.
    NotFoundFault
        Raised if it is an identifier of another publisher.
    """
    written = text.strip()
    if len(written) > _LONGEST:
        raise UsageFault(f"An identifier has {_LONGEST} characters at most, not {len(written)}.")
    if _NUMBER.fullmatch(written) and abs(int(written)) < _MOST:
        return DatasetName(int(written))
    if written[:6].lower() != "ivo://":
        return _dataset(written, "", text)
    owner, _, path = written[6:].partition("/")
    if owner.lower() != authority.lower():
        raise NotFoundFault(
            f'"{written[:200]}" is of another publisher: those of this one begin with ivo://{authority}/dl3.'
        )
    resource, _, query = path.partition("?")
    match = _RESOURCE.fullmatch(resource)
    if match is None:
        raise NotFoundFault(f'There is no dataset "{written[:200]}".')
    return _dataset(query, unquote(match[1] or ""), text)


def _dataset(written: str, product: str, whole: str) -> DatasetName:
    match = _DATASET.fullmatch(written)
    if match is None or abs(int(match[2])) >= _MOST:
        raise UsageFault(
            f'"{whole.strip()[:200]}" is no identifier of a dataset; '
            "ivo://<authority>/dl3?<collection>/<obs_id> or an OBS_ID is one."
        )
    return DatasetName(int(match[2]), match[1], unquote(match[3] or ""), product)
