"""What the FITS headers of the simulated archive say; first of all, that everything is simulated."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from astropy.coordinates import AltAz
from astropy.time import Time, TimeDelta

from datalink.simulation.instruments import Instrument
from datalink.simulation.schedule import Run

Cards = dict[str, str | int | float | bool]

GADF: Cards = {
    "HDUCLASS": "GADF",
    "HDUDOC": "https://github.com/open-gamma-ray-astro/gamma-astro-data-formats",
    "HDUVERS": "0.3",
}
SIMULATED: Cards = {"SIMULATD": True, "ORIGIN": "GammaHub simulation", "OBSERVER": "nobody (simulated)"}
REMARK = "Simulated data: invented instrument, invented observation. Not for science."


def observation_cards(run: Run) -> Cards:
    """What the EVENTS header says about an observation (GADF 0.3, "EVENTS", header keywords)."""
    target = run.target.spatial_model.position.icrs
    horizon = horizontal_pointing(run, np.array([run.duration / 2]))
    return {
        "OBS_ID": run.obs_id,
        "OBJECT": run.target.name,
        "RA_OBJ": target.ra.deg,
        "DEC_OBJ": target.dec.deg,
        "OBS_MODE": "POINTING",
        "RA_PNT": run.pointing.ra.deg,
        "DEC_PNT": run.pointing.dec.deg,
        "ALT_PNT": horizon.alt.deg[0],
        "AZ_PNT": horizon.az.deg[0],
        "EQUINOX": 2000.0,
        "RADECSYS": "ICRS",
        "TSTART": run.tstart,
        "TSTOP": run.tstart + run.duration,
        "TELAPSE": run.duration,
        "ONTIME": run.ontime,
        "LIVETIME": run.livetime,
        "DEADC": run.instrument.deadc,
        "DATE-OBS": run.start.isot,
        "DATE-END": (run.start + TimeDelta(run.duration, format="sec")).isot,
    }


def clock_cards(instrument: Instrument) -> Cards:
    """The five time keywords (GADF 0.3, "Time", Formats)."""
    return {
        "MJDREFI": instrument.mjdref[0],
        "MJDREFF": instrument.mjdref[1],
        "TIMEUNIT": "s",
        "TIMESYS": instrument.time_scale.upper(),
        "TIMEREF": "LOCAL",
    }


def instrument_cards(instrument: Instrument) -> Cards:
    """Who took the data, and where."""
    return {
        **SIMULATED,
        "CREATOR": f"GammaHub {version('gammahub')} with Gammapy {version('gammapy')}",
        "TELESCOP": instrument.telescop,
        "INSTRUME": "SIMULATED",
        "N_TELS": len(instrument.tellist),
        "TELLIST": instrument.telescope_list,
        "GEOLON": instrument.location.lon.deg,
        "GEOLAT": instrument.location.lat.deg,
        "ALTITUDE": instrument.location.height.to_value("m"),
    }


def horizontal_pointing(run: Run, elapsed: np.ndarray) -> AltAz:
    """Where the telescopes point over the horizon.

    Parameters
    ----------
    run
        The observation.
    elapsed
        Time since its start [s].
    """
    moments: Time = run.start + TimeDelta(elapsed, format="sec")
    return run.pointing.transform_to(AltAz(obstime=moments, location=run.instrument.location))
