"""What the service says of itself, from its settings and from what its parts can do."""

from __future__ import annotations

from collections.abc import Iterator

import adql
from app.config import Config
from app.formats import FORMATS, Format
from app.uploads import formats as uploads
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
        output_formats=tuple(output for format_ in FORMATS for output in output_formats(format_)),
        # TAPRegExt 1.0 sections 2.5 and 2.6 speak of jobs; a synchronous query has a limit of its own.
        retention_period=_limit(config.job_retention, config.hard_job_retention),
        execution_duration=_limit(config.async_timeout, config.hard_async_timeout),
        output_limit=_limit(config.default_maxrec, config.hard_maxrec),
        endpoints=ENDPOINTS,
        upload_methods=upload_methods(config),
        upload_limit=_limit(config.upload_bytes, config.upload_bytes) if config.upload_tables else None,
        upload_description=_upload_description(config) if config.upload_tables else "",
    )


def output_formats(format_: Format) -> Iterator[OutputFormat]:
    """A format under each media type that asks for it; its short forms go with the one that they answer."""
    for media_type in format_.declared:
        aliases = format_.aliases if media_type == format_.declared[0] else ()
        yield OutputFormat(media_type, aliases=aliases, ivo_id=format_.ivo_id)


def upload_methods(config: Config) -> tuple[str, ...]:
    """How tables may be uploaded (TAPRegExt 1.0 section 2.4), the operator willing."""
    if not config.upload_tables:
        return ()
    methods = ("inline", "http", "https") if config.upload_urls else ("inline",)
    return tuple(f"ivo://ivoa.net/std/TAPRegExt#upload-{method}" for method in methods)


def _upload_description(config: Config) -> str:
    names = [format_.name for format_ in uploads.FORMATS]
    return (
        f"Tables are uploaded as {', '.join(names[:-1])} or {names[-1]}, with gzip or without; each "
        f"has up to {int(config.upload_bytes)} bytes uncompressed, {config.upload_rows} rows and "
        f"{config.upload_columns} columns; a query brings up to {config.upload_tables}."
    )


def _limit(default: int, hard: int) -> Limit:
    return Limit(default=int(min(default, hard)), hard=int(hard))
