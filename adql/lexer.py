"""The text of a query as tokens: one pass of one regular expression, in linear time."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from lark import Token
from lark.lexer import Lexer as LarkLexer

from adql.errors import ParseError
from adql.types import Position
from adql.words import FUNCTION_WORDS, RESERVED_WORDS, SILENT_WORDS, SYNTAX_WORDS, TYPE_WORDS

_TOKEN = re.compile(
    r"""
    (?P<SPACE>[ \t\r\n\f]+ | --[^\n]*)
  | (?P<WORD>[A-Za-z][A-Za-z0-9_]*)
  | (?P<DECIMAL>(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)? | [0-9]+[eE][+-]?[0-9]+)
  | (?P<INTEGER>[0-9]+)
  | (?P<STRING>'(?:[^']|'')*')
  | (?P<DELIMITED>"(?:[^"]|"")+")
  | (?P<COMPARE><=|>=|<>|!=|=|<|>)
  | (?P<CONCAT>\|\|)
  | (?P<PLUS>\+) | (?P<MINUS>-) | (?P<STAR>\*) | (?P<SLASH>/)
  | (?P<_LPAR>\() | (?P<_RPAR>\)) | (?P<_COMMA>,) | (?P<_DOT>\.) | (?P<_SEMICOLON>;)
    """,
    re.VERBOSE,
)

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

_WORD_TYPES: dict[str, str] = {
    **dict.fromkeys(RESERVED_WORDS, "RESERVED"),
    **dict.fromkeys(TYPE_WORDS, "TYPE"),
    **dict.fromkeys(FUNCTION_WORDS, "FUNCTION"),
    **dict.fromkeys(TYPE_WORDS & FUNCTION_WORDS, "FUNCTION_OR_TYPE"),
    **{word: word for word in SYNTAX_WORDS},
    **{word: f"_{word}" for word in SILENT_WORDS},
}
"""Upper-case word -> terminal; every other word is a NAME. Lark swallows terminals with an underscore."""

_STRAIGHT = dict.fromkeys(
    "\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}´", "'"
) | dict.fromkeys(
    "\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}\N{DOUBLE LOW-9 QUOTATION MARK}", '"'
)


class Lexer(LarkLexer):
    """The lexer that Lark's parser drives; context-free, so that a token means the same everywhere."""

    def __init__(self, lexer_conf: Any) -> None:
        pass

    def lex(self, text: Any) -> Iterator[Token]:  # type: ignore[override]
        """Tokens of a text, with lines and columns from 1."""
        return tokens(text)


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a query.

    Raises
    ------
    ParseError
        Raised at the first character that begins no token: an open quote, a letter after a number,
        a character outside quotes that ADQL does not know.
    """
    line, line_start, place, size = 1, 0, 0, len(text)
    match = _TOKEN.match
    while place < size:
        found = match(text, place)
        if found is None:
            raise _stray(text, place, Position(line, place - line_start + 1))
        kind, value, end = found.lastgroup or "", found.group(), found.end()
        if kind == "SPACE":
            line, line_start = _after(value, place, line, line_start)
            place = end
            continue
        column = place - line_start + 1
        if kind == "WORD":
            kind = _WORD_TYPES.get(value.upper(), "NAME")
        elif kind in ("INTEGER", "DECIMAL") and end < size and _runs_on(text, end):
            raise ParseError(
                f"Malformed number: {_word_at(text, place)!r}. A number has one point at most; a name that "
                "begins with a digit stands in double quotes.",
                Position(line, column),
            )
        elif kind == "SLASH" and text.startswith("/*", place):
            raise ParseError(
                "A comment in ADQL begins with -- and ends with the line.", Position(line, column)
            )
        yield Token(kind, value, place, line, column, line, column + len(value), end)
        line, line_start = _after(value, place, line, line_start)
        place = end


def _runs_on(text: str, end: int) -> bool:
    """True if what follows a number belongs to it; a word of the syntax may follow at once (``2DESC``)."""
    if not (text[end].isalpha() or text[end] in "_."):
        return False
    word = _WORD.match(text, end)
    return word is None or word.group().upper() not in SYNTAX_WORDS


def _after(value: str, place: int, line: int, line_start: int) -> tuple[int, int]:
    newlines = value.count("\n")
    if not newlines:
        return line, line_start
    return line + newlines, place + value.rindex("\n") + 1


def _word_at(text: str, place: int) -> str:
    found = re.compile(r"[\w.]+").match(text, place)
    return found.group()[:30] if found else text[place]


def _stray(text: str, place: int, position: Position) -> ParseError:
    character = text[place]
    if character == "'":
        return ParseError(
            "This text has no closing quote ('). A quote inside a text is doubled: 'it''s'.", position
        )
    if character == '"':
        empty = text.startswith('""', place)
        return ParseError(
            'A delimited identifier ("...") cannot be empty.'
            if empty
            else "This delimited identifier has no closing quote (\"). Texts stand in single quotes (').",
            position,
        )
    if character in _STRAIGHT:
        return ParseError(f"Typographic quote {character!r}: write {_STRAIGHT[character]} instead.", position)
    if character == "`":
        return ParseError('A name that needs quotes stands in double quotes ("), not in backticks.', position)
    if character in "&|^~%#[]{}\\:?@$!":
        return ParseError(f"{character!r} is not an operator of ADQL 2.1.", position)
    if character.isidentifier():
        return ParseError(
            f"Unexpected {character!r}: a name has letters from A to Z, digits and _, and begins with a "
            'letter. Any other stands in double quotes: "...".',
            position,
        )
    name = unicodedata.name(character, f"character U+{ord(character):04X}")
    where = "outside of quotes" if character.isprintable() else "in a query"
    return ParseError(f"Unexpected {name} {where}.", position)
