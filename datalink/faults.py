"""What may be wrong with one identifier, told in its row of a links document (DataLink 1.1 section 3.4).

::

    DataLinkFault
    +-- NotFoundFault     no dataset has that identifier
    +-- UsageFault        it is no identifier
    +-- TransientFault    another time it may well go
    +-- FatalFault        it will not go
    +-- DefaultFault      anything else
"""

from __future__ import annotations


class DataLinkFault(Exception):
    """No links can be told; its text says why."""

    @property
    def text(self) -> str:
        """As ``error_message`` has it: the kind, and what was wrong."""
        return f"{type(self).__name__}: {self}"


class NotFoundFault(DataLinkFault):
    """No dataset has that identifier."""


class UsageFault(DataLinkFault):
    """It is no identifier."""


class TransientFault(DataLinkFault):
    """Another time it may well go."""


class FatalFault(DataLinkFault):
    """It will not go."""


class DefaultFault(DataLinkFault):
    """Anything else."""
