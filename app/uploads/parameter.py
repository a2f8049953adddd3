"""UPLOAD: which tables a request brings (TAP 1.1 section 2.7.6, DALI 1.1 section 3.4.5)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO
from urllib.parse import urlsplit

from adql.words import RESERVED_WORDS
from app.errors import RequestTooLarge, UsageError
from app.uploads.intake import shown
from app.uploads.limits import UploadLimits

_FORM = "it is written as UPLOAD=name,param:part or UPLOAD=name,https://example.org/table.vot"
_NEXT = re.compile(r';(?=(?:[^,;"]*|\s*"[^"]*"\s*),\s*[A-Za-z][A-Za-z0-9+.-]*:)|;(?=\s*\Z)')
"""A semicolon between two tables; one with no name, comma and scheme behind it belongs to a URL."""
_DELIMITED = re.compile(r'\s*"(?P<name>[^"]*)"\s*,')
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_LONGEST_NAME = 128
_SCHEMA = "tap_upload."


@dataclass(frozen=True, slots=True)
class Part:
    """A file that came with a request."""

    content: BinaryIO
    """It can be sought; read from where it stands."""
    media_type: str = ""
    """As the client says; empty if it does not."""
    file_name: str = ""
    """What the client calls it."""


@dataclass(frozen=True, slots=True)
class UploadSource:
    """A table that a query is to see."""

    name: str
    """Its name, without the schema TAP_UPLOAD."""
    part: Part | None = None
    """The file it is in; None where it is to be fetched."""
    url: str | None = None
    """Where it is to be fetched."""
    result: tuple[str, str] | None = None
    """The job, and the name of its result, that is the table: what :attr:`url` means on this service."""


def read_sources(
    values: Sequence[str], parts: Mapping[str, Part], limits: UploadLimits
) -> tuple[UploadSource, ...]:
    """The tables that the values of UPLOAD name.

    Parameters
    ----------
    values
        Each has one table, or several with semicolons between.
    parts
        Name of a part of the form -> the file in it.
    limits
        How many there may be.

    Raises
    ------
    UsageError
        Raised if a value is not of that form, a name is no identifier or comes twice, or a part is missing.
    RequestTooLarge
        Raised if there are too many.
    """
    pairs = [pair for value in values for pair in _NEXT.split(value) if pair.strip()]
    if len(pairs) > limits.tables:
        raise RequestTooLarge(
            f"UPLOAD names {len(pairs)} tables; a request may bring {limits.tables}."
            if limits.tables
            else "UPLOAD is switched off on this service; leave it out."
        )
    sources = tuple(_source(pair, parts, limits) for pair in pairs)
    names = [source.name.lower() for source in sources]
    for source, name in zip(sources, names, strict=True):
        if names.count(name) > 1:
            raise UsageError(f"UPLOAD names the table {shown(source.name)} twice; give each its own name.")
    return sources


def with_results(sources: Sequence[UploadSource], tap_url: str) -> tuple[UploadSource, ...]:
    """The same tables, with the results of jobs told from what is elsewhere.

    A service need not reach its own URL, which may not be on the public network.

    Parameters
    ----------
    sources
        The tables.
    tap_url
        Where the TAP service is, as the client sees it.
    """
    form = re.compile(re.escape(tap_url) + r"/async/([0-9a-f]+)/results/([A-Za-z0-9_.-]+)")
    found = (form.fullmatch(source.url or "") for source in sources)
    return tuple(
        source if match is None else replace(source, result=(match[1], match[2]))
        for source, match in zip(sources, found, strict=True)
    )


def _source(pair: str, parts: Mapping[str, Part], limits: UploadLimits) -> UploadSource:
    delimited = _DELIMITED.match(pair)
    if delimited is not None:
        name, uri = _delimited_name(delimited["name"]), pair[delimited.end() :].strip()
    else:
        written, _, uri = (piece.strip() for piece in pair.partition(","))
        name = _regular_name(written)
    if not uri or re.search(r"\s", uri):
        raise UsageError(f"UPLOAD {shown(pair)} cannot be read; {_FORM}.")
    scheme, colon, rest = uri.partition(":")
    if scheme.lower() == "param" and colon:
        return UploadSource(name, part=_part(name, rest, parts))
    if scheme.lower() not in ("http", "https") or not limits.urls:
        schemes = "param:, http: and https:" if limits.urls else "param:"
        raise UsageError(f"UPLOAD {shown(uri)} of table {shown(name)} cannot be fetched: {schemes} can.")
    return UploadSource(name, url=_url(name, uri))


def _delimited_name(name: str) -> str:
    if not name.strip() or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise UsageError(
            f"UPLOAD has {shown(name)} for the name of a table; 1 to {_LONGEST_NAME} legible characters are."
        )
    return name


def _regular_name(name: str) -> str:
    if name.lower().startswith(_SCHEMA):
        raise UsageError(
            f"UPLOAD names the table {shown(name)}; give its name without the schema: "
            f"{shown(name[len(_SCHEMA) :])}."
        )
    if not _IDENTIFIER.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise UsageError(
            f"UPLOAD names the table {shown(name)}, which is no ADQL identifier: a letter, then letters, "
            f"digits and underscores, at most {_LONGEST_NAME}; {_FORM}."
        )
    if name.upper() in RESERVED_WORDS:
        raise UsageError(
            f"UPLOAD names the table {shown(name)}, which is a reserved word of ADQL; try {name}_1."
        )
    return name


def _part(name: str, tag: str, parts: Mapping[str, Part]) -> Part:
    if tag in parts:
        return parts[tag]
    alike = [part for known, part in parts.items() if known.lower() == tag.lower()]
    if len(alike) == 1:
        return alike[0]
    there = ", ".join(shown(known) for known in list(parts)[:10]) or "none"
    raise UsageError(
        f"UPLOAD takes table {shown(name)} from the part {shown(tag)} of the form, which is not there "
        f"(there is {there}); send the request as multipart/form-data with the file in a part of that name."
    )


def _url(name: str, uri: str) -> str:
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port == 0:
        raise UsageError(f"UPLOAD {shown(uri)} of table {shown(name)} is no URL with the name of a host.")
    return uri
