"""Flux points in files: GADF FITS, ECSV and VOTable, all with the same columns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from datalink.products.points import UL_SIGMA
from datalink.products.provenance import Provenance

if TYPE_CHECKING:
    from astropy.table import Table
    from gammapy.estimators import FluxPoints

COLUMNS = {
    "e_ref": ("em.energy", "Reference energy of the range"),
    "e_min": ("em.energy;stat.min", "Lower edge of the range"),
    "e_max": ("em.energy;stat.max", "Upper edge of the range"),
    "dnde": ("phot.flux.density;em.energy", "Differential photon flux at the reference energy"),
    "dnde_err": ("stat.error;phot.flux.density;em.energy", "Standard deviation of the flux"),
    "dnde_ul": ("phot.flux.density;em.energy;stat.max", "Upper limit of the flux, 95.45 % confidence"),
    "ts": ("stat.likelihood", "Test statistic: the likelihood ratio of the flux and none"),
    "sqrt_ts": ("stat.snr", "Significance: the square root of the test statistic"),
    "npred": ("meta.number", "Events predicted in the on regions"),
    "npred_excess": ("meta.number", "Excess events predicted in the on regions"),
    "counts": ("meta.number", "Events counted in the on regions"),
    "is_ul": ("meta.code.qual", "Whether the upper limit is what to quote"),
    "success": ("meta.code.qual", "Whether the fit of this range converged"),
}
"""Column of the GADF format (spectra, flux points) -> UCD and description."""
_OF_DATASETS = ("npred", "npred_excess", "counts")
"""Columns that Gammapy has for each dataset; their sum is what fits a table."""


def sed_table(points: FluxPoints) -> Table:
    """Flux points as a table, one row a range of energy; columns as in ``COLUMNS``, SED_TYPE dnde."""
    table = points.to_table(sed_type="dnde")
    for name in _OF_DATASETS:
        if name in table.colnames and table[name].ndim > 1:
            table[name] = table[name].sum(axis=tuple(range(1, table[name].ndim)))
    return table[[name for name in COLUMNS if name in table.colnames]]


def write_fits(table: Table, path: Path, provenance: Provenance) -> None:
    """Write the table as GADF flux points (SED_TYPE)."""
    from astropy.io import fits  # noqa: PLC0415 - only where products are made

    plain = table.copy()
    for name in _OF_DATASETS:  # Gammapy reads a column for each dataset; here it is their sum
        if name in plain.colnames:
            plain[name] = plain[name].reshape(-1, 1)
    plain.meta = {"SED_TYPE": "dnde", "UL_CONF": 0.9545}
    hdu = fits.table_to_hdu(plain)
    hdu.name = "FLUXPOINTS"
    provenance.stamp(hdu.header)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)


def write_ecsv(table: Table, path: Path, provenance: Provenance) -> None:
    """Write the table as ECSV, with all provenance in its header."""
    plain = table.copy()
    for name in plain.colnames:
        plain[name].info.description = COLUMNS[name][1]
    plain.meta = {"SED_TYPE": "dnde", "UL_CONF": 0.9545, "provenance": provenance.to_dict()}
    plain.write(path, format="ascii.ecsv")


def write_votable(table: Table, path: Path, provenance: Provenance) -> None:
    """Write the table as VOTable with UCDs and units as VOUnits has them."""
    from astropy.io import votable  # noqa: PLC0415

    document = votable.from_table(table)
    resource = document.resources[0]
    resource.type = "results"
    resource.description = f"Flux points of {provenance.parameters.title}"
    resource.infos.extend(votable.tree.Info(name=name, value=value) for name, value in provenance.infos())
    for field in resource.tables[0].fields:
        field.ucd, field.description = COLUMNS[field.name]
    resource.tables[0].infos.append(votable.tree.Info(name="ul_sigma", value=f"{UL_SIGMA:g}"))
    document.to_xml(str(path), tabledata_format="tabledata")


def as_rows(table: Table) -> list[dict[str, Any]]:
    """The rows of plain types, for JSON."""
    return [{name: row[name].item() for name in table.colnames} for row in table]
