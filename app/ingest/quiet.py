"""Silence for libraries that warn where we look ourselves."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.RLock()


@contextmanager
def quiet() -> Iterator[None]:
    """Within it, no warning is shown or raised.

    Python keeps the filters of warnings in one place for all threads, so that one thread at a time may
    change them.
    """
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
