"""The embedded engine over the small lake, and a way to ask it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

import adql
from app.config import Config
from app.engines.duckdb import DuckDBEngine

Ask = Callable[..., pa.Table]


@pytest.fixture(scope="session")
def engine(small_home: Path) -> Iterator[DuckDBEngine]:
    engine = DuckDBEngine(Config(home=small_home))
    yield engine
    engine.close()


def ask_engine(engine: DuckDBEngine, text: str, maxrec: int = 100_000) -> pa.Table:
    """The rows of an ADQL query."""
    with engine.session(timeout=60) as session:
        statement = adql.translate(text, session.catalogue, engine.dialect, maxrec=maxrec, scan=session.scan)
        result = session.execute(statement)
        return pa.Table.from_batches(result.batches, schema=result.schema)


@pytest.fixture
def ask(engine: DuckDBEngine) -> Ask:
    return lambda text, maxrec=100_000: ask_engine(engine, text, maxrec)
