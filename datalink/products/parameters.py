"""What a user may ask of a product: one model gives the web form, the service descriptor and the check."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from datalink.products.model import ModelName
from datalink.products.settings import EnergyBins, Position, Reduction, SafeRange

MANY = 1000
"""Most entries of a list."""
_MOST_BINS = 2000


def field(default: Any, description: str, *, unit: str = "", ucd: str = "", **bounds: Any) -> Any:
    """A field with what VOTable tells of a parameter: description, unit (VOUnits) and UCD."""
    return Field(default, description=description, json_schema_extra={"unit": unit, "ucd": ucd}, **bounds)


class ProductParameters(BaseModel):
    """Source, observations and energies: what all products have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: Annotated[str, Field(max_length=100)] = field(
        "", "Name of the source, for titles", ucd="meta.id;src"
    )
    ra: float = field(..., "Right ascension of the source, ICRS", unit="deg", ucd="pos.eq.ra", ge=0, le=360)
    dec: float = field(..., "Declination of the source, ICRS", unit="deg", ucd="pos.eq.dec", ge=-90, le=90)
    radius: float | None = field(
        None,
        "Radius of the region whose events are counted; by default the one the responses were made for, "
        "or that of 68 % containment at 1 TeV",
        unit="deg", ucd="phys.angSize", gt=0, le=5,
    )  # fmt: skip
    collections: tuple[str, ...] = field(
        (), "Releases to take; by default all", ucd="meta.id", max_length=MANY
    )
    obs_ids: tuple[int, ...] = field(
        (), "Observations to take; by default all", ucd="meta.id;obs", max_length=MANY
    )
    time_min: float | None = field(None, "Begin, MJD in UTC", unit="d", ucd="time.start", ge=0, le=200_000)
    time_max: float | None = field(None, "End, MJD in UTC", unit="d", ucd="time.end", ge=0, le=200_000)
    max_offset: float = field(
        2.5, "Most distance from the pointing to the source", unit="deg", ucd="pos.angDistance", gt=0, le=20
    )
    energy_min: float | None = field(
        None, "Lowest reconstructed energy that counts; by default that of the safe range",
        unit="TeV", ucd="em.energy;stat.min", gt=0, le=1e6,
    )  # fmt: skip
    energy_max: float | None = field(
        None, "Highest reconstructed energy that counts; by default that of the safe range",
        unit="TeV", ucd="em.energy;stat.max", gt=0, le=1e6,
    )  # fmt: skip
    safe: SafeRange = field(
        "auto",
        "Where responses are trusted: between their own thresholds, where the effective area is above a "
        "tenth of its maximum, by the first of these that can be had (auto), or everywhere (none)",
    )
    exclude_sources: bool = field(True, "Take no background from where other known sources are")
    axis_min: float = field(
        0.01, "Lower edge of the energy axis", unit="TeV", ucd="em.energy", gt=1e-6, le=1e5
    )
    axis_max: float = field(
        100.0, "Upper edge of the energy axis", unit="TeV", ucd="em.energy", gt=1e-6, le=1e6
    )
    axis_bins: int = field(20, "Bins of the energy axis in a decade", ucd="meta.number", ge=2, le=100)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for low, high in (("time_min", "time_max"), ("energy_min", "energy_max"), ("axis_min", "axis_max")):
            first, last = getattr(self, low), getattr(self, high)
            if first is not None and last is not None and not first < last:
                raise ValueError(f"{low} ({first:g}) is not below {high} ({last:g})")
        return self

    @property
    def position(self) -> Position:
        """Where the source is."""
        return Position(self.ra, self.dec)

    @property
    def title(self) -> str:
        """The name of the source, or where it is."""
        return self.name or f"({self.ra:.4f}, {self.dec:+.4f})"

    @property
    def energies(self) -> tuple[float | None, float | None]:
        """Range of reconstructed energies that counts [TeV]."""
        return (self.energy_min, self.energy_max)

    def reduction(self, **more: Any) -> Reduction:
        """How observations are to be reduced."""
        bins = EnergyBins(self.axis_min, self.axis_max, self.axis_bins)
        time = None
        if self.time_min is not None or self.time_max is not None:
            time = (self.time_min or 0.0, 200_000.0 if self.time_max is None else self.time_max)
        return Reduction(
            position=self.position, radius=self.radius, energy=bins, energy_true=bins, safe=self.safe,
            max_offset=self.max_offset, time=time, **more,
        )  # fmt: skip


class SpectralParameters(ProductParameters):
    """The same, with a spectral model."""

    model: ModelName = field("log-parabola", "Spectral model that is fitted")
    reference: float = field(
        1.0, "Energy at which the amplitude of the model is told", unit="TeV", ucd="em.energy", gt=0, le=1e4
    )
