"""The rows of ``dl3.observations``, ``dl3.gtis`` and ``dl3.hdus`` that event lists make."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from app.ingest.discoverable import coverage_time, discovery_facts, time_coverage
from app.ingest.facts import ListFacts
from app.ingest.frames import separation
from app.ingest.gadf import ObsRow
from app.ingest.plan import Link, PlannedList
from app.ingest.runs import ListStatistics
from app.ingest.scan import Intervals
from app.ingest.times import MissionTime, to_iso

Reals = NDArray[np.float64]
Places = NDArray[np.int64]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class LoadedList:
    """An event list that was read, and what was found out."""

    planned: PlannedList
    statistics: ListStatistics


def mission_of(planned: PlannedList) -> MissionTime | None:
    """The reference of an event list's times: from its own header, else from that of its intervals."""
    facts, intervals = planned.hdu.facts, planned.intervals
    if facts is not None and facts.mission is not None:
        return facts.mission
    return None if intervals is None else intervals.mission


def pointing_of(planned: PlannedList) -> tuple[float | None, float | None]:
    """Where an event list was pointed to, ICRS [deg]: by header, table of pointings, or index."""
    facts, table, row = planned.hdu.facts, planned.pointing, planned.row
    if facts is not None and facts.ra_pnt is not None and facts.dec_pnt is not None:
        return facts.ra_pnt, facts.dec_pnt
    if table is not None and table.ra is not None and table.dec is not None:
        return table.ra, table.dec
    return _direction(_number(row, "RA_PNT"), _number(row, "DEC_PNT"))


def observation_rows(lists: Sequence[LoadedList], collection: str, relative: Sequence[str]) -> list[Row]:
    """Rows of ``dl3.observations``, without ``target_name``.

    Parameters
    ----------
    relative
        For each list, its file's place below the root.
    """
    rows = [_observation(loaded, collection, relative[place]) for place, loaded in enumerate(lists)]
    _add_galactic(rows)
    _add_days(rows, [mission_of(loaded.planned) for loaded in lists])
    for row, loaded in zip(rows, lists, strict=True):
        row.update(discovery_facts(row, _field_of(row, loaded)))
    _add_time_coverages(rows, lists)
    return rows


def _field_of(row: Row, loaded: LoadedList) -> tuple[float | None, float | None]:
    """Centre of the field of view: the pointing; without one the middle of the events, or the object."""
    if row["ra_pnt"] is not None:
        return row["ra_pnt"], row["dec_pnt"]
    return loaded.statistics.middle or (row["ra_obj"], row["dec_obj"])


def _add_time_coverages(rows: Sequence[Row], lists: Sequence[LoadedList]) -> None:
    """When data were taken: by the intervals, else from start to end."""
    timed = [loaded.planned for loaded in lists if loaded.planned.intervals is not None]
    counts = [_intervals(planned).start.size for planned in timed]
    owner = np.repeat(np.arange(len(timed)), counts)
    missions = [_intervals(planned).mission or mission_of(planned) for planned in timed]
    starts, stops = (
        coverage_time(
            to_days(
                np.concatenate([np.zeros(0), *(getattr(_intervals(p), end) for p in timed)]), missions, owner
            )
        )
        for end in ("start", "stop")
    )
    whole = [coverage_time(_column(rows, name)) for name in ("start_mjd", "stop_mjd")]
    first = 0
    for place, (row, loaded) in enumerate(zip(rows, lists, strict=True)):
        text = None
        if loaded.planned.intervals is not None:
            last = first + loaded.planned.intervals.start.size
            text = time_coverage(starts[first:last], stops[first:last])
            first = last
        row["time_coverage"] = text or time_coverage(*(ends[place : place + 1] for ends in whole))


def _column(rows: Sequence[Row], name: str) -> Reals:
    return np.array([math.nan if row[name] is None else row[name] for row in rows], dtype=np.float64)


def _intervals(planned: PlannedList) -> Intervals:
    assert planned.intervals is not None
    return planned.intervals


def _observation(loaded: LoadedList, collection: str, file: str) -> Row:
    planned, found = loaded.planned, loaded.statistics
    facts, row = planned.hdu.facts, planned.row
    assert facts is not None
    mission = mission_of(planned)
    return {
        "collection": collection,
        "obs_id": planned.obs_id,
        "event_type": planned.event_type,
        "obs_label": planned.label,
        "object": facts.object or _text(row, "OBJECT"),
        "telescope": facts.telescope or _text(row, "TELESCOP"),
        "instrument": facts.instrument or _text(row, "INSTRUME"),
        **_directions(planned, facts, row),
        "obs_mode": facts.obs_mode or _text(row, "OBS_MODE"),
        **_times(planned, facts, found),
        "mjdref": None if mission is None else mission.mjdref,
        "timesys": None if mission is None else mission.name,
        "timeref": None if mission is None else mission.place or None,
        **_exposure(planned, facts, row),
        "n_tels": facts.n_tels if facts.n_tels is not None else _whole(row, "N_TELS"),
        "tellist": facts.tellist or _text(row, "TELLIST"),
        "quality": facts.quality if facts.quality is not None else _whole(row, "QUALITY"),
        "muoneff": facts.muoneff if facts.muoneff is not None else _number(row, "MUONEFF"),
        "event_count": found.nrows,
        "min_energy": found.min_energy,
        "max_energy": found.max_energy,
        **_responses(planned.links, row),
        "fov_radius": found.fov_radius,
        "geolon": facts.geolon,
        "geolat": facts.geolat,
        "altitude": facts.altitude,
        "gadf_version": facts.gadf_version or None,
        "events_file": file,
    }


