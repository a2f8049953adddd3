"""Functions give what the standard, Python, numpy and astropy give, and say what they are."""

from __future__ import annotations

import contextlib
import hashlib
import math
import re
from collections.abc import Iterator
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

import duckdb
import numpy as np
import pytest
import sqlglot
from astropy import units as u
from astropy.coordinates import (
    FK5,
    ICRS,
    Angle,
    BarycentricMeanEcliptic,
    FK4NoETerms,
    Galactic,
    SkyCoord,
    Supergalactic,
)
from astropy.time import Time, TimeDelta
from hypothesis import given, settings
from hypothesis import strategies as st
from mocpy import TimeMOC

from adql import DIALECTS, DUCKDB, FEATURES, HIVE, AdqlError, BindError, Dialect, UnsupportedError, translate
from adql.functions import FUNCTIONS, Function
from adql.functions.base import Answer
from adql.functions.tev_sources import SOURCES
from adql.timescales import LEAP_SECONDS, utc_mjd
from tests.support.cases import Case, cases
from tests.support.columns import evaluate
from tests.support.miniature import CATALOGUE, duckdb_engine, rows_of, same_rows

CASES = cases("functions") + cases("matrix") + cases("beyond_hive")
EXAMPLES = [
    (example, value)
    for function in FUNCTIONS.values()
    for example, value in ((function.example, function.value), *function.others)
]


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb_engine() as connection:
        yield connection


def value_of(expression: str, engine: duckdb.DuckDBPyConnection, row: str = "kind = 1") -> Any:
    """The value of an expression in one row of mini.kinds."""
    statement = translate(f"SELECT {expression} AS x FROM mini.kinds WHERE {row}", CATALOGUE, DUCKDB)
    ((value,),) = rows_of(engine, statement)
    return value


# What the files say


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_rows_are_those_of_the_standard(case: Case, engine: duckdb.DuckDBPyConnection) -> None:
    statement = translate(case.query, CATALOGUE, DUCKDB)
    found = rows_of(engine, statement)
    assert same_rows(found, case.rows, ordered=case.is_ordered), (found, statement.sql)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_values_are_of_the_type_that_their_column_declares(
    case: Case, engine: duckdb.DuckDBPyConnection
) -> None:
    statement = translate(case.query, CATALOGUE, DUCKDB)
    for row in rows_of(engine, statement):
        for value, column in zip(row, statement.columns, strict=True):
            if value is None:
                continue
            kind = (
                str
                if column.type.datatype in ("char", "unicodeChar")
                else list
                if column.type.arraysize
                else int
                if column.type.is_integer
                else float
            )
            assert type(value) is kind, (column, value)


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_sqlglot_reads_the_sql_of_each_dialect(case: Case, dialect: Dialect) -> None:
    if dialect is HIVE and case in cases("beyond_hive"):
        with pytest.raises(UnsupportedError, match="is not offered on hive"):
            translate(case.query, CATALOGUE, dialect)
        return
    statement = translate(case.query, CATALOGUE, dialect)
    (tree,) = sqlglot.parse(statement.sql, read=dialect.name)
    assert tree is not None


# What the table says


@pytest.mark.parametrize(("example", "value"), EXAMPLES, ids=str)
def test_examples_give_their_values(example: str, value: Answer, engine: duckdb.DuckDBPyConnection) -> None:
    found = value_of(example, engine)
    expected = list(value) if isinstance(value, tuple) else value
    if isinstance(expected, str | None):
        assert found == expected
    else:
        # The note gives 12 digits of a galactic latitude, and the rounding errors of a rotation in pgSphere.
        assert found == pytest.approx(expected, rel=1e-10, abs=1e-12)


def test_every_function_has_an_example_that_calls_it_in_each_of_its_forms() -> None:
    assert [
        name
        for name, function in FUNCTIONS.items()
        if len(function.others) != len(function.forms)
        or any(name not in example.upper() for example in (function.example, *dict(function.others)))
    ] == []


def test_every_function_has_a_description() -> None:
    assert all(
        function.description[0].isupper() or function.description[0] in "1e"
        for function in FUNCTIONS.values()
    )


SIGNATURE = re.compile(
    r"[A-Za-z]\w*\s*\((\s*[A-Za-z]\w*\s+[A-Za-z]\w*(\[[0-9]*\])?\s*(,|(?=\))))*\)"
    r"\s*->\s*[A-Za-z]+(\[[0-9]*\])?"
)
"""TAPRegExt 1.0 section 2.3: funcname, arglist, "->", type_name."""


