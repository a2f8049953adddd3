"""What a result says of where it comes from, in the words of the IVOA Note "Data Origin in the VO" 1.2."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote, urlencode, urlsplit

from app.formats import Info
from app.lake import Origin

PROTOCOL = "ivo://ivoa.net/std/TAP"
COLLECTIONS_HEADER = "X-GammaHub-Collections"
"""The releases that a result has rows of, for formats that have no place for their terms."""

_MOST = 50
"""So many releases are described one by one."""
_MOST_LINKS = 20
_LONGEST_REQUEST = 2000
"""A request is repeated as a URL if that is no longer than this."""


def request_url(tap_url: str, query: str) -> str | None:
    """A URL that asks the same again; None if it were too long for some clients."""
    url = f"{tap_url}/sync?{urlencode({'LANG': 'ADQL', 'QUERY': query})}"
    return url if len(url) <= _LONGEST_REQUEST else None


def origin_infos(origins: Sequence[Origin]) -> Iterator[Info]:
    """What is to be said of releases that a result has rows of: their makers, their terms, how to cite."""
    for origin in origins[:_MOST]:
        name = origin.collection
        yield Info("collection", name, origin.title or "")
        for word, value, meaning in (
            ("creator", origin.facility, "Who made {}"),
            ("citation", origin.citation, "How to cite or acknowledge {}"),
            ("reference_url", origin.reference_url, "Where {} is described"),
            ("rights", origin.licence, "Terms of use of {}"),
            ("rights_uri", origin.licence_url, "Licence of {}"),
        ):
            if value:
                yield Info(word, value, meaning.format(name))
    left = len(origins) - _MOST
    if left > 0:
        yield Info("remark", f"Rows of {left} more releases were read; dl3.collections has their terms.")


def origin_headers(origins: Sequence[Origin]) -> Mapping[str, str]:
    """The same as far as headers of HTTP can tell it: licences and what to cite as links.

    Notes
    -----
    ``license`` and ``cite-as`` are link relations (RFC 8288) of RFC 4946 and RFC 8574.
    """
    if not origins:
        return {}
    names = [quote(origin.collection, safe="") for origin in origins]
    headers = {COLLECTIONS_HEADER: ", ".join([*names[:_MOST], *(["..."] if len(names) > _MOST else [])])}
    links = dict.fromkeys(link for origin in origins for link in _links(origin))
    if links:
        headers["Link"] = ", ".join(list(links)[:_MOST_LINKS])
    return headers


def _links(origin: Origin) -> Iterator[str]:
    for relation, url in (("license", origin.licence_url), ("cite-as", origin.reference_url)):
        if url and urlsplit(url).scheme in ("http", "https"):
            yield f'<{quote(url, safe=":/?#[]@!$&()*+;=%~")}>; rel="{relation}"'
