"""gammahub ingest and demo: data into the lake."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

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


class Bar:
    """A progress bar on standard error; see :class:`app.ingest.Progress`."""

    def __init__(self) -> None:
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=ERR,
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Bar:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def begin(self, total: int, task: str) -> None:
        """A new piece of work starts."""
        self.end()
        self._task = self._bars.add_task(escape(task), total=total)

    def advance(self, n: int = 1) -> None:
        """So much more is done."""
        if self._task is not None:
            self._bars.advance(self._task, n)

    def end(self) -> None:
        """The piece of work has ended."""
        if self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None

    def show(self, what: str, done: int, total: int) -> None:
        """So much of all is done."""
        if self._task is None:
            self.begin(total, what)
        assert self._task is not None
        self._bars.update(self._task, description=escape(what), completed=done, total=total)
        if done >= total:
            self.end()


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
