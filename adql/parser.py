"""The text of a query as a tree: Lark's LALR parser drives the builder, which makes our own nodes."""

from __future__ import annotations

import difflib
from collections import deque
from functools import lru_cache
from itertools import takewhile
from pathlib import Path
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedInput, UnexpectedToken, v_args
from lark.exceptions import UnexpectedEOF

from adql import ast
from adql.errors import LimitError, ParseError
from adql.lexer import Lexer, tokens
from adql.limits import Limits
from adql.types import Position
from adql.words import FUNCTION_WORDS, RESERVED_WORDS, SYNTAX_WORDS

_LONGEST_PATH = 4
"""ADQL 2.1 appendix A: column_reference."""

_GRAMMAR = Path(__file__).with_name("grammar.lark")


@lru_cache(maxsize=256)
def parse(text: str, *, limits: Limits = Limits()) -> ast.Query:
    """The tree of an ADQL query; the last few are kept.

    Raises
    ------
    ParseError
        Raised if the text is not ADQL 2.1; tells the place, what was found and what would be right.
    LimitError
        Raised if the text is too long, or its tree too large or too deep.
    """
    if len(text) > limits.length:
        raise LimitError(f"The query has {len(text)} characters; at most {limits.length} are allowed.")
    try:
        query: Any = _lark().parse(text)
    except UnexpectedInput as fault:
        raise _explained(fault, text) from None
    except ParseError as fault:
        fault.text = text
        raise
    nodes, depth = ast.measure(query)
    if nodes > limits.nodes:
        raise LimitError(
            f"The query has {nodes} parts (names, values, operators); at most {limits.nodes} are allowed."
        )
    if depth > limits.depth:
        raise LimitError(f"The query is nested {depth} levels deep; at most {limits.depth} are allowed.")
    assert isinstance(query, ast.Query)
    return query


@lru_cache(maxsize=1)
def _lark() -> Lark:
    return Lark(
        _GRAMMAR.read_text(encoding="utf-8"),
        parser="lalr",
        lexer=Lexer,
        transformer=_Builder(),
        maybe_placeholders=True,
    )


def _at(token: Token) -> Position:
    return Position(token.line or 0, token.column or 0)


