from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import astropy.units as u
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.coordinates import SkyCoord

import adql
from adql import Column, ColumnType, Statement, Table
from app.config import Config
from app.engines.base import Upload
from app.engines.duckdb import BATCH_ROWS, DuckDBEngine
from app.errors import (
    EngineUnavailable,
    QueryCancelled,
    QueryDataError,
    QueryTimeout,
    QueryTooLarge,
    ValueRangeError,
)
from app.results import arrow_schema
from tests.app.conftest import RELEASES
from tests.app.engines.conftest import ask_engine
from tests.support.eventually import eventually
from tests.support.small_lake import SmallRelease, make_lake

ENDLESS = """
    SELECT COUNT(*) AS n FROM dl3.events AS a, dl3.events AS b, dl3.events AS c
    WHERE a.energy + b.energy + c.energy < 0
"""
LONG = "SELECT a.ra, b.energy FROM dl3.events AS a, dl3.events AS b WHERE a.collection = 'crab-a'"


def raw_events(home: Path) -> pa.Table:
    """Every event of the lake, read from its files by pyarrow alone."""
    files = sorted((home / "lake" / "events").rglob("*.parquet"))
    return pa.concat_tables([pq.ParquetFile(file).read() for file in files])


def execute(engine: DuckDBEngine, sql: str, *columns: Column) -> pa.Table:
    """What the engine gives for SQL as it stands."""
    with engine.session(timeout=60) as session:
        result = session.execute(Statement(sql, columns, frozenset()))
        return pa.Table.from_batches(result.batches, schema=result.schema)


# Rows


def test_counts_are_those_of_the_files(ask):
    found = ask("SELECT collection, COUNT(*) AS n FROM dl3.events GROUP BY collection")
    served = {release.collection: release.n_events for release in RELEASES if release.rights == "public"}
    assert dict(zip(*found.to_pydict().values(), strict=True)) == served


def test_sums_and_extrema_are_those_of_the_files(ask, small_home):
    rows = raw_events(small_home).filter(pa.compute.equal(raw_events(small_home)["collection"], "crab-a"))
    energy = rows["energy"].to_numpy()
    found = ask(
        "SELECT MIN(energy) AS lo, MAX(energy) AS hi, SUM(event_id) AS total FROM dl3.events "
        "WHERE collection = 'crab-a'"
    ).to_pylist()
    assert found == [
        {"lo": energy.min(), "hi": energy.max(), "total": int(rows["event_id"].to_numpy().sum())}
    ]


@pytest.mark.parametrize(
    ("ra", "dec", "radius"),
    [(83.63, 22.01, 0.2), (10.0, 90.0, 1.0), (359.9, -5.0, 1.5), (0.05, -4.0, 0.7), (200.0, 0.0, 5.0)],
    ids=["crab", "pole", "west of the seam", "east of the seam", "empty sky"],
)
def test_cone_gives_the_events_whose_astropy_separation_is_within_it(ask, small_home, ra, dec, radius):
    rows = raw_events(small_home)
    rows = rows.filter(pa.compute.not_equal(rows["collection"], "closed"))
    places = SkyCoord(rows["ra"].to_numpy() * u.deg, rows["dec"].to_numpy() * u.deg)
    within = places.separation(SkyCoord(ra * u.deg, dec * u.deg)).deg <= radius
    expected = set(
        zip(
            np.asarray(rows["collection"].to_pylist())[within],
            rows["event_row"].to_numpy()[within],
            strict=True,
        )
    )
    found = ask(
        "SELECT collection, event_row FROM dl3.events "
        f"WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE({ra}, {dec}, {radius}))"
    )
    assert set(zip(*found.to_pydict().values(), strict=True)) == expected


