"""The neck of the service: which parts there are, and in which order they are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import anyio

from app.config import Config
from app.engines import duckdb
from app.engines.base import Engine
from app.errors import EngineUnavailable
from app.services.query import Queries


@dataclass(frozen=True)
class Service:
    """The parts of a running service."""

    config: Config
    engine: Engine
    queries: Queries
    threads: anyio.CapacityLimiter
    """The threads in which queries work; those of the web server stay free for short requests."""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def close(self) -> None:
        """Stop what runs and free what is held."""
        self.engine.close()


ENGINES = {"duckdb": duckdb.DuckDBEngine}
"""Scheme of Config.engine_url -> the engine, made of the settings."""


def make_engine(config: Config) -> Engine:
    """The engine that the settings name.

    Raises
    ------
    EngineUnavailable
        Raised if there is no engine of that name.
    """
    scheme = config.engine_url.partition(":")[0]
    if scheme not in ENGINES:
        known = ", ".join(f"{name}:" for name in ENGINES)
        raise EngineUnavailable(
            f'No engine for GAMMAHUB_ENGINE_URL="{config.engine_url}"; known are {known}.'
        )
    return ENGINES[scheme](config)


def make_service(config: Config) -> Service:
    """Every part of the service, ready to be asked.

    Raises
    ------
    EngineUnavailable
        Raised if the engine cannot be reached.
    """
    engine = make_engine(config)
    return Service(config, engine, Queries(engine, config), anyio.CapacityLimiter(config.open_queries))
