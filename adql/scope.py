"""What names mean at a place in a query: the tables of FROM, their columns, and the query around."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from adql.ast import ColumnReference, Identifier
from adql.errors import BindError
from adql.values import Value


@dataclass(frozen=True, slots=True)
class NamedValue:
    """A column under the name that the query knows it by."""

    name: str
    value: Value


@dataclass(frozen=True)
class BoundRelation:
    """A table of FROM, as the names in a query see it."""

    path: tuple[str, ...]
    """What may stand before a column: (alias,), or (schema, table) for a table without alias."""
    columns: tuple[NamedValue, ...]
    is_delimited: bool = False
    """True if its name stands in quotes, so that another may differ from it in case alone."""

    @cached_property
    def _named(self) -> Mapping[str, list[NamedValue]]:
        return by_name(self.columns)

    def named(self, name: Identifier) -> list[NamedValue]:
        """The columns that a name means."""
        return matching(self._named, name)

    def is_namesake(self, other: BoundRelation) -> bool:
        """True if no qualifier could tell the two tables apart."""
        if self.path == other.path:
            return True
        same = [name.lower() for name in self.path] == [name.lower() for name in other.path]
        return same and not (self.is_delimited and other.is_delimited)

    def answers_to(self, qualifier: Sequence[Identifier]) -> bool:
        """True if the qualifier of a column names this table."""
        if len(qualifier) > len(self.path):
            return False
        return all(
            part.matches(name) for part, name in zip(reversed(qualifier), reversed(self.path), strict=False)
        )


@dataclass(frozen=True)
class Scope:
    """The tables that a part of a query may name columns of."""

    relations: tuple[BoundRelation, ...] = ()
    columns: tuple[NamedValue, ...] = ()
    """What ``*`` gives; columns merged by NATURAL JOIN or USING come once, first (SQL92 section 7.5)."""
    parent: Scope | None = None
    """The query around a correlated subquery."""
    outputs: frozenset[str] = frozenset()
    """Aliases of the select list in lower case, which WHERE and HAVING do not know."""

    @cached_property
    def _named(self) -> Mapping[str, list[NamedValue]]:
        return by_name(self.columns)

    @cached_property
    def _relations_named(self) -> Mapping[str, list[BoundRelation]]:
        named: dict[str, list[BoundRelation]] = {}
        for relation in self.relations:
            named.setdefault(relation.path[-1].lower(), []).append(relation)
        return named

    def named(self, name: Identifier) -> list[NamedValue]:
        """The columns that a name without qualifier means, here and not around."""
        return matching(self._named, name)

    def resolve(self, reference: ColumnReference) -> Value:
        """The value of a column reference.

        Raises
        ------
        BindError
            Raised if no column has that name, or several.
        """
        scope: Scope | None = self
        while scope is not None:
            found = scope._here(reference)
            if found is not None:
                return found
            scope = scope.parent
        raise BindError(self._unknown(reference), reference.position)

    def expand(self, qualifier: Sequence[Identifier]) -> tuple[NamedValue, ...]:
        """The columns of ``*`` or ``table.*``; None of them if no table answers."""
        if not qualifier:
            return self.columns
        return tuple(column for relation in self._answering(qualifier) for column in relation.columns)

    def _here(self, reference: ColumnReference) -> Value | None:
        if not reference.qualifier:
            found = self.named(reference.name)
        else:
            relations = self._answering(reference.qualifier)
            found = [value for relation in relations for value in relation.named(reference.name)]
        if len(found) > 1:
            places = ", ".join(
                ".".join(relation.path)
                for relation in islice((r for r in self.relations if r.named(reference.name)), _MOST_PLACES)
            )
            raise BindError(
                f'Column "{reference}" is ambiguous: it is in {places}. Write the table before it.',
                reference.position,
            )
        return found[0].value if found else None

    def _answering(self, qualifier: Sequence[Identifier]) -> list[BoundRelation]:
        known = self._relations_named.get(qualifier[-1].name.lower(), [])
        found = [relation for relation in known if relation.answers_to(qualifier)]
        if len(found) < 2:
            return found
        exact = [relation for relation in found if relation.path[-1] == qualifier[-1].name]
        return exact if len(exact) == 1 else found

    def _unknown(self, reference: ColumnReference) -> str:
        if reference.qualifier:
            relations = self._answering(reference.qualifier)
            if not relations:
                table = ".".join(str(part) for part in reference.qualifier)
                known = [relation.path[-1] for relation in self.relations]
                return f'Unknown table "{table}" before column "{reference.name}".{suggestion(table, known)}'
            names = [column.name for relation in relations for column in relation.columns]
            where = ".".join(relations[0].path)
        else:
            names = [column.name for column in self.columns]
            shown = [".".join(relation.path) for relation in self.relations[:_MOST_PLACES]]
            where = " or ".join(shown) or "this query"
        return f'Unknown column "{reference.name.name}" in {where}.{self._cure(reference, names)}'

    def _cure(self, reference: ColumnReference, names: Sequence[str]) -> str:
        name = reference.name
        if not reference.qualifier and name.name.lower() in self.outputs:
            return " It is the alias of an output, and not known here: write the expression itself."
        guess = suggestion(name.name, names)
        if name.delimited and not guess:
            return f" If it is a text, write it in single quotes: '{name.name}'."
        return guess


_MOST_PLACES = 10
"""Tables that a message names."""


def by_name(columns: Iterable[NamedValue]) -> Mapping[str, list[NamedValue]]:
    """Name in lower case -> the columns of it."""
    named: dict[str, list[NamedValue]] = {}
    for column in columns:
        named.setdefault(column.name.lower(), []).append(column)
    return named


def matching(columns: Mapping[str, list[NamedValue]], name: Identifier) -> list[NamedValue]:
    """The columns that a name means; one of exactly that name before others that differ in case."""
    found = [column for column in columns.get(name.name.lower(), ()) if name.matches(column.name)]
    exact = [column for column in found if column.name == name.name]
    return exact if len(found) > 1 and len(exact) == 1 else found


def suggestion(name: str, known: Iterable[str]) -> str:
    """`` Did you mean "energy"?`` for the likest of the known names, else nothing."""
    names = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    return f' Did you mean "{names[close[0]]}"?' if close else ""
