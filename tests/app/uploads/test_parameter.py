"""What UPLOAD means, and what it cannot mean."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adql.words import RESERVED_WORDS
from app.errors import RequestTooLarge, UploadError, UsageError
from app.uploads import Part, UploadLimits, read_sources, with_results

PARTS = {name: Part(io.BytesIO(name.encode())) for name in ("one", "Two", "three")}
LIMITS = UploadLimits(tables=4)


def meant(*values: str) -> dict[str, str]:
    """Name of each table -> what is in its part, or its URL."""
    sources = read_sources(values, PARTS, LIMITS)
    return {
        source.name: source.url or next(name for name, part in PARTS.items() if part is source.part)
        for source in sources
    }


@pytest.mark.parametrize(
    ("values", "tables"),
    [
        (["t,param:one"], {"t": "one"}),
        (["t,param:two"], {"t": "Two"}),
        ([" t , PARAM:one "], {"t": "one"}),
        (["t,param:one;u,param:Two"], {"t": "one", "u": "Two"}),
        (["t,param:one", "u,param:Two;"], {"t": "one", "u": "Two"}),
        (["t,param:one;", ""], {"t": "one"}),
        (["t,http://h/x.vot"], {"t": "http://h/x.vot"}),
        (["t,https://h/a;b?c=d;e,f:g"], {"t": "https://h/a;b?c=d", "e": "f:g"}),
        (["t,https://h/a;b,c?d=1;2"], {"t": "https://h/a;b,c?d=1;2"}),
        (["t,HTTPS://h/x;u,param:one"], {"t": "HTTPS://h/x", "u": "one"}),
        (['"my table",param:one'], {"my table": "one"}),
        (['"a,b;c",param:one;d,param:Two'], {"a,b;c": "one", "d": "Two"}),
    ],
)
def test_tables_are_named(values, tables):
    if "e" in tables:
        # The second is of no scheme that is fetched.
        with pytest.raises(UsageError, match='"f:g" of table "e" cannot be fetched'):
            meant(*values)
    else:
        assert meant(*values) == tables


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (["t"], 'UPLOAD "t" cannot be read; it is written as UPLOAD=name,param:part'),
        (["t,"], 'UPLOAD "t," cannot be read'),
        ([",param:one"], "no ADQL identifier"),
        (["1t,param:one"], "no ADQL identifier"),
        (["t-u,param:one"], "no ADQL identifier"),
        (["tü,param:one"], "no ADQL identifier"),
        (["t" * 129 + ",param:one"], "no ADQL identifier"),
        (["TAP_UPLOAD.t,param:one"], 'without the schema: "t"'),
        (["a.b,param:one"], "no ADQL identifier"),
        (["../t,param:one"], "no ADQL identifier"),
        (['"",param:one'], "legible characters"),
        (['"a\x00b",param:one'], "legible characters"),
        (["select,param:one"], "reserved word of ADQL; try select_1"),
        (
            ["t,param:four"],
            'the part "four" of the form, which is not there (there is "one", "Two", "three")',
        ),
        (["t,param:"], 'the part ""'),
        (["t,param:one", "T,param:Two"], "twice"),
        (["t,ftp://h/x"], "param:, http: and https: can"),
        (["t,file:///etc/passwd"], "cannot be fetched"),
        (["t,vos://x/y"], "cannot be fetched"),
        (["t,gopher://127.0.0.1/"], "cannot be fetched"),
        (["t,/etc/passwd"], "cannot be fetched"),
        (["t,http:///x"], "no URL with the name of a host"),
        (["t,http://h:0/x"], "no URL with the name of a host"),
        (["t,http://h:x/x"], "no URL with the name of a host"),
        (["t,http://[::1/x"], "no URL with the name of a host"),
        (["t,http://h/a b"], "cannot be read"),
    ],
)
def test_what_is_wrong_is_told(values, told):
    with pytest.raises(UsageError) as caught:
        meant(*values)
    assert told in str(caught.value)
    assert len(str(caught.value)) < 600


def test_no_reserved_word_is_the_name_of_a_table():
    for word in filter(str.isidentifier, RESERVED_WORDS):
        with pytest.raises(UsageError, match="reserved word"):
            meant(f"{word.lower()},param:one")
    assert meant('"select",param:one') == {"select": "one"}


def test_more_tables_than_a_request_may_bring_are_refused():
    many = ";".join(f"t{n},param:one" for n in range(5))
    with pytest.raises(RequestTooLarge, match="names 5 tables; a request may bring 4"):
        meant(many)
    with pytest.raises(RequestTooLarge, match="switched off"):
        read_sources(["t,param:one"], PARTS, UploadLimits(tables=0))


def test_urls_may_be_switched_off():
    with pytest.raises(UsageError, match="param: can"):
        read_sources(["t,http://h/x"], PARTS, UploadLimits(urls=False))


@given(st.text())
def test_any_text_is_understood_or_refused(text: str):
    try:
        sources = read_sources([text], PARTS, LIMITS)
    except (UsageError, UploadError) as error:
        assert len(str(error)) < 600
    else:
        assert all((source.part is None) != (source.url is None) for source in sources)


@pytest.mark.parametrize(
    ("url", "result"),
    [
        ("https://example.org/gh/tap/async/0a1b/results/result", ("0a1b", "result")),
        ("https://example.org/gh/tap/async/0a1b/results/../../x", None),
        ("https://example.org/gh/tap/async/../x/results/result", None),
        ("https://example.org/gh/tap/async/0a1b/results/result?x", None),
        ("https://example.org.evil/gh/tap/async/0a1b/results/result", None),
        ("http://example.org/gh/tap/async/0a1b/results/result", None),
    ],
)
def test_a_result_of_the_service_is_known_by_its_url(url, result):
    (source,) = with_results(read_sources([f"t,{url}"], {}, LIMITS), "https://example.org/gh/tap")
    assert source.result == result
    assert source.url == url