def test_only_files_that_can_hold_the_cone_are_read(engine):
    with engine.session() as session:
        text = "SELECT ra FROM dl3.events WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(10, 90, 0.5))"
        sql = adql.translate(text, session.catalogue, engine.dialect, scan=session.scan).sql
    assert "collection=pole" in sql
    assert "collection=crab" not in sql
    assert "*" not in sql.split("read_parquet(")[1].split(")")[0]


def test_far_ends_of_the_sky_index_have_bounds_of_their_own(tmp_path):
    # Base pixels 0 and 4 meet along an edge through (22.5, 19.47), where sin(dec) = 1/3 (Gorski et al. 2005).
    make_lake(
        tmp_path, [SmallRelease("wide", ra=22.5, dec=19.5, radius=15.0, n_events=30_000, group_rows=300)]
    )
    engine = DuckDBEngine(Config(home=tmp_path))
    text = "SELECT ra, dec FROM dl3.events WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(22.5, 19.5, 0.6))"
    try:
        with engine.session() as session:
            sql = adql.translate(text, session.catalogue, engine.dialect, scan=session.scan).sql
        found = ask_engine(engine, text)
    finally:
        engine.close()
    rows = raw_events(tmp_path)
    places = SkyCoord(rows["ra"].to_numpy() * u.deg, rows["dec"].to_numpy() * u.deg)
    assert sql.count("healpix BETWEEN") >= 2
    assert found.num_rows == (places.separation(SkyCoord(22.5 * u.deg, 19.5 * u.deg)).deg <= 0.6).sum() > 0


def test_file_list_is_explicit_even_for_all_events(engine):
    with engine.session() as session:
        sql = adql.translate(
            "SELECT ra FROM dl3.events", session.catalogue, engine.dialect, scan=session.scan
        ).sql
    assert sql.count(".parquet'") == sum(release.rights == "public" for release in RELEASES)


def test_instrument_columns_follow_the_fixed_ones(ask):
    found = ask("SELECT TOP 1 * FROM dl3.events")
    assert found.schema.names[-1] == "hillas_width"
    assert found.schema.field("hillas_width").type == pa.float32()


def test_same_query_gives_the_same_rows_in_the_same_order(ask):
    query = "SELECT event_id FROM dl3.events"
    assert ask(query, 500).equals(ask(query, 500))


def test_batches_are_of_the_declared_types(ask):
    found = ask("SELECT COUNT(*) AS n, AVG(energy) AS mean, MIN(collection) AS least FROM dl3.events")
    assert found.schema.types == [pa.int64(), pa.float64(), pa.string()]


def test_result_comes_in_batches_not_whole(engine):
    with engine.session(timeout=60) as session:
        statement = adql.translate(LONG, session.catalogue, engine.dialect, maxrec=200_000, scan=session.scan)
        sizes = [batch.num_rows for batch in session.execute(statement).batches]
    assert sum(sizes) == 200_001
    assert max(sizes) <= BATCH_ROWS + 2048
    assert len(sizes) > 5


# Rights


def test_events_of_a_closed_collection_are_not_served(ask):
    assert ask("SELECT COUNT(*) AS n FROM dl3.events WHERE collection = 'closed'").to_pylist() == [{"n": 0}]


def test_observations_of_a_closed_collection_are(ask):
    found = ask("SELECT COUNT(*) AS n FROM dl3.observations WHERE collection = 'closed'").to_pylist()
    assert found == [{"n": 2}]


def test_operator_may_serve_closed_collections(small_home):
    engine = DuckDBEngine(Config(home=small_home, serve_restricted=True))
    try:
        found = ask_engine(engine, "SELECT COUNT(*) AS n FROM dl3.events WHERE collection = 'closed'")
        with engine.session() as session:
            rows = session.catalogue.table("dl3.events").nrows
    finally:
        engine.close()
    assert found.to_pylist() == [{"n": 500}]
    assert rows == sum(release.n_events for release in RELEASES)


# Metadata


