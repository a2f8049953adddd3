"""How a product tells of its progress, and learns that it is no longer wanted."""

from __future__ import annotations

from typing import Protocol

from datalink.products.errors import ProductStopped


class Watch(Protocol):
    """Whoever waits for a product."""

    def progress(self, step: str, done: int, total: int) -> None:
        """So much of a step is done."""

    def stopped(self) -> bool:
        """Whether the product is no longer wanted."""


class NobodyWatches:
    """Nobody waits: nothing is told, and nothing stops."""

    def progress(self, step: str, done: int, total: int) -> None:
        """Tell nobody."""

    def stopped(self) -> bool:
        """Go on."""
        return False


def go_on(watch: Watch) -> None:
    """Return if the product is still wanted.

    Raises
    ------
    ProductStopped
        Raised if it is not.
    """
    if watch.stopped():
        raise ProductStopped("the product was stopped before it was ready")
