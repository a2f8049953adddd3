"""The coordinate and time systems of an uploaded VOTable go with its columns, through queries and out."""

from __future__ import annotations

import io

import pytest
from astropy.io.votable import parse
from astropy.io.votable.tree import CooSys, Field, Resource, TableElement, TimeSys, VOTableFile

from adql import DUCKDB, Catalogue, Column, CoordinateSystem, Schema, Table, TimeSystem, translate
from app.formats import Provenance
from app.formats.votable import Serialization, VOTable
from app.results import ResultStream
from app.uploads.columns import name_columns
from app.uploads.intake import Intake
from app.uploads.votable import read_votable

INTAKE = Intake("mine")
LATE = {"version_1_4_or_later": True, "version_1_5_or_later": True}
"""Without it astropy takes no TIMESYS."""


def document(version: str, *systems: CooSys | TimeSys) -> bytes:
    """A VOTable with a column of doubles for each system."""
    file = VOTableFile(version=version)
    resource = Resource()
    file.resources.append(resource)
    table = TableElement(file)
    resource.tables.append(table)
    for number, system in enumerate(systems):
        (resource.coordinate_systems if isinstance(system, CooSys) else resource.time_systems).append(system)
        table.fields.append(
            Field(file, name=f"c{number}", datatype="double", unit="deg", ref=system.ID, ID=f"f{number}")
        )
    table.create_arrays(1)
    buffer = io.BytesIO()
    file.to_xml(buffer)
    return buffer.getvalue()


def columns(content: bytes) -> tuple[Column, ...]:
    return name_columns(read_votable(io.BytesIO(content), INTAKE), INTAKE).columns


@pytest.mark.parametrize(
    ("version", "system", "known_as"),
    [
        ("1.4", CooSys(ID="a", system="eq_FK5", equinox="J2000"), CoordinateSystem("FK5", "J2000")),
        ("1.4", CooSys(ID="a", system="galactic"), CoordinateSystem("GALACTIC")),
        ("1.3", CooSys(ID="a", system="ICRS", epoch="J2015.5"), CoordinateSystem("ICRS", None, "J2015.5")),
        ("1.5", CooSys(ID="a", system="FK4", equinox="B1950.0"), CoordinateSystem("FK4", "B1950.0")),
        ("1.5", CooSys(ID="a", system="SUPER_GALACTIC"), CoordinateSystem("SUPER_GALACTIC")),
    ],
    ids=lambda x: getattr(x, "system", x),
)
def test_a_coordinate_system_is_known_by_its_word_of_the_vocabulary(
    version: str, system: CooSys, known_as: CoordinateSystem
) -> None:
    (column,) = columns(document(version, system))
    assert (column.coosys, column.timesys) == (known_as, None)


@pytest.mark.parametrize(
    ("origin", "zero"),
    [("MJD-origin", 2400000.5), ("JD-origin", 0.0), ("2455197.5", 2455197.5), (None, None)],
)
def test_a_time_system_is_known_with_its_zero(origin: str | None, zero: float | None) -> None:
    system = TimeSys(ID="t", timeorigin=origin, timescale="TCB", refposition="BARYCENTER", config=LATE)
    (column,) = columns(document("1.4", system))
    assert column.timesys == TimeSystem("TCB", "BARYCENTER", zero)


def test_systems_come_out_as_they_went_in() -> None:
    systems = (
        CooSys(ID="a", system="galactic"),
        CooSys(ID="b", system="eq_FK5", equinox="J2000"),
        TimeSys(ID="c", timeorigin="JD-origin", timescale="TT", refposition="GEOCENTER", config=LATE),
        TimeSys(ID="d", timeorigin="MJD-origin", timescale="UTC", refposition="TOPOCENTER", config=LATE),
    )
    table = Table("tap_upload", "mine", columns(document("1.4", *systems)))
    catalogue = Catalogue((Schema("tap_upload", (table,)),))
    statement = translate(
        "SELECT c0, c1 + 1 AS b, MAX(c2), c3 FROM TAP_UPLOAD.mine GROUP BY c0, c1, c3", catalogue, DUCKDB
    )
    writer = VOTable(Serialization.TABLEDATA)
    written = b"".join(writer.write(ResultStream(statement.columns, iter(())), Provenance()))
    (resource,) = parse(io.BytesIO(written)).resources
    found = {system.ID: system for system in (*resource.coordinate_systems, *resource.time_systems)}
    refs = [found[field.ref] for field in resource.tables[0].fields]
    assert [ref.system for ref in refs[:2]] == ["galactic", "eq_FK5"]
    assert refs[1].equinox == "J2000"
    assert [(ref.timescale, ref.refposition, ref.timeorigin) for ref in refs[2:]] == [
        ("TT", "GEOCENTER", 0.0),
        ("UTC", "TOPOCENTER", 2400000.5),
    ]


@pytest.mark.parametrize(
    "declared",
    [
        b'<COOSYS ID="a" system="&lt;b&gt;"/>',
        b'<TIMESYS ID="a" timeorigin="yesterday" timescale="UTC" refposition="TOPOCENTER"/>',
        b'<TIMESYS ID="a" timeorigin="1e999" timescale="UTC" refposition="TOPOCENTER"/>',
        b'<TIMESYS ID="a" refposition="TOPOCENTER"/>',
        b'<COOSYS system="ICRS"/>',
        b"",
    ],
)
def test_a_system_that_says_nothing_is_passed_over(declared: bytes) -> None:
    table = b'<TABLE><FIELD name="x" datatype="double" ref="a"/><DATA><TABLEDATA/></DATA></TABLE>'
    (column,) = columns(b"<VOTABLE><RESOURCE>" + declared + table + b"</RESOURCE></VOTABLE>")
    assert (column.coosys, column.timesys) == (None, None)


def test_a_table_has_few_systems_however_many_are_declared() -> None:
    many = b"".join(b'<COOSYS ID="a%d" system="ICRS"/>' % number for number in range(5000))
    table = b'<TABLE><FIELD name="x" datatype="double" ref="a7"/><DATA><TABLEDATA/></DATA></TABLE>'
    (column,) = columns(b"<VOTABLE><RESOURCE>" + many + table + b"</RESOURCE></VOTABLE>")
    assert column.coosys == CoordinateSystem("ICRS")
