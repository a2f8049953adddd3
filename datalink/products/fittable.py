"""Fitted parameters as a table: one row for each fit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datalink.products.fit import FitResult
from datalink.products.provenance import Provenance

if TYPE_CHECKING:
    from astropy.table import Table

UCDS = {
    "amplitude": "phot.flux.density;em.energy",
    "index": "spect.index",
    "alpha": "spect.index",
    "beta": "spect.index",
    "lambda_": "em.energy",
}
"""Parameter of a spectral model -> UCD of its value."""


def fit_table(fits: Mapping[str, FitResult]) -> Table:
    """A row for each fit: its name, free parameters with their errors, statistic and whether it converged."""
    from astropy.table import Column, Table  # noqa: PLC0415 - only where products are made

    first = next(iter(fits.values()))
    table = Table()
    table["fit"] = Column(
        list(fits), description="Collection, or joint for all together", meta={"ucd": "meta.id"}
    )
    for number, parameter in enumerate(first.parameters):
        if parameter.frozen:
            continue
        parts = [fit.parameters[number] for fit in fits.values()]
        ucd = UCDS.get(parameter.name, "stat.fit.param")
        table[parameter.name] = _column([part.value for part in parts], parameter.unit, ucd, parameter.name)
        table[f"{parameter.name}_err"] = _column(
            [part.error for part in parts], parameter.unit, f"stat.error;{ucd}", f"Error of {parameter.name}"
        )
    fitted = list(fits.values())
    table["stat"] = _column(
        [fit.statistic for fit in fitted], "", "stat.likelihood", "-2 log(L), W statistics"
    )
    table["n_bins"] = _column([fit.n_bins for fit in fitted], "", "meta.number", "Bins of energy")
    table["converged"] = _column(
        [fit.converged for fit in fitted], "", "meta.code.qual", "Whether the fit did"
    )
    return table


def _column(values: list[Any], unit: str, ucd: str, description: str) -> Any:
    from astropy.table import Column  # noqa: PLC0415

    return Column(values, unit=unit or None, description=description, meta={"ucd": ucd})


def write_votable(table: Table, path: Path, provenance: Provenance) -> None:
    """Write the table as VOTable with all provenance."""
    from astropy.io import votable  # noqa: PLC0415

    document = votable.from_table(table)
    resource = document.resources[0]
    resource.type = "results"
    resource.description = f"Fits of {provenance.parameters.title}"
    resource.infos.extend(votable.tree.Info(name=name, value=value) for name, value in provenance.infos())
    for field in resource.tables[0].fields:
        field.ucd = table[field.name].meta["ucd"]
    document.to_xml(str(path), tabledata_format="tabledata")
