"""Tables that users bring to a query (TAP 1.1 section 2.7.6).

::

    UPLOAD=...  --read_sources-->  UploadSource  --UploadLoader.load-->  engines.base.Upload
                                   (part or URL)   unpacked, recognised,  (adql.Table, pyarrow.Table)
                                                   read, columns named
"""

from app.uploads.limits import UploadLimits
from app.uploads.load import LoadedUploads, UploadLoader
from app.uploads.parameter import Part, UploadSource, read_sources, with_results

__all__ = [
    "LoadedUploads",
    "Part",
    "UploadLimits",
    "UploadLoader",
    "UploadSource",
    "read_sources",
    "with_results",
]
