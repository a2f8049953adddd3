"""Whatever comes, the answer is a well-formed document with a status, and the service lives on."""

from __future__ import annotations

import httpx
import pytest
from lxml import etree

FIVE = "SELECT TOP 5 ra FROM dl3.events"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(autouse=True)
def lives_on(client):
    yield
    answer = client.get("/tap/sync", params={"QUERY": FIVE, "FORMAT": "csv"})
    assert answer.status_code == 200
    assert len(answer.text.splitlines()) == 6


def told(answer: httpx.Response, status: int = 400) -> str:
    assert answer.status_code == status, answer.text[:300]
    etree.fromstring(answer.content)
    for inside in ("Traceback", "site-packages", "Catalog Error", "read_parquet"):
        assert inside not in answer.text
    return answer.text


TEXTS = {
    "nul": "SELECT ra\0 FROM dl3.events",
    "controls": "SELECT \x01\x02\x1b[31m FROM dl3.events",
    "a lone surrogate half, as UTF-8 would have it": "SELECT '\ufffe\uffff' FROM",
    "markup": "<script>alert(1)</script>",
    "a CDATA end": "SELECT ]]> FROM dl3.events",
    "an entity": "SELECT &xxe; FROM dl3.events",
    "a semicolon": "SELECT ra FROM dl3.events; DROP VIEW dl3.events",
    "a comment": "SELECT ra FROM dl3.events -- \n; /* */",
    "a function of the engine": "SELECT getenv('HOME') FROM dl3.events",
    "a table function": "SELECT * FROM read_csv('/etc/passwd')",
    "settings": "SELECT * FROM duckdb_settings()",
    "a file as a table": 'SELECT * FROM "/etc/passwd"',
    "a file in a schema": 'SELECT * FROM "main"."/etc/passwd"',
    "another catalogue": "SELECT * FROM information_schema.tables",
    "the inside tables": 'SELECT * FROM main."no events"',
    "deep brackets": f"SELECT {'(' * 5000}ra - 1{')' * 4999} FROM dl3.events",
    "deep negation": f"SELECT {'-' * 5001}1 FROM dl3.events",
    "a long chain": f"SELECT {' + '.join(['1'] * 20_000)} FROM dl3.events",
    "many columns": f"SELECT {', '.join(['x'] * 30_000)} FROM dl3.events",
    "deep subqueries": "SELECT * FROM (" * 300 + "SELECT ra FROM dl3.events" + ") AS t" * 300,
    "many joins": "SELECT * FROM dl3.events" + " NATURAL JOIN dl3.events" * 400 + " WHERE",
    "only blanks and quotes": "'" * 999,
    "a giant number": f"SELECT {'9' * 5000} FROM dl3.events WHERE",
    "not latin": "ВЫБРАТЬ ra ИЗ dl3.events",
    "right to left": "SELECT \u202e ra FROM dl3.events",
}


@pytest.mark.parametrize("query", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("format_", ["votable", "csv"])
def test_query_that_is_none_is_refused_whole(client, query, format_):
    answer = client.post("/tap/sync", data={"LANG": "ADQL", "QUERY": query, "FORMAT": format_})
    assert answer.status_code in (400, 413), answer.text[:300]
    told(answer, answer.status_code)
    assert answer.elapsed.total_seconds() < 10


@pytest.mark.parametrize("name", ["LANG", "REQUEST", "RESPONSEFORMAT", "FORMAT", "MAXREC"])
@pytest.mark.parametrize(
    "value", ["<b a='\"'>&", "\0", "\x1b[2J", "x" * 100_000, "../../etc/passwd", "\r\nSet-Cookie: a=b", "𝔘🎇"]
)
def test_odd_values_are_refused_and_escaped(client, name, value):
    answer = client.post("/tap/sync", data={"QUERY": FIVE, name: value})
    assert len(told(answer)) < 3000
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "content",
    [b"QUERY=%ff%fe", b"QUERY=\xff\xfe", b"QUERY=%E2%28%A1", b"%ff=1&QUERY=x", b"QUERY=%C0%80"],
)
def test_bytes_that_are_no_utf8_are_told(client, content):
    assert "UTF-8" in told(client.post("/tap/sync", content=content, headers=FORM))


