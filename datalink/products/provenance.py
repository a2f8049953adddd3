"""Where a product comes from: software, settings, observations, and the terms on which they may be used."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from datalink.products.files import YAML, ProductFiles
from datalink.products.gather import Gathered, Outcome
from datalink.products.inputs import Terms
from datalink.products.parameters import ProductParameters

SOFTWARE = ("gammahub", "gammapy", "astropy", "numpy", "scipy", "regions", "iminuit")
_TEXT = 67
"""Characters of a text in one card of a FITS header."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """What is told of a product in every one of its files."""

    product: str
    """Kind of the product."""
    parameters: ProductParameters
    gathered: Gathered
    terms: tuple[Terms, ...]
    created: str
    """ISO 8601, UTC."""
    versions: tuple[tuple[str, str], ...]
    """Name and version of the software."""

    @classmethod
    def of(
        cls, product: str, parameters: ProductParameters, gathered: Gathered, terms: Sequence[Terms]
    ) -> Provenance:
        """Of a product that is made now, with this software."""
        return cls(
            product=product,
            parameters=parameters,
            gathered=gathered,
            terms=tuple(terms),
            created=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}",
            versions=(("python", platform.python_version()), *((name, version(name)) for name in SOFTWARE)),
        )

    def to_dict(self) -> dict[str, Any]:
        """All of it, of plain types."""
        return {
            "product": self.product,
            "created": self.created,
            "software": dict(self.versions),
            "parameters": self.parameters.model_dump(mode="json"),
            "observations": [_to_dict(outcome) for outcome in self.gathered.outcomes],
            "collections": [
                {
                    "collection": each.collection,
                    "title": each.title,
                    "licence": each.licence,
                    "citation": each.citation,
                }
                for each in self.terms
            ],
        }

    def write(self, path: Path) -> None:
        """Write it as YAML."""
        text = yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True, width=100)
        path.write_text(text, encoding="utf-8")

    def write_to(self, files: ProductFiles) -> None:
        """Write it as one of the files of a product."""
        self.write(
            files.new(
                "provenance",
                "provenance.yaml",
                YAML,
                "Settings, observations, software, licences and citations",
            )
        )

    def infos(self) -> Iterator[tuple[str, str]]:
        """Name and value of each INFO of a VOTable."""
        yield "product", self.product
        yield "creation_date", self.created
        yield "server_software", " ".join(f"{name}/{number}" for name, number in self.versions)
        yield "parameters", json.dumps(self.parameters.model_dump(mode="json"), ensure_ascii=False)
        for outcome in self.gathered.outcomes:
            said = "" if outcome.used else f": left out, {outcome.reason}"
            yield "observation", f"{outcome.files.name}{said}"
        for each in self.terms:
            if each.licence:
                yield "rights", f"{each.collection}: {each.licence}"
            if each.citation:
                yield "citation", f"{each.collection}: {each.citation}"

    def stamp(self, header: Any) -> None:
        """Write it into a FITS header: a few cards, and the whole as HISTORY."""
        header["CREATOR"] = ("GammaHub " + version("gammahub"), "software that made the file")
        header["DATE"] = (self.created, "time it was made (UTC)")
        header["OBJECT"] = (_ascii(self.parameters.title)[:_TEXT], "name of the source")
        header["RA_OBJ"] = (self.parameters.ra, "[deg] right ascension, ICRS")
        header["DEC_OBJ"] = (self.parameters.dec, "[deg] declination, ICRS")
        for name, value in self.infos():
            header.add_history(_ascii(f"{name} = {value}"))


def _to_dict(outcome: Outcome) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "collection": outcome.files.collection,
        "obs_id": outcome.files.obs_id,
        "used": outcome.used,
    }
    if not outcome.used:
        return {**facts, "reason": outcome.reason}
    return {
        **facts,
        "n_on": outcome.n_on,
        "n_off": outcome.n_off,
        "alpha": round(outcome.alpha, 6),
        "livetime_s": round(outcome.livetime, 3),
        "on_radius_deg": round(outcome.radius, 6),
    }


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode().replace("\n", " ")
