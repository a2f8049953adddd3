"""What the ingest writes, with its encodings and types, is what Hive and Spark read."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.config import Config
from app.engines.base import Engine
from app.factory import make_engine, register_lake
from app.ingest import ingest
from tests.engines.conftest import Remote
from tests.engines.test_adapter import answer, comparable

TABLES = ("dl3.collections", "dl3.observations", "dl3.gtis", "dl3.hdus", "dl3.targets")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, simulated_archive: Path) -> Path:
    """A home with the simulated archive in its lake."""
    made = tmp_path_factory.mktemp("ingested")
    ingest(simulated_archive, lake=made / "lake")
    return made


def test_every_column_of_every_table_is_read(home: Path, remote: Remote) -> None:
    url = remote.config.engine_url.replace("/gammahub?", "/ingested?")
    config = Config(home=home, engine_url=url)
    register_lake(config)
    engine, embedded = make_engine(config), make_engine(Config(home=home))
    try:
        for table in TABLES:
            same(f"SELECT * FROM {table}", engine, embedded)
        same("SELECT * FROM dl3.events WHERE event_row BETWEEN 100 AND 120", engine, embedded)
        same("SELECT collection, obs_id, COUNT(*) AS n, MIN(event_id), MAX(healpix) FROM dl3.events "
             "GROUP BY collection, obs_id", engine, embedded)  # fmt: skip
    finally:
        engine.close()
        embedded.close()


def same(text: str, engine: Engine, embedded: Engine) -> None:
    found, expected = answer(engine, text), answer(embedded, text)
    assert found.schema == expected.schema
    assert expected.num_rows
    assert comparable(found) == comparable(expected)
