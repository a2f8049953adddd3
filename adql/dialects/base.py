"""Rendering the plain tree: what all dialects share; what differs is a table in each dialect's module."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count

from adql import core
from adql.core import Expr, Literal, Op
from adql.dialects.precedence import AND, ATOM, LEVELS, OPEN, OR, PREDICATE, SUM, bare, slots
from adql.errors import UnsupportedError
from adql.pruning import Scan
from adql.schema import Table
from adql.types import LONG, ColumnType

Template = str | Callable[..., str]
"""SQL with ``{0}``, ``{1}`` for the arguments, or a function of the arguments' SQL."""


LARGE = 10_000
"""Characters of SQL from which on an engine may take longer to compile it than to run it."""


@dataclass(frozen=True)
class Dialect:
    """An engine's way to write SQL."""

    name: str
    """duckdb, hive or spark; also the name of sqlglot's dialect."""
    quote: str
    """Encloses identifiers, doubled inside."""
    types: Mapping[str, str]
    """VOTable datatype -> SQL type, for CAST."""
    operations: Mapping[str, Template]
    """Name of an operation -> how to write it."""
    aggregates: Mapping[str, Template] = field(default_factory=dict)
    """Name of an aggregate, with ``_distinct`` if it is that -> how to write it, if not as SQL92 does."""
    escapes: Mapping[str, str] = field(default_factory=dict)
    """Character -> how a text literal holds it; the quote must be among them."""
    rewrites: Mapping[str, Callable[[Op], Op]] = field(default_factory=dict)
    """Name of an operation -> how to say it by others, where a template is not enough."""
    is_full: bool = True
    """False for an engine that sorts by selected columns only, knows HAVING with GROUP BY only and joins from
    left to right only."""
    prepare: Callable[[core.Query], core.Query] | None = None
    """Says a query by other words, where the engine lacks some."""
    settings_of_large: Mapping[str, str] = field(default_factory=dict)
    """Settings of a session in which to run SQL of more than :data:`LARGE` characters."""
    groups_values: bool = False
    """True for an engine that takes a subquery as a value beside groups inside of an aggregate only."""
    most_rows: int = 2**31 - 1
    """Greatest sum of LIMIT and OFFSET."""

    def render(self, query: core.Query, *, scan: Scan | None = None) -> str:
        """The SQL of a query, one SELECT.

        Raises
        ------
        UnsupportedError
            Raised for an operation that this engine cannot do, by its name.
        """
        return _Writer(self, scan).query(self.prepare(query) if self.prepare else query)

    def settings(self, sql: str) -> Mapping[str, str]:
        """Settings of a session in which to run a statement."""
        return self.settings_of_large if len(sql) > LARGE else {}

    def identifier(self, name: str) -> str:
        """A quoted name."""
        return self.quote + name.replace(self.quote, self.quote * 2) + self.quote

    def text(self, value: str) -> str:
        """A quoted text; no character of it can end it."""
        if "\0" in value:
            raise UnsupportedError("A text with a NUL character cannot be sent to the engine.")
        return "'" + "".join(self.escapes.get(character, character) for character in value) + "'"

    def table(self, table: Table) -> str:
        """A table by its qualified name."""
        return f"{self.identifier(table.schema)}.{self.identifier(table.name)}"

    def type(self, type_: ColumnType) -> str:
        """The SQL type of a scalar column type."""
        if type_.datatype not in ("char", "unicodeChar") and type_.arraysize:
            return self.operations["array_type"].format(self.types[type_.datatype])  # type: ignore[union-attr]
        return self.types[type_.datatype]


