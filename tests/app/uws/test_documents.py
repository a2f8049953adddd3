"""The documents of UWS are valid, and pyvo and vo-models read in them what was meant."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from pyvo.io.uws import parse_job, parse_job_list
from vo_models.uws import Jobs, Results

from app.uws import (
    Failure,
    Input,
    Job,
    JobLine,
    Phase,
    Result,
    job_document,
    job_list_document,
    parameters_document,
    results_document,
)

URL = "https://example.org/tap/async/abc"
MOMENT = datetime(2026, 1, 31, 12, 34, 56, 789000, UTC)
PENDING = Job(
    id="abc",
    kind="tap",
    phase=Phase.PENDING,
    created=MOMENT,
    destruction=MOMENT.replace(month=2, day=1),
    duration=600,
    parameters=(("QUERY", "SELECT 'a<b' & \U0001f600"), ("UPLOAD", "a"), ("UPLOAD", "b")),
    run_id="run & <id>",
)
RESULT = Result("result", "f", "text/csv;charset=utf-8;header=present", 2**40, "d", "f.csv")
DONE = replace(
    PENDING,
    phase=Phase.COMPLETED,
    queued=MOMENT,
    started=MOMENT.replace(minute=35),
    ended=MOMENT.replace(minute=36),
    attempt=1,
    results=(RESULT, replace(RESULT, id="a b/c?")),
    progress={
        "rows": 5,
        "overflow": True,
        "sql": "SELECT 1 < 2\x00",
        "steps": [{"name": "a", "seconds": 0.5}],
    },
)
FAILED = replace(PENDING, phase=Phase.ERROR, failure=Failure("No <such> table\n   ^", document="<VOTABLE/>"))
JOBS = {
    "pending": PENDING,
    "with files": replace(PENDING, inputs=(Input("t", "f", 5), Input("a b/<c>&", "g", 5))),
    "plain": replace(PENDING, parameters=(), run_id=None),
    "queued": replace(PENDING, phase=Phase.QUEUED, queued=MOMENT),
    "executing": replace(DONE, phase=Phase.EXECUTING, ended=None, results=()),
    "completed": DONE,
    "failed": FAILED,
    "transient": replace(FAILED, phase=Phase.ABORTED, failure=Failure("Busy", transient=True)),
}


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_a_job_document_is_valid(uws_schema, job):
    uws_schema.assertValid(etree.fromstring(job_document(job, URL, queued_before=3)))
    uws_schema.assertValid(etree.fromstring(parameters_document(job, URL)))
    uws_schema.assertValid(etree.fromstring(results_document(job, URL)))


@given(
    st.lists(st.tuples(st.text(), st.text())),
    st.text(),
    st.dictionaries(st.sampled_from(["sql", "rows"]), st.text() | st.integers() | st.booleans()),
)
def test_any_text_makes_a_valid_document(uws_schema, parameters, text, progress):
    job = replace(FAILED, parameters=tuple(parameters), run_id=text, failure=Failure(text), progress=progress)
    uws_schema.assertValid(etree.fromstring(job_document(job, URL)))


def test_pyvo_reads_a_job():
    job = parse_job(io.BytesIO(job_document(DONE, URL)))
    assert (job.jobid, job.runid, job.phase, job.version) == ("abc", "run & <id>", "COMPLETED", "1.1")
    assert [(p.id_, p.content) for p in job.parameters] == list(DONE.parameters)
    assert [(r.id_, r.href, r.size, r.mimetype) for r in job.results] == [
        ("result", f"{URL}/results/result", 2**40, RESULT.media_type),
        ("a b/c?", f"{URL}/results/a%20b%2Fc%3F", 2**40, RESULT.media_type),
    ]
    # pyvo hands the text of the time on to astropy as it is.
    assert job.creationtime.isot == "2026-01-31T12:34:56.789"
    assert job.executionduration.sec == 600
    assert job.quote is None
    info = job.jobinfo
    assert (info["rows"].value, info["overflow"].text, info["secondsQueued"].value) == (5, "true", 60)
    assert info["steps"]["step"]["seconds"].value == 0.5


def test_pyvo_reads_a_failure():
    job = parse_job(io.BytesIO(job_document(FAILED, URL)))
    assert job.errorsummary.message.content == "No <such> table\n   ^"
    assert (job.errorsummary.type_, job.errorsummary.has_detail) == ("fatal", True)


def test_the_list_is_valid_and_read_by_pyvo_and_vo_models(uws_schema):
    lines = (JobLine("a", Phase.ERROR, MOMENT, None), JobLine("b", Phase.QUEUED, MOMENT, "<mine>"))
    document = job_list_document(lines, "https://example.org/tap/async")
    uws_schema.assertValid(etree.fromstring(document))
    assert [(j.jobid, j.phase, j.runid) for j in parse_job_list(io.BytesIO(document))] == [
        ("a", "ERROR", None),
        ("b", "QUEUED", "<mine>"),
    ]
    model = Jobs.from_xml(document)
    assert [line.href for line in model.jobref] == [f"https://example.org/tap/async/{name}" for name in "ab"]
    uws_schema.assertValid(etree.fromstring(job_list_document((), "https://example.org/tap/async")))


def test_vo_models_reads_the_results():
    model = Results.from_xml(results_document(DONE, URL))
    assert [(result.id, result.size) for result in model.results] == [("result", 2**40), ("a b/c?", 2**40)]


def test_a_queued_job_tells_its_place():
    info = parse_job(io.BytesIO(job_document(JOBS["queued"], URL, queued_before=3))).jobinfo
    assert info["queuePosition"].value == 4
