"""Cone search: events and observations around a place, as pyvo and STILTS ask for them."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import httpx
import pytest
import pyvo
from astropy.coordinates import SkyCoord
from astropy.io import votable

from tests.support.server import LiveServer


@pytest.mark.parametrize("table", ["events", "observations"])
def test_rows_are_those_in_the_circle(archive: LiveServer, table: str):
    service = pyvo.dal.SCSService(f"{archive.url}/scs/{table}?")
    radius = 0.05 if table == "events" else 1.0
    found = service.search(pos=(83.63, 22.01), radius=radius, verbosity=3).to_table()
    assert len(found)
    apart = SkyCoord(83.63, 22.01, unit="deg").separation(SkyCoord(found["ra"], found["dec"], unit="deg"))
    assert apart.deg.max() <= radius
    assert len(set(found["row_id"])) == len(found)
    place = "ra, dec" if table == "events" else "fov_ra, fov_dec"
    circle = f"CIRCLE(83.63, 22.01, {radius})"
    query = f"SELECT COUNT(*) AS n FROM dl3.{table} WHERE 1 = CONTAINS(POINT({place}), {circle})"
    assert next(iter(pyvo.dal.TAPService(archive.tap).search(query)))["n"] == len(found)


def test_more_is_told_with_more_verbosity(archive: LiveServer):
    widths = []
    for verbosity in (1, 2, 3):
        place = {"RA": 83.63, "DEC": 22.01, "SR": 0.01, "VERB": verbosity}
        answer = httpx.get(f"{archive.url}/scs/events", params=place)
        widths.append(answer.text.count("<FIELD"))
        assert all(f'ucd="{ucd}"' in answer.text for ucd in ("ID_MAIN", "POS_EQ_RA_MAIN", "POS_EQ_DEC_MAIN"))
    assert widths == sorted(set(widths))


def test_a_radius_of_zero_gives_the_columns(archive: LiveServer):
    answer = httpx.get(f"{archive.url}/scs/events", params={"RA": 1, "DEC": 2, "SR": 0})
    assert answer.text.count("<FIELD") > 3
    assert "<TR>" not in answer.text


@pytest.mark.parametrize(
    "parameters",
    [{}, {"RA": 1, "DEC": 2}, {"RA": "x", "DEC": 2, "SR": 1}, {"RA": 1, "DEC": 95, "SR": 1},
     {"RA": 1, "DEC": 2, "SR": 1, "VERB": 9}, {"RA": 1, "DEC": 2, "SR": 1, "MAXREC": "1.5"}],
)  # fmt: skip
def test_what_is_wrong_is_told_as_the_standard_has_it(archive: LiveServer, parameters: dict[str, object]):
    answer = httpx.get(f"{archive.url}/scs/events", params=parameters)
    assert answer.headers["content-type"].startswith("text/xml")
    document = votable.parse(io.BytesIO(answer.content))
    (info,) = document.resources[0].infos
    assert (info.ID, info.name) == ("Error", "Error")
    assert info.value


@pytest.mark.stilts
def test_stilts_matches_positions_by_it(archive: LiveServer, stilts: str, tmp_path: Path):
    places = tmp_path / "places.csv"
    places.write_text("name,ra,dec\nCrab,83.63,22.01\nnowhere,10,-80\n")
    out = tmp_path / "out.csv"
    subprocess.run(
        [stilts, "coneskymatch", f"in={places}", "ifmt=csv", "ra=ra", "dec=dec", "sr=0.02",
         "servicetype=cone", f"serviceurl={archive.url}/scs/events?", "find=all",
         "ofmt=csv", f"out={out}", "erract=abort"],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    lines = out.read_text().splitlines()
    assert len(lines) > 1
    assert all(line.startswith("Crab,") for line in lines[1:])
