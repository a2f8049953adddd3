"""What a client may do wrong, by mistake or not, gets a sentence and no traceback."""

from __future__ import annotations

import re

import httpx
import pytest

from app.uws import Phase
from tests.app.uws.client import ENDLESS, LIST, QUICK, create, phase, read, wait

HUGE = "9" * 5000


def told(answer: httpx.Response, status: int, sentence: str) -> None:
    assert answer.status_code == status
    assert sentence in answer.text
    assert "Traceback" not in answer.text
    # What is echoed of a long value is short.
    assert len(answer.text) < 2000


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"PHASE": "GO"}, "PHASE &quot;GO&quot;"),
        ({"PHASE": "ABORT"}, "RUN or left out"),
        ({"PHASE": HUGE}, "RUN or left out"),
        ({"DESTRUCTION": "tomorrow"}, "DESTRUCTION"),
        ({"DESTRUCTION": "2015-01-01T00:00:00"}, "in the past"),
        ({"DESTRUCTION": "2999-13-01"}, "is no instant"),
        ({"EXECUTIONDURATION": "-1"}, "whole number from 0 up"),
        ({"EXECUTIONDURATION": "1e3"}, "whole number from 0 up"),
        ({"EXECUTIONDURATION": HUGE}, "whole number from 0 up"),
        ({"EXECUTIONDURATION": "\u0661"}, "whole number from 0 up"),
        ({"QUERY": "SELECT '\x00'"}, "U+0000"),
        ({"RUNID": "\x1b[2J"}, "U+001B"),
        ({"RUN\x00ID": "x"}, "U+0000"),
        ({"X": "\ufffe"}, "U+FFFE"),
    ],
)
def test_a_job_is_not_made_of_wrong_parameters(http, parameters, sentence):
    answer = http.post(LIST, data={"QUERY": QUICK, **parameters})
    assert answer.status_code == 400
    plain = answer.text.replace('"', "&quot;")
    assert sentence in plain
    assert len(answer.text) < 2000


def test_parameters_are_bounded(http):
    told(http.post(LIST, data={"QUERY": QUICK, "X": "x" * 300_000}), 413, "220000 are allowed")
    url = create(http)
    told(http.put(f"{url}/parameters/X", content="x" * 300_000), 413, "220000 are allowed")
    told(http.put(f"{url}/parameters/X", content=b"x" * 9_000_000), 413, "8,388,608 bytes")
    told(http.put(f"{url}/parameters/X", content=b"\xff"), 400, "UTF-8")
    told(http.put(f"{url}/parameters/X", content=b"\x00"), 400, "U+0000")


@pytest.mark.parametrize(
    ("resource", "name", "value", "sentence"),
    [
        ("phase", "PHASE", "PENDING", "it is RUN or ABORT"),
        ("phase", "PHASE", HUGE, "it is RUN or ABORT"),
        ("phase", "WRONG", "RUN", "PHASE is missing"),
        ("destruction", "DESTRUCTION", "never", "is no instant"),
        ("destruction", "DESTRUCTION", "1970-01-01", "in the past"),
        ("executionduration", "EXECUTIONDURATION", "1.5", "whole number"),
        ("", "ACTION", "EXPLODE", "it is DELETE"),
    ],
)
def test_a_wrong_change_changes_nothing(http, resource, name, value, sentence):
    url = create(http)
    before = http.get(url).text
    told(http.post(f"{url}/{resource}", data={name: value}), 400, sentence)
    assert http.get(url).text == before


@pytest.mark.parametrize(
    "query",
    [
        *("PHASE=pending", "PHASE=SUCCESS", "PHASE=1345", "LAST=-1", "LAST=sometext", "LAST=1.5", "LAST=%00"),
        *("AFTER=2015-10-26T09", "AFTER=2015-26-10", "AFTER=sometext", "AFTER=2015-10-26T09:00%2B01:00"),
        *("AFTER=2015&AFTER=2016", "LAST=1&LAST=2", "PHASE=%00"),
    ],
)
def test_a_wrong_filter_of_the_list_is_refused(http, query):
    told(http.get(f"{LIST}?{query}"), 400, "ERROR")


@pytest.mark.parametrize("known", [phase.value for phase in Phase])
def test_every_phase_may_be_asked_for(http, known):
    assert http.get(f"{LIST}?PHASE={known}").status_code == 200


@pytest.mark.parametrize("query", ["WAIT=soon", "WAIT=1.5", "WAIT=--1", "WAIT=1&PHASE=DONE", "WAIT=1&WAIT=2"])
def test_a_wrong_wait_is_refused(http, query):
    told(http.get(f"{create(http)}?{query}"), 400, "ERROR")


@pytest.mark.parametrize(
    "name",
    [
        *("0" * 32, "nope", "x" * 5000, "%00", "..%2F..%2Fetc", "%2e%2e", "'; DROP TABLE jobs; --", "\u2620"),
        "A" * 32,
    ],
)
def test_a_job_that_is_not_there_is_not_found(http, name):
    for method, path in (
        *(("GET", ""), ("DELETE", ""), ("POST", ""), ("GET", "/phase"), ("GET", "/results/result")),
        *(("POST", "/phase"), ("POST", "/parameters"), ("GET", "/plan"), ("GET", "/parameters/x")),
    ):
        data = {"PHASE": "RUN", "X": "y"} if method == "POST" else None
        answer = http.request(method, f"{LIST}/{name}{path}", data=data)
        assert answer.status_code in (404, 405), (method, path, answer.text)
        assert "Traceback" not in answer.text


def test_no_file_but_a_result_is_served(http):
    url = create(http, PHASE="RUN")
    for name in ("..%2f..%2f..%2fstate%2fjobs.sqlite", "%2e%2e", "result-1.vot", "result%00", "Result"):
        assert http.get(f"{url}/results/{name}").status_code == 404


def test_names_of_jobs_cannot_be_guessed(http):
    names = {re.search("[0-9a-f]{32}$", create(http))[0] for _ in range(20)}
    assert len(names) == 20
    # 128 bits, of which no place is always the same.
    assert all(len({name[place] for name in names}) > 1 for place in range(32))


def test_a_client_has_so_many_jobs_at_a_time_and_the_queue_is_so_long(start):
    server = start(jobs_per_client=3)
    with httpx.Client(base_url=server.url) as http:
        urls = [create(http) for _ in range(3)]
        answer = http.post(LIST, data={"QUERY": QUICK})
        told(answer, 429, "You have 3 jobs")
        assert int(answer.headers["retry-after"]) > 0
        http.delete(urls[0])
        assert phase(read(http, create(http))) == "PENDING"


def test_a_full_queue_is_told(start):
    server = start(job_queue=1, job_slots=1)
    with httpx.Client(base_url=server.url) as http:
        wait(http, create(http, ENDLESS, PHASE="RUN"), "EXECUTING")
        waiting = create(http, ENDLESS, PHASE="RUN")
        answer = http.post(LIST, data={"QUERY": QUICK, "PHASE": "RUN"})
        told(answer, 503, "1 jobs wait")
        assert int(answer.headers["retry-after"]) > 0
        pending = create(http)
        assert http.post(f"{pending}/phase", data={"PHASE": "RUN"}).status_code == 503
        assert phase(read(http, pending)) == "PENDING"
        http.delete(waiting)
        assert http.post(f"{pending}/phase", data={"PHASE": "RUN"}).status_code == 303