@v_args(inline=True)
class _Builder(Transformer[Token, Any]):
    """Makes our nodes as Lark reduces its rules; each method is named after a rule or its alias."""

    # Queries

    def start(self, query: ast.Query) -> ast.Query:
        return query

    def query(self, common: tuple[ast.CommonTable, ...] | None, query: ast.Query) -> ast.Query:
        if common is None:
            return query
        return ast.Query(query.body, query.order_by, query.offset, common, position=query.position)

    def with_clause(self, *tables: ast.CommonTable) -> tuple[ast.CommonTable, ...]:
        return tables

    def common_table(self, name: ast.Identifier, query: ast.Query) -> ast.CommonTable:
        return ast.CommonTable(name, query, position=name.position)

    def select_expression(
        self, body: ast.QueryBody, order_by: tuple[ast.OrderTerm, ...] | None, offset: int | None
    ) -> ast.Query:
        return ast.Query(body, order_by or (), offset, position=body.position)

    def bracketed_offset(self, body: ast.QueryBody, offset: int) -> ast.Query:
        return ast.Query(body, (), offset, position=body.position)

    def subquery(self, query: ast.Query) -> ast.Query:
        return query

    bracketed = subquery

    def union(
        self, left: ast.QueryBody, operator: Token, every: Token | None, right: ast.QueryBody
    ) -> ast.QueryBody:
        return ast.SetOperation(operator.upper(), left, right, every is not None, position=_at(operator))

    intersection = union

    def select(
        self,
        word: Token,
        quantifier: Token | None,
        top: int | None,
        items: tuple[ast.SelectItem, ...],
        source: ast.Source,
        where: ast.Expression | None,
        group_by: tuple[ast.Expression, ...] | None,
        having: ast.Expression | None,
    ) -> ast.Select:
        distinct = quantifier is not None and quantifier.type == "DISTINCT"
        return ast.Select(items, source, distinct, top, where, group_by or (), having, position=_at(word))

    def top(self, number: Token) -> int:
        return _whole(number)

    offset = top

    def select_list(self, *items: ast.SelectItem) -> tuple[ast.SelectItem, ...]:
        return items

    def star(self, star: Token) -> ast.SelectItem:
        return ast.SelectItem(ast.Star(position=_at(star)), position=_at(star))

    def qualified_star(self, path: tuple[ast.Identifier, ...], star: Token) -> ast.SelectItem:
        return ast.SelectItem(ast.Star(path, position=path[0].position), position=path[0].position)

    def item(self, expression: ast.Expression) -> ast.SelectItem:
        return ast.SelectItem(expression, position=expression.position)

    def aliased_item(self, expression: ast.Expression, alias: ast.Identifier) -> ast.SelectItem:
        return ast.SelectItem(expression, alias, position=expression.position)

    def where(self, condition: ast.Expression) -> ast.Expression:
        return condition

    having = where

    def group_by(self, *terms: ast.Expression) -> tuple[ast.Expression, ...]:
        return terms

    def order_by(self, *terms: ast.OrderTerm) -> tuple[ast.OrderTerm, ...]:
        return terms

    def order_term(self, expression: ast.Expression, direction: Token | None) -> ast.OrderTerm:
        descending = direction is not None and direction.type == "DESC"
        return ast.OrderTerm(expression, descending, position=expression.position)

    # Tables

    def from_clause(self, first: ast.Source, *others: ast.Source) -> ast.Source:
        source = first
        for other in others:
            source = ast.Join("CROSS", source, other, position=other.position)
        return source

    def table(self, path: tuple[ast.Identifier, ...]) -> ast.TableReference:
        return ast.TableReference(path, position=path[0].position)

    def aliased_table(self, path: tuple[ast.Identifier, ...], alias: ast.Identifier) -> ast.TableReference:
        return ast.TableReference(path, alias, position=path[0].position)

    def derived_table(self, query: ast.Query, alias: ast.Identifier) -> ast.DerivedTable:
        return ast.DerivedTable(query, alias, position=query.position)

    def derived_join(self, joined: ast.Source, alias: ast.Identifier) -> ast.DerivedTable:
        return ast.DerivedTable(_all_of(joined), alias, position=joined.position)

    def same(self, inner: Any) -> Any:
        return inner

    def join_on(
        self, left: ast.Source, kind: Token | None, word: Token, right: ast.Source, on: ast.Expression
    ) -> ast.Join:
        return ast.Join(_kind(kind), left, right, condition=on, position=_at(word))

    def join_using(
        self, left: ast.Source, kind: Token | None, word: Token, right: ast.Source, *names: ast.Identifier
    ) -> ast.Join:
        return ast.Join(_kind(kind), left, right, using=names, position=_at(word))

    def join_natural(
        self, left: ast.Source, natural: Token, kind: Token | None, word: Token, right: ast.Source
    ) -> ast.Join:
        return ast.Join(_kind(kind), left, right, natural=True, position=_at(natural))

    # Expressions

    def disjunction(self, *operands: ast.Expression) -> ast.Or:
        return ast.Or(operands, position=operands[0].position)

    def conjunction(self, *operands: ast.Expression) -> ast.And:
        return ast.And(operands, position=operands[0].position)

    def negation(self, word: Token, operand: ast.Expression) -> ast.Not:
        return ast.Not(operand, position=_at(word))

    def comparison(self, left: ast.Expression, operator: Token, right: ast.Expression) -> ast.Comparison:
        written = "<>" if operator == "!=" else str(operator)
        return ast.Comparison(written, left, right, position=_at(operator))

    def between(
        self,
        operand: ast.Expression,
        negated: Token | None,
        word: Token,
        low: ast.Expression,
        high: ast.Expression,
    ) -> ast.Between:
        return ast.Between(operand, low, high, negated is not None, position=_at(word))

    def in_query(
        self, operand: ast.Expression, negated: Token | None, word: Token, query: ast.Query
    ) -> ast.InQuery:
        return ast.InQuery(operand, query, negated is not None, position=_at(word))

    def in_list(
        self, operand: ast.Expression, negated: Token | None, word: Token, *items: ast.Expression
    ) -> ast.InList:
        return ast.InList(operand, items, negated is not None, position=_at(word))

    def like(
        self,
        operand: ast.Expression,
        negated: Token | None,
        word: Token,
        pattern: ast.Expression,
        escape: ast.Expression | None,
    ) -> ast.Like:
        return ast.Like(
            operand, pattern, negated is not None, word.type == "ILIKE", escape, position=_at(word)
        )

    def is_null(self, operand: ast.Expression, word: Token, negated: Token | None, null: Token) -> ast.IsNull:
        return ast.IsNull(operand, negated is not None, position=_at(word))

    def exists(self, word: Token, query: ast.Query) -> ast.Exists:
        return ast.Exists(query, position=_at(word))

    def exists_join(self, word: Token, joined: ast.Source) -> ast.Exists:
        return ast.Exists(_all_of(joined), position=_at(word))

    def arithmetic(self, left: ast.Expression, operator: Token, right: ast.Expression) -> ast.Arithmetic:
        return ast.Arithmetic(str(operator), left, right, position=_at(operator))

    def sign(self, operator: Token, operand: ast.Expression) -> ast.Sign:
        return ast.Sign(str(operator), operand, position=_at(operator))

    def number(self, token: Token) -> ast.Number:
        return ast.Number(str(token), position=_at(token))

    def string(self, *tokens: Token) -> ast.String:
        value = "".join(token[1:-1].replace("''", "'") for token in tokens)
        return ast.String(value, position=_at(tokens[0]))

    def null(self, token: Token) -> ast.Null:
        return ast.Null(position=_at(token))

    def column(self, path: tuple[ast.Identifier, ...]) -> ast.ColumnReference:
        return ast.ColumnReference(path, position=path[0].position)

    def cast(self, word: Token, operand: ast.Expression, target: tuple[str, int | None]) -> ast.Cast:
        return ast.Cast(operand, *target, position=_at(word))

    def cast_target(
        self, name: Token, second: Token | None, length: Token | None, scale: Token | None
    ) -> tuple[str, int | None]:
        written = name.upper() if second is None else f"{name.upper()} {second.upper()}"
        target = "DOUBLE PRECISION" if written == "DOUBLE" else written
        if target not in CAST_TARGETS:
            guess = f" Did you mean {_ALIKE_TYPES[target]}?" if target in _ALIKE_TYPES else ""
            raise ParseError(
                f"{target} is not a type to cast to.{guess} Types are {', '.join(CAST_TARGETS)}.", _at(name)
            )
        if length is not None and target not in ("CHAR", "VARCHAR"):
            raise ParseError(f"{target} has no length.", _at(length))
        if scale is not None:
            raise ParseError(f"{target} has one length only.", _at(scale))
        if length is not None and not 0 < _whole(length) < 1 << 31:
            raise ParseError(f"{_shown(length)} is not a length of a text.", _at(length))
        return target, None if length is None else _whole(length)

    def case(self, word: Token, operand: ast.Expression | None, *rest: Any) -> ast.Case:
        return ast.Case(operand, rest[:-1], rest[-1], position=_at(word))

    def when(self, word: Token, condition: ast.Expression, result: ast.Expression) -> ast.When:
        return ast.When(condition, result, position=_at(word))

    def scalar(self, query: ast.Query) -> ast.Subquery:
        return ast.Subquery(query, position=query.position)

    def function(
        self, name: Token, quantifier: Token | None, arguments: tuple[ast.Expression, ...]
    ) -> ast.Function:
        word = quantifier.upper() if quantifier is not None else None
        return ast.Function(str(name), arguments, word, position=_at(name))

    def function_of_star(self, name: Token, star: Token) -> ast.Function:
        return ast.Function(str(name), (ast.Star(position=_at(star)),), position=_at(name))

    def arguments(self, *arguments: ast.Expression | None) -> tuple[ast.Expression, ...]:
        return tuple(argument for argument in arguments if argument is not None)

    # Names

    def path(self, name: ast.Identifier) -> tuple[ast.Identifier, ...]:
        return (name,)

    def longer_path(
        self, path: tuple[ast.Identifier, ...], name: ast.Identifier
    ) -> tuple[ast.Identifier, ...]:
        if len(path) == _LONGEST_PATH:
            raise ParseError(
                f"A name has {_LONGEST_PATH} parts at most: catalogue, schema, table and column.",
                name.position,
            )
        return (*path, name)

    def regular(self, token: Token) -> ast.Identifier:
        return ast.Identifier(str(token), position=_at(token))

    def delimited(self, token: Token) -> ast.Identifier:
        return ast.Identifier(token[1:-1].replace('""', '"'), True, position=_at(token))


