"""Tables come with jobs, stay with them, and go with them."""

from __future__ import annotations

import gzip
import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from astropy.table import Table
from lxml import etree

from app.config import Config
from tests.app.uws.client import LIST, QUICK, UWS, create, fact, message, phase, read, wait
from tests.support.eventually import PATIENCE
from tests.support.process import ServerProcess
from tests.support.server import LiveServer, serve
from tests.support.webserver import Answer, WebServer

ALL = "SELECT n, name FROM TAP_UPLOAD.t ORDER BY n"
SENT = {"n": [1, 2, 3], "name": ["Crab", "Vela ★", ""]}
ROWS = "1,Crab\n2,Vela ★\n3,\n"


def votable(columns: dict[str, list[object]] = SENT) -> bytes:
    """A document that astropy writes."""
    out = io.BytesIO()
    Table(columns).write(out, format="votable")
    return out.getvalue()


def rows(http: httpx.Client, url: str) -> str:
    """What a completed job gives as CSV, without the header."""
    job = wait(http, url)
    assert phase(job) == "COMPLETED", message(job)
    answer = http.get(f"{url}/results/result")
    assert answer.status_code == 200
    return answer.text.replace("\r\n", "\n").partition("\n")[2]


def make(http: httpx.Client, query: str = ALL, files: object = None, **parameters: object) -> str:
    """Make a job with files that wants CSV; give its URL."""
    data = {"QUERY": query, "LANG": "ADQL", "RESPONSEFORMAT": "csv", **parameters}
    answer = http.post(LIST, data=data, files=files)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def listed(job: etree._Element) -> list[tuple[str, str, bool]]:
    """Name and value of each parameter of a job document, and whether the value is where it says."""
    return [
        (one.get("id"), one.text, one.get("byReference") == "true") for one in job.iter(f"{UWS}parameter")
    ]


@pytest.fixture
def web() -> Iterator[WebServer]:
    """A server from which tables are fetched."""
    with WebServer() as server:
        yield server


