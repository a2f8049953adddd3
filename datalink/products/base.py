"""What every product is: parameters in, files out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from datalink.products.files import ProductFile
from datalink.products.gather import Workshop
from datalink.products.inputs import ObservationFiles, Terms
from datalink.products.parameters import ProductParameters
from datalink.products.settings import Exclusion, Position
from datalink.products.watch import Watch


class Archive(Protocol):
    """Where observations are found."""

    def observations(self, parameters: ProductParameters) -> Sequence[ObservationFiles]:
        """Those that the parameters choose and whose files may be used, in the order of time.

        Raises
        ------
        datalink.products.errors.ProductError
            Raised if there is none; the message says what there is instead.
        """

    def sources(self, position: Position, radius: float) -> Sequence[Exclusion]:
        """Known sources about a position, with the radius that background is kept away from them."""

    def terms(self, collections: Sequence[str]) -> Sequence[Terms]:
        """Licence and citation of collections."""


P_contra = TypeVar("P_contra", bound=ProductParameters, contravariant=True)


class Product(Protocol[P_contra]):
    """A kind of product."""

    @property
    def name(self) -> str:
        """Path segment, kind of job and name of the service descriptor, such as ``spectrum``."""

    @property
    def title(self) -> str:
        """What it is called."""

    @property
    def description(self) -> str:
        """What it is, in a sentence or more."""

    @property
    def parameters(self) -> type[ProductParameters]:
        """What may be asked of it."""

    def make(
        self, parameters: P_contra, archive: Archive, directory: Path, workshop: Workshop, watch: Watch
    ) -> list[ProductFile]:
        """Make it.

        Parameters
        ----------
        parameters
            What is wanted.
        archive
            Where the observations are found.
        directory
            Where its files go; an empty folder.
        workshop
            With what observations are reduced.
        watch
            Who waits for it.

        Raises
        ------
        datalink.products.errors.ProductError
            Raised if it cannot be made; the message is for the user.
        """
