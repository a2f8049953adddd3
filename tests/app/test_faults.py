from __future__ import annotations

import io
import json

import pytest
from astropy.io.votable import parse as parse_votable

from adql import BindError, LimitError, ParseError, Position, UnsupportedError
from app import errors
from app.faults import document, explain

QUERY = "SELECT x\nFROM dl3.events"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ParseError("no ADQL", Position(1, 1), QUERY), 400),
        (BindError("no such column", Position(1, 8), QUERY), 400),
        (UnsupportedError("not on this engine"), 400),
        (LimitError("too long"), 413),
        (errors.UsageError("wrong"), 400),
        (errors.RequestTooLarge("too large"), 413),
        (errors.QueryDataError("division by zero"), 400),
        (errors.ValueRangeError("too great"), 400),
        (errors.QueryTimeout("too long"), 408),
        (errors.QueryTooLarge("too much"), 400),
        (errors.QueryCancelled("stopped"), 503),
        (errors.QueryFailed("broken"), 500),
        (errors.QueryQueueFull("busy", retry_after=7), 503),
        (errors.TooManyJobs("busy", retry_after=7), 429),
        (errors.JobNotFound("no such job"), 404),
        (errors.JobConflict("it has ended"), 409),
        (errors.JobsUnavailable("away"), 503),
        (errors.EngineUnavailable("away"), 503),
        (RuntimeError("/secret/path"), 500),
        (KeyError("secret"), 500),
    ],
)
def test_each_kind_has_its_status_and_a_document_that_astropy_reads(error, status):
    fault = explain(error, "abc123")
    content, media_type = document(fault)
    assert fault.status == status
    assert media_type == "application/x-votable+xml"
    (info,) = [
        info for info in parse_votable(io.BytesIO(content)).resources[0].infos if info.name == "QUERY_STATUS"
    ]
    assert info.value == "ERROR"
    assert info.content.strip()
    assert "secret" not in content.decode()


def descendants(kind: type[Exception]) -> list[type[Exception]]:
    return [kind, *(deeper for child in kind.__subclasses__() for deeper in descendants(child))]


def test_no_kind_of_service_error_is_forgotten():
    assert {
        kind.__name__ for kind in descendants(errors.ServiceError) if kind.__module__ == "app.errors"
    } == {word.strip("|+- ").split()[0] for word in (errors.__doc__ or "").splitlines() if "   " in word} - {
        "::"
    }


def test_place_and_excerpt_of_a_query_fault():
    fault = explain(BindError('Unknown column "x".', Position(1, 8), QUERY), "-")
    assert (fault.line, fault.column) == (1, 8)
    assert fault.text.splitlines() == ['Unknown column "x".', "At line 1, column 8:", "SELECT x", "       ^"]


def test_inner_fault_names_the_request_for_the_operator():
    assert "abc123" in explain(RuntimeError("x"), "abc123").text


def test_busy_service_says_when_to_come_back():
    assert explain(errors.QueryQueueFull("busy", retry_after=7), "-").retry_after == 7
    assert explain(errors.EngineUnavailable("away"), "-").retry_after


def test_hint_is_told_with_the_message():
    assert (
        explain(errors.QueryTimeout("Too long.", hint="Ask for less."), "-").text
        == "Too long.\nAsk for less."
    )


def test_problem_details_for_who_accepts_them():
    fault = explain(BindError("no", Position(2, 6), QUERY), "-")
    content, media_type = document(fault, accept="application/problem+json, */*;q=0.1")
    assert media_type == "application/problem+json"
    told = json.loads(content)
    assert (told["status"], told["line"], told["column"]) == (400, 2, 6)
