"""SODA 1.0: parts of images."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from app.errors import UsageError
from app.services.images import Images
from app.services.parameters import Parameters
from app.services.ranges import read_circle, read_interval, read_polygon, read_range
from datalink import DataLinkFault, read_identifier

Corners = Sequence[tuple[float, float]]


def cut_image(images: Images, parameters: Parameters, authority: str) -> bytes | None:
    """The part of an image that a request asks for; None if it has no pixel there.

    Raises
    ------
    UsageError
        Raised if a parameter is missing or wrong.
    app.errors.ServiceError
        Raised if there is no such image, or it cannot be made.
    """
    id_ = parameters.one("ID")
    if id_ is None:
        raise UsageError("ID is missing: the publisher DID of an image.")
    try:
        name = read_identifier(id_, authority)
    except DataLinkFault as fault:
        raise UsageError(fault.text) from fault
    if not name.product or not name.dataset_id:
        raise UsageError(
            f'"{id_[:200]}" is no image; ivo://{authority}/dl3/counts?<collection>/<obs_id> is one.'
        )
    shape = _shape(parameters)
    path = images.image(name.dataset_id, name.product)
    return path.read_bytes() if shape is None else _cut(path, shape)


def _shape(parameters: Parameters) -> Corners | None:
    """Points around what is wanted; None for all of it."""
    given = [(name, parameters.one(name)) for name in ("CIRCLE", "POLYGON", "POS")]
    shapes = [(name, text) for name, text in given if text is not None]
    if len(shapes) > 1:
        raise UsageError("CIRCLE, POLYGON and POS exclude each other.")
    for name in ("BAND", "TIME"):
        text = parameters.one(name)
        if text is not None:
            read_interval(name, text)
    if not shapes:
        return None
    name, text = shapes[0]
    if name == "POS":
        name, _, text = text.strip().partition(" ")
    if name.upper() == "CIRCLE":
        return _around(*read_circle("CIRCLE", text))
    if name.upper() == "POLYGON":
        return read_polygon("POLYGON", text)
    if name.upper() == "RANGE":
        (west, east), (south, north) = read_range("RANGE", text)
        ras = np.linspace(max(west, 0.0), min(east, 360.0), 73)
        decs = np.linspace(max(south, -90.0), min(north, 90.0), 37)
        return [(float(ra), float(dec)) for ra in ras for dec in decs]
    raise UsageError(f'POS begins with CIRCLE, RANGE or POLYGON, not with "{name[:20]}".')


def _around(ra: float, dec: float, radius: float) -> Corners:
    """Points on and in a circle."""
    centre = SkyCoord(ra, dec, unit="deg")
    angles = np.linspace(0, 360, 73)
    points = [(ra, dec)]
    for part in (0.5, 1.0):
        rim = centre.directional_offset_by(angles * u.deg, part * radius * u.deg)
        points += zip(rim.ra.deg.tolist(), rim.dec.deg.tolist(), strict=True)
    return points


def _cut(path: Path, points: Corners) -> bytes | None:
    """The rectangle of pixels around the points."""
    with fits.open(path) as hdus:
        image, header = hdus[0].data, hdus[0].header
        wcs = WCS(header)
        ra, dec = np.array(points).T
        x, y = wcs.wcs_world2pix(ra, dec, 0)
        good = np.isfinite(x) & np.isfinite(y)
        if not good.any():
            return None
        left, right = int(np.floor(x[good].min() + 0.5)), int(np.floor(x[good].max() + 0.5))
        low, high = int(np.floor(y[good].min() + 0.5)), int(np.floor(y[good].max() + 0.5))
        left, low = max(left, 0), max(low, 0)
        right, high = min(right, image.shape[1] - 1), min(high, image.shape[0] - 1)
        if left > right or low > high:
            return None
        part = image[low : high + 1, left : right + 1]
        cut = header.copy()
        cut["CRPIX1"] -= left
        cut["CRPIX2"] -= low
        cut["HISTORY"] = "Cut out of the whole image."
        written = io.BytesIO()
        fits.PrimaryHDU(part, cut).writeto(written)
        return written.getvalue()
