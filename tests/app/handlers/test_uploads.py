"""Tables come with a query: they are seen as they were sent, in ADQL and in every format of the result."""

from __future__ import annotations

import csv
import gzip
import io
import json
from typing import Any

import astropy.units as u
import httpx
import numpy as np
import pyarrow as pa
import pytest
from astropy.coordinates import SkyCoord
from astropy.io.votable import parse_single_table
from astropy.table import Table
from pyarrow import parquet

from app.config import Config
from tests.support.server import serve

HEAD = """<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE type="results">
<COOSYS ID="gal" system="galactic"/><TABLE name="x">"""
FIELDS = """
<FIELD name="id" datatype="int" ucd="meta.id" utype="a:b.c"><DESCRIPTION>A &lt;number&gt;</DESCRIPTION>
  <VALUES null="-99"/></FIELD>
<FIELD name="flux" datatype="double" unit="TeV**-1.cm**-2.s**-1" ucd="phot.flux.density"/>
<FIELD name="good" datatype="boolean"/>
<FIELD name="octet" datatype="unsignedByte"/>
<FIELD name="name" datatype="unicodeChar" arraysize="*" ucd="meta.id;src"/>
<FIELD name="code" datatype="char" arraysize="4"/>
<FIELD name="seen" datatype="char" arraysize="*" xtype="timestamp" ucd="time.epoch"/>
<FIELD name="place" datatype="double" arraysize="2" xtype="point" unit="deg" ucd="pos.eq"/>
<FIELD name="cone" datatype="double" arraysize="3" xtype="circle" unit="deg"/>
<FIELD name="shape" datatype="double" arraysize="*" xtype="polygon" unit="deg"/>
<FIELD name="span" datatype="double" arraysize="2" xtype="interval" unit="d"/>
<FIELD name="counts" datatype="int" arraysize="*"/>
<FIELD name="glon" datatype="double" unit="deg" ucd="pos.galactic.lon" ref="gal"/>
"""
ROWS = [
    [
        *(7, 1.5e-12, True, 200, "Größe ★", "ab", "2020-02-29T12:30:00.500", [83.63, 22.01]),
        *([83.63, 22.01, 0.5], [83.0, 21.5, 84.2, 21.5, 83.6, 22.6], [1.0, 2.0], [1, -2, 3], 184.5),
    ],
    [None] * 13,
    [
        *(8, -0.0, False, 0, "b & c", "wxyz", "1999-12-31T23:59:59.000", [0.0, -5.0]),
        *([0.0, -5.0, 1.0], [359.0, -6.0, 1.0, -6.0, 0.5, -4.0], [-1.0, 0.5], [5], 0.25),
    ],
]
NAMES = "id flux good octet name code seen place cone shape span counts glon".split()
UNITS = {"flux": "TeV**-1.cm**-2.s**-1", "span": "d"} | dict.fromkeys(
    ["place", "cone", "shape", "glon"], "deg"
)
UCDS = {
    "id": "meta.id",
    "flux": "phot.flux.density",
    "name": "meta.id;src",
    "seen": "time.epoch",
    "place": "pos.eq",
    "glon": "pos.galactic.lon",
}
XTYPES = {"seen": "timestamp", "place": "point", "cone": "circle", "shape": "polygon", "span": "interval"}


def cell(value: Any) -> str:
    """TABLEDATA of a value."""
    if value is None:
        return "<TD/>"
    if isinstance(value, bool):
        return f"<TD>{'T' if value else 'F'}</TD>"
    text = " ".join(map(repr, value)) if isinstance(value, list) else str(value)
    return f"<TD>{text.replace('&', '&amp;')}</TD>"