def test_tap_schema_describes_every_column_of_the_catalogue(ask, engine):
    with engine.session() as session:
        columns = sum(len(table.columns) for table in session.catalogue)
    found = ask("SELECT COUNT(*) AS n FROM tap_schema.columns").to_pylist()
    assert found == [{"n": columns}]


def test_tap_schema_has_the_declared_types(ask, engine):
    for name in ("schemas", "tables", "columns", "keys", "key_columns"):
        with engine.session() as session:
            columns = session.catalogue.table(f"tap_schema.{name}").columns
        assert ask(f"SELECT * FROM tap_schema.{name}").schema == arrow_schema(columns)


def test_empty_lake_serves_empty_tables_of_the_right_types(tmp_path):
    engine = DuckDBEngine(Config(home=tmp_path))
    try:
        with engine.session() as session:
            tables = [table for table in session.catalogue if table.schema == "dl3"]
        assert len(tables) == 7
        for table in tables:
            found = ask_engine(engine, f"SELECT * FROM {table.qualified}")
            assert found.num_rows == 0
            assert found.schema == arrow_schema(table.columns)
    finally:
        engine.close()


# Snapshots


def test_new_snapshot_is_seen_by_the_next_session_and_not_by_a_running_one(tmp_path):
    make_lake(tmp_path, [SmallRelease("old", n_events=100)])
    engine = DuckDBEngine(Config(home=tmp_path))
    query = "SELECT COUNT(*) AS n FROM dl3.events"
    try:
        with engine.session() as running:
            make_lake(tmp_path, [SmallRelease("new", n_events=70)], seed=2)
            assert ask_engine(engine, query).to_pylist() == [{"n": 70}]
            statement = adql.translate(query, running.catalogue, engine.dialect, scan=running.scan)
            (batch,) = running.execute(statement).batches
            assert batch.to_pylist() == [{"n": 100}]
    finally:
        engine.close()


def test_first_snapshot_appears_in_a_lake_that_was_empty(tmp_path):
    engine = DuckDBEngine(Config(home=tmp_path))
    try:
        make_lake(tmp_path, [SmallRelease("first", n_events=50)])
        assert ask_engine(engine, "SELECT COUNT(*) AS n FROM dl3.events").to_pylist() == [{"n": 50}]
    finally:
        engine.close()


def test_damaged_new_snapshot_leaves_the_old_one_served(tmp_path):
    make_lake(tmp_path, [SmallRelease("good", n_events=50)])
    engine = DuckDBEngine(Config(home=tmp_path))
    try:
        (tmp_path / "lake" / "current").write_text("no-such-snapshot\n")
        assert ask_engine(engine, "SELECT COUNT(*) AS n FROM dl3.events").to_pylist() == [{"n": 50}]
    finally:
        engine.close()


def test_damaged_lake_is_told_at_the_start(tmp_path):
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "current").write_text("no-such-snapshot\n")
    with pytest.raises(EngineUnavailable, match="no-such-snapshot"):
        DuckDBEngine(Config(home=tmp_path))


def test_sessions_begun_while_snapshots_change_all_see_one_whole_state(tmp_path):
    make_lake(tmp_path, [SmallRelease("a", n_events=100)])
    engine = DuckDBEngine(Config(home=tmp_path))
    seen: list[int] = []
    stop = threading.Event()

    def ask_on() -> None:
        while not stop.is_set():
            found = ask_engine(engine, "SELECT COUNT(*) AS n, MAX(event_row) AS final FROM dl3.events")
            row = found.to_pylist()[0]
            assert row["final"] == row["n"] - 1
            seen.append(row["n"])

    threads = [threading.Thread(target=ask_on) for _ in range(3)]
    try:
        for thread in threads:
            thread.start()
        for number in range(2, 6):
            make_lake(tmp_path, [SmallRelease("a", n_events=100 * number)], seed=number)
            # A snapshot may be skipped by one who is slow, and the last is seen at last.
            time.sleep(0.05)
        eventually(lambda: 500 in seen)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        engine.close()
    assert set(seen) <= {100, 200, 300, 400, 500}


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a niceness on Linux alone")
def test_the_threads_of_the_engine_yield_as_heavy_queries_do(tmp_path):
    def nice() -> int:
        stats = (path / "stat" for path in Path("/proc/self/task").iterdir())
        return sum(stat.read_text().rpartition(")")[2].split()[16] == "13" for stat in stats)

    engine = DuckDBEngine(Config(home=tmp_path, threads=4, heavy_niceness=13))
    try:
        # All but the one that asks.
        assert nice() >= 3
    finally:
        engine.close()