def _directions(planned: PlannedList, facts: ListFacts, row: ObsRow) -> Row:
    ra, dec = pointing_of(planned)
    table = planned.pointing
    alt = _first(facts.alt_pnt, None if table is None else table.alt, _number(row, "ALT_PNT"))
    az = _first(facts.az_pnt, None if table is None else table.az, _number(row, "AZ_PNT"))
    zen = _first(None if alt is None else 90.0 - alt, _number(row, "ZEN_PNT"))
    ra_obj, dec_obj = object_position(facts.ra_obj, facts.dec_obj)
    if ra_obj is None:
        ra_obj, dec_obj = object_position(_number(row, "RA_OBJ"), _number(row, "DEC_OBJ"))
    known = None not in (ra, dec, ra_obj, dec_obj)
    return {
        "ra_pnt": ra,
        "dec_pnt": dec,
        "alt_pnt": _first(alt, None if zen is None else 90.0 - zen),
        "az_pnt": None if az is None else az % 360.0,
        "zen_pnt": zen,
        "ra_obj": ra_obj,
        "dec_obj": dec_obj,
        "offset_obj": _distance(ra, dec, ra_obj, dec_obj) if known else None,
    }


def object_position(ra: float | None, dec: float | None) -> tuple[float | None, float | None]:
    """The position of an object; (0, 0) is what files write that have none."""
    return (None, None) if (ra, dec) == (0.0, 0.0) else _direction(ra, dec)


def _distance(ra: Any, dec: Any, ra_obj: Any, dec_obj: Any) -> float:
    return float(separation(np.array([ra]), np.array([dec]), ra_obj, dec_obj)[0])


def _times(planned: PlannedList, facts: ListFacts, found: ListStatistics) -> Row:
    """Start and end: by the header of the event list, else by its intervals, else by its events."""
    good = None if planned.intervals is None else _valid(planned.intervals)
    first = None if good is None or not good[0].size else float(good[0].min())
    last = None if good is None or not good[1].size else float(good[1].max())
    return {
        "tstart": _first(facts.tstart, first, found.first_time),
        "tstop": _first(facts.tstop, last, found.last_time),
    }


def _exposure(planned: PlannedList, facts: ListFacts, row: ObsRow) -> Row:
    good = None if planned.intervals is None else _valid(planned.intervals)
    counted = float((good[1] - good[0]).sum()) if good is not None and good[0].size else None
    ontime = _first(counted, facts.ontime, _number(row, "ONTIME"))
    deadc = _first(facts.deadc, _number(row, "DEADC"))
    livetime = _first(facts.livetime, _number(row, "LIVETIME"))
    if livetime is None and ontime is not None and deadc is not None:
        livetime = ontime * deadc
    if deadc is None and ontime and livetime is not None:
        deadc = livetime / ontime
    return {"ontime": ontime, "livetime": livetime, "deadc": deadc}


def _valid(intervals: Intervals) -> tuple[Reals, Reals]:
    """The intervals that have an extent."""
    good = intervals.stop >= intervals.start
    return intervals.start[good], intervals.stop[good]


def _responses(links: Iterable[Link], row: ObsRow) -> Row:
    by_type = {
        link.hdu_type: link.hdu.response for link in reversed(tuple(links)) if link.hdu.response is not None
    }
    ordered = [by_type[name] for name in ("rad_max", "aeff", "edisp", "psf", "bkg") if name in by_type]
    ordered += [response for name, response in by_type.items() if response not in ordered]
    aeff = by_type.get("aeff")
    return {
        "energy_lo_safe": _first(None if aeff is None else aeff.lo_thres, _number(row, "SAFE_ENERGY_LO")),
        "energy_hi_safe": _first(None if aeff is None else aeff.hi_thres, _number(row, "SAFE_ENERGY_HI")),
        "is_pointlike": _first(*(response.pointlike for response in ordered)),
        "rad_max": _first(*(response.rad_max for response in ordered)),
    }


