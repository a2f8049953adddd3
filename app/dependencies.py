"""What handlers are given: the service, and the parameters of a request as DALI reads them.

DALI 1.1 section 3: names of parameters in any case, values from the query string, from an urlencoded
or a multipart form, repeats kept, files beside them.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, BinaryIO, cast
from urllib.parse import parse_qsl

import anyio
from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from app.config import Config
from app.errors import RequestTimeout, RequestTooLarge, UnreadableCoding, UsageError
from app.factory import Service
from app.multipart import charset_of, read_multipart
from app.services.parameters import Parameters, SentFile

_MOST_PARAMETERS = 1000
_MOST_DATASETS = 10_000
"""Parameters of a request that has one for each dataset."""
_OF_DATASETS = ("/datalink/links", "/bundle", "/bundle/async")
"""Ends of the paths of such requests."""
_IN_MEMORY = 2**20
"""Bytes of a body that are held in memory; longer ones go to a temporary file."""
_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"


async def get_service(request: Request) -> Service:
    """The service this application is the face of."""
    return _service(request)


def _service(request: Request) -> Service:
    return cast(Service, request.app.state.service)


async def read_parameters(request: Request) -> AsyncIterator[Parameters]:
    """The parameters of a request, from its query string and its body; its files until it is answered.

    Raises
    ------
    UsageError
        Raised if the body is in no form of DALI, or a value is not UTF-8.
    RequestTooLarge
        Raised if the body or the number of parameters is beyond the limit.
    """
    service = _service(request)
    pairs = _pairs(request.scope["query_string"])
    files: list[SentFile] = []
    if request.method == "POST":
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as body:
            await _spool(request, body, service.config)
            fields, files = await run_in_threadpool(
                _form, cast(BinaryIO, body), request.headers, most=service.config.request_bytes
            )
        pairs += fields
    try:
        many = request.scope["path"].endswith(_OF_DATASETS)
        if len(pairs) + len(files) > (_MOST_DATASETS if many else _MOST_PARAMETERS):
            raise _too_many()
        values: dict[str, list[str]] = {}
        for name, value in pairs:
            values.setdefault(name.strip().upper(), []).append(value)
        yield Parameters({name: tuple(found) for name, found in values.items()}, tuple(files))
    finally:
        for sent in files:
            sent.content.close()


async def _spool(request: Request, body: tempfile.SpooledTemporaryFile[bytes], config: Config) -> None:
    limit = int(config.request_bytes)
    if _kind(request.headers) == _MULTIPART:
        limit += int(config.upload_bytes)
    size = 0
    async for chunk in body_of(request, limit=limit, seconds=config.request_timeout):
        size += len(chunk)
        if size > _IN_MEMORY:
            await run_in_threadpool(body.write, chunk)
        else:
            body.write(chunk)
    body.seek(0)


async def body_of(request: Request, *, limit: int, seconds: float) -> AsyncIterator[bytes]:
    """The body of a request in chunks.

    Parameters
    ----------
    request
        The request.
    limit
        Most bytes.
    seconds
        Time in which all of it must have come [s].

    Raises
    ------
    RequestTooLarge, RequestTimeout
        Raised if it is beyond one of them.
    UnreadableCoding
        Raised if it is compressed.
    """
    coding = request.headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity"):
        raise UnreadableCoding(
            f'The body of the request is encoded as "{coding[:40]}"; send it without Content-Encoding.',
            hint="A single table may be sent compressed: as a file of a multipart form.",
        )
    size = 0
    until = anyio.current_time() + seconds
    chunks = request.stream()
    while True:
        try:
            with anyio.fail_after(until - anyio.current_time()):
                chunk = await anext(chunks, None)
        except TimeoutError as error:
            raise RequestTimeout(
                f"The body of the request has not come within {seconds:g} s: {size:,} bytes of it have.",
                hint="Send less, or from nearer by; a large table may be named by its URL.",
            ) from error
        if chunk is None:
            return
        size += len(chunk)
        if size > limit:
            raise RequestTooLarge(f"The body of the request is larger than the {limit:,} bytes allowed.")
        yield chunk


def _kind(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _form(
    body: BinaryIO, headers: Mapping[str, str], *, most: int
) -> tuple[list[tuple[str, str]], list[SentFile]]:
    """Fields and files of a form; of a multipart form the fields have ``most`` bytes together."""
    content_type = headers.get("content-type", "")
    kind = _kind(headers)
    if kind == _MULTIPART:
        return read_multipart(body, content_type, most_parts=_MOST_PARAMETERS, most_bytes=most)
    content = body.read()
    if kind == _FORM or not content.strip():
        return _pairs(content, charset_of(content_type)), []
    raise UsageError(
        f'The body of the request is of type "{content_type[:80] or "(none)"}"; '
        f"it is to be {_FORM} or {_MULTIPART}."
    )


def _pairs(encoded: bytes, charset: str = "utf-8") -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            encoded.decode(charset),
            keep_blank_values=True,
            encoding=charset,
            errors="strict",
            max_num_fields=_MOST_DATASETS,
        )
    except UnicodeDecodeError as error:
        raise UsageError(
            f"A parameter is not valid {charset.upper()}, percent-encoded; send it so."
        ) from error
    except ValueError as error:
        raise _too_many() from error


def _too_many() -> RequestTooLarge:
    return RequestTooLarge(f"The request has more than the {_MOST_PARAMETERS} parameters allowed.")


async def get_base_url(request: Request) -> str:
    """URL of the root of this service as the client sees it, without a slash at its end."""
    configured = _service(request).config.base_url
    return configured or str(request.base_url).rstrip("/")


ServiceDependency = Annotated[Service, Depends(get_service)]
ParametersDependency = Annotated[Parameters, Depends(read_parameters)]
BaseUrlDependency = Annotated[str, Depends(get_base_url)]
