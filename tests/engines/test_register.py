"""The lake as external tables: made once, mended, followed from snapshot to snapshot."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from adql import Column, ColumnType
from app.config import Config
from app.errors import EngineUnavailable
from app.factory import make_engine, register_lake
from app.lake import LakeBusy, LakeLock, current_snapshot, sweep
from tests.engines.conftest import Remote
from tests.engines.test_adapter import answer
from tests.support.small_lake import SmallRelease, make_lake

WIDTH = Column("hillas_width", ColumnType("float"), description="Width of the image", unit="deg")


@pytest.fixture
def moving(remote: Remote, tmp_path: Path) -> Remote:
    """A lake of its own that a test may change, in a database of its own."""
    url = remote.config.engine_url.replace("/gammahub?", f"/{database(tmp_path)}?")
    return replace(remote, config=Config(home=tmp_path / "home", engine_url=url))


def database(folder: Path) -> str:
    """A database for the test that has this folder."""
    return f"moving_{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}"


def tables(remote: Remote, pattern: str = "dl3_events*") -> list[str]:
    rows = remote.server.run(f"SHOW TABLES IN {database(remote.config.home.parent)} LIKE '{pattern}'")
    return [str(row[0] if len(row) == 1 else row[1]) for row in rows]


def test_to_register_again_changes_nothing(remote: Remote) -> None:
    assert remote.register().is_unchanged


def test_an_empty_lake_cannot_be_registered(moving: Remote) -> None:
    with pytest.raises(EngineUnavailable, match="gammahub ingest"):
        moving.register()


def test_an_engine_without_our_tables_is_told_with_the_cure(moving: Remote) -> None:
    make_lake(moving.config.home, [SmallRelease("one", n_events=10)])
    engine = make_engine(moving.config)
    try:
        with pytest.raises(EngineUnavailable) as caught:
            answer(engine, "SELECT ra FROM dl3.events")
        assert "gammahub lake register" in str(caught.value.hint)
    finally:
        engine.close()


def test_what_was_broken_is_mended(moving: Remote) -> None:
    make_lake(moving.config.home, [SmallRelease("one", n_events=10), SmallRelease("two", n_events=20)])
    first = moving.register()
    assert first.partitions_added > 2
    (events,) = (name for name in tables(moving) if "__" in name)
    (targets,) = (name for name in tables(moving, "dl3_targets__*"))
    (gtis,) = (name for name in tables(moving, "dl3_gtis__*"))
    name = database(moving.config.home.parent)
    moving.server.run(
        f"ALTER TABLE {name}.{events} DROP PARTITION (lake_file=1)",
        f"DROP TABLE {name}.{targets}",
        f"ALTER TABLE {name}.{gtis} ADD COLUMNS (surplus INT)",
    )
    report = moving.register()
    assert (report.partitions_added, sorted(report.tables_made)) == (1, sorted([targets, gtis]))
    assert moving.server.run(f"SELECT count(*) FROM {name}.{events}") == [(30,)]
    assert moving.register().is_unchanged


def test_a_release_with_a_new_column_is_served_and_the_old_tables_go(moving: Remote) -> None:
    home = moving.config.home
    first = make_lake(home, [SmallRelease("one", n_events=10)], event_columns=(), seed=1)
    moving.register()
    engine = make_engine(moving.config)
    try:
        assert answer(engine, "SELECT * FROM dl3.events").num_rows == 10
        second = make_lake(home, [SmallRelease("one", n_events=20)], event_columns=(WIDTH,), seed=2)
        moving.register()
        assert len([name for name in tables(moving) if "__" in name]) == 2
        other = make_engine(moving.config)
        try:
            found = answer(other, "SELECT hillas_width FROM dl3.events")
        finally:
            other.close()
        assert (found.num_rows, found["hillas_width"].null_count) == (20, 0)
        assert moving.server.run(f"SELECT count(*) FROM {database(home.parent)}.dl3_events") == [(20,)]
        third = make_lake(home, [SmallRelease("one", n_events=30)], event_columns=(WIDTH,), seed=3)
        sweep(third, second)
        assert first.name not in {folder.name for folder in (home / "lake" / "snapshots").iterdir()}
        assert len(moving.register().tables_dropped) == 12
        assert len([name for name in tables(moving) if "__" in name]) == 2
    finally:
        engine.close()


def test_while_the_lake_is_written_it_is_not_registered(moving: Remote) -> None:
    make_lake(moving.config.home, [SmallRelease("one", n_events=10)])
    with LakeLock(moving.config.lake), pytest.raises(LakeBusy):
        moving.register()


def test_a_lake_whose_files_share_a_folder_is_refused(moving: Remote) -> None:
    snapshot = make_lake(moving.config.home, [SmallRelease("one", n_events=10)])
    manifest = snapshot.folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace("/rows.parquet", ".parquet"))
    for files in snapshot.table_files.values():
        for path in (snapshot.lake / file.path for file in files):
            path.rename(path.parent.with_suffix(".parquet"))
    assert current_snapshot(moving.config.lake) is not None
    with pytest.raises(EngineUnavailable, match="load the data anew"):
        register_lake(moving.config)


def test_duckdb_needs_no_tables(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="hive:"):
        register_lake(Config(home=tmp_path))
