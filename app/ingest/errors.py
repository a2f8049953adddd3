"""What may go wrong in an ingest.

::

    IngestError          nothing was loaded; the lake is as it was
    FileRejected         one file, or one event list in it, cannot be loaded; the others are
"""

from __future__ import annotations


class IngestError(Exception):
    """Nothing was loaded; the lake is as it was. The message says what would be right."""


class FileRejected(Exception):
    """A file, or one event list in it, cannot be loaded: a clear sentence says why."""
