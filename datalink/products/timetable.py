"""Light curves in files: GADF FITS, ECSV and VOTable, all with the same columns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from datalink.products.provenance import Provenance

if TYPE_CHECKING:
    from astropy.table import Table


@dataclass(frozen=True, slots=True)
class TimeColumn:
    """A column of a light curve."""

    unit: str
    """VOUnit."""
    ucd: str
    description: str


COLUMNS = {
    "time_min": TimeColumn("d", "time.start", "Begin of the interval, MJD in UTC"),
    "time_max": TimeColumn("d", "time.end", "End of the interval, MJD in UTC"),
    "e_min": TimeColumn("TeV", "em.energy;stat.min", "Lowest energy of the flux"),
    "e_max": TimeColumn("TeV", "em.energy;stat.max", "Highest energy of the flux"),
    "flux": TimeColumn("cm**-2.s**-1", "phot.flux;em.gamma", "Photon flux between these energies"),
    "flux_err": TimeColumn("cm**-2.s**-1", "stat.error;phot.flux;em.gamma", "Standard deviation of the flux"),
    "flux_ul": TimeColumn("cm**-2.s**-1", "phot.flux;em.gamma;stat.max", "Upper limit, 95.45 % confidence"),
    "ts": TimeColumn("", "stat.likelihood", "Test statistic: the likelihood ratio of the flux and none"),
    "sqrt_ts": TimeColumn("", "stat.snr", "Significance, negative where the flux is"),
    "counts": TimeColumn("", "meta.number", "Events counted in the on regions"),
    "npred_excess": TimeColumn("", "meta.number", "Excess events predicted in the on regions"),
    "livetime": TimeColumn("s", "time.duration;obs.exposure", "Live time, of all observations together"),
    "n_obs": TimeColumn("", "meta.number", "Observations that have live time in the interval"),
    "observations": TimeColumn("", "meta.id;obs", "Names of these observations"),
    "is_ul": TimeColumn("", "meta.code.qual", "Whether the upper limit is what to quote"),
    "success": TimeColumn("", "meta.code.qual", "Whether the fit of this interval converged"),
}
"""Columns of a light curve, those of the GADF format (light curves) among them."""
_TIME = {"MJDREFI": 0, "MJDREFF": 0.0, "TIMEUNIT": "d", "TIMESYS": "UTC"}


def write_fits(table: Table, path: Path, provenance: Provenance) -> None:
    """Write the table as a GADF light curve; its times are MJD in UTC (TIMESYS)."""
    from astropy.io import fits  # noqa: PLC0415 - only where products are made

    plain = table.copy()
    plain.meta = {**_TIME, "SED_TYPE": "flux", "UL_CONF": 0.9545}
    hdu = fits.table_to_hdu(plain)
    hdu.name = "LIGHTCURVE"
    provenance.stamp(hdu.header)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)


def write_ecsv(table: Table, path: Path, provenance: Provenance) -> None:
    """Write the table as ECSV, with all provenance in its header."""
    plain = table.copy()
    for name in plain.colnames:
        plain[name].info.description = COLUMNS[name].description
    plain.meta = {**_TIME, "SED_TYPE": "flux", "UL_CONF": 0.9545, "provenance": provenance.to_dict()}
    plain.write(path, format="ascii.ecsv")


def write_votable(table: Table, path: Path, provenance: Provenance) -> None:
    """Write the table as VOTable with UCDs, units of VOUnits and a TIMESYS."""
    from astropy.io import votable  # noqa: PLC0415

    document = votable.from_table(table)
    resource = document.resources[0]
    resource.type = "results"
    resource.description = f"Light curve of {provenance.parameters.title}"
    resource.time_systems.append(
        votable.tree.TimeSys(
            ID="time",
            timeorigin="MJD-origin",
            timescale="UTC",
            refposition="TOPOCENTER",
            config={"version_1_4_or_later": True},
        )
    )
    resource.infos.extend(votable.tree.Info(name=name, value=value) for name, value in provenance.infos())
    for field in resource.tables[0].fields:
        column = COLUMNS[field.name]
        field.ucd, field.description = column.ucd, column.description
        if field.name in ("time_min", "time_max"):
            field.ref = "time"
    document.to_xml(str(path), tabledata_format="tabledata")
