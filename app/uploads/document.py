"""A VOTable document as a stream: an XML parser for what stands before the rows, bytes for the rows.

The rows may be a hundred million bytes of text, which no tree of elements should be made of. So the parser
is given the document up to the tag before them and no further; if it says that this tag is open then, all
that follows is content of that element.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, cast

from lxml import etree

from app.uploads.content import PIECE
from app.uploads.encodings import as_utf8
from app.uploads.field import Field
from app.uploads.intake import Intake, shown
from app.uploads.metadata import description_of, fields_of, local_name
from app.uploads.systems import Systems

Event = tuple[str, etree._Element]
"""``start`` or ``end``, and of what."""

_HEADER_PIECE = 1 << 16
_LONGEST_HEADER = 16 << 20
"""Bytes before the rows: a thousand columns described at length need a tenth of it."""
_TAG_BEFORE_ROWS = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?(?:TABLEDATA|STREAM)(?:\s[^<>]*)?/?>")
_SERIALIZATIONS = ("TABLEDATA", "BINARY", "BINARY2", "FITS")
_SYSTEMS = ("COOSYS", "TIMESYS")
_TOLD = ("VOTABLE", "TABLE", "FIELD", *_SYSTEMS, *_SERIALIZATIONS, "STREAM", "TR")
"""Elements that the parser tells of."""


@dataclass(frozen=True, slots=True)
class Prologue:
    """What a document says of its first table before the rows."""

    fields: tuple[Field, ...]
    description: str
    serialization: str | None
    """Name of the element around the rows; None where there are no rows."""
    extension: int | None = None
    """Number of the HDU of a FITS file."""


class Document:
    """A VOTable that is read once, to the end of its first table.

    Parameters
    ----------
    content
        The document, in any encoding.
    intake
        What complains.
    """

    def __init__(self, content: BinaryIO, intake: Intake) -> None:
        self.intake = intake
        self.is_plain = False
        """True if what :meth:`read` gives is the content of the element with the rows."""
        self.is_empty = False
        """True if that element has no content."""
        self._content = as_utf8(content, intake)
        self._rest = b""
        """Read, but not given to the parser."""
        self._fed = 0
        self._ended = False
        self._parser = etree.XMLPullParser(
            events=("start", "end"),
            tag=[f"{{*}}{name}" for name in _TOLD],
            encoding="utf-8",
            resolve_entities=False,
            load_dtd=False,
            no_network=True,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )

    def prologue(self) -> Prologue:
        """What stands before the rows.

        Raises
        ------
        app.errors.UploadError
            Raised if the document is not a VOTable with a table, or its rows cannot be reached.
        app.errors.RequestTooLarge
            Raised if the table has too many columns.
        """
        table: etree._Element | None = None
        serialization: str | None = None
        columns = 0
        systems = Systems()
        for event, element in self._events_before_rows():
            name = local_name(element)
            if event == "start":
                if element.getparent() is None:
                    self._check_root(element)
                elif name == "TABLE":
                    table = element
                elif name == "FIELD":
                    columns += 1
                    self.intake.check_columns(columns)
                elif name in _SYSTEMS:
                    systems.add(name, element)
                elif name in _SERIALIZATIONS and table is not None:
                    serialization = name
                if name == "TABLEDATA" or (name == "STREAM" and serialization):
                    break
            elif name in ("TABLE", "VOTABLE"):
                serialization = None
                break
        if table is None:
            raise self.intake.fault("It is a VOTable without a TABLE.")
        self._check_stream(element)
        return Prologue(
            fields_of(table, self.intake, systems),
            description_of(table),
            serialization,
            _extension(element) if serialization == "FITS" else None,
        )

    def read(self, size: int = PIECE) -> bytes:
        """More of the document behind the tag before the rows, about so many bytes; nothing at its end."""
        self.intake.check_stopped()
        piece = self._rest or self._content.read(size)
        self._rest = b""
        return piece

    def unread(self, piece: bytes) -> None:
        """Have it read again."""
        self._rest = piece + self._rest

    def events(self) -> Iterator[Event]:
        """What the parser says of all that has not been read yet."""
        yield from self._pending()
        while piece := self.read():
            yield from self._feed(piece)
        raise self.intake.fault("It is cut off: its rows do not end.")

    def _events_before_rows(self) -> Iterator[Event]:
        while not self._ended:
            for piece, is_tag in self._pieces():
                self._fed += len(piece)
                if self._fed > _LONGEST_HEADER:
                    raise self.intake.fault(f"There are no rows in its first {_LONGEST_HEADER:,} bytes.")
                self.is_empty = is_tag and piece.endswith(b"/>")
                self.is_plain = is_tag and not self.is_empty
                yield from self._feed(piece)
        with suppress(etree.XMLSyntaxError):
            self._check_root(self._parser.close())
        raise self.intake.fault("It is cut off: the XML ends before its first table does.")

    def _pieces(self) -> Iterator[tuple[bytes, bool]]:
        """More of the document, cut behind each tag that may stand before the rows; and whether it is.

        Whatever is not yet given is kept in ``_rest``, so that one may stop after any piece.
        """
        new = self._content.read(_HEADER_PIECE)
        self._ended = not new
        is_open = bool(self._rest) and b">" not in new and not self._ended
        self._rest += new
        if is_open and len(self._rest) < _LONGEST_HEADER:
            # Still within the tag that was kept; to search it each time would take long.
            return
        while tag := _TAG_BEFORE_ROWS.search(self._rest):
            piece, self._rest = self._rest[: tag.end()], self._rest[tag.end() :]
            yield piece, True
        # A tag that is not whole yet is kept for the next time.
        begun = self._rest.rfind(b"<")
        is_whole = begun < 0 or b">" in self._rest[begun:] or self._ended
        end = len(self._rest) if is_whole else begun
        piece, self._rest = self._rest[:end], self._rest[end:]
        yield piece, False

    def _feed(self, piece: bytes) -> Iterator[Event]:
        try:
            self._parser.feed(piece)
        except etree.XMLSyntaxError as error:
            raise self.intake.fault(f"It is not well-formed XML: {error.msg}.") from error
        yield from self._pending()

    def _pending(self) -> Iterator[Event]:
        return cast("Iterator[Event]", self._parser.read_events())

    def _check_root(self, root: etree._Element) -> None:
        name = local_name(root)
        dtd = root.getroottree().docinfo.internalDTD
        if dtd is not None and any(True for _ in dtd.iterentities()):  # type: ignore[attr-defined]
            raise self.intake.fault("It declares XML entities, which are not accepted; write them out.")
        if name != "VOTABLE":
            raise self.intake.fault(f"It is XML, but not a VOTable: its root is {shown(name)}.")

    def _check_stream(self, element: etree._Element) -> None:
        """Refuse rows that are not in the document (VOTable 1.5 section 5.2)."""
        if local_name(element) != "STREAM":
            return
        if element.get("href"):
            raise self.intake.fault(
                f"Its rows are elsewhere, at {shown(element.get('href'))}, from where they are not fetched.",
                hint="Put the rows into the document.",
            )
        if element.get("encoding", "base64") != "base64":
            raise self.intake.fault(
                f"Its STREAM has the encoding {shown(element.get('encoding'))}; base64 is understood."
            )


def _extension(stream: etree._Element) -> int | None:
    parent = stream.getparent()
    number = "" if parent is None else (parent.get("extnum") or "").strip()
    return int(number) if number.isdecimal() and number.isascii() and len(number) < 6 else None
