"""The distributed engines with the miniature in them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import pyarrow.parquet as pq
import pytest

from adql import HIVE, SPARK, Dialect, Table
from tests.conftest import JDK_PACKAGE, find_java
from tests.support.miniature import CATALOGUE, arrow_table
from tests.support.realhive.server import HiveServer
from tests.support.sparkserver import SparkServer


class Server(Protocol):
    """What speaks HiveServer2."""

    def run(self, *statements: str) -> list[tuple[object, ...]]:
        """Run statements in one session, and give the rows of the last."""
        ...


@pytest.fixture(scope="session")
def spark_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkServer]:
    """A real Spark Thrift Server on a free port of this machine, for the whole session."""
    if find_java() is None:
        pytest.skip(f"no Java: apt-get install {JDK_PACKAGE}")
    if find_spec("pyspark") is None:
        pytest.skip("no pyspark: pip install .[spark]")
    with SparkServer(tmp_path_factory.mktemp("spark")) as server:
        yield server


@pytest.fixture(scope="session")
def miniature_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables of the miniature as Parquet, a folder each."""
    root = tmp_path_factory.mktemp("miniature")
    for table in CATALOGUE:
        (root / table.name).mkdir()
        pq.write_table(arrow_table(table), root / table.name / "rows.parquet")
    return root


@pytest.fixture(scope="session")
def hive(hive_server: HiveServer, miniature_files: Path) -> HiveServer:
    """Hive with the miniature as external tables."""
    _create(hive_server, HIVE, miniature_files)
    return hive_server


@pytest.fixture(scope="session")
def spark(spark_server: SparkServer, miniature_files: Path) -> SparkServer:
    """Spark with the miniature as external tables."""
    _create(spark_server, SPARK, miniature_files)
    return spark_server


def _create(server: Server, dialect: Dialect, files: Path) -> None:
    server.run("CREATE DATABASE IF NOT EXISTS mini")
    for table in CATALOGUE:
        server.run(
            f"CREATE EXTERNAL TABLE IF NOT EXISTS {dialect.table(table)} ({_columns(table, dialect)}) "
            f"STORED AS PARQUET LOCATION 'file:{files / table.name}'"
        )


def _columns(table: Table, dialect: Dialect) -> str:
    return ", ".join(
        f"{dialect.identifier(column.name)} {dialect.type(column.type)}" for column in table.columns
    )
