"""Headers, read as astropy reads them."""

from __future__ import annotations

import string
import warnings

import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from app.cards import Cards, to_angle, to_integer, to_number

TEXTS = st.text(string.ascii_letters + string.digits + ' /&=+-.,;:()[]"', max_size=150)
KEYS = st.text(string.ascii_uppercase, min_size=1, max_size=8).filter(
    lambda key: key not in ("END", "COMMENT", "HISTORY", "CONTINUE", "HIERARCH", "SIMPLE", "XTENSION")
)
COMMENTS = st.text(string.ascii_letters + " &=/", max_size=100)
VALUES = st.one_of(
    st.integers(-(2**60), 2**60),
    st.floats(allow_nan=False, allow_infinity=False, width=64),
    st.booleans(),
    TEXTS,
)


def cards_of(header: fits.Header) -> Cards:
    return Cards(header.tostring(padding=False).encode("ascii"))


@given(st.dictionaries(KEYS, VALUES, max_size=8), COMMENTS)
def test_values_are_those_that_astropy_wrote(values: dict[str, object], comment: str) -> None:
    header = fits.Header()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # astropy cuts comments that do not fit
        for key, value in values.items():
            header[key] = (value, comment)
        block = header.tostring(padding=False).encode("ascii")
        expected = fits.Header.fromstring(block.decode())
        cards = Cards(block)
        for key in values:
            value = expected[key]
            if isinstance(value, bool):
                assert cards.is_true(key) == value
            elif isinstance(value, str):
                assert cards.text(key) == value.rstrip()
            elif isinstance(value, int):
                assert cards.integer(key) == value
            else:
                assert cards.number(key) == value


def test_quotes_are_doubled() -> None:
    header = fits.Header()
    header["A"] = ("O'Brien''s / x", "it's his")
    assert cards_of(header).text("A") == "O'Brien''s / x"
    assert cards_of(header).comment("A") == "it's his"


def test_a_long_text_goes_on_over_cards() -> None:
    header = fits.Header()
    header["LONG"] = "it's " * 60
    assert cards_of(header).text("LONG") == header["LONG"].rstrip()


def test_hierarch_keywords_are_read() -> None:
    header = fits.Header()
    header["HIERARCH EVENT_TYPE"] = "good"
    assert cards_of(header).text("EVENT_TYPE") == "good"


def test_the_first_of_two_namesakes_counts() -> None:
    # MAGIC writes TELLIST = 'MAGIC-I,MAGIC-II' and then TELLIST = '2'.
    block = b"".join(card.ljust(80) for card in (b"TELLIST = 'A,B'", b"TELLIST = '2'", b"END"))
    assert Cards(block).text("TELLIST") == "A,B"


def test_bytes_that_are_no_ascii_do_no_harm() -> None:
    block = b"".join(
        card.ljust(80)
        for card in ("OBJECT  = 'Crâbe'".encode(), b"ORIGIN  = 'na\xefve\x07'", b"\xff\xfe", b"END")
    )
    cards = Cards(block)
    assert cards.text("OBJECT") == "Crâbe"
    assert cards.text("ORIGIN") == "naïve"


@pytest.mark.parametrize("value", ["", "none", "NaN", "N/A", "UNDEF"])
def test_words_for_nothing_are_nothing(value: str) -> None:
    header = fits.Header()
    header["OBJECT"] = value
    assert cards_of(header).said("OBJECT") == ""


def test_an_undefined_keyword_has_no_value() -> None:
    header = fits.Header()
    header["RA_PNT"] = fits.card.UNDEFINED
    assert cards_of(header).number("RA_PNT") is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1.5D3", 1500.0),
        (" 4 ", 4.0),
        ("1e400", None),
        ("nan", None),
        ("1_000", None),
        ("", None),
        ("-.5", -0.5),
    ],
)
def test_numbers_are_finite_numbers(text: str, number: float | None) -> None:
    assert to_number(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("123", 123), ("4.0", 4), ("4.5", None), ("0x10", None), (str(2**63), None), ("chunks 103 - 133", None)],
)
def test_whole_numbers_fit_a_long(text: str, number: int | None) -> None:
    assert to_integer(text) == number


@pytest.mark.parametrize(
    ("text", "degrees"),
    [("-67d40m12s", -67.67), ("16.5", 16.5), ("23d", 23.0), ("12h30m", None), ("north", None)],
)
def test_angles_are_read_in_degrees_and_in_sixtieths(text: str, degrees: float | None) -> None:
    assert to_angle(text) == (None if degrees is None else pytest.approx(degrees))