def document(fields: str = FIELDS, rows: list[list[Any]] | None = None, body: str | None = None) -> bytes:
    """The table; NULL of the first column is what it says."""
    if body is None:
        given = [[-99 if row[0] is None else row[0], *row[1:]] for row in (ROWS if rows is None else rows)]
        body = "".join(f"<TR>{''.join(map(cell, row))}</TR>" for row in given)
    end = "</TABLE></RESOURCE></VOTABLE>"
    return f"{HEAD}{fields}<DATA><TABLEDATA>{body}</TABLEDATA></DATA>{end}".encode()


def ask(client: httpx.Client, query: str, content: bytes | None = None, **parameters: str) -> httpx.Response:
    """What the query with the table t gives."""
    data = {"QUERY": query, "LANG": "ADQL", "RESPONSEFORMAT": "json", "UPLOAD": "t,param:t", **parameters}
    return client.post("/tap/sync", data=data, files={"t": document() if content is None else content})


def rows(
    client: httpx.Client, query: str, content: bytes | None = None, **parameters: str
) -> list[list[Any]]:
    """The rows of that."""
    answer = ask(client, query, content, **parameters)
    assert answer.status_code == 200, answer.text
    return json.loads(answer.content)["data"]


def same(found: list[list[Any]], nothing: Any = None) -> bool:
    """The rows are those that were sent; ``nothing`` stands for NULL in a text."""
    expected = [[nothing if value is None else value for value in row] for row in ROWS]
    return found == expected


# Back again


def is_nothing(column: Any, row: int) -> bool:
    """Masked, not a number, or empty: what each way of writing has for NULL."""
    value = np.ma.getdata(column)[row]
    if np.ma.getmaskarray(column)[row].all() or np.size(value) == 0:
        return True
    return str(value) == "" or (np.asarray(value).dtype.kind == "f" and bool(np.isnan(value).all()))


def test_json_has_all_of_it(client):
    answer = json.loads(ask(client, "SELECT * FROM TAP_UPLOAD.t").content)
    assert same(answer["data"])
    said = {column["name"]: column for column in answer["metadata"]}
    assert list(said) == NAMES
    for key, expected in (("unit", UNITS), ("ucd", UCDS), ("xtype", XTYPES), ("utype", {"id": "a:b.c"})):
        assert {name: column[key] for name, column in said.items() if key in column} == expected
    assert said["id"]["description"] == "A <number>"


@pytest.mark.parametrize("format_", ["votable/td", "votable/b", "votable/b2", "votable"])
def test_votable_has_all_of_it(client, format_):
    answer = ask(client, "SELECT * FROM TAP_UPLOAD.t", RESPONSEFORMAT=format_)
    table = parse_single_table(io.BytesIO(answer.content))
    assert [field.name for field in table.fields] == NAMES
    for key, expected in (("ucd", UCDS), ("xtype", XTYPES), ("utype", {"id": "a:b.c"})):
        assert {f.name: getattr(f, key) for f in table.fields if getattr(f, key)} == expected
    sent = parse_single_table(io.BytesIO(document()))
    for field, was in zip(table.fields, sent.fields, strict=True):
        # In BINARY no octet can say that it is NULL.
        wider = format_ == "votable/b" and was.datatype == "unsignedByte"
        assert (field.datatype, field.arraysize) == ("short" if wider else was.datatype, was.arraysize)
        assert (field.unit, field.description) == (was.unit, was.description)
    here, there = table.array, sent.array
    for name in NAMES:
        for row in (0, 2):
            assert np.array_equal(here[name][row], there[name][row]), name
        assert is_nothing(here[name], 1), name
    assert table.get_field_by_id_or_name("glon").ref == "coosys_galactic"


def test_csv_has_all_of_it(client):
    answer = ask(client, "SELECT * FROM TAP_UPLOAD.t", RESPONSEFORMAT="csv")
    names, *found = csv.reader(io.StringIO(answer.text))
    assert names == NAMES
    assert found[1] == [""] * 13
    assert found[0][:7] == ["7", "1.5e-12", "true", "200", "Größe ★", "ab", ROWS[0][6]]
    assert [float(number) for number in found[2][9].split()] == ROWS[2][9]


