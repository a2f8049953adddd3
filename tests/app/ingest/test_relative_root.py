"""A path is what it leads to, however it is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from astropy.io import fits
from astropy.table import Table

from app.ingest import ingest


def _store(folder: Path) -> None:
    """A data store with one event list and an HDU index."""
    folder.mkdir(parents=True)
    events = Table({"EVENT_ID": [1], "TIME": [1.0], "RA": [83.6], "DEC": [22.0], "ENERGY": [1.0]})
    events["TIME"].unit, events["RA"].unit, events["DEC"].unit, events["ENERGY"].unit = (
        "s",
        "deg",
        "deg",
        "TeV",
    )
    hdu = fits.table_to_hdu(events)
    hdu.header.update(EXTNAME="EVENTS", HDUCLAS1="EVENTS", OBS_ID=7, MJDREFI=51910, MJDREFF=0.0, TIMESYS="TT")
    hdu.writeto(folder / "run.fits")
    names = ["OBS_ID", "HDU_TYPE", "HDU_CLASS", "FILE_DIR", "FILE_NAME", "HDU_NAME"]
    index = Table(rows=[(7, "events", "events", "", "run.fits", "EVENTS")], names=names)
    index.write(folder / "hdu-index.fits.gz")


@pytest.mark.parametrize("written", ["releases", "other/../releases", "./releases/."])
def test_a_path_with_dots_is_no_other_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    (tmp_path / "other").mkdir()
    _store(tmp_path / "releases" / "one")
    monkeypatch.chdir(tmp_path)
    report = ingest(Path(written), lake=tmp_path / "lake")
    assert [release.collection for release in report.collections] == ["one"]
