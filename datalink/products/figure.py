"""Figures of products, fit for a talk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from astropy.table import Table
    from gammapy.modeling.models import SpectralModel

STYLE: dict[Any, Any] = {
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "svg.fonttype": "none",
    "figure.constrained_layout.use": True,
}
"""Of Matplotlib, for all figures."""


def plot_models(
    models: Mapping[str, SpectralModel], energies: Sequence[float], title: str, paths: tuple[Path, ...]
) -> None:
    """Draw E^2 dN/dE of several models with the bands of their errors.

    Parameters
    ----------
    models
        By what the legend names them; the last one is drawn with a heavier line.
    energies
        Lowest and highest [TeV].
    title
        Above the figure.
    paths
        Where it is written, such as a PNG and an SVG file.
    """
    from astropy import units as u  # noqa: PLC0415 - only where products are made
    from matplotlib import rc_context  # noqa: PLC0415
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415 - no pyplot: it would keep figures, and wants a screen

    unit = u.Unit("TeV cm-2 s-1")
    grid = np.geomspace(energies[0], energies[1], 200) * u.TeV
    with rc_context(STYLE):
        figure = Figure(figsize=(7, 4.6), dpi=150)
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.set_xscale("log")
        axes.set_yscale("log")
        for number, (name, model) in enumerate(models.items()):
            last = number == len(models) - 1
            flux, error = ((part * grid**2).to_value(unit) for part in model.evaluate_error(grid)[:2])
            colour = "#222222" if last else f"C{number}"
            axes.plot(grid.value, flux, color=colour, linewidth=2 if last else 1.2, label=name)
            low = np.maximum(flux - error, 1e-2 * flux)
            axes.fill_between(grid.value, low, flux + error, color=colour, alpha=0.15, linewidth=0)
        axes.set_title(title)
        axes.set_xlabel("Energy [TeV]")
        axes.set_ylabel(r"$E^2\,\mathrm{d}N/\mathrm{d}E$ [TeV cm$^{-2}$ s$^{-1}$]")
        axes.legend(frameon=False)
        for path in paths:
            figure.savefig(path)


def plot_lightcurve(table: Table, title: str, paths: tuple[Path, ...]) -> None:
    """Draw flux against time, upper limits as arrows.

    Parameters
    ----------
    table
        Columns of :mod:`datalink.products.timetable`.
    title
        Above the figure.
    paths
        Where it is written, such as a PNG and an SVG file.
    """
    from astropy.time import Time  # noqa: PLC0415 - only where products are made
    from matplotlib import rc_context  # noqa: PLC0415
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415 - no pyplot: it would keep figures, and wants a screen

    middle = (table["time_min"] + table["time_max"]) / 2
    half = (table["time_max"] - table["time_min"]) / 2
    limits = table["is_ul"]
    with rc_context(STYLE):
        figure = Figure(figsize=(8, 4.2), dpi=150)
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        measured = ~limits
        common: dict[str, Any] = {"color": "#1f6f8b", "linestyle": "none", "capsize": 0}
        if measured.any():
            axes.errorbar(
                middle[measured], table["flux"][measured],
                xerr=half[measured], yerr=table["flux_err"][measured],
                marker="o", markersize=4, label="flux", **common,
            )  # fmt: skip
        if limits.any():
            heights = table["flux_ul"][limits]
            axes.errorbar(
                middle[limits], heights, xerr=half[limits], yerr=0.15 * heights, uplims=True, alpha=0.6,
                label="upper limit", **common,
            )  # fmt: skip
        axes.set_ylim(bottom=0)
        axes.ticklabel_format(axis="x", useOffset=False)
        axes.set_title(title)
        first = Time(float(table["time_min"][0]), format="mjd").strftime("%Y-%m-%d") if len(table) else ""
        axes.set_xlabel(f"MJD (UTC), from {first}")
        axes.set_ylabel(
            f"Flux, {table['e_min'][0]:.3g} to {table['e_max'][0]:.3g} TeV [cm$^{{-2}}$ s$^{{-1}}$]"
        )
        axes.legend(frameon=False)
        for path in paths:
            figure.savefig(path)


def plot_spectrum(table: Table, model: SpectralModel, title: str, paths: tuple[Path, ...]) -> None:
    """Draw E^2 dN/dE: points, upper limits, the model and the band of its errors.

    Parameters
    ----------
    table
        Columns of :mod:`datalink.products.sed`.
    model
        The fitted model, with its covariance.
    title
        Above the figure.
    paths
        Where it is written, such as a PNG and an SVG file.
    """
    from astropy import units as u  # noqa: PLC0415 - only where products are made
    from matplotlib import rc_context  # noqa: PLC0415
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415 - no pyplot: it would keep figures, and wants a screen

    unit = u.Unit("TeV cm-2 s-1")
    grid = np.geomspace(table["e_min"].min(), table["e_max"].max(), 200) * u.TeV
    flux, error = ((part * grid**2).to_value(unit) for part in model.evaluate_error(grid)[:2])
    energy, low, high = (table[name].quantity for name in ("e_ref", "e_min", "e_max"))
    points, errors, limits = (
        (table[name].quantity * energy**2).to_value(unit) for name in ("dnde", "dnde_err", "dnde_ul")
    )
    spread = np.stack([(energy - low).to_value("TeV"), (high - energy).to_value("TeV")])
    x, only_limit = energy.to_value("TeV"), np.asarray(table["is_ul"])
    with rc_context(STYLE):
        figure = Figure(figsize=(7, 4.6), dpi=150)
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.plot(grid.value, flux, color="#1f6f8b", label="model")
        axes.fill_between(
            grid.value, np.maximum(flux - error, 1e-3 * flux), flux + error, color="#1f6f8b", alpha=0.2
        )
        common: dict[str, Any] = {"color": "#222222", "linestyle": "none", "capsize": 0}
        for chosen, values, options in (
            (
                ~only_limit,
                points,
                {"yerr": errors[~only_limit], "marker": "o", "markersize": 4, "label": "flux points"},
            ),
            (only_limit, limits, {"yerr": 0.4 * limits[only_limit], "uplims": True, "label": "upper limits"}),
        ):
            if chosen.any():
                axes.errorbar(x[chosen], values[chosen], xerr=spread[:, chosen], **options, **common)
        axes.set_title(title)
        axes.set_xlabel("Energy [TeV]")
        axes.set_ylabel(r"$E^2\,\mathrm{d}N/\mathrm{d}E$ [TeV cm$^{-2}$ s$^{-1}$]")
        axes.legend(frameon=False)
        for path in paths:
            figure.savefig(path)
