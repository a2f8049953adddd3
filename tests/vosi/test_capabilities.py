"""The VOSI capabilities document: valid, and read back by pyvo as the service is described."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import pytest
from lxml import etree
from pyvo.io import vosi as reader

import adql
import vosi
from adql import Feature

TAPREGEXT = "ivo://ivoa.net/std/TAPRegExt"


FEATURES = (
    Feature(f"{TAPREGEXT}#features-udf", "ivo_to_mjd(d TIMESTAMP) -> REAL", "MJD of a <moment> & more"),
    Feature(f"{TAPREGEXT}#features-adqlgeo", "POINT", ""),
    Feature(f"{TAPREGEXT}#features-udf", "ivo_hasword(haystack TEXT, needle TEXT) -> INTEGER", ""),
    Feature(f"{TAPREGEXT}#features-adqlgeo", "CIRCLE", ""),
)

DESCRIPTION = vosi.ServiceDescription(
    base_url="https://example.org/gammahub",
    title="GammaHub",
    publisher="The publisher",
    description="Gamma-ray events,\n  and \x0c more",
    languages=(vosi.adql_language(FEATURES),),
    output_formats=(
        vosi.OutputFormat("application/x-votable+xml", ("votable",), f"{TAPREGEXT}#output-votable-binary2"),
        vosi.OutputFormat("text/csv", ("csv", "CSV")),
    ),
    execution_duration=vosi.Limit(default=60, hard=60),
    output_limit=vosi.Limit(default=100_000, hard=20_000_000),
)

FULL = replace(
    DESCRIPTION,
    data_models=(vosi.DataModel("ivo://ivoa.net/std/ObsCore#core-1.1", "ObsCore-1.1"),),
    upload_methods=(f"{TAPREGEXT}#upload-inline", f"{TAPREGEXT}#upload-http"),
    retention_period=vosi.Limit(default=172800),
    upload_limit=vosi.Limit(hard=10_000_000),
    upload_description="Tables are uploaded as VOTable < FITS.",
)


def read(description: vosi.ServiceDescription) -> dict:
    """Standard identifier -> capability as pyvo reads it."""
    document = vosi.capabilities_document(description)
    capabilities = reader.parse_capabilities(BytesIO(document), pedantic=True)
    return {capability.standardid: capability for capability in capabilities}


@pytest.mark.parametrize("description", [DESCRIPTION, FULL], ids=["DESCRIPTION", "FULL"])
def test_the_document_is_valid(description: vosi.ServiceDescription, assert_valid: Callable[[bytes], None]):
    assert_valid(vosi.capabilities_document(description))


def test_the_endpoints_are_those_of_tap_and_vosi():
    found = {
        standard_id: [(i.role, i.version, i.accessurls[0].content, i.accessurls[0].use) for i in c.interfaces]
        for standard_id, c in read(DESCRIPTION).items()
    }
    # pyvo says version 1.0 where there is none, as VOResource does.
    base = "https://example.org/gammahub/tap"
    assert found == {
        "ivo://ivoa.net/std/TAP": [("std", "1.1", base, "base")],
        "ivo://ivoa.net/std/VOSI#capabilities": [("std", "1.0", f"{base}/capabilities", "full")],
        "ivo://ivoa.net/std/VOSI#availability": [("std", "1.0", f"{base}/availability", "full")],
        "ivo://ivoa.net/std/VOSI#tables-1.1": [("std", "1.0", f"{base}/tables", "full")],
        "ivo://ivoa.net/std/DALI#examples": [(None, "1.0", f"{base}/examples", "full")],
    }


def test_languages_and_features_are_told():
    tap = read(DESCRIPTION)["ivo://ivoa.net/std/TAP"]
    (language,) = tap.languages
    assert language.name == "ADQL"
    assert [(v.content, v.ivo_id) for v in language.versions] == [
        ("2.0", "ivo://ivoa.net/std/ADQL#v2.0"),
        ("2.1", "ivo://ivoa.net/std/ADQL#v2.1"),
    ]
    told = [(f.form, f.description or "") for kind in language.languagefeaturelists for f in kind]
    assert sorted(told) == sorted((feature.form, feature.description) for feature in FEATURES)
    assert tap.get_adql().get_udf("IVO_TO_MJD").form == FEATURES[0].form
    assert tap.get_adql().get_feature(f"{TAPREGEXT}#features-adqlgeo", "CIRCLE")


def test_every_feature_of_our_adql_is_told(assert_valid: Callable[[bytes], None]):
    described = replace(DESCRIPTION, languages=(vosi.adql_language(adql.FEATURES),))
    assert_valid(vosi.capabilities_document(described))
    language = read(described)["ivo://ivoa.net/std/TAP"].get_adql()
    for feature in adql.FEATURES:
        assert language.get_feature(feature.type_uri, feature.form)


def test_formats_are_told_in_their_order():
    tap = read(DESCRIPTION)["ivo://ivoa.net/std/TAP"]
    assert [(f.mime, list(f.aliases), f.ivo_id) for f in tap.outputformats] == [
        (f.media_type, list(f.aliases), f.ivo_id) for f in DESCRIPTION.output_formats
    ]


def test_limits_are_told():
    tap = read(FULL)["ivo://ivoa.net/std/TAP"]
    assert (tap.executionduration.default, tap.executionduration.hard) == (60, 60)
    assert (tap.outputlimit.default.content, tap.outputlimit.hard.content) == (100_000, 20_000_000)
    assert tap.outputlimit.hard.unit == "row"
    assert tap.retentionperiod.default == 172800
    assert (tap.uploadlimit.hard.content, tap.uploadlimit.hard.unit) == (10_000_000, "byte")
    assert [method.ivo_id for method in tap.uploadmethods] == list(FULL.upload_methods)
    assert tap.description.endswith("Tables are uploaded as VOTable < FITS.")
    assert [(model.ivo_id, model.content) for model in tap.datamodels] == [
        ("ivo://ivoa.net/std/ObsCore#core-1.1", "ObsCore-1.1")
    ]


def test_what_the_service_does_not_do_is_not_claimed():
    root = etree.fromstring(vosi.capabilities_document(DESCRIPTION))
    claimed = {element.tag for element in root.iter()}
    assert not claimed & {"uploadMethod", "retentionPeriod", "dataModel", "uploadLimit"}


def test_hostile_text_does_not_break_the_document():
    tap = read(DESCRIPTION)["ivo://ivoa.net/std/TAP"]
    assert tap.description == "Gamma-ray events, and � more"


@pytest.mark.parametrize("base_url", ["", "example.org", "http://<script>", "http://a b/"])
def test_a_base_url_that_is_none_is_refused(base_url: str):
    with pytest.raises(ValueError, match="URL"):
        vosi.capabilities_document(replace(DESCRIPTION, base_url=base_url))


def test_a_slash_at_the_end_of_the_base_url_changes_nothing():
    with_slash = replace(DESCRIPTION, base_url=f"{DESCRIPTION.base_url}/")
    assert vosi.capabilities_document(with_slash) == vosi.capabilities_document(DESCRIPTION)
