"""The embedded engine: DuckDB over the lake, read-only and locked.

Each snapshot of the lake has a database of its own, in memory, whose tables are views of the
snapshot's Parquet files; a session keeps the one it began with. The SQL that comes here was made by
:func:`adql.translate` from a checked tree. What is locked here is the second wall, for the day when
the first has a hole: no file outside the snapshot, no network, no extension, no setting, no memory
beyond the limit is within reach, and only a single SELECT runs, in a read-only transaction.
"""

from app.engines.duckdb.engine import DuckDBEngine
from app.engines.duckdb.pinned import PinnedEngine
from app.engines.duckdb.session import BATCH_ROWS, DuckDBSession

__all__ = ["BATCH_ROWS", "DuckDBEngine", "DuckDBSession", "PinnedEngine"]
