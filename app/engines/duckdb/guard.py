"""What may run, and what is told of what did not end well."""

from __future__ import annotations

import re

import duckdb

from app.errors import QueryCancelled, QueryDataError, QueryError, QueryFailed, QueryTooLarge

_WRITES = frozenset(
    "alter attach call checkpoint copy create delete detach drop export import insert install load merge "
    "pragma reset set truncate update vacuum".split()
)
"""Words that no SELECT of ours has outside quotes."""


def only_select(cursor: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
    """The one statement of a text, if it is a SELECT and nothing in it can write.

    A SELECT can write: DuckDB takes COPY and INSERT in a WITH. Against INSERT and its like stands the
    read-only transaction, against all of them this.
    """
    statements = cursor.extract_statements(sql)
    if len(statements) != 1 or not _is_select(statements[0]):
        raise duckdb.PermissionException("Permission Error: not a single SELECT")
    text = sql.encode()
    for offset, kind in duckdb.tokenize(sql):
        if kind == duckdb.token_type.keyword:
            # Offsets count bytes.
            word = re.match(rb"\w+", text[offset : offset + 30])
            if word is not None and word[0].decode().lower() in _WRITES:
                raise duckdb.PermissionException(f"Permission Error: {word[0].decode()} in a SELECT")
    return statements[0]


def _is_select(statement: duckdb.Statement) -> bool:
    try:
        return bool(statement.type == duckdb.StatementType.SELECT)
    except ValueError:
        # A kind of statement that the Python of DuckDB has no word for.
        return False


def explained(error: Exception) -> QueryError:
    """What a user is told of an error of DuckDB: its words if the query is to blame, else none of the inside.

    DuckDB begins each message with its kind, whatever exception carries it: its own while a query is
    planned, pyarrow's while rows are read.
    """
    kind, _, rest = str(error).partition(" Error: ")
    sentence = rest.partition("\n")[0].strip()
    if kind == "INTERRUPT":
        return QueryCancelled("The query was stopped.")
    if kind == "Out of Memory":
        return QueryTooLarge(
            "The query needs more memory than there is for it.",
            hint="Ask for less at a time: fewer columns to sort or group by, or a condition on the rows.",
        )
    if "ivision by zero" in sentence:
        return QueryDataError(
            "A division by zero.", hint="Exclude zero by a condition, or divide by NULLIF(x, 0)."
        )
    # A damaged file is "Invalid Input" too, and is named with its path.
    if kind in ("Conversion", "Out of Range") or (kind == "Invalid Input" and "/" not in sentence):
        return QueryDataError(f"A value cannot be computed: {sentence}")
    return QueryFailed("The engine could not run the query.", hint="This is a fault of the service.")