@pytest.fixture(scope="module")
def open_jobs(small_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A service that fetches from this machine too."""
    home = tmp_path_factory.mktemp("open")
    (home / "lake").symlink_to(small_home / "lake", target_is_directory=True)
    with serve(Config(home=home, upload_networks="127.0.0.0/8", upload_timeout=PATIENCE)) as server:
        yield server


@pytest.fixture
def open_http(open_jobs: LiveServer) -> Iterator[httpx.Client]:
    """A client of that service."""
    with httpx.Client(base_url=open_jobs.url, timeout=PATIENCE) as client:
        yield client


def files_of(server: LiveServer, url: str) -> list[Path]:
    """Every file that is kept with a job."""
    folder = server.service.jobs.files.folder(url.rpartition("/")[2])
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "content",
    [votable(), gzip.compress(votable()), "n,name\n1,Crab\n2,Vela ★\n3,\n".encode()],
    ids=["votable", "gzip", "csv"],
)
def test_a_table_comes_with_the_job(http, jobs, content):
    url = make(http, files={"t": ("../../mine.bin", content)}, UPLOAD="t,param:t", PHASE="RUN")
    assert rows(http, url) == ROWS
    job = read(http, url)
    steps = [step.findtext("name") for step in job.find(f"{UWS}jobInfo/steps")]
    assert steps == ["load", "plan", "execute", "write", "store"]
    http.delete(url)
    assert files_of(jobs, url) == []


def test_parameters_tell_of_the_table_and_where_it_is(http):
    url = make(http, files={"t": votable()}, UPLOAD="t,param:t")
    told = [("UPLOAD", "t,param:t", False), ("t", f"{url}/parameters/t", True)]
    assert listed(read(http, url))[-2:] == told
    assert listed(etree.fromstring(http.get(f"{url}/parameters").content))[-2:] == told
    answer = http.get(told[1][1])
    assert answer.content == votable()
    # No browser shows it as a page of ours, whatever it is.
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert http.get(f"{url}/parameters/UPLOAD").text == "t,param:t"
    assert http.get(f"{url}/parameters/u").status_code == 404


def test_tables_may_follow_while_the_job_is_pending(http, jobs):
    """As pyvo's ``job.upload`` does, one after the other; each makes more tables (TAP 1.1 section 2.7.6)."""
    url = create(http, "SELECT t.n, u.name FROM TAP_UPLOAD.t JOIN TAP_UPLOAD.u USING (n)", FORMAT="csv")
    for name, columns in {"t": {"n": [1, 2]}, "u": {"n": [2, 3], "name": ["b", "c"]}}.items():
        files = {name: votable(columns)}
        answer = http.post(f"{url}/parameters", data={"UPLOAD": f"{name},param:{name}"}, files=files)
        assert answer.headers["location"] == url
    http.post(f"{url}/phase", data={"PHASE": "RUN"})
    assert rows(http, url) == "2,b\n"
    late = http.post(f"{url}/parameters", data={"UPLOAD": "v,param:v"}, files={"v": votable()})
    assert late.status_code == 409
    assert "can be set while it is PENDING" in late.text
    assert len(files_of(jobs, url)) == 3


def test_a_table_may_follow_to_the_job_itself_and_run_it(http):
    url = create(http, ALL, FORMAT="csv")
    http.post(url, data={"UPLOAD": "t,param:T", "PHASE": "RUN"}, files={"t": votable()})
    assert rows(http, url) == ROWS


def test_a_table_that_is_sent_again_takes_the_place_of_the_first(http, jobs):
    url = make(http, files={"t": votable({"n": [9]})}, UPLOAD="t,param:t")
    http.post(f"{url}/parameters", data={"UPLOAD": "t,param:t"}, files={"t": votable()})
    assert len(files_of(jobs, url)) == 1
    http.post(f"{url}/phase", data={"PHASE": "RUN"})
    assert rows(http, url) == ROWS


def test_tables_are_taken_back_by_an_empty_value(http, jobs):
    url = make(http, QUICK, files={"t": votable(), "u": votable()}, UPLOAD="t,param:t;u,param:u")
    http.post(f"{url}/parameters", data={"UPLOAD": "", "T": ""})
    assert [name for name, *_ in listed(read(http, url))][-1:] == ["u"]
    assert len(files_of(jobs, url)) == 1
    http.put(f"{url}/parameters/UPLOAD", content="v,param:u")
    http.put(f"{url}/parameters/UPLOAD", content="w,param:u")
    assert http.get(f"{url}/parameters/UPLOAD").text == "w,param:u"
    http.post(f"{url}/phase", data={"PHASE": "RUN"})
    assert rows(http, url) == "27000\n"


def test_a_table_in_a_field_is_a_table(http):
    """Some send it in a part without a file name; it is longer than parameters may be."""
    many = "n,name\n" + "".join(f"{n},x\n" for n in range(60_000))
    query = "SELECT COUNT(*) AS c FROM TAP_UPLOAD.t"
    url = make(http, query, files={"mine": (None, many)}, UPLOAD="t,param:mine", PHASE="RUN")
    assert rows(http, url) == "60000\n"
    assert ("MINE", f"{url}/parameters/MINE", True) in listed(read(http, url))


def test_several_tables_come_with_one_job(http):
    files = [(f"part{n}", votable({"n": [n, n + 1]})) for n in range(3)]
    uploads = ["a,param:part0;b,param:part1", "c,param:part2"]
    query = "SELECT a.n, b.n AS m FROM TAP_UPLOAD.a, TAP_UPLOAD.b, TAP_UPLOAD.c WHERE a.n = b.n AND c.n = 3"
    assert rows(http, make(http, query, files=files, UPLOAD=uploads, PHASE="RUN")) == "1,1\n"


@pytest.mark.parametrize(
    ("files", "parameters", "sentence"),
    [
        ({}, {"UPLOAD": "t,param:t"}, 'from the part "t" of the form, which is not there'),
        ({"t": b"<VOTABLE/>"}, {"UPLOAD": "t,param:t"}, 'Table "t": It is a VOTable without a TABLE'),
        ({"t": b""}, {"UPLOAD": "t,param:t"}, 'Table "t": It is empty'),
        ({"t": votable()}, {}, "TAP_UPLOAD"),
        ({"t": votable()}, {"UPLOAD": "t"}, 'UPLOAD "t" cannot be read; it is written as'),
        ({"t": votable()}, {"UPLOAD": "select,param:t"}, "reserved word"),
        ({"t": votable()}, {"UPLOAD": ["t,param:t", "T,param:t"]}, 'the table "t" twice'),
        ({"t": votable()}, {"UPLOAD": "t,file:///etc/passwd"}, '"file:///etc/passwd" of table "t" cannot'),
        ({}, {"UPLOAD": "t,http://127.0.0.1:1/t.vot"}, 'host "127.0.0.1" is not on the public network'),
    ],
)
def test_what_is_wrong_with_a_table_is_the_error_of_the_job(http, files, parameters, sentence):
    url = make(http, files=files, PHASE="RUN", **parameters)
    job = wait(http, url)
    assert phase(job) == "ERROR"
    assert sentence in message(job)
    document = http.get(f"{url}/error").text
    assert 'value="ERROR"' in document
    assert "Traceback" not in document


def test_more_than_a_job_may_bring_is_refused_at_once(start: Callable[..., LiveServer], tmp_path: Path):
    server = start(upload_tables=2, upload_bytes=20_000, request_bytes=10_000, jobs_bytes=50_000)
    with httpx.Client(base_url=server.url, timeout=PATIENCE) as http:
        many = http.post(LIST, files=dict.fromkeys("tuv", b"x"))
        assert (many.status_code, "a job may bring 2" in many.text) == (413, True)
        assert http.post(LIST, files={"t": b"x" * 40_000}).status_code == 413
        url = make(http, files={"t": b"x" * 20_000})
        more = http.post(f"{url}/parameters", files={"u": b"x" * 20_000})
        assert (more.status_code, "30,000 bytes" in more.text) == (413, True)
        # It has the file it had, and no other.
        assert [path.stat().st_size for path in files_of(server, url)] == [20_000]
        make(http, files={"t": b"x" * 20_000})
        full = http.post(LIST, files={"t": b"x" * 20_000})
        assert (full.status_code, "no room" in full.text) == (503, True)
        assert full.headers["retry-after"]
        assert len([path for path in (tmp_path / "home" / "jobs").rglob("*") if path.is_file()]) == 2


def test_a_service_without_uploads_says_so(start: Callable[..., LiveServer]):
    with httpx.Client(base_url=start(upload_tables=0).url, timeout=PATIENCE) as http:
        answer = http.post(LIST, data={"QUERY": QUICK}, files={"t": votable()})
        assert (answer.status_code, "may bring none" in answer.text) == (413, True)
        job = wait(http, create(http, UPLOAD="t,http://example.org/t.vot", PHASE="RUN"))
        assert "UPLOAD is switched off" in message(job)


@pytest.mark.parametrize("name", ["../../../etc/passwd", "a b/ü?#%", "/", "..", "x" * 300])
def test_names_of_parts_are_names_and_no_paths(http, jobs, name):
    url = make(http, files={name: (name, b"n\n5\n", "text/csv")}, UPLOAD="t")
    ((_, where, _),) = [one for one in listed(read(http, url)) if one[2]]
    (path,) = files_of(jobs, url)
    assert path.parent == jobs.service.jobs.files.inputs(url.rpartition("/")[2])
    if name not in ("/", ".."):
        assert http.get(where.replace("%2F..", "%2F%2E%2E")).status_code in (200, 404)


def test_many_requests_at_once_each_add_their_table(http):
    """None of them is lost, though each reads what is there and writes it with its own."""
    url = create(http, QUICK)
    begin = threading.Barrier(4)

    def send(name: str) -> int:
        begin.wait()
        with httpx.Client(timeout=PATIENCE) as own:
            data = {"UPLOAD": f"{name},param:{name}"}
            return own.post(f"{url}/parameters", data=data, files={name: votable()}).status_code

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(send, "abcd")) == [303] * 4
    names = {name for name, _, is_file in listed(read(http, url)) if is_file}
    assert names == set("abcd")
    assert set(http.get(f"{url}/parameters/UPLOAD").text.splitlines()) == {f"{n},param:{n}" for n in "abcd"}


