"""What goes wrong while a product is made, in words for the person who asked for it."""

from __future__ import annotations


class ProductError(Exception):
    """The product cannot be made; the message says why and what would help."""


class ProductStopped(ProductError):
    """The product is no longer wanted: somebody stopped it, or its time was over."""


class ObservationError(Exception):
    """One observation cannot be used; the product is made without it, and its report says so."""