def test_raw_utf8_in_a_form_is_read(client):
    query = "SELECT TOP 1 'Größe' AS word FROM dl3.events"
    answer = client.post("/tap/sync", content=f"FORMAT=csv&QUERY={query}".encode(), headers=FORM)
    assert "Größe" in answer.text


def test_query_string_that_is_no_utf8_is_told(client):
    assert "UTF-8" in told(client.get("/tap/sync?QUERY=%ff"))


def multipart(client: httpx.Client, body: bytes, boundary: str = "b") -> httpx.Response:
    return client.post(
        "/tap/sync", content=body, headers={"Content-Type": f"multipart/form-data; boundary={boundary}"}
    )


PARTS = {
    "no end": b'--b\r\nContent-Disposition: form-data; name="QUERY"\r\n\r\nSELECT',
    "no name": b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
    "no header": b"--b\r\n\r\nx\r\n--b--\r\n",
    "another boundary": b'--c\r\nContent-Disposition: form-data; name="QUERY"\r\n\r\nx\r\n--c--\r\n',
    "not utf-8": b'--b\r\nContent-Disposition: form-data; name="QUERY"\r\n\r\n\xff\xfe\r\n--b--\r\n',
    "noise": bytes(range(256)) * 100,
    "nothing": b"",
    "many parts": b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n' * 3000 + b"--b--\r\n",
    "long header": b'--b\r\nContent-Disposition: form-data; name="'
    + b"n" * 100_000
    + b'"\r\n\r\n1\r\n--b--\r\n',
}


@pytest.mark.parametrize("body", PARTS.values(), ids=PARTS)
def test_broken_multipart_is_told(client, body):
    answer = multipart(client, body)
    told(answer, answer.status_code)
    assert answer.status_code in (400, 413)


def test_multipart_that_is_cut_off_is_told_as_such(client):
    assert "cut off" in told(multipart(client, PARTS["no end"]))


@pytest.mark.parametrize("boundary", ["", "x" * 5000, '"', "ü"])
def test_odd_boundary_is_told(client, boundary):
    header = f"multipart/form-data; boundary={boundary}".encode()
    told(client.post("/tap/sync", content=b"--b--", headers=[(b"Content-Type", header)]))


def test_other_content_types_are_told(client):
    assert "application/json" in told(
        client.post("/tap/sync", content=b'{"QUERY": "x"}', headers={"Content-Type": "application/json"})
    )


def test_too_many_parameters_are_refused(client):
    told(client.post("/tap/sync", content=b"a=1&" * 5000, headers=FORM), 413)
    told(client.get("/tap/sync", params=[("a", "1")] * 2000), 413)


def test_body_without_end_is_cut_at_the_limit(client):
    def endless():
        for _ in range(2000):
            yield b"x" * 2**16

    with pytest.raises((httpx.WriteError, httpx.ReadError, AssertionError)):
        answer = client.post("/tap/sync", content=endless(), headers=FORM)
        assert answer.status_code != 413, "refused in good order"


def test_file_beside_the_parameters_is_ignored(client):
    answer = client.post(
        "/tap/sync",
        data={"QUERY": FIVE, "FORMAT": "csv"},
        files={"mytable": ("t.vot", b"<VOTABLE/>", "application/x-votable+xml")},
    )
    assert len(answer.text.splitlines()) == 6


@pytest.mark.parametrize("host", ["evil.example/<script>", "a b", "x" * 300, "user@host", "[::1", "é"])
def test_odd_host_header_makes_no_odd_document(client, host):
    answer = client.get("/tap/capabilities", headers=[(b"Host", host.encode())])
    if answer.status_code == 200:
        etree.fromstring(answer.content)
    assert "<script>" not in answer.text


@pytest.mark.parametrize(
    "path", ["/tap/tables/%00", "/tap/tables/..%2f..%2fetc", "/tap/tables/<b>", "/%ff", "/tap/nix"]
)
def test_odd_paths_are_plain_404(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert "text/plain" in answer.headers["content-type"]


def test_no_request_forges_a_line_of_the_log(client, caplog):
    caplog.set_level("INFO", logger="gammahub.access")
    client.get("/x%0D%0A2026-01-01 INFO gammahub.access GET / status=200%1b[31m")
    (record,) = [
        record for record in caplog.records if record.name == "gammahub.access" and "/x" in record.message
    ]
    assert record.message.startswith("GET /x%0D%0A2026-01-01%20INFO")
    assert "status%3D200%1B" in record.message
