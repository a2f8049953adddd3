"""The functions of ADQL: what a query may call, what it gives, and what the service declares.

Each module holds a table of its kind of functions. A function says how its arguments are checked and which
:class:`~adql.core.Op` it becomes; geometry is lowered to arithmetic afterwards (:mod:`adql.lowering`), and a
dialect writes what remains.
"""

from __future__ import annotations

from collections.abc import Mapping

from adql.functions import conditionals, geometries, numbers
from adql.functions.aggregates import AGGREGATES, aggregate, count
from adql.functions.base import FEATURES_URI, Function

FUNCTIONS: Mapping[str, Function] = {
    function.name.upper(): function
    for table in (numbers.FUNCTIONS, conditionals.FUNCTIONS, geometries.FUNCTIONS)
    for function in table
}
"""Upper-case name -> function."""

__all__ = ["AGGREGATES", "FEATURES_URI", "FUNCTIONS", "Function", "aggregate", "count"]
