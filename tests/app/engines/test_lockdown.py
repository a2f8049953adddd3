"""The second wall: what raw SQL could do on the engine's own connection, though no user's SQL gets there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet
import pytest

from adql import Column, ColumnType, Statement
from app.config import Config
from app.engines.duckdb import DuckDBEngine, DuckDBSession
from app.errors import QueryError, QueryFailed
from tests.support.small_lake import SmallRelease, make_lake

READS = {
    "a file of the system": "SELECT * FROM read_csv('/etc/passwd')",
    "a file as text": "SELECT * FROM read_text('/etc/passwd')",
    "a file by its bare name": "SELECT * FROM '/etc/passwd'",
    "the environment": "SELECT * FROM read_blob('/proc/self/environ')",
    "the shape of a file": "SELECT * FROM sniff_csv('/etc/passwd')",
    "a Parquet file elsewhere": "SELECT * FROM read_parquet('{outside}/secret.parquet')",
    "the footer of a file elsewhere": "SELECT * FROM parquet_metadata('{outside}/secret.parquet')",
    "the manifest of the lake": "SELECT * FROM read_text('{lake}/snapshots/*/manifest.json')",
    "the closed collection": "SELECT * FROM read_parquet('{closed}')",
    "a path with dots": "SELECT * FROM read_text('{lake}/events/../current')",
    "the names in a folder": "SELECT * FROM glob('/etc/*')",
    "the names in the lake": "SELECT * FROM glob('{lake}/**')",
    "a database file": "SELECT * FROM read_duckdb('{outside}/other.db')",
    "HTTP": "SELECT * FROM read_parquet('http://127.0.0.1:9/x.parquet')",
    "HTTPS": "SELECT * FROM read_csv('https://127.0.0.1:9/x.csv')",
    "S3": "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
    "a variable of Python": "SELECT * FROM secret_table",
}

ACTIONS = {
    "write a new file": "COPY (SELECT 1) TO '{outside}/new.csv'",
    "write into the lake": "COPY (SELECT 1) TO '{lake}/events/new.parquet'",
    "replace a file of the lake": "COPY (SELECT 1 AS x) TO '{event_file}' (FORMAT parquet)",
    "write to a device": "COPY (SELECT 1) TO '/dev/stdout'",
    "attach a new database": "ATTACH '{outside}/new.db'",
    "attach a database in the lake": "ATTACH '{lake}/new.db'",
    "export the database": "EXPORT DATABASE '{outside}/export'",
    "export it into the lake": "EXPORT DATABASE '{lake}/export'",
    "import a database": "IMPORT DATABASE '{outside}'",
    "install an extension": "INSTALL httpfs",
    "install one again": "FORCE INSTALL parquet",
    "load an extension": "LOAD httpfs",
    "load a file": "LOAD '{outside}/evil.duckdb_extension'",
    "update extensions": "UPDATE EXTENSIONS",
    "open external access": "SET enable_external_access = true",
    "allow another folder": "SET allowed_directories = ['/']",
    "unlock the settings": "SET lock_configuration = false",
    "reset the lock": "RESET lock_configuration",
    "raise the memory limit": "SET memory_limit = '900GB'",
    "raise it by PRAGMA": "PRAGMA memory_limit = '900GB'",
    "use more threads": "SET threads = 64",
    "move the scratch folder": "SET temp_directory = '/tmp'",
    "write a log": "CALL enable_logging(storage = 'file', storage_config = {{'path': '{outside}/logs'}})",
    "write a profile": "PRAGMA profiling_output = '{outside}/profile.json'",
    "make a table": "CREATE TABLE dl3.mine AS SELECT 1 AS x",
    "make a macro": "CREATE MACRO f(x) AS TABLE SELECT * FROM read_csv(x)",
    "drop a view": "DROP VIEW dl3.events",
    "replace a view": "CREATE OR REPLACE VIEW dl3.events AS SELECT 1 AS x",
    "change TAP_SCHEMA": "UPDATE tap_schema.columns SET unit = 'parsec'",
    "empty TAP_SCHEMA": "DELETE FROM tap_schema.columns",
    "insert within WITH": (
        "WITH t AS (INSERT INTO tap_schema.schemas VALUES ('x', NULL, NULL, 9) RETURNING *) SELECT * FROM t"
    ),
}

ONLY_BY_STATEMENT = {
    "overwrite a file of the lake": (
        "COPY (SELECT 1 AS x) TO '{event_file}' (FORMAT parquet, USE_TMP_FILE false)"
    ),
    "overwrite it within WITH": (
        "WITH t AS (COPY (SELECT 1 AS x) TO '{event_file}' (FORMAT parquet, USE_TMP_FILE false)) "
        "SELECT * FROM t"
    ),
    "overwrite it behind letters of several bytes": (
        "WITH u AS (SELECT 'äöüßé𝔘𝔘𝔘𝔘𝔘' AS x), "
        "t AS (COPY (SELECT 1 AS x) TO '{event_file}' (FORMAT parquet, USE_TMP_FILE false)) SELECT * FROM t"
    ),
    "write to the scratch folder": "COPY (SELECT 1) TO '{scratch}/new.csv'",
    "attach memory": "ATTACH ':memory:' AS mine",
    "leave the transaction": "ROLLBACK",
    "two statements": "SELECT 1; SELECT 2",
    "a statement behind": "SELECT 1; DROP VIEW dl3.events",
    "nothing": "",
    "see the plan": "EXPLAIN SELECT 1",
    "a pragma": "PRAGMA database_list",
}
"""What DuckDB's own locks leave open: refused because only one SELECT without a writing word runs."""


