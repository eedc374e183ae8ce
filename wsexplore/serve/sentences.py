"""Every error of the API: a status and one sentence."""

import math
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from wsexplore.serve.answer import GONE
from wsexplore.serve.refusals import BrokenFlow, Cancelled, Closing, Refused, SamplerFailed, UnknownFlow
from wsexplore.serve.words import Problem

STATUS: dict[type[Exception], int] = {
    UnknownFlow: 404,
    BrokenFlow: 500,
    SamplerFailed: 500,
    Closing: 503,
    Refused: 429,
    Cancelled: 410,
    ValueError: 422,
}
"""Status of each refusal."""


def add_sentences(app: FastAPI) -> None:
    """Every error as one sentence."""

    async def refused(_: Request, error: Exception) -> Response:
        status = next(number for kind, number in STATUS.items() if isinstance(error, kind))
        headers = {"retry-after": str(math.ceil(error.retry_after))} if isinstance(error, Refused) else None
        return JSONResponse({"detail": str(error)}, status, headers)

    async def told(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        said = {
            "Not Found": f"there is nothing at {request.url.path[:80]}; see /v1/openapi.json",
            "Method Not Allowed": f"{request.url.path[:80]} does not take {request.method[:20]}; see /v1/openapi.json",
            _UNREAD: "the body is not JSON that can be read",
        }.get(error.detail, error.detail)
        status = 422 if error.detail == _UNREAD else error.status_code
        return JSONResponse({"detail": said}, status, error.headers)

    async def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return JSONResponse({"detail": _sentence(error)}, 422)

    async def gone(_: Request, error: Exception) -> Response:
        return Response(status_code=GONE)

    async def broken(_: Request, error: Exception) -> Response:
        return JSONResponse({"detail": "the server made a mistake; its log says which"}, 500)

    for kind in STATUS:
        app.add_exception_handler(kind, refused)
    app.add_exception_handler(HTTPException, told)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(ClientDisconnect, gone)
    app.add_exception_handler(Exception, broken)


def _sentence(error: RequestValidationError) -> str:
    """The first thing that is wrong with a request."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return f"the body is not JSON: {first.get('ctx', {}).get('error', 'it does not parse')}"
    place = ".".join(str(part) for part in first["loc"][1:]) or "the body"
    text = repr(first.get("input"))
    given = "" if first["type"] == "missing" else f", got {text if len(text) <= 60 else text[:57] + '...'}"
    return f"{place}: {first['msg'][:1].lower()}{first['msg'][1:]}{given}"


_UNREAD = "There was an error parsing the body"
"""What FastAPI says of JSON that is too deep, or of numbers that are too long."""

_WHY = {
    401: "The token is missing or wrong.",
    404: "There is no such flow or job.",
    408: "The body did not come in time.",
    409: "The job is not finished.",
    413: "The body is too large.",
    422: "A field is out of range.",
    429: "The queue is full; `Retry-After` says how many seconds to wait.",
    500: "The sampling broke, or the flow cannot be read.",
    503: "The server is shutting down.",
    504: "The networks took too long.",
}


def may(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Statuses that a route may answer with, as OpenAPI documents them."""
    return {status: {"model": Problem, "description": _WHY[status]} for status in statuses}
