"""Tables are fetched from where they may be, in the time and size they may have, and from nowhere else."""

from __future__ import annotations

import gzip
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from app.errors import QueryCancelled, RequestTooLarge, UploadError
from app.uploads.addresses import is_allowed
from app.uploads.fetch import fetch
from app.uploads.intake import Intake
from app.uploads.limits import UploadLimits
from tests.support.eventually import PATIENCE
from tests.support.webserver import Answer, WebServer

HERE = (ip_network("127.0.0.1/32"),)
LIMITS = UploadLimits(nbytes=100_000, timeout=PATIENCE, networks=HERE)


@pytest.fixture(scope="module")
def server() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


@pytest.fixture
def web(server: WebServer) -> WebServer:
    """A server that has been asked nothing yet."""
    server.asked.clear()
    server.headers.clear()
    server.answers.clear()
    server.has_been_left.clear()
    return server


def got(url: str, limits: UploadLimits = LIMITS) -> tuple[bytes, str, str]:
    """Content, media type and file name of what is fetched."""
    part = fetch(url, Intake("mine", limits))
    with part.content:
        return part.content.read(), part.media_type, part.file_name


def complaint(url: str, limits: UploadLimits = LIMITS, kind: type[Exception] = UploadError) -> str:
    with pytest.raises(kind) as caught:
        got(url, limits)
    assert str(caught.value).startswith('Table "mine"')
    return str(caught.value)


def names(monkeypatch: pytest.MonkeyPatch, *answers: tuple[str, ...]) -> list[str]:
    """Let the name service give these addresses, one set a question, and the last to all that follow."""
    asked: list[str] = []
    left = list(answers)

    def getaddrinfo(host: str, port: int, *_: object, **__: object) -> list[object]:
        if host[0].isdigit():
            # A connection to an address asks so too.
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]
        asked.append(host)
        found = left.pop(0) if len(left) > 1 else left[0]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_a_table_is_fetched_with_what_is_said_of_it(web):
    web.answers["/a/table%20of%20mine.csv?x=1&y=%2B"] = Answer(b"n\n1\n", "text/csv; charset=utf-8")
    url = f"{web.url}/a/table%20of%20mine.csv?x=1&y=%2B"
    assert got(f"{url}#part") == (b"n\n1\n", "text/csv; charset=utf-8", "table%20of%20mine.csv")


def test_a_server_learns_nothing_of_us_and_of_other_servers(web):
    web.answers["/t"] = Answer(b"x")
    got(web.url.replace("//", "//user:secret@") + "/t")
    (headers,) = web.headers
    assert "authorization" not in headers
    assert "cookie" not in headers
    assert headers["host"] == f"127.0.0.1:{web.port}"


