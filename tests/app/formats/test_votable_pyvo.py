"""What pyvo, the client of most users, makes of our VOTables."""

from __future__ import annotations

import io

import pytest
from astropy.io.votable import parse
from pyvo.dal import DALOverflowWarning, DALQueryError, DALResults

from app.formats import Provenance, error_document
from app.formats.votable import Serialization, VOTable
from tests.app.formats.gallery import SCALARS, Sample, failing, truncated, until_fault, written

EACH = pytest.mark.parametrize("serialization", list(Serialization), ids=lambda s: s.value)


def results(document: bytes) -> DALResults:
    return DALResults(parse(io.BytesIO(document), verify="exception"), url="http://example.org/tap/sync")


@EACH
def test_pyvo_has_rows_names_and_descriptions(serialization: Serialization) -> None:
    sample = Sample.of(SCALARS)
    found = results(written(VOTable(serialization), sample.stream()))
    assert found.fieldnames == tuple(what.name for what in sample.columns)
    assert len(found) == len(sample.rows)
    assert found.getdesc("large").ucd == "meta.id;meta.main"
    assert found.status[0] == "OK"
    assert found.to_qtable()["single"].unit.to_string() == "TeV"


@EACH
def test_pyvo_warns_of_an_overflow(serialization: Serialization) -> None:
    document = written(VOTable(serialization), truncated(Sample.of(SCALARS), 3))
    with pytest.warns(DALOverflowWarning):
        found = results(document)
    assert len(found) == 3
    assert found.status[0] == "OVERFLOW"


@EACH
def test_pyvo_raises_what_broke_the_query(serialization: Serialization) -> None:
    document, _ = until_fault(VOTable(serialization).write(failing(Sample.of(SCALARS), 2), Provenance()))
    with pytest.raises(DALQueryError, match="took longer than 60 s"):
        results(document)


def test_pyvo_raises_the_message_of_an_error_document() -> None:
    with pytest.raises(DALQueryError, match='Unknown column "enrgy"'):
        results(error_document('Unknown column "enrgy" in dl3.events (line 1, column 8).'))
