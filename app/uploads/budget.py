"""How much memory the uploaded tables of all requests together may take."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import QueryQueueFull

_RETRY_AFTER = 30
"""When to come back [s]."""


class MemoryBudget:
    """Counts what uploaded tables hold, and turns new ones away where there is no room.

    Parameters
    ----------
    total
        Bytes for all of them.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._used = 0
        self._lock = threading.Lock()

    @property
    def used(self) -> int:
        """Bytes that are held now."""
        return self._used

    @contextmanager
    def account(self) -> Iterator[Account]:
        """What one request holds, given back when the block is left."""
        account = Account(self)
        try:
            yield account
        finally:
            account.set(0)

    def move(self, taken: int, given: int) -> None:
        """Take bytes and give others back.

        Raises
        ------
        QueryQueueFull
            Raised if there are not so many; then nothing is changed.
        """
        with self._lock:
            if taken > given and self._used + taken - given > self.total:
                raise QueryQueueFull(
                    "The tables of other requests take the memory that there is for uploads.",
                    retry_after=_RETRY_AFTER,
                    hint=f"Try again in {_RETRY_AFTER} s, or with smaller tables.",
                )
            self._used += taken - given


class Account:
    """What one request holds of a budget."""

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self.held = 0
        """Bytes."""

    def set(self, nbytes: int) -> None:
        """Hold as many bytes from now on, up to all there are.

        Raises
        ------
        QueryQueueFull
            Raised if others hold too many.
        """
        wanted = min(nbytes, self._budget.total)
        self._budget.move(wanted, self.held)
        self.held = wanted
