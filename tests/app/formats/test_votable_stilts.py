"""VOTables read back by STILTS, and judged by its votlint."""

from __future__ import annotations

import csv
import math
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.formats import Info, Provenance, error_document
from app.formats.votable import Serialization, VOTable
from tests.app.formats.gallery import (
    ARRAYS,
    GALLERY,
    SCALARS,
    TEXTS,
    Sample,
    column,
    failing,
    truncated,
    until_fault,
    written,
)

pytestmark = pytest.mark.stilts
EACH = pytest.mark.parametrize("serialization", list(Serialization), ids=lambda s: s.value)


def complaints(stilts: str, document: bytes, folder: Path) -> str:
    """All that votlint has to say, which is nothing for a good document."""
    file = folder / "document.vot"
    file.write_bytes(document)
    run = subprocess.run([stilts, "votlint", file], capture_output=True, text=True, timeout=120, check=False)
    return run.stdout + run.stderr


def read_rows(stilts: str, document: bytes, folder: Path) -> list[list[str]]:
    file, out = folder / "document.vot", folder / "out.csv"
    file.write_bytes(document)
    command = [stilts, "tpipe", f"in={file}", "ifmt=votable", "omode=out", "ofmt=csv", f"out={out}"]
    subprocess.run(command, capture_output=True, timeout=120, check=True)
    with out.open(encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines))[1:]


def check(text: str, expected: Any) -> None:
    """Compare a cell as STILTS writes it into CSV, where NULL, NaN and an empty text are all nothing."""
    if expected is None or expected in ("", []) or (isinstance(expected, float) and math.isnan(expected)):
        assert text in (
            "",
            "(NaN, NaN)",
            "(NaN, NaN, NaN)",
            "(-32768, -32768)",
        )  # arrays of Java have no null
    elif isinstance(expected, list):
        items = text.strip("()").split(", ")
        assert len(items) == len(expected)
        for item, value in zip(items, expected, strict=True):
            check(item, value)
    elif isinstance(expected, bool):
        assert text == str(expected).lower()
    elif isinstance(expected, str):
        assert text == expected
    else:
        assert type(expected)(text) == pytest.approx(expected, rel=1e-7 if isinstance(expected, float) else 0)


@EACH
@pytest.mark.parametrize("values", [SCALARS, TEXTS, ARRAYS], ids=["numbers", "texts", "arrays"])
def test_stilts_reads_what_was_written(
    stilts: str, tmp_path: Path, serialization: Serialization, values: dict[Any, list[Any]]
) -> None:
    sample = Sample.of(values, repeats=2)
    rows = read_rows(stilts, written(VOTable(serialization), sample.stream(3, 2)), tmp_path)
    assert len(rows) == len(sample.rows)
    for cells, expected in zip(rows, sample.rows, strict=True):
        for cell, value in zip(cells, expected, strict=True):
            check(cell, value)


@EACH
def test_stilts_reads_single_characters(stilts: str, tmp_path: Path, serialization: Serialization) -> None:
    sample = Sample.of({column("a", "char"): ["x", "<"], column("b", "unicodeChar"): ["é", "&"]}, repeats=1)
    assert read_rows(stilts, written(VOTable(serialization), sample.stream()), tmp_path) == [
        ["x", "é"],
        ["<", "&"],
    ]


@EACH
def test_votlint_has_nothing_to_say(stilts: str, tmp_path: Path, serialization: Serialization) -> None:
    document = written(VOTable(serialization), Sample.of(GALLERY).stream(3), Info("query", "SELECT <a>\n& b"))
    assert complaints(stilts, document, tmp_path) == ""


@EACH
@pytest.mark.parametrize("maxrec", [0, 7])
def test_votlint_has_nothing_to_say_of_an_overflow(
    stilts: str, tmp_path: Path, serialization: Serialization, maxrec: int
) -> None:
    document = written(VOTable(serialization), truncated(Sample.of(GALLERY), maxrec))
    assert complaints(stilts, document, tmp_path) == ""


@EACH
def test_votlint_has_nothing_to_say_of_a_fault_between_rows(
    stilts: str, tmp_path: Path, serialization: Serialization
) -> None:
    stream = failing(Sample.of(GALLERY), good=3)
    document, _ = until_fault(VOTable(serialization).write(stream, Provenance()))
    assert complaints(stilts, document, tmp_path) == ""
    assert len(read_rows(stilts, document, tmp_path)) == 15


def test_votlint_has_nothing_to_say_of_an_error(stilts: str, tmp_path: Path) -> None:
    document = error_document(
        "Unknown column <x> & more\n  ^\x00", Provenance((Info("query", "SELECT\x01"),))
    )
    assert complaints(stilts, document, tmp_path) == ""
