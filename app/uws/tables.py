"""The tables of the jobs in a database, and how an older one becomes the present one."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    insert,
    inspect,
    select,
    text,
    update,
)

METADATA = MetaData()

# Instants are milliseconds since 1970 in UTC: one meaning in every database. What is only told and never
# asked for is JSON.
JOBS = Table(
    "jobs",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("phase", String(12), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("destruction", BigInteger, nullable=False),
    Column("duration", Integer, nullable=False),
    Column("parameters", Text, nullable=False),
    Column("inputs", Text, nullable=False, server_default="[]"),
    Column("input_bytes", BigInteger, nullable=False, server_default="0"),
    Column("run_id", Text),
    Column("owner", String(64)),
    Column("share", String(64), nullable=False),
    Column("base_url", Text, nullable=False),
    Column("queued", BigInteger),
    Column("started", BigInteger),
    Column("ended", BigInteger),
    Column("attempt", Integer, nullable=False),
    Column("run", String(64)),
    Column("worker", String(128)),
    Column("lease", BigInteger),
    Column("results", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("failure", Text),
    Column("progress", Text, nullable=False),
    Index("jobs_phase", "phase", "share", "queued"),
    Index("jobs_owner", "owner", "created"),
    Index("jobs_destruction", "destruction"),
    Index("jobs_run", "run"),
)

VERSION = Table("jobs_version", METADATA, Column("version", Integer, nullable=False))

_LOCK = 0x6A6F6273
"""Names the advisory lock of PostgreSQL under which one process alone changes the tables."""


def _first(connection: Connection) -> None:
    METADATA.create_all(connection, [JOBS])


def _with_inputs(connection: Connection) -> None:
    """Jobs may bring files. Where the first step has made the table just now, it has their columns."""
    if "inputs" not in {column["name"] for column in inspect(connection).get_columns(JOBS.name)}:
        connection.execute(text("ALTER TABLE jobs ADD COLUMN inputs TEXT NOT NULL DEFAULT '[]'"))
        connection.execute(text("ALTER TABLE jobs ADD COLUMN input_bytes BIGINT NOT NULL DEFAULT 0"))


STEPS: tuple[Callable[[Connection], None], ...] = (_first, _with_inputs)
"""The step at place n makes version n + 1 of the tables from version n. The first makes those of today;
each other adds what is not there yet, and is never changed once it was released."""


class NewerTables(Exception):
    """The tables were made by a newer GammaHub."""


def migrate(connection: Connection) -> None:
    """Make the tables, or bring them to the present version, in the transaction of the connection.

    It is all or nothing: SQLite and PostgreSQL undo changes of tables too.

    Raises
    ------
    NewerTables
        Raised if they are beyond the present version.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    if not inspect(connection).has_table(VERSION.name):
        METADATA.create_all(connection, [VERSION])
        connection.execute(insert(VERSION).values(version=0))
    version = connection.execute(select(VERSION.c.version)).scalar_one()
    if version > len(STEPS):
        raise NewerTables(
            f"The database of the jobs has version {version} and this GammaHub knows versions up to "
            f"{len(STEPS)}; run the newer GammaHub, or give another GAMMAHUB_JOBS_URL."
        )
    for step in STEPS[version:]:
        step(connection)
    connection.execute(update(VERSION).values(version=len(STEPS)))
