"""VOTables as they come from the world: odd, old, damaged, hostile."""

from __future__ import annotations

import base64
import gzip
import io
import struct
import time
from pathlib import Path

import pytest

from app.errors import QueryCancelled, RequestTooLarge, UploadError
from app.uploads.content import unpacked
from app.uploads.formats import format_of
from app.uploads.intake import Intake
from app.uploads.limits import UploadLimits
from app.uploads.parameter import Part
from app.uploads.table import RawTable
from tests.app.uploads.documents import our_values

XY = '<FIELD name="x" datatype="int"/><FIELD name="y" datatype="char" arraysize="*"/>'
ROWS = "<TR><TD>1</TD><TD>a</TD></TR><TR><TD/><TD/></TR>"
SECOND = (
    '<TABLE><FIELD name="z" datatype="int"/><DATA><TABLEDATA><TR><TD>9</TD></TR></TABLEDATA></DATA></TABLE>'
)
VALUES = {"x": [1, None], "y": ["a", None]}


def votable(
    fields: str = XY,
    data: str = f"<DATA><TABLEDATA>{ROWS}</TABLEDATA></DATA>",
    *,
    before: str = "",
    root: str = "VOTABLE",
) -> bytes:
    return (
        f"{before}<{root}><RESOURCE><TABLE>{fields}{data}</TABLE></RESOURCE></{root.partition(' ')[0]}>"
    ).encode()


def tabledata(rows: str, fields: str = XY) -> bytes:
    return votable(fields, f"<DATA><TABLEDATA>{rows}</TABLEDATA></DATA>")


def binary(
    fields: str, data: bytes | str, tag: str = "BINARY", attributes: str = ' encoding="base64"'
) -> bytes:
    text = data if isinstance(data, str) else base64.b64encode(data).decode()
    return votable(fields, f"<DATA><{tag}><STREAM{attributes}>{text}</STREAM></{tag}></DATA>")


def read(document: bytes, limits: UploadLimits | None = None) -> RawTable:
    intake = Intake("mine", limits or UploadLimits())
    with unpacked(io.BytesIO(document), intake) as content:
        return format_of(Part(content), content, intake).read(content, intake)


def complaint(
    document: bytes, limits: UploadLimits | None = None, kind: type[Exception] = UploadError
) -> str:
    # The time of this thread, whatever else the machine does.
    begun = time.thread_time()
    with pytest.raises(kind) as caught:
        read(document, limits)
    assert time.thread_time() - begun < 10
    message = str(caught.value)
    assert message.startswith('Table "mine"')
    return message


# What is odd, and right


@pytest.mark.parametrize(
    "document",
    [
        votable(),
        votable(root='VOTABLE xmlns="http://www.ivoa.net/xml/VOTable/v1.1" version="1.1"'),
        votable(before='<?xml version="1.0"?>\n<!DOCTYPE VOTABLE SYSTEM "http://us-vo.org/xml/VOTable.dtd">\n'),
        votable(before="\ufeff"),
        votable(before="\n \n<!-- <TABLEDATA><TR><TD>7</TD><TD>no</TD></TR> -->"),
        votable('<DESCRIPTION><![CDATA[a <TABLEDATA> <STREAM> ]]></DESCRIPTION>' + XY),
        votable('<PARAM name="p" datatype="char" arraysize="*" value="a &gt; b"/>' + XY),
        votable('<PARAM name="p" datatype="char" arraysize="*" value="a > b &lt;TABLEDATA>"/>' + XY),
        votable(XY, f'<DATA><TABLEDATA ID="a">{ROWS}</TABLEDATA></DATA>'),
        votable(XY, f"<DATA><TABLEDATA ID='a>b'>{ROWS}</TABLEDATA></DATA>"),
        votable(XY, f"<DATA>\n<TABLEDATA\n>\n{ROWS}\n</TABLEDATA\n>\n</DATA>"),
        tabledata('<TR ID="r"><TD>1</TD><TD>a</TD></TR><TR><TD></TD><TD/></TR>'),
        tabledata("<TR><TD>1</TD><TD><![CDATA[a]]></TD></TR><TR><TD /><TD></TD></TR>"),
        tabledata("<TR><TD>1</TD><TD>a</TD></TR><!-- </TABLEDATA> --><TR><TD/><TD/></TR>"),
        tabledata("<?what is this?><TR><TD>1</TD><TD>a</TD></TR><TR><TD/><TD/></TR>"),
        tabledata("<TR>\n  <TD> 1 </TD>\n  <TD>a</TD>\n</TR>\n<TR>\n<TD/>\n<TD/>\n</TR>\n"),
        tabledata("<TR><TD>0x1</TD><TD>&#97;</TD></TR><TR><TD/><TD/></TR>"),
        votable() + b"<!-- and more -->",
        votable(XY, f'<DATA><TABLEDATA>{ROWS}</TABLEDATA></DATA><INFO name="a" value="b"/>'),
        votable(XY, f'<LINK href="x"/><DATA><TABLEDATA>{ROWS}</TABLEDATA></DATA>'),
        votable()
        .replace(b"<", b"<v:")
        .replace(b"<v:/", b"</v:")
        .replace(b"<v:VOTABLE", b'<v:VOTABLE xmlns:v="http://www.ivoa.net/xml/VOTable/v1.3"'),
        votable(before='<?xml version="1.0" encoding="UTF-16"?>').decode().encode("utf-16"),
        votable(before='<?xml version="1.0" encoding="ISO-8859-1"?>'),
        votable(before="<?xml version='1.0' encoding='US-ASCII' standalone='yes'?>"),
        gzip.compress(votable()[:40]) + gzip.compress(votable()[40:]),
        gzip.compress(votable()) + b"\0" * 512,
    ],
)  # fmt: skip
def test_odd_documents_are_read(document: bytes):
    assert our_values(read(document)) == VALUES


