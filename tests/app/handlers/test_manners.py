"""How the service behaves to clients that are old, odd, slow or wrong: always an answer they can read."""

from __future__ import annotations

import gzip
import socket
import threading
import urllib.request
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from lxml import etree

from app.config import Config
from app.protocol import BoundedHttp
from tests.app.handlers.test_tap import fault, infos, rows
from tests.support.server import LiveServer, serve

FIVE = "SELECT TOP 5 event_id, ra FROM dl3.events"
CSV = {"LANG": "ADQL", "FORMAT": "csv"}
ENDLESS = (
    "SELECT COUNT(*) AS n FROM dl3.events AS a, dl3.events AS b, dl3.events AS c WHERE a.ra + b.ra < c.ra"
)


def talk(server: LiveServer, *pieces: bytes, then: bytes = b"") -> bytes:
    """Send these bytes as they are, and give all that comes until the server closes the connection."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        for piece in pieces:
            connection.sendall(piece)
        received = b""
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except ConnectionResetError:
            pass
        return received


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


# Methods


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/", "GET, HEAD, OPTIONS"),
        ("/tap", "GET, HEAD, OPTIONS"),
        ("/tap/sync", "GET, HEAD, OPTIONS, POST"),
        ("/tap/async", "GET, HEAD, OPTIONS, POST"),
        ("/tap/async/x", "DELETE, GET, HEAD, OPTIONS, POST"),
        ("/tap/async/x/parameters/QUERY", "GET, HEAD, OPTIONS, PUT"),
        ("/tap/tables", "GET, HEAD, OPTIONS"),
        ("/tap/tables/dl3.events", "GET, HEAD, OPTIONS"),
        ("/tap/examples", "GET, HEAD, OPTIONS"),
        ("/tap/capabilities", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_method_that_is_not_taken_is_told_with_those_that_are(client, path, methods):
    refused = client.request("PATCH", path)
    assert (refused.status_code, refused.headers["allow"]) == (405, methods)
    assert refused.headers["content-type"].startswith("text/plain")
    assert "PATCH" in refused.text
    asked = client.options(path)
    assert (asked.status_code, asked.headers["allow"], asked.content) == (204, methods, b"")


def test_what_can_only_be_read_says_so(client):
    answer = client.post("/tap/async/x/quote", data={"QUOTE": "1"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "path", ["/nix", "/tap/nix", "/tap/sync/nix", "/tap/async/a/b/c/d/e", "/tap/tables/a/b"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "DELETE"])
def test_a_path_that_is_not_there_is_told_in_plain_text(client, method, path):
    answer = client.request(method, path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/plain")
    assert path in answer.text


GETTABLE = (
    "/",
    "/tap/capabilities",
    "/tap/availability",
    "/tap/tables",
    "/tap/tables/dl3.events",
    "/tap/examples",
    "/tap/async",
)


@pytest.mark.parametrize(
    "path", [*GETTABLE, f"/tap/sync?QUERY={quote(FIVE)}&FORMAT=csv", "/tap/sync?QUERY=x", "/nix"]
)
def test_head_tells_what_get_would(client, path):
    got, told = client.get(path), client.head(path)
    assert (told.status_code, told.content) == (got.status_code, b"")
    for name in ("content-type", "vary", "x-gammahub-maxrec", "x-gammahub-collections", "cache-control"):
        assert told.headers.get(name) == got.headers.get(name), name


def test_head_of_a_query_runs_nothing(client):
    answer = client.head("/tap/sync", params={"QUERY": ENDLESS, "FORMAT": "csv"}, timeout=20)
    assert answer.status_code == 200
    assert answer.headers["x-gammahub-maxrec"] == "100000"


# Cross-origin requests of browsers


@pytest.mark.parametrize("path", ["/tap/sync", "/tap/async", "/tap/async/x/results/result"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE"])
def test_a_browser_may_ask_from_anywhere(client, path, method):
    headers = {
        "Origin": "https://aladin.example",
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "content-type, range, if-none-match, authorization",
    }
    answer = client.options(path, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert method in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert all(name in allowed for name in ("content-type", "range", "if-none-match", "authorization"))


def test_a_browser_may_read_what_it_needs_of_the_headers(client):
    answer = client.get("/tap/sync", params={"QUERY": FIVE}, headers={"Origin": "https://aladin.example"})
    exposed = {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert exposed >= {
        *("location", "content-disposition", "etag", "content-range", "accept-ranges", "retry-after"),
        *("link", "allow", "sunset", "x-gammahub-maxrec", "x-gammahub-overflow", "x-gammahub-collections"),
    }


# Parameters


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", '"utf-8"', "iso-8859-1", "ISO-8859-15", "windows-1252"])
def test_a_form_is_read_in_the_charset_it_names(client, charset):
    codec = charset.strip('"')
    query = quote("SELECT TOP 1 'Größe' AS word FROM dl3.events".encode(codec))
    answer = client.post(
        "/tap/sync",
        content=f"QUERY={query}&FORMAT=csv",
        headers={"Content-Type": f"application/x-www-form-urlencoded; charset={charset}"},
    )
    assert rows(answer) == [["Größe"]]


def test_a_part_of_a_form_is_read_in_the_charset_it_names(client):
    query = "SELECT TOP 1 'Größe' AS word FROM dl3.events".encode("latin-1")
    files = {"query": (None, query, "text/plain; charset=ISO-8859-1"), "Format": (None, "csv")}
    assert rows(client.post("/tap/sync", files=files)) == [["Größe"]]


@pytest.mark.parametrize("charset", ["utf-7", "idna", "rot13", "x" * 500, "unicode_escape"])
def test_another_charset_is_refused(client, charset):
    answer = client.post(
        "/tap/sync",
        content=b"QUERY=x",
        headers={"Content-Type": f"application/x-www-form-urlencoded; charset={charset}"},
    )
    assert "UTF-8" in fault(answer)


@pytest.mark.parametrize("coding", ["gzip", "br", "<b>"])
def test_a_body_that_is_compressed_is_refused_as_such(client, coding):
    content = gzip.compress(b"QUERY=x")
    form = "application/x-www-form-urlencoded"
    headers = {"Content-Type": form, "Content-Encoding": coding}
    told = fault(client.post("/tap/sync", content=content, headers=headers), 415)
    assert "without Content-Encoding" in told


@pytest.mark.parametrize("version", ["1.0", "1.1", "2"])
def test_version_of_tap_1_0_changes_nothing(client, version):
    asked = {**CSV, "QUERY": FIVE, "REQUEST": "doQuery", "VERSION": version}
    assert len(rows(client.get("/tap/sync", params=asked))) == 5


@pytest.mark.parametrize("path", ["//tap/sync", "/tap//sync", "///tap///sync///", "/tap/sync/"])
def test_slashes_too_many_are_forgiven_in_a_post_too(client, path):
    url = f"{client.base_url}".rstrip("/") + path
    assert len(rows(client.post(url, data={**CSV, "QUERY": FIVE}))) == 5


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
        "application/x-votable+xml;q=1;level=1, */*;q=0",
        ";;;,,,===",
        "x" * 5000,
        "*/*" + ",*/*" * 3000,
        'application/x-votable+xml;x="a,b;c"',
    ],
)
def test_any_accept_header_gets_a_votable_where_it_names_nothing_on_offer(client, accept):
    answer = client.get("/tap/sync", params={"QUERY": FIVE}, headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/x-votable+xml")
    assert "Accept" in answer.headers["vary"]


# Errors


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"QUERY": "SELECT"}, "ParseError"),
        ({"QUERY": "SELECT nothing FROM dl3.events"}, "BindError"),
        ({"QUERY": FIVE, "LANG": "SQL"}, "UsageError"),
        ({"QUERY": "SELECT 1 / (obs_id - obs_id) AS x FROM dl3.events"}, None),
    ],
)
def test_an_error_has_a_code_for_programs(client, asked, code):
    answer = client.get("/tap/sync", params=asked)
    if code is None:
        assert answer.status_code in (200, 400)
        return
    fault(answer)
    assert [value for name, value, _ in infos(answer) if name == "error_code"] == [code]
    problem = client.get("/tap/sync", params=asked, headers={"Accept": "application/problem+json"})
    assert problem.json()["code"] == code


@pytest.fixture(scope="module")
def hasty(small_home) -> Iterator[LiveServer]:
    """A service that gives a query half a second, and a body one."""
    with serve(Config(home=small_home, sync_timeout=0.5, request_timeout=1.0)) as server:
        yield server


def test_a_query_that_takes_too_long_is_told_that_there_are_jobs(hasty):
    answer = httpx.post(f"{hasty.tap}/sync", data={"QUERY": ENDLESS}, timeout=30)
    told = fault(answer, 408)
    assert f"POST to {hasty.tap}/async" in told
    assert "600 s" in told
    facts = {name: value for name, value, _ in infos(answer)}
    assert facts["error_code"] == "QueryTimeout"
    assert f"{hasty.tap}/async" in facts["error_hint"]


@pytest.mark.parametrize("path", ["/tap/sync", "/tap/async"])
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"])
def test_a_body_that_does_not_come_is_waited_for_no_longer_than_is_allowed(hasty, path, kind):
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: 1000\r\n\r\n"
    answer = talk(hasty, head.encode(), b"QUERY=SEL")
    assert status(answer) == 408
    header, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in header.lower()
    assert b"has not come within 1 s: 9 bytes of it have" in body
    etree.fromstring(body)


def test_a_value_that_does_not_come_is_not_waited_for_either(hasty):
    head = "PUT /tap/async/x/parameters/QUERY HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    assert status(talk(hasty, head.encode(), b"SEL")) == 408


# What comes before there is a request


@pytest.fixture
def impatient(live: LiveServer, monkeypatch: pytest.MonkeyPatch) -> LiveServer:
    monkeypatch.setattr(BoundedHttp, "head_seconds", 0.5)
    return live


@pytest.mark.parametrize("part", [b"G", b"GET /tap/sync", b"GET / HTTP/1.1\r\nHost: x\r\nX-A: b", b"\r\n"])
def test_a_head_that_does_not_end_is_waited_for_no_longer_than_is_allowed(impatient, part):
    answer = talk(impatient, part)
    assert status(answer) == 408
    assert b"has not come within 0.5 s" in answer


def test_a_connection_without_a_request_is_closed(impatient):
    assert talk(impatient) == b""


def test_a_slow_answer_is_not_a_slow_request(impatient):
    """What is waited for is the head of a request, not its answer."""
    asked = {"QUERY": ENDLESS, "MAXREC": "1"}
    with httpx.Client(timeout=3) as http, pytest.raises(httpx.ReadTimeout):
        http.get(f"{impatient.tap}/sync", params=asked)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"GET /tap/sync?QUERY=" + b"x" * 3_000_000, 414),
        (b"GET /tap/sync HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 3_000_000, 431),
        (b"GET /tap/sync HTTP/1.1\r\nHost: x\r\n" + b"X-Many: 1\r\n" * 300_000, 431),
    ],
    ids=["a URL", "a header", "many headers"],
)
def test_a_head_without_end_is_cut_at_the_limit(live, head, expected):
    answer: list[bytes] = []

    def ask() -> None:
        try:
            answer.append(talk(live, head))
        except (BrokenPipeError, ConnectionResetError):
            answer.append(b"")

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(60)
    (told,) = answer
    # Who still sends when the connection is closed may not hear why.
    assert told == b"" or status(told) == expected


def test_a_query_too_long_for_a_url_is_to_be_posted(live):
    query = b"%20" * 30_000
    answer = talk(live, b"GET /tap/sync?QUERY=" + query + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert status(answer) == 414
    assert b"send the query by POST" in answer


def test_a_long_query_by_get_is_read(live):
    query = quote(f"{FIVE} WHERE event_id = 10{' ' * 21_000}", safe="")
    assert 63_000 < len(query) < 65_000
    with urllib.request.urlopen(f"{live.tap}/sync?FORMAT=csv&QUERY={query}", timeout=60) as answer:
        assert answer.read().startswith(b"event_id,ra")


@pytest.mark.parametrize(
    "request_",
    [
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /tap/\xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"POST /tap/sync HTTP/1.1\r\nHost: x\r\nContent-Length: nine\r\n\r\n",
        b"POST /tap/sync HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_no_http_is_told_in_plain_text(live, request_):
    answer = talk(live, request_)
    assert status(answer) in (400, 404, 505)
    assert b"text/plain" in answer or b"votable" in answer


def test_a_page_of_results_can_do_nothing(client):
    answer = client.get(
        "/tap/sync", params={"QUERY": "SELECT TOP 1 '<script>' AS x FROM dl3.events", "FORMAT": "html"}
    )
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
