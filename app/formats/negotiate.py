"""Which format a request asks for: RESPONSEFORMAT, FORMAT and Accept read against one table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.errors import UsageError
from app.formats.arrow_files import ArrowStream, Parquet
from app.formats.base import Writer
from app.formats.ecsv import Ecsv
from app.formats.fits import Fits
from app.formats.json_table import JsonTable
from app.formats.pages import HtmlPage, PlainText
from app.formats.text import CSV, CSV_WITHOUT_HEADER, TSV
from app.formats.votable import Serialization, VOTable

_ECHOED = 200
"""How much of a wrong value an error message repeats."""
_RANGES = 50
"""How many media ranges of an Accept header are read."""


@dataclass(frozen=True, slots=True)
class Format:
    """One row of the table of output formats, as TAPRegExt 1.0 section 2.4 declares them."""

    name: str
    """For people."""
    media_types: tuple[str, ...]
    """All that may ask for it, without parameters; the first is its own."""
    writer: Writer
    parameter: str = ""
    """Tells the format from others of the same media type; the first of them may be had without it."""
    aliases: tuple[str, ...] = ()
    """Short forms (DALI 1.1 section 3.4.3), lower case."""
    implied: tuple[str, ...] = ()
    """Parameters that may be asked for and change nothing, lower case."""
    sent: str = ""
    """Parameters that every answer carries."""
    ivo_id: str | None = None
    """TAPRegExt 1.0 section 2.4 identifier."""
    by_accept: bool = True
    """False for a format that an Accept header does not choose."""

    @property
    def media_type(self) -> str:
        """The media type that asks for this format and no other."""
        return ";".join(filter(None, (self.media_types[0], self.parameter)))

    @property
    def declared(self) -> tuple[str, ...]:
        """Every media type that asks for this format, for the capabilities document."""
        plain = self.media_types if self._is_first else ()
        return (*plain, *(f"{base};{self.parameter}" for base in self.media_types if self.parameter))

    @property
    def _is_first(self) -> bool:
        return self is next(other for other in FORMATS if other.media_types[0] == self.media_types[0])

    def answers(self, base: str, parameters: frozenset[str]) -> bool:
        """True if a media type in lower case asks for this format."""
        own = {self.parameter.lower()} - {""}
        allowed = own | set(self.implied)
        return base in self.media_types and parameters <= allowed and (own <= parameters or self._is_first)

    def content_type(self, base: str, parameters: frozenset[str]) -> str:
        """The Content-Type for who asked for it by that media type."""
        own = self.parameter if self.parameter.lower() in parameters or not self._is_first else ""
        return ";".join(filter(None, (base, own, self.sent)))


@dataclass(frozen=True, slots=True)
class Choice:
    """A format, and the Content-Type its document is to be sent with."""

    format: Format
    content_type: str

    @property
    def writer(self) -> Writer:
        return self.format.writer


_VOTABLE = ("application/x-votable+xml", "text/xml")
_NONE: frozenset[str] = frozenset()

FORMATS: tuple[Format, ...] = (
    Format(
        "VOTable, BINARY2",
        _VOTABLE,
        VOTable(Serialization.BINARY2),
        parameter="serialization=BINARY2",
        aliases=("votable", "votable/b2", "votableb2"),
        implied=("charset=utf-8",),
        ivo_id="ivo://ivoa.net/std/TAPRegExt#output-votable-binary2",
    ),
    Format(
        "VOTable, TABLEDATA",
        _VOTABLE,
        VOTable(Serialization.TABLEDATA),
        parameter="serialization=TABLEDATA",
        aliases=("votable/td", "votabletd"),
        implied=("charset=utf-8",),
        ivo_id="ivo://ivoa.net/std/TAPRegExt#output-votable-td",
    ),
    Format(
        "VOTable, BINARY",
        _VOTABLE,
        VOTable(Serialization.BINARY),
        parameter="serialization=BINARY",
        aliases=("votable/b", "votable/bin", "votableb"),
        implied=("charset=utf-8",),
        ivo_id="ivo://ivoa.net/std/TAPRegExt#output-votable-binary",
    ),
    Format(
        "Comma-separated values",
        ("text/csv",),
        CSV,
        aliases=("csv",),
        implied=("header=present", "charset=utf-8"),
        sent="charset=utf-8;header=present",
    ),
    Format(
        "Comma-separated values without the line of names",
        ("text/csv",),
        CSV_WITHOUT_HEADER,
        parameter="header=absent",
        implied=("charset=utf-8",),
        sent="charset=utf-8",
    ),
    Format(
        "Tab-separated values",
        ("text/tab-separated-values",),
        TSV,
        aliases=("tsv",),
        implied=("header=present", "charset=utf-8"),
        sent="charset=utf-8",
    ),
    Format("JSON", ("application/json",), JsonTable(), aliases=("json",), implied=("charset=utf-8",)),
    Format(
        "Parquet with VOTable metadata",
        ("application/vnd.apache.parquet", "application/x-parquet"),
        Parquet(),
        aliases=("parquet",),
    ),
    Format("FITS binary table", ("application/fits", "image/fits"), Fits(), aliases=("fits",)),
    Format("Arrow IPC stream", ("application/vnd.apache.arrow.stream",), ArrowStream(), aliases=("arrow",)),
    Format("ECSV", ("text/x-ecsv",), Ecsv(), aliases=("ecsv",), implied=("charset=utf-8",), by_accept=False),
    Format(
        "Text of even columns",
        ("text/plain",),
        PlainText(),
        aliases=("text", "txt"),
        implied=("charset=utf-8",),
        sent="charset=utf-8",
        by_accept=False,
    ),
    Format(
        "HTML",
        ("text/html",),
        HtmlPage(),
        aliases=("html",),
        implied=("charset=utf-8",),
        sent="charset=utf-8",
        by_accept=False,
    ),
)
"""Every format on offer, the default first; of those of one media type the first needs no parameter."""


def choose_format(responseformat: str | None = None, *, accept: str | None = None) -> Choice:
    """The format a request asks for.

    Parameters
    ----------
    responseformat
        Value of RESPONSEFORMAT, or of FORMAT, its name in TAP 1.0: a media type or a short form, case
        ignored. An empty value counts as none.
    accept
        The Accept header of HTTP. It is asked only where ``responseformat`` is absent, and where it
        names nothing on offer, the default is chosen (RFC 9110 section 12.5.1 allows this).

    Returns
    -------
    Choice
        Its content type names the media type that was asked for (DALI 1.1 section 3.4.3), in our spelling.

    Raises
    ------
    UsageError
        Raised if ``responseformat`` names no format on offer.

    Notes
    -----
    HTML is never chosen by Accept: the standard HTTP client of Java, and so TOPCAT and STILTS, sends
    "text/html, image/gif, image/jpeg, */*" with every request and expects a VOTable.
    """
    asked = (responseformat or "").strip()
    if asked:
        choice = _named(asked)
        if choice is None:
            raise UsageError(f'Unknown format "{asked[:_ECHOED]}".', hint=f"On offer are {_offer()}.")
        return choice
    for media_range in _accepted(accept or ""):
        choice = _within(media_range)
        if choice is not None:
            return choice
    return _plain(FORMATS[0])


def _plain(format_: Format) -> Choice:
    return Choice(format_, format_.content_type(format_.media_types[0], _NONE))


def _named(asked: str) -> Choice | None:
    base, parameters = _split(asked)
    for format_ in FORMATS:
        if base in format_.aliases and not parameters:
            return _plain(format_)
        if format_.answers(base, parameters):
            return Choice(format_, format_.content_type(base, parameters))
    return None


def _split(value: str) -> tuple[str, frozenset[str]]:
    """Media type or short form, and its parameters, folded to lower case (RFC 9110 section 8.3.1).

    A ``+`` that came unescaped in a URL has become a blank; it is put back.
    """
    base, *parameters = value.lower().split(";")
    pairs = (parameter.partition("=") for parameter in parameters if parameter.strip())
    folded = frozenset(f"{key.strip()}={val.strip().strip(chr(34))}" for key, _, val in pairs)
    return base.strip().replace("x-votable xml", "x-votable+xml"), folded


def _accepted(header: str) -> Iterator[str]:
    """The media ranges of an Accept header, the most wanted first; those refused by q=0 left out."""
    ranges: list[tuple[float, int, str]] = []
    for order, part in enumerate(header.split(",")[:_RANGES]):
        media_range, *parameters = part.split(";")
        wanted = 1.0
        kept = [media_range]
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip().lower() == "q":
                wanted = _quality(value)
            else:
                kept.append(parameter)
        if wanted > 0:
            ranges.append((-wanted, order, ";".join(kept)))
    return (media_range for _, _, media_range in sorted(ranges))


def _quality(text: str) -> float:
    """A weight in 0..1 (RFC 9110 section 12.4.2); 0 for what is none."""
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0


def _within(media_range: str) -> Choice | None:
    base, parameters = _split(media_range)
    kind, _, subtype = base.partition("/")
    if base in ("*/*", "*"):
        return _plain(FORMATS[0])
    for format_ in FORMATS:
        if not format_.by_accept:
            continue
        if subtype == "*" and format_.media_types[0].startswith(f"{kind}/"):
            return _plain(format_)
        if format_.answers(base, parameters):
            return Choice(format_, format_.content_type(base, parameters))
    return None


def _offer() -> str:
    short = (alias for format_ in FORMATS for alias in format_.aliases[:2])
    return f"{', '.join(short)} and the media types {', '.join(f.media_type for f in FORMATS)}"
