"""What we say about ourselves: one description of our tables and service, told in every VO form."""

from vosi.catalogue import load_catalogue, taken_names
from vosi.errors import CatalogueError
from vosi.tap_schema import tap_schema_rows

__all__ = ["CatalogueError", "load_catalogue", "taken_names", "tap_schema_rows"]
