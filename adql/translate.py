"""From the text of a query to a statement that an engine runs and columns that describe its result."""

from __future__ import annotations

from dataclasses import dataclass

from adql.binder import bind
from adql.dialects import Dialect
from adql.errors import AdqlError, LimitError
from adql.limits import Limits
from adql.lowering import lower
from adql.parser import parse
from adql.pruning import Scan
from adql.schema import Catalogue, Column


@dataclass(frozen=True, slots=True)
class Statement:
    """A query in one engine's SQL."""

    sql: str
    """One SELECT; its literals are rendered and escaped by the dialect."""
    columns: tuple[Column, ...]
    """What each output column is, in order."""
    tables: frozenset[str]
    """Qualified names of the tables it reads: for routing, rights and provenance."""


def translate(
    text: str,
    catalogue: Catalogue,
    dialect: Dialect,
    *,
    maxrec: int | None = None,
    scan: Scan | None = None,
    limits: Limits = Limits(),
) -> Statement:
    """The statement for an ADQL query.

    Parameters
    ----------
    text
        A query in ADQL 2.1.
    catalogue
        The tables that it may name.
    dialect
        The engine's way to write SQL.
    maxrec
        Rows wanted at most; the statement gives one more where there are more.
    scan
        Chooses the files or partitions behind each table reference; without it tables go by their names.
    limits
        Bounds on the size of the query and of what is computed of it.

    Raises
    ------
    AdqlError
        Raised as ParseError, BindError, UnsupportedError or LimitError; no text raises anything else.

    Examples
    --------
    >>> from adql import Catalogue, Column, ColumnType, DUCKDB, Schema, Table
    >>> energy = Column("energy", ColumnType("double"), unit="TeV")
    >>> table = Table("dl3", "events", (energy,))
    >>> catalogue = Catalogue((Schema("dl3", (table,)),))
    >>> statement = translate("SELECT TOP 5 energy FROM dl3.events", catalogue, DUCKDB, maxrec=10)
    >>> statement.sql
    'SELECT "t1"."energy" AS "energy" FROM "dl3"."events" AS "t1" LIMIT 5'
    >>> statement.columns[0].unit
    'TeV'
    """
    try:
        query = parse(text, limits=limits)
        bound = bind(query, catalogue)
        lowered = lower(bound.query, maxrec=maxrec, limits=limits)
        return Statement(dialect.render(lowered, scan=scan), lowered.columns, bound.tables)
    except AdqlError as fault:
        fault.text = text
        raise
    except RecursionError:
        raise LimitError("The query is nested too deep.", text=text) from None
