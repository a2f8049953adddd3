"""What the tests of our documents share: the catalogue, and the IVOA's schemas to hold documents against."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from lxml import etree

import vosi
from adql import Catalogue, Column, ColumnType
from tests.support import ivoa_schemas

INSTRUMENT_COLUMNS = (
    Column("multip", ColumnType("short"), "Number of telescopes (MULTIP)", ucd="meta.number"),
    Column("dir_err", ColumnType("float"), "Uncertainty of the direction", "deg", "stat.error;pos"),
    Column("hil_mask", ColumnType("unsignedByte", "4"), 'Bits <a> & "b" ]]> of\n\ta mask \x00\x1b\ud800'),
    Column("core", ColumnType("double", "3x*"), "", "m", "pos.cartesian", "some:utype"),
)
"""As instruments have them: one array of each kind, one without a description, one with a hostile one."""


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The catalogue of a lake with instrument columns."""
    return vosi.load_catalogue(INSTRUMENT_COLUMNS, {"dl3.events": 1_500_000, "dl3.collections": 0})


@pytest.fixture(scope="session")
def assert_valid() -> Callable[[bytes], None]:
    """Fails where a document is not valid by the XML schemas of the IVOA."""
    reason = ivoa_schemas.missing()
    if reason:
        pytest.skip(reason)
    schema = ivoa_schemas.load_schema()

    def check(document: bytes) -> None:
        schema.assertValid(etree.fromstring(document))

    return check