@pytest.mark.parametrize("format_", ["parquet", "arrow"])
def test_arrow_has_all_of_it(client, format_):
    answer = ask(client, "SELECT * FROM TAP_UPLOAD.t", RESPONSEFORMAT=format_)
    content = io.BytesIO(answer.content)
    table = parquet.read_table(content) if format_ == "parquet" else pa.ipc.open_stream(content).read_all()
    assert same([list(row.values()) for row in table.to_pylist()])
    for key, expected in ((b"unit", UNITS), (b"ucd", UCDS)):
        facts = {field.name: (field.metadata or {}).get(key) for field in table.schema}
        assert {name: fact.decode() for name, fact in facts.items() if fact} == expected


@pytest.mark.filterwarnings("ignore:Column 'good' contains NULL")
def test_fits_has_all_of_it(client):
    answer = ask(client, "SELECT * FROM TAP_UPLOAD.t", RESPONSEFORMAT="fits")
    table = Table.read(io.BytesIO(answer.content), format="fits", character_as_bytes=False)
    assert table.colnames == NAMES
    assert table["id"].tolist() == [7, None, 8]
    assert table["place"][0].tolist() == ROWS[0][7]
    assert table["shape"][2].tolist() == ROWS[2][9]
    assert table["counts"][0].tolist() == ROWS[0][11]
    assert table["seen"][2].strip() == ROWS[2][6]
    assert table["glon"].unit == u.deg


def test_ecsv_has_all_of_it(client):
    answer = ask(client, "SELECT * FROM TAP_UPLOAD.t", RESPONSEFORMAT="ecsv")
    table = Table.read(answer.text, format="ascii.ecsv")
    assert table.colnames == NAMES
    assert table["name"].tolist() == ["Größe ★", None, "b & c"]
    assert table["cone"][2].tolist() == ROWS[2][8]
    assert table["counts"][0].tolist() == ROWS[0][11]
    assert {name: table[name].meta["ucd"] for name in NAMES if "ucd" in table[name].meta} == UCDS


@pytest.mark.parametrize("format_", ["votable/td", "votable/b", "votable/b2", "parquet", "ecsv", "csv"])
def test_a_result_may_be_sent_again(client, format_):
    """In whatever format it came, values and types are the same as the first time."""
    query = "SELECT id, flux, octet, name, seen, good FROM TAP_UPLOAD.t"
    first = ask(client, query, RESPONSEFORMAT=format_)
    assert rows(client, query, first.content) == [row[:2] + row[3:5] + row[6:7] + row[2:3] for row in ROWS]


# In ADQL


def events(client: httpx.Client) -> SkyCoord:
    """Every event that is served."""
    answer = client.get("/tap/sync", params={"QUERY": "SELECT ra, dec FROM dl3.events", "FORMAT": "csv"})
    table = np.genfromtxt(io.StringIO(answer.text), delimiter=",", skip_header=1)
    return SkyCoord(table[:, 0], table[:, 1], unit=u.deg)


@pytest.mark.parametrize(
    "condition",
    [
        "1 = CONTAINS(POINT(e.ra, e.dec), t.cone)",
        "1 = INTERSECTS(t.cone, POINT(e.ra, e.dec))",
        "1 = CONTAINS(POINT(e.ra, e.dec), CIRCLE(t.place, 0.5 * t.id - 3.0))",
        "DISTANCE(t.place, POINT(e.ra, e.dec)) < 0.5 * t.id - 3.0",
        "DISTANCE(COORD1(t.place), COORD2(t.place), e.ra, e.dec) < COORD2(POINT(0, 0)) + 0.5 * t.id - 3.0",
    ],
)
def test_points_and_circles_are_geometries(client, condition):
    """Around each the events within its radius, as astropy counts them; NULL contains nothing."""
    query = (
        f"SELECT t.id, COUNT(*) AS n FROM TAP_UPLOAD.t AS t JOIN dl3.events AS e ON {condition} GROUP BY t.id"
    )
    sky = events(client)
    expected = {
        row[0]: int((sky.separation(SkyCoord(*row[7], unit=u.deg)) < row[8][2] * u.deg).sum())
        for row in ROWS
        if row[0]
    }
    assert dict(rows(client, query)) == expected
    assert min(expected.values()) > 100