CAST_TARGETS = (
    "CHAR",
    "VARCHAR",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "REAL",
    "DOUBLE PRECISION",
    "TIMESTAMP",
    "POINT",
    "CIRCLE",
    "POLYGON",
)
"""ADQL 2.1 section 4.6.1."""

_ALIKE_TYPES = {
    **dict.fromkeys(("FLOAT", "DECIMAL", "NUMERIC", "NUMBER"), "DOUBLE PRECISION"),
    **dict.fromkeys(("FLOAT4", "SINGLE"), "REAL"),
    **dict.fromkeys(("INT", "INT4", "BOOLEAN"), "INTEGER"),
    **dict.fromkeys(("LONG", "INT8"), "BIGINT"),
    **dict.fromkeys(("SHORT", "INT2", "TINYINT"), "SMALLINT"),
    **dict.fromkeys(("TEXT", "STRING", "CHARACTER", "CHARACTER VARYING"), "VARCHAR"),
    **dict.fromkeys(("DATE", "TIME", "DATETIME"), "TIMESTAMP"),
}
"""Types of other languages -> what there is."""


def _all_of(source: ast.Source) -> ast.Query:
    """``SELECT * FROM source``: a join in parentheses that stands where a query may (ADQL 2.1, subquery)."""
    star = ast.SelectItem(ast.Star(position=source.position), position=source.position)
    return ast.Query(ast.Select((star,), source, position=source.position), position=source.position)


