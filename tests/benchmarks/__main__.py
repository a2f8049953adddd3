"""Runs the benchmarks, and writes their figures as a table and as JSON."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks.harness import BENCHMARKS, Figure

LIBRARIES = ("gammahub", "duckdb", "pyarrow", "numpy", "astropy", "gammapy")


def main() -> int:
    """Run what the command line names; 1 if a goal is missed."""
    for path in sorted(Path(__file__).parent.glob("bench_*.py")):
        importlib.import_module(f"tests.benchmarks.{path.stem}")
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all, or of {', '.join(BENCHMARKS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures")
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    figures = run(options.names or list(BENCHMARKS))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report(figures), indent=1) + "\n")
    return int(any(figure.meets_goal is False for figure in figures.values()))


def run(names: list[str]) -> dict[str, Figure]:
    """The figures of the benchmarks named, told as they come."""
    console = Console()
    table = Table("Measured", "Value", "Unit", "Goal", "", title="GammaHub benchmarks")
    figures: dict[str, Figure] = {}
    with console.status("") as status:
        for name in names:
            status.update(f"measuring {name}")
            for figure in BENCHMARKS[name]():
                figures[f"{name}: {figure.name}"] = figure
                verdict = {None: "", True: "[green]met[/]", False: "[red]missed[/]"}[figure.meets_goal]
                value = f"{figure.value:,.4g}"
                table.add_row(f"{name}: {figure.name}", value, figure.unit, figure.goal, verdict)
    console.print(table)
    return figures


def report(figures: dict[str, Figure]) -> dict[str, object]:
    """All figures, with what they were measured on."""
    return {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": {"processors": os.cpu_count(), "load": os.getloadavg(), "kind": platform.machine()},
        "versions": {name: version(name) for name in LIBRARIES},
        "figures": {
            name: {
                "value": figure.value,
                "unit": figure.unit,
                "goal": figure.goal or None,
                "met": figure.meets_goal,
                "note": figure.note,
            }
            for name, figure in figures.items()
        },
    }


raise SystemExit(main())
