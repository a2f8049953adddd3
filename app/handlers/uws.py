"""TAP 1.1, asynchronous: jobs by UWS 1.1."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from email.utils import format_datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import anyio
from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response

from app.dependencies import BaseUrlDependency, ParametersDependency, ServiceDependency, body_of
from app.errors import JobNotFound, UsageError
from app.factory import Service
from app.services.bundle_jobs import BUNDLE
from app.services.jobs import TAP, plan_of, with_tables_as_files
from app.services.parameters import Parameters, SentFile
from app.services.plan import plan_facts, plan_text
from app.uws import (
    CONTROLS,
    Client,
    Job,
    Phase,
    Result,
    Values,
    format_instant,
    job_document,
    job_list_document,
    parameters_document,
    read_phase,
    results_document,
)

router = APIRouter(prefix="/tap/async")
bundles = APIRouter()

COOKIE = "gammahub_jobs"
"""Holds the secret by which a client is known as the owner of its jobs."""
_SECRET = re.compile(r"[A-Za-z0-9_-]{32}")
_READ = ["GET", "HEAD"]
# Names of jobs are secrets: no cache that others share may keep them.
_PRIVATE = {"cache-control": "private, no-store"}
_XML = "application/xml"
_VOTABLE = "application/x-votable+xml"
_BYTES = "application/octet-stream"
_WRITABLE = {"phase": "PHASE", "destruction": "DESTRUCTION", "executionduration": "EXECUTIONDURATION"}
"""Resource of a job -> the parameter that changes it (UWS 1.1 section 2.2.3)."""

_T = TypeVar("_T")


@router.api_route("", methods=_READ)
async def job_list(
    request: Request,
    parameters: ParametersDependency,
    service: ServiceDependency,
    base_url: BaseUrlDependency,
) -> Response:
    """List the jobs of the client, whom its cookie tells; PHASE, AFTER and LAST choose (section 2.2.2.1)."""
    lines = await _asked(
        service,
        lambda: service.jobs.recent(
            _client(request),
            phases=parameters.all("PHASE"),
            after=parameters.one("AFTER"),
            last=parameters.one("LAST"),
        ),
    )
    return _xml(job_list_document(lines, _list_url(base_url)))


@router.post("")
async def create(
    request: Request,
    parameters: ParametersDependency,
    service: ServiceDependency,
    base_url: BaseUrlDependency,
) -> Response:
    """Make a job of the parameters; PHASE=RUN starts it (section 2.2.3.1)."""
    return await _create(TAP, request, parameters, service, base_url)


@bundles.post("/bundle/async")
async def create_bundle(
    request: Request,
    parameters: ParametersDependency,
    service: ServiceDependency,
    base_url: BaseUrlDependency,
) -> Response:
    """Make a job whose result is a bundle; it is seen and changed where those of TAP are."""
    return await _create(BUNDLE, request, parameters, service, base_url)


async def _create(
    kind: str, request: Request, parameters: Parameters, service: Service, base_url: str
) -> Response:
    known = _secret(request)
    secret = known or secrets.token_urlsafe(24)
    controls, values, files = _split(parameters)
    given = tuple(pair for pair in values if pair[1].strip())
    client = Client(_key(secret), _share(request))
    job = await _stored(
        service,
        lambda: service.jobs.create(kind, given, controls, client, base_url=base_url, files=files),
        files,
    )
    response = _see_other(f"{_list_url(base_url)}/{job.id}")
    if known is None:
        response.set_cookie(
            COOKIE,
            secret,
            max_age=service.jobs.terms.hard_retention,
            path=urlsplit(_list_url(base_url)).path,
            secure=base_url.startswith("https:"),
            httponly=True,
            samesite="lax",
        )
    return response


@router.api_route("/{job_id}", methods=_READ)
async def get_job(
    job_id: str,
    request: Request,
    parameters: ParametersDependency,
    service: ServiceDependency,
    base_url: BaseUrlDependency,
) -> Response:
    """Tell of a job; with WAIT when its phase changes, at the latest after that time (section 2.2.1.1)."""
    job = await _after_waiting(service, job_id, request, parameters)
    before = 0
    if job.phase is Phase.QUEUED:
        before = await _asked(service, lambda: service.jobs.queued_before(job))
    return _xml(job_document(job, _job_url(base_url, job), queued_before=before))


@router.post("/{job_id}")
async def act(
    job_id: str, parameters: ParametersDependency, service: ServiceDependency, base_url: BaseUrlDependency
) -> Response:
    """Do with a job what ACTION, PHASE and the like say, or give it parameters."""
    controls, values, files = _split(parameters)
    stays = await _stored(service, lambda: service.jobs.act(job_id, controls, values, files), files)
    return _see_other(f"{_list_url(base_url)}/{job_id}" if stays else _list_url(base_url))


@router.delete("/{job_id}")
async def remove(job_id: str, service: ServiceDependency, base_url: BaseUrlDependency) -> Response:
    """Remove a job and all that it made (section 2.2.3.2)."""
    await _asked(service, lambda: service.jobs.delete(job_id))
    return _see_other(_list_url(base_url))


@router.api_route("/{job_id}/plan", methods=_READ)
async def plan(job_id: str, request: Request, service: ServiceDependency) -> Response:
    """What the job's query does: SQL, columns, and what is to be read; as JSON, or as text by Accept."""
    job = await _asked(service, lambda: service.jobs.get(job_id))
    found = await to_thread.run_sync(
        plan_of, service.queries, service.jobs.files, job, limiter=service.threads
    )
    accept = request.headers.get("accept", "")
    if "text/plain" in accept and "json" not in accept:
        return PlainTextResponse(plan_text(found), headers=_PRIVATE)
    return JSONResponse(plan_facts(found), headers=_PRIVATE)


