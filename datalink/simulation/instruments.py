"""The invented instruments of the simulated archive, as facts; no real telescope has these figures."""

from __future__ import annotations

from dataclasses import dataclass

import astropy.units as u
from astropy.coordinates import EarthLocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """What an instrument is: the ground of its response functions and of its FITS headers."""

    telescop: str
    """TELESCOP of the headers; begins with SIM."""
    title: str
    """What it is, in one phrase with its article."""
    location: EarthLocation
    """Where it stands."""
    tellist: tuple[int, ...]
    """Numbers of its telescopes."""
    field_radius: u.Quantity
    """Half-width of the field of view that its responses cover [deg]."""
    energy_range: u.Quantity
    """Lowest and highest energy of its responses, true and reconstructed [TeV]."""
    safe_energies: u.Quantity
    """Lowest and highest energy at which its effective area may be trusted (LO_THRES, HI_THRES) [TeV]."""
    area: u.Quantity
    """Effective area on axis far above the threshold [m2]."""
    threshold: u.Quantity
    """Energy at which the effective area is half of that [TeV]."""
    area_width: u.Quantity
    """Offset at which the effective area has dropped to exp(-1/2) [deg]."""
    resolution: float
    """Relative energy resolution at 1 TeV."""
    psf_width: u.Quantity
    """Width of the core of the point spread function at 1 TeV on axis [deg]."""
    psf_class: str | None
    """HDU class of its point spread function; None where the responses are point-like."""
    background: u.Quantity
    """Background rate on axis at 1 TeV [s-1 TeV-1 sr-1]."""
    background_width: u.Quantity
    """Offset at which the background rate has dropped to exp(-1/2) [deg]."""
    deadc: float
    """Livetime over on-time."""
    time_scale: str
    """Scale of its clock, as astropy names it."""
    mjdref: tuple[int, float]
    """Zero of its clock, MJD in that scale (MJDREFI, MJDREFF) [d]."""
    shared_responses: bool
    """Whether one file holds the responses of all observations."""
    suffix: str
    """``.fits`` or ``.fits.gz``."""

    @property
    def collection(self) -> str:
        """Name of its folder."""
        return self.telescop.lower()

    @property
    def telescope_list(self) -> str:
        """TELLIST of the headers."""
        return ",".join(str(number) for number in self.tellist)

    @property
    def is_pointlike(self) -> bool:
        return self.psf_class is None


SOUTH = Instrument(
    telescop="SIM-SOUTH",
    title="an array of four telescopes",
    location=EarthLocation.from_geodetic(20 * u.deg, -25 * u.deg, 1500 * u.m),
    tellist=(1, 2, 3, 4),
    field_radius=3 * u.deg,
    energy_range=[0.1, 100] * u.TeV,
    safe_energies=[0.3, 50] * u.TeV,
    area=3e5 * u.m**2,
    threshold=0.5 * u.TeV,
    area_width=1.6 * u.deg,
    resolution=0.15,
    psf_width=0.05 * u.deg,
    psf_class="psf_3gauss",
    background=300 / (u.s * u.TeV * u.sr),
    background_width=1.3 * u.deg,
    deadc=0.94,
    time_scale="tt",
    mjdref=(51910, 64.184 / 86400),  # 2001-01-01T00:00:00 UTC
    shared_responses=False,
    suffix=".fits.gz",
)

NORTH = Instrument(
    telescop="SIM-NORTH",
    title="a pair of large telescopes",
    location=EarthLocation.from_geodetic(-20 * u.deg, 30 * u.deg, 2200 * u.m),
    tellist=(1, 2),
    field_radius=2 * u.deg,
    energy_range=[0.03, 30] * u.TeV,
    safe_energies=[0.08, 15] * u.TeV,
    area=1e5 * u.m**2,
    threshold=0.15 * u.TeV,
    area_width=1.1 * u.deg,
    resolution=0.18,
    psf_width=0.07 * u.deg,
    psf_class="psf_table",
    background=100 / (u.s * u.TeV * u.sr),
    background_width=1.0 * u.deg,
    deadc=0.97,
    time_scale="utc",
    mjdref=(58000, 0.0),
    shared_responses=True,
    suffix=".fits",
)

MONO = Instrument(
    telescop="SIM-MONO",
    title="a single telescope with point-like responses",
    location=EarthLocation.from_geodetic(10 * u.deg, 40 * u.deg, 1000 * u.m),
    tellist=(1,),
    field_radius=2.5 * u.deg,
    energy_range=[0.3, 50] * u.TeV,
    safe_energies=[0.6, 25] * u.TeV,
    area=2e5 * u.m**2,
    threshold=0.8 * u.TeV,
    area_width=1.5 * u.deg,
    resolution=0.22,
    psf_width=0.09 * u.deg,
    psf_class=None,
    background=400 / (u.s * u.TeV * u.sr),
    background_width=1.2 * u.deg,
    deadc=0.96,
    time_scale="tai",
    mjdref=(55000, 0.0),
    shared_responses=True,
    suffix=".fits",
)
