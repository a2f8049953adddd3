"""Functions of times and intervals: the catalogue of user defined functions (IVOA EN 1.2) and our own."""

from __future__ import annotations

from dataclasses import replace

from adql import timescales, timestamps
from adql.arithmetic import add, case, div, flag, greater, known, less, mul, sub, test
from adql.casts import as_timestamp
from adql.coercion import NULL_TYPE
from adql.core import Expr, Literal, Local, Op
from adql.errors import BindError
from adql.functions.base import Function, Maker
from adql.schema import TimeSystem
from adql.timescales import DAY, SCALES
from adql.types import DOUBLE, INT, STRING, TIMESTAMP
from adql.values import Value, integer, number, text, to_double

JD_OF_MJD = 2400000.5


def _julian(zero: float, word: str) -> Maker:
    """Days since a zero point of a moment given as text."""
    origin = JD_OF_MJD - zero

    def make(args: tuple[Value, ...]) -> Value:
        moment = args[0].expr
        description = f"{word} of: {args[0].description}" if args[0].description else word
        scale = args[0].timesys
        system = TimeSystem(scale.timescale, scale.refposition, origin) if scale is not None else None
        result = Value(Literal(DOUBLE, None), word.lower(), description, "d", "time.epoch", timesys=system)
        if isinstance(moment, Literal):
            if moment.value is None:
                return result
            mjd = timestamps.mjd(str(moment.value))
            if mjd is None:
                raise BindError(f"{moment.value!r} is not a time: write it as 2004-03-26T22:15:00.")
            days: Expr = number(mjd + zero)
        else:
            canonical = moment if moment.type == TIMESTAMP else as_timestamp(moment)
            days = add(_mjd_of(canonical), number(zero))
        return replace(result, expr=days)

    return make


def _mjd_of(moment: Expr) -> Expr:
    """MJD of a time in the one form of this service, ``2004-03-26T22:15:00.000``."""
    days = Op(DOUBLE, "to_double", (Op(INT, "days_of_text", (_part(moment, 1, 10),)),))
    hours, minutes, seconds = (
        Op(DOUBLE, "double_of_text", (_part(moment, start, length),))
        for start, length in ((12, 2), (15, 2), (18, 12))
    )
    clock = add(mul(hours, number(3600)), mul(minutes, number(60)), seconds)
    return add(days, div(clock, number(DAY)))


def _part(moment: Expr, start: int, length: int) -> Expr:
    return Op(STRING, "substring", (moment, integer(start), integer(length)))


# Mission time


def _met_to_mjd(args: tuple[Value, ...]) -> Value:
    met, mjdref = (
        Literal(DOUBLE, None) if arg.type == NULL_TYPE else to_double(arg.expr) for arg in args[:2]
    )
    scale = args[2].expr
    if isinstance(scale, Literal):
        name = str(scale.value).strip().upper()
        if scale.value is not None and name not in _SCALES:
            raise BindError(f'Time scale "{scale.value}" is not offered: use TT, TAI or UTC.')
        days = Literal(DOUBLE, None) if scale.value is None else _utc(met, mjdref, name)
    else:
        written = Op(STRING, "upper", (scale,))
        choices = [(test("eq", written, text(name)), _utc(met, mjdref, name)) for name in _SCALES]
        days = case(*(part for choice in choices for part in choice))
    system = TimeSystem("UTC", "UNKNOWN", JD_OF_MJD)
    return Value(days, "mjd", "Time as MJD in UTC", "d", "time.epoch", timesys=system)


_SCALES = (*SCALES, "UTC")


def _utc(met: Expr, mjdref: Expr, scale: str) -> Expr:
    """MJD in UTC of seconds since a zero point; NULL before 1972."""
    zero = known(mjdref)
    if scale != "UTC":
        return _from_tai(met, mjdref, number(-SCALES[scale]))
    if zero is not None:
        ahead = timescales.tai_minus_utc(zero)
        return Literal(DOUBLE, None) if ahead is None else _from_tai(met, mjdref, number(ahead))
    steps = ((test("ge", mjdref, number(mjd)), value) for mjd, value in _steps(mjdref))
    ahead_of = Local(DOUBLE, "ahead")
    offset = case(*(part for step in steps for part in step))
    return Op(DOUBLE, "let", (ahead_of, offset, _from_tai(met, mjdref, ahead_of)))


def _steps(mjdref: Expr) -> list[tuple[float, Expr]]:
    """From the present back: MJD in UTC from which on TAI - UTC [s] is what follows."""
    steps: list[tuple[float, Expr]] = []
    for day, offset in reversed(timescales.LEAP_SECONDS):
        steps.append((day, number(offset)))
        if day != timescales.LEAP_SECONDS[0][0]:
            steps.append((day - 1, add(sub(mjdref, number(day - 1)), number(offset - 1))))
    return steps