@router.api_route("/{job_id}/{resource}", methods=_READ)
async def get_resource(
    job_id: str,
    resource: str,
    request: Request,
    parameters: ParametersDependency,
    service: ServiceDependency,
    base_url: BaseUrlDependency,
) -> Response:
    """Tell one thing of a job (section 2.2.1)."""
    tell = _RESOURCES.get(resource.lower())
    if tell is None:
        raise HTTPException(404)
    job = await _after_waiting(service, job_id, request, parameters)
    return tell(job, _job_url(base_url, job))


@router.post("/{job_id}/{resource}")
async def set_resource(
    job_id: str,
    resource: str,
    parameters: ParametersDependency,
    service: ServiceDependency,
    base_url: BaseUrlDependency,
) -> Response:
    """Change one thing of a job (section 2.2.3)."""
    name = resource.lower()
    if name not in _WRITABLE and name != "parameters":
        if name in _RESOURCES or name == "plan":
            sentence = f"{resource[:40]} of a job can be read, not set."
            return PlainTextResponse(f"{sentence}\n", 405, headers={"allow": ", ".join(_READ), **_PRIVATE})
        raise HTTPException(404)
    controls, values, files = _split(parameters)
    if name == "parameters":
        await _stored(service, lambda: service.jobs.set_parameters(job_id, values, files), files)
    elif _WRITABLE[name] not in controls:
        raise UsageError(f"{_WRITABLE[name]} is missing.")
    else:
        wanted = {_WRITABLE[name]: controls[_WRITABLE[name]]}
        await _asked(service, lambda: service.jobs.act(job_id, wanted))
    return _see_other(f"{_list_url(base_url)}/{job_id}")


@router.api_route("/{job_id}/parameters/{name:path}", methods=_READ)
async def get_parameter(job_id: str, name: str, service: ServiceDependency) -> Response:
    """One parameter of a job; several values a line each, a table as the file that it came in."""
    job = await _asked(service, lambda: service.jobs.get(job_id))
    values, file = job.values(name), job.input(name)
    if values:
        return _text("\n".join(values))
    path = None if file is None else service.jobs.files.input(job.id, file)
    if path is None or not path.is_file():
        raise JobNotFound(f'The job has no parameter "{name[:40]}".')
    # Whatever a client has sent, no browser is to take it for a page of ours.
    headers = {**_PRIVATE, "content-disposition": "attachment", "x-content-type-options": "nosniff"}
    return FileResponse(path, media_type=_BYTES, headers=headers)


@router.put("/{job_id}/parameters/{name:path}")
async def put_parameter(
    job_id: str, name: str, request: Request, service: ServiceDependency, base_url: BaseUrlDependency
) -> Response:
    """Give a pending job a parameter, whose value is the body of the request (section 2.1.11)."""
    config = service.config
    value = await _body(request, limit=config.request_bytes, seconds=config.request_timeout)
    # PUT replaces, also what accumulates: nothing of it is left, then this is added.
    values = ((name.upper(), ""), (name.upper(), value))
    await _asked(service, lambda: service.jobs.set_parameters(job_id, values))
    return _see_other(f"{_list_url(base_url)}/{job_id}")


@router.api_route("/{job_id}/results/{name}", methods=_READ)
async def get_result(job_id: str, name: str, request: Request, service: ServiceDependency) -> Response:
    """A result: whole, or the parts that Range asks for, or nothing new by If-None-Match."""
    job, result, path = await _asked(service, lambda: _file(service, job_id, name))
    headers = _result_headers(job, result)
    if _matches(request.headers.get("if-none-match", ""), headers["etag"]):
        return Response(status_code=304, headers=headers)
    headers["content-type"] = result.media_type
    return FileResponse(path, headers=headers, filename=result.download_name, stat_result=path.stat())


