"""Geometry on the sphere as plain arithmetic: one meaning on every engine.

What is constant is computed here, so that an engine evaluates as little as it can for each row. Angles are in
degrees where a query sees them, positions are ICRS.
"""

from adql.geometry.bounds import Box, box_around
from adql.geometry.cells import cell_of, cells_contain, cells_meet, in_ranges, is_of_cells
from adql.geometry.coverage import Allowance, patch_of
from adql.geometry.measures import area, centre, is_unknown
from adql.geometry.moc import Moc, moc_of_ranges, moc_of_text
from adql.geometry.outline import Outline, outline
from adql.geometry.relations import contains, intersects
from adql.geometry.scalars import Condition, Scalar, condition, expression, scalar
from adql.geometry.shapes import (
    MOC,
    NAMES,
    REGION,
    CellOf,
    Circle,
    Covered,
    Listed,
    Point,
    Polygon,
    Region,
    Shape,
    element,
    is_ring,
    numbers_of,
    polygon_numbers,
    shape_of,
    word_for,
)
from adql.geometry.texts import read_dali, read_region
from adql.geometry.vectors import Position, distance, is_nearer

__all__ = [
    "MOC",
    "NAMES",
    "REGION",
    "Allowance",
    "Box",
    "CellOf",
    "Circle",
    "Condition",
    "Covered",
    "Listed",
    "Moc",
    "Outline",
    "Point",
    "Polygon",
    "Position",
    "Region",
    "Scalar",
    "Shape",
    "area",
    "box_around",
    "cell_of",
    "cells_contain",
    "cells_meet",
    "centre",
    "condition",
    "contains",
    "distance",
    "element",
    "expression",
    "in_ranges",
    "intersects",
    "is_nearer",
    "is_of_cells",
    "is_ring",
    "is_unknown",
    "moc_of_ranges",
    "moc_of_text",
    "numbers_of",
    "outline",
    "patch_of",
    "polygon_numbers",
    "read_dali",
    "read_region",
    "scalar",
    "shape_of",
    "word_for",
]
