"""Units as files write them."""

from __future__ import annotations

import astropy.units as u
import pytest

from app.ingest.units import UnknownUnit, factor, vounit


@pytest.mark.parametrize(
    ("written", "tev"),
    [("TeV", 1.0), ("GeV", 1e-3), ("MeV", 1e-6), ("eV", 1e-12), ("TEV", 1.0), ("tev", 1.0), ("mev", 1e-6)],
)
def test_energies_become_tev(written: str, tev: float) -> None:
    assert factor(written, "TeV") == pytest.approx(tev, rel=1e-12)


@pytest.mark.parametrize("written", ["erg", "J", "kJ", "10**3 eV"])
def test_other_units_of_energy_are_as_astropy_has_them(written: str) -> None:
    assert factor(written, "TeV") == pytest.approx(u.Unit(written).to(u.TeV), rel=1e-12)


@pytest.mark.parametrize("written", ["furlong per fortnight", "TeV TeV", "deg", "?", "%%", "TeV)"])
def test_what_is_no_energy_is_refused(written: str) -> None:
    with pytest.raises(UnknownUnit):
        factor(written, "TeV")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("degrees", "deg"),
        ("sec", "s"),
        ("", None),
        ("none", None),
        ("1/s/MeV/sr", "MeV**-1.s**-1.sr**-1"),
        ("m", "m"),
        ("[km]", "km"),
    ],
)
def test_units_are_said_in_vounits(written: str, said: str | None) -> None:
    found = vounit(written)
    assert (None if found is None else u.Unit(found, format="vounit")) == (
        None if said is None else u.Unit(said, format="vounit")
    )
