"""gammahub ingest and demo: data into the lake."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table

from app.cli.bar import Bar
from app.cli.lake import tell_engine_if_needed
from app.cli.terminal import ERR, FAILED, OUT, complain, plain_errors, read_config
from app.config import Config
from app.ingest import CollectionReport, IngestError, IngestReport
from app.ingest import ingest as load
from app.lake import LakeBusy, LakeError, current_name


def ingest(
    path: Annotated[Path, typer.Argument(help="A FITS file, a folder of them, or a GADF data store.")],
    collection: Annotated[
        str | None, typer.Option(help="Name of the release; else that of its folder.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Title of the release.")] = None,
    licence: Annotated[str | None, typer.Option(help="Licence or terms of use.")] = None,
    citation: Annotated[str | None, typer.Option(help="How to cite or acknowledge it.")] = None,
    rights: Annotated[
        str | None,
        typer.Option(
            help="public, or metadata: rows and files are not served. Else inferred from the licence."
        ),
    ] = None,
) -> None:
    """Load a DL3 release (GADF FITS files) into the lake; what changed since the last time is replaced."""
    config = read_config()
    with plain_errors(IngestError, LakeBusy, LakeError), Bar() as bar:
        report = load(
            path,
            lake=config.lake,
            collection=collection,
            title=title,
            licence=licence,
            citation=citation,
            rights=rights,
            progress=bar,
        )
    tell(report)
    with plain_errors(LakeBusy, LakeError):
        tell_engine_if_needed(config)
    if report.rejected:
        raise typer.Exit(FAILED)


def demo() -> None:
    """Fill an empty lake: from the folder GAMMAHUB_DL3, else with a simulated archive."""
    config = read_config()
    with plain_errors(IngestError, LakeBusy, LakeError):
        if current_name(config.lake) is not None:
            OUT.print(f"The lake in {config.lake} has data already.", markup=False)
            return
        tell(_load_given(config.dl3, config) if config.dl3 else _load_simulated(config))
        if current_name(config.lake) is None:
            complain("Nothing could be loaded.")
            raise typer.Exit(FAILED)
        tell_engine_if_needed(config)


def _load_given(folder: Path, config: Config) -> IngestReport:
    ERR.print(f"Loading the DL3 collections in {folder} ...", markup=False)
    with Bar() as bar:
        return load(folder, lake=config.lake, progress=bar)


def _load_simulated(config: Config) -> IngestReport:
    # Gammapy takes seconds to import, and only this command needs it.
    from datalink.simulation import simulate_archive  # noqa: PLC0415

    folder = config.home / "simulated"
    with Bar() as bar:
        if not folder.exists():
            ERR.print("Simulating a small archive of three instruments, to try everything with ...")
            simulate_archive(folder, progress=bar.show)
        return load(folder, lake=config.lake, progress=bar)


def tell(report: IngestReport) -> None:
    """Print what an ingest did."""
    table = Table()
    table.add_column("Collection", no_wrap=True, overflow="fold")
    for heading in ("Files", "Size", "Obs.", "Events"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Changes", overflow="fold")
    table.add_column("Rows", overflow="fold")
    for loaded in report.collections:
        table.add_row(
            escape(loaded.collection),
            f"{loaded.files:,}",
            decimal(loaded.bytes),
            f"{loaded.observations:,}",
            f"{loaded.events:,}",
            _changes(loaded),
            "served" if loaded.rights == "public" else "kept back",
        )
    OUT.print(table)
    for sentence in report.notes:
        OUT.print(sentence, markup=False)
    for sentence in report.warnings:
        ERR.print(f"Warning: {sentence}", style="yellow", markup=False)
    for rejection in report.rejected:
        complain(f"Rejected: {rejection.file}: {rejection.reason}")
    OUT.print(_summary(report), markup=False)


def _changes(loaded: CollectionReport) -> str:
    counts = {"new": loaded.added, "replaced": loaded.replaced, "gone": loaded.removed}
    return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "none"


def _summary(report: IngestReport) -> str:
    rejected = f", {len(report.rejected)} rejected" if report.rejected else ""
    if report.snapshot is None:
        return f"Nothing has changed ({report.seconds:.1f} s){rejected}."
    return (
        f"Loaded {report.loaded_events:,} events from {decimal(report.loaded_bytes)} "
        f"in {report.seconds:.1f} s{rejected}."
    )
