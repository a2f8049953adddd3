"""STILTS taplint, the validator of TAP services, finds nothing wrong."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import NamedTuple

import pytest

from tests.support.server import LiveServer
from vosi import load_examples

pytestmark = pytest.mark.stilts

STAGES = {
    "TMV": "the tables document is valid",
    "TME": "the content of the tables document is right",
    "TMS": "TAP_SCHEMA is right",
    "TMC": "the tables document and TAP_SCHEMA agree",
    "CPV": "the capabilities document is valid",
    "CAP": "the content of the capabilities document is right",
    "AVV": "the availability document is valid",
    "QGE": "queries by GET are answered",
    "QPO": "queries by POST are answered",
    "QAS": "queries as jobs are answered",
    "UWS": "jobs can be made, seen, changed and removed",
    "MDQ": "results have the columns that are declared",
    "OBS": "ivoa.obscore is ObsCore 1.1",
    "UPL": "uploaded tables come back as they were",
    "EXA": "the examples are right, and their queries are answered",
}
"""Stage -> what it looks into. Left out is that of what is not offered: ObsLocTAP (LOC)."""


class Report(NamedTuple):
    """One thing that taplint says."""

    level: str
    code: str
    text: str


FALSE_ALARMS = {
    ("CAP", "KEYX", "ivo://ivoa.net/std/TAPRegExt#features-adql-conditional"): (
        "the key of COALESCE in ADQL 2.1 (2023), which STILTS 3.4.7 (2022) is too old to know"
    ),
    ("CAP", "CULF", "ivo://org.gavo.dc/std/exts#extra-adql-keywords"): (
        "a type of feature with the name that DaCHS gave it: TAPRegExt 1.0 section 2.3 allows such types"
    ),
    ("EXA", "EXVL", "IN_UNIT"): "a function of ADQL 2.1; the parser in STILTS 3.4.7 knows ADQL 2.0 only",
    ("EXA", "EXVL", '"WITH"'): "ADQL 2.1, likewise",
    (
        "EXA",
        "EXVL",
        "gamma_sample",
    ): "declared in the capabilities; that parser matches no long and char there",
    ("EXA", "EXVL", "ivo_geom_transform"): "declared in the capabilities; that parser matches no geometries",
}
"""(stage, code, what the text has in it) -> why nothing is wrong."""


@pytest.fixture(scope="module")
def reports(stilts: str, server: LiveServer) -> Mapping[str, list[Report]]:
    """What taplint says, by stage."""
    command = [stilts, "taplint", f"tapurl={server.tap}", f"stages={' '.join(STAGES)}", "format=json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.stdout, done.stderr
    sections = json.loads(done.stdout)["sections"]
    return {
        section["code"]: [Report(r["level"], r["code"], r.get("text", "")) for r in section["reports"]]
        for section in sections
    }


def is_false_alarm(stage: str, report: Report) -> bool:
    return any(
        (stage, report.code) == (known_stage, code) and part in report.text
        for known_stage, code, part in FALSE_ALARMS
    )


@pytest.mark.parametrize("stage", STAGES, ids=[f"{stage}: {about}" for stage, about in STAGES.items()])
def test_taplint_has_no_complaint(reports: Mapping[str, list[Report]], stage: str):
    said = reports[stage]
    complaints = [report for report in said if report.level in ("ERROR", "FAILURE", "WARNING")]
    assert [report for report in complaints if not is_false_alarm(stage, report)] == []
    # It said at least what it did, but for TMC, which speaks of differences only.
    assert said or stage == "TMC"


def test_taplint_ran_every_example(reports: Mapping[str, list[Report]]):
    (summary,) = [report.text for report in reports["EXA"] if report.code == "XVAL"]
    done, tried = summary.rpartition(" ")[2].split("/")
    assert done == tried == str(len(load_examples()))


@pytest.mark.parametrize("stage", ["TMS", "QGE", "QPO", "QAS", "MDQ"])
def test_taplint_had_all_its_queries_answered(reports: Mapping[str, list[Report]], stage: str):
    (summary,) = [report.text for report in reports[stage] if report.code == "QNUM"]
    done, sent = summary.rpartition(" ")[2].split("/")
    assert int(sent) > 0
    assert done == sent
