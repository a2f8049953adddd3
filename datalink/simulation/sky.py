"""The sky of the simulated archive: a point source like the Crab nebula, and an extended one."""

from __future__ import annotations

import numpy as np
from gammapy.modeling.models import (
    GaussianSpatialModel,
    LogParabolaSpectralModel,
    PointSpatialModel,
    PowerLawSpectralModel,
    SkyModel,
)

# At the position of the Crab nebula, with a spectrum close to the joint fit of Nigro et al. 2019, A&A 625,
# A10 (beta there is for the decadic logarithm, Gammapy's for the natural one).
CRAB_LIKE = SkyModel(
    name="SIM Crab-like point source",
    spatial_model=PointSpatialModel(lon_0="83.633083 deg", lat_0="22.0145 deg", frame="icrs"),
    spectral_model=LogParabolaSpectralModel(
        amplitude="3.85e-11 cm-2 s-1 TeV-1", reference="1 TeV", alpha=2.51, beta=0.24 / np.log(10)
    ),
)

# Invented; it lies across right ascension zero.
EXTENDED = SkyModel(
    name="SIM extended source",
    spatial_model=GaussianSpatialModel(lon_0="0 deg", lat_0="15 deg", sigma="0.25 deg", frame="icrs"),
    spectral_model=PowerLawSpectralModel(index=2.2, amplitude="1.5e-11 cm-2 s-1 TeV-1", reference="1 TeV"),
)

SOURCES = (CRAB_LIKE, EXTENDED)
"""Every source; MC_ID of the events is the place in this list, from 1, and 0 is background."""
