"""GammaHub as a process of its own, which a test may kill."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx

from tests.support.eventually import PATIENCE

REPOSITORY = Path(__file__).resolve().parent.parent.parent


class ServerProcess:
    """A server on a free port, started as an operator starts it; it answers from ``with`` on.

    Several that are made before the first ``with`` start side by side.

    Parameters
    ----------
    home
        Its home.
    settings
        More settings, by their names in Config.
    """

    def __init__(self, home: Path, **settings: object) -> None:
        given = {f"GAMMAHUB_{name.upper()}": str(value) for name, value in settings.items()}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GAMMAHUB_")}
        self.lines: list[str] = []
        """What it has printed and logged."""
        self._ready = threading.Event()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "serve", "--port", "0"],
            cwd=REPOSITORY,
            env={**kept, **given, "GAMMAHUB_HOME": str(home), "COLUMNS": "200"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.url = ""
        """Root, without a slash at its end."""

    def __enter__(self) -> ServerProcess:
        try:
            self.url = self._wait()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def log(self) -> str:
        """What it has printed and logged."""
        return "".join(self.lines)

    @property
    def threads(self) -> int:
        """How many threads it has."""
        return int(re.search(r"^Threads:\s+(\d+)", self._status(), re.MULTILINE)[1])

    @property
    def descriptors(self) -> tuple[str, ...]:
        """What each of its file descriptors is of."""
        return tuple(sorted(_targets(Path(f"/proc/{self.process.pid}/fd"))))

    @property
    def sockets(self) -> int:
        """How many sockets it has."""
        return sum(target.startswith("socket:") for target in self.descriptors)

    @property
    def cpu_seconds(self) -> float:
        """Processor time that it has used [s]."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """End it as a power cut does."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End it as an operator does; give its exit code."""
        self._end(signal.SIGTERM)
        return self.process.returncode

    def _end(self, how: signal.Signals) -> None:
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _status(self) -> str:
        return Path(f"/proc/{self.process.pid}/status").read_text()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if "TAP service: " in line:
                self._ready.set()
        self._ready.set()

    def _wait(self) -> str:
        assert self._ready.wait(PATIENCE), self.log
        found = re.search(r"TAP service: (\S+)/tap", self.log)
        assert found is not None, self.log
        # It listens already, and answers as soon as it can.
        until = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < until:
            if _answers(found[1]):
                return found[1]
        raise AssertionError(self.log)


def _targets(folder: Path) -> Iterator[str]:
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            yield str(path.readlink())


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/tap/availability", timeout=PATIENCE).status_code == 200
    except httpx.HTTPError:
        return False
