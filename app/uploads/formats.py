"""The formats of uploaded tables, and how each is known."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from app.uploads import delimited, ecsv, fits, parquet, votable
from app.uploads.content import head_of
from app.uploads.intake import Intake, shown
from app.uploads.parameter import Part
from app.uploads.table import RawTable

_HEAD = 65_536
_HTML = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+html|html)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TableFormat:
    """A format that tables may be uploaded in."""

    name: str
    media_types: tuple[str, ...]
    extensions: tuple[str, ...]
    """Of file names, without the dot."""
    read: Callable[[BinaryIO, Intake], RawTable]
    begins: Callable[[bytes], bool] | None = None
    """True for the beginning of such a file; None where nothing in it is a sure sign."""


FORMATS = (
    TableFormat(
        "VOTable", votable.MEDIA_TYPES, ("vot", "votable", "xml"), votable.read_votable, votable.is_votable
    ),
    TableFormat("FITS", fits.MEDIA_TYPES, ("fits", "fit", "fts"), fits.read_fits, fits.is_fits),
    TableFormat("Parquet", parquet.MEDIA_TYPES, ("parquet",), parquet.read_parquet, parquet.is_parquet),
    TableFormat("ECSV", ecsv.MEDIA_TYPES, ("ecsv",), ecsv.read_ecsv, ecsv.is_ecsv),
    TableFormat("CSV", delimited.CSV_MEDIA_TYPES, ("csv",), delimited.read_csv),
    TableFormat("TSV", delimited.TSV_MEDIA_TYPES, ("tsv", "tab"), delimited.read_tsv),
)


def format_of(part: Part, content: BinaryIO, intake: Intake) -> TableFormat:
    """The format of a table: by what it begins with, else by what is said of it, else by its first lines.

    Parameters
    ----------
    part
        As it came.
    content
        The same without compression.

    Raises
    ------
    app.errors.UploadError
        Raised if it is none of them.
    """
    head = head_of(content, _HEAD)
    if not head:
        raise intake.fault("It is empty.")
    if _HTML.match(head):
        raise intake.fault("It is a page of HTML, perhaps one that tells of an error, and no table.")
    media_type = part.media_type.partition(";")[0].strip().lower()
    extension = part.file_name.lower().removesuffix(".gz").rpartition(".")[2]
    for known in FORMATS:
        if known.begins is not None and known.begins(head):
            return known
    uncertain = [known for known in FORMATS if known.begins is None]
    for known in uncertain:
        if media_type in known.media_types or extension in known.extensions:
            return known
    for known, delimiter in zip(uncertain, (b",", b"\t"), strict=True):
        if delimited.looks_delimited(head, delimiter):
            return known
    names = ", ".join(known.name for known in FORMATS)
    said = f", as the media type {shown(media_type)} says" if media_type else ""
    raise intake.fault(f"It begins with {shown(head[:20].decode('latin-1'))} and is none of {names}{said}.")
