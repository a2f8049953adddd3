"""Spectra, light curves and joint fits, made on demand with Gammapy from the observations of an archive."""

from __future__ import annotations

from typing import Any

from datalink.products.base import Product
from datalink.products.joint import Joint
from datalink.products.lightcurve import LightCurve
from datalink.products.spectrum import Spectrum

PRODUCTS: dict[str, Product[Any]] = {product.name: product for product in (Spectrum(), LightCurve(), Joint())}
"""Kinds of products by name."""

__all__ = ["PRODUCTS"]
