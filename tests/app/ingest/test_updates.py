"""A lake that is loaded again: nothing twice, nothing lost, nothing half."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from app.ingest import IngestError
from app.ingest import tiles as tiles_module
from app.lake import LakeBusy, LakeLock, current_name, current_snapshot
from tests.app.ingest.conftest import Lake
from tests.app.ingest.making import (
    columns_of,
    events_hdu,
    hdu_index,
    index_rows,
    observation,
    response_hdu,
    store,
    write,
)


def counts(lake: Lake) -> dict[int, int]:
    """Events by observation, as the events themselves tell."""
    numbers, found = np.unique(lake.table("events")["obs_id"].to_numpy(), return_counts=True)
    return dict(zip(numbers.tolist(), found.tolist(), strict=True))


def consistent(lake: Lake) -> None:
    """Every table tells the same of the events."""
    snapshot = current_snapshot(lake.root)
    assert snapshot is not None
    observed = {row["obs_id"]: row["event_count"] for row in lake.rows("observations") if row["event_count"]}
    assert counts(lake) == observed
    assert sum(row["n_events"] for row in lake.rows("collections")) == sum(observed.values())
    assert {row["obs_id"] for row in lake.rows("hdus", "obs_id")} == {
        row["obs_id"] for row in lake.rows("observations")
    }
    for record, path in zip(snapshot.records, snapshot.files.paths, strict=True):
        assert pq.ParquetFile(path).metadata.num_rows == record.nrows
        assert sum(group.nrows for group in record.groups) == record.nrows


def touch(path: Path) -> None:
    later = time.time_ns() + 10**9
    os.utime(path, ns=(later, later))


# Nothing twice


def test_a_second_ingest_changes_nothing(lake: Lake, tmp_path: Path) -> None:
    root = store(tmp_path / "r", 1, 2, 3)
    first = lake.load(root)
    name = current_name(lake.root)
    files = sorted(lake.root.rglob("*"))
    second = lake.load(root)
    assert (second.snapshot, second.loaded_events, second.notes) == (None, 0, ())
    assert current_name(lake.root) == name == first.snapshot
    assert sorted(lake.root.rglob("*")) == files
    assert (second.collections[0].unchanged, second.collections[0].added) == (3, 0)
    assert (second.events, second.files, second.bytes) == (first.events, first.files, first.bytes)


def test_a_file_that_was_only_touched_is_not_read_again(lake: Lake, tmp_path: Path) -> None:
    root = store(tmp_path / "r", 1, 2)
    lake.load(root)
    for path in root.rglob("*.fits.gz"):
        touch(path)
    assert lake.load(root).snapshot is None


def test_bare_files_are_not_read_again(lake: Lake, tmp_path: Path) -> None:
    observation(tmp_path / "r" / "a.fits", 1)
    write(tmp_path / "r" / "irf.fits", response_hdu())
    lake.load(tmp_path / "r")
    report = lake.load(tmp_path / "r")
    assert (report.snapshot, report.collections[0].unchanged) == (None, 1)


def test_rejections_are_told_each_time(lake: Lake, tmp_path: Path) -> None:
    root = store(tmp_path / "r", 1, 2)
    bad = root / "data" / "run_2.fits.gz"
    bad.write_bytes(bad.read_bytes()[:1000])
    first, second = lake.load(root), lake.load(root)
    assert first.rejected == second.rejected != ()
    assert second.snapshot is None


@pytest.mark.parametrize("kind", ["missing column", "duplicate", "one of two lists"])
def test_faults_within_files_are_told_each_time(lake: Lake, tmp_path: Path, kind: str) -> None:
    root = tmp_path / "r"
    observation(root / "a.fits", 1)
    bad = columns_of(5)
    del bad["ENERGY"]
    if kind == "missing column":
        write(root / "b.fits", events_hdu(bad, OBS_ID=2))
    elif kind == "duplicate":
        observation(root / "b.fits", 1)
    else:
        write(root / "b.fits", events_hdu(bad, OBS_ID=2), events_hdu(columns_of(7), OBS_ID=3))
    first, second = lake.load(root), lake.load(root)
    assert first.rejected == second.rejected != ()
    assert (second.snapshot, second.loaded_events) == (None, 0)
    assert second.collections[0].unchanged == first.observations


# What changes


def test_a_changed_file_replaces_its_observation_alone(lake: Lake, tmp_path: Path) -> None:
    root = store(tmp_path / "r", 1, 2, 3)
    lake.load(root)
    before = {row["obs_id"]: row for row in lake.rows("observations")}
    observation(root / "data" / "run_2.fits.gz", 2, count=77, OBJECT="Crab Nebula")
    report = lake.load(root)
    made = report.collections[0]
    assert (made.added, made.replaced, made.removed, made.unchanged) == (0, 1, 0, 2)
    assert report.loaded_events == 77
    assert counts(lake) == {1: 50, 2: 77, 3: 50}
    after = {row["obs_id"]: row for row in lake.rows("observations")}
    assert after[2]["object"] == "Crab Nebula"
    assert {number: after[number] for number in (1, 3)} == {number: before[number] for number in (1, 3)}
    consistent(lake)


def test_a_changed_response_replaces_what_depends_on_it(lake: Lake, tmp_path: Path) -> None:
    root = tmp_path / "r"
    write(root / "irf.fits", response_hdu(LO_THRES=0.1))
    for obs_id in (1, 2):
        write(root / f"{obs_id}.fits", events_hdu(OBS_ID=obs_id))
    rows = index_rows(1, "1.fits")[:1] + index_rows(2, "2.fits")[:1] + index_rows(1, "irf.fits")[2:]
    hdu_index(root / "hdu-index.fits", rows)
    lake.load(root)
    write(root / "irf.fits", response_hdu(LO_THRES=0.2))
    report = lake.load(root)
    assert (report.collections[0].replaced, report.collections[0].unchanged) == (1, 1)
    assert [row["energy_lo_safe"] for row in lake.rows("observations")] == [0.2, None]
    consistent(lake)


def test_new_files_are_added(lake: Lake, tmp_path: Path) -> None:
    root = store(tmp_path / "r", 1)
    lake.load(root)
    store(root, 1, 2, 3)
    for path in (root / "data").iterdir():
        assert path.exists()
    report = lake.load(root)
    assert report.collections[0].added == 2
    assert counts(lake) == {1: 50, 2: 50, 3: 50}
    consistent(lake)


def test_files_that_are_gone_take_their_observations_along(lake: Lake, tmp_path: Path) -> None:
    for obs_id in (1, 2, 3):
        observation(tmp_path / "r" / f"{obs_id}.fits", obs_id)
    lake.load(tmp_path / "r")
    (tmp_path / "r" / "2.fits").unlink()
    report = lake.load(tmp_path / "r")
    assert report.collections[0].removed == 1
    assert report.notes == ("r: observation 2 (2.fits) is gone from the release and from the lake.",)
    assert counts(lake) == {1: 50, 3: 50}
    consistent(lake)


def test_a_release_that_is_gone_altogether_stays_in_the_lake(lake: Lake, tmp_path: Path) -> None:
    observation(tmp_path / "r" / "a.fits", 1)
    lake.load(tmp_path / "r")
    (tmp_path / "r" / "a.fits").unlink()
    write(tmp_path / "r" / "irf.fits", response_hdu())
    report = lake.load(tmp_path / "r")
    assert "what the lake has of it stays" in report.notes[-1]
    assert counts(lake) == {1: 50}


def test_a_file_that_is_broken_now_leaves_what_was_loaded(lake: Lake, tmp_path: Path) -> None:
    root = store(tmp_path / "r", 1, 2)
    lake.load(root)
    bad = root / "data" / "run_2.fits.gz"
    whole = bad.read_bytes()
    bad.write_bytes(whole[:1000])
    report = lake.load(root)
    assert len(report.rejected) == 1
    assert "what was loaded of it before stays" in report.notes[0]
    assert counts(lake) == {1: 50, 2: 50}
    bad.write_bytes(whole)
    assert lake.load(root).rejected == ()
    consistent(lake)


def test_an_observation_may_move_to_another_file(lake: Lake, tmp_path: Path) -> None:
    observation(tmp_path / "r" / "a.fits", 1)
    observation(tmp_path / "r" / "c.fits", 2)
    lake.load(tmp_path / "r")
    (tmp_path / "r" / "a.fits").rename(tmp_path / "r" / "b.fits")
    report = lake.load(tmp_path / "r")
    assert (report.collections[0].replaced, report.rejected) == (1, ())
    assert counts(lake) == {1: 50, 2: 50}
    assert lake.rows("observations")[0]["events_file"] == "b.fits"
    consistent(lake)


def test_a_new_readme_is_told_without_reading_events(lake: Lake, tmp_path: Path) -> None:
    root = store(tmp_path / "r", 1)
    lake.load(root)
    (root / "README.md").write_text("# A new title")
    report = lake.load(root)
    assert report.snapshot is not None
    assert report.loaded_events == 0
    assert lake.one("collections")["title"] == "A new title"
    consistent(lake)


def test_other_releases_are_not_touched(lake: Lake, tmp_path: Path) -> None:
    lake.load(store(tmp_path / "one", 1))
    snapshot = current_snapshot(lake.root)
    assert snapshot is not None
    before = snapshot.paths()
    lake.load(store(tmp_path / "two", 2))
    after = current_snapshot(lake.root)
    assert after is not None
    assert {path for path in before if "collection=one" in path} <= after.paths()
    assert counts(lake) == {1: 50, 2: 50}


def test_a_new_column_comes_to_the_files_of_other_releases(lake: Lake, tmp_path: Path) -> None:
    lake.load(store(tmp_path / "one", 1))
    write(tmp_path / "two.fits", events_hdu({**columns_of(5), "DETX": np.ones(5, "f4")}, OBS_ID=2))
    lake.load(tmp_path / "two.fits")
    values = {row["collection"]: row["detx"] for row in lake.rows("events")}
    assert values == {"one": None, "two": 1.0}
    consistent(lake)


def test_targets_are_found_across_releases_and_follow_changes(lake: Lake, tmp_path: Path) -> None:
    write(tmp_path / "fact.fits", events_hdu(OBS_ID=1, OBJECT="Crab", RA_OBJ=None, DEC_OBJ=None))
    lake.load(tmp_path / "fact.fits")
    write(tmp_path / "magic.fits", events_hdu(OBS_ID=2, OBJECT="Crab Nebula"))
    lake.load(tmp_path / "magic.fits")
    (target,) = lake.rows("targets", "target_name")
    assert (target["target_observations"], target["n_collections"]) == (2, 2)
    assert {row["target_name"] for row in lake.rows("observations")} == {target["target_name"]}
    assert target["target_ra"] == pytest.approx(83.6287)


def test_another_release_of_the_same_name_is_refused(lake: Lake, tmp_path: Path) -> None:
    lake.load(store(tmp_path / "a" / "data", 1))
    observation(tmp_path / "b" / "data" / "x.fits", 9)
    with pytest.raises(IngestError, match="give the other release another name"):
        lake.load(tmp_path / "b" / "data")
    assert counts(lake) == {1: 50}


def test_a_release_may_move(lake: Lake, tmp_path: Path) -> None:
    root = store(tmp_path / "a" / "data", 1)
    lake.load(root)
    moved = tmp_path / "b" / "data"
    shutil.copytree(root, moved)
    report = lake.load(moved)
    assert "before, now from" in report.notes[0]
    assert report.loaded_events == 0
    snapshot = current_snapshot(lake.root)
    assert snapshot is not None
    assert snapshot.releases["data"].root == moved


# Tiles


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles_module, "TILE_ROWS", 300)
    monkeypatch.setattr(tiles_module, "GROUP_ROWS", 64)


@pytest.mark.usefixtures("small_tiles")
def test_tiles_are_cut_until_they_are_small(lake: Lake, tmp_path: Path) -> None:
    lake.load(store(tmp_path / "r", *range(1, 21), count=200))
    snapshot = current_snapshot(lake.root)
    assert snapshot is not None
    assert max(record.nrows for record in snapshot.records) <= 300
    assert len({record.norder for record in snapshot.records}) > 1
    tiles = [(record.norder, record.npix) for record in snapshot.records]
    assert len(tiles) == len(set(tiles))
    for order, index in tiles:
        assert not any((order - up, index >> (2 * up)) in tiles for up in range(1, order + 1))
    consistent(lake)


@pytest.mark.usefixtures("small_tiles")
def test_events_of_one_place_fill_several_files(lake: Lake, tmp_path: Path) -> None:
    columns = columns_of(1000)
    columns["RA"][:] = 83.63
    columns["DEC"][:] = 22.01
    write(tmp_path / "a.fits", events_hdu(columns, OBS_ID=1))
    lake.load(tmp_path / "a.fits")
    snapshot = current_snapshot(lake.root)
    assert snapshot is not None
    assert sorted(record.nrows for record in snapshot.records) == [100, 300, 300, 300]
    assert {record.norder for record in snapshot.records} == {12}
    assert sorted(row["event_row"] for row in lake.rows("events")) == list(range(1000))


@pytest.mark.usefixtures("small_tiles")
def test_loading_in_parts_gives_the_events_of_loading_at_once(lake: Lake, tmp_path: Path) -> None:
    store(tmp_path / "whole", *range(1, 13), count=150)
    at_once = Lake(tmp_path / "at-once")
    at_once.load(tmp_path / "whole")
    parts = tmp_path / "parts" / "whole"
    for last in (3, 4, 9, 12):
        store(parts, *range(1, last + 1), count=150)
        lake.load(parts)
    shutil.rmtree(parts / "data", ignore_errors=True)
    store(parts, *range(1, 13), count=150)
    observation(parts / "data" / "run_5.fits.gz", 5, count=1)
    lake.load(parts)
    observation(parts / "data" / "run_5.fits.gz", 5, count=150)
    lake.load(parts)
    consistent(lake)
    order = ("obs_id", "event_row")
    assert lake.rows("events", *order) == at_once.rows("events", *order)


@pytest.mark.usefixtures("small_tiles")
def test_events_without_a_place_have_files_of_their_own(lake: Lake, tmp_path: Path) -> None:
    for obs_id in (1, 2):
        columns = columns_of(500, obs_id)
        columns["RA"][::2] = np.nan
        write(tmp_path / "r" / f"{obs_id}.fits", events_hdu(columns, OBS_ID=obs_id))
        lake.load(tmp_path / "r")
    snapshot = current_snapshot(lake.root)
    assert snapshot is not None
    nowhere = [record for record in snapshot.records if record.norder < 0]
    assert sum(record.nrows for record in nowhere) == 500
    assert all("healpix" not in record.ranges for record in nowhere)
    assert counts(lake) == {1: 500, 2: 500}
    assert sum(row["healpix"] is None for row in lake.rows("events")) == 500


# Nothing half


KILLED = """
import sys
from pathlib import Path
from app.ingest import ingest
print("ready", flush=True)
ingest(Path(sys.argv[1]), lake=Path(sys.argv[2]))
print("done", flush=True)
"""


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.15, 0.3, 0.6])
def test_a_killed_ingest_leaves_the_old_lake(lake: Lake, tmp_path: Path, delay: float) -> None:
    root = store(tmp_path / "r", *range(1, 6))
    lake.load(root)
    before = counts(lake)
    for obs_id in range(1, 60):
        observation(root / "data" / f"run_{obs_id}.fits.gz", obs_id, count=400)
    rows = [row for obs_id in range(1, 60) for row in index_rows(obs_id, f"run_{obs_id}.fits.gz", "data")]
    hdu_index(root / "hdu-index.fits.gz", rows)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(root), str(lake.root)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    after = dict.fromkeys(range(1, 60), 400)
    assert counts(lake) in (before, after)
    consistent(lake)
    lake.load(root)
    assert counts(lake) == after
    consistent(lake)
    staging = lake.root / "staging"
    assert list(staging.iterdir()) == []


@pytest.mark.parametrize("step", ["write_whole", "move_whole"])
def test_a_failure_while_publishing_leaves_the_old_lake(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    root = store(tmp_path / "r", 1)
    lake.load(root)
    store(root, 1, 2)

    def fail(*_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(f"app.lake.snapshot.{step}", fail)
        with pytest.raises(OSError, match="disk full"):
            lake.load(root)
        assert counts(lake) == {1: 50}
        consistent(lake)
    lake.load(root)
    assert counts(lake) == {1: 50, 2: 50}


def test_files_of_old_states_are_swept_after_the_next_but_one(lake: Lake, tmp_path: Path) -> None:
    root = tmp_path / "r"
    kept: list[Path] = []
    for count in (10, 20, 30):
        observation(root / "a.fits", 1, count=count)
        lake.load(root)
        snapshot = current_snapshot(lake.root)
        assert snapshot is not None
        kept.append(snapshot.files.paths[0])
    assert [path.exists() for path in kept] == [False, True, True]
    assert len(list((lake.root / "snapshots").iterdir())) == 2


def test_what_the_disk_cannot_hold_is_refused(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = store(tmp_path / "r", 1)
    lake.load(root)
    store(root, 1, 2)
    full = shutil.disk_usage(tmp_path)._replace(free=1000)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: full)
        with pytest.raises(IngestError, match="no room for these events"):
            lake.load(root)
    assert counts(lake) == {1: 50}


def test_two_ingests_do_not_mix(lake: Lake, tmp_path: Path) -> None:
    root = store(tmp_path / "r", 1)
    with LakeLock(lake.root), pytest.raises(LakeBusy, match=f"Process {os.getpid()} is loading"):
        lake.load(root)
    lake.load(root)
    assert counts(lake) == {1: 50}


def test_readers_see_one_state_while_ingests_go_on(lake: Lake, tmp_path: Path) -> None:
    root = tmp_path / "r"
    observation(root / "a.fits", 1, count=1)
    lake.load(root)
    seen: set[int] = set()
    stop = threading.Event()
    faults: list[Exception] = []

    def read() -> None:
        while not stop.is_set():
            try:
                snapshot = current_snapshot(lake.root)
                assert snapshot is not None
                rows = sum(pq.ParquetFile(path).metadata.num_rows for path in snapshot.files.paths)
                assert rows == snapshot.nrows["dl3.events"]
                seen.add(rows)
            except Exception as error:
                faults.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for count in range(2, 8):
        observation(root / "a.fits", 1, count=count)
        lake.load(root)
    stop.set()
    reader.join()
    assert faults == []
    assert seen <= set(range(1, 8))
