"""Images of observations: found by SIA 2, counted as astropy counts, cut out, and pictured."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import astropy.units as u
import httpx
import numpy as np
import pytest
import pyvo
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from PIL import Image

from tests.support.server import LiveServer


@pytest.fixture(scope="module")
def sia(archive: LiveServer) -> pyvo.dal.SIA2Service:
    return pyvo.dal.SIA2Service(f"{archive.url}/sia")


@pytest.fixture(scope="module")
def tap(archive: LiveServer) -> pyvo.dal.TAPService:
    return pyvo.dal.TAPService(archive.tap)


@pytest.fixture(scope="module")
def counts(archive: LiveServer, tap: pyvo.dal.TAPService) -> tuple[str, fits.PrimaryHDU]:
    """Publisher DID and content of an image of counts."""
    row = next(iter(tap.search(
        "SELECT TOP 1 * FROM ivoa.obscore WHERE dataproduct_subtype = 'counts' "
        "ORDER BY obs_publisher_did DESC"
    )))  # fmt: skip
    answer = httpx.get(row["access_url"], timeout=120)
    assert answer.headers["content-type"] == "image/fits"
    with fits.open(io.BytesIO(answer.content)) as hdus:
        hdus.verify("exception")
        return str(row["obs_publisher_did"]), hdus[0].copy()


def test_an_image_counts_the_events_of_the_file(
    tap: pyvo.dal.TAPService, counts: tuple[str, fits.PrimaryHDU], simulated_archive: Path
):
    did, image = counts
    dataset = did.partition("?")[2]
    (row,) = tap.search(
        f"SELECT collection, events_file, s_xel1, s_xel2, s_pixel_scale FROM dl3.observations AS a "
        f"JOIN ivoa.obscore AS b ON b.obs_publisher_did = '{did}' WHERE dataset_id = '{dataset}'"
    )
    with fits.open(simulated_archive / row["collection"] / row["events_file"]) as hdus:
        events = hdus["EVENTS"].data
        x, y = WCS(image.header).world_to_pixel(SkyCoord(events["RA"], events["DEC"], unit="deg"))
    edges = np.arange(image.shape[0] + 1) - 0.5
    expected = np.histogram2d(y, x, bins=(edges, edges))[0]
    # A direction in 32 bits may fall to the other side of an edge.
    assert np.abs(expected - image.data).sum() <= 4
    assert image.shape == (row["s_xel2"], row["s_xel1"])
    scale = np.abs(image.header["CDELT1"]) * 3600
    assert abs(scale - row["s_pixel_scale"]) < 1e-6


def test_maps_of_gammapy_belong_together(archive: LiveServer):
    found = {}
    for kind in ("exposure", "background", "excess", "significance", "flux"):
        answer = httpx.get(f"{archive.url}/images/sim-south/101/{kind}.fits", timeout=240)
        assert answer.status_code == 200, answer.text
        with fits.open(io.BytesIO(answer.content)) as hdus:
            found[kind] = hdus[0].copy()
    middle = tuple(length // 2 for length in found["exposure"].shape)
    # Gammapy, from the same effective area: livetime times area on the axis, near 1 TeV.
    assert 1e6 < found["exposure"].data[middle] < 1e10
    assert found["exposure"].data.max() == pytest.approx(found["exposure"].data[middle], rel=0.3)
    counted = found["excess"].data + found["background"].data
    np.testing.assert_allclose(counted, np.round(counted), atol=1e-3)
    assert found["background"].data.min() >= 0
    # The simulated source stands out.
    assert np.nanmax(found["significance"].data) > 4
    for image in found.values():
        assert image.header["E_MIN"] < image.header["E_MAX"]
        assert WCS(image.header).wcs.ctype[0].startswith("RA---")


def test_an_image_that_cannot_be_made_is_not_promised(archive: LiveServer, tap: pyvo.dal.TAPService):
    kinds = tap.search(
        "SELECT DISTINCT dataproduct_subtype FROM ivoa.obscore WHERE obs_collection = 'sim-mono' "
        "AND dataproduct_type = 'image'"
    )
    assert "excess" not in {str(row["dataproduct_subtype"]) for row in kinds}
    dataset = next(iter(tap.search("SELECT dataset_id FROM dl3.observations WHERE collection = 'sim-mono'")))
    answer = httpx.get(f"{archive.url}/images/{dataset['dataset_id']}/excess.fits")
    assert answer.status_code == 404
    assert httpx.get(f"{archive.url}/images/none/1/counts.fits").status_code == 404


def test_a_picture_shows_an_observation(archive: LiveServer, tap: pyvo.dal.TAPService):
    row = next(iter(tap.search("SELECT TOP 1 preview FROM ivoa.obscore ORDER BY obs_publisher_did")))
    answer = httpx.get(row["preview"], timeout=120)
    assert answer.headers["content-type"] == "image/png"
    picture = Image.open(io.BytesIO(answer.content))
    assert picture.size == (960, 460)
    assert len(picture.convert("RGB").getcolors(2**20) or []) > 100


def test_images_are_found_where_they_are(sia: pyvo.dal.SIA2Service, tap: pyvo.dal.TAPService):
    place = SkyCoord(83.63, 22.01, unit="deg")
    found = sia.search(pos=(place.ra.deg * u.deg, place.dec.deg * u.deg, 0.5 * u.deg)).to_table()
    everything = tap.search("SELECT * FROM ivoa.obscore WHERE dataproduct_type = 'image'").to_table()
    centres = SkyCoord(everything["s_ra"], everything["s_dec"], unit="deg")
    near = place.separation(centres).deg <= 0.5 + everything["s_fov"] / 2
    assert set(found["obs_publisher_did"]) == set(everything["obs_publisher_did"][near])
    assert len(found) > 0


@pytest.mark.parametrize(
    ("parameters", "condition"),
    [
        ([("BAND", "-Inf 1e-18")], "em_min <= 1e-18"),
        ([("BAND", "1e-19")], "em_min <= 1e-19 AND em_max >= 1e-19"),
        ([("TIME", "58000 +Inf")], "t_max >= 58000"),
        (
            [("COLLECTION", "sim-mono"), ("COLLECTION", "sim-south")],
            "obs_collection IN ('sim-mono', 'sim-south')",
        ),
        ([("FOV", "5 +Inf"), ("CALIB", "3")], "s_fov >= 5 AND calib_level = 3"),
        ([("DPTYPE", "cube")], "1 = 0"),
        ([("POL", "I")], "1 = 0"),
        ([("EXPTIME", "1000 2000")], "t_exptime BETWEEN 1000 AND 2000"),
        ([("format", "image/fits"), ("pos", "POLYGON 80 20 88 20 88 24 80 24")], "s_ra BETWEEN 60 AND 100"),
        ([("POS", "RANGE 0 360 -90 90")], "1 = 1"),
        ([("POS", "CIRCLE 83.6 22 1"), ("POS", "CIRCLE 266 -29 1")], None),
    ],
)
def test_parameters_mean_what_the_standard_says(
    archive: LiveServer, tap: pyvo.dal.TAPService, parameters: list[tuple[str, str]], condition: str | None
):
    url = httpx.URL(f"{archive.url}/sia/query", params=[*parameters, ("RESPONSEFORMAT", "json")])
    answer = httpx.get(url, timeout=60)
    assert answer.status_code == 200, answer.text
    found = answer.json()["data"]
    if condition is not None:
        query = f"SELECT COUNT(*) AS n FROM ivoa.obscore WHERE dataproduct_type = 'image' AND {condition}"
        assert len(found) == next(iter(tap.search(query)))["n"]
    else:
        assert found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POS", "SQUARE 1 2 3"),
        ("POS", "CIRCLE 1 2"),
        ("POS", "CIRCLE 1 95 1"),
        ("BAND", "2 1"),
        ("BAND", "red"),
        ("TIME", "NaN"),
        ("CALIB", "two"),
        ("MAXREC", "-1"),
        ("POS", "POLYGON 1 2 3 4"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name(archive: LiveServer, name: str, value: str):
    answer = httpx.get(f"{archive.url}/sia/query", params={name: value})
    assert answer.status_code == 400
    assert name in answer.text


def test_a_service_describes_itself(archive: LiveServer):
    answer = httpx.get(f"{archive.url}/sia/query", params={"MAXREC": 0})
    table = pyvo.dal.SIA2Results.from_result_url(str(answer.url))
    assert len(table) == 0
    assert "adhoc:this" in answer.text
    assert 'name="SPATRES"' in answer.text
    assert 'value="OVERFLOW"' in answer.text


@pytest.mark.stilts
@pytest.mark.parametrize("path", ["sia/query?MAXREC=5", "scs/observations?RA=83.63&DEC=22.01&SR=3"])
def test_votlint_is_content(archive: LiveServer, stilts: str, path: str):
    done = subprocess.run(
        [stilts, "votlint", f"votable={archive.url}/{path}"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    said = [
        line for line in (done.stdout + done.stderr).splitlines() if line.startswith(("ERROR", "WARNING"))
    ]
    assert said == []


def test_a_part_of_an_image_is_that_part(archive: LiveServer, counts: tuple[str, fits.PrimaryHDU]):
    did, whole = counts
    wcs = WCS(whole.header)
    place = wcs.pixel_to_world(20.0, 30.0)
    shape = f"{place.ra.deg} {place.dec.deg} 0.15"
    for parameters in ({"CIRCLE": shape}, {"POS": f"CIRCLE {shape}"}):
        answer = httpx.get(f"{archive.url}/soda/sync", params={"ID": did, **parameters})
        with fits.open(io.BytesIO(answer.content)) as hdus:
            part, own = hdus[0].data, WCS(hdus[0].header)
        assert part.size < whole.data.size
        x, y = (round(float(value)) for value in own.world_to_pixel(place))
        left, low = 20 - x, 30 - y
        np.testing.assert_array_equal(
            part, whole.data[low : low + part.shape[0], left : left + part.shape[1]]
        )
        # The whole circle is in it.
        assert (
            min(x, y, part.shape[1] - 1 - x, part.shape[0] - 1 - y)
            >= int(0.15 / abs(whole.header["CDELT1"])) - 1
        )


def test_a_part_that_is_elsewhere_has_no_content(archive: LiveServer, counts: tuple[str, fits.PrimaryHDU]):
    answer = httpx.get(f"{archive.url}/soda/sync", params={"ID": counts[0], "CIRCLE": "200 -60 0.1"})
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"ID": "ivo://gammahub.invalid/dl3?sim-mono/1"},
        {"ID": "../../etc/passwd", "CIRCLE": "1 2 3"},
        {"ID": "ivo://gammahub.invalid/dl3/counts?sim-south/101", "CIRCLE": "1 2"},
        {"ID": "ivo://gammahub.invalid/dl3/counts?sim-south/101", "POS": "BOX 1 2 3 4"},
    ],
)
def test_what_is_no_cut_out_is_refused(archive: LiveServer, parameters: dict[str, str]):
    answer = httpx.get(f"{archive.url}/soda/sync", params=parameters)
    assert answer.status_code == 400
    assert "QUERY_STATUS" in answer.text


@pytest.mark.real
def test_there_are_links_an_image_and_a_cut_out_for_every_real_observation(real_home: Path):
    from app.config import Config  # noqa: PLC0415
    from tests.support.server import serve  # noqa: PLC0415

    with serve(Config(home=real_home)) as live, httpx.Client(base_url=live.url, timeout=120) as http:
        query = (
            "SELECT obs_publisher_did, access_url, s_ra, s_dec FROM ivoa.obscore "
            "WHERE dataproduct_subtype = 'counts' ORDER BY obs_collection, obs_id"
        )
        form = {"QUERY": query, "LANG": "ADQL", "FORMAT": "json"}
        rows = http.post("/tap/sync", data=form).json()["data"]
        lists = http.post("/tap/sync", data={**form, "QUERY": "SELECT * FROM dl3.observations"}).json()[
            "data"
        ]
        assert len(rows) == len(lists)
        links = http.post("/datalink/links", data={"ID": [row[0] for row in rows]}).text
        assert links.count("#progenitor") == len(rows)
        assert "Fault:" not in links
        # Each collection is tried with its first and last observation: all of them take minutes.
        some = {row[0].partition("?")[2].partition("/")[0]: row for row in rows}
        some |= {
            name + "'": row for row in reversed(rows) for name in [row[0].partition("?")[2].split("/")[0]]
        }
        for did, url, ra, dec in some.values():
            with fits.open(io.BytesIO(http.get(url).content)) as hdus:
                assert hdus[0].data.sum() > 0
            answer = http.get("/soda/sync", params={"ID": did, "CIRCLE": f"{ra} {dec} 0.2"})
            with fits.open(io.BytesIO(answer.content)) as hdus:
                assert hdus[0].data.size > 0
