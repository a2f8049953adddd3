"""A real Apache Hive on this machine, out of the jars of a pip-installed pyspark.

pyspark 4 brings Hive 2.3 (hive-exec, hive-metastore, Derby, Hadoop's client) for Spark's own use. The Java
sources beside this file add what is missing to make a HiveServer2 of it: no cluster, no Hadoop, no network.
What Hive 2.3 accepts, Hive 3 and 4 accept; Calcite is not among the jars, so the cost-based optimiser is off
(no INTERSECT, EXCEPT or scalar subqueries here).
"""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import tempfile
import time
from contextlib import closing
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

from pyhive import hive

HERE = Path(__file__).resolve().parent
JAVA_SOURCES = HERE / "java"

# Hive's plan serialisation (kryo) and Hadoop reach into these packages of Java's own.
OPENED_PACKAGES = (
    *(
        f"java.base/java.{name}"
        for name in ("lang", "lang.invoke", "lang.reflect", "io", "net", "nio", "util")
    ),
    *(f"java.base/java.util.{name}" for name in ("concurrent", "concurrent.atomic", "regex")),
    *(f"java.base/java.{name}" for name in ("math", "text", "time")),
    *(f"java.base/sun.{name}" for name in ("nio.ch", "nio.cs", "security.action", "util.calendar")),
    "java.sql/java.sql",
)


class HiveDiedError(RuntimeError):
    """The server ended, or never answered; the message has the end of its log."""


class HiveServer:
    """A HiveServer2 that lives as long as its ``with`` block.

    Parameters
    ----------
    java, javac
        The commands that run and compile Java 17 or later.
    cache
        Folder for compiled classes, kept from run to run.
    work
        Folder for the server's scratch files and its log; the metastore is in memory.
    auth
        ``NONE`` (SASL PLAIN, any user) or ``NOSASL``.
    start_seconds
        How long the server may take to answer.
    """

    def __init__(
        self,
        java: str,
        javac: str,
        cache: Path,
        work: Path,
        auth: str = "NONE",
        start_seconds: float = 120,
    ) -> None:
        self.java, self.javac, self.cache, self.work = java, javac, cache, work
        self.auth = auth
        self.start_seconds = start_seconds
        self.host = "127.0.0.1"
        self.port = 0

    def __enter__(self) -> HiveServer:
        boot, classes = compiled_classes(self.javac, self.cache)
        (self.work / "tmp").mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()  # a second time it is where it was
        self.log = self.work / "hive.log"
        with self.log.open("wb") as log:
            # The pipe is the server's life line: it ends when this process does, however that ends.
            self.process = subprocess.Popen(
                self._command(boot, classes), stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=self.work
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
        if self.process.stdin:
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def connect(self, **options: Any) -> hive.Connection:
        """A new PyHive connection; PyHive's own keywords may be given."""
        return hive.connect(self.host, self.port, auth=self.auth, **options)

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements in one session, and give the rows of the last (none where it has no result)."""
        with closing(self.connect()) as connection, closing(connection.cursor()) as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def _command(self, boot: Path, classes: Path) -> list[str]:
        return [
            self.java,
            *("-Xmx768m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"),
            *(word for package in OPENED_PACKAGES for word in ("--add-opens", f"{package}=ALL-UNNAMED")),
            f"-Dlog4j.configurationFile={HERE / 'log4j2.properties'}",
            f"-Dderby.stream.error.file={self.work / 'derby.log'}",
            f"-Djava.io.tmpdir={self.work / 'tmp'}",
            f"-Drealhive.work={self.work}",
            f"-Drealhive.port={self.port}",
            f"-Drealhive.auth={self.auth}",
            *("-cp", str(boot), "Boot", str(classes), str(pyspark_jars()), "RealHive"),
        ]

    def _wait(self) -> None:
        deadline = time.monotonic() + self.start_seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise HiveDiedError(f"Hive ended with code {self.process.returncode}:\n{self._log_end()}")
            try:
                socket.create_connection((self.host, self.port), 1).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise HiveDiedError(f"Hive did not answer within {self.start_seconds} s:\n{self._log_end()}")

    def _log_end(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]


def pyspark_jars() -> Path:
    """The folder of jars in the installed pyspark."""
    spec = find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("pyspark is not installed")
    return Path(spec.origin).parent / "jars"


def compiled_classes(javac: str, cache: Path) -> tuple[Path, Path]:
    """Folders of the compiled boot class and of the classes that need Hive; compiled once."""
    sources = sorted(JAVA_SOURCES.rglob("*.java"))
    recipe = hashlib.sha256(version("pyspark").encode())
    for source in sources:
        recipe.update(source.read_bytes())
    folder = cache / recipe.hexdigest()[:16]
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            boot = JAVA_SOURCES / "Boot.java"
            compile_java(javac, [boot], Path(scratch, "made", "boot"))
            hive_sources = [source for source in sources if source != boot]
            compile_java(javac, hive_sources, Path(scratch, "made", "classes"), f"{pyspark_jars()}/*")
            try:
                Path(scratch, "made").rename(folder)
            except OSError:
                if not folder.exists():  # else another run was first, with the same classes
                    raise
    return folder / "boot", folder / "classes"


def compile_java(javac: str, sources: list[Path], folder: Path, classpath: str = "") -> None:
    """Compile Java sources into a folder."""
    folder.mkdir(parents=True)
    command = [javac, "-nowarn", "-Xlint:none", "-d", str(folder), "-cp", classpath or os.curdir]
    done = subprocess.run([*command, *map(str, sources)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"javac failed:\n{done.stdout}{done.stderr}")


def free_port() -> int:
    """A TCP port of this machine that nothing listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
