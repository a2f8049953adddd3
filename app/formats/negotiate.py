"""Which format a request asks for: RESPONSEFORMAT, FORMAT and Accept read against one table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.errors import UsageError
from app.formats.base import Writer
from app.formats.text import CSV, CSV_WITHOUT_HEADER, TSV

_ECHOED = 200
"""How much of a wrong value an error message repeats."""


@dataclass(frozen=True, slots=True)
class Format:
    """One row of the table of output formats, as TAPRegExt 1.0 section 2.4 declares them."""

    name: str
    """For people."""
    media_type: str
    """With the parameters that tell it from its siblings."""
    writer: Writer
    aliases: tuple[str, ...] = ()
    """Short forms (DALI 1.1 section 3.4.3), lower case."""
    synonyms: tuple[str, ...] = ()
    """Other media types that mean this format and are sent back to who asked by them."""
    implied: tuple[str, ...] = ()
    """Parameters that may be asked for and change nothing, such as ``charset=utf-8``."""
    sent: str = ""
    """Parameters that every answer of this format carries."""
    ivo_id: str | None = None
    """TAPRegExt 1.0 section 2.4 identifier of the format."""
    by_accept: bool = True
    """False for a format that an Accept header does not choose."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A format, and the Content-Type its document is to be sent with."""

    format: Format
    content_type: str

    @property
    def writer(self) -> Writer:
        return self.format.writer


FORMATS: tuple[Format, ...] = (
    Format(
        "Comma-separated values",
        "text/csv",
        CSV,
        aliases=("csv",),
        implied=("header=present", "charset=utf-8"),
        sent="charset=utf-8;header=present",
    ),
    Format(
        "Comma-separated values without the line of names",
        "text/csv;header=absent",
        CSV_WITHOUT_HEADER,
        implied=("charset=utf-8",),
        sent="charset=utf-8",
    ),
    Format(
        "Tab-separated values",
        "text/tab-separated-values",
        TSV,
        aliases=("tsv",),
        implied=("header=present", "charset=utf-8"),
        sent="charset=utf-8",
    ),
)
"""Every format on offer; the first is the default, and of two that fit a request the first is taken."""


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
            raise UsageError(f'Unknown format "{asked[:_ECHOED]}"; on offer are {", ".join(_offers())}.')
        return choice
    for media_range in _accepted(accept or ""):
        choice = _within(media_range)
        if choice is not None:
            return choice
    return Choice(FORMATS[0], FORMATS[0].media_type.partition(";")[0])


def _named(asked: str) -> Choice | None:
    base, parameters = _split(asked)
    if "/" not in base or any(base in format_.aliases for format_ in FORMATS):
        return _aliased(base) if not parameters else None
    for format_ in FORMATS:
        for media_type in (format_.media_type, *format_.synonyms):
            if _fits(base, parameters, media_type, format_):
                return Choice(format_, _content_type(media_type, format_, asked=bool(parameters)))
    return None


def _aliased(alias: str) -> Choice | None:
    for format_ in FORMATS:
        if alias in format_.aliases:
            plain = alias == format_.aliases[0]
            return Choice(format_, _content_type(format_.media_type, format_, asked=not plain))
    return None


def _fits(base: str, parameters: frozenset[str], media_type: str, format_: Format) -> bool:
    own_base, own = _split(media_type)
    if base != own_base or not parameters <= own | frozenset(format_.implied):
        return False
    first = next(f for f in FORMATS if base in (_split(t)[0] for t in (f.media_type, *f.synonyms)))
    return own <= parameters or format_ is first


def _content_type(media_type: str, format_: Format, *, asked: bool) -> str:
    """The header's value: parameters of ours are told where they were asked for."""
    base, _, own = media_type.partition(";")
    return ";".join(part for part in (base, own if asked else "", format_.sent) if part)


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
    for order, part in enumerate(header.split(",")[:50]):
        media_range, *parameters = part.split(";")
        quality = 1.0
        kept = [media_range]
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip().lower() == "q":
                quality = _quality(value)
            else:
                kept.append(parameter)
        if media_range.strip() and quality > 0:
            ranges.append((-quality, order, ";".join(kept)))
    return (media_range for _, _, media_range in sorted(ranges))


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _within(media_range: str) -> Choice | None:
    base, _ = _split(media_range)
    if base in ("*/*", "*"):
        return Choice(FORMATS[0], FORMATS[0].media_type.partition(";")[0])
    kind, _, subtype = base.partition("/")
    if subtype == "*":
        for format_ in FORMATS:
            if format_.by_accept and format_.media_type.startswith(f"{kind}/"):
                return Choice(format_, _content_type(format_.media_type, format_, asked=False))
        return None
    choice = _named(media_range) if subtype else None
    return choice if choice is not None and choice.format.by_accept else None


def _offers() -> Iterator[str]:
    for format_ in FORMATS:
        yield from format_.aliases
        yield format_.media_type
        yield from format_.synonyms