# Uploads


def test_uploaded_table_is_seen_by_its_session_alone(engine):
    table = Table("TAP_UPLOAD", "mine", (Column("x", ColumnType("long")),))
    upload = Upload(table, pa.table({"x": pa.array([1, 2, 39], pa.int64())}))
    query = "SELECT SUM(m.x) AS s FROM TAP_UPLOAD.mine AS m"
    with engine.session([upload]) as session:
        statement = adql.translate(query, session.catalogue, engine.dialect, scan=session.scan)
        (batch,) = session.execute(statement).batches
        assert batch.to_pylist() == [{"s": 42}]
    with pytest.raises(adql.BindError):
        ask_engine(engine, query)


# Limits


def test_query_is_stopped_at_its_limit_and_not_before(engine):
    begun = time.monotonic()
    with engine.session(timeout=0.5) as session:
        statement = adql.translate(ENDLESS, session.catalogue, engine.dialect, scan=session.scan)
        with pytest.raises(QueryTimeout, match=r"0\.5 s"):
            session.execute(statement)
    assert time.monotonic() - begun >= 0.5
    assert ask_engine(engine, "SELECT COUNT(*) AS n FROM dl3.collections").num_rows == 1


def test_time_limit_counts_while_rows_stream(engine):
    with engine.session(timeout=0.5) as session:
        statement = adql.translate(LONG, session.catalogue, engine.dialect, scan=session.scan)
        result = session.execute(statement)
        with pytest.raises(QueryTimeout):
            for _ in result.batches:
                pass


def test_time_a_client_takes_to_read_does_not_count(engine):
    with engine.session(timeout=3.0) as session:
        statement = adql.translate(LONG, session.catalogue, engine.dialect, maxrec=60_000, scan=session.scan)
        result = session.execute(statement)
        rows = 0
        for batch in result.batches:
            rows += batch.num_rows
            time.sleep(0.8)
    assert rows == 60_001


@pytest.mark.parametrize("text", [ENDLESS, LONG], ids=["before the first row", "while rows stream"])
def test_cancel_from_another_thread_stops_the_query(engine, text):
    with engine.session() as session:
        statement = adql.translate(text, session.catalogue, engine.dialect, scan=session.scan)
        timer = threading.Timer(0.3, session.cancel)
        timer.start()
        with pytest.raises(QueryCancelled):
            for _ in session.execute(statement).batches:
                pass
    timer.join()


def test_cancel_before_execute_stops_it_at_once(engine):
    with engine.session() as session:
        session.cancel()
        session.cancel()
        statement = adql.translate(ENDLESS, session.catalogue, engine.dialect, scan=session.scan)
        with pytest.raises(QueryCancelled):
            session.execute(statement)


def test_closing_the_engine_cancels_what_runs(small_home):
    engine = DuckDBEngine(Config(home=small_home))
    threading.Timer(0.3, engine.close).start()
    with pytest.raises(QueryCancelled):
        ask_engine(engine, ENDLESS)
    with pytest.raises(EngineUnavailable):
        ask_engine(engine, "SELECT COUNT(*) AS n FROM dl3.events")


