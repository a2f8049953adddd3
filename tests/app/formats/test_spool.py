"""Results that are counted before they are sent take no more of the disk than they may."""

from __future__ import annotations

import errno
import io
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyarrow as pa
import pytest
from astropy.table import Table

from app.config import Config
from app.errors import QueryQueueFull, QueryTooLarge
from app.formats import Fits, Provenance, Spool
from app.results import ResultStream, arrow_schema
from tests.app.formats.gallery import column
from tests.app.handlers.test_tap import fault
from tests.app.uws.client import create, message, phase, wait
from tests.support.eventually import PATIENCE
from tests.support.server import serve

COLUMNS = (column("n", "long"),)
LONG = "SELECT a.ra, a.dec, b.energy FROM dl3.events AS a, dl3.events AS b"


def result(rows: int) -> ResultStream:
    schema = arrow_schema(COLUMNS)

    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(0, rows, 1000):
            numbers = pa.array(range(start, min(rows, start + 1000)))
            yield pa.RecordBatch.from_arrays([numbers], schema=schema)

    return ResultStream(COLUMNS, batches())


def written(spool: Spool, rows: int) -> bytes:
    return b"".join(Fits(spool=spool).write(result(rows), Provenance()))


def test_a_result_within_the_bound_comes_back_and_its_space_is_free_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", most=200_000)
    for _ in range(3):
        table = Table.read(io.BytesIO(written(spool, 20_000)), hdu=1)
        assert table["n"].tolist() == list(range(20_000))
    assert list((tmp_path / "spool").iterdir()) == []


def test_one_that_is_too_large_by_itself_is_refused_with_its_size(tmp_path: Path) -> None:
    spool = Spool(tmp_path, most=200_000)
    with pytest.raises(QueryTooLarge, match="200000 bytes of disk"):
        written(spool, 1_000_000)
    assert len(written(spool, 20_000)) > 160_000


def test_one_that_finds_no_room_beside_others_may_come_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path, most=200_000)
    first = Fits(spool=spool).write(result(20_000), Provenance())
    next(first)
    with pytest.raises(QueryQueueFull, match="no room") as caught:
        written(spool, 20_000)
    assert caught.value.retry_after > 0
    first.close()
    assert len(written(spool, 20_000)) > 160_000


def test_all_together_keep_the_bound_however_many_there_are(tmp_path: Path) -> None:
    spool, begin = Spool(tmp_path, most=500_000), threading.Barrier(8)
    ended: list[str] = []

    def write() -> None:
        begin.wait()
        try:
            written(spool, 20_000)
        except QueryQueueFull:
            ended.append("full")
        else:
            ended.append("written")

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ended) == 8
    assert "written" in ended
    # Nothing of those who were refused is counted any more.
    assert len(written(spool, 50_000)) > 400_000


def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    with (
        Spool(tmp_path).file() as file,
        pytest.raises(QueryQueueFull, match="no room"),
        file.writing(),
    ):
        raise OSError(errno.ENOSPC, "No space left on device", "/secret/path")


def test_the_service_keeps_the_bound(small_home: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "lake").symlink_to(small_home / "lake", target_is_directory=True)
    asked = {"QUERY": LONG, "FORMAT": "fits", "MAXREC": "1000000"}
    with (
        serve(Config(home=home, spool_limit=2**20)) as server,
        httpx.Client(base_url=server.url, timeout=PATIENCE) as http,
    ):
        answer = http.post("/tap/sync", data=asked)
        assert "1048576 bytes of disk" in fault(answer)
        few = http.post("/tap/sync", data={**asked, "MAXREC": "1000"})
        assert len(Table.read(io.BytesIO(few.content), hdu=1)) == 1000
        # Other formats are not spooled.
        assert http.post("/tap/sync", data={**asked, "FORMAT": "csv"}).text.count("\n") == 1_000_001
        job = wait(http, create(http, LONG, FORMAT="fits", MAXREC="1000000", PHASE="RUN"))
        assert phase(job) == "ERROR"
        assert "1048576 bytes of disk" in message(job)
