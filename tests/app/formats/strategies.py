"""Any result, for hypothesis to choose from."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from adql import Column
from tests.app.formats.gallery import Sample, column

BITS = {"unsignedByte": (0, 255), "short": (-(2**15), 2**15 - 1), "int": (-(2**31), 2**31 - 1)}
BITS["long"] = (-(2**63), 2**63 - 1)
ASCII = st.text(st.characters(min_codepoint=1, max_codepoint=127))
UNICODE = st.text(st.characters(exclude_categories=["Cs"], min_codepoint=1))


def items(datatype: str) -> st.SearchStrategy[Any]:
    if datatype == "boolean":
        return st.booleans()
    if datatype in BITS:
        low, high = BITS[datatype]
        return st.integers(low, high)
    return st.floats(width=32 if datatype == "float" else 64)


@st.composite
def samples(draw: st.DrawFn) -> tuple[Sample, list[int]]:
    """A result of one to ten columns and up to twenty rows, and where to cut it."""
    rows = draw(st.integers(0, 20))
    values: dict[Column, list[Any]] = {}
    for number in range(draw(st.integers(1, 10))):
        kind = draw(st.sampled_from([*BITS, "boolean", "float", "double", "char", "unicodeChar"]))
        if kind in ("char", "unicodeChar"):
            what, cells = column(f"c{number}", kind, "*"), ASCII if kind == "char" else UNICODE
        elif draw(st.booleans()):
            what, cells = column(f"c{number}", kind), items(kind)
        else:
            size = draw(st.sampled_from(["*", "3"]))
            lengths = {"min_size": 3, "max_size": 3} if size == "3" else {"max_size": 4}
            what, cells = column(f"c{number}", kind, size), st.lists(items(kind), **lengths)
            if kind in ("short", "int", "long"):
                low = BITS[kind][0]
                cells = cells.map(lambda array, low=low: [max(item, low + 1) for item in array])
        values[what] = draw(st.lists(st.none() | cells, min_size=rows, max_size=rows))
    return Sample.of(values, repeats=1), draw(st.lists(st.integers(0, 5), max_size=4))
