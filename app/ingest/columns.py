"""The instrument columns of ``dl3.events``: one set for all releases, from columns named as each likes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace

from adql import Column, ColumnType
from app.ingest.eventlist import Assignment
from app.ingest.table import TableColumn
from app.ingest.units import UnknownUnit, factor, vounit
from vosi import taken_names

LONGEST = 60
"""Letters of the longest name."""

MOST = 1000
"""Instrument columns of the lake; those of releases that come later are left out."""

PREFIX = "event_"
"""Before a name that ADQL reserves, that another table has, or that does not begin with a letter."""

_EMPTY_COMMENT = re.compile(
    r"(label|name|data format|physical unit) (for|of) (the )?(field|column)\b.*|field \d+", re.IGNORECASE
)

_LADDER = ("unsignedByte", "short", "int", "long", "float", "double")
_EXACT_IN_FLOAT = ("unsignedByte", "short")

_GADF = {
    "EVENT_TYPE": ("Event quality partition, a bit mask (EVENT_TYPE)", "meta.code"),
    "MULTIP": ("Number of telescopes that have seen the event (MULTIP)", "meta.number"),
    "GLON": ("Reconstructed Galactic longitude (GLON)", "pos.galactic.lon"),
    "GLAT": ("Reconstructed Galactic latitude (GLAT)", "pos.galactic.lat"),
    "ALT": ("Reconstructed altitude (ALT)", "pos.az.alt"),
    "AZ": ("Reconstructed azimuth (AZ)", "pos.az.azi"),
    "DETX": ("Reconstructed X in the field of view (DETX)", "pos.cartesian.x"),
    "DETY": ("Reconstructed Y in the field of view (DETY)", "pos.cartesian.y"),
    "THETA": ("Reconstructed offset from the pointing (THETA)", "pos.angDistance"),
    "PHI": ("Reconstructed position angle around the pointing (PHI)", "pos.posAng"),
    "DIR_ERR": ("Error of the reconstructed direction (DIR_ERR)", "stat.error;pos.angDistance"),
    "ENERGY_ERR": ("Error of the reconstructed energy (ENERGY_ERR)", "stat.error;em.energy"),
    "COREX": ("Reconstructed X of the shower core (COREX)", "pos.cartesian.x"),
    "COREY": ("Reconstructed Y of the shower core (COREY)", "pos.cartesian.y"),
    "CORE_ERR": ("Error of the reconstructed shower core (CORE_ERR)", "stat.error"),
    "XMAX": ("Depth of the shower maximum (XMAX)", None),
    "XMAX_ERR": ("Error of the depth of the shower maximum (XMAX_ERR)", "stat.error"),
    "HIL_MSW": ("Hillas mean scaled width (HIL_MSW)", None),
    "HIL_MSW_ERR": ("Error of the Hillas mean scaled width (HIL_MSW_ERR)", "stat.error"),
    "HIL_MSL": ("Hillas mean scaled length (HIL_MSL)", None),
    "HIL_MSL_ERR": ("Error of the Hillas mean scaled length (HIL_MSL_ERR)", "stat.error"),
    "MC_ID": ("Number of the simulated source (MC_ID)", "meta.id"),
}
"""Optional columns of GADF 0.2, EVENTS: description and UCD, for files that do not tell."""

_ANGLES = frozenset(("DETX", "DETY"))
"""Columns whose UCD above holds only where the unit is no angle: the others of GADF agree with theirs."""


def legal_name(written: str) -> str:
    """A column's name as ADQL writes it without quotes, and as no other table of ``dl3`` has it."""
    plain = unicodedata.normalize("NFKD", written).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:LONGEST].rstrip("_") or "column"
    if not name[0].isalpha() or name in taken_names():
        name = PREFIX + name
    return name


