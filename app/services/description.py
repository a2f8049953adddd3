"""What the service says of itself, from its settings and from what its parts can do."""

from __future__ import annotations

import math

import adql
from app.config import Config
from app.formats import FORMATS
from vosi import Limit, OutputFormat, ServiceDescription, adql_language


def describe(config: Config, base_url: str) -> ServiceDescription:
    """The service as its capabilities tell it.

    Parameters
    ----------
    config
        Its settings.
    base_url
        Where the client sees it, without a slash at the end.
    """
    seconds = math.ceil(config.sync_timeout)
    return ServiceDescription(
        base_url=base_url,
        title=config.title,
        publisher=config.publisher,
        description=config.description,
        languages=(adql_language(adql.FEATURES),),
        output_formats=tuple(
            OutputFormat(format_.media_type, aliases=format_.aliases, ivo_id=format_.ivo_id)
            for format_ in FORMATS
        ),
        execution_duration=Limit(default=seconds, hard=seconds),
        output_limit=Limit(default=min(config.default_maxrec, config.hard_maxrec), hard=config.hard_maxrec),
    )
