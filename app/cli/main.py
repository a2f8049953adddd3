"""The commands by name."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from app.cli import asking, lake, loading, making, serve
from app.cli.terminal import OUT

APP = typer.Typer(
    name="gammahub",
    help="Gamma-ray event lists (GADF DL3) as a Virtual Observatory service.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

for command in (
    serve.serve,
    loading.ingest,
    loading.demo,
    asking.query,
    asking.translate,
    asking.tables,
    making.product,
):
    APP.command()(command)
APP.add_typer(lake.LAKE, name="lake")


def _tell_version(asked: bool) -> None:
    if asked:
        OUT.print(f"GammaHub {version('gammahub')}", markup=False)
        raise typer.Exit


@APP.callback()
def common(
    _: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_tell_version, help="Tell the version and end."),
    ] = False,
) -> None:
    """Options of every command."""


def main() -> None:
    """Run the command line."""
    APP()
