"""The resources of /tap/async, over HTTP."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
import pytest
import sqlglot
from astropy.io.votable import parse as parse_votable
from lxml import etree

from tests.app.uws.client import ENDLESS, LIST, QUICK, UWS, create, fact, message, phase, read, wait
from tests.support.eventually import eventually

ALL = 27_000
"""Events of the collections that are served (tests/app/conftest.py)."""


def text(http: httpx.Client, url: str) -> str:
    answer = http.get(url)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    return answer.text


def test_a_job_goes_all_its_way(http, uws_schema):
    created = http.post(LIST, params={"LANG": "ADQL"}, data={"query": QUICK, "Format": "csv"})
    assert created.status_code == 303
    url = created.headers["location"]
    assert re.fullmatch(rf"{http.base_url}/tap/async/[0-9a-f]{{32}}", url)
    assert phase(read(http, url)) == "PENDING"
    started = http.post(f"{url}/phase", data={"PHASE": "RUN"})
    assert (started.status_code, started.headers["location"]) == (303, url)
    job = wait(http, url)
    uws_schema.assertValid(job)
    assert phase(job) == "COMPLETED"
    result = job.find(f"{UWS}results/{UWS}result")
    href = result.get("{http://www.w3.org/1999/xlink}href")
    assert (result.get("id"), href) == ("result", f"{url}/results/result")
    content = http.get(href)
    assert content.content == f"n\r\n{ALL}\r\n".encode()
    assert int(result.get("size")) == len(content.content)
    assert (
        result.get("mime-type") == content.headers["content-type"] == "text/csv;charset=utf-8;header=present"
    )
    removed = http.delete(url)
    assert (removed.status_code, removed.headers["location"]) == (303, f"{http.base_url}/tap/async")
    for path in ("", "/phase", "/results/result", "/parameters"):
        assert http.get(url + path).status_code == 404


def test_a_job_may_start_at_once(http):
    url = create(http, PHASE="RUN")
    assert phase(read(http, url)) in ("QUEUED", "EXECUTING", "COMPLETED")
    assert phase(wait(http, url)) == "COMPLETED"


def test_each_resource_tells_what_the_document_does(http):
    url = create(http, RUNID="my run", EXECUTIONDURATION="77")
    job = read(http, url)
    assert text(http, f"{url}/phase") == "PENDING"
    assert text(http, f"{url}/executionduration") == "77" == job.findtext(f"{UWS}executionDuration")
    assert text(http, f"{url}/executionDuration") == "77"
    assert text(http, f"{url}/destruction") == job.findtext(f"{UWS}destruction")
    assert text(http, f"{url}/quote") == ""
    assert text(http, f"{url}/owner") == ""
    assert text(http, f"{url}/runid") == "my run" == job.findtext(f"{UWS}runId")
    assert http.get(f"{url}/error").status_code == 404
    assert http.get(f"{url}/results/result").status_code == 404
    for name in ("parameters", "results"):
        part = etree.fromstring(http.get(f"{url}/{name}").content)
        assert part.tag == UWS + name
        assert [(e.get("id"), e.text) for e in part] == [(e.get("id"), e.text) for e in job.find(part.tag)]
    assert http.head(url).status_code == 200
    assert http.get(f"{url}/nothing").status_code == 404
    assert http.post(f"{url}/quote", data={"QUOTE": "1"}).status_code == 405


def test_parameters_change_while_a_job_is_pending_and_not_later(http):
    url = create(http, "SELECT nothing")
    assert http.post(f"{url}/parameters", data={"QUERY": QUICK, "RUNID": "b"}).status_code == 303
    assert http.put(f"{url}/parameters/format", content="tsv").status_code == 303
    assert http.post(url, data={"MAXREC": "1"}).status_code == 303
    assert text(http, f"{url}/parameters/query") == QUICK
    assert text(http, f"{url}/parameters/FORMAT") == "tsv"
    assert http.get(f"{url}/parameters/upload").status_code == 404
    assert http.post(f"{url}/parameters", data={"RUNID": ""}).status_code == 303
    assert http.get(f"{url}/parameters/runid").status_code == 404
    http.post(f"{url}/phase", data={"PHASE": "RUN"})
    assert phase(wait(http, url)) == "COMPLETED"
    assert http.get(f"{url}/results/result").text == f"n\r\n{ALL}\r\n"
    for answer in (
        http.post(f"{url}/parameters", data={"QUERY": "x"}),
        http.put(f"{url}/parameters/QUERY", content="x"),
        http.post(f"{url}/executionduration", data={"EXECUTIONDURATION": "5"}),
        http.post(f"{url}/phase", data={"PHASE": "RUN"}),
    ):
        assert answer.status_code == 409
        assert "COMPLETED" in answer.text


def test_duration_and_destruction_are_bounded(http):
    url = create(http)
    created = datetime.fromisoformat(read(http, url).findtext(f"{UWS}creationTime"))
    for asked, got in (("5", 5), ("0", 7200), ("999999999999", 7200), (" +17 ", 17)):
        http.post(f"{url}/executionduration", data={"EXECUTIONDURATION": asked})
        assert int(text(http, f"{url}/executionduration")) == got
    week = created + timedelta(days=7)
    assert datetime.fromisoformat(text(http, f"{url}/destruction")) == week
    for asked, got in (
        (week - timedelta(days=1), week - timedelta(days=1)),
        (week + timedelta(days=1000), created + timedelta(days=30)),
    ):
        # As pyvo writes it.
        http.post(f"{url}/destruction", data={"DESTRUCTION": asked.strftime("%Y-%m-%dT%H:%M:%S.%f")})
        assert datetime.fromisoformat(text(http, f"{url}/destruction")) == got


def test_a_job_may_be_made_with_its_terms(http):
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    url = create(http, DESTRUCTION=tomorrow.strftime("%Y-%m-%dT%H:%MZ"), ExecutionDuration="9", runid="x")
    job = read(http, url)
    assert job.findtext(f"{UWS}destruction") == tomorrow.strftime("%Y-%m-%dT%H:%M:00.000Z")
    assert job.findtext(f"{UWS}executionDuration") == "9"
    # They are no parameters of the query; RUNID is, and so it stays there as taplint wants it.
    assert {e.get("id") for e in job.iter(f"{UWS}parameter")} == {"QUERY", "LANG", "RUNID"}


def test_abort_stops_the_engine(http, jobs):
    """How soon, the benchmarks tell; the query alone would take hours."""
    url = create(http, ENDLESS, PHASE="RUN")
    wait(http, url, "EXECUTING")
    eventually(lambda: jobs.service.engine._sessions)
    assert http.post(f"{url}/phase", data={"PHASE": "ABORT"}).status_code == 303
    assert text(http, f"{url}/phase") == "ABORTED"
    eventually(lambda: not jobs.service.engine._sessions)
    eventually(lambda: not jobs.service.jobs._runner._present())
    again = http.post(f"{url}/phase", data={"PHASE": "ABORT"})
    assert again.status_code == 303
    assert read(http, url).findtext(f"{UWS}endTime").endswith("Z")


def test_a_deleted_job_stops(http, jobs):
    for how in ({"method": "DELETE"}, {"method": "POST", "data": {"ACTION": "DELETE"}}):
        url = create(http, ENDLESS, PHASE="RUN")
        wait(http, url, "EXECUTING")
        answer = http.request(url=url, **how)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{http.base_url}/tap/async")
        assert http.get(url).status_code == 404
        eventually(lambda: not jobs.service.jobs._runner._present())
        assert not jobs.service.jobs.files.folder(url.rpartition("/")[2]).exists()


@pytest.mark.parametrize("format_", ["votable", "votable/td", "csv", "fits", "json", "parquet", "html"])
def test_the_duration_holds_for_every_format(http, format_):
    url = create(http, ENDLESS, PHASE="RUN", EXECUTIONDURATION="1", RESPONSEFORMAT=format_)
    job = wait(http, url)
    # UWS 1.1 section 2.1.4: as if it had been aborted.
    assert phase(job) == "ABORTED"
    assert "1 s that it may run" in message(job)
    assert "EXECUTIONDURATION" in http.get(f"{url}/error").text


def test_the_duration_holds_while_rows_are_written(http):
    many = "SELECT a.* FROM dl3.events AS a, dl3.events AS b"
    for seconds in (1, 2, 4, 8, 16, 32):
        asked = {"EXECUTIONDURATION": str(seconds), "FORMAT": "csv", "MAXREC": "20000000"}
        url = create(http, many, PHASE="RUN", **asked)
        job = wait(http, url)
        assert phase(job) == "ABORTED"
        assert http.get(f"{url}/results/result").status_code == 404
        # A machine that has much else to do may not have come to the rows.
        if int(fact(job, "rows") or 0) > 0:
            return
    pytest.fail("no rows were written in all that time")


@pytest.mark.parametrize(
    ("query", "parameters", "sentence"),
    [
        ("SELECT enrgy FROM dl3.events", {}, 'Did you mean "energy"'),
        ("DUFF QUERY", {}, "line 1"),
        (QUICK, {"LANG": "OOBLECK"}, 'Unknown LANG "OOBLECK"'),
        (QUICK, {"RESPONSEFORMAT": "tar"}, 'Unknown format "tar"'),
        (QUICK, {"MAXREC": "many"}, 'MAXREC "many"'),
        (QUICK, {"REQUEST": "getCapabilities"}, "Unknown REQUEST"),
    ],
)
def test_a_query_that_cannot_be_answered_is_an_error_with_its_reason(http, query, parameters, sentence):
    url = create(http, query, PHASE="RUN", **parameters)
    job = wait(http, url)
    assert phase(job) == "ERROR"
    assert sentence in message(job)
    summary = job.find(f"{UWS}errorSummary")
    assert (summary.get("type"), summary.get("hasDetail")) == ("fatal", "true")
    error = http.get(f"{url}/error")
    assert error.status_code == 200
    assert error.headers["content-type"] == "application/x-votable+xml"
    infos = parse_votable(io.BytesIO(error.content)).resources[0].infos
    (status,) = [info for info in infos if info.name == "QUERY_STATUS"]
    assert (status.value, sentence in status.content) == ("ERROR", True)
    assert job.find(f"{UWS}results/{UWS}result") is None


def test_a_job_without_a_query_says_so(http):
    url = http.post(LIST, data={"PHASE": "RUN"}).headers["location"]
    assert "QUERY is missing" in message(wait(http, url))


def test_overflow_is_told_in_every_format(http):
    for format_ in ("votable", "csv", "fits", "parquet"):
        url = create(http, "SELECT event_id FROM dl3.events", PHASE="RUN", MAXREC="7", FORMAT=format_)
        job = wait(http, url)
        assert (fact(job, "rows"), fact(job, "maxrec"), fact(job, "overflow")) == ("7", "7", "true")
        assert http.get(f"{url}/results/result").headers["x-gammahub-overflow"] == "true"


def test_job_info_tells_the_way_of_the_query(http):
    url = create(http, "SELECT energy FROM dl3.events WHERE energy > 1e9", PHASE="RUN")
    job = wait(http, url)
    statement = sqlglot.parse_one(fact(job, "sql"), dialect="duckdb")
    assert [table.sql() for table in statement.find_all(sqlglot.exp.Table)] == ['"dl3"."events" AS "t1"']
    steps = [step.findtext("name") for step in job.find(f"{UWS}jobInfo/steps")]
    assert steps == ["plan", "execute", "write", "store"]
    assert all(float(step.findtext("seconds")) >= 0 for step in job.find(f"{UWS}jobInfo/steps"))
    assert (fact(job, "attempt"), fact(job, "rows"), fact(job, "overflow")) == ("1", "0", "false")
    assert int(fact(job, "bytes")) == len(http.get(f"{url}/results/result").content)
    # No place on the server is told.
    assert "/" not in fact(job, "sql")


def test_progress_and_the_place_in_the_queue_are_told_while_they_change(http):
    """Two slots: the third job waits."""
    many = "SELECT a.event_id FROM dl3.events AS a, dl3.events AS b"
    busy = [create(http, many, PHASE="RUN", MAXREC="20000000", FORMAT="csv") for _ in range(2)]
    for url in busy:
        wait(http, url, "EXECUTING")
    third, fourth = create(http, PHASE="RUN"), create(http, PHASE="RUN")
    assert fact(read(http, third), "queuePosition") == "1"
    assert fact(read(http, fourth), "queuePosition") == "2"
    eventually(lambda: int(fact(read(http, busy[0]), "rows") or 0) > 0)
    assert int(fact(read(http, busy[0]), "bytes")) > 0
    for url in busy:
        assert http.delete(url).status_code == 303
    assert phase(wait(http, third)) == phase(wait(http, fourth)) == "COMPLETED"


def test_a_result_is_read_in_parts(http):
    url = create(http, "SELECT TOP 1000 * FROM dl3.events", PHASE="RUN", FORMAT="csv")
    wait(http, url)
    href = f"{url}/results/result"
    # Compressed for the way, it has no parts.
    http.headers["accept-encoding"] = "identity"
    whole = http.get(href)
    size = len(whole.content)
    assert whole.headers["accept-ranges"] == "bytes"
    assert len(list(csv.reader(io.StringIO(whole.text)))) == 1001
    part = http.get(href, headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{size}"
    assert http.get(href, headers={"range": "bytes=-10"}).content == whole.content[-10:]
    assert http.get(href, headers={"range": f"bytes={size}-"}).status_code == 416
    # Interrupted, and taken up again if it is still the same.
    etag = whole.headers["etag"]
    rest = {"range": f"bytes={size // 2}-"}
    assert http.get(href, headers={**rest, "if-range": etag}).content == whole.content[size // 2 :]
    assert http.get(href, headers={**rest, "if-range": '"other"'}).content == whole.content
    head = http.head(href)
    assert (head.headers["content-length"], head.content) == (str(size), b"")


def test_a_result_has_a_tag_a_name_and_an_end(http):
    url = create(http, PHASE="RUN", FORMAT="fits")
    job = wait(http, url)
    answer = http.get(f"{url}/results/result", headers={"accept-encoding": "identity"})
    etag = answer.headers["etag"]
    assert re.fullmatch(r'"[0-9a-f]{32}"', etag)
    for same in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        unchanged = http.get(f"{url}/results/result", headers={"if-none-match": same})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert unchanged.headers["etag"] == etag
    assert http.get(f"{url}/results/result", headers={"if-none-match": '"x"'}).status_code == 200
    disposition = answer.headers["content-disposition"]
    assert re.fullmatch(r'attachment; filename="gammahub-[0-9a-f]{8}-result\.fits"', disposition)
    end = datetime.fromisoformat(job.findtext(f"{UWS}destruction"))
    assert parsedate_to_datetime(answer.headers["sunset"]) == end.replace(microsecond=0)


def test_the_list_has_the_jobs_of_the_client_and_no_others(http, jobs, uws_schema):
    first = create(http, RUNID="one")
    second = create(http, "SELECT", PHASE="RUN")
    wait(http, second)
    with httpx.Client(base_url=jobs.url) as other:
        stranger = create(other)

        def listed(client: httpx.Client, query: str = "") -> list[str]:
            answer = client.get(f"{LIST}{query}")
            assert answer.headers["cache-control"] == "private, no-store"
            document = etree.fromstring(answer.content)
            uws_schema.assertValid(document)
            assert document.get("version") == "1.1"
            return [ref.get("{http://www.w3.org/1999/xlink}href") for ref in document]

        assert listed(http) == [second, first]
        assert listed(other) == [stranger]
        # One who has the name of a job has the job.
        assert other.get(first).status_code == 200
    with httpx.Client(base_url=jobs.url) as nobody:
        assert listed(nobody) == []
        assert listed(nobody, "?LAST=5") == []
    assert listed(http, "?PHASE=PENDING") == [first]
    assert listed(http, "?phase=ERROR&PHASE=PENDING") == [second, first]
    assert listed(http, "?PHASE=ARCHIVED") == listed(http, "?PHASE=HELD") == []
    assert listed(http, "?LAST=1") == [second]
    assert listed(http, "?LAST=0") == []
    assert listed(http, "?LAST=99999999999999999") == [second, first]
    created = read(http, first).findtext(f"{UWS}creationTime")
    assert listed(http, f"?AFTER={created}") == [second]
    assert listed(http, "?AFTER=2015&LAST=1&PHASE=PENDING") == [first]
    assert listed(http, "?AFTER=2999-01-01") == []


def test_the_cookie_is_a_secret_of_one_client(http):
    answer = http.post(LIST, data={"QUERY": QUICK})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/tap/async" in cookie
    assert "set-cookie" not in http.post(LIST, data={"QUERY": QUICK}).headers
    # What a client made up is no secret.
    forged = http.post(LIST, data={"QUERY": QUICK}, headers={"cookie": "gammahub_jobs=me"})
    assert "gammahub_jobs=me;" not in forged.headers["set-cookie"]


def test_urls_are_those_that_the_client_uses(http):
    headers = {
        "x-forwarded-proto": "https",
        "x-forwarded-host": "hub.example.org",
        "x-forwarded-prefix": "/a",
    }
    answer = http.post(LIST, data={"QUERY": QUICK, "PHASE": "RUN"}, headers=headers)
    url = answer.headers["location"]
    assert url.startswith("https://hub.example.org/a/tap/async/")
    assert "path=/a/tap/async;" in answer.headers["set-cookie"].lower()
    assert "secure" in answer.headers["set-cookie"].lower()
    path = url.removeprefix("https://hub.example.org/a")
    wait(http, path)
    job = etree.fromstring(http.get(path, headers=headers).content)
    assert (
        job.find(f"{UWS}results/{UWS}result").get("{http://www.w3.org/1999/xlink}href")
        == f"{url}/results/result"
    )
    assert "https://hub.example.org/a/tap" in http.get(f"{path}/results/result").text


def test_the_plan_of_a_job_tells_what_it_reads(http):
    near = "SELECT TOP 5 ra, energy FROM dl3.events WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(0, -5, 0.1))"
    url = create(http, near)
    answer = http.get(f"{url}/plan")
    assert answer.headers["content-type"] == "application/json"
    plan = answer.json()
    assert plan["dialect"] == "duckdb"
    assert sqlglot.parse_one(plan["sql"], dialect="duckdb").find(sqlglot.exp.Limit) is not None
    assert [(c["name"], c["datatype"], c["unit"], c["ucd"]) for c in plan["columns"]] == [
        ("ra", "double", "deg", "pos.eq.ra;meta.main"),
        ("energy", "double", "TeV", "em.energy"),
    ]
    assert plan["tables"] == ["dl3.events"]
    # One file for each of the four releases that are served; the circle lies in one of them.
    (reading,) = plan["reads"]
    assert (reading["files"], reading["files_of"]) == (1, 4)
    assert (reading["row_groups"], reading["row_groups_of"]) == (1, 4)
    assert (reading["rows"], reading["rows_of"]) == (2000, ALL)
    assert 0 < reading["bytes"] == plan["bytes"] < reading["bytes_of"]
    assert plan["rows"] == 2000
    assert phase(read(http, url)) == "PENDING"
    shown = http.get(f"{url}/plan", headers={"accept": "text/plain"})
    assert shown.headers["content-type"] == "text/plain; charset=utf-8"
    assert shown.text.startswith(plan["sql"])
    assert "1 of 4 files" in shown.text
    assert sqlglot.parse_one(shown.text, dialect="duckdb") == sqlglot.parse_one(plan["sql"], dialect="duckdb")


def test_the_plan_of_a_wrong_query_is_its_fault(http):
    url = create(http, "SELECT enrgy FROM dl3.events")
    answer = http.get(f"{url}/plan")
    assert answer.status_code == 400
    assert "enrgy" in answer.text


def test_a_browser_elsewhere_may_use_it(http):
    ask = {"origin": "https://elsewhere.example", "access-control-request-method": "DELETE"}
    preflight = http.options(f"{LIST}/abc", headers=ask)
    assert preflight.status_code == 200
    assert "DELETE" in preflight.headers["access-control-allow-methods"]
    answer = http.post(LIST, data={"QUERY": QUICK}, headers={"origin": "https://elsewhere.example"})
    assert "Location" in answer.headers["access-control-expose-headers"]


def test_capabilities_tell_the_terms_of_jobs(http):
    document = etree.fromstring(http.get("/tap/capabilities").content)
    assert document.findtext(".//retentionPeriod/default") == str(7 * 86400)
    assert document.findtext(".//retentionPeriod/hard") == str(30 * 86400)
    assert document.findtext(".//executionDuration/default") == "600"
    assert document.findtext(".//executionDuration/hard") == "7200"


def test_every_document_is_valid_in_every_phase(http, uws_schema):
    """Two slots: of three jobs that do not end the last waits."""
    urls = {"PENDING": create(http, RUNID="a & b"), "COMPLETED": create(http, PHASE="RUN")}
    urls["ERROR"] = create(http, "SELECT nothing FROM nowhere", PHASE="RUN")
    for name in ("COMPLETED", "ERROR"):
        wait(http, urls[name], name)
    urls["ABORTED"] = create(http)
    http.post(f"{urls['ABORTED']}/phase", data={"PHASE": "ABORT"})
    busy = [create(http, ENDLESS, PHASE="RUN") for _ in range(2)]
    for url in busy:
        wait(http, url, "EXECUTING")
    urls |= {"EXECUTING": busy[0], "QUEUED": create(http, ENDLESS, PHASE="RUN")}
    for name, url in urls.items():
        for resource in ("", "/parameters", "/results"):
            answer = http.get(f"{url}{resource}")
            assert answer.headers["content-type"].startswith("application/xml")
            uws_schema.assertValid(etree.fromstring(answer.content))
        assert phase(read(http, url)) == name
        listed = etree.fromstring(http.get(LIST, params={"PHASE": name}).content)
        uws_schema.assertValid(listed)
        assert url in [ref.get("{http://www.w3.org/1999/xlink}href") for ref in listed]
    for url in {*urls.values(), *busy}:
        http.delete(url)
