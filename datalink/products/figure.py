"""Figures of products, fit for a talk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from astropy.table import Table
    from gammapy.estimators import FluxPoints
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


def plot_spectrum(points: FluxPoints, model: SpectralModel, title: str, paths: tuple[Path, ...]) -> None:
    """Draw E^2 dN/dE: points, upper limits, the model and the band of its errors.

    Parameters
    ----------
    points
        Flux points.
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

    bounds = points.energy_axis.edges[[0, -1]]
    with rc_context(STYLE):
        figure = Figure(figsize=(7, 4.6), dpi=150)
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.xaxis.set_units(u.TeV)
        axes.yaxis.set_units(u.Unit("TeV cm-2 s-1"))
        options = {"energy_bounds": bounds, "ax": axes, "sed_type": "e2dnde"}
        model.plot(**options, color="#1f6f8b", label="model")
        model.plot_error(**options, facecolor="#1f6f8b", alpha=0.2)
        points.plot(
            ax=axes, sed_type="e2dnde", color="#222222", marker="o", markersize=4, label="flux points"
        )
        axes.set_title(title)
        axes.set_xlabel("Energy [TeV]")
        axes.set_ylabel(r"$E^2\,\mathrm{d}N/\mathrm{d}E$ [TeV cm$^{-2}$ s$^{-1}$]")
        axes.legend(frameon=False)
        for path in paths:
            figure.savefig(path)
