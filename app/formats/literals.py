"""Numbers and arrays of numbers as text, where the plain rendering of a number will not do."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.errors import ValueRangeError
from app.formats.cells import Cell

_NAN, _POSITIVE, _NEGATIVE = "NaN", "+Inf", "-Inf"
"""VOTable 1.4 section 6, Single Precision Floating Point."""
_NO_BOOLEAN = "?"
_NO_NUMBER = "null"


def votable_literals(array: pa.Array, cell: Cell) -> pa.Array:
    """Numbers, booleans or arrays of them as TABLEDATA cells.

    Parameters
    ----------
    array
        Values of a column that is not text.
    cell
        How the column is declared.

    Returns
    -------
    pyarrow.Array
        Texts for arrays (items separated by blanks) and for infinite numbers; else the array itself, as
        its plain rendering is a literal. A missing array of fixed size has all its items missing, as an
        empty cell does not have their number.

    Raises
    ------
    ValueRangeError
        Raised if an item is NULL in an array that cannot tell this.
    """
    if cell.is_array:
        item, items = _no_item(cell), array.flatten()
        if item is None and items.null_count:
            raise ValueRangeError(
                f"An item of an array of {cell.datatype} is NULL, which such an array cannot tell.",
                hint="Use COALESCE, or CAST to a wider integer.",
            )
        missing = None if cell.size is None or item is None else " ".join([item] * cell.size)
        return _joined(array, _number_texts(items), item=item, missing=missing)
    if pa.types.is_floating(array.type) and pc.any(pc.is_inf(array)).as_py():
        return _number_texts(array)
    return array


def plain_literals(array: pa.Array, cell: Cell) -> pa.Array:
    """The same for texts without a declaration: a missing array is NULL, a missing integer ``null``."""
    if not cell.is_array:
        return array
    is_integer = cell.datatype not in ("float", "double", "boolean")
    item = _NO_NUMBER if is_integer else _no_item(cell)
    return _joined(array, _number_texts(array.flatten()), item=item)


def json_literals(array: pa.Array, cell: Cell) -> pa.Array:
    """The same for JSON: what is not a finite number is NULL, an array stands in brackets."""
    if not cell.is_array:
        return _finite(array)
    joined = _joined(array, _finite(array.flatten()).cast(pa.string()), item=_NO_NUMBER, separator=",")
    return pc.binary_join_element_wise("[", joined, "]", "")


def _finite(array: pa.Array) -> pa.Array:
    if pa.types.is_floating(array.type) and not pc.all(pc.is_finite(array)).as_py():
        return pc.if_else(pc.is_finite(array), array, None)
    return array


def _no_item(cell: Cell) -> str | None:
    """What stands for a NULL in an array; None if nothing can."""
    if cell.datatype in ("float", "double"):
        return _NAN
    if cell.datatype == "boolean":
        return _NO_BOOLEAN
    return None if cell.null is None else str(cell.null)


def _joined(
    array: pa.Array, items: pa.Array, *, item: str | None, missing: str | None = None, separator: str = " "
) -> pa.Array:
    """One text for each array.

    Parameters
    ----------
    array
        Of lists.
    items
        The items of all its lists, as texts.
    item, missing
        Stand for a NULL among the items and for a list that is NULL; None for NULL itself.
    separator
        Between items.
    """
    text = items.fill_null(item) if items.null_count else items
    lengths = pc.list_value_length(array).fill_null(0)
    ends = np.concatenate([[0], np.cumsum(lengths.to_numpy())]).astype(np.int32)
    joined = pc.binary_join(pa.ListArray.from_arrays(pa.array(ends), text), separator)
    return pc.if_else(array.is_valid(), joined, missing) if array.null_count else joined


def _number_texts(array: pa.Array) -> pa.Array:
    text = array.cast(pa.string())
    if not pa.types.is_floating(array.type):
        return text
    text = pc.if_else(pc.is_nan(array), _NAN, text)
    return pc.if_else(pc.is_inf(array), pc.if_else(pc.greater(array, 0), _POSITIVE, _NEGATIVE), text)
