"""One table on its way in: its name in every complaint, and the limits that it meets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from app.errors import QueryCancelled, RequestTooLarge, UploadError
from app.uploads.limits import UploadLimits

Complaint = Callable[[int, str], UploadError]
"""Makes the error of a cell of a batch: row of the batch from 0, and what is wrong with it."""

_SHOWN = 60


def shown(value: object) -> str:
    """A value in quotes for a sentence, cut where it is long."""
    text = str(value)
    kept = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    return '"' + "".join(c if c.isprintable() else " " for c in kept) + '"'


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Intake:
    """What a reader knows of the table it reads, its content apart."""

    table: str
    """Its name in the query, without the schema."""
    limits: UploadLimits = field(default_factory=UploadLimits)
    stopped: Callable[[], bool] = _never
    """True when nobody waits for it any more."""

    def fault(
        self, problem: str, *, row: int | None = None, column: str | None = None, hint: str | None = None
    ) -> UploadError:
        """The error that names table, row and column.

        Parameters
        ----------
        problem
            A sentence.
        row
            From 1.
        """
        places = [f"Table {shown(self.table)}"]
        if row is not None:
            places.append(f"row {row}")
        if column is not None:
            places.append(f"column {shown(column)}")
        return UploadError(f"{', '.join(places)}: {problem}", hint=hint)

    def complaint(self, column: str, first_row: int) -> Complaint:
        """What makes the errors of a batch of one column.

        Parameters
        ----------
        first_row
            Rows before the batch.
        """
        return lambda row, problem: self.fault(problem, row=first_row + row + 1, column=column)

    def too_large(self, what: str, limit: int, unit: str) -> RequestTooLarge:
        """The error of a limit, which it tells."""
        return RequestTooLarge(
            f"Table {shown(self.table)}: {what}; an uploaded table may have {limit:,} {unit}."
        )

    def check_bytes(self, count: int) -> None:
        """Refuse more bytes than the limit."""
        if count > self.limits.nbytes:
            raise self.too_large("it is too long", self.limits.nbytes, "bytes, uncompressed")

    def check_rows(self, count: int) -> None:
        """Refuse more rows than the limit, and go no further if nobody waits."""
        if count > self.limits.rows:
            raise self.too_large("it has too many rows", self.limits.rows, "rows")
        self.check_stopped()

    def check_columns(self, count: int) -> None:
        """Refuse more columns than the limit."""
        if count > self.limits.columns:
            raise self.too_large("it has too many columns", self.limits.columns, "columns")

    def check_stopped(self) -> None:
        """Go no further if nobody waits."""
        if self.stopped():
            raise QueryCancelled("The query was stopped.")
