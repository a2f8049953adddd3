"""Functions of texts: ADQL 2.1 section 4.4 and the Catalogue of ADQL User Defined Functions (IVOA EN 1.2)."""

from __future__ import annotations

from adql.arithmetic import case, flag, test
from adql.core import BOOLEAN, Expr, Literal, Op
from adql.functions.base import Function, Maker
from adql.patterns import plain_pattern
from adql.types import INT, STRING, ColumnType
from adql.values import Value, computed, integer, text


def _case_folding(op: str) -> Maker:
    def make(args: tuple[Value, ...]) -> Value:
        (arg,) = args
        type_ = ColumnType(arg.type.datatype if arg.type.is_text else "char", "*")
        return Value(Op(type_, op, (arg.expr,)), ucd=computed(arg.ucd), description=arg.description)

    return make


def _nocasematch(args: tuple[Value, ...]) -> Value:
    value, pattern = args
    matches = Op(BOOLEAN, "ilike", (value.expr, plain_pattern(pattern.expr)))
    return Value(flag(matches), description="1 if a text matches a pattern, in any case, else 0", ucd=_CODE)


def _hasword(args: tuple[Value, ...]) -> Value:
    haystack, needle = (Op(STRING, "lower", (arg.expr,)) for arg in args)
    has_all = Op(BOOLEAN, "has_words", (haystack, needle, text(_SEPARATORS)))
    return Value(flag(has_all), description="1 if a text has all words of another, else 0", ucd=_CODE)


def _hashlist_has(args: tuple[Value, ...]) -> Value:
    hashlist, item = (Op(STRING, "lower", (arg.expr,)) for arg in args)
    found = _contains(_between_hashes(hashlist), _between_hashes(item))
    known = args[1].expr.value if isinstance(args[1].expr, Literal) else None
    if isinstance(known, str) and "#" not in known:
        expr = flag(found)
    else:
        is_word = Op(BOOLEAN, "not", (_contains(args[1].expr, text("#")),))
        expr = case(is_word, flag(found), Op(BOOLEAN, "not", (is_word,)), _zero_for(hashlist), type_=INT)
    return Value(expr, description="1 if a list of words has a word, else 0", ucd=_CODE)


def _zero_for(expr: Expr) -> Expr:
    """0, or NULL where a text is NULL."""
    return case(Op(BOOLEAN, "not", (Op(BOOLEAN, "is_null", (expr,)),)), integer(0), type_=INT)


def _between_hashes(expr: Expr) -> Expr:
    return Op(STRING, "concat", (Op(STRING, "concat", (text("#"), expr)), text("#")))


def _contains(haystack: Expr, needle: Expr) -> Expr:
    return test("gt", Op(INT, "position", (haystack, needle)), integer(0))


_CODE = "meta.code"

_SEPARATORS = r"[\x00-/:-@\[-`{-\x7f]+"
"""ASCII characters other than letters and digits."""

FUNCTIONS: tuple[Function, ...] = (
    # ADQL 2.1 section 4.4
    Function(
        "LOWER",
        ("text",),
        _case_folding("lower"),
        "Text in lower case",
        "LOWER",
        "adql-string",
        "LOWER('Francis Albert')",
        "francis albert",
    ),
    Function(
        "UPPER",
        ("text",),
        _case_folding("upper"),
        "Text in upper case",
        "UPPER",
        "adql-string",
        "UPPER('Francis Albert')",
        "FRANCIS ALBERT",
    ),
    # EN 1.2 section 2.4
    Function(
        "ivo_nocasematch",
        ("text", "text"),
        _nocasematch,
        "1 if a text matches a LIKE pattern, upper and lower case being the same, else 0; ILIKE does it too",
        "ivo_nocasematch(value TEXT, pattern TEXT) -> INTEGER",
        "udf",
        "ivo_nocasematch('ABcabc', 'ab__bc')",
        1,
    ),
    Function(
        "ivo_hasword",
        ("text", "text"),
        _hasword,
        "1 if the first text has every word of the second, upper and lower case being the same, else 0; a "
        "word is a run of characters other than blanks and ASCII punctuation, and no word is cut to its "
        "stem",
        "ivo_hasword(haystack TEXT, needle TEXT) -> INTEGER",
        "udf",
        "ivo_hasword('Miller and Urey have', 'miller')",
        1,
    ),
    Function(
        "ivo_hashlist_has",
        ("text", "text"),
        _hashlist_has,
        "1 if a list of words joined by # has a word, upper and lower case being the same, else 0",
        "ivo_hashlist_has(hashlist TEXT, item TEXT) -> INTEGER",
        "udf",
        "ivo_hashlist_has('Red#green#blue', 'red')",
        1,
    ),
)
