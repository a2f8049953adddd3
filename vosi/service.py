"""What the service is and does, as its capabilities and its registry record tell."""

from __future__ import annotations

from dataclasses import dataclass

from adql import Feature


@dataclass(frozen=True, slots=True)
class Language:
    """A query language, as LANG names it."""

    name: str
    versions: tuple[tuple[str, str], ...]
    """Pairs (version, IVOA identifier of it)."""
    description: str = ""
    features: tuple[Feature, ...] = ()
    """What it has beyond its core."""


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """A format of results, as RESPONSEFORMAT names it."""

    media_type: str
    aliases: tuple[str, ...] = ()
    """Other values of RESPONSEFORMAT that mean the same."""
    ivo_id: str | None = None
    """TAPRegExt 1.0 section 2.4; None where the media type says all."""


@dataclass(frozen=True, slots=True)
class DataModel:
    """A data model that tables of the service follow."""

    ivo_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Limit:
    """What the service allows, and what it allows who does not ask; None where it sets no limit."""

    default: int | None = None
    hard: int | None = None


@dataclass(frozen=True, slots=True)
class ServiceDescription:
    """What the service is and does. An empty or missing part is a thing it does not do."""

    base_url: str
    """URL of the service as the client calls it, without a slash at its end; TAP is at ``/tap`` below it."""
    title: str
    publisher: str
    languages: tuple[Language, ...]
    output_formats: tuple[OutputFormat, ...]
    """The first is the default."""
    description: str = ""
    data_models: tuple[DataModel, ...] = ()
    upload_methods: tuple[str, ...] = ()
    """Identifiers such as ``ivo://ivoa.net/std/TAPRegExt#upload-inline``."""
    retention_period: Limit | None = None
    """Time from a job's creation to its destruction [s]."""
    execution_duration: Limit | None = None
    """Time that a query may take [s]."""
    output_limit: Limit | None = None
    """Rows of a result."""
    upload_limit: Limit | None = None
    """Bytes of an uploaded table."""
    endpoints: tuple[tuple[str, str], ...] = ()
    """Other services: pairs (standard identifier, path below ``base_url``)."""
    upload_description: str = ""
    """What may be uploaded, in words: formats and limits that no element of TAPRegExt 1.0 tells."""

    @property
    def tap_url(self) -> str:
        """URL of the TAP service."""
        return f"{self.base_url.rstrip('/')}/tap"


def adql_language(features: tuple[Feature, ...] = ()) -> Language:
    """ADQL, both versions, with these features."""
    return Language(
        name="ADQL",
        versions=(("2.0", "ivo://ivoa.net/std/ADQL#v2.0"), ("2.1", "ivo://ivoa.net/std/ADQL#v2.1")),
        description="Astronomical Data Query Language: SELECT of SQL with geometry on the sphere.",
        features=features,
    )
