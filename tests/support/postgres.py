"""A PostgreSQL server of its own, for as long as the tests run."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.eventually import PATIENCE

FOLDERS = "/usr/lib/postgresql/*/bin"
"""Where Debian has the programs of the server, beside the path."""


def find_programs() -> Path | None:
    """The folder with initdb and postgres, the newest if there are several."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    folders = [path for path in Path("/").glob(FOLDERS.lstrip("/")) if (path / "initdb").is_file()]
    return max(folders, key=lambda path: path.parent.name, default=None)


def missing() -> str:
    """Why there can be no server; empty where there can."""
    if find_programs() is None:
        return "no PostgreSQL server: apt-get install postgresql"
    if os.geteuid() == 0 and _servant() is None:
        return "PostgreSQL does not run as root, and there is no user postgres or nobody to run it"
    return ""


@contextmanager
def postgres() -> Iterator[str]:
    """Run a server with an empty database; give its URL, as SQLAlchemy writes it."""
    programs = find_programs()
    assert programs is not None
    # Its user may not be able to look into the folder of the tests, nor is the path of that short enough.
    folder = Path(tempfile.mkdtemp(prefix="gammahub-pg-"))
    who = {"user": _servant()} if os.geteuid() == 0 else {}
    try:
        if who:
            shutil.chown(folder, who["user"])
        data = folder / "data"
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "gammahub", "-A", "trust", "-E", "UTF8", "--no-sync"],
            check=True,
            capture_output=True,
            cwd=folder,
            **who,
        )
        settings = {"listen_addresses": "", "unix_socket_directories": folder, "fsync": "off"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            **who,
        )
        try:
            _wait_for(folder, server)
            yield f"postgresql+psycopg://gammahub@/postgres?host={folder}"
        finally:
            server.terminate()
            try:
                server.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(folder: Path, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    pid_file = folder / "data" / "postmaster.pid"
    while True:
        # The last line of the file says whether it takes connections.
        if pid_file.is_file() and pid_file.read_text().rstrip().endswith("ready"):
            return
        if server.poll() is not None or time.monotonic() > until:
            raise RuntimeError("PostgreSQL has not started")
        time.sleep(0.05)


def _servant() -> str | None:
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    return None
