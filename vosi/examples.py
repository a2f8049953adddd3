"""Worked queries on our tables, and the DALI examples document that tells them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

from lxml import etree
from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter

from vosi.description import Sentence, read_yaml
from vosi.text import xml_text

VOCABULARY = "http://www.ivoa.net/rdf/examples#"
"""DALI 1.1 section 2.3.1."""
_XHTML = "http://www.w3.org/1999/xhtml"
_FILE = Path(__file__).parent / "examples.yaml"
_SHOWN = 200
"""Rows of a result that is looked at in a browser."""
_FORMATS = {"see the rows": ("html", _SHOWN), "as VOTable": ("votable", None), "as CSV": ("csv", None)}
"""What a link says -> RESPONSEFORMAT and MAXREC."""


@dataclass(frozen=True, slots=True)
class Example:
    """A query with what it is good for."""

    id: str
    """An XML name."""
    name: str
    """Title."""
    text: str
    """A sentence or two."""
    query: str
    """ADQL, in lines."""
    tables: tuple[str, ...]
    """Those it reads, by qualified name."""


class _Written(BaseModel):
    """An example as the YAML file writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$", max_length=40)]
    name: Sentence
    text: Sentence
    query: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    tables: list[str]

    def to_example(self) -> Example:
        """The same as the service knows it."""
        return Example(self.id, self.name, self.text, self.query, tuple(self.tables))


@cache
def load_examples() -> tuple[Example, ...]:
    """The worked queries, simple ones first."""
    written = TypeAdapter(list[_Written]).validate_python(read_yaml(_FILE))
    return tuple(example.to_example() for example in written)


def examples_document(examples: tuple[Example, ...], *, tap_url: str, title: str, style: str) -> bytes:
    """The examples as a page that is read by people and, by its RDFa, by programs.

    Parameters
    ----------
    examples
        What to tell.
    tap_url
        URL of the TAP service.
    title
        Of the service.
    style
        A style sheet.

    Returns
    -------
    bytes
        XHTML in UTF-8 (DALI 1.1 section 2.3); of each example, ``name``, and the terms of TAP 1.1
        section 2.4.3: ``query`` and ``table``.
    """
    html = etree.Element(_tag("html"), nsmap={None: _XHTML}, lang="en")  # type: ignore[dict-item]
    head = _add(html, "head")
    _add(head, "meta", charset="utf-8")
    _add(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    _add(head, "title", f"{title}: worked queries")
    _add(head, "style", style)
    body = _add(html, "body")
    _add(body, "h1", "Worked queries")
    _introduce(body, tap_url, title)
    main = _add(body, "main", vocab=VOCABULARY)
    for example in examples:
        _tell(main, example, tap_url)
    return etree.tostring(html, encoding="UTF-8", doctype="<!DOCTYPE html>", xml_declaration=False) + b"\n"


def _introduce(body: etree._Element, tap_url: str, title: str) -> None:
    soft = {"class": "soft"}
    lead = _add(body, "p", **soft)
    _add(lead, "a", title, href=f"{tap_url.removesuffix('/tap')}/")
    lead[-1].tail = " answers each of these queries in ADQL, as they are or changed to your needs."
    _add(body, "p", "In TOPCAT they are in the menu Examples of the TAP window; in Python:")
    _add(body, "pre", f'import pyvo\n\ntap = pyvo.dal.TAPService("{tap_url}")\nprint(tap.examples[0])')


def _tell(main: etree._Element, example: Example, tap_url: str) -> None:
    section = _add(main, "section", typeof="example", id=example.id, resource=f"#{example.id}")
    _add(section, "h2", example.name, property="name")
    _add(section, "p", example.text)
    _add(section, "pre", example.query, property="query")
    links = _add(section, "p")
    for number, (words, (format_, maxrec)) in enumerate(_FORMATS.items()):
        asked = {"LANG": "ADQL", "RESPONSEFORMAT": format_, "QUERY": example.query}
        if maxrec is not None:
            asked["MAXREC"] = str(maxrec)
        _between(links, " \u00b7 " if number else "")
        _add(links, "a", words, href=f"{tap_url}/sync?{urlencode(asked)}")
    _between(links, " \u00b7 reads ")
    for number, table in enumerate(example.tables):
        _between(links, ", " if number else "")
        _add(links, "code", table, property="table")


def _between(element: etree._Element, text: str) -> None:
    """Put a text after what the element has so far."""
    if len(element):
        element[-1].tail = (element[-1].tail or "") + text
    else:
        element.text = (element.text or "") + text


def _add(parent: etree._Element, tag: str, text: str | None = None, **attributes: str) -> etree._Element:
    element = etree.SubElement(
        parent, _tag(tag), {name: xml_text(value) for name, value in attributes.items()}
    )
    element.text = None if text is None else xml_text(text)
    return element


def _tag(name: str) -> str:
    return f"{{{_XHTML}}}{name}"
