"""Jobs as a plain client of HTTP makes and sees them."""

from __future__ import annotations

import time

import httpx
from lxml import etree

from tests.support.eventually import PATIENCE

UWS = "{http://www.ivoa.net/xml/UWS/v1.0}"
LIST = "/tap/async"
QUICK = "SELECT COUNT(*) AS n FROM dl3.events"
ENDLESS = (
    "SELECT COUNT(*) AS n FROM dl3.events AS a, dl3.events AS b, dl3.events AS c "
    "WHERE a.energy + b.energy + c.energy < 1"
)
"""20,000 events to the third power: hours."""


def create(http: httpx.Client, query: str = QUICK, **parameters: str) -> str:
    """Make a job; give its URL."""
    answer = http.post(LIST, data={"QUERY": query, "LANG": "ADQL", **parameters})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def wait(http: httpx.Client, url: str, *phases: str) -> etree._Element:
    """Give the job document when the job is in one of these phases."""
    until = time.monotonic() + PATIENCE
    while True:
        job = read(http, url)
        if phase(job) in (phases or ("COMPLETED", "ERROR", "ABORTED")):
            return job
        assert time.monotonic() < until, etree.tostring(job)
        time.sleep(0.02)


def read(http: httpx.Client, url: str, **parameters: object) -> etree._Element:
    """The job document."""
    answer = http.get(url, params=parameters)
    assert answer.status_code == 200, answer.text
    return etree.fromstring(answer.content)


def phase(job: etree._Element) -> str:
    """The phase that a job document tells."""
    return job.findtext(f"{UWS}phase")


def message(job: etree._Element) -> str:
    """The error message of a job document."""
    return job.findtext(f"{UWS}errorSummary/{UWS}message") or ""


def fact(job: etree._Element, name: str) -> str | None:
    """A fact in its jobInfo."""
    return job.findtext(f"{UWS}jobInfo/{name}")
