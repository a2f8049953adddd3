"""Simple Cone Search 1.03: a circle on the sky as ADQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.errors import FileNotThere, UsageError
from app.formats import choose_format
from app.services.parameters import Parameters
from app.services.query import Query
from app.services.ranges import read_circle, read_number


@dataclass(frozen=True, slots=True)
class ConeTable:
    """A table that cones can be searched in."""

    table: str
    id: str
    """ADQL of a text that names a row."""
    ra: str
    dec: str
    columns: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
    """What VERB=1 gives, what 2 adds, and what 3 adds."""


TABLES: Mapping[str, ConeTable] = {
    "events": ConeTable(
        "dl3.events",
        "collection || '/' || CAST(obs_id AS VARCHAR) || '/' || CAST(event_row AS VARCHAR)",
        "ra",
        "dec",
        (
            ("energy", "event_mjd"),
            ("collection", "obs_id", "event_type"),
            ("event_id", "event_time", "event_row"),
        ),
    ),
    "observations": ConeTable(
        "dl3.observations",
        "dataset_id",
        "fov_ra",
        "fov_dec",
        (
            ("target_name", "telescope", "start_mjd", "livetime"),
            ("obs_title", "collection", "obs_id", "instrument", "event_count", "zen_pnt", "fov_radius"),
            (
                "stop_mjd",
                "ontime",
                "min_energy",
                "max_energy",
                "energy_lo_safe",
                "energy_hi_safe",
                "obs_mode",
            ),
        ),
    ),
}
"""Word of the path -> table."""


def read_cone_query(word: str, parameters: Parameters, *, base_url: str) -> Query:
    """The query that a cone search is (SCS 1.03 section 2.1).

    Raises
    ------
    FileNotThere
        Raised if there is no such table.
    UsageError
        Raised if a parameter is missing or wrong.
    """
    table = TABLES.get(word)
    if table is None:
        raise FileNotThere(
            f'There is no cone search in "{word[:40]}"; there is one in {" and ".join(TABLES)}.'
        )
    given = {name: parameters.one(name) for name in ("RA", "DEC", "SR")}
    missing = [name for name, value in given.items() if value is None]
    if missing:
        raise UsageError(f"{' and '.join(missing)} [deg] must be given.")
    ra, dec, radius = read_circle("RA, DEC, SR", " ".join(value or "" for value in given.values()))
    verb = parameters.one("VERB") or "2"
    if verb.strip() not in ("1", "2", "3"):
        raise UsageError(f'VERB "{verb[:20]}" is 1, 2 or 3.')
    maxrec = parameters.one("MAXREC")
    most = None if maxrec is None else read_number("MAXREC", maxrec)
    if most is not None and not (most >= 0 and most == int(most)):
        raise UsageError(f'MAXREC "{(maxrec or "")[:40]}" is not a whole number from 0 up.')
    more = [name for names in table.columns[: int(verb)] for name in names]
    place = f"POINT({table.ra}, {table.dec}), CIRCLE({ra!r}, {dec!r}, {radius!r})"
    text = (
        f"SELECT {table.id} AS row_id, {table.ra} AS ra, {table.dec} AS dec, {', '.join(more)} "
        f"FROM {table.table} WHERE 1 = CONTAINS({place})"
    )
    return Query(
        text,
        choose_format(parameters.one("RESPONSEFORMAT") or "votable/td"),
        # A radius of 0 asks for the columns alone.
        maxrec=0 if radius == 0 else None if most is None else int(most),
        base_url=f"{base_url}/tap",
        ucds={"row_id": "ID_MAIN", "ra": "POS_EQ_RA_MAIN", "dec": "POS_EQ_DEC_MAIN"},
    )