def _file(service: Service, job_id: str, name: str) -> tuple[Job, Result, Path]:
    job = service.jobs.get(job_id)
    return (job, *service.jobs.file(job, name))


def _result_headers(job: Job, result: Result) -> dict[str, str]:
    # A result never changes; it goes with its job (Sunset: RFC 8594).
    return {
        **{name.lower(): value for name, value in result.headers},
        "etag": f'"{result.digest}"',
        "cache-control": "private, max-age=3600",
        "sunset": format_datetime(job.destruction, usegmt=True),
    }


def _matches(if_none_match: str, etag: str) -> bool:
    """RFC 9110 section 13.1.2."""
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag in tags


async def _asked(service: Service, call: Callable[[], _T]) -> _T:
    """What the jobs answer, in one of the threads for that: a query never keeps a request waiting."""
    return await to_thread.run_sync(call, limiter=service.jobs.threads)


async def _stored(service: Service, call: Callable[[], _T], files: Sequence[SentFile]) -> _T:
    """The same, in one of the threads of queries if there are files to be stored, which may take seconds."""
    return await to_thread.run_sync(call, limiter=service.threads if files else service.jobs.threads)


async def _after_waiting(service: Service, job_id: str, request: Request, parameters: Parameters) -> Job:
    jobs = service.jobs
    seconds = jobs.patience(parameters.one("WAIT"))
    guard = parameters.one("PHASE")
    phase = None if guard is None else read_phase(guard)
    job = await _asked(service, lambda: jobs.get(job_id))
    if seconds == 0 or not job.phase.is_active or phase not in (None, job.phase):
        return job
    async with anyio.create_task_group() as group:
        group.start_soon(_leave_when_gone, request, group.cancel_scope)
        await jobs.wait(job, seconds=seconds)
        group.cancel_scope.cancel()
    return await _asked(service, lambda: jobs.get(job_id))


async def _leave_when_gone(request: Request, scope: anyio.CancelScope) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _body(request: Request, *, limit: int, seconds: float) -> str:
    chunks = [chunk async for chunk in body_of(request, limit=limit, seconds=seconds)]
    try:
        return b"".join(chunks).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError("The value is not valid UTF-8; send it so.") from error


def _split(sent: Parameters) -> tuple[Mapping[str, str], Values, tuple[SentFile, ...]]:
    """What is for UWS, and what is for the job: values that are texts, and files."""
    parameters = with_tables_as_files(sent)
    controls = {name: value for name in CONTROLS if (value := parameters.one(name)) is not None}
    values = tuple(
        (name, value) for name, all_ in parameters.values.items() if name not in CONTROLS for value in all_
    )
    return controls, values, parameters.files


def _secret(request: Request) -> str | None:
    """The client's secret; one that we have not made is none."""
    sent = request.cookies.get(COOKIE, "")
    return sent if _SECRET.fullmatch(sent) else None


def _key(secret: str) -> str:
    """The key of an owner: who reads the database learns no secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _client(request: Request) -> Client:
    secret = _secret(request)
    return Client(None if secret is None else _key(secret), _share(request))


def _share(request: Request) -> str:
    """The network that counts as one client: an address of IPv4, or the 64 bits that one site has of IPv6."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:60]
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host


def _list_url(base_url: str) -> str:
    return f"{base_url}/tap/async"


def _job_url(base_url: str, job: Job) -> str:
    return f"{_list_url(base_url)}/{job.id}"


def _see_other(url: str) -> Response:
    return PlainTextResponse(f"See {url}\n", 303, headers={"location": url, **_PRIVATE})


def _xml(content: bytes) -> Response:
    return Response(content, media_type=_XML, headers=_PRIVATE)


def _text(content: str) -> Response:
    return PlainTextResponse(content, headers=_PRIVATE)


def _error(job: Job, _: str) -> Response:
    if job.failure is None:
        raise JobNotFound(f"The job has no error; its phase is {job.phase}.")
    return Response(job.failure.document, media_type=_VOTABLE, headers=_PRIVATE)


_RESOURCES: Mapping[str, Callable[[Job, str], Response]] = {
    "phase": lambda job, _: _text(job.phase),
    "executionduration": lambda job, _: _text(str(job.duration)),
    "destruction": lambda job, _: _text(format_instant(job.destruction)),
    # Empty: not known (section 2.1.6), and nobody (section 2.1.8).
    "quote": lambda job, _: _text(""),
    "owner": lambda job, _: _text(""),
    "runid": lambda job, _: _text(job.run_id or ""),
    "error": _error,
    "parameters": lambda job, url: _xml(parameters_document(job, url)),
    "results": lambda job, url: _xml(results_document(job, url)),
}
"""Name of a resource of a job -> what it tells (section 2.2.1)."""
