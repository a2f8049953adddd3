"""Whether descriptions of tables agree with themselves: names, keys and places that exist."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from adql import ForeignKey, Schema, Table


def contradictions(schemas: Sequence[Schema]) -> Iterator[str]:
    """A sentence for each thing that these schemas say and that cannot be.

    Names are compared as ADQL does, without case.
    """
    tables = {table.qualified: table for schema in schemas for table in schema.tables}
    yield from _repeated("schema", "the catalogue", (schema.name for schema in schemas))
    for schema in schemas:
        yield from _repeated("table", schema.name, (table.name for table in schema.tables))
    for table in tables.values():
        yield from _repeated("column", table.qualified, (column.name for column in table.columns))
        yield from _missing(table, table.primary_key, "primary key")
        yield from _sky(table)
        for key in table.foreign_keys:
            yield from _foreign_key(table, key, tables)


def _repeated(noun: str, place: str, names: Iterable[str]) -> Iterator[str]:
    counts = Counter(name.lower() for name in names)
    return (f"{place}: {count} times a {noun} {name}" for name, count in counts.items() if count > 1)


def _missing(table: Table, names: Iterable[str], where: str) -> Iterator[str]:
    known = {column.name for column in table.columns}
    return (
        f"{table.qualified}: its {where} names {name}, but it has no such column"
        for name in names
        if name not in known
    )


def _sky(table: Table) -> Iterator[str]:
    if table.sky is not None:
        yield from _missing(table, (table.sky.lon, table.sky.lat, table.sky.healpix), "sky index")


def _foreign_key(table: Table, key: ForeignKey, tables: Mapping[str, Table]) -> Iterator[str]:
    target = tables.get(key.target)
    if target is None:
        yield f"{table.qualified}: a foreign key names the table {key.target}, which there is not"
        return
    yield from _missing(table, (here for here, _ in key.columns), "foreign key")
    yield from _missing(target, (there for _, there in key.columns), f"foreign key from {table.qualified}")
    if sorted(there for _, there in key.columns) != sorted(target.primary_key):
        key_columns = ", ".join(target.primary_key)
        yield f"{table.qualified}: a foreign key must name the primary key of {key.target}: {key_columns}"
    here_types = {column.name: column.type for column in table.columns}
    there_types = {column.name: column.type for column in target.columns}
    for here, there in key.columns:
        if here in here_types and there in there_types and here_types[here] != there_types[there]:
            yield (
                f"{table.qualified}: {here} is {here_types[here]}, "
                f"but {key.target}.{there} that it points to is {there_types[there]}"
            )
