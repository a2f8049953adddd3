"""gammahub lake: what is done with the tables that are loaded."""

from __future__ import annotations

import typer

from app.cli.bar import Bar
from app.cli.terminal import OUT, plain_errors, read_config
from app.config import Config
from app.engines.hiveserver2 import FLAVOURS
from app.factory import engine_scheme, register_lake
from app.lake import LakeBusy, LakeError

LAKE = typer.Typer(no_args_is_help=True, help="Look after the tables that are loaded.")


@LAKE.command()
def register() -> None:
    """Make or mend the tables of the lake on the Hive or Spark that GAMMAHUB_ENGINE_URL names."""
    config = read_config()
    with plain_errors(LakeBusy, LakeError):
        tell_engine(config)


def tell_engine(config: Config) -> None:
    """Register the lake, and print what was done."""
    with Bar() as bar:
        report = register_lake(config, bar.show)
    if report.is_unchanged:
        OUT.print(f"All tables of snapshot {report.snapshot} are registered already.", markup=False)
        return
    OUT.print(
        f"Registered snapshot {report.snapshot}: {len(report.tables_made)} tables made, "
        f"{report.partitions_added:,} partitions added, {report.partitions_dropped:,} dropped, "
        f"{len(report.tables_dropped)} old tables dropped.",
        markup=False,
    )


def tell_engine_if_needed(config: Config) -> None:
    """Register the lake if the engine has tables of its own."""
    if engine_scheme(config) in FLAVOURS:
        tell_engine(config)
