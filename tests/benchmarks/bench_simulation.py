"""The simulated archive: how long the first start of a new user takes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.harness import Figure, benchmark

# The peak that getrusage tells would be that of the process which started this one, where that is larger.
SIMULATE = """
import re, sys, time
from pathlib import Path
from datalink.simulation import simulate_archive
simulate_archive(Path(sys.argv[1]))
print(time.process_time(), *re.findall(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text()))
"""


@benchmark
def simulation() -> Iterator[Figure]:
    """In a process of its own, the import of Gammapy included."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", SIMULATE, str(Path(folder, "archive"))]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    cpu, memory = map(float, printed.split())
    yield Figure("CPU time", cpu, "s", at_most=20)
    yield Figure("peak memory", memory / 1024, "MiB", at_most=600)
