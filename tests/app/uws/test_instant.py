from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from app.uws.instant import format_instant, now, parse_instant

MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(9000, 1, 1)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
)


@given(MOMENTS)
def test_an_instant_comes_back_from_its_text(moment):
    assert parse_instant(format_instant(moment)) == moment


@pytest.mark.parametrize(
    "text",
    [
        *("2015-10-26T09:15:35", "2015-10-26T09:15:35.5", "2015-10-26 09:15:35.123456Z", "2015-10-26T09:00"),
        *("2015-10-26", "2016-02-29T23:59:59.999Z"),
    ],
)
def test_the_forms_of_dali_mean_what_astropy_takes_them_for(text):
    # astropy knows no trailing Z, and UTC is its default.
    expected = Time(text.rstrip("Z"), scale="utc").to_datetime(UTC)
    assert parse_instant(text) == expected.replace(microsecond=expected.microsecond // 1000 * 1000)


@pytest.mark.parametrize(("text", "month"), [("2015", 1), ("2015-10", 10), (" 2015-10 ", 10)])
def test_a_year_or_a_month_stands_for_its_beginning(text, month):
    assert parse_instant(text) == datetime(2015, month, 1, tzinfo=UTC)


def test_a_leap_second_is_the_first_of_the_next_minute():
    assert parse_instant("2016-12-31T23:59:60Z") == datetime(2017, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "now",
            "2015-26-10",
            "2015-10-26T09",
            "2015-10-26T09:00+01:00",
            "2015-10-26T25:00",
            "0000-01-01",
        ),
        *(
            "2015-10-26T09:00:61",
            "9999-12-31T23:59:60Z",
            "2015-10-26T09:00:00Zjunk",
            "\u0662\u0660\u0661\u0665",
        ),
        "2015-10-26T09:00:00\x00",
    ],
)
def test_what_is_no_instant_is_refused_with_an_example_of_one(text):
    with pytest.raises(ValueError, match="2026-01-31T12:00:00Z"):
        parse_instant(text)


@given(st.text())
def test_no_text_raises_anything_else(text):
    with suppress(ValueError):
        parse_instant(text)


def test_now_is_now_in_whole_milliseconds():
    assert abs(now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert now().microsecond % 1000 == 0
