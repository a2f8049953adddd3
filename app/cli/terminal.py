"""What the commands print on, and how they end.

Exit codes: 0 all went well, 1 something was rejected or failed, 2 the command was called wrongly.
"""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from pydantic import ValidationError
from rich.console import Console

from adql import AdqlError
from app.config import Config
from app.errors import ServiceError, UsageError

FAILED = 1
MISUSED = 2

OUT = Console(highlight=False, soft_wrap=True)
"""Results."""
ERR = Console(stderr=True, highlight=False, soft_wrap=True)
"""Progress, warnings and errors."""


def read_config(**overrides: object) -> Config:
    """The settings of the environment, with those options of the command that were given.

    Raises
    ------
    typer.Exit
        Raised with code 2, after a sentence for each wrong setting.
    """
    given: dict[str, Any] = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Config(**given)
    except ValidationError as error:
        for fault in error.errors():
            name = "GAMMAHUB_" + "_".join(str(part) for part in fault["loc"]).upper()
            complain(f"{name}={fault['input']!r}: {fault['msg']}.")
        raise typer.Exit(MISUSED) from error


def command_name() -> str:
    """How the user can call this command: by its name where that is on the path, else as was done now."""
    called = Path(sys.argv[0])
    if called.name != "gammahub":
        return f"{sys.executable} -m app.cli"
    found = shutil.which("gammahub")
    if found is not None and Path(found).resolve() == called.resolve():
        return "gammahub"
    absolute = called.absolute()
    here = Path.cwd()
    if not absolute.is_relative_to(here):
        return str(absolute)
    return f"./{called.name}" if absolute.parent == here else str(absolute.relative_to(here))


def complain(sentence: str) -> None:
    """Tell what is wrong."""
    ERR.print(sentence, style="red", markup=False)


@contextmanager
def plain_errors(*more: type[Exception]) -> Iterator[None]:
    """Tell the errors that users understand in words, and end with the code that fits; no traceback.

    Parameters
    ----------
    more
        Other classes of exceptions with a message for users.
    """
    try:
        yield
    except AdqlError as error:
        complain("\n".join(part for part in (str(error), error.excerpt()) if part))
        raise typer.Exit(FAILED) from error
    except ServiceError as error:
        complain(" ".join(part for part in (error.message, error.hint) if part))
        if error.__cause__ is not None:
            logging.getLogger("gammahub").debug("the cause", exc_info=error.__cause__)
        raise typer.Exit(MISUSED if isinstance(error, UsageError) else FAILED) from error
    except more as error:
        complain(str(error))
        raise typer.Exit(FAILED) from error
