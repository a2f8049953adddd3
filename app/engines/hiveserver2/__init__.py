"""Hive and Spark behind a HiveServer2: the lake as external tables, each file a partition.

Queries go through Thrift with PyHive's client; results come as columns and become Arrow batches with no
row between. What the index of files chooses are partitions here, so that both engines read what DuckDB
reads. TAP_SCHEMA is answered by an embedded engine, as it is small and clients ask it all the time.
"""

from app.engines.hiveserver2.address import Address, AddressError
from app.engines.hiveserver2.connection import Connection, ConnectionLost, Refused
from app.engines.hiveserver2.engine import HiveServer2Engine
from app.engines.hiveserver2.flavour import FLAVOURS, Flavour, session_settings
from app.engines.hiveserver2.names import Names
from app.engines.hiveserver2.register import RegisterError, RegisterReport, register
from app.engines.hiveserver2.storage import Storage

__all__ = [
    "FLAVOURS",
    "Address",
    "AddressError",
    "Connection",
    "ConnectionLost",
    "Flavour",
    "HiveServer2Engine",
    "Names",
    "Refused",
    "RegisterError",
    "RegisterReport",
    "Storage",
    "register",
    "session_settings",
]