# By URL


def test_a_table_is_fetched_when_the_job_runs(open_http, web):
    web.answers["/t.vot"] = Answer(votable(), "application/x-votable+xml")
    url = make(open_http, UPLOAD=f"t,{web.url}/t.vot")
    assert web.asked == []
    open_http.post(f"{url}/phase", data={"PHASE": "RUN"})
    assert rows(open_http, url) == ROWS
    # Once, though the job plans its query and runs it.
    assert web.asked == ["/t.vot"]
    assert listed(read(open_http, url))[-1] == ("UPLOAD", f"t,{web.url}/t.vot", False)


def test_a_table_that_is_not_there_is_the_error_of_the_job(open_http, web):
    job = wait(open_http, make(open_http, UPLOAD=f"t,{web.url}/t.vot", PHASE="RUN"))
    assert phase(job) == "ERROR"
    assert f'"{web.url}/t.vot" answers with the status 404 instead of a table' in message(job)


def test_a_fetch_is_aborted_with_its_job(open_http, web):
    """Though the server says nothing, the slot is free at once."""
    web.answers["/slow"] = Answer(votable(), hang=True)
    url = make(open_http, UPLOAD=f"t,{web.url}/slow", PHASE="RUN")
    wait(open_http, url, "EXECUTING")
    assert web.has_been_asked.wait(PATIENCE)
    open_http.post(f"{url}/phase", data={"PHASE": "ABORT"})
    assert phase(read(open_http, url)) == "ABORTED"
    # The server is told, too: nobody reads any more.
    assert web.has_been_left.wait(PATIENCE)


