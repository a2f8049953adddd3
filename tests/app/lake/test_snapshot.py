"""Snapshots: whole or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adql import Column, ColumnType
from app.lake import (
    FileRecord,
    LakeBusy,
    LakeError,
    LakeLock,
    Layout,
    Release,
    RowGroup,
    Snapshot,
    TableFile,
    current_name,
    current_snapshot,
    publish,
    sweep,
)


def record(path: str) -> FileRecord:
    return FileRecord(
        path=path,
        collection="c",
        norder=1,
        npix=7,
        nrows=3,
        nbytes=10,
        ranges={"ra": (1.0, 2.0)},
        obs_id=(5,),
        obs_mjd=((50_000.0, 50_000.5),),
        groups=(RowGroup(3, 100, 200),),
    )


def snapshot(lake: Path, number: int, rights: str = "public") -> Snapshot:
    """A snapshot whose files are there."""
    events = f"events/collection=c/norder=1/npix=7/{number}.parquet"
    table = f"observations/collection=c/{number}.parquet"
    for name in (events, table):
        (lake / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"x": [1, 2, 3]}), lake / name)
    return Snapshot.make(
        lake,
        event_columns=(
            Column("detx", ColumnType("float"), "X", "deg", "pos.cartesian.x"),
            Column("v", ColumnType("int", "3")),
        ),
        table_files={"observations": (TableFile(table, 3, "c"),)},
        releases={
            "c": Release("c", Path("/data/ć"), rights, 3, {"title": "T"}, {"DETX|number|deg": "detx"}, "f")
        },
        records=(record(events),),
    )


def published(lake: Path, number: int) -> Snapshot:
    made = snapshot(lake, number)
    staging = lake / "staging" / str(number)
    staging.mkdir(parents=True)
    publish(made, staging, {"notes": pa.table({"a": [1]})})
    return made


def test_an_empty_lake_has_no_snapshot(tmp_path: Path) -> None:
    assert current_snapshot(tmp_path / "lake") is None
    assert current_name(tmp_path / "lake") is None


def test_what_is_published_is_read_back(tmp_path: Path) -> None:
    made = published(tmp_path, 1)
    read = current_snapshot(tmp_path)
    assert read is not None
    for name in (
        "name",
        "lake",
        "created",
        "event_columns",
        "table_files",
        "releases",
        "records",
        "rights",
        "nrows",
    ):
        assert getattr(read, name) == getattr(made, name), name
    assert read.tables == made.tables
    assert read.tables["observations"] == (tmp_path / "observations/collection=c/1.parquet",)
    assert (read.folder / "notes.parquet").is_file()


def test_the_events_of_a_restricted_collection_are_not_among_the_tables(tmp_path: Path) -> None:
    made = snapshot(tmp_path, 1, "metadata")
    assert made.tables["events"] == ()
    assert made.nrows == {"dl3.observations": 3, "dl3.events": 0}
    assert len(made.files.select(restricted=True).files) == 1


def test_the_last_snapshot_and_the_one_before_stay(tmp_path: Path) -> None:
    made = [published(tmp_path, number) for number in range(3)]
    sweep(made[2], made[1])
    left = sorted(path.stem for path in tmp_path.rglob("*.parquet") if path.parts[-3:-2] != ("snapshots",))
    assert left.count("0") == 0
    assert left.count("1") == left.count("2") == 2
    assert sorted(path.name for path in (tmp_path / "snapshots").iterdir()) == sorted(
        s.name for s in made[1:]
    )


def test_a_snapshot_that_failed_is_not_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = published(tmp_path, 1)

    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("app.lake.snapshot.write_whole", fail)
    with pytest.raises(OSError, match="no space"):
        published(tmp_path, 2)
    read = current_snapshot(tmp_path)
    assert read is not None
    assert read.name == first.name


@pytest.mark.parametrize("content", ["", "../../etc", "a\nb", "x" * 200, "naïve"])
def test_a_name_that_is_none_is_an_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "current").write_text(content)
    with pytest.raises(LakeError):
        current_snapshot(tmp_path)


def test_a_snapshot_that_is_missing_or_damaged_is_an_error(tmp_path: Path) -> None:
    made = published(tmp_path, 1)
    manifest = made.folder / "manifest.json"
    good = json.loads(manifest.read_text())
    for bad in ("{", json.dumps({**good, "tables": 5}), json.dumps({"format": 1})):
        manifest.write_text(bad)
        with pytest.raises(LakeError, match="damaged"):
            current_snapshot(tmp_path)
    manifest.write_text(json.dumps({**good, "format": 99}))
    with pytest.raises(LakeError, match="format 99"):
        current_snapshot(tmp_path)
    manifest.unlink()
    with pytest.raises(LakeError, match="not there"):
        current_snapshot(tmp_path)


TRY_TO_LOCK = """
import pathlib, sys
from app.lake import LakeBusy, LakeLock
try:
    LakeLock(pathlib.Path(sys.argv[1])).__enter__()
except LakeBusy:
    print("busy")
"""

LOCK_AND_DIE = """
import os, pathlib, sys
from app.lake import LakeLock
lock = LakeLock(pathlib.Path(sys.argv[1]))
lock.__enter__()
os.kill(os.getpid(), 9)
"""


def test_one_holds_the_lock(tmp_path: Path) -> None:
    with LakeLock(tmp_path):
        with pytest.raises(LakeBusy, match=f"Process {os.getpid()} "):
            LakeLock(tmp_path).__enter__()
        command = [sys.executable, "-c", TRY_TO_LOCK, str(tmp_path)]
        told = subprocess.run(command, capture_output=True, text=True, check=True)
        assert told.stdout == "busy\n"
    with LakeLock(tmp_path):
        pass


def test_the_lock_goes_with_its_process(tmp_path: Path) -> None:
    died = subprocess.run([sys.executable, "-c", LOCK_AND_DIE, str(tmp_path)], check=False)
    assert died.returncode == -9
    with LakeLock(tmp_path):
        pass


def test_paths_are_as_the_layout_says(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert (
        layout.relative(layout.tile("c", 3, 99) / "x.parquet")
        == "events/collection=c/norder=3/npix=99/x.parquet"
    )
    assert layout.relative(layout.table("gtis", "c")) == "gtis/collection=c"
    assert layout.relative(layout.table("targets", None)) == "targets"
