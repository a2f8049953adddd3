"""Tables are loaded within the memory there is, several at once, and nothing is left of them."""

from __future__ import annotations

import gzip
import io
import threading
from pathlib import Path
from typing import Any

import pytest
from astropy.table import Table

from app.config import Config
from app.errors import QueryCancelled, QueryQueueFull, UploadError, UsageError
from app.uploads import Part, UploadLoader, UploadSource
from app.uploads.budget import MemoryBudget

NUMBERS = Table({"n": list(range(1000))})


def document(form: str = "votable", **options: Any) -> bytes:
    out = io.BytesIO()
    NUMBERS.write(out, format=form, **options)
    return out.getvalue()


def loader(**settings: Any) -> UploadLoader:
    return UploadLoader(Config(home=Path("/nowhere"), **settings))


def source(content: bytes, name: str = "t", media_type: str = "", file_name: str = "") -> UploadSource:
    return UploadSource(name, part=Part(io.BytesIO(content), media_type, file_name))


def never() -> bool:
    return False


@pytest.mark.parametrize("form", ["votable", "fits"])
@pytest.mark.parametrize(
    ("media_type", "file_name"),
    [
        ("", ""),
        ("text/csv", "x.csv"),
        ("application/fits", "x.parquet"),
        ("text/html; charset=utf-8", "../../../etc/passwd"),
        ("not a type at all", "\x00"),
    ],
)
def test_a_format_is_known_by_the_content_whatever_is_said_of_it(form: str, media_type: str, file_name: str):
    for content in (document(form), gzip.compress(document(form))):
        with loader().load([source(content, "t", media_type, file_name)], stopped=never) as loaded:
            assert loaded.tables[0].rows.column("n").to_pylist() == list(range(1000))


def test_several_tables_are_loaded_in_their_order():
    sources = [source(document(), name) for name in ("b", "a", "c")]
    with loader().load(sources, stopped=never) as loaded:
        assert [upload.table.name for upload in loaded.tables] == ["b", "a", "c"]
        assert loaded.tables[0].table.qualified == "TAP_UPLOAD.b"
        assert loaded.tables[0].table.nrows == 1000


def test_a_file_may_be_read_again():
    one = source(b"before" + document())
    assert one.part is not None
    one.part.content.seek(6)
    with loader().load([one], stopped=never), loader().load([one], stopped=never) as loaded:
        assert loaded.tables[0].rows.num_rows == 1000


def test_what_is_held_is_counted_and_given_back():
    uploads = loader()
    with uploads.load([source(document())], stopped=never) as loaded:
        assert uploads.budget.used == loaded.tables[0].rows.nbytes
        with uploads.load([source(document())], stopped=never):
            assert uploads.budget.used == 2 * loaded.tables[0].rows.nbytes
    assert uploads.budget.used == 0
    for wrong in (b"", b"<VOTABLE"):
        with (
            pytest.raises(UploadError),
            uploads.load([source(document()), source(wrong, "u")], stopped=never),
        ):
            pass
        assert uploads.budget.used == 0


def test_there_is_no_room_for_more_than_the_budget():
    content = document()
    uploads = loader(upload_memory=2 * len(content) + 7_000)
    with uploads.load([source(content)], stopped=never):
        with pytest.raises(QueryQueueFull) as caught, uploads.load([source(content)], stopped=never):
            pass
        assert caught.value.retry_after > 0
    with uploads.load([source(content)], stopped=never) as loaded:
        assert loaded.tables[0].rows.num_rows == 1000


def test_a_table_larger_than_the_budget_has_all_of_it_to_itself():
    uploads = loader(upload_memory=2000)
    with uploads.load([source(document())], stopped=never):
        assert uploads.budget.used == 2000
        with pytest.raises(QueryQueueFull), uploads.load([source(document())], stopped=never):
            pass
    assert uploads.budget.used == 0


def test_accounts_of_many_threads_add_up():
    budget = MemoryBudget(10_000)
    refused = []

    def work() -> None:
        for size in (10, 500, 3000, 0, 700):
            try:
                with budget.account() as account:
                    account.set(size)
                    assert 0 <= budget.used <= budget.total
            except QueryQueueFull:
                refused.append(size)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert budget.used == 0


@pytest.mark.parametrize("form", ["votable", "fits"])
def test_loading_ends_when_nobody_waits(form: str):
    with pytest.raises(QueryCancelled), loader().load([source(document(form))], stopped=lambda: True):
        pass


def test_a_result_of_a_job_is_taken_from_where_it_is(tmp_path: Path):
    path = tmp_path / "result"
    path.write_bytes(document())
    uploads = loader()
    asked = []

    def results(job: str, name: str) -> Part:
        asked.append((job, name))
        return Part(path.open("rb"))

    uploads.results = results
    named = UploadSource("t", url="http://127.0.0.1:1/tap/async/ab/results/result", result=("ab", "result"))
    with uploads.load([named], stopped=never) as loaded:
        assert loaded.tables[0].rows.num_rows == 1000
    with uploads.gathered([named], stopped=never) as sources:
        (gathered,) = sources
        assert gathered.part is not None
        with uploads.load(sources, stopped=never), uploads.load(sources, stopped=never):
            pass
    assert gathered.part.content.closed
    assert asked == [("ab", "result")] * 2

    def none(job: str, name: str) -> Part:
        raise UsageError("There is no such result.")

    uploads.results = none
    with (
        pytest.raises(UploadError, match='Table "t": There is no such'),
        uploads.load([named], stopped=never),
    ):
        pass
