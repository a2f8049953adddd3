"""What the tests of products share."""

from __future__ import annotations

from pathlib import Path

import pytest

from datalink.products.gather import Workshop
from datalink.products.stored import ReducedStore


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """A workshop with nothing in store."""
    return Workshop(ReducedStore(tmp_path / "store"))
