"""The ways in: HTTP, TLS and passwords."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from app.engines.hiveserver2 import Address, Connection, ConnectionLost
from tests.support.standinhive import http_server, sasl_server

Server = Callable[..., AbstractContextManager[int]]
WAYS = {"http": (http_server, "&http_path=cliservice"), "sasl": (sasl_server, "")}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> tuple[Server, str]:
    """A kind of server, and the options that it needs."""
    return WAYS[request.param]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 that signs itself, with its key in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with: apt-get install openssl")
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", file, "-out", file.with_suffix(".crt")],
        check=True, capture_output=True,
    )  # fmt: skip
    file.write_bytes(file.read_bytes() + file.with_suffix(".crt").read_bytes())
    return file


def asked(port: int, options: str, password: str = "päss wörd") -> list[tuple[object, ...]]:
    address = Address.from_url(f"hive://anna@127.0.0.1:{port}/d?auth=LDAP{options}", password)
    connection = Connection(address, {})
    try:
        return connection.run("SELECT 1")
    finally:
        connection.close()


def test_who_has_the_password_is_let_in(way: tuple[Server, str]) -> None:
    server, options = way
    with server("anna", "päss wörd") as port:
        assert asked(port, options) == [("SELECT 1",)]


def test_who_has_it_not_is_told_so_without_it(way: tuple[Server, str]) -> None:
    server, options = way
    with server("anna", "another") as port, pytest.raises(ConnectionLost, match=r"401|login") as caught:
        asked(port, options)
    assert "wörd" not in str(caught.value)


def test_tls_with_a_certificate_that_is_trusted(way: tuple[Server, str], certificate: Path) -> None:
    server, options = way
    with server("anna", "päss wörd", tls(certificate)) as port:
        trusted = f"{options}&tls=true&authorities={certificate.with_suffix('.crt')}"
        assert asked(port, trusted) == [("SELECT 1",)]
        assert asked(port, f"{options}&tls=true&verify=false") == [("SELECT 1",)]


def test_a_certificate_that_nobody_vouches_for_is_refused(way: tuple[Server, str], certificate: Path) -> None:
    server, options = way
    refused = pytest.raises(ConnectionLost, match=r"(?i)certificate")
    with server("anna", "päss wörd", tls(certificate)) as port, refused:
        asked(port, f"{options}&tls=true")


def test_a_wrong_path_is_told() -> None:
    with http_server("anna", "päss wörd") as port, pytest.raises(ConnectionLost, match="404"):
        asked(port, "&http_path=nonesuch")


def test_a_port_where_nobody_is_is_told() -> None:
    with http_server("anna", "x") as port:
        pass
    with pytest.raises(ConnectionLost, match=str(port)):
        asked(port, "")


def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
