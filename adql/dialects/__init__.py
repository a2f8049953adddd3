"""How each engine writes what a query means."""

from adql.dialects.base import Dialect
from adql.dialects.duckdb import DUCKDB
from adql.dialects.hive import HIVE
from adql.dialects.spark import SPARK

DIALECTS = {dialect.name: dialect for dialect in (DUCKDB, HIVE, SPARK)}
"""Name -> dialect."""

__all__ = ["DIALECTS", "DUCKDB", "HIVE", "SPARK", "Dialect"]