class _Writer:
    """Writes one query; numbers the aliases it needs."""

    def __init__(self, dialect: Dialect, scan: Scan | None) -> None:
        self.dialect = dialect
        self.scan = scan
        self._numbers: Iterator[int] = count(1)

    # Queries

    def query(self, query: core.Query) -> str:
        """The SQL of a query."""
        common = ", ".join(f"{self._name(item.name)} AS ({self.query(item.query)})" for item in query.common)
        prefix = f"WITH {common} " if common else ""
        is_plain = isinstance(query.body, core.Select) and not query.hidden
        is_cut = bool(query.order_by) and not is_plain and not self.dialect.is_full
        return prefix + self._sorted(query) + ("" if is_cut else self._limit(query))

    def _sorted(self, query: core.Query) -> str:
        """A query but for WITH and LIMIT."""
        if not query.order_by:
            return self._body(query.body, ())
        order = ", ".join(
            f"{self._name(key.name)} {'DESC' if key.descending else 'ASC'} NULLS LAST"
            for key in query.order_by
        )
        if isinstance(query.body, core.Select) and not query.hidden:
            return f"{self._body(query.body, ())} ORDER BY {order}"
        names = ", ".join(self._name(name) for name in query.names)
        inner = f"({self._body(query.body, query.hidden)}) AS {self._name(f'q{next(self._numbers)}')}"
        if self.dialect.is_full:
            return f"SELECT {names} FROM {inner} ORDER BY {order}"
        cut = self._limit(query) or f" LIMIT {self.dialect.most_rows}"
        sorted_ = f"SELECT * FROM {inner} ORDER BY {order}{cut}"
        return f"SELECT {names} FROM ({sorted_}) AS {self._name(f'q{next(self._numbers)}')}"

    def _limit(self, query: core.Query) -> str:
        if query.limit is None and query.offset is None:
            return ""
        most, offset = self.dialect.most_rows, query.offset or 0
        if offset > most:
            raise UnsupportedError(f"An OFFSET above {most} is not offered on {self.dialect.name}.")
        limit = most - offset if query.limit is None else min(query.limit, most - offset)
        return f" LIMIT {limit}" + (f" OFFSET {offset}" if offset else "")

    def _body(self, body: core.Body, hidden: tuple[core.Item, ...]) -> str:
        if isinstance(body, core.SetOperation):
            word = f"{body.operator.upper()} ALL" if body.all else body.operator.upper()
            return f"{self._operand(body.left)} {word} {self._operand(body.right)}"
        assert isinstance(body, core.Select)
        return self._select(body, hidden)

    def _operand(self, query: core.Query) -> str:
        plain = isinstance(query.body, core.Select) and not query.order_by
        if plain and query.limit is None and query.offset is None:
            return self.query(query)
        names = ", ".join(self._name(name) for name in query.names)
        return f"SELECT {names} FROM ({self.query(query)}) AS {self._name(f'q{next(self._numbers)}')}"

    def _select(self, select: core.Select, hidden: tuple[core.Item, ...]) -> str:
        if select.having is not None and not select.group_by and not self.dialect.is_full:
            return self._select_having(select, hidden)
        if select.group_by and self.dialect.groups_values:
            select, hidden = _aggregated(select), tuple(map(_aggregated_item, hidden))
        items = ", ".join(
            f"{self.expr(_declared(item.expr), OPEN)} AS {self._name(item.name)}"
            for item in select.items + hidden
        )
        words = [
            "SELECT DISTINCT" if select.distinct else "SELECT",
            items,
            "FROM",
            self._source(select.source),
        ]
        if select.where is not None:
            words += ["WHERE", self.expr(select.where, OPEN)]
        if select.group_by:
            words += ["GROUP BY", ", ".join(self.expr(term, OPEN) for term in select.group_by)]
        if select.having is not None:
            words += ["HAVING", self.expr(select.having, OPEN)]
        return " ".join(words)

    def _select_having(self, select: core.Select, hidden: tuple[core.Item, ...]) -> str:
        """HAVING without GROUP BY as a condition on a query of one row."""
        assert select.having is not None
        kept = core.Item(select.having, "kept")
        names = ", ".join(self._name(item.name) for item in select.items + hidden)
        inner = self._select(replace(select, having=None), (*hidden, kept))
        alias = self._name(f"q{next(self._numbers)}")
        return f"SELECT {names} FROM ({inner}) AS {alias} WHERE {self._name(kept.name)}"

    def _name(self, name: str) -> str:
        return self.dialect.identifier(name)

    # Relations

    def _source(self, source: core.Relation) -> str:
        match source:
            case core.TableSource(alias=alias, table=table, restriction=restriction):
                scanned = self.scan(table, restriction) if self.scan is not None else None
                return f"{scanned or self.dialect.table(table)} AS {self._name(alias)}"
            case core.QuerySource(alias=alias, query=query):
                return f"({self.query(query)}) AS {self._name(alias)}"
            case core.CommonSource(alias=alias, name=name):
                return f"{self._name(name)} AS {self._name(alias)}"
            case core.RowsSource(alias=alias, names=names, rows=rows):
                selects = (
                    ", ".join(
                        f"{value} AS {self._name(name)}" for name, value in zip(names, row, strict=True)
                    )
                    for row in rows
                )
                return f"({' UNION ALL '.join(f'SELECT {each}' for each in selects)}) AS {self._name(alias)}"
            case core.JoinSource():
                return self._join(source)
        raise AssertionError(source)

    def _join(self, join: core.JoinSource) -> str:
        if isinstance(join.right, core.JoinSource) and not isinstance(join.left, core.JoinSource):
            join = replace(join, left=join.right, right=join.left, kind=_SWAPPED.get(join.kind, join.kind))
        left, right = self._source(join.left), self._source(join.right)
        if isinstance(join.right, core.JoinSource):
            if not self.dialect.is_full:
                raise UnsupportedError(
                    f"A JOIN of two joins in parentheses is not offered on {self.dialect.name}."
                )
            right = f"({right})"
        if join.condition is None:
            return f"{left} CROSS JOIN {right}"
        return f"{left} {_JOINS[join.kind]} {right} ON {self.expr(join.condition, OPEN)}"

    # Expressions

    def expr(self, expr: Expr, held: int = ATOM) -> str:
        """The SQL of an expression, in brackets where it needs them.

        Parameters
        ----------
        held
            How tightly the place where it stands holds it, see :mod:`adql.dialects.precedence`.
        """
        match expr:
            case Literal():
                return self._literal(expr)
            case core.Field(relation=relation, name=name):
                return f"{self._name(relation)}.{self._name(name)}" if relation else self._name(name)
            case core.Local(name=name):
                return self._name(name)
            case Op(name="and" | "or" as word, args=args):
                level = OR if word == "or" else AND
                joined = f" {word.upper()} ".join(self.expr(arg, level + 1) for arg in args)
                return bare(f"({joined})", level, held)
            case Op(name="in", args=args):
                members = ", ".join(self.expr(arg, OPEN) for arg in args[1:])
                return bare(f"({self.expr(args[0], SUM)} IN ({members}))", PREDICATE, held)
            case Op(name="case", args=args):
                return self._case(args)
            case Op():
                return self._operation(expr, held)
            case core.Aggregate():
                return self._aggregate(expr)
            case core.ScalarQuery(query=query):
                return f"({self.query(query)})"
            case core.ExistsQuery(query=query):
                return f"EXISTS ({self.query(query)})"
            case core.InSelect(operand=operand, query=query):
                return f"({self.expr(operand)} IN ({self.query(query)}))"
        raise AssertionError(expr)

    def _literal(self, literal: Literal) -> str:
        value = literal.value
        if value is None and literal.type.datatype not in self.dialect.types:
            return "NULL"
        if value is None:
            return f"CAST(NULL AS {self.dialect.type(literal.type)})"
        if isinstance(value, bool):
            return "TRUE" if value else "FALSE"
        if isinstance(value, str):
            return self.dialect.text(value)
        if isinstance(value, int) and literal.type.is_integer:
            return str(value) if value >= 0 else f"({value})"
        written = _double(float(value))
        return written if value >= 0 else f"({written})"

    def _case(self, args: tuple[Expr, ...]) -> str:
        words = ["CASE"]
        for condition, result in zip(args[::2], args[1::2], strict=False):
            words += ["WHEN", self.expr(condition, OPEN), "THEN", self.expr(result, OPEN)]
        if len(args) % 2:
            words += ["ELSE", self.expr(args[-1], OPEN)]
        return " ".join([*words, "END"])

    def _aggregate(self, expr: core.Aggregate) -> str:
        name = (
            f"{expr.name}_{'integers' if expr.type.is_integer else 'reals'}"
            if expr.name == "sum"
            else expr.name
        )
        template = self.dialect.aggregates.get(f"{name}_distinct" if expr.distinct else name)
        if template is not None:
            return self._written(template, name, expr.args)
        if name not in ("count", "avg", "min", "max"):
            raise UnsupportedError(f"{name.upper()} is not offered on {self.dialect.name}.")
        args = ", ".join(self.expr(arg, OPEN) for arg in expr.args)
        return f"{name}({'DISTINCT ' if expr.distinct else ''}{args or '*'})"

    def _operation(self, op: Op, held: int) -> str:
        if op.name in self.dialect.rewrites:
            op = self.dialect.rewrites[op.name](op)
        template = self.dialect.operations.get(op.name)
        if template is None:
            what = _SPOKEN.get(op.name, op.name.upper())
            raise UnsupportedError(f"{what} is not offered on {self.dialect.name}.")
        if op.name in ("div", "idiv", "mod", "mod_integer") and core.constant(op.args[1]) not in (
            None,
            0,
            -1,
        ):
            template = self.dialect.operations.get(f"{op.name}_sure", template)
        written = self._written(template, op.name, _wide(op))
        return bare(written, LEVELS[op.name], held) if op.name in LEVELS else written

    def _written(self, template: Template, name: str, args: tuple[Expr, ...]) -> str:
        """Arguments in a template; a function of their SQL gets each in brackets, but a plain call."""
        if isinstance(template, str):
            places = slots(template, name)
            return template.format(*(self.expr(arg, held) for arg, held in zip(args, places, strict=False)))
        held = OPEN if isinstance(template, Call) else ATOM
        return template(*(self.expr(arg, held) for arg in args))


