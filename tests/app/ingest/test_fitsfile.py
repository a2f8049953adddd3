"""FITS files, whole and broken, plain and compressed."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from app.ingest.errors import FileRejected
from app.ingest.fitsfile import FitsFile, is_fits_name, sha256_of
from tests.app.ingest.making import events_hdu, gti_hdu, response_hdu, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    image = fits.ImageHDU(np.arange(12, dtype="i2").reshape(3, 4), name="IMAGE")
    return write(tmp_path / "whole.fits", events_hdu(), image, gti_hdu(), response_hdu())


def names(path: Path) -> list[str]:
    with FitsFile(path) as file:
        return [hdu.name for hdu in file.hdus()]


def data(path: Path) -> list[bytes]:
    with FitsFile(path) as file:
        return [hdu.read(hdu.size) for hdu in file.hdus()]


ALL = ["", "EVENTS", "IMAGE", "GTI", "AEFF"]


def test_extensions_come_in_order(path: Path) -> None:
    assert names(path) == ALL


def test_data_are_the_bytes_that_astropy_finds(path: Path) -> None:
    with fits.open(path) as hdus:
        sizes = [hdu.size for hdu in hdus]
    assert [len(block) for block in data(path)] == sizes


@pytest.mark.parametrize("kind", ["gzip", "gzip in members", "gzip with padding", "bzip2"])
def test_compressed_files_are_the_same(path: Path, kind: str) -> None:
    raw = path.read_bytes()
    packed = {
        "gzip": gzip.compress(raw),
        "gzip in members": gzip.compress(raw[:5000]) + gzip.compress(raw[5000:]),
        "gzip with padding": gzip.compress(raw) + b"\0" * 1000,
        "bzip2": bz2.compress(raw),
    }[kind]
    other = path.with_suffix(".packed")
    other.write_bytes(packed)
    assert data(other) == data(path)


def test_the_end_of_the_padding_is_not_missed(path: Path) -> None:
    with fits.open(path) as hdus:
        end = hdus[-1].fileinfo()["datLoc"] + hdus[-1].size
    path.write_bytes(path.read_bytes()[:end])
    assert names(path) == ALL


def test_what_follows_the_last_extension_is_passed_over(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n\njunk" * 1000)
    assert names(path) == ALL


@pytest.mark.parametrize("share", [0.05, 0.3, 0.61, 0.9])
@pytest.mark.parametrize("packed", [False, True])
def test_truncated_files_are_refused(path: Path, share: float, packed: bool) -> None:
    raw = path.read_bytes()
    cut = gzip.compress(raw) if packed else raw
    path.write_bytes(cut[: int(len(cut) * share)])
    with pytest.raises(FileRejected, match="truncated"):
        names(path)


def test_truncation_is_told_with_its_place(path: Path) -> None:
    with fits.open(path) as hdus:
        begin, size = hdus[1].fileinfo()["datLoc"], hdus[1].size
    path.write_bytes(path.read_bytes()[: begin + 100])
    with pytest.raises(FileRejected) as caught:
        names(path)
    assert str(caught.value) == (
        f"It is truncated: extension 1 (EVENTS) should have {size} bytes of data, but the file ends after "
        "100 of them."
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"hello", 'begins with "hello"'),
        (b"SIMPLE  =" + b" " * 5000, "no END"),
        (b"\x1f\x8b\x08\x00rubbish" + b"x" * 100, "damaged|truncated"),
        (b"\x1f\x9d\x90", "compress program"),
        (b"BZh9rubbish" + b"x" * 100, "damaged"),
    ],
)
def test_what_is_no_fits_is_refused_with_its_reason(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "odd.fits"
    path.write_bytes(content)
    with pytest.raises(FileRejected, match=words):
        names(path)


def test_a_damaged_gzip_stream_is_refused(path: Path) -> None:
    packed = bytearray(gzip.compress(path.read_bytes()))
    packed[len(packed) // 2] ^= 0xFF
    path.write_bytes(packed)
    with pytest.raises(FileRejected, match=r"damaged|truncated|begins with|NAXIS"):
        data(path)


@pytest.mark.parametrize(
    ("key", "value"), [("NAXIS2", -1), ("NAXIS2", "many"), ("BITPIX", 7), ("PCOUNT", -5), ("NAXIS2", 2**62)]
)
def test_sizes_that_make_no_sense_are_refused(path: Path, key: str, value: object) -> None:
    with fits.open(path) as hdus:
        begin = hdus[1].fileinfo()["hdrLoc"]
        header = hdus[1].header.copy()
    header[key] = value
    raw = path.read_bytes()
    block = header.tostring().encode()
    path.write_bytes(raw[:begin] + block + raw[begin + len(block) :])
    with pytest.raises(FileRejected):
        names(path)


def test_a_compressed_flood_takes_little_memory(tmp_path: Path) -> None:
    header = fits.Header.fromstring(fits.ImageHDU(np.zeros(1, "u1")).header.tostring())
    header["NAXIS1"] = 200_000_000
    flood = fits.PrimaryHDU().header.tostring().encode() + header.tostring().encode()
    path = tmp_path / "flood.fits.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(flood)
        for _ in range(200):
            file.write(b"\0" * 1_000_000)
    tracemalloc.start()
    assert names(path) == ["", ""]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def test_the_checksum_is_of_the_file_as_it_lies(path: Path) -> None:
    assert sha256_of(path) == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("name", "is_fits"),
    [
        ("a.fits", True),
        ("A.FITS.GZ", True),
        ("b.fit", True),
        ("c.fits.fz", True),
        ("d+e [f], g.fits", True),
        ("README.md", False),
        ("events.csv.gz", False),
        ("a.fits.bz2", True),
    ],
)
def test_fits_files_are_known_by_their_names(name: str, is_fits: bool) -> None:
    assert is_fits_name(name) == is_fits
