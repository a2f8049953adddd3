"""The distributed engines with the miniature in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import pyarrow.parquet as pq
import pytest

from adql import HIVE, SPARK, Dialect, Table
from app.config import Config
from app.engines.base import Engine
from app.engines.hiveserver2 import RegisterReport
from app.factory import make_engine, register_lake
from tests.conftest import JDK_PACKAGE, find_java
from tests.support.miniature import CATALOGUE, arrow_table
from tests.support.realhive.server import HiveServer
from tests.support.small_lake import SmallRelease, make_lake
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


RELEASES = (
    SmallRelease("crab", n_events=4000, n_observations=4),
    SmallRelease("pole", ra=10.0, dec=90.0, n_events=500),
    SmallRelease("seam", ra=0.0, dec=-5.0, n_events=500),
    SmallRelease("closed", ra=84.0, dec=22.0, n_events=300, rights="metadata"),
)


@dataclass(frozen=True)
class Remote:
    """An engine behind a HiveServer2 that has the small lake."""

    config: Config
    server: HiveServer | SparkServer

    def register(self) -> RegisterReport:
        """Bring the tables up to the lake."""
        return register_lake(self.config)


@pytest.fixture(scope="session")
def lake_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose lake holds RELEASES; no test changes it."""
    home = tmp_path_factory.mktemp("shared home")
    make_lake(home, RELEASES)
    return home


def engine_url(server: HiveServer | SparkServer, options: str = "") -> str:
    """GAMMAHUB_ENGINE_URL for a server."""
    if isinstance(server, HiveServer):
        return f"hive://tester@127.0.0.1:{server.port}/gammahub?auth={server.auth}{options}"
    return f"spark+hive://tester@127.0.0.1:{server.port}/gammahub?auth=NOSASL{options}"


@pytest.fixture(
    scope="session",
    params=[
        pytest.param("hive_server", marks=pytest.mark.hive, id="hive"),
        pytest.param("spark_server", marks=pytest.mark.spark, id="spark"),
    ],
)
def remote(request: pytest.FixtureRequest, lake_home: Path) -> Remote:
    """Hive and Spark in turn, with the small lake registered."""
    server = request.getfixturevalue(request.param)
    found = Remote(Config(home=lake_home, engine_url=engine_url(server)), server)
    found.register()
    return found


@pytest.fixture(scope="session")
def engine(remote: Remote) -> Iterator[Engine]:
    """The engine as the service has it."""
    made = make_engine(remote.config)
    yield made
    made.close()


@pytest.fixture(scope="session")
def stoppable(remote: Remote) -> Config:
    """Settings with which a statement that is cancelled ends soon on the server too.

    Spark looks whether it is to stop when it has read a row, or with its vectorised reader a batch of them:
    in a join without a condition an hour can lie between two batches.
    """
    url = remote.config.engine_url
    more = "" if url.startswith("hive:") else "&spark.sql.parquet.enableVectorizedReader=false"
    return remote.config.model_copy(update={"engine_url": url + more})


@pytest.fixture(scope="session")
def embedded(lake_home: Path) -> Iterator[Engine]:
    """DuckDB over the same lake."""
    made = make_engine(Config(home=lake_home))
    yield made
    made.close()
