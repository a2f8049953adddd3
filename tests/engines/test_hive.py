"""A real Hive reads Parquet laid out as the lake is: partitioned by collection and sky tile."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from pyhive.exc import OperationalError
from TCLIService.ttypes import TOperationState

from tests.support.realhive.server import HiveServer

pytestmark = pytest.mark.hive

EVENTS_COLUMNS = """
    obs_id bigint, event_id bigint, event_time double, event_mjd double, ra double, `dec` double,
    energy double, event_type string, event_row bigint, healpix int
"""


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """6000 made-up events as Parquet, in two collections and three tiles, every column in every file."""
    folder = tmp_path_factory.mktemp("lake") / "events"
    folder.mkdir()
    with duckdb.connect() as connection:
        connection.execute("SELECT setseed(0.42)")
        connection.execute(f"""
            COPY (
                SELECT CASE WHEN i % 3 = 0 THEN 'north-1' ELSE 'south.2' END AS collection,
                       1 AS norder, CASE WHEN i % 3 = 0 THEN 7 ELSE i % 2 + 11 END AS npix,
                       20131103103 + i % 5 AS obs_id, i AS event_id, 1e8 + i / 7 AS event_time,
                       55000 + i / 86400 AS event_mjd, 360 * random() AS ra, 180 * random() - 90 AS dec,
                       exp(4 * random() - 2) AS energy,
                       CASE WHEN i % 11 = 0 THEN 'type ''2''' ELSE '' END AS event_type,
                       i::BIGINT AS event_row, (i * 7)::INTEGER AS healpix
                FROM range(6000) AS numbers(i)
            ) TO '{folder}' (
                FORMAT parquet, COMPRESSION zstd,
                PARTITION_BY (collection, norder, npix), WRITE_PARTITION_COLUMNS true
            )""")
    return folder


@pytest.fixture(scope="module")
def hive(hive_server: HiveServer, events: Path) -> HiveServer:
    """The server with the tree behind the external table dl3.events."""
    hive_server.run("CREATE DATABASE IF NOT EXISTS dl3")
    hive_server.run(
        f"CREATE EXTERNAL TABLE dl3.events ({EVENTS_COLUMNS}) "
        "PARTITIONED BY (collection string, norder int, npix bigint) "
        f"STORED AS PARQUET LOCATION 'file:{events}'"
    )
    hive_server.run("MSCK REPAIR TABLE dl3.events")
    return hive_server


@pytest.mark.parametrize(
    "query",
    [
        "SELECT collection, obs_id, count(*), min(event_id), max(event_row) FROM {events} "
        "GROUP BY collection, obs_id ORDER BY collection, obs_id",
        "SELECT event_id, ra, {dec}, energy, event_type, healpix FROM {events} "
        "WHERE {dec} > 89 AND energy >= 1 ORDER BY event_id",
        "SELECT count(*) FROM {events} WHERE event_type = {quoted}",
        "SELECT npix, count(*) FROM {events} WHERE collection = 'south.2' GROUP BY npix ORDER BY npix",
    ],
)
def test_hive_gives_the_rows_that_duckdb_gives(hive, events, query):
    expected = duckdb.sql(
        query.format(events=f"read_parquet('{events}/**/*.parquet')", dec="dec", quoted="'type ''2'''")
    ).fetchall()
    got = hive.run(query.format(events="dl3.events", dec="`dec`", quoted=r"'type \'2\''"))
    assert got == expected
    assert expected


def test_a_wrong_column_is_told_by_name(hive):
    with pytest.raises(OperationalError, match="nonesuch"):
        hive.run("SELECT nonesuch FROM dl3.events")


def test_a_command_gives_its_setting_as_a_row(hive):
    assert hive.run("SET hive.execution.engine") == [("hive.execution.engine=mr",)]


def test_a_running_query_can_be_cancelled(hive):
    connection = hive.connect(configuration={"hive.server2.long.polling.timeout": "50ms"})
    cursor = connection.cursor()
    cursor.execute(
        "SELECT count(*) FROM dl3.events a CROSS JOIN dl3.events b WHERE a.ra + b.ra < a.`dec` * b.`dec`",
        async_=True,
    )
    cursor.cancel()
    state = cursor.poll().operationState
    cursor.close()
    connection.close()
    assert state == TOperationState.CANCELED_STATE