def test_other_queries_go_on_while_one_is_stopped(engine):
    found: list[pa.Table] = []

    def ask_beside() -> None:
        for _ in range(10):
            found.append(ask_engine(engine, "SELECT COUNT(*) AS n FROM dl3.events"))

    thread = threading.Thread(target=ask_beside)
    thread.start()
    with engine.session(timeout=0.3) as session:
        statement = adql.translate(ENDLESS, session.catalogue, engine.dialect, scan=session.scan)
        with pytest.raises(QueryTimeout):
            session.execute(statement)
    thread.join()
    assert len(found) == 10


def test_query_that_needs_too_much_memory_ends_cleanly(small_home):
    engine = DuckDBEngine(Config(home=small_home, memory_limit=64 * 2**20, scratch_limit=0))
    query = """
        SELECT COUNT(*) AS n FROM (
            SELECT a.energy + b.energy AS e, COUNT(*) AS k FROM dl3.events AS a, dl3.events AS b
            GROUP BY a.energy + b.energy) AS t
    """
    try:
        with pytest.raises(QueryTooLarge):
            ask_engine(engine, query)
        assert ask_engine(engine, "SELECT COUNT(*) AS n FROM dl3.collections").num_rows == 1
    finally:
        engine.close()


def test_sort_beyond_memory_uses_the_scratch_folder_and_leaves_nothing(small_home, tmp_path):
    home = tmp_path / "home"
    make_lake(home, [SmallRelease("big", n_events=400_000)])
    config = Config(home=home, memory_limit=64 * 2**20, threads=1)
    engine = DuckDBEngine(config)
    query = "SELECT e.*, o.object FROM dl3.events AS e, dl3.observations AS o ORDER BY e.event_time"
    try:
        with engine.session(timeout=120) as session:
            statement = adql.translate(query, session.catalogue, engine.dialect, scan=session.scan)
            times = [batch.column(3).to_numpy() for batch in session.execute(statement).batches]
    finally:
        engine.close()
    assert (np.diff(np.concatenate(times)) >= 0).all()
    assert sum(map(len, times)) == 800_000
    assert not list(config.scratch.iterdir())


def test_scratch_of_a_dead_process_is_removed(tmp_path):
    old = tmp_path / "scratch" / "engine-left"
    old.mkdir(parents=True)
    (old / "lock").touch()
    (old / "duckdb_temp_storage-0.tmp").write_bytes(b"x" * 100)
    DuckDBEngine(Config(home=tmp_path)).close()
    assert not old.exists()


def test_scratch_of_a_living_engine_is_left_alone(tmp_path):
    first = DuckDBEngine(Config(home=tmp_path))
    DuckDBEngine(Config(home=tmp_path)).close()
    assert len(list((tmp_path / "scratch").iterdir())) == 1
    first.close()


# Faults of the data


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("CAST('abc' AS INTEGER)", "abc"),
        ("CAST(9223372036854775807 AS BIGINT) + CAST(1 AS BIGINT)", "verflow"),
    ],
)
def test_value_that_cannot_be_computed_is_told_as_the_users_fault(engine, expression, message):
    with pytest.raises(QueryDataError, match=message) as caught:
        execute(engine, f"SELECT {expression} AS x FROM range(3)", Column("x", ColumnType("long")))
    assert "LINE" not in caught.value.message


def test_sum_beyond_the_declared_type_is_told(engine):
    sql = "SELECT sum(9223372036854775807::BIGINT) AS total FROM range(2)"
    with pytest.raises(ValueRangeError, match='"total"'):
        execute(engine, sql, Column("total", ColumnType("long")))


def test_fault_amid_the_rows_is_raised_amid_the_rows(engine):
    sql = "SELECT CAST(CASE WHEN range = 15000000 THEN 'x' ELSE '1' END AS INTEGER) AS n FROM range(20000000)"
    with engine.session() as session:
        result = session.execute(Statement(sql, (Column("n", ColumnType("int")),), frozenset()))
        seen = 0
        with pytest.raises(QueryDataError):
            for batch in result.batches:
                seen += batch.num_rows
    assert 0 < seen <= 15_000_000