def test_user_defined_functions_declare_their_signatures() -> None:
    declared = [feature for feature in FEATURES if feature.type_uri.endswith("#features-udf")]
    named = {function.name for function in FUNCTIONS.values() if function.feature == "udf"}
    assert {feature.form.split("(")[0] for feature in declared} == named
    for feature in declared:
        assert SIGNATURE.fullmatch(feature.form), feature.form


def test_both_forms_of_the_healpix_index_are_declared() -> None:
    forms = [feature.form for feature in FEATURES if feature.form.startswith("ivo_healpix_index")]
    assert len(forms) == 2


def test_functions_of_the_ivoa_catalogue_are_all_here() -> None:
    """EN 1.2, table of contents."""
    names = (
        "ivo_healpix_index ivo_healpix_center ivo_epoch_prop_pos ivo_epoch_prop ivo_geom_transform "
        "ivo_to_jd ivo_to_mjd ivo_string_agg ivo_nocasematch ivo_hasword ivo_hashlist_has ivo_histogram "
        "ivo_normal_random ivo_interval_overlaps ivo_simbadpoint ivo_hms_to_degrees ivo_dms_to_degrees"
    )
    assert {name.upper() for name in names.split()} <= set(FUNCTIONS)


# What is refused


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("ivo_healpix_center(17, 23.2)", "Argument 2 of ivo_healpix_center must be an integer"),
        ("ivo_healpix_center(0, 12)", "there is no cell 12"),
        ("ivo_healpix_index(30, 1, 1)", "from 0 to 29, not 30"),
        ("ivo_healpix_index(kind, 1, 1)", "not a column or an expression"),
        ("ivo_healpix_index(3, 1)", "takes an order and a POINT, or an order, longitude and latitude"),
        ("ivo_healpix_index(3, 1, 91)", "A latitude is from -90 to 90 degrees, not 91"),
        ("ivo_epoch_prop_pos(NULL, 11.7, 125, 300, NULL, NULL, 2016.0, 1875.0)", "longitude"),
        ("ivo_epoch_prop_pos(7.6, 11.7, 125, 300, -428.8, 52.51, NULL, 1875.0)", "reference epoch"),
        ("ivo_geom_transform('ICRS', 'galactic', POINT(1, 2))", 'Did you mean "GALACTIC"?'),
        ("ivo_geom_transform(label, 'ICRS', POINT(1, 2))", "a text in quotes"),
        ("ivo_geom_transform('ICRS', 'FK5', 3)", "Argument 3 of ivo_geom_transform must be a geometry"),
        ("ivo_simbadpoint('an invalid identifier')", '"an invalid identifier" cannot be resolved'),
        ("ivo_simbadpoint('Crab Nebul')", 'Did you mean "Crab nebula"?'),
        ("ivo_simbadpoint(label)", "a text in quotes"),
        ("ivo_string_agg(kind, ',')", "Argument 1 of ivo_string_agg must be a text"),
        ("ivo_string_agg(label, label)", "The delimiter of ivo_string_agg must be a text in quotes"),
        ("ivo_histogram(kind, 5, 5, 3)", "5 is not above 5"),
        ("ivo_histogram(kind, 0, 5, 0)", "from 1 to 1000, not 0"),
        ("ivo_histogram(kind, 0, kind, 3)", "The upper limit of ivo_histogram must be a number"),
        ("ivo_histogram(DISTINCT kind, 0, 1, 3)", "does not take DISTINCT"),
        ("ivo_hasword('a', 1)", "Argument 2 of ivo_hasword must be a text; 1 is int"),
        ("ivo_to_mjd('yesterday')", "'yesterday' is not a time"),
        ("ivo_to_mjd(5)", "must be a time"),
        ("gamma_met_to_mjd(1, 2, 'TDB')", 'Time scale "TDB" is not offered: use TT, TAI or UTC'),
        ("gamma_sample(25, label, kind, kind)", "from 0 to 24, not 25"),
        ("gamma_sample(1, label, 2.5, kind)", "Argument 3 of gamma_sample must be an integer"),
        ("ROUND(2.5, kind)", "The number of decimals of ROUND must be an integer"),
        ("ROUND('2.5')", "Argument 1 of ROUND must be a number; '2.5' is char(*)"),
        ("MOD(1)", "MOD takes 2 arguments; 1 was given"),
        ("MIN(POINT(1, 2))", "Argument 1 of MIN must be a number, a text or a time"),
        ("SUM(*)", "only COUNT takes *"),
        ("CAST(kind AS VARCHAR(2000000))", "the length is from 1 to 1000000"),
        ("CAST(CAST('2004-03-26' AS TIMESTAMP) AS INTEGER)", "ivo_to_mjd gives its Modified Julian date"),
        ("CAST(5 AS TIMESTAMP)", "Only a text can be CAST to TIMESTAMP"),
        ("INTERSECTS(TMOC('23/77'), POINT(1, 2))", "not a TMOC and a point"),
        ("CONTAINS(TMOC('23/77'), TMOC('23/77'))", "CONTAINS of time coverages is not offered"),
        ("INTERSECTS(TMOC('23/7x'), TMOC(1, 2, 3))", "'23/7x' is no time coverage"),
        ("INTERSECTS(TMOC('62/7'), TMOC(1, 2, 3))", "0 to 61, not 62"),
        ("INTERSECTS(TMOC('3/16'), TMOC(1, 2, 3))", "Order 3 has the time cells 0 to 15; 16 is none"),
        ("TMOC(62, 1, 2)", "from 0 to 61, not 62"),
        ("TMOC(5, 1e30, 2)", "is no Modified Julian date"),
        ("TMOC(5, 'a', 2)", "takes two Modified Julian dates"),
        ("TMOC(5)", "takes a time coverage as text"),
        ("ivo_healpix_indx(3, 1, 1)", 'Did you mean "ivo_healpix_index"?'),
    ],
)
def test_wrong_arguments_are_told(expression: str, sentence: str) -> None:
    with pytest.raises((BindError, UnsupportedError)) as fault:
        translate(f"SELECT {expression} FROM mini.kinds", CATALOGUE, DUCKDB)
    assert sentence in str(fault.value)
    assert fault.value.position is not None


