"""The VOSI capabilities document: what the service can do, and where."""

from __future__ import annotations

from itertools import groupby
from typing import Literal

from pydantic import AnyUrl
from vo_models.tapregext.models import (
    DataLimit,
    DataLimits,
    DataModelType,
    LanguageFeature,
    LanguageFeatureList,
    TableAccess,
    TimeLimits,
    UploadMethod,
    Version,
)
from vo_models.tapregext.models import Language as LanguageModel
from vo_models.tapregext.models import OutputFormat as OutputFormatModel
from vo_models.vodataservice.models import ParamHTTP
from vo_models.voresource.models import AccessURL, Capability, WebBrowser
from vo_models.vosi.capabilities.models import VOSICapabilities

from adql import Feature
from vosi.service import Language, Limit, OutputFormat, ServiceDescription
from vosi.text import xml_text, xml_token

VOSI_ENDPOINTS = {
    "ivo://ivoa.net/std/VOSI#capabilities": "capabilities",
    "ivo://ivoa.net/std/VOSI#availability": "availability",
    "ivo://ivoa.net/std/VOSI#tables-1.1": "tables",
}
"""Standard identifier -> path below that of TAP (VOSI 1.1 section 4, TAP 1.1 section 2)."""
_EXAMPLES = "ivo://ivoa.net/std/DALI#examples"


def capabilities_document(description: ServiceDescription) -> bytes:
    """The ``vosi:capabilities`` of a service, in UTF-8 (VOSI 1.1 section 2.1, TAPRegExt 1.0).

    Raises
    ------
    ValueError
        Raised if the service's ``base_url`` is not a URL.
    """
    endpoints = [
        Capability(standard_id=AnyUrl(standard_id), interface=[_endpoint(f"{description.tap_url}/{path}")])
        for standard_id, path in VOSI_ENDPOINTS.items()
    ]
    endpoints += [
        Capability(
            standard_id=AnyUrl(standard_id),
            interface=[_endpoint(f"{description.base_url.rstrip('/')}/{path}", use="base")],
        )
        for standard_id, path in description.endpoints
    ]
    # A page for people is declared as such (DALI 1.1 section 2.3, TAP 1.1 section 2.4.3).
    url = AccessURL(value=AnyUrl(f"{description.tap_url}/examples"), use="full")
    examples = Capability(standard_id=AnyUrl(_EXAMPLES), interface=[WebBrowser(access_url=[url])])
    model = VOSICapabilities(capability=[_table_access(description), *endpoints, examples])
    document = model.to_xml(skip_empty=True, encoding="UTF-8", xml_declaration=True)
    return document.encode() if isinstance(document, str) else document


def _endpoint(url: str, *, use: Literal["full", "base"] = "full") -> ParamHTTP:
    return ParamHTTP(role="std", access_url=[AccessURL(value=AnyUrl(url), use=use)])


def _table_access(description: ServiceDescription) -> TableAccess:
    access_url = AccessURL(value=AnyUrl(description.tap_url), use="base")
    return TableAccess(
        description=xml_token(f"{description.description} {description.upload_description}") or None,
        interface=[ParamHTTP(role="std", version="1.1", access_url=[access_url])],
        data_model=[DataModelType(value=m.name, ivo_id=m.ivo_id) for m in description.data_models],
        language=[_language(language) for language in description.languages],
        output_format=[_output_format(output_format) for output_format in description.output_formats],
        upload_method=[UploadMethod(ivo_id=method) for method in description.upload_methods],
        retention_period=_time_limits(description.retention_period),
        execution_duration=_time_limits(description.execution_duration),
        output_limit=_data_limits(description.output_limit, "row"),
        upload_limit=_data_limits(description.upload_limit, "byte"),
    )


def _language(language: Language) -> LanguageModel:
    return LanguageModel(
        name=language.name,
        version=[Version(value=version, ivo_id=ivo_id) for version, ivo_id in language.versions],
        description=xml_token(language.description) or None,
        language_features=_feature_lists(language.features),
    )


def _feature_lists(features: tuple[Feature, ...]) -> list[LanguageFeatureList]:
    """One list a kind, features in their order."""
    ordered = sorted(features, key=lambda feature: feature.type_uri)
    return [
        LanguageFeatureList(
            type=type_uri,
            feature=[
                LanguageFeature(form=xml_token(f.form), description=xml_text(f.description) or None)
                for f in group
            ],
        )
        for type_uri, group in groupby(ordered, key=lambda feature: feature.type_uri)
    ]


def _output_format(output_format: OutputFormat) -> OutputFormatModel:
    return OutputFormatModel(
        mime=output_format.media_type, alias=list(output_format.aliases), ivo_id=output_format.ivo_id
    )


def _time_limits(limit: Limit | None) -> TimeLimits | None:
    return None if limit is None else TimeLimits(default=limit.default, hard=limit.hard)


def _data_limits(limit: Limit | None, unit: Literal["byte", "row"]) -> DataLimits | None:
    if limit is None:
        return None
    default, hard = (
        None if rows is None else DataLimit(value=rows, unit=unit) for rows in (limit.default, limit.hard)
    )
    return DataLimits(default=default, hard=hard)