def test_no_proxy_is_asked(web, monkeypatch):
    """It would connect to wherever it likes."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:1")
    web.answers["/t"] = Answer(b"x")
    assert got(f"{web.url}/t")[0] == b"x"


def test_redirects_are_followed_and_not_for_ever(web):
    for number in range(5):
        web.answers[f"/{number}"] = Answer(b"", None, 302, {"Location": f"{number + 1}"})
    web.answers["/5"] = Answer(b"x", "text/csv")
    assert got(f"{web.url}/0")[0] == b"x"
    web.answers["/round"] = Answer(b"", None, 307, {"Location": "/round"})
    assert "behind more than 5 redirects" in complaint(f"{web.url}/round")


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("http://127.0.0.2/secret", 'The host "127.0.0.2" is not on the public network'),
        ("//169.254.169.254/latest/meta-data", 'The host "169.254.169.254" is not on the public network'),
        ("http://[::1]/", 'The host "::1" is not on the public network'),
        ("file:///etc/passwd", "which is no http or https URL"),
        ("ftp://example.org/t.vot", "which is no http or https URL"),
        ("https://", "which is no http or https URL"),
        ("http://127.0.0.1:99999/", "which is no http or https URL"),
    ],
)
def test_a_redirect_leads_to_no_other_place_than_a_url_may(web, location, told):
    web.answers["/t"] = Answer(b"", None, 302, {"Location": location})
    assert told in complaint(f"{web.url}/t")


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "0.0.0.0", "localhost"),
        *("10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "192.0.2.1"),
        *("224.0.0.1", "255.255.255.255", "240.0.0.1", "198.18.0.1"),
        *("[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[ff02::1]", "[2001:db8::1]", "[::ffff:127.0.0.1]"),
        *("[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::127.0.0.1]"),
    ],
)
def test_addresses_that_are_not_public_are_not_asked(host):
    """In whatever way they are written (RFC 6890, and the notations of inet_aton)."""
    told = complaint(f"http://{host}:9/t.vot", UploadLimits(timeout=5))
    assert "is not on the public network" in told or "is not known" in told


@pytest.mark.parametrize("address", ["8.8.8.8", "193.99.144.80", "2001:4860:4860::8888", "64:ff9b::808:808"])
def test_public_addresses_are_allowed(address):
    assert is_allowed(ip_address(address))


def test_a_name_is_as_good_as_its_address(web, monkeypatch):
    names(monkeypatch, ("10.1.2.3",))
    assert 'The host "example.org" is not on the public network' in complaint("http://example.org/t.vot")
    names(monkeypatch, ())
    assert "the host example.org is not known" in complaint("http://example.org/t.vot")


def test_of_several_addresses_only_those_allowed_are_asked(web, monkeypatch):
    web.answers["/t"] = Answer(b"x")
    names(monkeypatch, ("10.1.2.3", "127.0.0.1"))
    assert got(f"http://example.org:{web.port}/t")[0] == b"x"
    assert web.headers[0]["host"] == f"example.org:{web.port}"


def test_a_name_that_changes_its_address_is_asked_for_once(web, monkeypatch):
    """DNS rebinding: what was checked is what is connected to."""
    web.answers["/t"] = Answer(b"x")
    asked = names(monkeypatch, ("127.0.0.1",), ("127.0.0.2",))
    assert got(f"http://rebind.example:{web.port}/t")[0] == b"x"
    assert asked == ["rebind.example"]
    # Behind a redirect that closes the connection it is a new question, and a new answer.
    close = {"Location": "/t", "Connection": "close"}
    web.answers["/again"] = Answer(b"", None, 302, close)
    names(monkeypatch, ("127.0.0.1",), ("127.0.0.2",))
    told = complaint(f"http://rebind.example:{web.port}/again")
    assert 'The host "rebind.example" is not on the public network' in told


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 503, 204, 206, 304])
def test_other_answers_than_a_table_are_told(web, status):
    web.answers["/t"] = Answer(b"", "text/html", status)
    assert f"answers with the status {status} instead of a table" in complaint(f"{web.url}/t")


def test_more_than_the_limit_is_not_taken(web):
    web.answers["/long"] = Answer(b"x" * 100_001)
    web.answers["/lies"] = Answer(b"x", length=10**15)
    web.answers["/endless"] = Answer(b"x" * 10_000, endless=True)
    for path in web.answers:
        assert "100,000 bytes, uncompressed" in complaint(f"{web.url}{path}", kind=RequestTooLarge)
    assert web.has_been_left.wait(PATIENCE)


def test_less_than_was_announced_is_told(web):
    web.answers["/short"] = Answer(b"x" * 10, length=100, headers={"Connection": "close"})
    assert "cannot be fetched" in complaint(f"{web.url}/short")


@pytest.mark.parametrize("answer", [Answer(b"x", hang=True), Answer(b"x" * 1000, drip=0.05)])
def test_a_slow_server_has_so_much_time(web, answer):
    web.answers["/t"] = answer
    told = complaint(f"{web.url}/t", UploadLimits(timeout=0.5, networks=HERE))
    assert "has not sent the table within 0.5 s" in told
    # On a busy machine it may not have come to asking.
    assert not web.asked or web.has_been_left.wait(PATIENCE)


def test_a_server_that_does_not_speak_has_so_much_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        assert "within 0.5 s" in complaint(url, UploadLimits(timeout=0.5, networks=HERE))
    assert "cannot be fetched" in complaint(url)


def test_nobody_fetches_for_nobody(web):
    web.answers["/t"] = Answer(b"x", hang=True)
    until = time.monotonic() + 0.3
    intake = Intake("mine", LIMITS, stopped=lambda: time.monotonic() > until)
    with pytest.raises(QueryCancelled):
        fetch(f"{web.url}/t", intake)
    assert web.has_been_left.wait(PATIENCE)


def test_compression_on_the_way_is_left_to_the_reader(web):
    packed = gzip.compress(b"n\n1\n")
    web.answers["/gzip"] = Answer(packed, headers={"Content-Encoding": "gzip"})
    assert got(f"{web.url}/gzip")[0] == packed
    web.answers["/br"] = Answer(b"x", headers={"Content-Encoding": "br"})
    assert 'in the encoding "br"; gzip is understood' in complaint(f"{web.url}/br")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"no HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx",
        b"HTTP/1.1 302 Found\r\nLocation: \xff\xfe:\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-Y: z\r\n" * 100_000,
    ],
)
def test_a_server_that_speaks_no_http_is_told(answer):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        port = listener.getsockname()[1]

        def speak() -> None:
            with suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        thread = threading.Thread(target=speak)
        thread.start()
        told = complaint(f"http://127.0.0.1:{port}/t", UploadLimits(timeout=2, networks=HERE))
        thread.join(PATIENCE)
    assert len(told) < 600


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        capture_output=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("openssl makes no certificate here")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with WebServer(context) as server:
        server.answers["/t"] = Answer(b"x")
        told = complaint(f"{server.url}/t")
    assert "certificate" in told.lower()
    assert server.asked == []