def test_polygons_are_geometries(client):
    query = "SELECT t.id, AREA(t.shape) AS a FROM TAP_UPLOAD.t AS t ORDER BY id"
    # Plane triangles of that size are right to a thousandth.
    areas = [0.5 * 1.2 * 1.1 * np.cos(np.radians(21.87)), 0.5 * 2.0 * 2.0 * np.cos(np.radians(5.33))]
    assert dict(rows(client, query)) == {
        7: pytest.approx(areas[0], rel=2e-3),
        8: pytest.approx(areas[1], rel=2e-3),
        None: None,
    }
    inside = "SELECT id FROM TAP_UPLOAD.t AS t WHERE 1 = CONTAINS(t.place, t.shape) ORDER BY id"
    assert rows(client, inside) == [[7], [8]]


OLD = """
<FIELD name="id" datatype="int"/>
<FIELD name="p" datatype="char" arraysize="*" xtype="adql:POINT"/>
<FIELD name="r" datatype="char" arraysize="*" xtype="adql:REGION"/>
<FIELD name="w" datatype="char" arraysize="*" xtype="adql:TIMESTAMP"/>
"""


def test_texts_of_tap_1_0_are_what_they_say(client):
    """Section 2.5 of TAP 1.0, as clients still send them."""
    table = document(
        OLD,
        [
            [1, "Position ICRS 83.63 22.01", "Circle ICRS 83.63 22.01 0.5", "2020-01-01 12:00:00"],
            [2, "POINT ICRS GEOCENTER 0.0 -5.0", "Polygon ICRS 359 -6 1 -6 0.5 -4", "2021-01-01T00:00:00Z"],
            [3, None, None, None],
        ],
    )
    query = (
        "SELECT id, COORD1(p) AS lon, COORD2(p) AS lat FROM TAP_UPLOAD.t WHERE 1 = CONTAINS(p, r) ORDER BY id"
    )
    assert rows(client, query, table) == [[1, 83.63, 22.01], [2, 0.0, -5.0]]
    later = "SELECT id FROM TAP_UPLOAD.t WHERE w > '2020-06-01'"
    assert rows(client, later, table) == [[2]]
    answer = json.loads(ask(client, "SELECT p, w FROM TAP_UPLOAD.t", table).content)
    assert [column["xtype"] for column in answer["metadata"]] == ["point", "timestamp"]
    assert answer["data"][2] == [None, None]
    # A position in another frame is none of ours, and stays the text that it is.
    other = document(OLD, [[1, "Position GALACTIC 184.5 -5.8", None, None]])
    assert rows(client, "SELECT p FROM TAP_UPLOAD.t", other) == [["Position GALACTIC 184.5 -5.8"]]


@pytest.mark.parametrize(
    ("condition", "ids"),
    [
        ("id IS NULL", [None]),
        ("good = 1", [7]),
        ("good = 0", [8]),
        ("good IS NULL", [None]),
        ("seen < '2000-01-01'", [8]),
        ("seen BETWEEN '2020-02-29T12:30:00' AND '2020-02-29T12:31:00'", [7]),
        ("ivo_to_mjd(seen) > 58908", [7]),
        ("octet > 199", [7]),
        ("name = 'Größe ★'", [7]),
        ("code LIKE 'ab%'", [7]),
        ("IN_UNIT(glon, 'rad') < 0.1", [8]),
        ("IN_UNIT(flux, 'GeV**-1.cm**-2.s**-1') > 1e-15", [7]),
    ],
)
def test_values_are_compared_as_what_they_are(client, condition, ids):
    assert [row[0] for row in rows(client, f"SELECT id FROM TAP_UPLOAD.t WHERE {condition}")] == ids


