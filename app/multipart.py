"""Multipart forms (RFC 7578): fields in memory, as few as they are; files in temporary files."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, Protocol, cast

from python_multipart.decoders import Base64Decoder, QuotedPrintableDecoder
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, MultipartState, parse_options_header

from app.errors import RequestTooLarge, UsageError
from app.services.parameters import SentFile

_IN_MEMORY = 2**20
"""Bytes of a file that are held in memory."""


class _Sink(Protocol):
    def write(self, data: bytes) -> int: ...

    def finalize(self) -> None: ...


_DECODERS: dict[str, Callable[[Any], _Sink]] = {
    "base64": Base64Decoder,
    "quoted-printable": QuotedPrintableDecoder,
}


_CHARSETS = {
    "": "utf-8",
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "iso-8859-1": "iso-8859-1",
    "latin1": "iso-8859-1",
    "iso-8859-15": "iso-8859-15",
    "windows-1252": "cp1252",
    "cp1252": "cp1252",
}
"""Name of a charset -> the codec for it. Python knows many more, some of them slow or surprising."""


def read_multipart(
    body: BinaryIO, content_type: str, *, most_parts: int, most_bytes: int
) -> tuple[list[tuple[str, str]], list[SentFile]]:
    """The fields and files of a form; the caller closes the files.

    Parameters
    ----------
    body
        From its beginning.
    content_type
        With the boundary of its parts.
    most_parts
        How many there may be.
    most_bytes
        How long all fields together may be. Files are as long as the body lets them be.

    Raises
    ------
    UsageError
        Raised if it is not such a form, or cut off.
    RequestTooLarge
        Raised if it is beyond the limits.
    """
    form = _Form(most_parts=most_parts, most_bytes=most_bytes)
    try:
        parser = MultipartParser(_boundary(content_type), cast(Any, form.callbacks))
        while chunk := body.read(_IN_MEMORY):
            parser.write(chunk)
        parser.finalize()
        if parser.state != MultipartState.END:
            raise UsageError("The multipart form is cut off: its last boundary is missing.")
    except (FormParserError, ValueError) as error:
        form.close()
        raise UsageError(f"The multipart form cannot be read: {error}.") from error
    except BaseException:
        form.close()
        raise
    return form.fields, form.files


def _boundary(content_type: str) -> bytes:
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise UsageError("The multipart form cannot be read: its Content-Type has no boundary.")
    return boundary


class _Part:
    """A part on its way in.

    Parameters
    ----------
    headers
        Name in lower case -> value.
    count
        Called with the bytes of each piece of a field before it is kept; may raise.
    """

    def __init__(self, headers: Mapping[str, bytes], count: Callable[[int], None]) -> None:
        _, options = parse_options_header(headers.get("content-disposition"))
        if b"name" not in options:
            raise FormParserError("a part has no name in its Content-Disposition")
        self._name, self._file_name = options[b"name"], options.get(b"filename", b"")
        self._media_type = headers.get("content-type", b"").decode("latin-1")
        # A part that says that it is no text is a file, named or not.
        is_text = self._media_type.partition(";")[0].strip().lower() in ("", "text/plain")
        self.is_file = b"filename" in options or not is_text
        self._count = count
        spooled = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 (closed with its form)
        self.content = cast(BinaryIO, spooled)
        encoding = headers.get("content-transfer-encoding", b"").decode("latin-1").lower()
        decoder = _DECODERS.get(encoding)
        self.sink: _Sink = self if decoder is None else decoder(self)

    def write(self, data: bytes) -> int:
        """Take a piece of the content, decoded."""
        if not self.is_file:
            self._count(len(data))
        return self.content.write(data)

    def finalize(self) -> None:
        """Nothing is held back; a decoder asks for it."""

    def to_file(self) -> SentFile:
        """What has come, as a file."""
        size = self.content.tell()
        self.content.seek(0)
        return SentFile(_text(self._name), _text(self._file_name), self.content, size, self._media_type)

    def to_field(self) -> tuple[str, str]:
        """Name and value."""
        with self.content:
            self.content.seek(0)
            return _text(self._name), _text(self.content.read(), charset_of(self._media_type))


class _Form:
    """Makes parts of what the parser finds."""

    def __init__(self, *, most_parts: int, most_bytes: int) -> None:
        self.fields: list[tuple[str, str]] = []
        self.files: list[SentFile] = []
        self._most_parts = most_parts
        self._most_bytes = most_bytes
        self._bytes = 0
        self._headers: dict[str, bytes] = {}
        self._header = [b"", b""]
        self._part: _Part | None = None

    @property
    def callbacks(self) -> dict[str, Callable[..., None]]:
        """For the parser."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._add_to_header(0, data[start:end]),
            "on_header_value": lambda data, start, end: self._add_to_header(1, data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._open,
            "on_part_data": lambda data, start, end: self._write(data[start:end]),
            "on_part_end": self._end,
        }

    def close(self) -> None:
        """Let go of the files."""
        for file in self.files:
            file.content.close()
        if self._part is not None:
            self._part.content.close()

    def _begin(self) -> None:
        if len(self.fields) + len(self.files) >= self._most_parts:
            raise RequestTooLarge(f"The request has more than the {self._most_parts} parameters allowed.")
        self._headers = {}

    def _add_to_header(self, place: int, piece: bytes) -> None:
        self._header[place] += piece

    def _end_header(self) -> None:
        name, value = self._header
        self._headers[name.decode("latin-1").strip().lower()] = value.strip()
        self._header = [b"", b""]

    def _open(self) -> None:
        self._part = _Part(self._headers, self._count)

    def _count(self, nbytes: int) -> None:
        self._bytes += nbytes
        if self._bytes > self._most_bytes:
            raise RequestTooLarge(
                f"The fields of the form are larger than the {self._most_bytes:,} bytes allowed.",
                hint="Send a table as a file: in a part with a filename.",
            )

    def _write(self, piece: bytes) -> None:
        assert self._part is not None
        self._part.sink.write(piece)

    def _end(self) -> None:
        assert self._part is not None
        part = self._part
        part.sink.finalize()
        if part.is_file:
            self.files.append(part.to_file())
        else:
            self.fields.append(part.to_field())
        self._part = None


def charset_of(content_type: str) -> str:
    """The charset that a Content-Type names; UTF-8, if it names none.

    Raises
    ------
    UsageError
        Raised if it is none of those that are read.
    """
    _, options = parse_options_header(content_type)
    named = options.get(b"charset", b"").decode("latin-1").strip().lower()
    charset = _CHARSETS.get(named)
    if charset is None:
        raise UsageError(f'The charset "{named[:40]}" is not read here; send UTF-8.')
    return charset


def _text(value: bytes, charset: str = "utf-8") -> str:
    try:
        return value.decode(charset)
    except UnicodeDecodeError as error:
        raise UsageError(
            f"A part of the multipart form is not valid {charset.upper()}; send it so."
        ) from error
