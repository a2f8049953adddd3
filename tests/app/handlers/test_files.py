"""Files of the releases: byte for byte, in parts, and none that is not theirs."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from astropy.io import fits

from app.config import Config
from app.ingest import ingest
from tests.support.server import LiveServer, serve


@pytest.fixture
def http(archive: LiveServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=archive.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def original(simulated_archive: Path) -> tuple[str, Path]:
    """A file with events: its path below /files, and where it lies."""
    path = min(simulated_archive.glob("*/**/*run*.fits*"), default=None) or min(
        path for path in simulated_archive.glob("*/**/*.fits*") if "index" not in path.name
    )
    return path.relative_to(simulated_archive).as_posix(), path


def test_a_file_comes_as_it_is(http: httpx.Client, original: tuple[str, Path]):
    name, path = original
    answer = http.get(f"/files/{name}")
    content = path.read_bytes()
    assert answer.content == content
    assert "content-encoding" not in answer.headers
    assert answer.headers["content-length"] == str(len(content))
    checksum = hashlib.sha256(content)
    assert answer.headers["etag"] == f'"{checksum.hexdigest()}"'
    assert answer.headers["repr-digest"] == f"sha-256=:{base64.b64encode(checksum.digest()).decode()}:"
    wanted = "application/gzip" if path.suffix == ".gz" else "application/fits"
    assert answer.headers["content-type"] == wanted


def test_a_part_of_a_file_can_be_asked_for(http: httpx.Client, original: tuple[str, Path]):
    name, path = original
    etag = http.head(f"/files/{name}").headers["etag"]
    answer = http.get(f"/files/{name}", headers={"range": "bytes=100-2999", "if-range": etag})
    assert answer.status_code == 206
    assert answer.content == path.read_bytes()[100:3000]
    beyond = http.get(f"/files/{name}", headers={"range": "bytes=999999999999-"})
    assert beyond.status_code == 416


def test_a_file_that_is_known_is_not_sent_again(http: httpx.Client, original: tuple[str, Path]):
    name, _ = original
    etag = http.head(f"/files/{name}").headers["etag"]
    answer = http.get(f"/files/{name}", headers={"if-none-match": etag})
    assert (answer.status_code, answer.content) == (304, b"")


def test_every_access_url_leads_to_its_file(http: httpx.Client, archive: LiveServer):
    query = "SELECT access_url, access_estsize FROM ivoa.obscore WHERE dataproduct_type = 'event'"
    rows = http.post("/tap/sync", data={"QUERY": query, "LANG": "ADQL", "FORMAT": "json"}).json()["data"]
    assert rows
    for url, size in rows:
        answer = http.head(url)
        assert answer.status_code == 200
        assert -(-int(answer.headers["content-length"]) // 1024) == size


def test_a_single_extension_is_a_fits_file_of_its_own(http: httpx.Client, original: tuple[str, Path]):
    name, path = original
    with fits.open(path) as hdus:
        for number, hdu in enumerate(hdus[1:], 1):
            for wanted in (hdu.name.lower(), str(number)):
                answer = http.get(f"/files/{name}", params={"HDU": wanted})
                with fits.open(io.BytesIO(answer.content)) as found:
                    found.verify("exception")
                    assert len(found) == 2
                    assert found[1].header.tostring() == hdu.header.tostring()
                    assert found[1].data.tobytes() == hdu.data.tobytes()


def test_an_extension_that_there_is_not_is_said_so(http: httpx.Client, original: tuple[str, Path]):
    answer = http.get(f"/files/{original[0]}", params={"HDU": "NOTHING"})
    assert answer.status_code == 404
    assert 'no extension "NOTHING"' in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "%2fetc%2fpasswd",
        "data/../../../../etc/passwd",
        "..%5c..%5cetc%5cpasswd",
        "%00",
        "obs-index.fits.gz%00.fits",
        "nothing.fits",
        "",
    ],
)
@pytest.mark.parametrize("top", ["/files/sim-mono/", "/files/", "/files/../", "/bundles/", "/terms/"])
def test_no_path_leads_out_of_the_archive(archive: LiveServer, top: str, path: str):
    host, port = archive.url.removeprefix("http://").split(":")
    # By hand: an HTTP client would tidy the path first.
    import socket  # noqa: PLC0415

    with socket.create_connection((host, int(port)), timeout=30) as line:
        line.sendall(f"GET {top}{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: line.recv(65536), b""))
    assert answer.split()[1] in (b"404", b"400")
    assert b"root:" not in answer
    assert b"/tmp/" not in answer


@pytest.fixture
def small_release(tmp_path: Path, simulated_archive: Path) -> Path:
    """A copy of one event list, alone in its folder."""
    source = min(p for p in simulated_archive.glob("*/**/*.fits*") if "index" not in p.name)
    folder = tmp_path / "releases" / "one, of+its kind"
    folder.mkdir(parents=True)
    (folder / f"run 1,+{''.join(source.suffixes)}").write_bytes(source.read_bytes())
    return folder


def test_a_file_that_has_changed_or_gone_is_not_served(tmp_path: Path, small_release: Path):
    config = Config(home=tmp_path / "home")
    assert not ingest(small_release, lake=config.lake, collection="one").rejected
    (file,) = small_release.iterdir()
    with serve(config) as live, httpx.Client(base_url=live.url, timeout=60) as http:
        query = "SELECT access_url FROM ivoa.obscore WHERE dataproduct_type = 'event'"
        rows = http.post("/tap/sync", data={"QUERY": query, "LANG": "ADQL", "FORMAT": "json"}).json()["data"]
        ((url,),) = rows
        assert "," not in url
        assert http.get(url).content == file.read_bytes()
        file.write_bytes(file.read_bytes() + b"x")
        assert http.get(url).status_code == 404
        file.unlink()
        assert http.get(url).status_code == 404
        file.symlink_to("/etc/passwd")
        assert http.get(url).status_code == 404


def test_files_that_may_not_be_passed_on_are_not(tmp_path: Path, small_release: Path):
    config = Config(home=tmp_path / "home")
    assert not ingest(small_release, lake=config.lake, collection="one", rights="metadata").rejected
    with serve(config) as live, httpx.Client(base_url=live.url, timeout=60) as http:
        query = "SELECT access_url, data_rights, obs_publisher_did FROM ivoa.obscore"
        rows = http.post("/tap/sync", data={"QUERY": query, "LANG": "ADQL", "FORMAT": "json"}).json()["data"]
        url, rights, did = rows[0]
        assert rights == "proprietary"
        for path in (url, f"{url}?HDU=1", f"/bundle?ID={did}", f"/bundles/{did.partition('?')[2]}.tar"):
            answer = http.get(path)
            assert answer.status_code == 403, path
            assert "licence" in answer.text
        links = http.get("/datalink/links", params={"ID": did}).text
        assert "DefaultFault: The files of one are not served" in links
        assert "/files/" not in links
    with serve(Config(home=tmp_path / "home", serve_restricted=True)) as live:
        assert httpx.get(url.replace(url[: url.index("/files/")], live.url)).status_code == 200
