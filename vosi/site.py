"""What views say of the service they are in: its addresses and identifiers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from adql import Catalogue, Table


@dataclass(frozen=True, slots=True)
class Site:
    """Where the service is."""

    base_url: str
    """URL of its root as the client sees it, without a slash at the end."""
    authority: str
    """IVOA authority identifier of the publisher."""
    terms: str = "rec"
    """Whose words for data products views use: ``rec`` for ObsCore 1.1, ``draft`` for the extension of it."""


def sited(catalogue: Catalogue, site: Site) -> Catalogue:
    """The catalogue with views that name this site.

    Definitions of views have the words ``{base_url}``, ``{authority}`` and ``{terms}`` within texts in
    single quotes.
    """
    words = {"base_url": site.base_url, "authority": site.authority, "terms": site.terms}
    views = [table for table in catalogue if table.definition is not None and "{" in table.definition]
    for view in views:
        catalogue = catalogue.with_table(_filled(view, words))
    return catalogue


def _filled(view: Table, words: dict[str, str]) -> Table:
    text = view.definition or ""
    for word, value in words.items():
        text = text.replace(f"{{{word}}}", value.replace("'", "''"))
    return replace(view, definition=text)
