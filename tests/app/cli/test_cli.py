"""The command line as a user calls it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import sqlglot
from click.testing import Result
from typer.testing import CliRunner

from app.cli.main import APP
from tests.app.conftest import RELEASES
from tests.support.eventually import PATIENCE

COUNT = "SELECT COUNT(*) AS n FROM dl3.collections"


def gammahub(home: Path, *arguments: str, given: str | None = None, **environment: str) -> Result:
    """A command in this process, which spares the seconds that imports take."""
    settings = {name: None for name in os.environ if name.startswith("GAMMAHUB_")}
    return CliRunner().invoke(
        APP, arguments, input=given, env={**settings, "GAMMAHUB_HOME": str(home), **environment}
    )


def clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("GAMMAHUB_")}


def test_query_prints_csv_where_no_terminal_is(small_home):
    done = gammahub(small_home, "query", COUNT)
    assert (done.exit_code, done.stdout.split(), done.stderr) == (0, ["n", str(len(RELEASES))], "")


def test_query_is_read_from_standard_input(small_home):
    assert gammahub(small_home, "query", "-", given=COUNT).stdout.split() == ["n", str(len(RELEASES))]


def test_query_that_is_no_utf8_is_told(small_home):
    done = gammahub(small_home, "query", "SELECT '\udcff' FROM dl3.events")
    assert done.exit_code == 2
    assert "UTF-8" in done.stderr


def test_query_in_another_format(small_home):
    assert "<VOTABLE" in gammahub(small_home, "query", COUNT, "--format", "votable").stdout


def test_query_tells_that_rows_are_left_out(small_home):
    done = gammahub(small_home, "query", "SELECT ra FROM dl3.events", "--maxrec", "3")
    assert done.exit_code == 0
    assert len(done.stdout.split()) == 4
    assert "more than these 3 rows" in done.stderr


def test_wrong_query_ends_with_1_and_a_sentence(small_home):
    done = gammahub(small_home, "query", "SELECT enrgy FROM dl3.events")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert 'Did you mean "energy"' in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("query",),
        ("query", COUNT, "--maxrec", "-1"),
        ("query", COUNT, "--format", "tar"),
        ("translate", COUNT, "--dialect", "oracle"),
        ("tables", "dl3.nothing"),
        ("fly",),
    ],
)
def test_wrong_call_ends_with_2_and_a_sentence(small_home, arguments):
    done = gammahub(small_home, *arguments)
    assert done.exit_code == 2
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_setting_ends_with_2_and_its_name(small_home):
    done = gammahub(small_home, "tables", GAMMAHUB_SYNC_TIMEOUT="soon")
    assert done.exit_code == 2
    assert "GAMMAHUB_SYNC_TIMEOUT='soon'" in done.stderr


@pytest.mark.parametrize("dialect", ["duckdb", "hive", "spark"])
def test_translate_prints_sql_of_the_dialect(small_home, dialect):
    query = "SELECT TOP 3 energy FROM dl3.events WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(83.6, 22, 1))"
    done = gammahub(small_home, "translate", query, "--dialect", dialect)
    assert done.exit_code == 0
    assert sqlglot.parse_one(done.stdout, dialect=dialect).find(sqlglot.exp.Limit) is not None


def test_tables_lists_tables_and_columns(small_home):
    assert "dl3.events" in gammahub(small_home, "tables").stdout
    columns = gammahub(small_home, "tables", "dl3.events", COLUMNS="200").stdout
    assert "hillas_width" in columns
    assert "TeV" in columns


def test_version():
    assert re.fullmatch(r"GammaHub \d+\.\d+\.\d+\n", gammahub(Path("/nonexistent"), "--version").stdout)


def test_ingest_of_nothing_ends_with_1_and_leaves_no_lake(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    for path in (empty, tmp_path / "absent"):
        done = gammahub(tmp_path / "home", "ingest", str(path))
        assert done.exit_code == 1
        assert str(path) in done.stderr
        assert "Traceback" not in done.stderr
    assert gammahub(tmp_path / "home", "query", COUNT).stdout.split() == ["n", "0"]


def test_file_that_is_no_fits_is_rejected_by_name_with_1(tmp_path):
    release = tmp_path / "release"
    release.mkdir()
    (release / "run_1.fits").write_bytes(b"SIMPLE  =                    T" + b" " * 50)
    done = gammahub(tmp_path / "home", "ingest", str(release))
    assert done.exit_code == 1
    assert "run_1.fits" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_demo_fills_an_empty_lake_and_does_nothing_the_second_time(tmp_path):
    first = gammahub(tmp_path, "demo")
    assert first.exit_code == 0, first.stderr
    rows = gammahub(tmp_path, "query", "SELECT collection, simulated, n_events FROM dl3.collections").stdout
    found = [line.split(",") for line in rows.split()[1:]]
    assert len(found) == 3
    assert all(simulated == "1" and int(events) > 1000 for _, simulated, events in found)
    second = gammahub(tmp_path, "demo")
    assert second.exit_code == 0
    assert "data already" in second.stdout


def test_demo_says_when_the_folder_it_is_given_is_none(tmp_path):
    done = gammahub(tmp_path, "demo", GAMMAHUB_DL3=str(tmp_path / "absent"))
    assert done.exit_code == 1
    assert "absent" in done.stderr


@contextmanager
def serving(home: Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """A server in a process of its own: the process, its URL, and what it prints before it serves."""
    with subprocess.Popen(
        [sys.executable, "-m", "app.cli", "serve", "--port", "0"],
        env={**clean(), "GAMMAHUB_HOME": str(home), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            greeting = ""
            while "ingest FOLDER" not in greeting:
                line = server.stdout.readline()
                assert line or server.poll() is None
                greeting += line
            yield server, re.search(r"http://127\.0\.0\.1:\d+", greeting)[0], greeting
        finally:
            server.kill()


def test_serve_prints_where_it_is_and_ends_on_ctrl_c(small_home):
    with serving(small_home) as (server, url, greeting):
        assert f'pyvo.dal.TAPService("{url}/tap")' in greeting
        answer = httpx.get(f"{url}/tap/sync", params={"QUERY": COUNT, "FORMAT": "csv"}, timeout=20)
        assert answer.text.split() == ["n", str(len(RELEASES))]
        server.send_signal(signal.SIGINT)
        assert server.wait(15) == 0
        assert server.stderr is not None
        log = server.stderr.read()
    assert f"request={answer.headers['x-request-id']}" in log
    assert "GET /tap/sync status=200" in log
    assert "SELECT" not in log, "the text of a query is not for the log"
    assert "Traceback" not in log


def test_server_that_is_stopped_does_not_wait_for_a_long_query(small_home):
    endless = "SELECT COUNT(*) AS n FROM dl3.events AS a, dl3.events AS b, dl3.events AS c WHERE a.ra < b.ra"
    with serving(small_home) as (server, url, _), ThreadPoolExecutor() as pool:
        asked = pool.submit(httpx.get, f"{url}/tap/sync", params={"QUERY": endless}, timeout=PATIENCE)
        time.sleep(1)
        assert not asked.done()
        server.send_signal(signal.SIGTERM)
        answer = asked.result()
        server.wait(PATIENCE)
        assert server.stderr is not None
        assert "Traceback" not in server.stderr.read()
    # And not 408, which its own time would have ended it with.
    assert answer.status_code == 503


def test_port_in_use_is_told_plainly(small_home):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = gammahub(small_home, "serve", "--port", str(port))
    assert done.exit_code == 1
    assert f"Port {port}" in done.stderr
    assert "in use" in done.stderr
    assert "Traceback" not in done.stderr