def test_the_time_of_a_fetch_is_that_of_the_job(open_http, web):
    web.answers["/slow"] = Answer(votable(), hang=True)
    url = make(open_http, UPLOAD=f"t,{web.url}/slow", EXECUTIONDURATION="1", PHASE="RUN")
    job = wait(open_http, url)
    assert phase(job) == "ABORTED"
    assert "stopped after the 1 s that it may run" in message(job)


def test_a_result_of_the_service_itself_is_taken_from_its_disk(http):
    """By its URL, although the service is not on the public network; pyvo sends it for a job."""
    first = make(http, "SELECT TOP 3 event_id FROM dl3.events ORDER BY event_id", PHASE="RUN")
    wait(http, first)
    query = "SELECT COUNT(*) AS n FROM dl3.events JOIN TAP_UPLOAD.t USING (event_id)"
    url = make(http, query, UPLOAD=f"t,{first}/results/result", PHASE="RUN")
    assert int(rows(http, url)) >= 3
    sync = http.post(
        "/tap/sync", data={"QUERY": query, "FORMAT": "csv", "UPLOAD": f"t,{first}/results/result"}
    )
    assert sync.text.splitlines()[1:] == rows(http, url).splitlines()
    http.delete(first)
    job = wait(http, make(http, query, UPLOAD=f"t,{first}/results/result", PHASE="RUN"))
    assert "There is no job" in message(job)


# Whatever happens to the process


def test_tables_outlive_a_server_that_is_killed(new_home: Path):
    """Another process runs the job with the tables that the first one took."""
    with ServerProcess(new_home, job_slots=1, threads=1) as server:
        with httpx.Client(base_url=server.url, timeout=PATIENCE) as http:
            pending = make(http, files={"t": votable()}, UPLOAD="t,param:t")
        server.kill()
    path = f"/tap/async/{pending.rpartition('/')[2]}"
    with (
        ServerProcess(new_home, job_slots=1, threads=1) as server,
        httpx.Client(base_url=server.url, timeout=PATIENCE) as http,
    ):
        http.post(f"{path}/phase", data={"PHASE": "RUN"})
        assert rows(http, path) == ROWS
        assert fact(read(http, path), "attempt") == "1"
        assert http.get(f"{path}/parameters/t").content == votable()
        http.delete(path)
    assert [found for found in (new_home / "jobs").rglob("*") if found.is_file()] == []