def _wide(op: Op) -> tuple[Expr, ...]:
    """The arguments; where all are constant integers the first is cast, for 1 is an INTEGER to an engine."""
    numbers = [arg for arg in op.args if arg.type.is_integer and core.constant(arg) is not None]
    if op.type != LONG or op.name == "to_bigint" or not op.args or len(numbers) < len(op.args):
        return op.args
    return (Op(LONG, "to_bigint", op.args[:1]), *op.args[1:])


def _declared(expr: Expr) -> Expr:
    """An output in the type that its column declares: to an engine a small constant is an INTEGER."""
    return Op(LONG, "to_bigint", (expr,)) if expr.type == LONG and _is_small(expr) else expr


def _is_small(expr: Expr) -> bool:
    """True for integers that are written as digits, and what chooses among such."""
    if isinstance(expr, Literal):
        return expr.value is not None
    if not isinstance(expr, Op) or expr.name not in ("case", "coalesce", "nullif"):
        return False
    chosen = (
        expr.args[1::2] + (expr.args[-1:] if len(expr.args) % 2 else ()) if expr.name == "case" else expr.args
    )
    return any(map(_is_small, chosen))


def _aggregated(select: core.Select) -> core.Select:
    """A grouped SELECT with subqueries as values inside of aggregates: each is one in all of a group."""
    having = None if select.having is None else _aggregated_value(select.having)
    return replace(select, items=tuple(map(_aggregated_item, select.items)), having=having)