class EventColumns:
    """Gives each instrument column of each file its place, and knows the columns that come of it.

    Names are taken in the order of asking, so releases are to be gone through in a fixed order.

    Parameters
    ----------
    columns
        The columns that there are already; they keep their places.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns: dict[str, Column] = {column.name: column for column in columns}

    @property
    def columns(self) -> tuple[Column, ...]:
        """The instrument columns, each in the type that holds all releases' values."""
        return tuple(self._columns.values())

    def assign(
        self, sources: Sequence[TableColumn], known: Mapping[str, str], collection: str
    ) -> tuple[tuple[Assignment, ...], dict[str, str], list[str]]:
        """Where the instrument columns of one event list go.

        Two columns share a name if their values are of one kind (numbers, texts, lists ...) and their units
        can be turned into one another; else the later one gets another name.

        Parameters
        ----------
        sources
            The columns of the list.
        known
            Where columns of the same collection went before: column as :func:`_key` writes it -> name.

        Returns
        -------
        tuple
            The places; what is now known, to be given at the next call; sentences on units that are none.
        """
        learnt = dict(known)
        places: list[Assignment] = []
        remarks: list[str] = []
        used: set[str] = set()
        for source in sources:
            unit, remark = _unit(source)
            if remark:
                remarks.append(remark)
            key = _key(source)
            if key not in learnt and len(self._columns) >= MOST:
                remarks.append(
                    f"The column {source.name} is left out, as there are {MOST} instrument columns"
                )
                continue
            name = learnt.get(key, "")
            if not name or name in used or self._conversion(name, source, unit) is None:
                name = self._free_name(source, unit, used)
            by = self._conversion(name, source, unit)
            self._widen(name, source, unit, collection, by or 1.0)
            used.add(name)
            learnt[key] = name
            places.append(Assignment(source, name, by or 1.0))
        return tuple(places), learnt, remarks

    def _free_name(self, source: TableColumn, unit: str | None, used: set[str]) -> str:
        base = legal_name(source.name or f"column_{source.number}")
        number = 1
        while True:
            name = base if number == 1 else f"{base}_{number}"
            is_taken = name in used or name in taken_names()
            if not is_taken and (
                name not in self._columns or self._conversion(name, source, unit) is not None
            ):
                return name
            number += 1

    def _conversion(self, name: str, source: TableColumn, unit: str | None) -> float | None:
        """Factor from a file's column to the one of that name; None if the two do not go together."""
        column = self._columns.get(name)
        if column is None:
            return 1.0
        if _kind(column.type) != _kind(source.type):
            return None
        if unit is None or column.unit is None or unit == column.unit:
            return 1.0
        try:
            return factor(unit, column.unit) if _kind(column.type).startswith("number") else None
        except (UnknownUnit, ValueError):
            return None

    def _widen(self, name: str, source: TableColumn, unit: str | None, collection: str, by: float) -> None:
        there = self._columns.get(name)
        if there is None:
            self._columns[name] = _described(name, source, unit, collection)
            return
        kind = source.type if by == 1.0 else _as_double(source.type)
        wider = replace(there, type=_common(there.type, kind), unit=there.unit or unit)
        self._columns[name] = wider


def _key(source: TableColumn) -> str:
    """A column of a file, as far as it decides where it goes."""
    return f"{source.name}|{_kind(source.type)}|{source.unit}"


def _kind(column_type: ColumnType) -> str:
    scalar = column_type.datatype in _LADDER
    kind = "number" if scalar else "text" if column_type.datatype in ("char", "unicodeChar") else "boolean"
    return kind if column_type.arraysize is None or kind == "text" else f"{kind}s"


def _common(first: ColumnType, second: ColumnType) -> ColumnType:
    """The type that holds the values of two of one kind."""
    datatype = first.datatype
    if datatype in _LADDER:
        low, high = sorted((first.datatype, second.datatype), key=_LADDER.index)
        exact = high != "float" or low in ("float", *_EXACT_IN_FLOAT)
        datatype = high if exact else "double"
    size = first.arraysize if first.arraysize == second.arraysize else "*"
    return replace(first, datatype=datatype, arraysize=size)


def _as_double(column_type: ColumnType) -> ColumnType:
    return replace(column_type, datatype="double")


def _unit(source: TableColumn) -> tuple[str | None, str | None]:
    if not source.unit:
        return None, None
    try:
        return vounit(source.unit), None
    except UnknownUnit:
        return (
            None,
            f'The column {source.name} has the unit "{source.unit}", which is none; it has no unit here',
        )


def _described(name: str, source: TableColumn, unit: str | None, collection: str) -> Column:
    known, ucd = _GADF.get(source.name.upper(), ("", None))
    if unit == "deg" and source.name.upper() in _ANGLES:
        ucd = None
    comment = "" if _EMPTY_COMMENT.fullmatch(source.comment.strip()) else source.comment.strip()
    told = comment or known
    if told and source.name and source.name.upper() not in told.upper():
        told = f"{told} ({source.name})"
    return Column(
        name=name,
        type=source.type,
        description=told or f"{source.name or name} of the event lists, first met in {collection}",
        unit=unit,
        ucd=ucd,
    )
