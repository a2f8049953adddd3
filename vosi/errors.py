"""What may be wrong with the description of our tables.

::

    CatalogueError           a description contradicts itself or the rules it is written by
"""

from __future__ import annotations


class CatalogueError(ValueError):
    """A description of tables contradicts itself or the rules it is written by.

    Parameters
    ----------
    faults
        Sentences, one for each fault: where, what was wrong, what would be right.
    """

    def __init__(self, *faults: str) -> None:
        self.faults = faults
        super().__init__("\n".join(faults))
