"""gammahub query, translate, tables: the tables at hand, without a server."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated

import pyarrow as pa
import typer
from rich.markup import escape
from rich.table import Table as RichTable

import adql
from adql import Catalogue, Table
from app.cli.terminal import ERR, OUT, plain_errors, read_config
from app.config import Config
from app.errors import UsageError
from app.factory import make_engine
from app.formats import choose_format
from app.services.plan import plan_facts, plan_query, plan_text
from app.services.query import Queries, Query

_ON_SCREEN = 100
"""Rows that a terminal shows without being asked for more."""

Text = Annotated[
    str, typer.Argument(metavar="ADQL", help="The query, in quotes; - reads it from standard input.")
]


class DialectName(StrEnum):
    """The dialects that a query can be translated to."""

    DUCKDB = "duckdb"
    HIVE = "hive"
    SPARK = "spark"


def query(
    text: Text,
    maxrec: Annotated[int | None, typer.Option(min=0, help="Most rows.")] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format", help="csv, tsv, votable ... as TAP has it; else a table on a terminal, or CSV."
        ),
    ] = None,
) -> None:
    """Run an ADQL query on the tables at hand."""
    config = read_config()
    with plain_errors(), _queries(config) as queries:
        if format_ is None and OUT.is_terminal:
            _show(queries, _given(text), _ON_SCREEN if maxrec is None else maxrec)
        else:
            _write(queries, Query(_given(text), choose_format(format_ or "csv"), maxrec=maxrec))


def translate(
    text: Text,
    dialect: Annotated[DialectName, typer.Option(help="Whose SQL.")] = DialectName.DUCKDB,
    maxrec: Annotated[int | None, typer.Option(min=0, help="Most rows.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Print the SQL that an ADQL query becomes; in comments its columns, and what it has to read."""
    config = read_config()
    with plain_errors(), _queries(config) as queries, queries.engine.session() as session:
        plan = plan_query(queries, session, _given(text), maxrec=maxrec, dialect=adql.DIALECTS[dialect.value])
    OUT.print(json.dumps(plan_facts(plan), indent=2) if as_json else plan_text(plan).rstrip(), markup=False)


def tables(
    name: Annotated[
        str | None, typer.Argument(metavar="[TABLE]", help="One table, to see its columns.")
    ] = None,
) -> None:
    """List the tables, or the columns of one."""
    config = read_config()
    with plain_errors(), _queries(config) as queries, queries.engine.session() as session:
        catalogue = session.catalogue
        if name is None:
            OUT.print(_table_list(catalogue))
        elif name in catalogue:
            OUT.print(_column_list(catalogue.table(name)))
        else:
            known = ", ".join(table.qualified for table in catalogue)
            raise UsageError(f'There is no table "{name}"; there are {known}.')


@contextmanager
def _queries(config: Config) -> Iterator[Queries]:
    engine = make_engine(config)
    try:
        yield Queries(engine, config)
    finally:
        engine.close()


def _given(text: str) -> str:
    given = sys.stdin.read() if text == "-" else text
    if any("\ud800" <= character <= "\udfff" for character in given):
        # So Python shows bytes of the command line that it cannot read.
        raise UsageError("The query is not valid UTF-8.")
    return given


def _show(queries: Queries, text: str, maxrec: int) -> None:
    with queries.engine.session() as session:
        result = queries.result(session, text, min(maxrec, queries.config.hard_maxrec))
        rows = pa.Table.from_batches(result.batches, schema=result.schema)
    table = RichTable()
    for column in result.columns:
        unit = f" [{column.unit}]" if column.unit else ""
        table.add_column(
            escape(f"{column.name}{unit}"), justify="right" if column.type.is_numeric else "left"
        )
    for row in zip(*(column.to_pylist() for column in rows.columns), strict=True):
        table.add_row(*("" if value is None else escape(str(value)) for value in row))
    OUT.print(table)
    _tell_overflow(result.overflowed, rows.num_rows)


def _write(queries: Queries, query: Query) -> None:
    run = queries.start(query)
    try:
        while (chunk := run.next_chunk()) is not None:
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
    finally:
        run.close()
    _tell_overflow(run.overflowed, run.rows)


def _tell_overflow(overflowed: bool, rows: int) -> None:
    if overflowed:
        ERR.print(f"There are more than these {rows} rows; --maxrec asks for more.", style="yellow")


def _table_list(catalogue: Catalogue) -> RichTable:
    shown = RichTable("Table", "Title")
    shown.add_column("Rows", justify="right")
    for table in catalogue:
        rows = "" if table.nrows is None else f"{table.nrows:,}"
        shown.add_row(table.qualified, escape(table.title or table.description), rows)
    return shown


def _column_list(table: Table) -> RichTable:
    shown = RichTable(
        "Column", "Type", "Unit", "UCD", "Description", title=escape(table.title or table.qualified)
    )
    for column in table.columns:
        shown.add_row(
            *(
                escape(word)
                for word in (
                    column.name,
                    str(column.type),
                    column.unit or "",
                    column.ucd or "",
                    column.description,
                )
            )
        )
    return shown