def test_other_encodings_are_read():
    document = (
        '<?xml version="1.0" encoding="ISO-8859-1"?>' + tabledata("<TR><TD>1</TD><TD>é</TD></TR>").decode()
    )
    assert our_values(read(document.encode("latin-1")))["y"] == ["é"]
    sixteen = document.replace("ISO-8859-1", "UTF-16").replace("é", "é ★ 😀")
    assert our_values(read(sixteen.encode("utf-16")))["y"] == ["é ★ 😀"]


def test_the_first_of_several_tables_is_read():
    document = votable().replace(b"</RESOURCE>", f"{SECOND}</RESOURCE>".encode())
    assert our_values(read(document)) == VALUES


@pytest.mark.parametrize(
    "data",
    [
        "",
        "<DATA/>",
        "<DATA><TABLEDATA/></DATA>",
        "<DATA><TABLEDATA></TABLEDATA></DATA>",
        "<DATA><BINARY/></DATA>",
        "<DATA><BINARY2><STREAM encoding='base64'/></BINARY2></DATA>",
        "<DATA><BINARY2><STREAM encoding='base64'>  </STREAM></BINARY2></DATA>",
    ],
)
def test_a_table_without_rows_has_columns(data: str):
    document = votable(XY, data).replace(b"</RESOURCE>", f"{SECOND}</RESOURCE>".encode())
    assert our_values(read(document)) == {"x": [], "y": []}


@pytest.mark.parametrize(
    ("written", "understood"),
    [
        ('datatype="string"', ("char", "*")),
        ('datatype="float64"', ("double", None)),
        ("", ("char", "*")),
        ('datatype="double" arraysize="1"', ("double", None)),
        ('datatype="char" arraysize="1"', ("char", None)),
        ('datatype="char"', ("char", None)),
        ('datatype="unsignedInt"', ("long", None)),
        ('datatype="float" arraysize=" 3x2* "', ("float", "3x2*")),
    ],
)
def test_types_that_writers_mean_are_understood(written: str, understood: tuple[str, str | None]):
    (field,) = read(votable(f'<FIELD name="x" {written}/>', "")).fields
    assert (field.datatype, field.arraysize) == understood


def test_a_column_without_a_name_is_called_by_its_id_or_place():
    document = votable('<FIELD ID="f" datatype="int"/><FIELD datatype="int"/>', "")
    assert [field.name for field in read(document).fields] == ["f", "column_2"]


def test_null_values_are_null():
    fields = '<FIELD name="x" datatype="int"><VALUES null="-99"/></FIELD>'
    fields += '<FIELD name="y" datatype="double"><VALUES null="-1"/></FIELD>'
    rows = "<TR><TD>-99</TD><TD>-1</TD></TR><TR><TD>5</TD><TD>NaN</TD></TR>"
    assert our_values(read(tabledata(rows, fields))) == {"x": [None, 5], "y": [None, None]}
    stream = struct.pack(">id", -99, -1) + struct.pack(">id", 5, float("nan"))
    assert our_values(read(binary(fields, stream))) == {"x": [None, 5], "y": [None, None]}


def test_binary_text_ends_at_nul_and_may_be_latin():
    fields = '<FIELD name="x" datatype="char" arraysize="4"/>'
    assert our_values(read(binary(fields, b"ab\0zcd  gr\xf6n\0\0\0\0"))) == {
        "x": ["ab", "cd  ", "grön", None]
    }