def _aggregated_item(item: core.Item) -> core.Item:
    return core.Item(_aggregated_value(item.expr), item.name)


def _aggregated_value(expr: Expr) -> Expr:
    if isinstance(expr, core.ScalarQuery):
        return core.Aggregate(expr.type, "max", (expr,))
    if isinstance(expr, Op):
        return replace(expr, args=tuple(map(_aggregated_value, expr.args)))
    return expr


_SPOKEN = {
    "ranges_meet": "A time coverage that is a text",
    "tmoc_of_text": "TMOC(order, text) outside of INTERSECTS",
    "count_over": "A polygon with any number of corners (a column, or a text that is CAST)",
    "sum_over": "A polygon with any number of corners (a column, or a text that is CAST)",
    "corner_vectors": "A polygon with any number of corners (a column, or a text that is CAST)",
    "numbers_in": "A polygon with any number of corners (a column, or a text that is CAST)",
    "joined_numbers": "A polygon with any number of corners (a column, or a text that is CAST)",
    "let": "A region in a text column, or a mission time in UTC that counts from a column,",
}
"""What to call an operation that has no name of its own in ADQL."""

_JOINS = {
    "inner": "INNER JOIN",
    "left": "LEFT JOIN",
    "right": "RIGHT JOIN",
    "full": "FULL JOIN",
    "cross": "CROSS JOIN",
}