def test_names_of_columns_are_found_as_adql_finds_them(client):
    """Regular ones in any case, others in quotes; of those that are the same but for the case, all."""
    fields = "".join(
        f'<FIELD name="{name}" datatype="int"/>'
        for name in ("RA", "ra", "select", "a b", "Ü", "", "x;--", "x")
    )
    table = document(fields, body="<TR>" + "".join(f"<TD>{n}</TD>" for n in range(8)) + "</TR>")
    answer = json.loads(ask(client, "SELECT * FROM TAP_UPLOAD.t", table).content)
    names = [column["name"] for column in answer["metadata"]]
    assert names == ["RA", "ra_2", "select", "a b", "Ü", "column_6", "x;--", "x"]
    assert answer["data"] == [list(range(8))]
    quoted = ", ".join(f'"{name}"' for name in names)
    assert rows(client, f"SELECT {quoted} FROM TAP_UPLOAD.t", table) == [list(range(8))]
    assert rows(client, 'SELECT t.Ra, X, "x" AS y FROM tap_upload.T AS t', table) == [[0, 7, 7]]
    said = [info["value"] for info in answer["info"] if info["name"] == "warning"]
    assert any('"ra" of TAP_UPLOAD.t is called "ra_2" here' in text for text in said)


def test_uploads_are_for_their_own_query_only(client):
    assert rows(client, "SELECT COUNT(*) AS n FROM TAP_UPLOAD.t") == [[3]]
    answer = client.get("/tap/sync", params={"QUERY": "SELECT * FROM TAP_UPLOAD.t", "LANG": "ADQL"})
    assert answer.status_code == 400
    seen = {"QUERY": "SELECT COUNT(*) AS n FROM TAP_SCHEMA.tables WHERE schema_name LIKE '%UPLOAD%'"}
    assert client.get("/tap/sync", params={**seen, "FORMAT": "csv"}).text.split() == ["n", "0"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "It is empty"),
        (b"<VOTABLE", "cut off"),
        (gzip.compress(gzip.compress(b"\0" * 300_000_000)), "134,217,728 bytes, uncompressed"),
        (document(body="<TR><TD>x</TD></TR>"), "it has 1 cells, but there are 13 columns"),
        (b"a,b\n1,2\n3,4,5\n", "Expected 2 columns"),
        (b"PAR1" + b"\0" * 99, "not a whole Parquet file"),
        (b"\x7fELF" + b"\0" * 99, "is none of VOTable, FITS, Parquet"),
    ],
)
def test_what_is_wrong_with_a_table_is_told(client, content, told):
    answer = ask(client, "SELECT * FROM TAP_UPLOAD.t", content)
    assert answer.status_code in (400, 413)
    assert told in answer.text
    assert "Traceback" not in answer.text


def test_tables_are_read_in_the_time_that_a_query_may_take(small_home):
    """The time of any document is over before its first row here."""
    with (
        serve(Config(home=small_home, sync_timeout=1e-6)) as server,
        httpx.Client(base_url=server.url) as http,
    ):
        answer = ask(http, "SELECT COUNT(*) AS n FROM TAP_UPLOAD.t")
    assert answer.status_code == 408
    assert "The uploaded tables were not read within the 1e-06 s" in answer.text
    assert "/tap/async" in answer.text


def test_no_memory_is_held_when_the_query_is_over(client, live):
    rows(client, "SELECT COUNT(*) AS n FROM TAP_UPLOAD.t")
    ask(client, "SELECT nothing FROM TAP_UPLOAD.t")
    ask(client, "SELECT * FROM TAP_UPLOAD.t", b"<VOTABLE")
    assert live.service.queries.uploads.budget.used == 0
