"""The VOSI availability document: valid, and read back by pyvo."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO

import pytest
from astropy.time import Time
from pyvo.io import vosi as reader

import vosi

MOMENT = datetime(2026, 3, 1, 1, 30, 15, 250_000, tzinfo=timezone(timedelta(hours=2)))

CASES = [
    {"available": True},
    {"available": True, "up_since": MOMENT},
    {"available": False, "up_since": MOMENT, "note": 'No lake <yet> & "nothing" to \x01 ask'},
]


@pytest.mark.parametrize("case", CASES)
def test_the_document_is_valid(case: dict, assert_valid: Callable[[bytes], None]):
    assert_valid(vosi.availability_document(**case))


@pytest.mark.parametrize("case", CASES)
def test_it_is_read_back_as_it_was_told(case: dict):
    told = reader.parse_availability(BytesIO(vosi.availability_document(**case)), pedantic=True)
    assert told.available is case["available"]
    note = case.get("note")
    assert list(told.notes) == ([note.replace("\x01", "�")] if note else [])
    if "up_since" in case:
        # astropy's own reading of the moment in UTC.
        assert Time(told.upsince) == Time("2026-02-28T23:30:15.250")


def test_the_moment_is_written_in_utc():
    document = vosi.availability_document(available=True, up_since=datetime(2026, 1, 2, tzinfo=UTC))
    assert b">2026-01-02T00:00:00.000Z<" in document


def test_a_moment_without_a_time_zone_is_refused():
    with pytest.raises(ValueError, match="without a time zone"):
        vosi.availability_document(available=True, up_since=datetime(2026, 1, 2))
