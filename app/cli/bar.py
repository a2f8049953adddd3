"""How far a piece of work is, on standard error."""

from __future__ import annotations

from types import TracebackType

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

from app.cli.terminal import ERR


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
