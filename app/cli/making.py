"""gammahub product: a spectrum or a light curve of a source, from the observations at hand."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.progress import Progress, TaskID

from app.cli.terminal import ERR, OUT, plain_errors, read_config
from app.errors import UsageError
from app.lake import current_snapshot
from app.services.observations import LakeArchive
from datalink.products import PRODUCTS
from datalink.products.errors import ProductError
from datalink.products.gather import Workshop
from datalink.products.parameters import ProductParameters
from datalink.products.stored import ReducedStore

_SIDE_BY_SIDE = 8
"""Observations from which on they are reduced in several processes: to start these takes seconds."""


def product(
    kind: Annotated[str, typer.Argument(metavar="KIND", help=f"One of {', '.join(PRODUCTS)}.")],
    source: Annotated[
        str | None, typer.Option(help="Name of a target of the observations; or give ra and dec.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A parameter; lists with commas. --help-parameters tells them.",
        ),
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for the files; it must be empty or not there.")] = Path(
        "product"
    ),
    help_parameters: Annotated[
        bool, typer.Option("--help-parameters", help="Tell the parameters of the kind and end.")
    ] = False,
) -> None:
    """Make a spectrum or a light curve of a source with Gammapy."""
    config = read_config()
    with plain_errors(ProductError):
        chosen = PRODUCTS.get(kind)
        if chosen is None:
            raise UsageError(f'There is no product "{kind}"; there are {", ".join(PRODUCTS)}.')
        if help_parameters:
            _tell(chosen.parameters)
            return
        snapshot = current_snapshot(config.lake)
        if snapshot is None:
            raise UsageError(f"The lake {config.lake} is empty: load data with `gammahub ingest` first.")
        archive = LakeArchive(snapshot, restricted=config.serve_restricted)
        parameters = _read(chosen.parameters, source, settings or [], archive)
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise UsageError(f"{output} is not an empty folder: name another with --output.")
        output.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            executor = None
            if len(archive.observations(parameters)) >= _SIDE_BY_SIDE and config.threads > 1:
                executor = stack.enter_context(
                    ProcessPoolExecutor(config.threads, mp_context=get_context("spawn"))
                )
            workshop = Workshop(ReducedStore(config.home / "products" / "reduced"), executor)
            watch = stack.enter_context(_Bar())
            files = chosen.make(parameters, archive, output, workshop, watch)
    for file in files:
        OUT.print(f"{file.path}  {file.description}", markup=False)


class _Bar(Progress):
    """Progress on the terminal."""

    def __init__(self) -> None:
        super().__init__(console=ERR, transient=True)
        self._tasks_by_step: dict[str, TaskID] = {}

    def progress(self, step: str, done: int, total: int) -> None:
        """Show it."""
        if step not in self._tasks_by_step:
            self._tasks_by_step[step] = self.add_task(step, total=total)
        self.update(self._tasks_by_step[step], completed=done, total=total)

    def stopped(self) -> bool:
        """Ctrl-C stops it by itself."""
        return False


def _read(
    model: type[ProductParameters], source: str | None, settings: list[str], archive: LakeArchive
) -> ProductParameters:
    values: dict[str, Any] = {}
    for setting in settings:
        name, separator, value = setting.partition("=")
        if not separator or name not in model.model_fields:
            raise UsageError(f'"{setting}" is no NAME=VALUE; the names are {", ".join(model.model_fields)}.')
        several = "tuple" in str(model.model_fields[name].annotation)
        values[name] = [part for part in value.split(",") if part] if several else value
    if source is not None:
        name, position = archive.find_source(source)
        values = {"name": name, "ra": position.ra, "dec": position.dec, **values}
    try:
        return model.model_validate(values)
    except ValidationError as error:
        faults = (
            f"{'.'.join(map(str, fault['loc'])) or 'parameters'}: {fault['msg']}" for fault in error.errors()
        )
        raise UsageError("; ".join(faults) + ".") from error


def _tell(model: type[ProductParameters]) -> None:
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        unit = f" [{extra['unit']}]" if extra.get("unit") else ""
        default = "required" if field.is_required() else f"default {field.default!r}"
        OUT.print(f"{name}{unit}: {field.description} ({default})", markup=False)
