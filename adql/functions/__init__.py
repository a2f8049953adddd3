"""The functions of ADQL: what a query may call, what it gives, and what the service declares.

Each module holds a table of its kind of functions. A function says how its arguments are checked and which
:class:`~adql.core.Op` it becomes; geometry is lowered to arithmetic afterwards (:mod:`adql.lowering`), and a
dialect writes what remains. An example and its value stand in the table too: the documentation shows them,
and the tests run them on every engine.
"""

from __future__ import annotations

from collections.abc import Mapping

from adql.functions import (
    aggregates,
    conditionals,
    coverages,
    geometries,
    numbers,
    positions,
    quantities,
    samples,
    texts,
    times,
)
from adql.functions.aggregates import AGGREGATES, count_rows
from adql.functions.base import FEATURES_URI, Function
from adql.functions.elsewhere import ELSEWHERE

FUNCTIONS: Mapping[str, Function] = {
    function.name.upper(): function
    for module in (
        numbers,
        aggregates,
        geometries,
        texts,
        conditionals,
        quantities,
        samples,
        positions,
        times,
        coverages,
    )
    for function in module.FUNCTIONS
}
"""Upper-case name -> function."""

__all__ = ["AGGREGATES", "ELSEWHERE", "FEATURES_URI", "FUNCTIONS", "Function", "count_rows"]
