"""The ingest: GADF DL3 files in, a new snapshot of the lake out."""

from app.ingest.errors import IngestError
from app.ingest.report import CollectionReport, IngestReport, Progress, Rejection
from app.ingest.run import ingest

__all__ = ["CollectionReport", "IngestError", "IngestReport", "Progress", "Rejection", "ingest"]
