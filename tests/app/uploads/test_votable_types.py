"""Every type of VOTable in every serialisation and version, read as astropy and STILTS read it."""

from __future__ import annotations

import gzip
import io
import subprocess
import warnings
from pathlib import Path

import pytest

from app.uploads.content import unpacked
from app.uploads.votable import read_votable
from tests.app.uploads.documents import (
    INTAKE,
    SAMPLES,
    SERIALIZATIONS,
    astropy_values,
    our_values,
    same,
    write,
)

pytestmark = pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyWarning")

VERSIONS = ("1.1", "1.2", "1.3", "1.4", "1.5")
COUNTED_OTHERWISE = "rows"
"""An array ``2x*``: in binary, astropy counts its rows, VOTable 1.5 section 5.3 and STILTS its items."""
STANDARD = {name: sample for name, sample in SAMPLES.items() if name != COUNTED_OTHERWISE}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("serialization", SERIALIZATIONS)
def test_values_are_those_that_astropy_reads(serialization: str, version: str):
    if serialization == "binary2" and version < "1.3":
        pytest.skip("BINARY2 came with VOTable 1.3")
    document = write(SAMPLES if serialization == "tabledata" else STANDARD, serialization, version)
    found = our_values(read_votable(io.BytesIO(document), INTAKE))
    expected = astropy_values(document)
    assert list(found) == list(expected)
    for name in found:
        assert all(map(same, found[name], expected[name])), name
    assert found["text"][2] is None
    assert found["small"] == [-32767, 32767, None, 0]


@pytest.mark.parametrize("serialization", SERIALIZATIONS)
def test_what_is_said_of_columns_is_kept(serialization: str):
    table = read_votable(io.BytesIO(write(STANDARD, serialization)), INTAKE)
    for field in table.fields:
        sample = STANDARD[field.name]
        assert (field.datatype, field.arraysize) == (sample.datatype, sample.arraysize)
        assert (field.unit, field.ucd, field.utype) == ("TeV", "em.energy", "a:b.c")
        assert field.description == f"What {field.name} is"


@pytest.mark.parametrize("wraps", [1, 2])
def test_compressed_documents_are_read(wraps: int):
    document = write({name: SAMPLES[name] for name in ("text", "double", "larges")}, "binary2")
    packed = document
    for _ in range(wraps):
        packed = gzip.compress(packed)
    with unpacked(io.BytesIO(packed), INTAKE) as content:
        found = read_votable(content, INTAKE)
    assert found.columns == read_votable(io.BytesIO(document), INTAKE).columns


@pytest.mark.stilts
@pytest.mark.parametrize("format_", ["TABLEDATA", "BINARY", "BINARY2", "FITS"])
def test_documents_that_stilts_writes_are_read(stilts: str, tmp_path: Path, format_: str):
    # Astropy writes bits without blanks, which STILTS does not read. Into FITS it writes neither stars nor
    # arrays of different lengths.
    lost = {"bits"}
    if format_ == "FITS":
        lost |= {"name", "mark", "octets", "larges", "singles", "rows"}
    samples = {name: sample for name, sample in SAMPLES.items() if name not in lost}
    source, copy = tmp_path / "source.vot", tmp_path / "copy.vot"
    # Astropy writes +InF, VOTable and STILTS +Inf.
    source.write_bytes(write(samples, "tabledata").replace(b"InF", b"Inf"))
    command = [stilts, "votcopy", f"in={source}", f"out={copy}", f"format={format_}"]
    inline = [] if format_ == "TABLEDATA" else ["href=false"]
    done = subprocess.run(command + inline, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found = our_values(read_votable(io.BytesIO(copy.read_bytes()), INTAKE))
    expected = our_values(read_votable(io.BytesIO(source.read_bytes()), INTAKE))
    for name in samples:
        assert all(map(same, found[name], expected[name])), name


@pytest.mark.stilts
def test_arrays_whose_last_dimension_varies_are_counted_as_stilts_counts(stilts: str, tmp_path: Path):
    source = tmp_path / "source.vot"
    source.write_bytes(write({"rows": SAMPLES["rows"]}, "tabledata"))
    done = subprocess.run(
        [stilts, "votcopy", f"in={source}", "format=BINARY"], capture_output=True, timeout=60, check=True
    )
    found = our_values(read_votable(io.BytesIO(done.stdout), INTAKE))
    assert found == {"rows": SAMPLES["rows"].values}


def test_reading_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        document = write({"double": SAMPLES["double"]}, "binary2")
        read_votable(io.BytesIO(document), INTAKE)
