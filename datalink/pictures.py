"""A picture of an observation: its counts with pointing and object, and the energies of its events."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datalink.grids import Grid

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What is drawn."""

    title: str
    subtitle: str
    grid: Grid
    counts: Reals
    edges: Reals
    """Edges of the bins of energy [TeV]."""
    energies: Reals
    """Counts in them."""
    pointing: tuple[float, float] | None
    """ICRS [deg]."""
    target: tuple[str, float, float] | None
    """Name and place of the object."""


def draw(picture: Picture) -> bytes:
    """The picture as PNG."""
    # In functions: it takes a second to import, and only this needs it.
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.colors import PowerNorm  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415
    from scipy.ndimage import gaussian_filter  # noqa: PLC0415

    figure = Figure(figsize=(9.6, 4.6), dpi=100, layout="constrained", facecolor="#0e1420")
    FigureCanvasAgg(figure)
    light: dict[str, Any] = {"color": "#dfe6f2"}
    figure.suptitle(f"{picture.title}\n{picture.subtitle}", fontsize=11, **light)
    sky = figure.add_subplot(1, 2, 1, projection=picture.grid.wcs)
    smooth = gaussian_filter(picture.counts, 0.08 / picture.grid.pixel)
    image = sky.imshow(smooth, origin="lower", cmap="inferno", norm=PowerNorm(0.5, vmin=0))
    world = sky.get_transform("icrs")
    marker: dict[str, Any] = {
        "transform": world,
        "linestyle": "none",
        "markerfacecolor": "none",
        "markeredgewidth": 1.4,
    }
    if picture.pointing is not None:
        sky.plot([picture.pointing[0]], [picture.pointing[1]], marker="+", markersize=12,
                 markeredgecolor="#7fd1ff", label="pointing", **marker)  # fmt: skip
    if picture.target is not None:
        name, ra, dec = picture.target
        sky.plot([ra], [dec], marker="o", markersize=14, markeredgecolor="#9cff9c", label=name, **marker)
    if picture.pointing is not None or picture.target is not None:
        sky.legend(loc="upper right", fontsize=8, framealpha=0.6)
    sky.set_xlabel("right ascension (ICRS)", **light)
    sky.set_ylabel("declination", **light)
    sky.tick_params(colors="#dfe6f2", labelsize=8)
    bar = figure.colorbar(image, ax=sky, shrink=0.85)
    bar.ax.tick_params(colors="#dfe6f2", labelsize=8)
    bar.set_label("counts per pixel, smoothed", fontsize=8, **light)
    plot = figure.add_subplot(1, 2, 2, facecolor="#151d2d")
    plot.stairs(picture.energies, picture.edges, fill=True, color="#f2a541", alpha=0.85)
    plot.set_xscale("log")
    if picture.energies.any():
        plot.set_yscale("log")
        plot.set_ylim(bottom=0.5)
    plot.set_xlabel("reconstructed energy [TeV]", **light)
    plot.set_ylabel("events", **light)
    plot.tick_params(colors="#dfe6f2", which="both", labelsize=8)
    plot.grid(alpha=0.2)
    written = io.BytesIO()
    figure.savefig(written, format="png", metadata={"Software": "GammaHub"})
    return written.getvalue()
