"""Writers of results: each turns a stream of Arrow batches into a document, a chunk at a time."""

from app.formats.base import Info, Provenance, Writer, told
from app.formats.fits import Fits
from app.formats.negotiate import FORMATS, Choice, Format, choose_format
from app.formats.spool import Spool
from app.formats.votable import error_document

__all__ = [
    "FORMATS",
    "Choice",
    "Fits",
    "Format",
    "Info",
    "Provenance",
    "Spool",
    "Writer",
    "choose_format",
    "error_document",
    "told",
]
