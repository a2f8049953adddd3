"""Files that somebody has tampered with: each is loaded or told, and its neighbours are loaded."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from tests.app.ingest.conftest import Lake
from tests.app.ingest.making import columns_of, events_hdu, gti_hdu, response_hdu, write

VALUES = (
    b"-1", b"0", b"7", b"2.5", b"99999999999999999999", b"1E400", b"NaN", b"T", b"''", b"'x'", b"'0A'",
    b"'1E'", b"'3D'", b"'64X'", b"'PE(999)'", b"'QD(5)'", b"'1PJ'", b"'C'", b"'100000000E'", b"'TeV'", b"'s'",
    b"'deg'", b"'FK4'", b"'UTC'", b"'GPS'", b"'EVENTS'", b"'GTI'", b"'RESPONSE'",
)  # fmt: skip
KEYS = (b"TTYPE1", b"TFORM2", b"NAXIS1", b"XTENSION", b"TUNIT3", b"TZERO2", b"TSCAL3", b"TNULL1", b"JUNK")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file with something of everything."""
    arrays = np.array([np.arange(i % 3, dtype="f4") for i in range(20)], dtype=object)
    columns = {
        **columns_of(20),
        "V": np.zeros((20, 3), "i2"),
        "T": np.array(["ab"] * 20),
        "P": fits.Column("P", "PE()", array=arrays),
        "X": fits.Column("X", "12X", array=np.ones((20, 12), dtype=bool)),
        "U": fits.Column("U", "J", bzero=2**31, array=np.arange(20, dtype="u4")),
    }
    radii = fits.BinTableHDU.from_columns(
        [fits.Column("RAD_MAX", "4D", array=np.ones((1, 4)))], name="RAD_MAX"
    )
    radii.header.update({"HDUCLAS1": "RESPONSE", "HDUCLAS2": "RAD_MAX", "HDUCLAS4": "RAD_MAX_2D"})
    path = tmp_path_factory.mktemp("hostile") / "whole.fits"
    return write(
        path, events_hdu(columns, OBS_ID=1), gti_hdu(), radii, response_hdu(LO_THRES=0.1)
    ).read_bytes()


def tampered(whole: bytes, seed: int) -> bytes:
    """The file with a few cards, bytes or blocks changed."""
    chance = random.Random(seed)
    content = bytearray(whole)
    cards = [place for place in range(0, len(whole), 80) if whole[place + 8 : place + 10] == b"= "]
    for _ in range(chance.choice((1, 1, 2, 4))):
        kind = chance.random()
        if kind < 0.55:
            place = chance.choice(cards) + 10
            content[place : place + 70] = chance.choice(VALUES).ljust(70)
        elif kind < 0.7:
            place = chance.choice(cards)
            content[place : place + 8] = chance.choice(KEYS).ljust(8)
        elif kind < 0.9:
            content[chance.randrange(len(content))] = chance.randrange(256)
        else:
            place = chance.randrange(len(content))
            del content[place : place + chance.choice((1, 80, 2880))]
    return bytes(content)


@pytest.mark.parametrize("part", range(4))
def test_a_tampered_file_stops_nothing(whole: bytes, tmp_path: Path, part: int) -> None:
    root = tmp_path / "r"
    write(root / "good.fits", events_hdu(OBS_ID=9))
    for seed in range(12 * part, 12 * part + 12):
        (root / "bad.fits").write_bytes(tampered(whole, seed))
        lake = Lake(tmp_path / f"lake-{seed}")
        report = lake.load(root)
        assert 9 in {row["obs_id"] for row in lake.rows("observations")}, seed
        told = any("bad.fits" in warning for warning in report.warnings)
        assert report.observations + len(report.rejected) >= 2 or told, seed
        shutil.rmtree(lake.root)