def _from_tai(met: Expr, mjdref: Expr, ahead: Expr) -> Expr:
    """MJD in UTC of a time ``met + ahead`` seconds of TAI after ``mjdref``."""
    zero, shift = known(mjdref), known(ahead)
    parts: list[Expr] = []
    for stretch in timescales.stretches():
        rest = add(met, add(ahead, number(-stretch.offset)))
        if zero is not None and shift is not None:
            begins = test("ge", met, number((stretch.utc - zero) * DAY + stretch.offset - shift))
        else:
            begins = test("ge", add(mjdref, div(add(met, ahead), number(DAY))), number(stretch.tai))
        if stretch.length == DAY:
            days = add(mjdref, div(rest, number(DAY)))
        else:
            since = add(mul(sub(mjdref, number(stretch.utc)), number(DAY)), rest)
            days = add(div(since, number(stretch.length)), number(stretch.utc))
        parts += [begins, days]
    return case(*parts)


# Intervals


def _interval_overlaps(args: tuple[Value, ...]) -> Value:
    a1, b1, a2, b2 = map(_double, args)
    meets = test("le", greater(a1, a2), less(b1, b2))
    return Value(flag(meets), description="1 if two intervals overlap, else 0", ucd="meta.code")


def _gti_overlaps(args: tuple[Value, ...]) -> Value:
    a1, b1, a2, b2 = map(_double, args)
    meets = test("lt", greater(a1, a2), less(b1, b2))
    return Value(
        flag(meets), description="1 if two time intervals have time in common, else 0", ucd="meta.code"
    )


def _common_time(args: tuple[Value, ...]) -> Value:
    a1, b1, a2, b2 = map(_double, args)
    length = sub(less(b1, b2), greater(a1, a2))
    zero = number(0)
    expr = case(test("gt", length, zero), length, test("le", length, zero), zero)
    unit = args[0].unit if all(arg.unit in (None, args[0].unit) for arg in args) else None
    return Value(expr, "common_time", "Time that two intervals have in common", unit, "time.duration")


def _double(arg: Value) -> Expr:
    return Literal(DOUBLE, None) if arg.type == NULL_TYPE else to_double(arg.expr)


FUNCTIONS: tuple[Function, ...] = (
    # EN 1.2 section 2.3
    Function(
        "ivo_to_jd",
        ("timestamp",),
        _julian(JD_OF_MJD, "JD"),
        "Julian date of a time; as naive as the calendar, without time zones and scales",
        "ivo_to_jd(d TIMESTAMP) -> DOUBLE",
        "udf",
        "ivo_to_jd('1910-12-31T06:00:00')",
        2419036.75,
    ),
    Function(
        "ivo_to_mjd",
        ("timestamp",),
        _julian(0.0, "MJD"),
        "Modified Julian date of a time; as naive as the calendar, without time zones and scales",
        "ivo_to_mjd(d TIMESTAMP) -> DOUBLE",
        "udf",
        "ivo_to_mjd('1910-12-31T06:00:00')",
        19036.25,
    ),
    Function(
        "gamma_met_to_mjd",
        ("number", "number", "text"),
        _met_to_mjd,
        "MJD in UTC of a mission time [s] that counts from mjdref (MJD in timesys); timesys is TT, TAI or "
        "UTC, and leap seconds are counted as astropy does. NULL before 1972 and for another time scale",
        "gamma_met_to_mjd(met DOUBLE, mjdref DOUBLE, timesys TEXT) -> DOUBLE",
        "udf",
        "gamma_met_to_mjd(333778852.184, 51910.00074287037, 'TT')",
        55773.181136388885,
    ),
    # EN 1.2 section 2.6
    Function(
        "ivo_interval_overlaps",
        ("number",) * 4,
        _interval_overlaps,
        "1 if the intervals a1 to b1 and a2 to b2 overlap, if only in one point, else 0; an interval that "
        "ends before it begins overlaps with none",
        "ivo_interval_overlaps(a1 NUMERIC, b1 NUMERIC, a2 NUMERIC, b2 NUMERIC) -> INTEGER",
        "udf",
        "ivo_interval_overlaps(-2, 55.3, 2, 3)",
        1,
    ),
    Function(
        "gamma_gti_overlaps",
        ("number",) * 4,
        _gti_overlaps,
        "1 if two time intervals, such as a good time interval and another, have time in common, else 0; "
        "where one ends as the other begins they have none",
        "gamma_gti_overlaps(start1 DOUBLE, stop1 DOUBLE, start2 DOUBLE, stop2 DOUBLE) -> INTEGER",
        "udf",
        "gamma_gti_overlaps(56320.0, 56320.02, 56320.01, 56325.0)",
        1,
    ),
    Function(
        "gamma_common_time",
        ("number",) * 4,
        _common_time,
        "Length of the time that two intervals have in common, in the unit of the arguments; 0 if they "
        "have none",
        "gamma_common_time(start1 DOUBLE, stop1 DOUBLE, start2 DOUBLE, stop2 DOUBLE) -> DOUBLE",
        "udf",
        "gamma_common_time(10.0, 38.5, 30, 100)",
        8.5,
    ),
)
