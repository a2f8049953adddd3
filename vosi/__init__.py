"""What we say about ourselves: one description of our tables and service, told in every VO form."""

from vosi.availability import availability_document
from vosi.capabilities import capabilities_document
from vosi.catalogue import load_catalogue, taken_names
from vosi.errors import CatalogueError
from vosi.examples import Example, examples_document, load_examples
from vosi.service import (
    DataModel,
    Language,
    Limit,
    OutputFormat,
    ServiceDescription,
    adql_language,
)
from vosi.site import Site, sited
from vosi.tables import table_document, tables_document
from vosi.tap_schema import tap_schema_rows

__all__ = [
    "CatalogueError",
    "DataModel",
    "Example",
    "Language",
    "Limit",
    "OutputFormat",
    "ServiceDescription",
    "Site",
    "adql_language",
    "availability_document",
    "capabilities_document",
    "examples_document",
    "load_catalogue",
    "load_examples",
    "sited",
    "table_document",
    "tables_document",
    "taken_names",
    "tap_schema_rows",
]
