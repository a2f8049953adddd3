"""The engine behind a HiveServer2 gives the rows, types and metadata of DuckDB; and it can be stopped."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyarrow as pa
import pytest

import adql
from adql import Column, ColumnType, Table
from app.config import Config
from app.engines.base import Engine, Session, Upload
from app.engines.hiveserver2 import HiveServer2Engine
from app.errors import QueryCancelled, QueryQueueFull, QueryTimeout
from app.factory import make_engine
from app.results import arrow_schema, limited
from tests.engines.conftest import Remote

ENDLESS = (
    "SELECT COUNT(*) AS n FROM dl3.events AS a, dl3.events AS b, dl3.events AS c "
    "WHERE a.energy + b.energy + c.energy < 0"
)
QUERIES = {
    "every column": "SELECT * FROM dl3.events WHERE collection = 'crab' AND event_row < 5",
    "a cone": "SELECT collection, event_row, ra, dec FROM dl3.events "
    "WHERE DISTANCE(POINT(ra, dec), POINT(83.63, 22.01)) < 0.3",
    "a cone over the pole": "SELECT collection, event_row FROM dl3.events "
    "WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(10, 89.9, 0.2))",
    "a cone over the seam": "SELECT collection, event_row FROM dl3.events "
    "WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(359.9, -5, 0.4))",
    "groups": "SELECT collection, obs_id, COUNT(*) AS n, AVG(energy) AS e, MIN(hillas_width) AS w "
    "FROM dl3.events GROUP BY collection, obs_id",
    "a join": "SELECT o.collection, o.obs_id, COUNT(*) AS n FROM dl3.observations AS o JOIN dl3.events AS e "
    "ON o.collection = e.collection AND o.obs_id = e.obs_id WHERE e.energy > 10 "
    "GROUP BY o.collection, o.obs_id",
    "texts": "SELECT collection, title, rights, licence, description FROM dl3.collections",
    "the small table": "SELECT * FROM dl3.observations",
    "a table without rows": "SELECT * FROM dl3.gtis",
    "arithmetic": "SELECT event_row, 7 / 2 AS q, SQRT(energy) AS s, ROUND(ra, 2) AS r, "
    "CAST(energy AS INTEGER) AS i "
    "FROM dl3.events WHERE collection = 'seam' AND event_row < 9",
    "no rows": "SELECT ra, collection FROM dl3.events WHERE ra > 400",
    "what cannot be there": "SELECT ra FROM dl3.events WHERE obs_id = 99",
    "TAP_SCHEMA": "SELECT * FROM tap_schema.columns WHERE table_name = 'dl3.events'",
    "TAP_SCHEMA with a table": "SELECT t.table_name, c.collection FROM tap_schema.tables AS t, "
    "dl3.collections AS c WHERE t.table_name LIKE 'dl3.%'",
    "a text that a server would replace": "SELECT collection, '${env:HOME} ${hiveconf:hive.x}' "
    "AS t FROM dl3.collections WHERE collection = 'crab'",
}


@contextmanager
def opened(engine: Engine, **options: object) -> Iterator[tuple[Session, Callable[[str], pa.Table]]]:
    """A session, and a way to ask it."""
    with engine.session(**{"timeout": 120, **options}) as session:

        def ask(text: str, maxrec: int = 100_000) -> pa.Table:
            statement = adql.translate(
                text, session.catalogue, session.dialect, maxrec=maxrec, scan=session.scan
            )
            result = session.execute(statement)
            return pa.Table.from_batches(result.batches, schema=result.schema)

        yield session, ask


def answer(engine: Engine, text: str, **options: object) -> pa.Table:
    with opened(engine, **options) as (_, ask):
        return ask(text)


def comparable(table: pa.Table) -> list[list[object]]:
    """Rows in an order of their own, numbers to 12 digits."""
    rows = ([_rounded(value) for value in row.values()] for row in table.to_pylist())
    return sorted(rows, key=repr)


def _rounded(value: object) -> object:
    return float(f"{value:.12g}") if isinstance(value, float) else value


@pytest.mark.parametrize("name", QUERIES)
def test_rows_and_types_are_those_of_duckdb(name: str, engine: Engine, embedded: Engine) -> None:
    found, expected = answer(engine, QUERIES[name]), answer(embedded, QUERIES[name])
    assert found.schema == expected.schema
    assert comparable(found) == comparable(expected)


def test_a_result_of_many_batches_is_whole_and_comes_in_order(engine: Engine, embedded: Engine) -> None:
    text = (
        "SELECT a.event_row AS r, b.event_row AS s, a.collection FROM dl3.events AS a, dl3.events AS b "
        "WHERE a.collection = 'crab' AND b.collection = 'seam' AND b.event_row < 10 ORDER BY r, s"
    )
    with opened(engine) as (session, _):
        statement = adql.translate(text, session.catalogue, session.dialect, maxrec=60_000, scan=session.scan)
        batches = list(session.execute(statement).batches)
    assert len(batches) > 1
    assert max(batch.num_rows for batch in batches) <= 16_384
    assert pa.Table.from_batches(batches).equals(answer(embedded, text))


def test_one_row_more_than_asked_tells_of_overflow(engine: Engine) -> None:
    text = "SELECT event_row FROM dl3.events"
    for maxrec, is_cut in ((10, True), (5000, False)):
        with opened(engine) as (session, _):
            statement = adql.translate(
                text, session.catalogue, session.dialect, maxrec=maxrec, scan=session.scan
            )
            result = limited(session.execute(statement), maxrec)
            assert sum(batch.num_rows for batch in result.batches) == min(maxrec, 5000)
            assert result.overflowed == is_cut


def test_what_is_left_out_is_remarked_and_never_read(engine: Engine) -> None:
    with opened(engine) as (session, ask):
        found = ask("SELECT DISTINCT collection FROM dl3.events")
        assert "closed" in session.remarks[0]
    assert sorted(found["collection"].to_pylist()) == ["crab", "pole", "seam"]


UPLOAD = Upload(
    Table(
        "TAP_UPLOAD",
        "mine",
        (
            Column("name", ColumnType("char", "*")),
            Column("a b", ColumnType("double")),
            Column("n", ColumnType("short")),
            Column("pair", ColumnType("float", "2")),
            Column("flag", ColumnType("boolean")),
            Column("byte", ColumnType("unsignedByte")),
        ),
    ),
    pa.table(
        {
            "name": ["crab", "it's `\\ ${env:HOME} ä", None],
            "a b": [1.5, None, -1e300],
            "n": [1, -32768, None],
            "pair": [[1.5, 2.5], None, [0.0, -1.0]],
            "flag": [True, None, False],
            "byte": [255, 0, None],
        }
    ),
)
UPLOAD = Upload(UPLOAD.table, UPLOAD.rows.cast(arrow_schema(UPLOAD.table.columns)))


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM TAP_UPLOAD.mine",
        'SELECT m.name, m."a b", COUNT(*) AS n FROM TAP_UPLOAD.mine AS m JOIN dl3.events AS e '
        'ON m.name = e.collection GROUP BY m.name, m."a b"',
        "SELECT m.n, t.table_name FROM TAP_UPLOAD.mine AS m, tap_schema.tables AS t WHERE m.n = 1",
    ],
)
def test_uploads_are_tables_of_their_query(text: str, engine: Engine, embedded: Engine) -> None:
    found, expected = (answer(each, text, uploads=[UPLOAD]) for each in (engine, embedded))
    assert found.schema == expected.schema
    assert comparable(found) == comparable(expected)


def test_two_sessions_may_bring_tables_of_one_name(engine: Engine) -> None:
    other = Upload(UPLOAD.table, UPLOAD.rows.slice(0, 1))
    with opened(engine, uploads=[UPLOAD]) as (_, ask), opened(engine, uploads=[other]) as (_, ask_other):
        text = "SELECT name FROM TAP_UPLOAD.mine"
        assert (ask(text).num_rows, ask_other(text).num_rows) == (3, 1)


def test_the_files_of_uploads_are_gone_with_the_session(engine: Engine, remote: Remote) -> None:
    with opened(engine, uploads=[UPLOAD]) as (_, ask):
        ask("SELECT name FROM TAP_UPLOAD.mine")
        assert list(remote.config.scratch.rglob("*.parquet"))
    assert not list(remote.config.scratch.rglob("*.parquet"))


@pytest.fixture(scope="module")
def stopped_engine(stoppable: Config) -> Iterator[HiveServer2Engine]:
    """An engine whose queries are to be stopped."""
    made = make_engine(stoppable)
    assert isinstance(made, HiveServer2Engine)
    yield made
    made.close()


def test_a_query_that_runs_is_cancelled_at_once(stopped_engine: HiveServer2Engine) -> None:
    took: list[float] = []
    with opened(stopped_engine) as (session, ask):

        def stop() -> None:
            while not stopped_engine.working:
                time.sleep(0.01)
            took.append(-time.monotonic())
            session.cancel()

        thread = threading.Thread(target=stop)
        thread.start()
        with pytest.raises(QueryCancelled):
            ask(ENDLESS)
        took.append(time.monotonic())
        thread.join()
    assert sum(took) < 5  # 0.1 s on a machine that is not busy


def test_a_query_that_runs_too_long_is_ended_and_others_go_on(stopped_engine: HiveServer2Engine) -> None:
    with pytest.raises(QueryTimeout, match="1 s"):
        answer(stopped_engine, ENDLESS, timeout=1)
    assert answer(stopped_engine, "SELECT collection FROM dl3.collections").num_rows == 4


def test_a_session_that_was_cancelled_before_it_ran_does_not_run(engine: Engine) -> None:
    with opened(engine) as (session, ask):
        session.cancel()
        with pytest.raises(QueryCancelled):
            ask("SELECT ra FROM dl3.events")
        with pytest.raises(QueryCancelled):
            ask("SELECT table_name FROM tap_schema.tables")


def test_as_many_queries_run_as_there_are_connections(remote: Remote) -> None:
    engine = make_engine(remote.config.model_copy(update={"engine_connections": 1, "queue_length": 0}))
    text = "SELECT ra FROM dl3.events"
    try:
        with opened(engine) as (_, ask):
            ask(text)
            with pytest.raises(QueryQueueFull):
                answer(engine, text)
            # TAP_SCHEMA takes no connection.
            assert answer(engine, "SELECT table_name FROM tap_schema.tables").num_rows
        assert answer(engine, text).num_rows == 5000
    finally:
        engine.close()


def test_a_result_that_is_not_read_to_its_end_leaves_the_connection_fit(engine: Engine) -> None:
    for _ in range(3):
        with opened(engine) as (session, _):
            statement = adql.translate(
                "SELECT * FROM dl3.events", session.catalogue, session.dialect, scan=session.scan
            )
            batches = session.execute(statement).batches
            next(batches)
            batches.close()
    assert answer(engine, "SELECT ra FROM dl3.events").num_rows == 5000


@pytest.mark.parametrize(
    ("condition", "collections"),
    [
        ("1 = CONTAINS(POINT(ra, dec), CIRCLE(10, 89.5, 0.1))", ["pole"]),
        ("collection = 'seam'", ["seam"]),
        ("obs_id = 3", ["crab"]),
        ("event_mjd < 50000", []),
        ("energy > 0 AND dec < -1", ["seam"]),
    ],
)
def test_conditions_choose_the_partitions_that_are_read(
    condition: str, collections: list[str], engine: Engine, remote: Remote
) -> None:
    with opened(engine) as (session, _):
        statement = adql.translate(
            f"SELECT collection, ra FROM dl3.events WHERE {condition}",
            session.catalogue, session.dialect, scan=session.scan,
        )  # fmt: skip
        (reading,) = session.readings(statement)
    assert reading.chosen.files == len(collections)
    assert read_collections(remote, statement.sql) == collections


def read_collections(remote: Remote, sql: str) -> list[str]:
    """The collections whose files an engine's own plan of a query reads."""
    if remote.config.engine_url.startswith("hive"):
        ((plan,),) = remote.server.run(f"EXPLAIN DEPENDENCY {sql}")
        numbers = {part["partitionName"].split("=")[-1] for part in json.loads(plan)["input_partitions"]}
        database, name = re.search(r"`(\w+)`\.`(dl3_events\w+)`", sql).groups()
        places = [
            next(str(row[1]) for row in rows if str(row[0]).strip() == "Location:")
            for rows in (
                remote.server.run(f"DESCRIBE FORMATTED {database}.{name} PARTITION (lake_file={number})")
                for number in numbers
            )
        ]
    else:
        (plan,) = (row[0] for row in remote.server.run(f"EXPLAIN FORMATTED {sql}"))
        places = re.findall(r"Location: (.*)", plan)
        assert "PartitionFilters" in plan
    return sorted(set(re.findall(r"collection=(\w+)", " ".join(places))))
