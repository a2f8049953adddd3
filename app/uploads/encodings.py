"""A document of XML in UTF-8, whatever encoding it came in."""

from __future__ import annotations

import codecs
import io
import re
from typing import BinaryIO, cast

from app.uploads.content import head_of
from app.uploads.intake import Intake, shown

_HEAD = 400
"""Bytes within which an XML declaration ends."""
_DECLARATION = re.compile(r'\s*<\?xml[^>]*?\sencoding\s*=\s*["\']([A-Za-z0-9._-]+)["\'][^>]*\?>')
_UTF8 = ("utf-8", "utf8", "us-ascii", "ascii")
_KNOWN = re.compile(r"iso-?8859-?\d{1,2}|latin-?[1-9]|windows-125\d|utf-?16(?:le|be)?")


def as_utf8(content: BinaryIO, intake: Intake) -> BinaryIO:
    """The document in UTF-8; what it declares of its encoding (XML 1.0 section 4.3.3) is to be ignored then.

    Raises
    ------
    app.errors.UploadError
        Raised if it declares an encoding that is not known; and when it is read, if it is not in it.
    """
    head = head_of(content, _HEAD)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _recoded(content, "utf-16", intake)
    declared = _DECLARATION.match(head.removeprefix(codecs.BOM_UTF8).decode("latin-1"))
    encoding = declared[1].lower() if declared else "utf-8"
    if encoding in _UTF8:
        return content
    if not _KNOWN.fullmatch(encoding):
        raise intake.fault(f"Its encoding {shown(encoding)} is not understood; UTF-8 is.")
    return _recoded(content, encoding, intake)


def _recoded(content: BinaryIO, encoding: str, intake: Intake) -> BinaryIO:
    try:
        reader = codecs.getreader(encoding)(content)
    except LookupError as error:
        raise intake.fault(f"Its encoding {shown(encoding)} is not understood; UTF-8 is.") from error
    return cast(BinaryIO, _Recoded(reader, intake))


class _Recoded(io.RawIOBase):
    """A text in another encoding, read as UTF-8."""

    def __init__(self, reader: codecs.StreamReader, intake: Intake) -> None:
        self._reader = reader
        self._intake = intake

    def read(self, size: int = -1) -> bytes:
        """The next piece, of about that size."""
        try:
            return self._reader.read(size).encode("utf-8")
        except UnicodeError as error:
            raise self._intake.fault(f"It is not in the encoding that it declares: {error}.") from error
