"""A real Spark Thrift Server on this machine, out of a pip-installed pyspark, headless."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

from pyhive import hive

from tests.support.realhive.server import free_port


class SparkDiedError(RuntimeError):
    """The server ended, or never answered; the message has the end of its log."""


class SparkServer:
    """A Spark Thrift Server (HiveServer2 protocol) that lives as long as its ``with`` block.

    Parameters
    ----------
    work
        Folder for warehouse, metastore, scratch files and log.
    start_seconds
        How long the server may take to answer.
    """

    def __init__(self, work: Path, start_seconds: float = 180) -> None:
        self.work = work
        self.start_seconds = start_seconds
        self.host = "127.0.0.1"
        self.port = 0

    def __enter__(self) -> SparkServer:
        (self.work / "tmp").mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()  # a second time it is where it was
        self.log = self.work / "spark.log"
        home = _pyspark_home()
        environment = dict(
            os.environ, SPARK_HOME=str(home), SPARK_LOCAL_IP=self.host, PYSPARK_PYTHON=sys.executable
        )
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self._command(home),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=self.work,
                start_new_session=True,
            )
        try:
            self._wait()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def connect(self, **options: Any) -> hive.Connection:
        """A new PyHive connection; PyHive's own keywords may be given."""
        return hive.connect(self.host, self.port, auth="NOSASL", **options)

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements in one session, and give the rows of the last (none where it has no result)."""
        with closing(self.connect()) as connection, closing(connection.cursor()) as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def _command(self, home: Path) -> list[str]:
        settings = {
            "spark.ui.enabled": "false",
            "spark.driver.bindAddress": self.host,
            "spark.driver.host": self.host,
            "spark.driver.defaultJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
            "spark.driver.extraJavaOptions": " ".join(
                [f"-Dderby.system.home={self.work}", f"-Djava.io.tmpdir={self.work}/tmp"]
            ),
            "spark.hadoop.javax.jdo.option.ConnectionURL": ";".join(
                ["jdbc:derby:", f"databaseName={self.work}/metastore", "create=true"]
            ),
            "spark.hadoop.hive.exec.scratchdir": f"{self.work}/scratch",
            "spark.local.dir": f"{self.work}/local",
            "spark.sql.shuffle.partitions": "2",
            "spark.sql.warehouse.dir": f"{self.work}/warehouse",
        }
        server = {
            "hive.server2.thrift.port": str(self.port),
            "hive.server2.thrift.bind.host": self.host,
            "hive.server2.transport.mode": "binary",
            "hive.server2.authentication": "NOSASL",
        }
        return [
            str(home / "bin" / "spark-submit"),
            *("--class", "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"),
            *("--master", "local[2]", "--driver-memory", "1g"),
            *(word for name, value in settings.items() for word in ("--conf", f"{name}={value}")),
            "spark-internal",
            *(word for name, value in server.items() for word in ("--hiveconf", f"{name}={value}")),
        ]

    def _wait(self) -> None:
        deadline = time.monotonic() + self.start_seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise SparkDiedError(f"Spark ended with code {self.process.returncode}:\n{self._log_end()}")
            try:
                socket.create_connection((self.host, self.port), 1).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise SparkDiedError(f"Spark did not answer within {self.start_seconds} s:\n{self._log_end()}")

    def _log_end(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]


def _pyspark_home() -> Path:
    spec = find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("pyspark is not installed")
    return Path(spec.origin).parent
