"""Waiting for what must come, however busy the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 120.0
"""Longest wait for what takes a second on an idle machine [s]: its end tells a fault, and no slowness."""


def eventually(true: Callable[[], object], what: str = "it has not come") -> None:
    """Return when the call gives something true.

    Parameters
    ----------
    true
        Asked every few milliseconds.
    what
        What to say if it never does.
    """
    until = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < until, what
        time.sleep(0.01)
