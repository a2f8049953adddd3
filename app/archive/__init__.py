"""The files of the releases as they are: found by their names, opened, parted, selected from, packed."""

from app.archive.headers import HduPlace, hdu_places
from app.archive.pack import Member, tar_stream, zip_stream
from app.archive.selection import EventCut, TimeCut, selected_file
from app.archive.shelf import Shelf, ShelvedFile, single_hdu

__all__ = [
    "EventCut",
    "HduPlace",
    "Member",
    "Shelf",
    "ShelvedFile",
    "TimeCut",
    "hdu_places",
    "selected_file",
    "single_hdu",
    "tar_stream",
    "zip_stream",
]