def _whole(number: Token) -> int:
    """The value of an unsigned integer; past 2**64, where no number of rows is, that."""
    digits = number.lstrip("0") or "0"
    return int(digits) if len(digits) < 20 else 1 << 64


def _kind(token: Token | None) -> str:
    return "INNER" if token is None else token.upper()


# What to say when a token does not fit.

_TERMINAL_WORDS = {
    "NAME": "a name",
    "DELIMITED": 'a "delimited" name',
    "INTEGER": "a number",
    "DECIMAL": "a number",
    "STRING": "a text in single quotes",
    "FUNCTION": "a function",
    "FUNCTION_OR_TYPE": "a function",
    "TYPE": "a type",
    "COMPARE": "a comparison (= <> < > <= >=)",
    "CONCAT": "||",
    "PLUS": "+",
    "MINUS": "-",
    "STAR": "*",
    "SLASH": "/",
    "_LPAR": "(",
    "_RPAR": ")",
    "_COMMA": "a comma",
    "_DOT": "a point",
    "_SEMICOLON": ";",
    "$END": "the end of the query",
}

_EXPRESSION_START = {"INTEGER", "DECIMAL", "STRING", "NAME", "_LPAR"}


def _explained(fault: UnexpectedInput, text: str) -> ParseError:
    if isinstance(fault, UnexpectedToken) and fault.token.type != "$END":
        return _unexpected(fault, text)
    lines = text.split("\n")
    position = Position(len(lines), len(lines[-1].rstrip()) + 1)
    if not text.strip():
        return ParseError("The query is empty. A query begins with SELECT.", position, text)
    assert isinstance(fault, UnexpectedToken | UnexpectedEOF)
    accepted = set(getattr(fault, "accepts", None) or getattr(fault, "expected", None) or ())
    last = next(iter(deque(tokens(text), maxlen=1)), None)
    if accepted == {"_LPAR"} and last is not None and last.upper() in FUNCTION_WORDS:
        return ParseError(_needs_arguments(last), _at(last), text)
    return ParseError(f"The query ends too early. Expected {_expected(accepted)}.", position, text)


def _unexpected(fault: UnexpectedToken, text: str) -> ParseError:
    token, position = fault.token, _at(fault.token)
    accepted: set[str] = set(fault.accepts or fault.expected)
    before = _token_before(text, token)
    if accepted == {"_LPAR"} and before is not None and before.upper() in FUNCTION_WORDS:
        return ParseError(_needs_arguments(before), _at(before), text)
    word = before.upper() if before is not None else ""
    is_call = text[token.end_pos :].lstrip().startswith("(")
    return ParseError(_sentence(token, word, accepted, is_call=is_call), position, text)


def _token_before(text: str, token: Token) -> Token | None:
    before = takewhile(lambda other: other.start_pos != token.start_pos, tokens(text))
    return next(iter(deque(before, maxlen=1)), None)


def _sentence(token: Token, before: str, accepted: set[str], *, is_call: bool) -> str:
    word = token.upper()
    if (before, word) in _TURNS:
        return _TURNS[before, word]
    if "LIMIT" in (before, word) and token.type in ("INTEGER", "NAME"):
        return "ADQL has no LIMIT: write SELECT TOP n ... to limit the number of rows."
    if word in _CURES and not (word in ("ANY", "SOME", "ALL") and not is_call):
        return _CURES[word]
    if token.type == "CONCAT" or (token.type in _OPERATORS and (before == "||" or "CONCAT" in accepted)):
        return "|| joins texts, numbers, columns and what stands in parentheses: write (a + b) || c."
    if "_ON" in accepted and "_USING" in accepted and token.type != "NAME":
        return (
            f"Unexpected {_shown(token)}: a JOIN needs ON condition or USING (columns), or is a NATURAL JOIN."
        )
    if word in RESERVED_WORDS and "NAME" in accepted:
        return _reserved(token, accepted, is_call=is_call)
    if token.type == "NAME" and (guess := _syntax_word_like(word, accepted)):
        return f"Unexpected {_shown(token)}. Did you mean {guess}?"
    if before not in RESERVED_WORDS and (guess := _syntax_word_like(before, _AFTER_TABLE)):
        return f"Unexpected {_shown(token)} after {before}. Did you mean {guess}?"
    return f"Unexpected {_shown(token)}. Expected {_expected(accepted)}."


