"""Spectral models that a user may choose from, with first values that suit gamma-ray sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from gammapy.modeling.models import SkyModel

ModelName = Literal["power-law", "log-parabola", "cutoff-power-law"]

FIRST_AMPLITUDE = "3e-12 cm-2 s-1 TeV-1"
FIRST_INDEX = 2.4


def make_model(name: ModelName, reference: float, source: str) -> SkyModel:
    """A model with first values.

    Parameters
    ----------
    name
        ``power-law``, ``log-parabola`` (with the natural logarithm, as in Gammapy) or ``cutoff-power-law``.
    reference
        Energy at which the amplitude is told [TeV].
    source
        What the model is named for.
    """
    from gammapy.modeling import models  # noqa: PLC0415 - it takes seconds to import

    at = f"{reference!r} TeV"
    spectra = {
        "power-law": lambda: models.PowerLawSpectralModel(
            index=FIRST_INDEX, amplitude=FIRST_AMPLITUDE, reference=at
        ),
        "log-parabola": lambda: models.LogParabolaSpectralModel(
            alpha=FIRST_INDEX, beta=0.1, amplitude=FIRST_AMPLITUDE, reference=at
        ),
        "cutoff-power-law": lambda: models.ExpCutoffPowerLawSpectralModel(
            index=FIRST_INDEX, amplitude=FIRST_AMPLITUDE, lambda_="0.05 TeV-1", reference=at
        ),
    }
    return models.SkyModel(spectral_model=spectra[name](), name=source)
