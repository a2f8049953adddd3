"""Memory does not grow with a release."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.benchmarks.bench_ingest import make_release, peak_memory

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the peak of a process is read from /proc, which Linux has"
)


def test_five_million_events_take_the_memory_of_one(tmp_path: Path) -> None:
    peaks: list[float] = []
    for lists, events_each in ((10, 100_000), (50, 100_000)):
        release = make_release(tmp_path / "release", lists, events_each)
        events, peak = peak_memory(release, tmp_path / "lake")
        assert events == lists * events_each
        peaks.append(peak)
        shutil.rmtree(release)
        shutil.rmtree(tmp_path / "lake")
    small, large = peaks
    # Five times the events; half again is room for what the allocator keeps.
    assert large < 1.5 * small
    assert large < 800


def test_a_list_larger_than_a_run_takes_no_more(tmp_path: Path) -> None:
    release = make_release(tmp_path / "release", 1, 3_000_000)
    events, peak = peak_memory(release, tmp_path / "lake")
    assert events == 3_000_000
    assert peak < 800