_OPERATORS = {"PLUS", "MINUS", "STAR", "SLASH"}

_CURES = {
    "CROSS": "ADQL has no CROSS JOIN: separate the tables by a comma.",
    "WITH": "WITH stands at the beginning of a query only, not in a subquery (ADQL 2.1 section 3.1.1).",
    "TRUE": "ADQL has no TRUE: compare with 1, or with 'true'.",
    "FALSE": "ADQL has no FALSE: compare with 0, or with 'false'.",
    "ANY": "ADQL has no ANY: use IN (SELECT ...) or EXISTS (SELECT ...).",
    "SOME": "ADQL has no SOME: use IN (SELECT ...) or EXISTS (SELECT ...).",
    "ALL": "ADQL has no comparison with ALL: use NOT EXISTS (SELECT ...).",
    "FETCH": "ADQL has no FETCH: write SELECT TOP n ... to limit the number of rows.",
    "NULLS": "ADQL has no NULLS FIRST: NULLs come last.",
    **dict.fromkeys(
        ("CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME"),
        "ADQL does not know the present time: write the time as a text, '2004-03-26T22:15:00'.",
    ),
}
"""A word that is not expected -> what to write instead."""

_TURNS = {
    ("=", "="): "== is not an operator of ADQL: write = to compare.",
    ("<=", ">"): "<=> is not an operator of ADQL: write =, or IS NULL.",
    ("=", "<"): "=< is not an operator of ADQL: write <=.",
    ("=", ">"): "=> is not an operator of ADQL: write >=.",
    ("<", ">"): "< > with a blank between is not an operator of ADQL: write <>.",
    ("NOT", "NULL"): "Unexpected NULL. Did you mean IS NOT NULL?",
    **{
        (word, "DISTINCT"): f"{word} leaves doubles out of itself: write it without DISTINCT."
        for word in ("UNION", "EXCEPT", "INTERSECT")
    },
}
"""A token and one that cannot follow it -> what to write instead."""


def _reserved(token: Token, accepted: set[str], *, is_call: bool) -> str:
    word = token.upper()
    if word in SYNTAX_WORDS and not accepted <= {"NAME", "DELIMITED"}:
        return f"Unexpected {_shown(token)}. Expected {_expected(accepted)}."
    cure = f'write it in double quotes, "{token}"'
    if word == "TIME":
        return f"TIME is a reserved word of ADQL: the TIME of an event is event_time here; elsewhere {cure}."
    if word in FUNCTION_WORDS:
        return _needs_arguments(token)
    if is_call:
        return f"ADQL has no function {word}, though the word is reserved."
    return f"{word} is a reserved word of ADQL and cannot be a name: {cure}."


def _needs_arguments(token: Token) -> str:
    return (
        f"{token.upper()} is a function of ADQL and needs its arguments in parentheses; as a name, write it "
        f'in double quotes, "{token}".'
    )


_AFTER_TABLE = {
    "WHERE",
    "GROUP",
    "HAVING",
    "ORDER",
    "JOIN",
    "INNER",
    "LEFT",
    "RIGHT",
    "UNION",
    "NATURAL",
    "FROM",
}
"""Words that, misspelt, are taken for the alias of what stands before them."""


def _syntax_word_like(word: str, accepted: set[str]) -> str | None:
    words = {terminal.lstrip("_") for terminal in accepted} & SYNTAX_WORDS
    close = difflib.get_close_matches(word, sorted(words), n=1, cutoff=0.75)
    return close[0] if close else None


def _shown(token: Token) -> str:
    value = str(token) if len(token) <= 40 else f"{token[:37]}..."
    return {"STRING": f"text {value}", "NAME": f'name "{value}"'}.get(token.type, f"{value}")


def _expected(terminals: set[str]) -> str:
    if terminals >= _EXPRESSION_START:
        words = ["an expression"]
        words += ["*"] if "STAR" in terminals and "SLASH" not in terminals else []
        words += [t for t in ("DISTINCT", "_TOP") if t in terminals]
    else:
        words = [_TERMINAL_WORDS.get(terminal, terminal) for terminal in sorted(terminals)]
    words = [word for word in words if word != "RESERVED"]
    words = sorted({word.lstrip("_") for word in words}, key=lambda word: (word.isupper(), word))
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
