"""Cases in tests/data/adql: a name after ``--``, a query, and after ``-->`` what it must give.

The answer is a list of rows as Python writes it, or a part of the sentence that refuses the query.
Rows are compared in order where the query has ORDER BY.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent.parent / "data" / "adql"


@dataclass(frozen=True)
class Case:
    """A query and its answer."""

    name: str
    query: str
    answer: str

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """The answer as rows."""
        rows: list[tuple[Any, ...]] = ast.literal_eval(self.answer)
        return rows

    @property
    def is_ordered(self) -> bool:
        """True if the order of the rows is part of the answer."""
        return "ORDER BY" in self.query.rpartition(")")[2].upper() or self.query.upper().rstrip().endswith(
            "--ORDERED"
        )


def answered() -> list[Case]:
    """The cases of every file that has rows to compare."""
    files = sorted(path.stem for path in DATA.glob("*.adql") if path.stem != "refusals")
    return [case for name in files for case in cases(name)]


def cases(name: str) -> list[Case]:
    """The cases of a file."""
    found = []
    for block in (DATA / f"{name}.adql").read_text(encoding="utf-8").split("\n\n"):
        lines = [line for line in block.split("\n") if line]
        if not lines or lines[0].startswith("---"):
            continue
        title = lines[0].removeprefix("-- ")
        query = "\n".join(line for line in lines[1:] if not line.startswith("-->"))
        answer = "".join(line.removeprefix("-->").strip() for line in lines if line.startswith("-->"))
        found.append(Case(title, query, answer))
    return found