_SWAPPED = {"left": "right", "right": "left"}


def _double(value: float) -> str:
    """A literal that every engine reads as a double, not as a decimal."""
    written = repr(value)
    if "inf" in written or "nan" in written:
        raise UnsupportedError("A number that is not finite cannot be sent to the engine.")
    return written if "e" in written else f"{written}e0"


@dataclass(frozen=True)
class Call:
    """A function of any number of arguments."""

    name: str
    opening: str = "("
    closing: str = ")"

    def __call__(self, *args: str) -> str:
        return f"{self.name}{self.opening}{', '.join(args)}{self.closing}"


GREATEST = "1.7976931348623157e308"
"""The greatest double; what is not below is Infinity or NaN."""

EXP_LIMIT = "709.782712893384e0"
"""Of this the exponential is still a double."""

ANSI: Mapping[str, Template] = {
    "add": "({0} + {1})",
    "sub": "({0} - {1})",
    "mul": "({0} * {1})",
    "div": "({0} / nullif({1}, 0))",
    "div_sure": "({0} / {1})",
    "neg": "(-{0})",
    "mod": "({0} % nullif({1}, 0))",
    "mod_sure": "({0} % {1})",
    "mod_integer": "({0} % nullif({1}, 0))",
    "mod_integer_sure": "({0} % {1})",
    "eq": "({0} = {1})",
    "ne": "({0} <> {1})",
    "lt": "({0} < {1})",
    "le": "({0} <= {1})",
    "gt": "({0} > {1})",
    "ge": "({0} >= {1})",
    "not": "(NOT {0})",
    "is_null": "({0} IS NULL)",
    "concat": "({0} || {1})",
    "coalesce": Call("coalesce"),
    "nullif": Call("nullif"),
    "flag": "CAST({0} AS INTEGER)",
    "least": Call("least"),
    "greatest": Call("greatest"),
    "lower": "lower({0})",
    "upper": "upper({0})",
    "left": "substr({0}, 1, {1})",
    "tail": "substr({0}, {1} + 1)",
    "substring": "substr({0}, {1}, {2})",
    "length": "length({0})",
    "position": "instr({0}, {1})",
    "extract": "regexp_extract({0}, {1}, 1)",
    "md5": "md5({0})",
    "tmoc": "('t' || {0} || '/' || {1} || '-' || {2})",
    "abs": "abs({0})",
    "abs_integer": "CASE WHEN {0} >= -9223372036854775807 THEN abs({0}) END",
    "sign": "sign({0})",
    "floor": "CAST(floor({0}) AS DOUBLE)",
    "round": "round({0})",
    "sin": "sin({0})",
    "cos": "cos({0})",
    "tan": "tan({0})",
    "cot": "(1 / nullif(tan({0}), 0))",
    "atan": "atan({0})",
    "acos": "CASE WHEN {0} BETWEEN -1 AND 1 THEN acos({0}) END",
    "asin": "CASE WHEN {0} BETWEEN -1 AND 1 THEN asin({0}) END",
    "raw_asin": "asin({0})",
    "sqrt": "CASE WHEN {0} >= 0 THEN sqrt({0}) END",
    "raw_sqrt": "sqrt({0})",
    "square": "({0} * {0})",
    "exp": f"CASE WHEN {{0}} <= {EXP_LIMIT} THEN exp({{0}}) END",
    "raw_ln": "ln({0})",
    "ln": "CASE WHEN {0} > 0 THEN ln({0}) END",
    "log10": "CASE WHEN {0} > 0 THEN log10({0}) END",
    "power": f"CASE WHEN abs(power({{0}}, {{1}})) <= {GREATEST} THEN power({{0}}, {{1}}) END",
    "pi": "pi()",
    "degrees": f"({{0}} * {_double(180 / math.pi)})",
    "radians": f"({{0}} * {_double(math.pi / 180)})",
    "to_double": "CAST({0} AS DOUBLE)",
    "to_bigint": "CAST({0} AS BIGINT)",
    "cut": "CAST({0} AS BIGINT)",
    "bit_and": "({0} & {1})",
}
"""What all engines write alike."""