def test_aggregates_do_not_stand_in_where() -> None:
    with pytest.raises(BindError, match="is an aggregate and cannot stand in WHERE"):
        translate("SELECT kind FROM mini.kinds WHERE ivo_string_agg(label, ',') = 'a'", CATALOGUE, DUCKDB)


def test_a_mission_time_of_rows_in_utc_is_refused_on_hive_by_name() -> None:
    query = "SELECT gamma_met_to_mjd(hours, visit, 'UTC') FROM mini.visits"
    with pytest.raises(UnsupportedError, match="is not offered on hive"):
        translate(query, CATALOGUE, HIVE)


@given(st.text(max_size=30), st.sampled_from(list(FUNCTIONS.values())))
@settings(max_examples=200, deadline=None)
def test_no_text_breaks_a_function(written: str, function: Function) -> None:
    """Any text as any argument gives SQL or an error of ours."""
    quoted = "'" + written.replace("'", "''") + "'"
    least, _ = function.arity
    for place in range(least):
        args = ["1"] * least
        args[place] = quoted
        with contextlib.suppress(AdqlError):
            translate(f"SELECT {function.name}({', '.join(args)}) FROM mini.kinds", CATALOGUE, DUCKDB)


# Numbers

finite = st.floats(allow_nan=False, allow_infinity=False)
decimal_like = st.builds(
    lambda n, d: float(Decimal(n).scaleb(-d)), st.integers(-(10**7), 10**7), st.integers(0, 6)
)


@pytest.mark.parametrize(("name", "rounding"), [("ROUND", ROUND_HALF_UP), ("TRUNCATE", ROUND_DOWN)])
@given(
    numbers=st.lists(decimal_like | st.floats(-1e9, 1e9), min_size=1, max_size=200), digits=st.integers(-3, 5)
)
@settings(max_examples=30, deadline=None)
def test_decimals_are_those_of_the_number_as_it_is_written(
    name: str, rounding: str, numbers: list[float], digits: int
) -> None:
    found = evaluate(f"{name}(x, {digits})", {"x": ("double", numbers)})
    step = Decimal(1).scaleb(-digits)
    # Beyond 15 digits the shortest form of a number need not tell on which side of a decimal it lies.
    kept = [
        (x, y) for x, y in zip(numbers, found, strict=True) if len(Decimal(repr(x)).as_tuple().digits) <= 15
    ]
    for x, y in kept:
        assert y == float(Decimal(repr(x)).quantize(step, rounding=rounding)), (x, digits)


