"""The frame and time scale of result columns, and what is told where unlike columns come together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adql import DUCKDB, ICRS, Column, ColumnType, CoordinateSystem, TimeSystem, translate
from tests.support.miniature import CATALOGUE

MJD = TimeSystem("UTC", "TOPOCENTER", 2400000.5)
JD = TimeSystem("TT", "GEOCENTER", 0.0)
CALENDAR = TimeSystem("UTC", "TOPOCENTER")
GALACTIC = CoordinateSystem("GALACTIC")
FK5 = CoordinateSystem("FK5", "J2000.0")
DOUBLE = ColumnType("double")

STARS = CATALOGUE.table("mini.stars")
SYSTEMS = {"ra": {"coosys": ICRS}, "dec": {"coosys": ICRS}, "seen": {"timesys": CALENDAR}}
SKY = CATALOGUE.with_table(
    replace(
        STARS,
        columns=(
            *(replace(column, **SYSTEMS.get(column.name, {})) for column in STARS.columns),
            Column("mjd", DOUBLE, "When", "d", "time.epoch", timesys=MJD),
            Column("jd", DOUBLE, "When, JD", "d", "time.epoch", timesys=JD),
            Column("glon", DOUBLE, "Longitude", "deg", "pos.galactic.lon", coosys=GALACTIC),
            Column("glat", DOUBLE, "Latitude", "deg", "pos.galactic.lat", coosys=GALACTIC),
            Column("ra5", DOUBLE, "Right ascension", "deg", "pos.eq.ra", coosys=FK5),
            Column("gev", DOUBLE, "Energy in GeV", "GeV", "em.energy"),
            Column(
                "footprint", ColumnType("double", "*", "polygon"), "Region", "deg", "pos.outline", coosys=ICRS
            ),
            Column("days", DOUBLE, "Length", "d", "time.duration"),
        ),
    )
)


def of(query: str) -> Column:
    """The first column of a query on the stars, or of a select item."""
    text = query if query.startswith(("SELECT", "WITH", "(SELECT")) else f"SELECT {query} FROM mini.stars"
    return translate(text, SKY, DUCKDB).columns[0]


@pytest.mark.parametrize(
    ("query", "system"),
    [
        # names and what stands around them
        ("mjd", MJD),
        ("mjd AS t", MJD),
        ("stars.mjd", MJD),
        ("(mjd)", MJD),
        ("seen", CALENDAR),
        ("star_id", None),
        # sums: a moment and a length of time give a moment, two moments a length
        ("mjd + 1", MJD),
        ("1 + mjd", MJD),
        ("mjd - 0.5", MJD),
        ("mjd + days", MJD),
        ("days + mjd", MJD),
        ("mjd - days", MJD),
        ("days - mjd", None),
        ("1 - mjd", None),
        ("mjd - mjd", None),
        ("mjd - jd", None),
        ("mjd + mjd", None),
        ("+mjd", MJD),
        ("-mjd", None),
        ("mjd * 1", None),
        ("mjd / 2", None),
        # functions
        ("ROUND(mjd, 3)", MJD),
        ("FLOOR(mjd)", MJD),
        ("TRUNCATE(mjd)", MJD),
        ("MOD(mjd, 1)", None),
        ("SQRT(mjd)", None),
        ("CAST(mjd AS REAL)", MJD),
        ("CAST(mjd AS VARCHAR)", None),
        ("CAST(seen AS TIMESTAMP)", CALENDAR),
        ("CAST(seen AS VARCHAR)", None),
        ("UPPER(seen)", None),
        ("seen || 'Z'", None),
        ("IN_UNIT(mjd, 's')", MJD),
        ("ivo_to_mjd(seen)", MJD),
        ("ivo_to_jd(seen)", TimeSystem("UTC", "TOPOCENTER", 0.0)),
        ("ivo_to_mjd('2020-01-01')", None),
        ("gamma_met_to_mjd(star_id, 51910, 'TT')", TimeSystem("UTC", "UNKNOWN", 2400000.5)),
        # choices
        ("COALESCE(mjd, 50000)", MJD),
        ("COALESCE(mjd, jd)", None),
        ("COALESCE(mjd, ra)", None),
        ("COALESCE(seen, '2020-01-01')", CALENDAR),
        ("COALESCE(seen, 'long ago')", None),
        ("NULLIF(mjd, 0)", MJD),
        ("CASE WHEN kind = 1 THEN mjd ELSE mjd + 1 END", MJD),
        ("CASE WHEN kind = 1 THEN mjd END", MJD),
        ("CASE WHEN kind = 1 THEN mjd ELSE jd END", None),
        # aggregates
        ("MIN(mjd)", MJD),
        ("MAX(seen)", CALENDAR),
        ("AVG(mjd)", MJD),
        ("SUM(mjd)", None),
        ("COUNT(mjd)", None),
        ("MAX(mjd) - MIN(mjd)", None),
        # queries in queries
        ("(SELECT MAX(mjd) FROM mini.stars)", MJD),
        ("SELECT t + 1 FROM (SELECT mjd AS t FROM mini.stars) AS x", MJD),
        ("WITH a AS (SELECT MIN(seen) AS t FROM mini.stars) SELECT t FROM a", CALENDAR),
        ("SELECT mjd FROM mini.stars NATURAL JOIN mini.visits", MJD),
        ("SELECT mjd FROM mini.stars a FULL JOIN mini.stars b USING (mjd)", MJD),
        ("SELECT mjd FROM mini.stars UNION SELECT mjd + 1 FROM mini.stars", MJD),
        ("SELECT mjd FROM mini.stars UNION SELECT NULL FROM mini.stars", MJD),
        ("SELECT mjd FROM mini.stars UNION SELECT jd FROM mini.stars", None),
        ("SELECT mjd FROM mini.stars UNION SELECT ra FROM mini.stars", None),
        ("SELECT mjd FROM mini.stars EXCEPT SELECT jd FROM mini.stars", MJD),
        ("(SELECT TOP 1 mjd FROM mini.stars ORDER BY mjd)", MJD),
        ("SELECT DISTINCT mjd AS t FROM mini.stars ORDER BY -t", MJD),
    ],
)
def test_the_time_system_of(query: str, system: TimeSystem | None) -> None:
    assert of(query).timesys == system
    assert of(query).coosys is None or system is None


@pytest.mark.parametrize(
    ("query", "system", "ucd"),
    [
        ("ra", ICRS, "pos.eq.ra;meta.main"),
        ("ra + 0.1", ICRS, "pos.eq.ra"),
        ("ra - 180", ICRS, "pos.eq.ra"),
        ("ra - ra", None, "pos.eq.ra;arith.diff"),
        ("ra * 2", None, "pos.eq.ra"),
        ("ABS(dec)", ICRS, "pos.eq.dec"),
        ("MAX(dec)", ICRS, "pos.eq.dec;stat.max"),
        ("CASE WHEN kind = 1 THEN ra ELSE ra5 END", None, None),
        ("CAST(ra AS VARCHAR)", None, "pos.eq.ra;meta.main"),
        ("POINT(ra, dec)", ICRS, "pos.eq"),
        ("POINT('ICRS', 1, 2)", ICRS, "pos.eq"),
        ("POINT(glon, glat)", GALACTIC, "pos.galactic"),
        ("CIRCLE(glon, glat, 1)", GALACTIC, "pos.outline;obs.field"),
        ("CENTROID(CIRCLE(glon, glat, 1))", GALACTIC, "pos.galactic"),
        ("COORD1(POINT(glon, glat))", GALACTIC, "pos.galactic.lon"),
        ("COORD2(POINT(ra, dec))", ICRS, "pos.eq.dec"),
        ("COORD2(ivo_geom_transform('ICRS', 'GALACTIC', POINT(ra, dec)))", GALACTIC, "pos.galactic.lat"),
        ("ivo_geom_transform('GALACTIC', 'ICRS', POINT(glon, glat))", ICRS, "pos.eq"),
        ("footprint", ICRS, "pos.outline"),
        ("CENTROID(footprint)", ICRS, "pos.eq"),
        ("CAST('1 2' AS POINT)", ICRS, "pos.eq"),
        ("COALESCE(POINT(ra, dec), POINT(0, 0))", ICRS, "pos.eq"),
        ("DISTANCE(ra, dec, 0, 0)", None, "pos.angDistance"),
        ("AREA(footprint)", None, "phys.angArea"),
        ("SELECT p FROM (SELECT POINT(glon, glat) AS p FROM mini.stars) AS x", GALACTIC, "pos.galactic"),
        ("SELECT POINT(ra, dec) FROM mini.stars UNION SELECT POINT(1, 2) FROM mini.kinds", ICRS, "pos.eq"),
        ("SELECT ra FROM mini.stars UNION SELECT ra5 FROM mini.stars", None, None),
    ],
)
def test_the_coordinate_system_of(query: str, system: CoordinateSystem | None, ucd: str | None) -> None:
    assert (of(query).coosys, of(query).ucd) == (system, ucd)


@pytest.mark.parametrize(
    ("query", "unit", "words"),
    [
        ("SELECT energy FROM mini.stars UNION SELECT gev FROM mini.stars", None, "in GeV, TeV: unit"),
        ("SELECT energy FROM mini.stars UNION SELECT IN_UNIT(gev, 'TeV') FROM mini.stars", "TeV", "Energy"),
        ("SELECT star_id FROM mini.stars UNION SELECT energy FROM mini.stars", None, "in TeV, no unit"),
        ("SELECT mjd FROM mini.stars UNION SELECT jd FROM mini.stars", "d", "unlike scales or zeros"),
        ("SELECT ra FROM mini.stars UNION SELECT ra5 FROM mini.stars", "deg", "in FK5 and ICRS"),
        ("COALESCE(mjd, jd)", "d", "unlike scales or zeros"),
        ("CASE WHEN kind = 1 THEN energy ELSE gev END", None, "in GeV, TeV"),
        ("mjd - jd", None, "unlike scales or zeros"),
        ("mjd - mjd", "d", "[ADQL: mjd - mjd]"),
        ("energy + gev", None, "Sum of values in TeV and GeV"),
        ("CAST(energy AS VARCHAR)", None, "Energy [TeV]"),
        ("POINT(glon, glat)", "deg", "Position, GALACTIC"),
    ],
)
def test_what_is_lost_is_told(query: str, unit: str | None, words: str) -> None:
    assert of(query).unit == unit
    assert words in of(query).description


def test_the_difference_of_two_moments_is_a_length_of_time() -> None:
    assert of("MAX(mjd) - MIN(mjd)").ucd == "time.duration"
