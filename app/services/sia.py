"""SIA 2.0: the parameters of a search for images as ADQL on ivoa.obscore (SIA 2.0 section 2)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence

from app.errors import UsageError
from app.formats import choose_format
from app.services.parameters import Parameters
from app.services.query import Query
from app.services.ranges import read_circle, read_interval, read_polygon, read_range
from datalink import InputParameter, ServiceDescriptor

_INTEGER = re.compile(r"\s*\+?\d{1,18}\s*", re.ASCII)
_MOST_VALUES = 1000
Maker = Callable[[str, str], str]


def _position(name: str, text: str) -> str:
    kind, _, rest = text.strip().partition(" ")
    if kind.upper() == "CIRCLE":
        ra, dec, radius = read_circle(name, rest)
        return f"1 = INTERSECTS(s_region, CIRCLE({ra!r}, {dec!r}, {radius!r}))"
    if kind.upper() == "POLYGON":
        corners = ", ".join(f"{ra!r}, {dec!r}" for ra, dec in read_polygon(name, rest))
        return f"1 = INTERSECTS(s_region, POLYGON({corners}))"
    if kind.upper() == "RANGE":
        return _in_range(*read_range(name, rest))
    raise UsageError(f'{name} "{text[:60]}" begins with CIRCLE, RANGE or POLYGON.')


def _in_range(ra: tuple[float, float], dec: tuple[float, float]) -> str:
    """Fields whose circle reaches into a box of coordinates: by declination, and by right ascension there."""
    parts = []
    if math.isfinite(dec[0]):
        parts.append(f"s_dec + s_fov / 2 >= {dec[0]!r}")
    if math.isfinite(dec[1]):
        parts.append(f"s_dec - s_fov / 2 <= {dec[1]!r}")
    if ra[1] - ra[0] < 360:
        # Half the width of a circle in right ascension, all around where it holds a pole.
        reach = (
            "CASE WHEN ABS(s_dec) + s_fov / 2 >= 90 THEN 180 ELSE "
            "DEGREES(ASIN(SIN(RADIANS(s_fov / 2)) / COS(RADIANS(s_dec)))) END"
        )
        middle, half = (ra[0] + ra[1]) / 2, (ra[1] - ra[0]) / 2
        apart = f"ABS(MOD(s_ra - {middle!r} + 900, 360) - 180)"
        parts.append(f"{apart} <= {half!r} + {reach}")
    return " AND ".join(parts) or "s_ra IS NOT NULL"


def _overlap(low: str, high: str) -> Maker:
    def make(name: str, text: str) -> str:
        least, most = read_interval(name, text)
        parts = [f"{high} >= {least!r}"] if math.isfinite(least) else []
        parts += [f"{low} <= {most!r}"] if math.isfinite(most) else []
        return " AND ".join(parts) or f"{low} IS NOT NULL"

    return make


def _equal(column: str) -> Maker:
    return lambda _, text: f"{column} = {_literal(text.strip())}"


def _level(name: str, text: str) -> str:
    if not _INTEGER.fullmatch(text):
        raise UsageError(f'{name} "{text[:40]}" is not a whole number from 0 up.')
    return f"calib_level = {int(text)}"


def _states(_: str, text: str) -> str:
    return f"pol_states LIKE {_literal(f'%/{text.strip().upper()}/%')}"


PARAMETERS: Mapping[str, tuple[Maker, InputParameter]] = {
    name: (maker, InputParameter(name, datatype, arraysize, xtype, unit, ucd, description=description))
    for name, maker, datatype, arraysize, xtype, unit, ucd, description in (
        (
            "POS",
            _position,
            "char",
            "*",
            None,
            None,
            "pos.outline;obs",
            "CIRCLE, RANGE or POLYGON, ICRS [deg]",
        ),
        ("BAND", _overlap("em_min", "em_max"), "double", "2", "interval", "m", "em.wl", "Wavelengths"),
        ("TIME", _overlap("t_min", "t_max"), "double", "2", "interval", "d", "time.interval", "MJD in UTC"),
        ("POL", _states, "char", "*", None, None, "meta.code;phys.polarization", "Polarisation states"),
        (
            "FOV",
            _overlap("s_fov", "s_fov"),
            "double",
            "2",
            "interval",
            "deg",
            "phys.angSize",
            "Field of view",
        ),
        (
            "SPATRES",
            _overlap("s_resolution", "s_resolution"),
            *("double", "2", "interval", "arcsec", "pos.angResolution", "Spatial resolution"),
        ),
        (
            "SPECRP",
            _overlap("em_res_power", "em_res_power"),
            *("double", "2", "interval", None, "spect.resolution", "Resolving power"),
        ),
        (
            "EXPTIME",
            _overlap("t_exptime", "t_exptime"),
            *("double", "2", "interval", "s", "time.duration;obs.exposure", "Exposure time"),
        ),
        (
            "TIMERES",
            _overlap("t_resolution", "t_resolution"),
            *("double", "2", "interval", "s", "time.resolution", "Resolution in time"),
        ),
        ("ID", _equal("obs_publisher_did"), "char", "*", None, None, "meta.ref.ivoid", "Publisher DID"),
        ("COLLECTION", _equal("obs_collection"), "char", "*", None, None, "meta.id", "Data release"),
        ("FACILITY", _equal("facility_name"), "char", "*", None, None, "meta.id;instr.tel", "Telescope"),
        ("INSTRUMENT", _equal("instrument_name"), "char", "*", None, None, "meta.id;instr", "Instrument"),
        ("DPTYPE", _equal("dataproduct_type"), "char", "*", None, None, "meta.code.class", "image or cube"),
        ("CALIB", _level, "int", None, None, None, "meta.code;obs.calib", "Calibration level"),
        ("TARGET", _equal("target_name"), "char", "*", None, None, "meta.id;src", "Object"),
        (
            "FORMAT",
            _equal("access_format"),
            "char",
            "*",
            None,
            None,
            "meta.code.mime",
            "Media type of the image",
        ),
    )
}
"""Parameter -> what makes an ADQL condition of a value, and how it is described."""


def read_image_query(parameters: Parameters, *, base_url: str, accept: str | None) -> Query:
    """The query on ivoa.obscore that a search for images is.

    Raises
    ------
    UsageError
        Raised if a value is wrong.
    """
    conditions = ["dataproduct_type IN ('image', 'cube')"]
    for name, (make, _) in PARAMETERS.items():
        values = parameters.all(name)
        if len(values) > _MOST_VALUES:
            raise UsageError(f"{name} has {len(values)} values; {_MOST_VALUES} are allowed.")
        if values:
            conditions.append(f"({' OR '.join(f'({make(name, value)})' for value in values)})")
    maxrec = parameters.one("MAXREC")
    if maxrec is not None and not _INTEGER.fullmatch(maxrec):
        raise UsageError(f'MAXREC "{maxrec[:40]}" is not a whole number from 0 up.')
    return Query(
        f"SELECT * FROM ivoa.obscore WHERE {' AND '.join(conditions)}",
        choose_format(parameters.one("RESPONSEFORMAT"), accept=accept),
        maxrec=None if maxrec is None else int(maxrec),
        base_url=f"{base_url}/tap",
        services=(self_description(base_url),),
    )


def self_description(base_url: str) -> ServiceDescriptor:
    """The service and its parameters (SIA 2.0 section 2.1, DALI 1.1 section 3.4.4)."""
    own: Sequence[InputParameter] = [parameter for _, parameter in PARAMETERS.values()]
    return ServiceDescriptor(
        id="sia",
        name="sia",
        description="Search for images of observations",
        access_url=f"{base_url}/sia/query",
        standard_id="ivo://ivoa.net/std/SIA#query-2.0",
        parameters=(*own, InputParameter("MAXREC", "int", None), InputParameter("RESPONSEFORMAT")),
        describes_itself=True,
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
