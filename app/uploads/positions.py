"""Positions that are written as texts, as services did before there was DALI: to numbers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from adql import ColumnType
from app.uploads.texts import lists

POINT = ColumnType("double", "2", "point")
_NUMBER = r"[+-]?(?:[0-9]+[.]?[0-9]*|[.][0-9]+)(?:[eE][+-]?[0-9]{1,3})?"
_POSITION = (
    r"(?i)\A\s*(?:position|point)\s+icrs\s+(?:(?:barycenter|geocenter|topocenter|unknownrefpos)\s+)?"
    rf"(?:spherical2\s+)?(?P<lon>{_NUMBER})\s+(?P<lat>{_NUMBER})(?:\s+unit\s+deg)?\s*\z"
)
"""STC-S (IVOA Note 2009-10-30) of a position in ICRS, and the way of TAP 1.0 implementations."""


def to_points(texts: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """The points that texts of xtype ``adql:POINT`` (TAP 1.0 section 2.5) write; None if one is other.

    Parameters
    ----------
    texts
        One position each, or NULL.

    Returns
    -------
    pyarrow.ChunkedArray
        Longitude and latitude in ICRS [deg].
    """
    chunks = [_points(chunk) for chunk in texts.chunks]
    type_ = pa.list_(pa.float64())
    return None if any(chunk is None for chunk in chunks) else pa.chunked_array(chunks, type=type_)


def _points(texts: pa.StringArray) -> pa.ListArray | None:
    missing = pc.equal(pc.utf8_trim_whitespace(texts), "").fill_null(True)
    parts = pc.extract_regex(texts, _POSITION)
    if not pc.all(pc.or_(missing, pc.is_valid(parts)), min_count=0).as_py():
        return None
    known = parts.filter(pc.invert(missing))
    lon, lat = (pc.struct_field(known, name).cast(pa.float64()).to_numpy() for name in ("lon", "lat"))
    if (np.abs(lat) > 90).any():
        return None
    absent = missing.to_numpy(zero_copy_only=False)
    sizes = pa.array(np.where(absent, 0, 2), pa.int64(), mask=absent)
    return lists(pa.array(np.stack([lon, lat], axis=1).reshape(-1)), sizes)
