"""STILTS asks the service and reads its documents, as TOPCAT does."""

from __future__ import annotations

import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import astropy.units as u
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table

from app.lake import Snapshot
from tests.support.server import LiveServer

pytestmark = pytest.mark.stilts


@pytest.fixture(scope="module")
def events(snapshot: Snapshot) -> Table:
    """The events of the lake as its Parquet files have them, in order of release and row."""
    files = sorted((snapshot.lake / "events").rglob("*.parquet"))
    rows = pa.concat_tables([pq.ParquetFile(file).read() for file in files])
    table = Table(rows.to_pydict())
    table.sort(["collection", "event_row"])
    return table


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def ask(stilts: str, server: LiveServer, tmp_path: Path):
    """Give the result of a query as STILTS writes it anew."""

    def query(adql: str, *options: str) -> Table:
        out = tmp_path / "result.vot"
        command = [stilts, "tapquery", "sync=true", f"tapurl={server.tap}", f"adql={adql}", f"out={out}"]
        done = run(*command, "ofmt=votable-binary-inline", *options)
        assert done.returncode == 0, done.stderr
        return Table.read(out, format="votable")

    return query


def test_all_rows_and_columns_come_as_they_are_in_the_lake(ask, events: Table):
    result = ask("SELECT * FROM dl3.events ORDER BY collection, event_row")
    assert len(result) == len(events) == 1500
    assert result.colnames[:8] == [
        *("collection", "obs_id", "event_id", "event_time", "event_mjd", "ra", "dec", "energy")
    ]
    for name in events.colnames:
        assert list(result[name]) == list(events[name]), name


@pytest.mark.parametrize(
    ("ra", "dec", "radius"), [(83.63, 22.01, 0.4), (359.9, -60.0, 1.0), (0.0, -60.0, 0.5), (0.0, -90.0, 31.0)]
)
def test_a_cone_has_the_events_within_its_radius(ask, events: Table, ra: float, dec: float, radius: float):
    result = ask(
        "SELECT collection, event_row FROM dl3.events WHERE 1 = CONTAINS(POINT('ICRS', ra, dec), "
        f"CIRCLE('ICRS', {ra}, {dec}, {radius})) ORDER BY collection, event_row"
    )
    # astropy's own separation; no event of this lake is within 1e-9 deg of the rim.
    positions = SkyCoord(events["ra"], events["dec"], unit="deg")
    separation = positions.separation(SkyCoord(ra, dec, unit="deg")).to_value(u.deg)
    assert np.all(np.abs(separation - radius) > 1e-9)
    inside = events[separation < radius]
    assert 0 < len(inside) < len(events)
    assert list(result["event_row"]) == list(inside["event_row"])
    assert list(result["collection"]) == list(inside["collection"])


def test_metadata_reach_the_client(ask):
    result = ask("SELECT TOP 1 ra, energy, event_time FROM dl3.events")
    assert [str(result[name].unit) for name in result.colnames] == ["deg", "TeV", "s"]
    assert [result[name].meta["ucd"] for name in result.colnames] == [
        *("pos.eq.ra;meta.main", "em.energy", "time.epoch")
    ]
    assert result["energy"].description == "Reconstructed energy"


def test_maxrec_is_kept(ask):
    result = ask("SELECT event_id FROM dl3.events", "maxrec=7")
    assert len(result) == 7


def test_a_wrong_query_is_refused_with_its_reason(stilts: str, server: LiveServer):
    command = [stilts, "tapquery", "sync=true", f"tapurl={server.tap}", "adql=SELECT enrgy FROM dl3.events"]
    done = run(*command, "parse=false")
    assert done.returncode != 0
    assert "enrgy" in done.stderr


QUERIES = {
    "instrument columns": "SELECT * FROM dl3.events",
    "nulls": "SELECT * FROM dl3.collections",
    "every other table": "SELECT * FROM dl3.observations",
    "no rows": "SELECT * FROM dl3.targets",
    "quoted name": "SELECT * FROM tap_schema.columns",
    "expressions": "SELECT COUNT(*), MAX(energy) AS m, AVG(ra) * 2, 'a<b' AS t FROM dl3.events GROUP BY ra",
    "a fault": "SELECT nothing FROM nowhere",
}


@pytest.mark.parametrize("serialization", ["BINARY2", "TABLEDATA", "BINARY"])
@pytest.mark.parametrize("adql", QUERIES.values(), ids=QUERIES)
def test_votlint_has_no_complaint(
    stilts: str, server: LiveServer, tmp_path: Path, adql: str, serialization: str
):
    document = tmp_path / "result.vot"
    document.write_bytes(
        fetch(
            f"{server.tap}/sync",
            LANG="ADQL",
            QUERY=adql,
            MAXREC="50",
            RESPONSEFORMAT=f"application/x-votable+xml;serialization={serialization}",
        )
    )
    command = [stilts, "votlint", f"votable={document}", "ucd=true", "unit=true"]
    done = run(*command)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def fetch(url: str, **parameters: str) -> bytes:
    """The body of the answer, be it a result or the document of a fault."""
    request = urllib.request.Request(url, data=urllib.parse.urlencode(parameters).encode())
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.read()
    except urllib.error.HTTPError as fault:
        with fault:
            return fault.read()
