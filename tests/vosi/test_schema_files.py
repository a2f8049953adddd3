"""The descriptions of our tables keep the rules of the VO: words, units, names, and joins by name."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations

import astropy.units as u
import pytest
from astropy.io.votable.ucd import check_ucd, parse_ucd

import vosi
from adql import Column, Table
from adql.words import RESERVED_WORDS

ANGLE, TIME, LENGTH, ENERGY = u.deg, u.s, u.m, u.TeV
NO_UNIT = None

DIMENSIONS = {
    "arith.factor": NO_UNIT,
    "em.energy": ENERGY,
    "em.wl": LENGTH,
    "instr.param": NO_UNIT,
    "meta": NO_UNIT,
    "obs": NO_UNIT,
    "phys.angSize": ANGLE,
    "phys.size;meta.file": u.byte,
    "pos.angDistance": ANGLE,
    "pos.angResolution": ANGLE,
    "pos.az": ANGLE,
    "pos.earth.altitude": LENGTH,
    "pos.earth.lat": ANGLE,
    "pos.earth.lon": ANGLE,
    "pos.eq": ANGLE,
    "pos.galactic": ANGLE,
    "pos.healpix": NO_UNIT,
    "pos.outline": NO_UNIT,
    "pos.posAng": ANGLE,
    "spect.resolution": NO_UNIT,
    "spect.resolution;stat.mean": LENGTH,
    "src.class": NO_UNIT,
    "stat.error;pos.eq": ANGLE,
    "time.duration": TIME,
    "time.end": TIME,
    "time": TIME,
    "time.epoch": TIME,
    "time.interval": NO_UNIT,
    "time.processing": TIME,
    "time.release": TIME,
    "time.resolution": TIME,
    "time.scale": NO_UNIT,
    "time.start": TIME,
}
"""Beginning of a UCD -> a unit of the same dimension, by the definitions in the UCD1+ list 1.6."""

TABLES = tuple(vosi.load_catalogue())
COLUMNS = [
    pytest.param(column, id=f"{table.qualified}.{column.name}")
    for table in TABLES
    for column in table.columns
]


@pytest.mark.parametrize("column", COLUMNS)
def test_a_ucd_has_words_of_the_list_only(column: Column):
    assert column.ucd is not None
    assert check_ucd(column.ucd, check_controlled_vocabulary=True), parse_ucd(
        column.ucd, check_controlled_vocabulary=True
    )


@pytest.mark.parametrize("column", COLUMNS)
def test_a_unit_is_a_vounit(column: Column):
    if column.unit is not None:
        assert u.Unit(column.unit, format="vounit").to_string("vounit") == column.unit


@pytest.mark.parametrize("column", COLUMNS)
def test_a_unit_fits_its_ucd(column: Column):
    words = column.ucd.split(";")
    beginnings = [";".join(words), *(".".join(words[0].split(".")[:n]) for n in (3, 2, 1))]
    expected = next(DIMENSIONS[beginning] for beginning in beginnings if beginning in DIMENSIONS)
    if expected is None or column.type.is_timestamp:
        assert column.unit is None
    else:
        assert u.Unit(column.unit, format="vounit").is_equivalent(expected)


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_is_described(column: Column):
    assert column.description[0].isalnum()
    assert not column.description.removesuffix(" ...").endswith(".")
    assert column.description == " ".join(column.description.split())


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.qualified)
def test_a_table_is_described(table: Table):
    assert table.title
    assert table.description.endswith(".")
    assert table.primary_key
    assert any(column.principal for column in table.columns)


def test_no_name_is_reserved_but_the_size_of_tap_1_1():
    names = {name for t in TABLES for name in (t.schema, t.name, *(column.name for column in t.columns))}
    assert {name for name in names if name.upper() in RESERVED_WORDS} == {"size"}


def test_tables_that_share_a_column_can_be_joined_by_name():
    """NATURAL JOIN of any dl3 tables compares keys only: columns that one of the two is found by."""
    keys = {"collection", "obs_id", "event_type", "target_name"}
    dl3 = [table for table in TABLES if table.schema == "dl3"]
    for one, other in combinations(dl3, 2):
        shared = {column.name for column in one.columns} & {column.name for column in other.columns}
        assert shared <= keys, f"{one.qualified} and {other.qualified}"


def test_columns_of_one_name_mean_the_same():
    meanings = defaultdict(set)
    for table in TABLES:
        for column in table.columns:
            kind = column.ucd.replace(";meta.main", "").replace(";meta.table", "")
            meanings[table.schema, column.name].add((column.type, column.unit, kind))
    assert {name: found for name, found in meanings.items() if len(found) > 1} == {}


def test_each_table_has_one_main_identifier_at_most():
    for table in TABLES:
        main = [column.ucd for column in table.columns if column.ucd.endswith("meta.main")]
        assert len(main) == len(set(main)), table.qualified


@pytest.mark.parametrize("column", COLUMNS)
def test_a_coordinate_or_a_moment_says_what_it_refers_to(column: Column):
    first = (column.ucd or "").split(";")[0]
    is_coordinate = first in ("pos.eq.ra", "pos.eq.dec", "pos.galactic.lon", "pos.galactic.lat")
    is_moment = first in ("time.epoch", "time.start", "time.end")
    assert bool(column.coosys) == is_coordinate
    # Mission time and its zero are in a system of each release, which columns beside them tell.
    if is_moment and column.unit != "s" and column.name != "mjdref":
        assert column.timesys is not None
        assert (column.timesys.timeorigin is None) == column.type.is_timestamp
    else:
        assert column.timesys is None