def test_arrays_of_texts_keep_their_places():
    fields = '<FIELD name="x" datatype="char" arraysize="2x3"/>'
    assert our_values(read(binary(fields, b"a\0bbc\0"))) == {"x": ["a bbc"]}


def test_surrogates_of_utf_16_are_characters():
    fields = '<FIELD name="x" datatype="unicodeChar" arraysize="*"/>'
    text = "é★😀"
    encoded = text.encode("utf-16-be")
    assert our_values(read(binary(fields, struct.pack(">i", len(encoded) // 2) + encoded))) == {"x": [text]}


# What is wrong, and told

INT = '<FIELD name="x" datatype="int"/>'
STARS = '<FIELD name="x" datatype="int" arraysize="*"/>'


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (tabledata("<TR><TD>1</TD><TD>a</TD></TR><TR><TD>1.5</TD><TD/></TR>"), 'row 2, column "x": "1.5" is'),
        (tabledata("<TR><TD>99999999999</TD><TD/></TR>"), '"99999999999" does not fit into an int'),
        (tabledata("<TR><TD>1</TD></TR>"), "row 1: it has 1 cells, but there are 2 columns"),
        (tabledata("<TR><TD>1</TD><TD>a</TD></TR><TR><TD>1</TD><TD/><TD/></TR>"), "row 2: it has 3 cells"),
        (tabledata("<TR><TD>1</TD><TD>&auml;</TD></TR>"), "&auml;"),
        (tabledata("<TR><TD>1</TD><TD>a & b</TD></TR>"), 'bare "&"'),
        (tabledata("<TR><TD>1</TD><TD>&#xD800;</TD></TR>"), "&#xD800;"),
        (tabledata("<TR><TD>1</TD><TD>\x01</TD></TR>"), "not well-formed XML"),
        (tabledata("<TR><TD>1</TD><TD>é</TD></TR>").replace("é".encode(), b"\xff"), "not UTF-8"),
        (tabledata("<TR><TD>1<TD>a</TD></TD></TR>"), ""),
        (tabledata(ROWS).replace(b"</TABLEDATA>", b"</TABLE>"), "well-formed"),
        (tabledata(ROWS)[:-50], "cut off"),
        (tabledata(ROWS)[:-80], "cut off"),
        (votable()[:60], "cut off"),
        (b"<VOTABLE", "cut off"),
        (b"<", "cut off"),
        (b"<VOTABLE></VOTABLE>", "without a TABLE"),
        (b"<VOTABLE><RESOURCE><INFO name='QUERY_STATUS'/></RESOURCE></VOTABLE>", "without a TABLE"),
        (votable(""), "no columns"),
        (b"<html><body>Not found</body></html>", "HTML"),
        (b"<!DOCTYPE html><html><body><br></body></html>", "HTML"),
        (b"<rss></rss>", '"rss"'),
        (votable('<FIELD name="x" datatype="geometry"/>'), '"geometry" is none of'),
        (votable('<FIELD name="x" datatype="int" arraysize="-1"/>'), 'arraysize "-1"'),
        (votable('<FIELD name="x" datatype="int" arraysize="0"/>'), 'arraysize "0"'),
        (votable('<FIELD name="x" datatype="int" arraysize="*x2"/>'), 'arraysize "*x2"'),
        (binary(INT, b"\0\0\0\1\0\0"), "within row 2"),
        (binary(INT, "AAAA AQ="), "not base64"),
        (binary(INT, "AAAA*AQ=="), "not base64"),
        (binary(INT, "AAAAAQ==AAAAAQ=="), "not base64"),
        (binary(INT, "AAAA<!-- -->AQ=="), "other than base64"),
        (binary(INT, "AAAA")[:-40], "cut off"),
        (binary(INT, "", attributes=' href="http://127.0.0.1/rows"'), '"http://127.0.0.1/rows"'),
        (binary(INT, "", attributes=' encoding="gzip"'), '"gzip"'),
        (binary(INT, "", attributes=' encoding="base64" note="a>b"'), "not understood"),
        (binary(STARS, struct.pack(">i", -1)), "has -1 items"),
        (binary(STARS, struct.pack(">i", 3) + b"\0" * 8), "within row 1"),
        (binary('<FIELD name="x" datatype="boolean"/>', b"TX"), 'row 2, column "x": the byte 0x58'),
        (binary(INT, b"no FITS at all", tag="FITS"), "no FITS file"),
        (votable(before='<?xml version="1.0" encoding="EBCDIC-CP-US"?>'), '"ebcdic-cp-us"'),
        (votable(before='<?xml version="1.0" encoding="zlib"?>'), '"zlib"'),
        (b"\xff\xfe<\x00V\x00O", ""),
        (gzip.compress(votable())[:-20], "cut off"),
        (gzip.compress(votable())[:30] + b"\0" * 90, "damaged"),
        (b"BZh91AY&SY", "bzip2"),
        (b"PK\x03\x04" + b"\0" * 40, "ZIP"),
        (b"", "empty"),
        (b"\x00\x01\x02", "none of VOTable, FITS, Parquet"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(document: bytes, told: str):
    assert told in complaint(document)


BOMB = '<!DOCTYPE VOTABLE [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12)
)


def test_entities_do_not_multiply():
    document = votable(before=f"{BOMB}]>").replace(b"<TD>a</TD>", b"<TD>&m;</TD>")
    assert "ntit" in complaint(document)
    attribute = votable(XY.replace('"x"', '"&m;"'), before=f"{BOMB}]>")
    assert "ntit" in complaint(attribute)


@pytest.mark.parametrize(
    "declaration", ['<!ENTITY e SYSTEM "file://{}">', '<!ENTITY % e SYSTEM "file://{}"> %e;']
)
def test_entities_are_not_fetched(tmp_path: Path, declaration: str):
    secret = tmp_path / "secret"
    secret.write_text("a secret")
    document = votable(before=f"<!DOCTYPE VOTABLE [{declaration.format(secret)}]>")
    assert "secret" not in complaint(document.replace(b"<TD>a</TD>", b"<TD>&e;</TD>")).replace(
        str(secret), ""
    )


def test_depth_does_not_matter():
    deep = "<GROUP>" * 100_000
    assert complaint(votable(deep))
    assert complaint(tabledata("<TR>" + "<TD>" * 100_000))


def test_huge_headers_are_refused():
    assert "first 16,777,216 bytes" in complaint(votable("<DESCRIPTION/>" * 1_300_000))
    assert complaint(votable(f'<FIELD name="{"x" * 17_000_000}" datatype="int"/>'))


def test_descriptions_are_cut():
    (field,) = read(
        votable(f'<FIELD name="x" datatype="int"><DESCRIPTION>{"a " * 9000}</DESCRIPTION></FIELD>', "")
    ).fields
    assert len(field.description) == 4000


def test_an_announced_length_is_not_believed():
    huge = binary('<FIELD name="x" datatype="double" arraysize="999999999999"/>', b"\0" * 64)
    assert "134,217,728 bytes" in complaint(huge, kind=RequestTooLarge)
    varying = binary('<FIELD name="x" datatype="double" arraysize="*"/>', struct.pack(">i", 2**31 - 1))
    assert "134,217,728 bytes" in complaint(varying, kind=RequestTooLarge)
    # nrows is an ornament (VOTable 1.5 section 4.6).
    assert our_values(read(votable().replace(b"<TABLE>", b'<TABLE nrows="999999999999">'))) == VALUES


def test_limits_are_told():
    few = UploadLimits(nbytes=10_000, rows=1, columns=1)
    assert "an uploaded table may have 1 rows" in complaint(
        tabledata("<TR><TD>1</TD></TR>" * 2, INT), few, RequestTooLarge
    )
    assert "1 rows" in complaint(binary(INT, b"\0" * 8), few, RequestTooLarge)
    assert "1 rows" in complaint(tabledata("<!-- -->" + "<TR><TD>1</TD></TR>" * 2, INT), few, RequestTooLarge)
    assert "an uploaded table may have 1 columns" in complaint(votable(), few, RequestTooLarge)
    long = tabledata("<TR><TD>1</TD></TR>" * 1000, INT)
    assert "an uploaded table may have 10,000 bytes, uncompressed" in complaint(long, few, RequestTooLarge)
    assert "10,000 bytes, uncompressed" in complaint(gzip.compress(long), few, RequestTooLarge)


def test_a_compressed_bomb_is_never_unpacked():
    bomb = gzip.compress(gzip.compress(b"\0" * 40_000_000))
    assert len(bomb) < 1000
    assert "1,000,000 bytes, uncompressed" in complaint(bomb, UploadLimits(nbytes=1_000_000), RequestTooLarge)


def test_nothing_is_read_for_nobody():
    intake = Intake("mine", stopped=lambda: True)
    content = io.BytesIO(votable())
    with pytest.raises(QueryCancelled):
        format_of(Part(content), content, intake).read(content, intake)
