"""What makes an observation discoverable: names that URLs can hold, regions, and coverages of time."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from app.ingest.discoverable import coverage_time, dataset_id, footprint, time_coverage


def test_a_name_is_safe_in_a_url():
    assert dataset_id("hess", 23523, "") == "hess/23523"
    assert dataset_id("hess", -5, "a/b c,#") == "hess/-5/a%2Fb%20c%2C%23"


def test_a_footprint_has_no_exponent_and_no_comma():
    assert footprint(1e-5, -30.0, 2.5) == "CIRCLE ICRS 0.00001 -30 2.5"
    assert footprint(359.9999999, -1e-9, None) == "CIRCLE ICRS 360 0 0"
    assert footprint(None, 1.0, 1.0) is None


def test_time_counts_in_microseconds_of_tcb():
    mjd = np.array([41317.0, 53000.25, np.nan, 1e9])
    expected = Time(mjd[:2], format="mjd", scale="utc").tcb
    found = coverage_time(mjd)
    days = (found[:2] - 2_400_000.5 * 86_400e6) / 86_400e6
    # A double holds days of today to a microsecond.
    np.testing.assert_allclose(days, expected.mjd, rtol=0, atol=2e-10)
    assert found[2:].tolist() == [-1, -1]


def cells_of(text: str) -> set[int]:
    """Every cell of order 41 that a map holds."""
    found: set[int] = set()
    order = 0
    for word in text.replace("/", "/ ").split():
        if word.endswith("/"):
            order = int(word[:-1])
            continue
        low, _, high = word.partition("-")
        shift = 41 - order
        found.update(range(int(low) << shift, (int(high or low) + 1) << shift))
    return found


SPANS = st.lists(
    st.tuples(st.integers(0, 5000), st.integers(0, 300)).map(lambda pair: (pair[0], pair[0] + pair[1])),
    min_size=1,
    max_size=20,
)


@given(SPANS, st.integers(0, 2**30))
def test_a_map_has_the_cells_of_its_intervals_and_no_others(spans: list[tuple[int, int]], base: int):
    width = 2**20
    first, last = (np.array(ends, dtype=np.int64) + base for ends in zip(*spans, strict=True))
    expected = {cell for low, high in zip(first, last, strict=True) for cell in range(low, high + 1)}
    text = time_coverage(first * width + 5, last * width + 7)
    assert text is not None
    assert cells_of(text) == expected


def test_a_map_of_many_intervals_stays_short_and_still_holds_them():
    first = np.arange(100_000, dtype=np.int64) * 3_600_000_000 + 10**17
    text = time_coverage(first, first + 1_000_000_000)
    assert text is not None
    assert len(text) <= 4000
    mocpy = pytest.importorskip("mocpy", reason="no MOCPy: pip install mocpy")
    found = mocpy.TimeMOC.from_string(text)
    times = Time(first[::1000] / 86_400e6, 0, format="jd", scale="tcb")
    assert found.contains(times).all()


def test_what_has_no_time_has_no_map():
    nothing = np.array([-1], dtype=np.int64)
    assert time_coverage(nothing, nothing) is None
    assert time_coverage(nothing[:0], nothing[:0]) is None
