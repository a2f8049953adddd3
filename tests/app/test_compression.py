"""Answers as gzip: for who asks, piece by piece, and never where it would do harm."""

from __future__ import annotations

import gzip
import io
import zlib

import httpx
import pyarrow.parquet as pq
import pytest
from astropy.io.votable import parse as parse_votable

from app.compression import accepts_gzip
from app.config import Config
from tests.app.uws.client import create, wait
from tests.support.server import serve

LONG = "SELECT event_id, ra, dec, energy FROM dl3.events"
ENDLESS = "SELECT a.ra, a.dec, b.energy FROM dl3.events AS a, dl3.events AS b"
PLAIN = {"Accept-Encoding": "identity"}
GZIP = {"Accept-Encoding": "gzip"}


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("", False),
        ("gzip", True),
        ("GZip", True),
        ("x-gzip", True),
        ("gzip, deflate, br, zstd", True),
        ("deflate, br", False),
        ("*", True),
        ("br;q=1, *;q=0.1", True),
        ("gzip;q=0", False),
        ("gzip;q=0.0, *", False),
        ("*;q=0", False),
        ("identity", False),
        ("identity, gzip;q=0.5", False),
        ("identity;q=0.5, gzip;q=0.8", True),
        ("identity;q=0, gzip;q=0.1", True),
        ("gzip;q=2", False),
        ("gzip;q=much", False),
        ("gzip;level=9", False),
        (";;;,,, gzip", True),
        ("gzip" * 10_000, False),
    ],
)
def test_accept_encoding_is_read_with_its_weights(header, wanted):
    assert accepts_gzip(header) is wanted


def raw(
    client: httpx.Client, path: str, headers: dict[str, str], **asked: str
) -> tuple[httpx.Response, bytes]:
    """An answer, and its bytes as they came."""
    with client.stream("GET", path, params=asked, headers=headers) as answer:
        return answer, b"".join(answer.iter_raw())


@pytest.mark.parametrize(
    "format_", ["votable", "votable/td", "csv", "tsv", "json", "fits", "arrow", "text", "html"]
)
def test_a_result_is_the_same_compressed(client, format_):
    asked = {"QUERY": f"{LONG} ORDER BY collection, event_row", "MAXREC": "9000", "FORMAT": format_}
    _, plain = raw(client, "/tap/sync", PLAIN, **asked)
    answer, packed = raw(client, "/tap/sync", GZIP, **asked)
    assert answer.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in answer.headers["vary"]
    assert "content-length" not in answer.headers
    assert len(packed) < 0.9 * len(plain)
    # They differ in the moment of the request, whose length does not.
    assert len(gzip.decompress(packed)) == len(plain)


def test_what_is_compressed_already_is_sent_as_it_is(client):
    answer, content = raw(client, "/tap/sync", GZIP, QUERY=LONG, FORMAT="parquet")
    assert "content-encoding" not in answer.headers
    assert pq.read_table(io.BytesIO(content)).num_rows == 27_000


def test_who_does_not_ask_gets_bytes_as_they_are_and_caches_are_told(client):
    answer, content = raw(client, "/tap/sync", PLAIN, QUERY=LONG)
    assert "content-encoding" not in answer.headers
    assert "Accept-Encoding" in answer.headers["vary"]
    assert len(parse_votable(io.BytesIO(content)).get_first_table().array) == 27_000


@pytest.mark.parametrize("path", ["/tap/capabilities", "/tap/tables", "/tap/examples", "/"])
def test_documents_are_compressed_whole(client, path):
    answer, packed = raw(client, path, GZIP)
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) == len(packed)
    assert gzip.decompress(packed) == raw(client, path, PLAIN)[1]


def test_a_short_answer_is_not_compressed(client):
    answer, content = raw(client, "/nix", GZIP)
    assert "content-encoding" not in answer.headers
    assert b"nothing at /nix" in content


def test_an_error_can_be_read_compressed(client):
    answer = client.get("/tap/sync", params={"QUERY": "SELECT nothing", "LANG": "x" * 40}, headers=GZIP)
    assert answer.status_code == 400
    assert "Unknown LANG" in answer.text


def test_head_tells_the_headers_of_get_and_sends_nothing(client):
    for path in ("/tap/capabilities", "/tap/tables"):
        answer = client.head(path, headers=GZIP)
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.content == b""


def test_the_first_rows_come_before_the_last(live):
    """All that has come can be read, though the stream goes on."""
    asked = {"QUERY": ENDLESS, "MAXREC": "20000000", "FORMAT": "csv"}
    with httpx.stream("GET", f"{live.tap}/sync", params=asked, headers=GZIP, timeout=20) as answer:
        unpacker = zlib.decompressobj(31)
        first = unpacker.decompress(next(answer.iter_raw()))
    assert first.startswith(b"ra,dec,energy\r\n")
    assert len(first.splitlines()) > 100


def test_a_transfer_that_is_broken_off_is_no_whole_gzip(small_home):
    slow = "SELECT a.ra FROM dl3.events AS a, dl3.events AS b WHERE SIN(a.ra * b.dec) > 0.9999"
    asked = {"QUERY": slow, "MAXREC": "20000000", "FORMAT": "csv"}
    with serve(Config(home=small_home, sync_timeout=1.0)) as server, pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{server.tap}/sync", params=asked, headers=GZIP, timeout=60)


@pytest.fixture(scope="module")
def result(live) -> str:
    """Where the result of a job is."""
    with httpx.Client(base_url=live.url, timeout=30) as http:
        url = create(http, f"{LONG} ORDER BY collection, event_row", PHASE="RUN", FORMAT="csv")
        wait(http, url, "COMPLETED")
    return f"{url}/results/result"


def test_a_stored_result_is_compressed_on_its_way_under_a_weak_tag(client, result):
    plain = client.get(result, headers=PLAIN)
    packed = client.get(result, headers=GZIP)
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
    assert packed.headers["etag"] == f"W/{plain.headers['etag']}"
    assert "accept-ranges" in plain.headers
    assert "accept-ranges" not in packed.headers


@pytest.mark.parametrize("weak", ["", "W/"])
def test_either_tag_tells_that_nothing_is_new(client, result, weak):
    tag = client.get(result, headers=PLAIN).headers["etag"]
    answer = client.get(result, headers={**GZIP, "If-None-Match": f"{weak}{tag}"})
    assert (answer.status_code, answer.content) == (304, b"")
    assert "content-encoding" not in answer.headers


def test_a_part_is_one_of_the_bytes_as_they_are(client, result):
    whole = client.get(result, headers=PLAIN)
    part = client.get(result, headers={**GZIP, "Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert "content-encoding" not in part.headers


def test_a_part_is_never_joined_to_a_compressed_whole(client, result):
    tag = client.get(result, headers=GZIP).headers["etag"]
    answer = client.get(result, headers={"Range": "bytes=100-199", "If-Range": tag})
    assert answer.status_code == 200
