"""The VOTable document around the rows: its schema, its statements, its systems, its end."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from importlib.resources import files
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from lxml import etree

from adql import ICRS, Column, CoordinateSystem, TimeSystem
from app.errors import QueryTimeout, ValueRangeError
from app.formats import Info, Provenance, error_document
from app.formats.votable import NAMESPACE, Serialization, VOTable
from app.results import ResultStream
from tests.app.formats.gallery import GALLERY, Sample, column, failing, truncated, until_fault, written

EACH = pytest.mark.parametrize("serialization", list(Serialization), ids=lambda s: s.value)
BINARY2 = VOTable(Serialization.BINARY2)
TABLEDATA = VOTable(Serialization.TABLEDATA)
SIMPLE = Sample.of({column("n", "int"): [1, 2, 3, 4, 5]}, repeats=4)


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    """The schema of VOTable 1.4 as astropy carries it."""
    text = files("astropy.io.votable").joinpath("data/VOTable.v1.4.xsd").read_bytes()
    return etree.XMLSchema(etree.fromstring(text))


def tree(document: bytes) -> etree._Element:
    return etree.fromstring(document, etree.XMLParser(huge_tree=True))


def find(document: bytes, path: str) -> list[etree._Element]:
    return tree(document).findall("/".join(f"{{{NAMESPACE}}}{step}" for step in path.split("/")))


def statements(document: bytes) -> list[tuple[str | None, str | None, str | None]]:
    return [(i.get("name"), i.get("value"), i.text) for i in find(document, "RESOURCE/INFO")]


def records(document: bytes) -> bytes:
    (stream,) = find(document, "RESOURCE/TABLE/DATA/BINARY2/STREAM")
    return base64.b64decode(stream.text or "")


def cells(document: bytes) -> list[list[str]]:
    rows = find(document, "RESOURCE/TABLE/DATA/TABLEDATA/TR")
    return [["".join(cell.itertext()) for cell in row] for row in rows]


@EACH
def test_every_document_is_valid(schema: etree.XMLSchema, serialization: Serialization) -> None:
    writer, sample = VOTable(serialization), Sample.of(GALLERY)
    info = Info("query", 'SELECT "a" <\n & b\x00', "The query")
    broken, _ = until_fault(writer.write(failing(sample, good=2), Provenance((info,))))
    for document in (
        written(writer, sample.stream(), info),
        written(writer, truncated(sample, 3)),
        written(writer, Sample.of(GALLERY, repeats=0).stream()),
        broken,
    ):
        schema.assertValid(tree(document))


def test_an_error_document_is_valid_and_has_no_table(schema: etree.XMLSchema) -> None:
    document = error_document("Unknown column <x>\n    ^", Provenance((Info("query", "SELECT x"),)))
    schema.assertValid(tree(document))
    assert statements(document) == [
        ("QUERY_STATUS", "ERROR", "Unknown column <x>\n    ^"),
        ("query", "SELECT x", None),
    ]
    assert find(document, "RESOURCE")[0].get("type") == "results"
    assert not find(document, "RESOURCE/TABLE")


@EACH
def test_status_and_provenance_come_before_the_table(serialization: Serialization) -> None:
    infos = (Info("query", "SELECT 'a\tb\n' <>", "what was asked"), Info("citation", "H.E.S.S. 2018 & co"))
    document = written(VOTable(serialization), SIMPLE.stream(), *infos)
    (resource,) = find(document, "RESOURCE")
    tags = [etree.QName(child).localname for child in resource]
    assert resource.get("type") == "results"
    assert tags == ["INFO", "INFO", "INFO", "TABLE"]
    assert statements(document) == [
        ("QUERY_STATUS", "OK", None),
        ("query", "SELECT 'a\tb\n' <>", "what was asked"),
        ("citation", "H.E.S.S. 2018 & co", None),
    ]
    assert resource[2].get("ucd") == "meta.bib"


@EACH
@pytest.mark.parametrize("maxrec", [0, 1, 7, 19])
def test_overflow_is_told_after_the_rows(serialization: Serialization, maxrec: int) -> None:
    document = written(VOTable(serialization), truncated(SIMPLE, maxrec))
    (resource,) = find(document, "RESOURCE")
    assert [etree.QName(child).localname for child in resource] == ["INFO", "TABLE", "INFO"]
    name, value, text = statements(document)[-1]
    assert (name, value) == ("QUERY_STATUS", "OVERFLOW")
    assert str(maxrec) in (text or "")


@EACH
@pytest.mark.parametrize("maxrec", [20, 21])
def test_a_whole_result_tells_no_overflow(serialization: Serialization, maxrec: int) -> None:
    assert statements(written(VOTable(serialization), truncated(SIMPLE, maxrec))) == [
        ("QUERY_STATUS", "OK", None)
    ]


@EACH
@pytest.mark.parametrize("good", [1, 2, 4])
def test_a_fault_between_rows_ends_a_whole_document(serialization: Serialization, good: int) -> None:
    document, fault = until_fault(VOTable(serialization).write(failing(SIMPLE, good), Provenance()))
    assert isinstance(fault, QueryTimeout)
    assert statements(document)[-1] == (
        "QUERY_STATUS",
        "ERROR",
        "The query took longer than 60 s & was <stopped>. Ask for less.",
    )
    if serialization is Serialization.BINARY2:
        assert len(records(document)) == 5 * good * (1 + 4)
    if serialization is Serialization.TABLEDATA:
        assert len(cells(document)) == 5 * good


def test_an_inner_fault_is_not_told_to_the_user() -> None:
    stream = failing(SIMPLE, 2, RuntimeError("/srv/secret.parquet: bad page"))
    document, fault = until_fault(BINARY2.write(stream, Provenance()))
    assert isinstance(fault, RuntimeError)
    assert b"secret" not in document
    assert statements(document)[-1][:2] == ("QUERY_STATUS", "ERROR")


@EACH
def test_a_fault_before_the_first_row_is_raised_before_any_chunk(serialization: Serialization) -> None:
    with pytest.raises(QueryTimeout):
        next(VOTable(serialization).write(failing(SIMPLE, good=0), Provenance()))


@EACH
def test_the_first_chunk_does_not_wait_for_a_second_batch(serialization: Serialization) -> None:
    asked = []

    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(3):
            asked.append(number)
            yield SIMPLE.batch

    chunks = VOTable(serialization).write(ResultStream(SIMPLE.columns, batches()), Provenance())
    first = next(chunks)
    assert asked == [0]
    assert b"<FIELD" in first


def test_fields_say_what_the_columns_say() -> None:
    what = column(
        "e <&> 'q' \"d\"",
        "double",
        "3",
        "interval",
        description="Energy & more\nthan < that",
        unit="TeV",
        ucd="em.energy",
        utype="x:y.z",
    )
    (field,) = find(written(BINARY2, Sample.of({what: []}).stream()), "RESOURCE/TABLE/FIELD")
    assert dict(field.attrib) == {
        "name": "e <&> 'q' \"d\"",
        "datatype": "double",
        "arraysize": "3",
        "xtype": "interval",
        "unit": "TeV",
        "ucd": "em.energy",
        "utype": "x:y.z",
    }
    assert field[0].text == "Energy & more\nthan < that"


MJD = TimeSystem("UTC", "TOPOCENTER", 2400000.5)


@pytest.mark.parametrize(
    ("system", "written_as"),
    [
        ("ICRS", "ICRS"),
        ("FK4", "eq_FK4"),
        ("FK5", "eq_FK5"),
        ("GALACTIC", "galactic"),
        ("SUPER_GALACTIC", "supergalactic"),
        ("ECLIPTIC", "ecl_FK5"),
    ],
)
def test_positions_refer_to_their_system(system: str, written_as: str, schema: etree.XMLSchema) -> None:
    what = column("lon", "double", unit="deg", coosys=CoordinateSystem(system, "J2000.0", "J2016.0"))
    document = written(BINARY2, Sample.of({what: []}).stream())
    (field,) = find(document, "RESOURCE/TABLE/FIELD")
    (frame,) = find(document, "RESOURCE/COOSYS")
    assert dict(frame.attrib) == {
        "ID": field.get("ref"),
        "system": written_as,
        "equinox": "J2000.0",
        "epoch": "J2016.0",
    }
    schema.assertValid(tree(document))


@pytest.mark.parametrize(
    ("system", "origin"),
    [
        (MJD, "2400000.5"),
        (TimeSystem("TT", "GEOCENTER", 0.0), "0"),
        (TimeSystem("TDB", "BARYCENTER", 2451910.5007428704), "2451910.5007428704"),
        (TimeSystem("UTC", "TOPOCENTER"), None),
    ],
    ids=str,
)
def test_times_refer_to_their_system(system: TimeSystem, origin: str | None, schema: etree.XMLSchema) -> None:
    document = written(BINARY2, Sample.of({column("t", "double", unit="d", timesys=system): []}).stream())
    (field,) = find(document, "RESOURCE/TABLE/FIELD")
    (frame,) = find(document, "RESOURCE/TIMESYS")
    assert frame.get("ID") == field.get("ref")
    assert (frame.get("timescale"), frame.get("refposition")) == (system.timescale, system.refposition)
    assert frame.get("timeorigin") == origin
    schema.assertValid(tree(document))


@pytest.mark.parametrize(
    "what",
    [
        column("ra", "double", unit="deg", ucd="pos.eq.ra;meta.main"),
        column("event_mjd", "double", unit="d", ucd="time.epoch"),
        column("azimuth", "double", unit="deg", coosys=CoordinateSystem("AZ_EL")),
    ],
    ids=lambda what: what.name,
)
def test_a_system_that_is_not_known_or_has_no_word_is_not_told(what: Column) -> None:
    document = written(BINARY2, Sample.of({what: []}).stream())
    (field,) = find(document, "RESOURCE/TABLE/FIELD")
    assert field.get("ref") is None
    assert not find(document, "RESOURCE/COOSYS") + find(document, "RESOURCE/TIMESYS")


def test_systems_that_differ_have_an_id_each() -> None:
    columns = [
        column(f"c{number}", "double", coosys=CoordinateSystem("FK5", equinox))
        for number, equinox in enumerate(["J1975.0", "J2000.0", None])
    ]
    document = written(BINARY2, Sample.of({each: [] for each in columns}).stream())
    fields = find(document, "RESOURCE/TABLE/FIELD")
    frames = {frame.get("ID"): frame.get("equinox") for frame in find(document, "RESOURCE/COOSYS")}
    assert [frames[field.get("ref")] for field in fields] == ["J1975.0", "J2000.0", None]


def test_a_system_is_declared_once_and_before_its_columns() -> None:
    ra, dec = (column(name, "double", unit="deg", coosys=ICRS) for name in ("ra", "dec"))
    document = written(BINARY2, Sample.of({ra: [], dec: []}).stream())
    assert len(find(document, "RESOURCE/COOSYS")) == 1
    assert document.index(b"<COOSYS") < document.index(b"<FIELD")


def test_binary2_tells_null_from_nan() -> None:
    values = {
        column("x", "double"): [1.5, float("nan"), None],
        column("f", "float"): [None, float("nan"), 2.5],
    }
    table = np.frombuffer(
        records(written(BINARY2, Sample.of(values, repeats=1).stream(1))),
        [("mask", "u1"), ("x", ">f8"), ("f", ">f4")],
    )
    assert table["mask"].tolist() == [0b01000000, 0, 0b10000000]
    assert np.isnan(table["x"][1:]).all()
    assert np.isnan(table["f"][:2]).all()
    assert (table["x"][0], table["f"][2]) == (1.5, 2.5)


def test_binary2_tells_a_null_text_from_an_empty_one() -> None:
    document = written(BINARY2, Sample.of({column("s", "char", "*"): ["", None]}, repeats=1).stream())
    assert records(document) == b"\x00\x00\x00\x00\x00" + b"\x80\x00\x00\x00\x00"


def test_tabledata_spells_the_values_that_are_no_numbers_as_votable_does() -> None:
    values = {
        column("x", "double"): [float("nan"), float("inf"), float("-inf"), None],
        column("v", "float", "2"): [[float("inf"), None], [float("-inf"), float("nan")], None, [1.5, -0.0]],
        column("b", "boolean", "*"): [[True, None, False], [], None, [None]],
    }
    assert cells(written(TABLEDATA, Sample.of(values, repeats=1).stream())) == [
        ["NaN", "+Inf NaN", "true ? false"],
        ["+Inf", "-Inf NaN", ""],
        ["-Inf", "NaN NaN", ""],
        ["", "1.5 -0", "?"],
    ]


def test_text_that_xml_cannot_hold_is_replaced() -> None:
    odd = "a\x00b\x0bc\x1fd\ufffee\uffff \x7f\x85"
    values = {column("u", "unicodeChar", "*"): [odd], column("c", "char", "*"): ["a\x00b\x1f]]>&amp;\r\n\t"]}
    document = written(TABLEDATA, Sample.of(values, repeats=1).stream())
    assert cells(document) == [["a�b�c�d�e� \x7f\x85", "a?b?]]>&amp;\r\n\t"]]


@EACH
def test_bytes_that_are_no_utf8_do_not_break_the_document(serialization: Serialization) -> None:
    bad = [b"ok", b"lone \xed\xa0\x80 surrogate", b"\xff\xfe", None, "é".encode()]
    array = pa.array(bad, pa.binary())
    text = pa.Array.from_buffers(pa.string(), len(array), array.buffers(), array.null_count)
    columns = (column("u", "unicodeChar", "*"),)
    batch = pa.RecordBatch.from_arrays([text], ["u"])
    document = written(VOTable(serialization), ResultStream(columns, iter([batch])))
    assert tree(document) is not None
    if serialization is Serialization.TABLEDATA:
        assert [row[0] for row in cells(document)] == ["ok", "lone ��� surrogate", "��", "", "é"]


def test_binary_char_columns_escape_what_is_not_ascii_and_say_so() -> None:
    values = {
        column("t", "char", "*"): ["Größe é", "★", "😀", "plain"],
        column("w", "char", "7"): ["é", "a", "", "b"],
    }
    document = written(BINARY2, Sample.of(values, repeats=1).stream(1))
    (warning,) = [s for s in statements(document) if '"t"' in (s[1] or "")]
    assert warning[0] == "warning"
    data = records(document)
    for text in (rb"Gr\xf6\xdfe \xe9", rb"\u2605", rb"\U0001f600", rb"\xe9"):
        assert text in data
    plain = written(TABLEDATA, Sample.of(values, repeats=1).stream())
    assert cells(plain)[0] == ["Größe é", "é"]
    assert statements(plain) == [("QUERY_STATUS", "OK", None)]


def test_binary_refuses_a_value_that_means_null() -> None:
    sample = Sample.of({column("n", "short"): [1, -32768]})
    with pytest.raises(ValueRangeError, match="-32768"):
        written(VOTable(Serialization.BINARY), sample.stream())


@EACH
def test_null_items_of_octets_are_refused(serialization: Serialization) -> None:
    sample = Sample.of({column("o", "unsignedByte", "*"): [[1, None]]})
    with pytest.raises(ValueRangeError, match="NULL"):
        written(VOTable(serialization), sample.stream())


@pytest.mark.parametrize(
    ("what", "value"),
    [
        (column("w", "char", "3"), "four"),
        (column("u", "unicodeChar", "3"), "😀😀"),
        (column("v", "int", "2"), [1, 2, 3]),
        (column("p", "double", "2x2"), [1.0, 2.0]),
    ],
    ids=lambda x: getattr(x, "name", ""),
)
def test_cells_that_do_not_fit_their_declaration_are_refused(what: Column, value: object) -> None:
    with pytest.raises(ValueRangeError, match=f'"{what.name}"'):
        written(BINARY2, Sample.of({what: [value]}).stream())


def test_chunks_are_about_a_megabyte() -> None:
    rows = 400_000
    sample = Sample.of({column("n", "long"): list(range(rows)), column("m", "long"): list(range(rows))}, 1)
    for serialization in Serialization:
        for sizes in ((), (1000,) * 100):
            chunks = list(VOTable(serialization).write(sample.stream(*sizes), Provenance()))
            sizes_of_chunks = [len(chunk) for chunk in chunks]
            assert min(sizes_of_chunks[1:-1]) >= 256 * 1024
            assert max(sizes_of_chunks) < 6 * 1024 * 1024
            assert all(isinstance(chunk, bytes) for chunk in chunks)


@EACH
def test_cells_that_are_declared_wide_do_not_swell_the_chunks(serialization: Serialization) -> None:
    wide = {column("s", "char", "20000"): [None, "a"] * 500, column("v", "double", "2000"): [None] * 1000}
    chunks = list(VOTable(serialization).write(Sample.of(wide, repeats=1).stream(), Provenance()))
    assert sum(map(len, chunks)) > 4_000_000
    assert max(map(len, chunks)) < 6 * 1024 * 1024


def test_one_huge_text_among_small_ones_is_written() -> None:
    texts = ["a"] * 1000 + ["b" * 5_000_000] + ["c"] * 1000
    sample = Sample.of({column("s", "char", "*"): texts}, repeats=1)
    document = written(TABLEDATA, sample.stream())
    lengths = [len(row[0]) for row in cells(document)]
    assert [a for a, b in pairwise([*lengths, 0]) if a > 1] == [5_000_000]
