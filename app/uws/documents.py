"""The documents of UWS 1.1 (appendix B, the schema of version 1.1-REC-20161024).

They are built with lxml, not with the models of vo-models: those of version 0.5 want a class of its own
for each set of parameters, and have no elements inside jobInfo.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from lxml import etree

from app.uws.instant import format_instant
from app.uws.job import Job, JobLine
from app.uws.phase import Phase
from vosi.text import xml_text

UWS = "http://www.ivoa.net/xml/UWS/v1.0"
XLINK = "http://www.w3.org/1999/xlink"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
VERSION = "1.1"
_NAMESPACES = {"uws": UWS, "xlink": XLINK, "xsi": XSI}


def job_document(job: Job, url: str, *, queued_before: int = 0) -> bytes:
    """The ``uws:job`` of a job.

    Parameters
    ----------
    job
        The job.
    url
        Where it is.
    queued_before
        How many jobs have waited longer.
    """
    root = _root("job")
    root.set("version", VERSION)
    _add(root, "jobId", job.id)
    if job.run_id is not None:
        _add(root, "runId", job.run_id)
    # Whose cookie it was is nobody's name: section 2.1.8 wants an authenticated identity, or none.
    _add(root, "ownerId", None)
    _add(root, "phase", job.phase)
    # "Don't know" (section 2.1.6): how long a query takes, the engine cannot tell before.
    _add(root, "quote", None)
    _add(root, "creationTime", format_instant(job.created))
    _add(root, "startTime", _optional(job.started))
    _add(root, "endTime", _optional(job.ended))
    _add(root, "executionDuration", str(job.duration))
    _add(root, "destruction", format_instant(job.destruction))
    _add_parameters(etree.SubElement(root, _uws("parameters")), job, url)
    _add_results(etree.SubElement(root, _uws("results")), job, url)
    if job.failure is not None:
        summary = etree.SubElement(root, _uws("errorSummary"))
        summary.set("type", "transient" if job.failure.transient else "fatal")
        summary.set("hasDetail", "true" if job.failure.document else "false")
        _add(summary, "message", job.failure.message)
    _add_info(etree.SubElement(root, _uws("jobInfo")), job, queued_before)
    return _serialised(root)


def job_list_document(jobs: Iterable[JobLine], url: str) -> bytes:
    """The ``uws:jobs`` of these jobs, whose list is at ``url``."""
    root = _root("jobs")
    root.set("version", VERSION)
    for job in jobs:
        line = etree.SubElement(root, _uws("jobref"), id=job.id)
        line.set(_xlink("type"), "simple")
        line.set(_xlink("href"), f"{url}/{job.id}")
        _add(line, "phase", job.phase)
        if job.run_id is not None:
            _add(line, "runId", job.run_id)
        _add(line, "ownerId", None)
        _add(line, "creationTime", format_instant(job.created))
    return _serialised(root)


def parameters_document(job: Job, url: str) -> bytes:
    """The ``uws:parameters`` of a job at ``url``."""
    root = _root("parameters")
    _add_parameters(root, job, url)
    return _serialised(root)


def results_document(job: Job, url: str) -> bytes:
    """The ``uws:results`` of a job at ``url``."""
    root = _root("results")
    _add_results(root, job, url)
    return _serialised(root)


def _add_parameters(parent: etree._Element, job: Job, url: str) -> None:
    for name, value in job.parameters:
        etree.SubElement(parent, _uws("parameter"), id=xml_text(name)).text = xml_text(value)
    for one in job.inputs:
        # The text is where the value is (section 2.1.11).
        element = etree.SubElement(parent, _uws("parameter"), id=xml_text(one.name), byReference="true")
        element.text = f"{url}/parameters/{quote(one.name, safe='')}"


def _add_results(parent: etree._Element, job: Job, url: str) -> None:
    for result in job.results:
        element = etree.SubElement(parent, _uws("result"), id=result.id)
        element.set(_xlink("type"), "simple")
        element.set(_xlink("href"), f"{url}/results/{quote(result.id, safe='')}")
        element.set("size", str(result.size))
        element.set("mime-type", result.media_type)


def _add_info(parent: etree._Element, job: Job, queued_before: int) -> None:
    if job.phase is Phase.QUEUED:
        _add_fact(parent, "queuePosition", queued_before + 1)
    if job.attempt:
        _add_fact(parent, "attempt", job.attempt)
    if job.queued is not None and job.started is not None:
        _add_fact(parent, "secondsQueued", round((job.started - job.queued).total_seconds(), 3))
    for name, value in job.progress.items():
        _add_fact(parent, name, value)


def _add_fact(parent: etree._Element, name: str, value: Any) -> None:
    """An element for a fact; a list of facts gives an element for each, named in the singular.

    It has no namespace, as in the example of section 2.2.2.2: validators warn of one they do not know.
    """
    element = etree.SubElement(parent, name)
    if isinstance(value, list):
        for item in value:
            _add_fact(element, name.removesuffix("s"), item)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _add_fact(element, key, item)
    else:
        element.text = xml_text(str(value).lower() if isinstance(value, bool) else str(value))


def _add(parent: etree._Element, name: str, text: str | None) -> None:
    """A child with that text, or a nil one."""
    child = etree.SubElement(parent, _uws(name))
    if text is None:
        child.set(f"{{{XSI}}}nil", "true")
    else:
        child.text = xml_text(text)


def _optional(instant: datetime | None) -> str | None:
    return None if instant is None else format_instant(instant)


def _root(name: str) -> etree._Element:
    return etree.Element(_uws(name), nsmap=_NAMESPACES)


def _uws(name: str) -> str:
    return f"{{{UWS}}}{name}"


def _xlink(name: str) -> str:
    return f"{{{XLINK}}}{name}"


def _serialised(root: etree._Element) -> bytes:
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)