def _add_galactic(rows: Sequence[Row]) -> None:
    """Galactic coordinates of the pointings, as astropy has them."""
    known = [row for row in rows if row["ra_pnt"] is not None]
    for row in rows:
        row["glon_pnt"] = row["glat_pnt"] = None
    if known:
        sky = SkyCoord(
            [row["ra_pnt"] for row in known], [row["dec_pnt"] for row in known], unit="deg"
        ).galactic
        for row, lon, lat in zip(known, sky.l.deg.tolist(), sky.b.deg.tolist(), strict=True):
            row["glon_pnt"], row["glat_pnt"] = lon, lat


def _add_days(rows: Sequence[Row], missions: Sequence[MissionTime | None]) -> None:
    """Start and end in UTC; all observations of one reference at a time."""
    for name, day, date in (("tstart", "start_mjd", "date_obs"), ("tstop", "stop_mjd", "date_end")):
        seconds = _column(rows, name)
        days = to_days(seconds, missions)
        for row, mjd, text in zip(rows, days.tolist(), to_iso(days), strict=True):
            row[day] = mjd if math.isfinite(mjd) else None
            row[date] = text


def to_days(seconds: Reals, missions: Sequence[MissionTime | None], owner: Places | None = None) -> Reals:
    """MJD in UTC of times; NaN where there is no reference.

    Parameters
    ----------
    missions
        The references.
    owner
        Which of them is that of each time; without it, they stand side by side.
    """
    distinct = list(dict.fromkeys(missions))
    number = np.array([distinct.index(mission) for mission in missions], dtype=np.int64)
    of_each = number if owner is None else number[owner]
    days = np.full(seconds.shape, math.nan)
    for place, mission in enumerate(distinct):
        if mission is not None:
            here = of_each == place
            days[here] = mission.to_utc(seconds[here])
    return days


def gti_table(lists: Sequence[LoadedList], collection: str, schema: pa.Schema) -> pa.Table:
    """Rows of ``dl3.gtis``: every interval, good or odd, in the order of its table."""
    found = [(loaded.planned, loaded.planned.intervals) for loaded in lists]
    timed = [(planned, intervals) for planned, intervals in found if intervals is not None]
    counts = [intervals.start.size for _, intervals in timed]
    start = np.concatenate([np.zeros(0), *(intervals.start for _, intervals in timed)])
    stop = np.concatenate([np.zeros(0), *(intervals.stop for _, intervals in timed)])
    owner = np.repeat(np.arange(len(timed)), counts)
    missions = [intervals.mission or mission_of(planned) for planned, intervals in timed]
    columns = {
        "collection": pa.repeat(pa.scalar(collection, pa.string()), start.size),
        "obs_id": pa.array([planned.obs_id for planned, _ in timed], pa.int64()).take(pa.array(owner)),
        "event_type": pa.array([planned.event_type for planned, _ in timed], pa.string()).take(
            pa.array(owner)
        ),
        "gti_row": pa.array(np.concatenate([np.zeros(0, dtype=np.int32), *(np.arange(n) for n in counts)])),
        "gti_start": pa.array(start, from_pandas=True),
        "gti_stop": pa.array(stop, from_pandas=True),
        "gti_start_mjd": pa.array(to_days(start, missions, owner), from_pandas=True),
        "gti_stop_mjd": pa.array(to_days(stop, missions, owner), from_pandas=True),
    }
    return pa.Table.from_arrays([columns[field.name].cast(field.type) for field in schema], schema=schema)


def hdu_rows(lists: Sequence[LoadedList], collection: str, relative: Mapping[Any, str]) -> list[Row]:
    """Rows of ``dl3.hdus``.

    Parameters
    ----------
    relative
        Path of a file -> its place below the root.
    """
    return [
        {
            "collection": collection,
            "obs_id": loaded.planned.obs_id,
            "event_type": loaded.planned.event_type,
            "hdu_type": link.hdu_type,
            "hdu_class": link.hdu_class,
            "file_name": relative[link.file.path],
            "hdu_name": link.hdu.name,
            "hdu_number": link.hdu.number,
            "hdu_pointlike": None if link.hdu.response is None else link.hdu.response.pointlike,
            "file_size": link.file.nbytes,
            "file_sha256": link.file.sha256,
        }
        for loaded in lists
        for link in loaded.planned.links
    ]


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _direction(ra: float | None, dec: float | None) -> tuple[float | None, float | None]:
    if ra is None or dec is None or abs(dec) > 90 or abs(ra) > 1e6:
        return None, None
    return ra % 360.0, dec


def _number(row: ObsRow, name: str) -> float | None:
    value = row.get(name)
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _whole(row: ObsRow, name: str) -> int | None:
    value = _number(row, name)
    return int(value) if value is not None and value == int(value) and abs(value) < 2**31 else None


def _text(row: ObsRow, name: str) -> str | None:
    value = row.get(name)
    return None if value is None else str(value).strip() or None