@given(st.lists(finite, min_size=1, max_size=100))
@settings(max_examples=30, deadline=None)
def test_reals_become_the_texts_that_python_writes(numbers: list[float]) -> None:
    found = evaluate("CAST(x AS VARCHAR)", {"x": ("double", numbers)})
    assert found == [repr(number) for number in numbers]


@given(st.lists(finite, min_size=1, max_size=100))
@settings(max_examples=30, deadline=None)
def test_reals_survive_the_way_through_a_text(numbers: list[float]) -> None:
    assert evaluate("CAST(CAST(x AS VARCHAR) AS DOUBLE PRECISION)", {"x": ("double", numbers)}) == numbers


@given(st.lists(finite | st.floats(-3e9, 3e9), min_size=1, max_size=100))
@settings(max_examples=30, deadline=None)
def test_integers_are_reals_cut_towards_zero(numbers: list[float]) -> None:
    for target, bits in (("SMALLINT", 15), ("INTEGER", 31), ("BIGINT", 63)):
        found = evaluate(f"CAST(x AS {target})", {"x": ("double", numbers)})
        assert found == [int(x) if -(1 << bits) <= int(x) < 1 << bits else None for x in numbers]


@given(
    st.lists(
        st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1)), min_size=1, max_size=50
    )
)
@settings(max_examples=30, deadline=None)
def test_integer_arithmetic_is_exact_or_null(pairs: list[tuple[int, int]]) -> None:
    columns = {"a": ("long", [a for a, _ in pairs]), "b": ("long", [b for _, b in pairs])}

    def cut(a: int, b: int) -> int | None:
        return None if b == 0 else int(math.copysign(1, a) * math.copysign(1, b)) * (abs(a) // abs(b))

    for operator, compute in (
        ("+", lambda a, b: a + b),
        ("-", lambda a, b: a - b),
        ("*", lambda a, b: a * b),
        ("/", cut),
    ):
        expected = [compute(a, b) for a, b in pairs]
        fitting = [x if x is not None and -(2**63) <= x < 2**63 else None for x in expected]
        assert evaluate(f"a {operator} b", columns) == fitting


# Texts


def test_words_are_found_as_a_search_would() -> None:
    rng = np.random.default_rng(3)
    pieces = [
        "gamma",
        "Ray",
        "ray",
        "HESS",
        "J1825-137",
        "x",
        "gam",
        "mma",
        "été",
        "a.b",
        "",
        "  ",
        "#",
        "(q)",
    ]
    marks = [" ", ", ", "-", "/", " (", "; "]

    def made() -> str:
        return "".join(str(rng.choice(pieces)) + str(rng.choice(marks)) for _ in range(rng.integers(0, 6)))

    def words(written: str) -> set[str]:
        return {word for word in re.split(r"[^0-9a-zA-Z\u0080-\uffff]+", written.lower()) if word}

    pairs = [(made(), made()) for _ in range(500)]
    columns = {"h": ("text", [h for h, _ in pairs]), "n": ("text", [n for _, n in pairs])}
    assert evaluate("ivo_hasword(h, n)", columns) == [int(words(n) <= words(h)) for h, n in pairs]


def test_lists_joined_by_hashes_have_their_words() -> None:
    rng = np.random.default_rng(4)
    pieces = ["a", "B", "pos.eq", "time", "em.energy", "%", "_"]
    pairs = [
        ("#".join(rng.choice(pieces, rng.integers(1, 5))), str(rng.choice([*pieces, "a#B", "A", "em"])))
        for _ in range(300)
    ]
    columns = {"l": ("text", [a for a, _ in pairs]), "i": ("text", [b for _, b in pairs])}
    expected = [int(i.lower() in lst.lower().split("#") and "#" not in i) for lst, i in pairs]
    assert evaluate("ivo_hashlist_has(l, i)", columns) == expected


# Angles and positions


@pytest.mark.parametrize(("function", "unit", "most"), [("hms", u.hourangle, 24), ("dms", u.deg, 360)])
def test_sexagesimal_texts_are_read_as_astropy_reads_them(function: str, unit: u.UnitBase, most: int) -> None:
    rng = np.random.default_rng(5)
    angles = [
        (rng.integers(0, most), rng.integers(0, 60), round(float(rng.uniform(0, 59.99)), 3))
        for _ in range(300)
    ]
    first, second = function[0], "m"
    forms = [f"{a}:{b}:{c}" for a, b, c in angles[:100]]
    forms += [f"{a}{first}{b}{second}{c}s" for a, b, c in angles[100:200]]
    forms += [f"{a % 100:02d}{b:02d}{c:06.3f}" for a, b, c in angles[200:]]
    expected = [Angle(form, unit).deg for form in forms[:200]]
    expected += [Angle(f"{a % 100}:{b}:{c}", unit).deg for a, b, c in angles[200:]]
    found = evaluate(f"ivo_{function}_to_degrees(t)", {"t": ("text", forms)})
    assert found == pytest.approx(expected, abs=1e-11)


FRAMES = {
    "ICRS": ICRS(),
    "FK5": FK5(equinox="J2000"),
    "FK4": FK4NoETerms(equinox="B1950", obstime="B1950"),
    "GALACTIC": Galactic(),
    "SUPER_GALACTIC": Supergalactic(),
    "ECLIPTIC": BarycentricMeanEcliptic(equinox="J2000"),
}


def on_sphere(size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random positions [deg], the poles and the meridian among them."""
    rng = np.random.default_rng(seed)
    lon, lat = rng.uniform(0, 360, size), np.degrees(np.arcsin(rng.uniform(-1, 1, size)))
    return np.append(lon, [0, 0, 0, 180, 360]), np.append(lat, [0, 90, -90, 1e-9, -45])


@pytest.mark.parametrize("target", FRAMES)
@pytest.mark.parametrize("source", FRAMES)
def test_frames_are_those_of_astropy(source: str, target: str) -> None:
    lon, lat = on_sphere(200, 6)
    expression = f"ivo_geom_transform('{source}', '{target}', POINT(lon, lat))"
    found = np.array(evaluate(expression, {"lon": ("double", lon), "lat": ("double", lat)}))
    expected = SkyCoord(lon, lat, unit="deg", frame=FRAMES[source]).transform_to(FRAMES[target])
    separation = expected.separation(SkyCoord(*found.T, unit="deg", frame=FRAMES[target]))
    assert separation.arcsec.max() < (1e-6 if "ECLIPTIC" in (source, target) else 2e-9)
    assert ((found[:, 0] >= 0) & (found[:, 0] <= 360)).all()


def test_circles_and_polygons_go_with_their_points(engine: duckdb.DuckDBPyConnection) -> None:
    point = value_of("ivo_geom_transform('ICRS', 'GALACTIC', POINT(10, 20))", engine)
    circle = value_of("ivo_geom_transform('ICRS', 'GALACTIC', CIRCLE(10, 20, 3))", engine)
    polygon = value_of("ivo_geom_transform('ICRS', 'GALACTIC', POLYGON(10, 20, 11, 20, 10, 21))", engine)
    assert circle == [*point, 3.0]
    assert polygon[:2] == point


def test_space_motion_is_that_of_astropy_for_slow_stars() -> None:
    """erfa's starpm adds what a moving observer sees; for these stars that is below 0.1 microarcsec."""
    rng = np.random.default_rng(7)
    lon, lat = on_sphere(100, 8)
    lat = np.clip(lat, -89, 89)
    size = len(lon)
    parallax, a, b, v = rng.uniform(1, 50, size), *rng.uniform(-50, 50, (2, size)), rng.uniform(-20, 20, size)
    columns = {
        name: ("double", values)
        for name, values in (("lon", lon), ("lat", lat), ("plx", parallax), ("a", a), ("b", b), ("v", v))
    }
    found = np.array(evaluate("ivo_epoch_prop_pos(lon, lat, plx, a, b, v, 1990, 2020)", columns))
    start = SkyCoord(
        lon * u.deg,
        lat * u.deg,
        distance=(parallax * u.mas).to(u.pc, u.parallax()),
        pm_ra_cosdec=a * u.mas / u.yr,
        pm_dec=b * u.mas / u.yr,
        radial_velocity=v * u.km / u.s,
        obstime=Time("J1990"),
    )
    expected = start.apply_space_motion(Time("J2020"))
    assert expected.separation(SkyCoord(*found.T, unit="deg")).uas.max() < 1


def test_names_of_sources_are_found_and_none_is_told_twice() -> None:
    from adql.functions.positions import _SOURCES, _key  # noqa: PLC0415 - the index behind ivo_simbadpoint

    names = [_key(name) for source in SOURCES for name in (source.name, *source.aliases)]
    assert len(names) == len(set(names)) == len(_SOURCES)
    for source in SOURCES:
        assert 0 <= source.ra < 360
        assert -90 <= source.dec <= 90
        assert re.fullmatch(r"[12]\d{3}[A-Za-z&.]{5}[\d.]{4}[A-Z\d.][\d.]{4}[A-Z]", source.reference), source


# Times


@pytest.mark.parametrize("scale", ["TT", "TAI", "UTC"])
@pytest.mark.parametrize("mjdref", [51910.00074287037, 41317.0, 57753.25, 51544.5])
def test_mission_times_are_those_of_astropy(scale: str, mjdref: float) -> None:
    rng = np.random.default_rng(9)
    moments = [
        day + offset / 86400
        for day, _ in LEAP_SECONDS
        for offset in (-86401, -86399, -2, -0.5, 0.25, 1, 70, 86399)
    ]
    moments += list(rng.uniform(41318, 62000, 300))
    seconds = (np.array(moments) - mjdref) * 86400
    zero = Time(mjdref, format="mjd", scale=scale.lower())
    expected = (zero + TimeDelta(seconds, format="sec")).utc.mjd
    known = expected >= 41317
    found = evaluate(f"gamma_met_to_mjd(met, {mjdref!r}, '{scale}')", {"met": ("double", seconds)})
    # One step of a double is 0.6 microseconds here.
    assert np.abs(np.array(found, float)[known] - expected[known]).max() * 86400 < 2e-6
    assert np.isnan(np.array(found, float)[~known]).all()


def test_mission_times_of_columns_are_those_of_constants() -> None:
    rng = np.random.default_rng(10)
    seconds = list(rng.uniform(-3e8, 8e8, 400))
    zeros = list(rng.choice([51910.00074287037, 41498.75, 53005.0, 57753.5, 57754.0, 51544.5], 400))
    scales = list(rng.choice(["TT", "UTC", "tai", "TDB"], 400))
    columns = {"met": ("double", seconds), "zero": ("double", zeros), "scale": ("text", scales)}
    found = evaluate("gamma_met_to_mjd(met, zero, scale)", columns)
    expected = [
        utc_mjd(met, zero, scale.upper()) if scale != "TDB" else None
        for met, zero, scale in zip(seconds, zeros, scales, strict=True)
    ]
    assert [x is None for x in found] == [x is None for x in expected]
    pairs = [(x, y) for x, y in zip(found, expected, strict=True) if x is not None]
    assert max(abs(x - y) for x, y in pairs) * 86400 < 2e-6


def test_julian_dates_are_those_of_astropy() -> None:
    rng = np.random.default_rng(11)
    days = rng.uniform(20000, 70000, 300)
    moments = [time.isot for time in Time(days, format="mjd", scale="tai")]
    found = evaluate("ivo_to_mjd(t)", {"t": ("text", moments)})
    assert found == pytest.approx(Time(moments, scale="tai").mjd, abs=1e-10)
    assert value_of_constant(f"ivo_to_jd('{moments[0]}')") == pytest.approx(
        Time(moments[0], scale="tai").jd, abs=1e-9
    )


def value_of_constant(expression: str) -> Any:
    """The value of an expression without columns."""
    return evaluate(expression, {"nothing": ("long", [1])})[0]


def test_a_moment_that_is_constant_is_a_number_in_the_sql() -> None:
    """So that engines can prune row groups by it."""
    query = "SELECT visit FROM mini.visits WHERE hours > ivo_to_mjd('2004-03-26T22:00:00')"
    assert "53090.916666666664" in translate(query, CATALOGUE, DUCKDB).sql


# Time coverages


def test_time_coverages_meet_where_those_of_mocpy_do() -> None:
    rng = np.random.default_rng(14)
    starts = rng.uniform(56000, 56040, (120, 3))
    stops = starts + rng.exponential(0.7, (120, 3))
    orders = rng.integers(23, 34, 120)
    maps = [
        TimeMOC.from_time_ranges(
            Time(a, format="mjd", scale="tdb"),
            Time(b, format="mjd", scale="tdb"),
            delta_t=TimeMOC.order_to_time_resolution(int(order)),
        )
        for a, b, order in zip(starts, stops, orders, strict=True)
    ]
    low, high = rng.uniform(56000, 56040, 120), rng.exponential(0.5, 120)
    window = [
        TimeMOC.from_time_ranges(
            Time([a], format="mjd", scale="tdb"),
            Time([a + b], format="mjd", scale="tdb"),
            delta_t=TimeMOC.order_to_time_resolution(25),
        )
        for a, b in zip(low, high, strict=True)
    ]
    columns = {
        "written": ("text", [one.to_string("ascii") for one in maps]),
        "other": ("text", [one.to_string("ascii") for one in window]),
        "t1": ("double", low),
        "t2": ("double", low + high),
    }
    expected = [int(not one.intersection(other).empty()) for one, other in zip(maps, window, strict=True)]
    assert 0 < sum(expected) < 120
    assert evaluate("INTERSECTS(TMOC(written), TMOC(25, t1, t2))", columns) == expected
    assert evaluate("INTERSECTS(TMOC(61, written), TMOC(other))", columns) == expected
    coarse = [
        int(not a.degrade_to_order(22).intersection(b).empty()) for a, b in zip(maps, window, strict=True)
    ]
    assert evaluate("INTERSECTS(TMOC(22, written), TMOC(other))", columns) == coarse


# Aggregates and samples


def test_histograms_are_those_of_numpy() -> None:
    rng = np.random.default_rng(12)
    values = np.concatenate([rng.normal(0, 2, 3000), np.linspace(-3, 3, 61), [np.nextafter(3, 0), 3.0, -3.0]])
    rows = [*values, None, None]
    (found,) = evaluate("ivo_histogram(x, -3, 3, 24)", {"x": ("double", rows)}, is_aggregate=True)
    edges = [-3 + 6 * index / 24 for index in range(25)]
    inside = values[(values >= -3) & (values < 3)]
    counts = list(np.histogram(inside, edges)[0])
    assert found == [int((values < -3).sum()) + 2, *counts, int((values >= 3).sum())]


def chosen(n: int, name: str, obs_id: int, row: int) -> int:
    """The definition of gamma_sample, in Python."""
    prime = 2**31 - 1
    number = int(hashlib.md5(name.encode()).hexdigest()[:7], 16)
    mixed = (obs_id % prime * 48271 + number) % prime
    mixed = (mixed * 69621 + row % prime) % prime
    return int(pow(mixed, 5, prime) < prime >> n)


def test_samples_are_those_of_their_definition() -> None:
    rng = np.random.default_rng(13)
    names = list(rng.choice(["hess-dl3-dr1", "magic", "é", ""], 2000))
    runs, rows = rng.integers(-(2**62), 2**62, 2000).tolist(), rng.integers(0, 10**7, 2000).tolist()
    columns = {"c": ("text", names), "o": ("long", runs), "r": ("long", rows)}
    for n in (0, 1, 5):
        found = evaluate(f"gamma_sample({n}, c, o, r)", columns)
        assert found == [chosen(n, c, o, r) for c, o, r in zip(names, runs, rows, strict=True)]


def test_samples_are_even_over_observations_and_rows() -> None:
    """Chi squared of 400 cells, as for independent draws."""
    runs, rows = 20, 20_000
    columns = {
        "c": ("text", ["hess-dl3-dr1"] * (runs * rows)),
        "o": ("long", np.repeat(np.arange(23000, 23000 + runs), rows).tolist()),
        "r": ("long", np.tile(np.arange(rows), runs).tolist()),
    }
    flags = np.array(evaluate("gamma_sample(4, c, o, r)", columns)).reshape(400, 1000).sum(axis=1)
    expected = 1000 / 16
    chi2 = ((flags - expected) ** 2 / (expected * 15 / 16)).sum()
    assert 400 - 5 * math.sqrt(800) < chi2 < 400 + 5 * math.sqrt(800)


def test_normal_random_numbers_are_normal() -> None:
    numbers = np.array(evaluate("ivo_normal_random(x, 2)", {"x": ("double", [5.0] * 200_000)}))
    scaled = (numbers - 5) / 2
    assert abs(scaled.mean()) < 5 / math.sqrt(numbers.size)
    assert abs(scaled.std() - 1) < 5 / math.sqrt(2 * numbers.size)
    assert abs((scaled**4).mean() - 3) < 5 * math.sqrt(96 / numbers.size)
    assert len(set(numbers)) > 0.999 * numbers.size