class Place:
    """A lake, an engine over it, and things outside that nobody is to see."""

    def __init__(self, root: Path) -> None:
        self.outside = root / "outside"
        self.outside.mkdir()
        secret_table = pa.table({"secret": [1]})
        pa.parquet.write_table(secret_table, self.outside / "secret.parquet")
        duckdb.connect(str(self.outside / "other.db")).close()
        self.config = Config(home=root / "home")
        make_lake(
            self.config.home, [SmallRelease("open", n_events=300), SmallRelease("closed", rights="metadata")]
        )
        self.engine = DuckDBEngine(self.config)
        self.lake = self.config.lake
        (self.event_file,) = self.lake.glob("events/collection=open/**/*.parquet")
        (self.closed,) = self.lake.glob("events/collection=closed/**/*.parquet")

    def fill(self, sql: str) -> str:
        return sql.format(
            outside=self.outside,
            lake=self.lake,
            event_file=self.event_file,
            closed=self.closed,
            scratch=next(self.config.scratch.iterdir()),
        )

    def digest(self) -> dict[str, str]:
        """Names and contents of all that must not change."""
        files = [f for folder in (self.outside, self.lake) for f in folder.rglob("*") if f.is_file()]
        return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("lockdown"))
    yield place
    place.engine.close()


def run_as_statement(session: DuckDBSession, sql: str) -> None:
    for _ in session.execute(Statement(sql, (Column("x", ColumnType("char", "*")),), frozenset())).batches:
        pass


@pytest.mark.parametrize("sql", [*READS.values(), *ACTIONS.values()], ids=[*READS, *ACTIONS])
def test_connection_refuses(place, sql):
    secret_table = pa.table({"secret": [1]})
    before = place.digest()
    with place.engine.session(timeout=20) as session, pytest.raises(duckdb.Error):
        session._cursor.execute(place.fill(sql)).fetchall()
    assert place.digest() == before
    assert secret_table.num_rows == 1


@pytest.mark.parametrize(
    "sql",
    [*READS.values(), *ACTIONS.values(), *ONLY_BY_STATEMENT.values()],
    ids=[*READS, *ACTIONS, *ONLY_BY_STATEMENT],
)
def test_session_refuses_and_tells_nothing_of_the_inside(place, sql):
    before = place.digest()
    with place.engine.session(timeout=20) as session, pytest.raises(QueryFailed) as caught:
        run_as_statement(session, place.fill(sql))
    assert place.digest() == before
    told = f"{caught.value.message} {caught.value.hint}"
    for secret in (str(place.outside), str(place.lake), "duckdb", "/etc"):
        assert secret not in told.lower()


def test_tables_are_whole_after_all_that(place):
    with place.engine.session() as session:
        sql = 'SELECT count(*)::VARCHAR AS x FROM "dl3"."events"'
        result = session.execute(Statement(sql, (Column("x", ColumnType("char", "*")),), frozenset()))
        assert [batch.to_pylist() for batch in result.batches] == [[{"x": "300"}]]


def test_words_of_writing_are_allowed_as_names_and_texts(place):
    sql = 'SELECT \'copy; drop\' AS "insert" FROM (SELECT 1 AS "copy") AS "delete" -- attach'
    with place.engine.session() as session:
        run_as_statement(session, sql)


def test_bomb_of_memory_ends_cleanly(place):
    sql = "SELECT string_agg(repeat('x', 100000), '')::VARCHAR AS x FROM range(1000000)"
    with place.engine.session(timeout=60) as session, pytest.raises(QueryError):
        run_as_statement(session, sql)


def test_scratch_space_is_bounded(tmp_path):
    config = Config(home=tmp_path, memory_limit=64 * 2**20, scratch_limit=20 * 2**20, threads=1)
    engine = DuckDBEngine(config)
    sql = "SELECT md5(a.range::VARCHAR) AS x FROM range(5000000) AS a ORDER BY 1"
    try:
        with engine.session(timeout=60) as session, pytest.raises(QueryError) as caught:
            run_as_statement(session, sql)
    finally:
        engine.close()
    assert type(caught.value).__name__ == "QueryTooLarge"
