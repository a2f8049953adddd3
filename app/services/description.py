"""What the service says of itself, from its settings and from what its parts can do."""

from __future__ import annotations

import adql
from app.config import Config
from app.formats import FORMATS
from vosi import DataModel, Limit, OutputFormat, ServiceDescription, adql_language

ENDPOINTS = (
    ("ivo://ivoa.net/std/DataLink#links-1.1", "datalink/links"),
    ("ivo://ivoa.net/std/SIA#query-2.0", "sia/query"),
    ("ivo://ivoa.net/std/SODA#sync-1.0", "soda/sync"),
    ("ivo://ivoa.net/std/ConeSearch", "scs/events"),
    ("ivo://ivoa.net/std/ConeSearch", "scs/observations"),
)
"""Services beside TAP: standard identifier and path."""


def describe(config: Config, base_url: str) -> ServiceDescription:
    """The service as its capabilities tell it.

    Parameters
    ----------
    config
        Its settings.
    base_url
        Where the client sees it, without a slash at the end.
    """
    return ServiceDescription(
        base_url=base_url,
        title=config.title,
        publisher=config.publisher,
        description=config.description,
        data_models=(DataModel("ivo://ivoa.net/std/ObsCore#core-1.1", "ObsCore-1.1"),),
        languages=(adql_language(adql.FEATURES),),
        output_formats=tuple(
            OutputFormat(format_.media_type, aliases=format_.aliases, ivo_id=format_.ivo_id)
            for format_ in FORMATS
        ),
        # TAPRegExt 1.0 sections 2.5 and 2.6 speak of jobs; a synchronous query has a limit of its own.
        retention_period=_limit(config.job_retention, config.hard_job_retention),
        execution_duration=_limit(config.async_timeout, config.hard_async_timeout),
        output_limit=_limit(config.default_maxrec, config.hard_maxrec),
        endpoints=ENDPOINTS,
        upload_methods=upload_methods(config),
        upload_limit=Limit(default=int(config.upload_bytes), hard=int(config.upload_bytes)),
    )


def upload_methods(config: Config) -> tuple[str, ...]:
    """How tables may be uploaded (TAPRegExt 1.0 section 2.4), the operator willing."""
    if not config.upload_tables:
        return ()
    methods = ("inline", "http", "https") if config.upload_urls else ("inline",)
    return tuple(f"ivo://ivoa.net/std/TAPRegExt#upload-{method}" for method in methods)


def _limit(default: int, hard: int) -> Limit:
    return Limit(default=min(default, hard), hard=hard)
