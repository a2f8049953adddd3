"""What a query will do, before it does it: its SQL, its columns, and what it has to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import adql
from adql import Column, Dialect, Restriction, Scan, Table
from app.engines.base import Extent, Reading, Session
from app.services.query import Queries

_FACTS = ("datatype", "arraysize", "xtype")


@dataclass(frozen=True, slots=True)
class Plan:
    """How a query would be run."""

    dialect: str
    """Whose SQL it is."""
    sql: str
    """With the tables by their names: the engine is given the files of :attr:`readings` in their place."""
    maxrec: int | None
    """Most rows of the result; None where nothing limits them."""
    columns: tuple[Column, ...]
    tables: tuple[str, ...]
    """Tables that it reads."""
    readings: tuple[Reading, ...] = ()
    """What the engine has to read for each reference to one of them; none if the SQL is for another."""
    remarks: tuple[str, ...] = ()
    """What the user should know of the rows."""

    @property
    def rows(self) -> int | None:
        """Rows to read."""
        return _total(reading.chosen.rows for reading in self.readings)

    @property
    def nbytes(self) -> int | None:
        """Bytes to read."""
        return _total(reading.chosen.nbytes for reading in self.readings)


class _ByName:
    """Asks a scan what it would choose, and leaves the table's name in the SQL."""

    def __init__(self, scan: Scan) -> None:
        self._scan = scan

    def __call__(self, table: Table, restriction: Restriction) -> str | None:
        self._scan(table, restriction)
        return None


def plan_query(
    queries: Queries, session: Session, text: str, *, maxrec: int | None, dialect: Dialect | None = None
) -> Plan:
    """The plan of a query; nothing is run.

    Parameters
    ----------
    queries
        The query path.
    session
        What the query may read.
    text
        ADQL.
    maxrec
        Most rows, if any number.
    dialect
        Whose SQL is wanted; that of the engine, if none is given.

    Raises
    ------
    adql.AdqlError
        Raised if the query is refused.
    """
    own = dialect is None or dialect is queries.engine.dialect
    scan = _ByName(session.scan) if own and session.scan is not None else None
    speaker = dialect or queries.engine.dialect
    statement = adql.translate(
        text, queries.catalogue(session), speaker, maxrec=maxrec, scan=scan, limits=queries.limits
    )
    return Plan(
        dialect=speaker.name,
        sql=statement.sql,
        maxrec=maxrec,
        columns=statement.columns,
        tables=tuple(sorted(statement.tables)),
        readings=session.readings(statement) if own else (),
        remarks=session.remarks if own else (),
    )


def plan_facts(plan: Plan) -> Mapping[str, Any]:
    """The plan as JSON has it; what is not known is left out."""
    return _known(
        dialect=plan.dialect,
        sql=plan.sql,
        maxrec=plan.maxrec,
        columns=[_column_facts(column) for column in plan.columns],
        tables=list(plan.tables),
        reads=[_reading_facts(reading) for reading in plan.readings],
        rows=plan.rows,
        bytes=plan.nbytes,
        remarks=list(plan.remarks),
    )


def plan_text(plan: Plan) -> str:
    """The plan to be read: the SQL, and all else as its comments, so that an engine takes the whole text."""
    lines = [plan.sql.rstrip(), "", "-- columns:", *map(_column_line, plan.columns)]
    if plan.readings:
        lines += ["-- to read, as estimated:", *map(_reading_line, plan.readings)]
    lines += [f"-- {' '.join(remark.split())}" for remark in plan.remarks]
    return "\n".join(lines) + "\n"


def _column_facts(column: Column) -> Mapping[str, Any]:
    types = {name: getattr(column.type, name) for name in _FACTS}
    return _known(
        name=column.name,
        **types,
        unit=column.unit,
        ucd=column.ucd,
        utype=column.utype,
        description=column.description or None,
        coosys=_known(**asdict(column.coosys)) if column.coosys else None,
        timesys=_known(**asdict(column.timesys)) if column.timesys else None,
    )


def _column_line(column: Column) -> str:
    unit = f"[{column.unit}]" if column.unit else ""
    system = column.coosys.system if column.coosys else column.timesys.timescale if column.timesys else ""
    words = (column.name, str(column.type), unit, column.ucd or "", system, column.description)
    return f"--   {'  '.join(' '.join(word.split()) for word in words if word)}"


def _reading_facts(reading: Reading) -> Mapping[str, Any]:
    chosen, whole = reading.chosen, reading.whole
    return _known(
        table=reading.table,
        files=chosen.files,
        files_of=whole.files,
        row_groups=chosen.groups,
        row_groups_of=whole.groups,
        rows=chosen.rows,
        rows_of=whole.rows,
        bytes=chosen.nbytes,
        bytes_of=whole.nbytes,
    )


def _reading_line(reading: Reading) -> str:
    return f"--   {reading.table}: {', '.join(_shares(reading.chosen, reading.whole))}"


def _shares(chosen: Extent, whole: Extent) -> Iterator[str]:
    names = {"files": "files", "groups": "row groups", "rows": "rows", "nbytes": "bytes"}
    for field, name in names.items():
        part, all_ = getattr(chosen, field), getattr(whole, field)
        if part is not None:
            yield f"{part} of {all_} {name}"


def _known(**facts: Any) -> Mapping[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}


def _total(numbers: Iterator[int | None] | Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None
